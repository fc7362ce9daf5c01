/* The client's side of TLS and DTLS for drehkreuz check: never stops at a bad certificate, but
 * tells everything that is wrong with it. */
#ifndef RELAY_CHECK_TLS_INT_H
#define RELAY_CHECK_TLS_INT_H

#include "base/addr.h"
#include "base/clock.h"

enum tls_verdict {
    TLS_CERT_GOOD,
    TLS_CERT_EXPIRED,
    TLS_CERT_CHAIN_EXPIRED, /* another one than the server's own */
    TLS_CERT_EARLY,
    TLS_CERT_SELF_SIGNED,
    TLS_CERT_WRONG_NAME,
    TLS_CERT_INCOMPLETE, /* the server sent its own certificate alone */
    TLS_CERT_UNKNOWN_ISSUER,
    TLS_CERT_OTHER,
};

struct tls_seen {
    char version[16];
    char suite[64];
    char group[48]; /* of the key agreement; "" = the library does not tell */
    enum tls_verdict verdict;
    const char *reason; /* the library's words for TLS_CERT_OTHER */
    int64_t days;       /* that the certificate has left, rounded down */
};

struct tls_client;

struct tls_client_conf {
    int fd; /* connected and non-blocking; stays the caller's */
    const struct addr *server;
    bool datagram;
    const char *name; /* host name or IP address that the certificate must be for; "" = any */
};

/* NULL = no memory. */
struct tls_client *tls_client_new(const struct tls_client_conf *conf);
/* Says goodbye. Accepts NULL. */
void tls_client_free(struct tls_client *t);

/* 0, -ETIMEDOUT, -ECONNREFUSED, -ECONNRESET (closed), -ENOTSUP (no common version or suite),
 * -EPROTO (that is no TLS). */
int tls_client_handshake(struct tls_client *t, usec_t until);
/* After the handshake. */
void tls_client_look(const struct tls_client *t, struct tls_seen *ret);

bool tls_client_write(struct tls_client *t, struct span data);
/* 0, -EAGAIN, -ECONNREFUSED or -ECONNRESET. */
int tls_client_read(struct tls_client *t, uint8_t *buf, size_t cap, size_t *ret_n);

#endif
