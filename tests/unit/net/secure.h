/* A net that speaks TLS around the fake engine, and an ordinary client's end of it. */
#ifndef TESTS_UNIT_NET_SECURE_H
#define TESTS_UNIT_NET_SECURE_H

#include "certificate.h"
#include "streams.h"

#include <openssl/ssl.h>

struct secure {
    struct fixture f;
    struct certificate cert;
    SSL_CTX *ctx;
};

static inline struct net_tls *secure_load(const struct certificate *c)
{
    struct net_error err = {""};
    struct net_tls_pair pair = {c->pem, c->key};
    struct net_tls *tls = net_tls_load(&(struct net_tls_conf){&pair, 1, false}, &err);
    assert_string_equal(err.text, "");
    return tls;
}

static inline void secure_begin(struct secure *s)
{
    stream_begin(&s->f, ADDR_V4);
    certificate_make(&s->cert, EVP_EC_gen("P-256"), "DNS:relay.example", 30);
    s->ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(s->ctx);
}

static inline void secure_start(struct secure *s)
{
    begin_again(&s->f);
    net_set_tls(s->f.net, secure_load(&s->cert));
    start(&s->f);
}

static inline void secure_end(struct secure *s)
{
    SSL_CTX_free(s->ctx);
    certificate_remove(&s->cert);
    end(&s->f);
}

static inline SSL *tls_over(const struct secure *s, int fd)
{
    SSL *ssl = SSL_new(s->ctx);
    assert_non_null(ssl);
    SSL_set_fd(ssl, fd);
    assert_int_equal(SSL_connect(ssl), 1);
    return ssl;
}

static inline void tls_end(SSL *ssl)
{
    int fd = SSL_get_fd(ssl);
    SSL_free(ssl);
    close(fd);
}

static inline void tls_say(SSL *ssl, const void *order, size_t n)
{
    static uint8_t bytes[MESSAGE_MAX];
    size_t len = stun_message(bytes, order, n);
    assert_int_equal(SSL_write(ssl, bytes, (int)len), (int)len);
}

/* What is written meanwhile arrives together. */
static inline void tls_hold(SSL *ssl, int hold)
{
    assert_int_equal(setsockopt(SSL_get_fd(ssl), IPPROTO_TCP, TCP_CORK, &hold, sizeof hold), 0);
}

static inline void tls_expect(SSL *ssl, const void *want, size_t n)
{
    static uint8_t got[1 << 20];
    size_t have = 0;
    while (have < n) {
        int r = SSL_read(ssl, got + have, (int)(n - have));
        assert_true(r > 0);
        have += (size_t)r;
    }
    assert_memory_equal(got, want, n);
}

#endif
