/* Connections that are bound to another worker's link. */
#include "peers.h"

enum { TRIES = 200 };

/* The kernel chooses the worker. */
static int greeted_elsewhere(const struct peers *p)
{
    char worker;
    for (int i = 0; i < TRIES; i++) {
        int fd = greet(p, &worker);
        if (worker != p->worker)
            return fd;
        close(fd);
    }
    fail_msg("one worker gets everything");
    return -1;
}

static SSL *tls_elsewhere(const struct peers *p)
{
    uint8_t got[2];
    for (int i = 0; i < TRIES; i++) {
        SSL *ssl = tls_over(&p->s, tcp_to(&p->s.f.server));
        tls_say(ssl, "A!", 2);
        assert_int_equal(SSL_read(ssl, got, sizeof got), 2);
        if ((char)*got != p->worker)
            return ssl;
        tls_end(ssl);
    }
    fail_msg("one worker gets everything");
    return NULL;
}

static void two_workers(struct peers *p)
{
    peers_begin(p);
    p->s.f.conf.workers = 2;
}

static size_t bind_message(uint8_t *ret, char worker, char name, const char *behind)
{
    size_t n = stun_message(ret, (char[]){'B', worker, name}, 3);
    memcpy(ret + n, behind, strlen(behind));
    return n + strlen(behind);
}

static void t_plain(void **state)
{
    uint8_t bytes[64];
    struct peers p;

    (void)state;
    two_workers(&p);
    peers_start(&p);
    for (int i = 0; i < 20; i++) {
        int out = connect_out(&p, "0");
        put_text(out, "early");
        int a = greeted_elsewhere(&p);
        size_t n = bind_message(bytes, p.worker, '0', "behind");
        size_t first = i % 2 ? n : (size_t)i + 1;
        put(a, bytes, first);
        if (first < n)
            put(a, bytes + first, n - first);
        expect_text(a, "b0early");
        expect_text(out, "behind");
        put_text(a, "more");
        expect_text(out, "more");
        put_text(out, "back");
        expect_text(a, "back");
        channel_say(p.control, "U0", 2);
        expect_closed(a);
        expect_closed(out);
        close(a);
        close(out);
    }
    peers_end(&p);
}

/* Requests in front, answered where it came from; and one that follows an order of its own. */
static void t_what_it_is_owed_goes_along(void **state)
{
    uint8_t bytes[256];
    struct peers p;

    (void)state;
    two_workers(&p);
    peers_start(&p);
    int out = connect_out(&p, "0");
    int a = greeted_elsewhere(&p);
    size_t n = channel_message(bytes, "Aone", 4);
    n += channel_message(bytes + n, "Atwo", 4);
    n += bind_message(bytes + n, p.worker, '0', "behind");
    put(a, bytes, n);
    char other = p.worker == '0' ? '1' : '0';
    stream_expect(a, (char[]){other, 'o', 'n', 'e', other, 't', 'w', 'o', 'b', '0'}, 10);
    expect_text(out, "behind");
    close(a);
    /* Nothing is said there. */
    a = greeted_elsewhere(&p);
    n = channel_message(bytes, "Aone", 4);
    n += bind_message(bytes + n, p.worker, '9', "");
    put(a, bytes, n);
    stream_expect(a, (char[]){other, 'o', 'n', 'e'}, 4);
    close(a);
    close(out);
    peers_end(&p);
}

