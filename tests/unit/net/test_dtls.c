/* DTLS sessions from the outside: handshakes, time, what goes through them. */
#include "dtls_bench.h"

static void t_talks_and_ends(void **state)
{
    struct bench b;
    struct peer p;
    char got[8];

    (void)state;
    bench_begin(&b, 0);
    peer_open(&p, &b);
    assert_true(peer_shake(&p, &b));
    assert_int_equal(SSL_version(p.ssl), DTLS1_2_VERSION);
    assert_int_equal(bench_sessions(&b), 1);
    assert_int_equal(b.w.dtls->n_half_open, 0);
    for (int i = 0; i < 100; i++)
        assert_true(peer_talks(&p, &b));
    SSL_shutdown(p.ssl);
    bench_turn(&b);
    assert_int_equal(bench_sessions(&b), 0);
    assert_int_equal(b.w.engine->closed, 1);
    assert_int_equal(SSL_read(p.ssl, got, sizeof got), 0);
    assert_int_equal(SSL_get_error(p.ssl, 0), SSL_ERROR_ZERO_RETURN);
    peer_close(&p);
    bench_end(&b);
}

/* X13: the same port of the same client, with and without DTLS, are two. */
static void t_plain_beside_it(void **state)
{
    struct bench b;
    struct peer p;

    (void)state;
    bench_begin(&b, 0);
    peer_open(&p, &b);
    assert_true(peer_shake(&p, &b));
    assert_int_equal(send(p.fd, "Ay", 2, 0), 2);
    bench_turn(&b);
    expect_bytes(p.fd, "0y", 2);
    assert_true(peer_talks(&p, &b));
    peer_close(&p);
    bench_end(&b);
}

static void expect_certificate(const struct peer *p, const struct certificate *c)
{
    FILE *f = fopen(c->pem, "r");
    X509 *want = PEM_read_X509(f, NULL, NULL, NULL);
    X509 *is = SSL_get1_peer_certificate(p->ssl);

    fclose(f);
    assert_int_equal(X509_cmp(want, is), 0);
    X509_free(want);
    X509_free(is);
}

static void t_certificate_by_name(void **state)
{
    static const char *const names[] = {NULL, "second.example"};
    struct bench b;

    (void)state;
    bench_begin(&b, 0);
    for (int i = 0; i < 2; i++) {
        struct peer p;
        peer_open(&p, &b);
        if (names[i])
            SSL_set_tlsext_host_name(p.ssl, names[i]);
        assert_true(peer_shake(&p, &b));
        expect_certificate(&p, &b.certs[i]);
        peer_close(&p);
    }
    bench_end(&b);
}

/* A client that forgot everything comes again from the same port; who only pretends to be there
 * ends nothing. */
static void t_new_handshake_replaces(void **state)
{
    struct bench b;
    struct peer p;
    uint8_t hello[HELLO_BYTES];
    uint8_t got[HELLO_BYTES];

    (void)state;
    bench_begin(&b, 0);
    peer_open(&p, &b);
    assert_true(peer_shake(&p, &b));
    struct peer again = {.fd = p.fd};
    peer_join(&again);
    size_t n = peer_hello(&again, &b, 0, hello);
    assert_int_equal(send(p.fd, hello, n, 0), (ssize_t)n);
    bench_turn(&b);
    assert_true(peer_receive(p.fd, got, sizeof got) > 0);
    assert_int_equal(got[13], 3);
    assert_true(peer_talks(&p, &b));
    peer_leave(&again);
    assert_int_equal(b.w.engine->closed, 0);

    peer_leave(&p);
    peer_join(&p);
    assert_true(peer_shake(&p, &b));
    assert_true(peer_talks(&p, &b));
    assert_int_equal(b.w.engine->closed, 1);
    assert_int_equal(bench_sessions(&b), 1);
    peer_close(&p);
    bench_end(&b);
}

/* The network doubles packets: the second copy of a ClientHello is not another client. */
static void t_repeated_hello(void **state)
{
    struct bench b;
    struct peer p;
    uint8_t hello[HELLO_BYTES];

    (void)state;
    bench_begin(&b, 0);
    peer_open(&p, &b);
    size_t n = peer_hello(&p, &b, 1, hello);
    for (int i = 0; i < 3; i++)
        assert_int_equal(send(p.fd, hello, n, 0), (ssize_t)n);
    bench_turn(&b);
    assert_true(peer_shake(&p, &b));
    assert_int_equal(send(p.fd, hello, n, 0), (ssize_t)n);
    assert_true(peer_talks(&p, &b));
    assert_int_equal(b.w.engine->closed, 0);
    assert_int_equal(bench_sessions(&b), 1);
    peer_close(&p);
    bench_end(&b);
}

