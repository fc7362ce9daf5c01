/* Bounded big-endian reader with a sticky error: once `bad`, every read returns zero or an empty
 * span, so a record is read as a straight column of calls and tested once, at the end. */
#ifndef RELAY_BASE_READER_H
#define RELAY_BASE_READER_H

#include "base/span.h"

struct reader {
    const uint8_t *p;
    const uint8_t *end;
    bool bad;
};

static inline struct reader r_from(struct span s)
{
    const uint8_t *p = s.p ? s.p : (const uint8_t *)""; /* NULL has no end to compute */
    return (struct reader){p, p + s.n, false};
}

static inline size_t r_left(const struct reader *r)
{
    return r->bad ? 0 : (size_t)(r->end - r->p);
}

static inline struct span r_bytes(struct reader *r, size_t n)
{
    if (n > r_left(r)) {
        r->bad = true;
        return span_of(NULL, 0);
    }
    struct span s = span_of(r->p, n);
    r->p += n;
    return s;
}

static inline uint64_t r_uint(struct reader *r, size_t width)
{
    struct span s = r_bytes(r, width);
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++)
        v = v << 8 | s.p[i];
    return v;
}

static inline uint8_t r_u8(struct reader *r)
{
    return (uint8_t)r_uint(r, 1);
}

static inline uint16_t r_u16(struct reader *r)
{
    return (uint16_t)r_uint(r, 2);
}

static inline uint32_t r_u32(struct reader *r)
{
    return (uint32_t)r_uint(r, 4);
}

static inline uint64_t r_u64(struct reader *r)
{
    return r_uint(r, 8);
}

/* A bounded child over the next n bytes; the parent moves past it. */
static inline struct reader r_sub(struct reader *r, size_t n)
{
    struct span s = r_bytes(r, n);
    struct reader child = r_from(s);
    child.bad = r->bad;
    return child;
}

static inline bool r_done(const struct reader *r)
{
    return !r->bad && r->p == r->end;
}

#endif
