/* One pass over a datagram: checks the framing and indexes the attributes. No allocation; every
 * span points into the datagram and lives as long as it does. */
#ifndef RELAY_WIRE_STUN_PARSE_H
#define RELAY_WIRE_STUN_PARSE_H

#include "base/addr.h"
#include "wire/stun.h"
#include "wire/stun_attr.h"

struct stun_msg {
    struct span raw; /* the whole message */
    enum stun_class cls;
    uint16_t method;
    uint8_t tid[STUN_TID_LEN];
    uint64_t present; /* bit per enum stun_attr, first occurrences that count */
    uint64_t bad;     /* of those, the ones whose value breaks its row (length, family, UTF-8) */
    struct span value[STUN_ATTR_COUNT];
    size_t end; /* offset in raw behind the last attribute that counts (RFC 8489 14.5: what follows
                 * MESSAGE-INTEGRITY does not, except the two below) */
};

/* 0, or -EBADMSG for what is not STUN: bits, cookie, length not equal to the datagram, attribute
 * overrun, anything behind FINGERPRINT, wrong FINGERPRINT (RFC 8489 sections 5, 6.3, 14.7). *ret is
 * meaningless then. */
int stun_parse(struct span datagram, struct stun_msg *ret);

static inline bool stun_has(const struct stun_msg *m, enum stun_attr a)
{
    return (m->present >> a & 1) != 0;
}

static inline bool stun_bad(const struct stun_msg *m, enum stun_attr a)
{
    return (m->bad >> a & 1) != 0;
}

/* Typed getters: false when absent or broken, *ret untouched then. U8, U8PAD, U16PAD, U32 kinds
 * all come as a number, reserved bytes dropped. */
bool stun_get_number(const struct stun_msg *m, enum stun_attr a, uint32_t *ret);
/* ADDR and XADDR kinds. */
bool stun_get_addr(const struct stun_msg *m, enum stun_attr a, struct addr *ret);
bool stun_get_bytes(const struct stun_msg *m, enum stun_attr a, struct span *ret);

/* Walks all occurrences of one attribute (first, second, ...) among those that count. Start with
 * *cursor = 0. */
bool stun_next(const struct stun_msg *m, enum stun_attr a, size_t *cursor, struct span *ret);
/* Decodes one XADDR value of this message. */
bool stun_addr_value(const struct stun_msg *m, struct span value, struct addr *ret);

/* Walks the comprehension-required types that we do not know, in order (RFC 8489 section 6.3.1).
 * Start with *cursor = 0. */
bool stun_next_unknown(const struct stun_msg *m, size_t *cursor, uint16_t *ret_type);

#endif