/* Datagrams of a handshake fit every path; those that were lost come again, each time later. */
static void t_lost_flight_comes_again(void **state)
{
    struct bench b;
    struct peer p;
    uint8_t got[4096];
    int datagrams = 0;

    (void)state;
    bench_begin(&b, 0);
    peer_half_open(&b, &p);
    for (size_t n; (n = peer_receive(p.fd, got, sizeof got)) > 0; datagrams++)
        assert_in_range(n, 1, DTLS_MTU - 28);
    assert_in_range(datagrams, 2, 4);
    expect_nothing(p.fd);
    bench_wait(&b, 3);
    assert_true(recv(p.fd, got, 1, MSG_PEEK | MSG_DONTWAIT) > 0);
    assert_true(peer_shake(&p, &b));
    assert_true(peer_talks(&p, &b));
    peer_close(&p);
    bench_end(&b);
}

static void t_idle_and_living(void **state)
{
    struct bench b;
    struct peer silent;
    struct peer idle;
    struct peer busy;
    uint16_t port = free_addr().port;
    uint8_t open[] = {ORDER_OPEN, (uint8_t)(port >> 8), (uint8_t)port};
    char got[8];

    (void)state;
    bench_begin(&b, 0);
    peer_open(&silent, &b);
    peer_open(&idle, &b);
    peer_open(&busy, &b);
    assert_true(peer_shake(&silent, &b) && peer_shake(&idle, &b) && peer_shake(&busy, &b));
    assert_true(peer_talks(&idle, &b));
    SSL_write(busy.ssl, open, sizeof open);
    bench_turn(&b);
    assert_int_equal(SSL_read(busy.ssl, got, sizeof got), 1);
    assert_int_equal(got[0], 'o');

    bench_wait(&b, BENCH_HANDSHAKE_S - 1);
    assert_int_equal(bench_sessions(&b), 3);
    bench_wait(&b, 3); /* who has not said a word */
    assert_int_equal(bench_sessions(&b), 2);
    assert_int_equal(SSL_read(silent.ssl, got, sizeof got), 0);
    assert_true(peer_talks(&idle, &b));
    bench_wait(&b, BENCH_IDLE_S - 1);
    assert_int_equal(bench_sessions(&b), 2);
    bench_wait(&b, 3);
    assert_int_equal(bench_sessions(&b), 1);
    assert_int_equal(SSL_read(idle.ssl, got, sizeof got), 0);
    bench_wait(&b, 5 * BENCH_IDLE_S);
    assert_true(peer_talks(&busy, &b));
    peer_close(&silent);
    peer_close(&idle);
    peer_close(&busy);
    bench_end(&b);
}

static void t_several_records_in_a_datagram(void **state)
{
    struct bench b;
    struct peer p;
    uint8_t both[512];
    char got[8];

    (void)state;
    bench_begin(&b, 0);
    peer_open(&p, &b);
    assert_true(peer_shake(&p, &b));
    BIO *wire = SSL_get_wbio(p.ssl);
    BIO_up_ref(wire);
    BIO *mem = BIO_new(BIO_s_mem());
    SSL_set0_wbio(p.ssl, mem);
    SSL_write(p.ssl, "Aa", 2);
    SSL_write(p.ssl, "Ab", 2);
    SSL_write(p.ssl, "Ac", 2);
    int n = BIO_read(mem, both, sizeof both);
    SSL_set0_wbio(p.ssl, wire);
    assert_int_equal(send(p.fd, both, (size_t)n, 0), n);
    bench_turn(&b);
    for (char c = 'a'; c <= 'c'; c++) {
        assert_int_equal(SSL_read(p.ssl, got, sizeof got), 2);
        assert_int_equal(got[1], c);
    }
    peer_close(&p);
    bench_end(&b);
}

