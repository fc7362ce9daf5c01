/* TLS to Redis: the chain and the name in the certificate are always verified. */
#include "redis/redis_int.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/addr.h"
#include "base/mem.h"

struct redis_tls {
    SSL_CTX *ctx;
};

struct redis_tls *redis_tls_new(const char *ca, struct auth_error *err)
{
    struct redis_tls *t = mem_zalloc(sizeof(*t));
    if (t)
        t->ctx = SSL_CTX_new(TLS_client_method());
    if (!t || !t->ctx) {
        redis_tls_free(t);
        (void)redis_fail(err, -ENOMEM, "out of memory");
        return NULL;
    }
    SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION);
    int ok =
        ca[0] ? SSL_CTX_load_verify_file(t->ctx, ca) : SSL_CTX_set_default_verify_paths(t->ctx);
    ERR_clear_error();
    if (ok == 1)
        return t;
    redis_tls_free(t);
    (void)redis_fail(err, -EINVAL, "%s: cannot be read as certificates in PEM",
                     ca[0] ? ca : "the system's certificates");
    return NULL;
}

void redis_tls_free(struct redis_tls *t)
{
    if (!t)
        return;
    SSL_CTX_free(t->ctx);
    mem_free(t);
}

/* Clients send a name as SNI, an address not (RFC 6066 section 3). */
static bool expect(SSL *ssl, const char *host)
{
    struct addr a;
    if (addr_parse(host, &a))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

struct bufferevent *redis_tls_wrap(struct redis_tls *t, struct event_base *base, int fd,
                                   const char *host)
{
    SSL *ssl = SSL_new(t->ctx);
    if (!ssl)
        return NULL;
    if (!expect(ssl, host)) {
        SSL_free(ssl);
        return NULL;
    }
    struct bufferevent *bev = bufferevent_openssl_socket_new(
        base, fd, ssl, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
    if (!bev) {
        SSL_free(ssl);
        return NULL;
    }
    bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    return bev;
}

const char *redis_tls_why(struct bufferevent *bev)
{
    SSL *ssl = bufferevent_openssl_get_ssl(bev);
    long verdict = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;
    ERR_clear_error();
    if (verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH)
        return "its certificate is for another name";
    if (verdict == X509_V_ERR_CERT_HAS_EXPIRED)
        return "its certificate has expired";
    if (verdict != X509_V_OK)
        return "its certificate is not from an authority that is trusted here";
    return "the TLS handshake failed";
}
