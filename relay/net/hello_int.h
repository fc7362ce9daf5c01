/* What a TLS ClientHello says openly: the server name (RFC 6066 section 3) and the protocols the
 * client would speak (RFC 7301). Decides, before any TLS, whose connection it is. Pure. */
#ifndef RELAY_NET_HELLO_INT_H
#define RELAY_NET_HELLO_INT_H

#include "base/span.h"

enum hello_state {
    HELLO_MORE,  /* a ClientHello could start like this */
    HELLO_FOUND, /* a whole one */
    HELLO_BAD,   /* none */
};

enum hello_size {
    HELLO_MAX = 16384, /* of bytes looked at; a longer one is bad */
    HELLO_NAME_MAX = 255,
    HELLO_SPLIT_MAX = 512, /* of fields that lie in several TLS records */
};

/* The spans lie in the bytes given, or in split: do not copy the struct. */
struct hello {
    struct span name; /* the host name as sent; empty if none */
    struct span alpn; /* the ProtocolNameList's entries, well-formed; empty if none */
    uint8_t split[HELLO_SPLIT_MAX];
};

/* Looks at all that has been received so far. *ret is filled for HELLO_FOUND only, though its
 * split may have been written to. */
enum hello_state hello_parse(struct span bytes, struct hello *ret);
bool hello_offers(const struct hello *hello, const char *protocol);

#endif