/* From a peer, through the engine, to the session; with the room that the engine writes into. */
static void t_relays(void **state)
{
    struct bench b;
    struct peer p;
    uint16_t port = free_addr().port;
    uint8_t open[] = {ORDER_OPEN, (uint8_t)(port >> 8), (uint8_t)port};
    struct addr relayed = loopback_addr(port);
    uint8_t data[1200];
    uint8_t got[2048];
    int fd = loopback_socket();

    (void)state;
    bench_begin(&b, 0);
    peer_open(&p, &b);
    assert_true(peer_shake(&p, &b));
    SSL_write(p.ssl, open, sizeof open);
    bench_turn(&b);
    assert_int_equal(SSL_read(p.ssl, got, sizeof got), 1);
    memset(data, 'x', sizeof data);
    send_bytes(fd, &relayed, data, sizeof data);
    bench_turn(&b);
    assert_int_equal(SSL_read(p.ssl, got, sizeof got), sizeof data + 3);
    assert_int_equal(got[0], 'p');
    assert_memory_equal(got + 3, data, sizeof data);
    uint8_t out[1203] = {ORDER_SEND, (uint8_t)(local_addr(fd).port >> 8),
                         (uint8_t)local_addr(fd).port};
    memset(out + 3, 'y', sizeof out - 3);
    SSL_write(p.ssl, out, sizeof out);
    bench_turn(&b);
    expect_bytes(fd, out + 3, sizeof out - 3);
    close(fd);
    peer_close(&p);
    bench_end(&b);
}

static void t_without_certificates(void **state)
{
    struct bench b;
    struct peer p;

    (void)state;
    bench_begin(&b, 0);
    b.w.tls = NULL;
    peer_open(&p, &b);
    assert_false(peer_shake(&p, &b));
    expect_nothing(p.fd);
    b.w.tls = b.tls;
    peer_leave(&p);
    peer_join(&p);
    assert_true(peer_shake(&p, &b));
    /* Renewed to none: the living go on, as they do with other certificates. */
    net_tls_free(b.tls);
    b.w.tls = NULL;
    assert_true(peer_talks(&p, &b));
    peer_close(&p);
    bench_end(&b);
}

static void t_renewed_certificate(void **state)
{
    struct bench b;
    struct peer p;
    struct peer later;
    struct net_error err = {""};
    uint8_t hello[HELLO_BYTES];

    (void)state;
    bench_begin(&b, 0);
    peer_open(&p, &b);
    assert_true(peer_shake(&p, &b));
    peer_open(&later, &b);
    peer_hello(&later, &b, 1, hello); /* the spare session is there, with the old one */
    struct net_tls_pair pair = {b.certs[1].pem, b.certs[1].key};
    struct net_tls *fresh = net_tls_load(&(struct net_tls_conf){&pair, 1, false}, &err);
    assert_non_null(fresh);
    net_tls_free(b.w.tls);
    b.w.tls = fresh;
    peer_leave(&later);
    peer_join(&later);
    assert_true(peer_shake(&later, &b));
    expect_certificate(&later, &b.certs[1]);
    assert_true(peer_talks(&p, &b));
    peer_close(&p);
    peer_close(&later);
    bench_end(&b);
}

static void t_out_of_memory(void **state)
{
    struct bench b;
    struct peer p;

    (void)state;
    bench_begin(&b, 0);
    for (int64_t i = 0; i < 5; i++) {
        mem_fail_after(i);
        assert_null(dtls_new(&b.w, &b.conf.stream));
    }
    peer_open(&p, &b);
    mem_fail_after(0);
    assert_false(peer_shake(&p, &b));
    mem_fail_after(-1);
    bench_wait(&b, 2);
    assert_true(SSL_get_error(p.ssl, -1) != SSL_ERROR_SSL);
    peer_leave(&p);
    peer_join(&p);
    assert_true(peer_shake(&p, &b));
    peer_close(&p);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_talks_and_ends),
        cmocka_unit_test(t_plain_beside_it),
        cmocka_unit_test(t_certificate_by_name),
        cmocka_unit_test(t_new_handshake_replaces),
        cmocka_unit_test(t_repeated_hello),
        cmocka_unit_test(t_lost_flight_comes_again),
        cmocka_unit_test(t_idle_and_living),
        cmocka_unit_test(t_several_records_in_a_datagram),
        cmocka_unit_test(t_relays),
        cmocka_unit_test(t_without_certificates),
        cmocka_unit_test(t_renewed_certificate),
        cmocka_unit_test(t_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
