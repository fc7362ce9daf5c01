/* What strangers may not do to DTLS: be remembered without a cookie, take all the room, end the
 * sessions of others. */
#include "dtls_bench.h"

/* Nothing is kept of who has not shown the cookie, and he gets back less than he sent. */
static void t_flood_leaves_nothing(void **state)
{
    struct bench b;
    struct peer p;
    uint8_t hello[HELLO_BYTES];
    uint8_t got[HELLO_BYTES];

    (void)state;
    bench_begin(&b, 0);
    peer_open(&p, &b);
    size_t n = peer_hello(&p, &b, 0, hello);
    send_bytes(p.fd, &b.conf.listen[0].addr, hello, n);
    bench_turn(&b);
    int64_t live = mem_live();
    for (int i = 0; i < 500; i++) {
        int fd = loopback_socket();
        send_bytes(fd, &b.conf.listen[0].addr, hello, n);
        send_bytes(fd, &b.conf.listen[0].addr, hello, n);
        bench_turn(&b);
        size_t answer = peer_receive(fd, got, sizeof got);
        assert_in_range(answer, 25, n / 2);
        assert_int_equal(got[13], 3); /* HelloVerifyRequest */
        close(fd);
    }
    assert_int_equal(bench_sessions(&b), 0);
    assert_int_equal(mem_live(), live);
    peer_close(&p);
    bench_end(&b);
}

static void t_cookie_is_for_one_address(void **state)
{
    struct bench b;
    struct peer p;
    uint8_t hello[HELLO_BYTES];
    uint8_t got[HELLO_BYTES];
    int other = loopback_socket();

    (void)state;
    bench_begin(&b, 0);
    peer_open(&p, &b);
    size_t n = peer_hello(&p, &b, 1, hello);
    send_bytes(other, &b.conf.listen[0].addr, hello, n);
    bench_turn(&b);
    assert_int_equal(bench_sessions(&b), 0);
    assert_true(peer_receive(other, got, sizeof got) > 0);
    assert_int_equal(got[13], 3);
    send_bytes(p.fd, &b.conf.listen[0].addr, hello, n);
    bench_turn(&b);
    assert_int_equal(bench_sessions(&b), 1);
    close(other);
    peer_close(&p);
    bench_end(&b);
}

static void t_cookie_ages(void **state)
{
    static const struct row {
        int seconds;
        size_t sessions;
    } rows[] = {{59, 1}, {121, 0}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct bench b;
        struct peer p;
        uint8_t hello[HELLO_BYTES];
        bench_begin(&b, 0);
        peer_open(&p, &b);
        size_t n = peer_hello(&p, &b, 1, hello);
        put_forward += rows[i].seconds * USEC_PER_SEC;
        assert_int_equal(send(p.fd, hello, n, 0), (ssize_t)n);
        bench_turn(&b);
        assert_int_equal(bench_sessions(&b), rows[i].sessions);
        peer_close(&p);
        bench_end(&b);
    }
}

static void t_half_open_ones_are_few_and_go(void **state)
{
    enum { MANY = DTLS_HALF_OPEN_MAX + 10 };
    static struct peer peers[MANY];
    struct bench b;
    struct peer p;

    (void)state;
    bench_begin(&b, 0);
    for (int i = 0; i < MANY; i++)
        peer_half_open(&b, &peers[i]);
    assert_int_equal(bench_sessions(&b), DTLS_HALF_OPEN_MAX);
    assert_int_equal(b.w.dtls->n_half_open, DTLS_HALF_OPEN_MAX);
    bench_wait(&b, DTLS_HALF_OPEN_S + 2);
    assert_int_equal(bench_sessions(&b), 0);
    assert_int_equal(b.w.dtls->n_half_open, 0);
    peer_open(&p, &b);
    assert_true(peer_shake(&p, &b));
    peer_close(&p);
    for (int i = 0; i < MANY; i++)
        peer_close(&peers[i]);
    bench_end(&b);
}

static void t_limits(void **state)
{
    struct bench b;
    struct peer p[3];

    (void)state;
    bench_begin(&b, 2);
    for (int i = 0; i < 3; i++) {
        peer_open(&p[i], &b);
        assert_true(peer_shake(&p[i], &b) == (i < 2));
    }
    assert_int_equal(bench_sessions(&b), 2);
    SSL_shutdown(p[0].ssl);
    bench_turn(&b);
    peer_leave(&p[2]);
    peer_join(&p[2]);
    assert_true(peer_shake(&p[2], &b));
    for (int i = 0; i < 3; i++)
        peer_close(&p[i]);
    bench_end(&b);
}

/* Bytes that anybody may send in the client's name. */
static void t_junk_ends_nothing(void **state)
{
    struct bench b;
    struct peer p;
    uint8_t junk[200];
    uint32_t seed = 1;

    (void)state;
    bench_begin(&b, 0);
    peer_open(&p, &b);
    assert_true(peer_shake(&p, &b));
    for (int i = 0; i < 5000; i++) {
        for (size_t k = 0; k < sizeof junk; k++)
            junk[k] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
        junk[0] = (uint8_t)(20 + i % 7);
        if (i % 2)
            memcpy(junk + 1, "\xfe\xfd\x00\x01\x00\x00\x00\x00\x01\x00\x00\xbb", 12);
        send(p.fd, junk, 1 + (size_t)i % sizeof junk, 0);
        bench_turn(&b);
    }
    assert_true(peer_talks(&p, &b));
    peer_close(&p);
    bench_end(&b);
}

static void t_broken_hellos(void **state)
{
    struct bench b;
    struct peer p;
    uint8_t hello[HELLO_BYTES];

    (void)state;
    bench_begin(&b, 0);
    peer_open(&p, &b);
    size_t n = peer_hello(&p, &b, 1, hello);
    for (size_t i = 0; i < n; i++)
        send(p.fd, hello, i, 0), bench_turn(&b);
    assert_int_equal(bench_sessions(&b), 0);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        hello[bit / 8] ^= (uint8_t)(1 << bit % 8);
        send(p.fd, hello, n, 0);
        bench_turn(&b);
        hello[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_true(bench_sessions(&b) <= 1);
    }
    bench_wait(&b, DTLS_HALF_OPEN_S + 2);
    assert_int_equal(bench_sessions(&b), 0);
    peer_close(&p);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_flood_leaves_nothing),
        cmocka_unit_test(t_cookie_is_for_one_address),
        cmocka_unit_test(t_cookie_ages),
        cmocka_unit_test(t_half_open_ones_are_few_and_go),
        cmocka_unit_test(t_limits),
        cmocka_unit_test(t_junk_ends_nothing),
        cmocka_unit_test(t_broken_hellos),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
