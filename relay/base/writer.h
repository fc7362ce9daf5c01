/* Bounded big-endian writer over a caller's buffer. It never grows: past the end it turns `bad`
 * and ignores further writes. */
#ifndef RELAY_BASE_WRITER_H
#define RELAY_BASE_WRITER_H

#include "base/span.h"

struct writer {
    uint8_t *p;
    size_t n;
    size_t cap;
    bool bad;
};

static inline struct writer w_over(void *buffer, size_t cap)
{
    return (struct writer){buffer, 0, cap, false};
}

/* Room for n bytes, or NULL and `bad`. */
static inline uint8_t *w_room(struct writer *w, size_t n)
{
    if (w->bad || n > w->cap - w->n) {
        w->bad = true;
        return NULL;
    }
    uint8_t *at = w->p + w->n;
    w->n += n;
    return at;
}

static inline void w_bytes(struct writer *w, struct span s)
{
    uint8_t *at = w_room(w, s.n);
    if (at && s.n)
        memcpy(at, s.p, s.n);
}

static inline void w_zero(struct writer *w, size_t n)
{
    uint8_t *at = w_room(w, n);
    if (at && n)
        memset(at, 0, n);
}

static inline void w_uint(struct writer *w, size_t width, uint64_t v)
{
    uint8_t *at = w_room(w, width);
    if (!at)
        return;
    for (size_t i = width; i-- > 0; v >>= 8)
        at[i] = (uint8_t)v;
}

static inline void w_u8(struct writer *w, uint8_t v)
{
    w_uint(w, 1, v);
}

static inline void w_u16(struct writer *w, uint16_t v)
{
    w_uint(w, 2, v);
}

static inline void w_u32(struct writer *w, uint32_t v)
{
    w_uint(w, 4, v);
}

static inline void w_u64(struct writer *w, uint64_t v)
{
    w_uint(w, 8, v);
}

/* Overwrites two bytes already written at `at`; out of range turns `bad`. */
static inline void w_patch16(struct writer *w, size_t at, uint16_t v)
{
    if (w->bad || at + 2 > w->n) {
        w->bad = true;
        return;
    }
    w->p[at] = (uint8_t)(v >> 8);
    w->p[at + 1] = (uint8_t)v;
}

/* What has been written; empty when `bad`. */
static inline struct span w_span(const struct writer *w)
{
    return span_of(w->p, w->bad ? 0 : w->n);
}

#endif
