/* libssl as a client. The handshake goes on whatever the certificate is, and the verdict is asked
 * for afterwards. */
#include "check/tls_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/mem.h"

enum { MTU = 1200, DAY = 86400 };

struct tls_client {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
    bool datagram;
};

static bool is_address(const char *name)
{
    struct addr a;
    return addr_parse(name, &a);
}

/* Clients send a name as SNI, an address not (RFC 6066 section 3). */
static bool expect_name(SSL *ssl, const char *name)
{
    if (!name[0])
        return true;
    if (is_address(name))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    return SSL_set_tlsext_host_name(ssl, name) == 1 && SSL_set1_host(ssl, name) == 1;
}

static BIO *datagram_bio(int fd, const struct addr *server)
{
    BIO *bio = BIO_new_dgram(fd, BIO_NOCLOSE);
    BIO_ADDR *peer = BIO_ADDR_new();
    int family = server->family == ADDR_V6 ? AF_INET6 : AF_INET;
    size_t n = server->family == ADDR_V6 ? 16 : 4;
    if (bio && peer && BIO_ADDR_rawmake(peer, family, server->ip, n, htons(server->port)) == 1)
        BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_CONNECTED, 0, peer);
    BIO_ADDR_free(peer);
    return bio;
}

static bool set_up(struct tls_client *t, const struct tls_client_conf *conf)
{
    t->ctx = SSL_CTX_new(conf->datagram ? DTLS_client_method() : TLS_client_method());
    if (!t->ctx || SSL_CTX_set_default_verify_paths(t->ctx) != 1)
        return false;
    SSL_CTX_set_verify(t->ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_min_proto_version(t->ctx, conf->datagram ? DTLS1_2_VERSION : TLS1_2_VERSION);
    t->ssl = SSL_new(t->ctx);
    BIO *bio = conf->datagram ? datagram_bio(conf->fd, conf->server)
                              : BIO_new_socket(conf->fd, BIO_NOCLOSE);
    if (!t->ssl || !bio) {
        BIO_free(bio);
        return false;
    }
    SSL_set_bio(t->ssl, bio, bio);
    if (conf->datagram) {
        SSL_set_options(t->ssl, SSL_OP_NO_QUERY_MTU);
        SSL_set_mtu(t->ssl, MTU);
    }
    return expect_name(t->ssl, conf->name);
}

struct tls_client *tls_client_new(const struct tls_client_conf *conf)
{
    struct tls_client *t = mem_zalloc(sizeof(*t));
    if (!t)
        return NULL;
    t->fd = conf->fd;
    t->datagram = conf->datagram;
    if (set_up(t, conf))
        return t;
    tls_client_free(t);
    return NULL;
}

void tls_client_free(struct tls_client *t)
{
    if (!t)
        return;
    if (t->ssl && SSL_is_init_finished(t->ssl))
        (void)SSL_shutdown(t->ssl);
    ERR_clear_error();
    SSL_free(t->ssl);
    SSL_CTX_free(t->ctx);
    mem_free(t);
}

/* --- The handshake --- */

static int reason_code(void)
{
    static const struct {
        int reason;
        int code;
    } rows[] = {
        {SSL_R_UNEXPECTED_EOF_WHILE_READING, -ECONNRESET},
        {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, -ENOTSUP},
        {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, -ENOTSUP},
        {SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY, -ENOTSUP},
        {SSL_R_UNSUPPORTED_PROTOCOL, -ENOTSUP},
    };
    int reason = ERR_GET_REASON(ERR_peek_error());
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].reason == reason)
            return rows[i].code;
    return -EPROTO;
}

/* What an SSL call's failure means; -EAGAIN = wait for the socket. */
static int code_of(const struct tls_client *t, int result, int saved)
{
    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return -EAGAIN;
    case SSL_ERROR_SYSCALL:
        return saved == ECONNREFUSED ? -ECONNREFUSED : -ECONNRESET;
    case SSL_ERROR_SSL:
        return reason_code();
    default:
        return -ECONNRESET;
    }
}

