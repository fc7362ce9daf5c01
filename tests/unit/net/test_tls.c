/* TLS as a client sees it, over a pair of sockets. */
#include "tls_link.h"

#include <signal.h>
#include <string.h>

static void expect_certificate(struct link *l, int i)
{
    FILE *f = fopen(certs[i].pem, "r");
    X509 *want = PEM_read_X509(f, NULL, NULL, NULL);
    X509 *got = SSL_get1_peer_certificate(l->client);
    fclose(f);
    assert_int_equal(X509_cmp(want, got), 0);
    X509_free(want);
    X509_free(got);
}

static void both_ways(struct link *l)
{
    uint8_t got[64];
    size_t n = 0;

    assert_int_equal(SSL_write(l->client, "from client", 11), 11);
    assert_int_equal(tls_conn_read(l->server, got, 4, &n), TLS_OK);
    assert_int_equal(n, 4);
    assert_true(tls_conn_pending(l->server));
    assert_int_equal(tls_conn_read(l->server, got + 4, sizeof got - 4, &n), TLS_OK);
    assert_memory_equal(got, "from client", 11);
    assert_false(tls_conn_pending(l->server));
    assert_int_equal(tls_conn_read(l->server, got, sizeof got, &n), TLS_WANT_READ);
    assert_int_equal(tls_conn_write(l->server, span_text("from server"), &n), TLS_OK);
    assert_int_equal(n, 11);
    assert_int_equal(SSL_read(l->client, got, sizeof got), 11);
    assert_memory_equal(got, "from server", 11);
}

static void talks(int version)
{
    struct link l;
    uint8_t got[8];
    size_t n;

    open_link(&l);
    SSL_set_min_proto_version(l.client, version);
    SSL_set_max_proto_version(l.client, version);
    assert_true(shake(&l));
    assert_int_equal(SSL_version(l.client), version);
    both_ways(&l);
    /* Neither ticket nor id: nothing with which a client could be known again. */
    const SSL_SESSION *session = SSL_get0_session(l.client);
    unsigned id = 0;
    assert_false(SSL_SESSION_has_ticket(session));
    if (version == TLS1_2_VERSION)
        SSL_SESSION_get_id(session, &id);
    assert_int_equal(id, 0);
    SSL_shutdown(l.client);
    assert_int_equal(tls_conn_read(l.server, got, sizeof got, &n), TLS_CLOSED);
    tls_conn_bye(l.server);
    assert_int_equal(SSL_read(l.client, got, sizeof got), 0);
    assert_int_equal(SSL_get_shutdown(l.client), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    close_link(&l);
}

static void t_tls12(void **state)
{
    (void)state;
    talks(TLS1_2_VERSION);
}

static void t_tls13(void **state)
{
    (void)state;
    talks(TLS1_3_VERSION);
}

static void expect_refused(struct link *l)
{
    assert_false(shake(l));
    assert_int_equal(l->server_is, TLS_FAILED);
    close_link(l);
}

static void t_old_versions_are_refused(void **state)
{
    struct link l;

    (void)state;
    open_link(&l);
    SSL_set_min_proto_version(l.client, TLS1_VERSION);
    SSL_set_max_proto_version(l.client, TLS1_1_VERSION);
    expect_refused(&l);
    open_with(&l, true);
    SSL_set_max_proto_version(l.client, TLS1_2_VERSION);
    expect_refused(&l);
    open_with(&l, true);
    assert_true(shake(&l));
    close_link(&l);
}

static void t_weak_suites_are_refused(void **state)
{
    static const char *const lists[] = {"ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA256",
                                        "ECDHE-ECDSA-CHACHA20-POLY1305", "AES128-GCM-SHA256",
                                        "DHE-RSA-AES128-GCM-SHA256"};

    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct link l;
        open_link(&l);
        SSL_set_max_proto_version(l.client, TLS1_2_VERSION);
        assert_int_equal(SSL_set_cipher_list(l.client, lists[i]), 1);
        expect_refused(&l);
    }
}

