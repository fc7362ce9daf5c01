/* Connections over TLS, as an ordinary client sees them. */
#include "secure.h"

static void t_messages_in_any_records(void **state)
{
    static uint8_t bytes[100000];
    static uint8_t want[20000];
    struct secure s;
    size_t n = 0;

    (void)state;
    secure_begin(&s);
    secure_start(&s);
    SSL *ssl = tls_over(&s, tcp_to(&s.f.server));
    for (size_t i = 0; i < 300; i++) {
        uint8_t order[] = {'A', 'a', (uint8_t)(i | 1)};
        n += i % 2 ? channel_message(bytes + n, order, 3) : stun_message(bytes + n, order, 3);
        memcpy(want + 3 * i, (uint8_t[]){'0', 'a', (uint8_t)(i | 1)}, 3);
    }
    for (size_t at = 0, i = 0; at < n; i++) {
        size_t some = i % 2 ? 16384 : 1 + i * 7;
        some = some < n - at ? some : n - at;
        assert_int_equal(SSL_write(ssl, bytes + at, (int)some), (int)some);
        at += some;
    }
    tls_expect(ssl, want, 900);
    tls_say(ssl, "W", 1);
    uint8_t who[2 * sizeof(struct addr) + 1];
    struct addr own = local_addr(SSL_get_fd(ssl));
    memcpy(who, &own, sizeof own);
    memcpy(who + sizeof own, &s.f.server, sizeof own);
    who[2 * sizeof own] = TURN_TLS;
    tls_expect(ssl, who, sizeof who);
    /* Both ways of leaving: the client's notice is answered by one. */
    assert_int_equal(SSL_shutdown(ssl), 0);
    assert_int_equal(SSL_shutdown(ssl), 1);
    tls_end(ssl);
    secure_end(&s);
}

/* A server that must wait for the socket goes on where it stopped; answers beyond a record. */
static void t_large_answers(void **state)
{
    static uint8_t order[60000];
    struct secure s;

    (void)state;
    secure_begin(&s);
    s.f.conf.stream.queue_bytes = 1 << 22;
    secure_start(&s);
    SSL *ssl = tls_over(&s, tcp_to(&s.f.server));
    for (size_t i = 0; i < sizeof order; i++)
        order[i] = (uint8_t)(i % 255 + 1);
    *order = 'A';
    for (int i = 0; i < 40; i++) {
        tls_say(ssl, order, sizeof order);
        turn_over(&s.f);
    }
    *order = '0';
    for (int i = 0; i < 40; i++)
        tls_expect(ssl, order, sizeof order);
    tls_end(ssl);
    secure_end(&s);
}

/* Certificates change under living connections, and go away. */
static void t_certificates_change(void **state)
{
    struct secure s;

    (void)state;
    secure_begin(&s);
    secure_start(&s);
    SSL *old = tls_over(&s, tcp_to(&s.f.server));
    net_set_tls(s.f.net, secure_load(&s.cert));
    net_set_tls(s.f.net, secure_load(&s.cert));
    turn_over(&s.f);
    SSL *new = tls_over(&s, tcp_to(&s.f.server));
    net_set_tls(s.f.net, NULL);
    turn_over(&s.f);
    tls_say(old, "Ax", 2);
    tls_expect(old, "0x", 2);
    tls_say(new, "Ay", 2);
    tls_expect(new, "0y", 2);
    int fd = tcp_to(&s.f.server);
    put(fd, "\x16\x03\x01\x00", 4);
    expect_closed(fd);
    close(fd);
    tls_end(old);
    tls_end(new);
    net_set_tls(s.f.net, secure_load(&s.cert)); /* never taken, given back all the same */
    secure_end(&s);
}

/* R6: a handshake and nothing more, and one that stops halfway. */
static void t_handshakes_alone(void **state)
{
    struct secure s;

    (void)state;
    secure_begin(&s);
    secure_start(&s);
    SSL *bare = tls_over(&s, tcp_to(&s.f.server));
    tls_end(bare);
    SSL *silent = tls_over(&s, tcp_to(&s.f.server));
    int half = tcp_to(&s.f.server);
    put(half, "\x16\x03\x01\x02\x00\x01\x00", 7);
    turn_over(&s.f);
    put_forward += 12 * USEC_PER_SEC;
    turn_over(&s.f);
    expect_closed(half);
    assert_true(SSL_read(silent, (char[4]){0}, 4) <= 0);
    tls_end(silent);
    close(half);
    SSL *ssl = tls_over(&s, tcp_to(&s.f.server));
    tls_say(ssl, "A", 1);
    tls_expect(ssl, "0", 1);
    assert_int_equal(send(SSL_get_fd(ssl), "garbage", 7, MSG_NOSIGNAL), 7);
    assert_true(SSL_read(ssl, (char[4]){0}, 4) <= 0);
    tls_end(ssl);
    /* The web's protocol inside our TLS. */
    ssl = tls_over(&s, tcp_to(&s.f.server));
    assert_int_equal(SSL_write(ssl, "GET / HTTP/1.1\r\n", 16), 16);
    assert_true(SSL_read(ssl, (char[4]){0}, 4) <= 0);
    tls_end(ssl);
    secure_end(&s);
}

/* With a web server behind, our ALPN comes through the look at the ClientHello unharmed. */
static void t_alpn_with_a_web_server(void **state)
{
    static const unsigned char alpn[] = "\x09stun.turn";
    struct secure s;

    (void)state;
    secure_begin(&s);
    s.f.conf.web.server = free_addr();
    secure_start(&s);
    SSL_CTX_set_alpn_protos(s.ctx, alpn, sizeof alpn - 1);
    SSL *ssl = tls_over(&s, tcp_to(&s.f.server));
    const unsigned char *chosen;
    unsigned n;
    SSL_get0_alpn_selected(ssl, &chosen, &n);
    assert_int_equal(n, 9);
    assert_memory_equal(chosen, "stun.turn", n);
    tls_say(ssl, "A", 1);
    tls_expect(ssl, "0", 1);
    tls_end(ssl);
    secure_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_messages_in_any_records), cmocka_unit_test(t_large_answers),
        cmocka_unit_test(t_certificates_change),     cmocka_unit_test(t_handshakes_alone),
        cmocka_unit_test(t_alpn_with_a_web_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
