/* Records on their way between a TLS connection and its socket. */
#include "tls_link.h"

#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>

/* What has come is taken at once, and nothing is asked of a socket that had no more. */
static void t_records_are_taken_together(void **state)
{
    static uint8_t room[4096];
    struct tls_stage stage = {.p = room, .cap = sizeof room};
    struct link l;
    uint8_t got[64];
    size_t n;

    (void)state;
    open_link(&l);
    assert_true(shake(&l));
    for (int i = 0; i < 3; i++)
        assert_int_equal(SSL_write(l.client, "record", 6), 6);
    tls_conn_intake(l.server, &stage);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tls_conn_read(l.server, got, sizeof got, &n), TLS_OK);
        assert_int_equal(n, 6);
        assert_int_equal(tls_conn_pending(l.server), i < 2);
    }
    assert_int_equal(SSL_write(l.client, "later", 5), 5);
    assert_int_equal(tls_conn_read(l.server, got, sizeof got, &n), TLS_WANT_READ);
    tls_conn_intake(l.server, &stage);
    assert_int_equal(tls_conn_read(l.server, got, sizeof got, &n), TLS_OK);
    assert_int_equal(n, 5);
    tls_conn_intake(l.server, NULL);
    assert_int_equal(SSL_write(l.client, "straight", 8), 8);
    assert_int_equal(tls_conn_read(l.server, got, sizeof got, &n), TLS_OK);
    assert_int_equal(n, 8);
    /* A record that is larger than the stage, and the end. */
    static uint8_t big[16000];
    size_t have = 0;
    assert_int_equal(SSL_write(l.client, big, sizeof big), sizeof big);
    while (have < sizeof big) {
        tls_conn_intake(l.server, &stage);
        while (tls_conn_read(l.server, got, sizeof got, &n) == TLS_OK)
            have += n;
        assert_false(tls_conn_pending(l.server));
    }
    assert_int_equal(have, sizeof big);
    close_client(&l);
    tls_conn_intake(l.server, &stage);
    assert_int_equal(tls_conn_read(l.server, got, sizeof got, &n), TLS_CLOSED);
    close_link(&l);
}

/* However much a client sends, it is one read's worth before the others have their turn. */
static void t_a_flood_waits_for_the_next_turn(void **state)
{
    static uint8_t room[4096];
    struct tls_stage stage = {.p = room, .cap = sizeof room};
    struct link l;
    uint8_t got[64];
    size_t n;
    int before;
    int after;

    (void)state;
    open_link(&l);
    assert_true(shake(&l));
    for (int i = 0; i < 200; i++)
        assert_int_equal(SSL_write(l.client, "record", 6), 6);
    assert_int_equal(ioctl(l.fds[0], FIONREAD, &before), 0);
    tls_conn_intake(l.server, &stage);
    while (tls_conn_read(l.server, got, sizeof got, &n) == TLS_OK)
        assert_int_equal(n, 6);
    assert_int_equal(ioctl(l.fds[0], FIONREAD, &after), 0);
    assert_int_equal(before - after, sizeof room);
    assert_int_equal(stage.high, sizeof room);
    close_link(&l);
}

/* Records of one flush leave together, and stay records. */
static void t_gathered_records(void **state)
{
    static uint8_t room[40000];
    static uint8_t big[16000];
    struct tls_stage stage = {.p = room, .cap = sizeof room};
    struct link l;
    uint8_t got[64];
    size_t n;

    (void)state;
    open_link(&l);
    assert_true(shake(&l));
    tls_conn_gather(l.server, &stage);
    assert_int_equal(tls_conn_write(l.server, span_text("one"), &n), TLS_OK);
    assert_int_equal(tls_conn_write(l.server, span_text("three"), &n), TLS_OK);
    assert_true(SSL_read(l.client, got, sizeof got) <= 0);
    assert_int_equal(tls_conn_push(l.server), TLS_OK);
    assert_int_equal(SSL_read(l.client, got, sizeof got), 3);
    assert_int_equal(SSL_read(l.client, got, sizeof got), 5);
    /* What the socket does not take is sent by later pushes, and nothing before it. */
    size_t wrote = 0;
    size_t read = 0;
    enum tls_io io = TLS_OK;
    while (!tls_conn_unsent(l.server)) {
        tls_conn_gather(l.server, &stage);
        for (io = TLS_OK; io == TLS_OK && wrote < 1 << 22; wrote += io == TLS_OK ? n : 0)
            io = tls_conn_write(l.server, span_of(big, sizeof big), &n);
        assert_int_equal(io, TLS_WANT_WRITE);
        io = tls_conn_push(l.server);
    }
    assert_int_equal(io, TLS_WANT_WRITE);
    tls_conn_gather(l.server, &stage);
    assert_int_equal(tls_conn_write(l.server, span_of(big, sizeof big), &n), TLS_WANT_WRITE);
    assert_int_equal(tls_conn_push(l.server), TLS_WANT_WRITE);
    for (int r = 1; r > 0 || tls_conn_unsent(l.server); read += r > 0 ? (size_t)r : 0) {
        r = SSL_read(l.client, got, sizeof got);
        tls_conn_gather(l.server, &stage);
        assert_int_not_equal(tls_conn_push(l.server), TLS_CLOSED);
    }
    assert_int_equal(read, wrote);
    close_client(&l);
    tls_conn_gather(l.server, &stage);
    assert_int_equal(tls_conn_write(l.server, span_of(big, sizeof big), &n), TLS_OK);
    assert_int_equal(tls_conn_push(l.server), TLS_CLOSED);
    close_link(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_records_are_taken_together),
        cmocka_unit_test(t_a_flood_waits_for_the_next_turn),
        cmocka_unit_test(t_gathered_records),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