static void t_the_servers_order_counts(void **state)
{
    struct link l;

    (void)state;
    open_link(&l);
    SSL_set_max_proto_version(l.client, TLS1_2_VERSION);
    SSL_set_cipher_list(l.client, "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384");
    SSL_set1_groups_list(l.client, "X25519:P-256");
    assert_true(shake(&l));
    assert_string_equal(SSL_get_cipher_name(l.client), "ECDHE-ECDSA-AES256-GCM-SHA384");
    assert_int_equal(SSL_get_negotiated_group(l.client), NID_X9_62_prime256v1);
    close_link(&l);
    open_link(&l);
    SSL_set1_groups_list(l.client, "X25519");
    assert_true(shake(&l));
    close_link(&l);
}

static void t_server_name_chooses(void **state)
{
    static const struct row {
        const char *name; /* NULL = sent none */
        int certificate;
    } rows[] = {
        {NULL, 0},
        {"first.example", 0},
        {"turn.example.org", 1},
        {"TURN.Example.ORG", 1},
        {"a.wild.example", 1},
        {"a.b.wild.example", 0},
        {"wild.example", 0},
        {"unknown.example", 0},
        {"test", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct link l;
        open_link(&l);
        if (rows[i].name)
            SSL_set_tlsext_host_name(l.client, rows[i].name);
        assert_true(shake(&l));
        expect_certificate(&l, rows[i].certificate);
        close_link(&l);
    }
}

static void expect_protocol(struct link *l, const char *want)
{
    const unsigned char *got;
    unsigned n;

    assert_true(shake(l));
    SSL_get0_alpn_selected(l->client, &got, &n);
    assert_int_equal(n, strlen(want));
    if (n)
        assert_memory_equal(got, want, n);
    close_link(l);
}

static void t_protocols(void **state)
{
    static const struct row {
        const char *offered;
        const char *chosen; /* NULL = refused */
    } rows[] = {
        {"", ""},
        {"\x09stun.turn", "stun.turn"},
        {"\x12stun.nat-discovery", "stun.nat-discovery"},
        {"\x02h2\x12stun.nat-discovery\x09stun.turn", "stun.turn"},
        {"\x02h2\x08http/1.1", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct link l;
        open_link(&l);
        SSL_set_alpn_protos(l.client, (const unsigned char *)rows[i].offered,
                            (unsigned)strlen(rows[i].offered));
        SSL_set_tlsext_host_name(l.client, "turn.example.org");
        if (rows[i].chosen)
            expect_protocol(&l, rows[i].chosen);
        else
            expect_refused(&l);
    }
}

/* Z2: the alert says what was wrong (RFC 7301 section 3.2). */
static void t_foreign_protocol_gets_its_alert(void **state)
{
    struct link l;
    uint8_t alert[7];

    (void)state;
    open_link(&l);
    SSL_set_alpn_protos(l.client, (const unsigned char *)"\x02h2", 3);
    SSL_do_handshake(l.client);
    ERR_clear_error();
    assert_int_equal(tls_conn_handshake(l.server), TLS_FAILED);
    assert_int_equal(read(l.fds[1], alert, sizeof alert), sizeof alert);
    assert_memory_equal(alert, "\x15\x03\x03\x00\x02\x02\x78", sizeof alert);
    close_link(&l);
}

/* R7: a health check shakes hands and goes. */
static void t_handshake_then_close(void **state)
{
    struct link l;
    uint8_t got[8];
    size_t n;

    (void)state;
    for (int polite = 0; polite < 2; polite++) {
        open_link(&l);
        assert_true(shake(&l));
        if (polite)
            SSL_shutdown(l.client);
        close_client(&l);
        assert_int_equal(tls_conn_read(l.server, got, sizeof got, &n), TLS_CLOSED);
        tls_conn_bye(l.server);
        close_link(&l);
    }
    open_link(&l);
    close_client(&l);
    assert_int_equal(tls_conn_handshake(l.server), TLS_CLOSED);
    tls_conn_bye(l.server);
    close_link(&l);
}

static void t_not_tls(void **state)
{
    struct link l;

    (void)state;
    open_link(&l);
    assert_int_equal(write(l.fds[1], "GET / HTTP/1.1\r\n\r\n", 18), 18);
    assert_int_equal(tls_conn_handshake(l.server), TLS_FAILED);
    tls_conn_bye(l.server);
    close_link(&l);
}

static void t_broken_record_ends_it(void **state)
{
    struct link l;
    uint8_t got[64];
    size_t n;

    (void)state;
    open_link(&l);
    assert_true(shake(&l));
    assert_int_equal(write(l.fds[1],
                           "\x17\x03\x03\x00\x14"
                           "twenty bytes of junk",
                           25),
                     25);
    assert_int_equal(tls_conn_read(l.server, got, sizeof got, &n), TLS_FAILED);
    assert_int_equal(ERR_peek_error(), 0);
    tls_conn_bye(l.server);
    close_link(&l);
}

/* A client that asks for new keys in TLS 1.2 is refused, not served for ever. */
static void t_no_renegotiation(void **state)
{
    struct link l;
    uint8_t got[64];
    size_t n;

    (void)state;
    open_link(&l);
    SSL_set_max_proto_version(l.client, TLS1_2_VERSION);
    assert_true(shake(&l));
    assert_int_equal(SSL_renegotiate(l.client), 1);
    SSL_do_handshake(l.client);
    assert_int_equal(tls_conn_read(l.server, got, sizeof got, &n), TLS_WANT_READ);
    assert_int_not_equal(SSL_do_handshake(l.client), 1);
    assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()), SSL_R_NO_RENEGOTIATION);
    ERR_clear_error();
    close_link(&l);
}

