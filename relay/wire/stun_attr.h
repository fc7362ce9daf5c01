/* THE attribute table. One row drives parsing, validation, building, the report of unknown
 * attributes, the round-trip tests and the fuzz dictionary. */
#ifndef RELAY_WIRE_STUN_ATTR_H
#define RELAY_WIRE_STUN_ATTR_H

#include <stddef.h>
#include <stdint.h>

/* How a value is laid out. */
enum stun_kind {
    STUN_KIND_BYTES,   /* opaque */
    STUN_KIND_TEXT,    /* UTF-8 */
    STUN_KIND_FLAG,    /* empty */
    STUN_KIND_U8,      /* one byte */
    STUN_KIND_U8PAD,   /* one byte, three reserved (ignored) */
    STUN_KIND_U16PAD,  /* two bytes, two reserved (ignored) */
    STUN_KIND_U32,     /* four bytes */
    STUN_KIND_ADDR,    /* RFC 8489 14.1 */
    STUN_KIND_XADDR,   /* RFC 8489 14.2 */
    STUN_KIND_ERROR,   /* RFC 8489 14.8 */
    STUN_KIND_TYPES,   /* list of 16-bit attribute types */
    STUN_KIND_ALGS,    /* list of algorithms with parameters, RFC 8489 14.11 */
    STUN_KIND_ADDRERR, /* RFC 8656 18.12 */
    STUN_KIND_ICMP,    /* RFC 8656 18.13 */
};

/* X(name, type, kind, smallest length, largest length). Lengths without padding. */
#define STUN_ATTRS(X)                                                                              \
    X(MAPPED_ADDRESS, 0x0001, STUN_KIND_ADDR, 8, 20)                                               \
    X(USERNAME, 0x0006, STUN_KIND_TEXT, 0, 763)                                                    \
    X(MESSAGE_INTEGRITY, 0x0008, STUN_KIND_BYTES, 20, 20)                                          \
    X(ERROR_CODE, 0x0009, STUN_KIND_ERROR, 4, 767)                                                 \
    X(UNKNOWN_ATTRIBUTES, 0x000A, STUN_KIND_TYPES, 0, 65532)                                       \
    X(CHANNEL_NUMBER, 0x000C, STUN_KIND_U16PAD, 4, 4)                                              \
    X(LIFETIME, 0x000D, STUN_KIND_U32, 4, 4)                                                       \
    X(XOR_PEER_ADDRESS, 0x0012, STUN_KIND_XADDR, 8, 20)                                            \
    X(DATA, 0x0013, STUN_KIND_BYTES, 0, 65535)                                                     \
    X(REALM, 0x0014, STUN_KIND_TEXT, 0, 763)                                                       \
    X(NONCE, 0x0015, STUN_KIND_TEXT, 0, 763)                                                       \
    X(XOR_RELAYED_ADDRESS, 0x0016, STUN_KIND_XADDR, 8, 20)                                         \
    X(REQUESTED_ADDRESS_FAMILY, 0x0017, STUN_KIND_U8PAD, 4, 4)                                     \
    X(EVEN_PORT, 0x0018, STUN_KIND_U8, 1, 1)                                                       \
    X(REQUESTED_TRANSPORT, 0x0019, STUN_KIND_U8PAD, 4, 4)                                          \
    X(DONT_FRAGMENT, 0x001A, STUN_KIND_FLAG, 0, 0)                                                 \
    X(MESSAGE_INTEGRITY_SHA256, 0x001C, STUN_KIND_BYTES, 16, 32)                                   \
    X(PASSWORD_ALGORITHM, 0x001D, STUN_KIND_ALGS, 4, 65535)                                        \
    X(USERHASH, 0x001E, STUN_KIND_BYTES, 32, 32)                                                   \
    X(XOR_MAPPED_ADDRESS, 0x0020, STUN_KIND_XADDR, 8, 20)                                          \
    X(RESERVATION_TOKEN, 0x0022, STUN_KIND_BYTES, 8, 8)                                            \
    X(CONNECTION_ID, 0x002A, STUN_KIND_U32, 4, 4)                                                  \
    X(ADDITIONAL_ADDRESS_FAMILY, 0x8000, STUN_KIND_U8PAD, 4, 4)                                    \
    X(ADDRESS_ERROR_CODE, 0x8001, STUN_KIND_ADDRERR, 4, 767)                                       \
    X(PASSWORD_ALGORITHMS, 0x8002, STUN_KIND_ALGS, 4, 65535)                                       \
    X(ICMP, 0x8004, STUN_KIND_ICMP, 8, 8)                                                          \
    X(SOFTWARE, 0x8022, STUN_KIND_TEXT, 0, 763)                                                    \
    X(FINGERPRINT, 0x8028, STUN_KIND_U32, 4, 4)

enum stun_attr {
#define X(name, type, kind, min, max) STUN_ATTR_##name,
    STUN_ATTRS(X)
#undef X
        STUN_ATTR_COUNT
};

struct stun_attr_row {
    const char *name; /* "XOR_PEER_ADDRESS" */
    uint16_t type;
    enum stun_kind kind;
    uint16_t min;
    uint16_t max;
};

const struct stun_attr_row *stun_attr_row(enum stun_attr a);

/* Row of a type, or STUN_ATTR_COUNT for one we do not know. */
enum stun_attr stun_attr_find(uint16_t type);

/* Bytes of the number that U8, U8PAD, U16PAD and U32 kinds begin with; 0 for all others. */
size_t stun_kind_width(enum stun_kind kind);

/* RFC 8489 section 14: types below 0x8000 must be understood. */
static inline int stun_attr_is_required(uint16_t type)
{
    return type < 0x8000;
}

#endif