static void wait_for_socket(const struct tls_client *t, usec_t left)
{
    struct timeval flight;
    short events = SSL_want_write(t->ssl) ? POLLOUT : POLLIN;
    struct pollfd p = {.fd = t->fd, .events = events};
    if (t->datagram && DTLSv1_get_timeout(t->ssl, &flight) == 1) {
        usec_t resend = flight.tv_sec * USEC_PER_SEC + flight.tv_usec;
        left = resend < left ? resend : left;
    }
    if (poll(&p, 1, (int)(left / 1000) + 1) == 0 && t->datagram)
        (void)DTLSv1_handle_timeout(t->ssl);
}

int tls_client_handshake(struct tls_client *t, usec_t until)
{
    for (;;) {
        ERR_clear_error();
        errno = 0;
        int r = SSL_connect(t->ssl);
        int saved = errno;
        int code = r == 1 ? 0 : code_of(t, r, saved);
        usec_t left = until - clock_monotonic();
        if (code != -EAGAIN)
            return code;
        if (left <= 0)
            return -ETIMEDOUT;
        wait_for_socket(t, left);
    }
}

/* --- What was found --- */

static enum tls_verdict verdict(const SSL *ssl, long error)
{
    static const struct {
        long error;
        enum tls_verdict verdict;
    } rows[] = {
        {X509_V_OK, TLS_CERT_GOOD},
        {X509_V_ERR_CERT_HAS_EXPIRED, TLS_CERT_EXPIRED},
        {X509_V_ERR_CERT_NOT_YET_VALID, TLS_CERT_EARLY},
        {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, TLS_CERT_SELF_SIGNED},
        {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, TLS_CERT_UNKNOWN_ISSUER},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, TLS_CERT_UNKNOWN_ISSUER},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, TLS_CERT_UNKNOWN_ISSUER},
        {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, TLS_CERT_UNKNOWN_ISSUER},
        {X509_V_ERR_HOSTNAME_MISMATCH, TLS_CERT_WRONG_NAME},
        {X509_V_ERR_IP_ADDRESS_MISMATCH, TLS_CERT_WRONG_NAME},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].error != error)
            continue;
        bool is_alone = sk_X509_num(SSL_get_peer_cert_chain(ssl)) < 2;
        return rows[i].verdict == TLS_CERT_UNKNOWN_ISSUER && is_alone ? TLS_CERT_INCOMPLETE
                                                                      : rows[i].verdict;
    }
    return TLS_CERT_OTHER;
}

/* Rounded down, so that the hour after the end is day -1. */
static int64_t days_left(const X509 *own)
{
    int days = 0;
    int seconds = 0;
    if (!own || ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(own)) != 1)
        return 0;
    return seconds < 0 ? days - 1 : days;
}

void tls_client_look(const struct tls_client *t, struct tls_seen *ret)
{
    long error = SSL_get_verify_result(t->ssl);
    const X509 *own = SSL_get0_peer_certificate(t->ssl);
    int group = (int)SSL_get_negotiated_group(t->ssl);
    const char *name = group ? SSL_group_to_name(t->ssl, group) : NULL;
    memset(ret, 0, sizeof(*ret));
    snprintf(ret->version, sizeof(ret->version), "%s", SSL_get_version(t->ssl));
    snprintf(ret->suite, sizeof(ret->suite), "%s", SSL_get_cipher_name(t->ssl));
    snprintf(ret->group, sizeof(ret->group), "%s", name ? name : "");
    ret->verdict = verdict(t->ssl, error);
    ret->reason = X509_verify_cert_error_string(error);
    ret->days = days_left(own);
    if (ret->verdict == TLS_CERT_EXPIRED && ret->days >= 0)
        ret->verdict = TLS_CERT_CHAIN_EXPIRED;
}

/* --- Data --- */

bool tls_client_write(struct tls_client *t, struct span data)
{
    size_t n;
    ERR_clear_error();
    return SSL_write_ex(t->ssl, data.p, data.n, &n) == 1 && n == data.n;
}

int tls_client_read(struct tls_client *t, uint8_t *buf, size_t cap, size_t *ret_n)
{
    size_t n;
    ERR_clear_error();
    errno = 0;
    int r = SSL_read_ex(t->ssl, buf, cap, &n);
    int saved = errno;
    if (r != 1) {
        int code = code_of(t, r, saved);
        return code == -EAGAIN || code == -ECONNREFUSED ? code : -ECONNRESET;
    }
    *ret_n = n;
    return 0;
}
