/* Messages built attribute by attribute without asking the table, so that they may be wrong. */
#ifndef TESTS_UNIT_WIRE_RAW_H
#define TESTS_UNIT_WIRE_RAW_H

#include "wire/stun_build.h"
#include "wire/stun_parse.h"

static const uint8_t RAW_TID[STUN_TID_LEN] = {0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34,
                                              0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae};

struct raw {
    uint8_t bytes[70000];
    struct writer w;
};

static inline void raw_begin(struct raw *r)
{
    r->w = w_over(r->bytes, sizeof r->bytes);
    stun_begin(&r->w, STUN_REQUEST, STUN_ALLOCATE, RAW_TID);
}

static inline void raw_attr(struct raw *r, uint16_t type, const void *value, size_t n)
{
    w_u16(&r->w, type);
    w_u16(&r->w, (uint16_t)n);
    w_bytes(&r->w, span_of(value, n));
    w_zero(&r->w, -n & 3);
    stun_end(&r->w);
}

static inline int raw_parse(const struct raw *r, struct stun_msg *m)
{
    return stun_parse(w_span(&r->w), m);
}

#endif