static void t_tls(void **state)
{
    uint8_t bytes[64];
    struct peers p;

    (void)state;
    two_workers(&p);
    peers_start(&p);
    for (int i = 0; i < 5; i++) {
        int out = connect_out(&p, "0");
        SSL *ssl = tls_elsewhere(&p);
        int n = (int)bind_message(bytes, p.worker, '0', "behind");
        tls_hold(ssl, i % 2);
        assert_int_equal(SSL_write(ssl, bytes, n), n);
        assert_int_equal(SSL_write(ssl, "ne", 2), 2);
        assert_int_equal(SSL_write(ssl, "xt", 2), 2);
        tls_hold(ssl, 0);
        tls_expect(ssl, "b0", 2);
        expect_text(out, "behindnext");
        put_text(out, "back");
        tls_expect(ssl, "back", 4);
        shutdown(out, SHUT_WR);
        assert_int_equal(SSL_read(ssl, bytes, sizeof bytes), 0);
        assert_int_equal(SSL_get_shutdown(ssl), SSL_RECEIVED_SHUTDOWN);
        assert_int_equal(SSL_shutdown(ssl), 1);
        expect_closed(out);
        close(out);
        tls_end(ssl);
    }
    peers_end(&p);
}

/* As greet, of a worker that may be full. */
static int try_greet(const struct peers *p, char *ret_worker)
{
    uint8_t bytes[64];
    int fd = tcp_to(&p->s.f.server);
    size_t n = stun_message(bytes, "A!", 2);
    (void)send(fd, bytes, n, MSG_NOSIGNAL);
    if (receive_within(fd, LOOPBACK_WAIT_MS, bytes, 2) == 2) {
        *ret_worker = (char)*bytes;
        return fd;
    }
    close(fd);
    return -1;
}

static void t_no_room_there(void **state)
{
    int same = -1;
    int other = -1;
    char worker;
    struct peers p;

    (void)state;
    two_workers(&p);
    p.s.f.conf.stream.connections = 2;
    peers_start(&p);
    for (int i = 0; i < TRIES && (same < 0 || other < 0); i++) {
        int fd = try_greet(&p, &worker);
        int *place = worker == p.worker ? &same : &other;
        if (fd >= 0 && *place >= 0)
            close(fd);
        else if (fd >= 0)
            *place = fd;
    }
    assert_true(same >= 0 && other >= 0);
    stun_say(other, (char[]){'B', p.worker, '0'}, 3);
    expect_closed(other);
    close(other);
    /* Its own worker has its place back. */
    int again[2];
    for (size_t n = 0, i = 0; n < 2 && i < TRIES; i++) {
        again[n] = try_greet(&p, &worker);
        assert_true(again[n] < 0 || worker != p.worker);
        n += again[n] >= 0;
    }
    assert_true(again[1] >= 0);
    int fds[] = {same, again[0], again[1]};
    for (size_t i = 0; i < 3; i++)
        close(fds[i]);
    peers_end(&p);
}

/* There is no such worker, or it is this one already. */
static void t_nowhere(void **state)
{
    struct peers p;

    (void)state;
    two_workers(&p);
    peers_start(&p);
    int a = greeted_elsewhere(&p);
    stun_say(a, "B90", 3);
    expect_closed(a);
    close(a);
    peers_end(&p);
}

/* Whatever is on its way when all ends. */
static void t_shutdown_on_the_way(void **state)
{
    enum { MANY = 24 };
    int fds[MANY];
    struct peers p;

    (void)state;
    for (int round = 0; round < 5; round++) {
        two_workers(&p);
        peers_start(&p);
        int out = connect_out(&p, "0");
        for (size_t i = 0; i < MANY; i++)
            fds[i] = greeted_elsewhere(&p);
        /* One is joined, the others stay what they are. */
        stun_say(fds[0], (char[]){'B', p.worker, '0'}, 3);
        for (size_t i = 1; i < MANY; i++)
            stun_say(fds[i], (char[]){'B', p.worker, '9'}, 3);
        net_stop(p.s.f.net);
        peers_end(&p);
        for (size_t i = 0; i < MANY; i++)
            close(fds[i]);
        close(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_plain),   cmocka_unit_test(t_what_it_is_owed_goes_along),
        cmocka_unit_test(t_tls),     cmocka_unit_test(t_no_room_there),
        cmocka_unit_test(t_nowhere), cmocka_unit_test(t_shutdown_on_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
