/* Sentences for the operator about his own listeners and certificates. */
#ifndef RELAY_NET_NET_ERROR_INT_H
#define RELAY_NET_NET_ERROR_INT_H

#include "net/net.h"

/* "cannot listen on TRANSPORT ADDRESS: REASON: REMEDY". */
void net_error_listener(struct net_error *ret, const char *transport, const struct addr *addr,
                        int err);
/* "cannot start the workers: REASON: REMEDY". */
void net_error_workers(struct net_error *ret, int err);

enum tls_fault {
    TLS_NO_PAIRS,
    TLS_NO_MEMORY,
    TLS_UNREADABLE,
    TLS_NO_CERTIFICATE,
    TLS_NO_KEY,
    TLS_MISMATCH,
    TLS_REFUSED,
};

struct tls_trouble {
    enum tls_fault fault;
    const char *file;
    const char *other; /* TLS_MISMATCH: the certificate; file is the key */
    int err;           /* TLS_UNREADABLE: errno */
};

/* "FILE: REASON: REMEDY". */
void net_error_tls(struct net_error *ret, const struct tls_trouble *trouble);

#endif
