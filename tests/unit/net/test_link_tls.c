/* Peers' connections that are joined to a client over TLS. */
#include "peers.h"

static void t_tls(void **state)
{
    uint8_t bytes[64];
    struct peers p;

    (void)state;
    peers_begin(&p);
    peers_start(&p);
    int out = connect_out(&p, "0");
    put_text(out, "early");
    SSL *ssl = tls_over(&p.s, tcp_to(&p.s.f.server));
    size_t len = stun_message(bytes, (char[]){'B', p.worker, '0'}, 3);
    memcpy(bytes + len, "behind", 6);
    assert_int_equal(SSL_write(ssl, bytes, (int)len + 6), (int)len + 6);
    tls_expect(ssl, "b0early", 7);
    expect_text(out, "behind");
    /* The client's notice: the peer may go on. */
    assert_int_equal(SSL_shutdown(ssl), 0);
    expect_closed(out);
    put_text(out, "late");
    tls_expect(ssl, "late", 4);
    close(out);
    assert_int_equal(SSL_shutdown(ssl), 1);
    tls_end(ssl);
    /* The peer's end is told by a notice: the client may go on. */
    out = connect_out(&p, "0");
    ssl = tls_joined(&p, '0');
    shutdown(out, SHUT_WR);
    assert_true(SSL_read(ssl, bytes, sizeof bytes) <= 0);
    assert_int_equal(SSL_get_shutdown(ssl), SSL_RECEIVED_SHUTDOWN);
    assert_int_equal(SSL_write(ssl, "late", 4), 4);
    expect_text(out, "late");
    tls_end(ssl);
    close(out);
    /* A client that is gone without a notice; what it sent arrives. */
    out = connect_out(&p, "1");
    ssl = tls_joined(&p, '1');
    assert_int_equal(SSL_write(ssl, "last", 4), 4);
    tls_end(ssl);
    expect_text(out, "last");
    expect_closed(out);
    close(out);
    /* One that spoils its own connection. */
    out = connect_out(&p, "2");
    ssl = tls_joined(&p, '2');
    put_text(SSL_get_fd(ssl), "garbage");
    expect_closed(out);
    tls_end(ssl);
    close(out);
    assert_int_equal(links(&p), 0);
    peers_end(&p);
}

/* Records that came with the one that makes the connection a peer's: none is lost, nor the notice
 * behind them. */
static void t_tls_records_behind(void **state)
{
    enum { RECORDS = 28, LEN = 1000 };
    static uint8_t got[RECORDS * LEN];
    uint8_t bytes[LEN];
    struct peers p;

    (void)state;
    peers_begin(&p);
    peers_start(&p);
    int out = connect_out(&p, "0");
    int little = 4096;
    assert_int_equal(setsockopt(out, SOL_SOCKET, SO_RCVBUF, &little, sizeof little), 0);
    SSL *ssl = tls_over(&p.s, tcp_to(&p.s.f.server));
    tls_hold(ssl, 1);
    tls_say(ssl, (char[]){'B', p.worker, '0'}, 3);
    for (int i = 0; i < RECORDS; i++) {
        memset(bytes, i, sizeof bytes);
        assert_int_equal(SSL_write(ssl, bytes, LEN), LEN);
    }
    assert_int_equal(SSL_shutdown(ssl), 0);
    tls_hold(ssl, 0);
    tls_expect(ssl, "b0", 2);
    for (size_t have = 0; have < sizeof got;) {
        ssize_t n = receive_within(out, LOOPBACK_WAIT_MS, got + have, sizeof got - have);
        assert_true(n > 0);
        have += (size_t)n;
    }
    for (int i = 0; i < RECORDS * LEN; i++)
        assert_int_equal(got[i], i / LEN);
    expect_closed(out);
    put_text(out, "late");
    tls_expect(ssl, "late", 4);
    tls_end(ssl);
    close(out);
    peers_end(&p);
}

static void tls_flood_read(SSL *ssl, size_t want)
{
    static uint8_t got[16384];
    size_t at = 0;
    int n;
    while ((n = SSL_read(ssl, got, sizeof got)) > 0) {
        for (int i = at == 0; i < n; i++)
            assert_int_equal(got[i], flood_byte(at + (size_t)i));
        at += (size_t)n;
    }
    assert_int_equal(SSL_get_shutdown(ssl), SSL_RECEIVED_SHUTDOWN);
    assert_int_equal(at, want);
}

static void t_tls_flood(void **state)
{
    enum { BYTES = 8 << 20 };
    struct peers p;
    pthread_t down;
    void *result;

    (void)state;
    peers_begin(&p);
    peers_start(&p);
    struct flood peer = {connect_out(&p, "0"), BYTES};
    SSL *ssl = tls_joined(&p, '0');
    assert_int_equal(pthread_create(&down, NULL, flood_write, &peer), 0);
    for (int i = 0; i < 20; i++)
        turn_over(&p.s.f);
    tls_flood_read(ssl, BYTES);
    pthread_join(down, &result);
    assert_non_null(result);
    tls_end(ssl);
    close(peer.fd);
    peers_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_tls),
        cmocka_unit_test(t_tls_records_behind),
        cmocka_unit_test(t_tls_flood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
