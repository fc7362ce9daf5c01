/* A borrowed run of bytes. Never owns; the text at the borrower says until when it is valid. */
#ifndef RELAY_BASE_SPAN_H
#define RELAY_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const uint8_t *p;
    size_t n;
};

static inline struct span span_of(const void *p, size_t n)
{
    return (struct span){p, n};
}

static inline struct span span_text(const char *text)
{
    return span_of(text, strlen(text));
}

/* Not constant time: for public bytes only; secrets go through crypto_equal. */
static inline bool span_eq(struct span a, struct span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

#endif
