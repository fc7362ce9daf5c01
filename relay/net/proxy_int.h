/* The PROXY protocol, versions 1 and 2: a trusted proxy says in front of the connection whose it
 * is. Pure. */
#ifndef RELAY_NET_PROXY_INT_H
#define RELAY_NET_PROXY_INT_H

#include "base/addr.h"

enum proxy_state {
    PROXY_MORE,  /* a header could start like this */
    PROXY_FOUND, /* a whole one */
    PROXY_BAD,   /* none, or one that is not for a TCP connection */
};

enum proxy_size {
    PROXY_V1_MAX = 107,  /* line end included */
    PROXY_V2_MAX = 4096, /* extensions included */
    PROXY_WRITE_MAX = 52,
};

struct proxy {
    size_t len;       /* of the header; the client's own bytes start behind it */
    struct addr from; /* family ADDR_NONE, in both: the proxy speaks for itself or does not know */
    struct addr to;
};

/* Looks at the start of what has been received; *ret is filled for PROXY_FOUND only. */
enum proxy_state proxy_parse(struct span bytes, struct proxy *ret);

/* Version 2. How many bytes were written; without addresses if their families are not equal. */
size_t proxy_write(const struct addr *from, const struct addr *to, uint8_t ret[PROXY_WRITE_MAX]);

#endif