/* A client that does not read: no more than the socket holds is taken, and nothing is lost. */
static void t_full_socket(void **state)
{
    static uint8_t block[1 << 16];
    struct link l;
    size_t sent = 0;
    size_t n = 0;
    enum tls_io is;

    (void)state;
    open_link(&l);
    assert_true(shake(&l));
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (uint8_t)(i * 31);
    while ((is = tls_conn_write(
                l.server, span_of(block + sent % sizeof block, sizeof block - sent % sizeof block),
                &n)) == TLS_OK)
        sent += n;
    assert_int_equal(is, TLS_WANT_WRITE);
    static uint8_t moved[sizeof block];
    memcpy(moved, block, sizeof block);
    size_t received = 0;
    while (received < sent) {
        uint8_t got[4096];
        int r = SSL_read(l.client, got, sizeof got);
        assert_true(r > 0);
        for (int i = 0; i < r; i++, received++)
            assert_int_equal(got[i], block[received % sizeof block]);
    }
    assert_int_equal(
        tls_conn_write(
            l.server, span_of(moved + sent % sizeof block, sizeof block - sent % sizeof block), &n),
        TLS_OK);
    close_link(&l);
}

/* A renewal in the middle of a call: the old certificate lives as long as who was served by it. */
static void t_outlives_its_replacement(void **state)
{
    struct link l;

    (void)state;
    open_link(&l);
    net_tls_free(l.tls);
    l.tls = NULL;
    SSL_set_tlsext_host_name(l.client, "turn.example.org");
    assert_true(shake(&l));
    expect_certificate(&l, 1);
    both_ways(&l);
    close_link(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_tls12),
        cmocka_unit_test(t_tls13),
        cmocka_unit_test(t_old_versions_are_refused),
        cmocka_unit_test(t_weak_suites_are_refused),
        cmocka_unit_test(t_the_servers_order_counts),
        cmocka_unit_test(t_server_name_chooses),
        cmocka_unit_test(t_protocols),
        cmocka_unit_test(t_foreign_protocol_gets_its_alert),
        cmocka_unit_test(t_handshake_then_close),
        cmocka_unit_test(t_not_tls),
        cmocka_unit_test(t_broken_record_ends_it),
        cmocka_unit_test(t_no_renegotiation),
        cmocka_unit_test(t_full_socket),
        cmocka_unit_test(t_outlives_its_replacement),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
