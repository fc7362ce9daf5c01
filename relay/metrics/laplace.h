/* Noise: the discrete Laplace distribution DLap(b), P(z) ~ exp(-|z|/b) over all integers z, drawn
 * exactly from random integers. No floating point: rounded samplers have holes in their values, and
 * the holes tell the sum they were added to (Mironov 2012). */
#ifndef RELAY_METRICS_LAPLACE_H
#define RELAY_METRICS_LAPLACE_H

#include <stddef.h>
#include <stdint.h>

enum { LAPLACE_POOL = 256, LAPLACE_SCALE_MAX = 1 << 20 };

/* Random bytes, fetched in runs. What has been used is overwritten at once. */
struct laplace_source {
    void (*random)(void *ctx, void *ret, size_t n);
    void *ctx;
    uint8_t pool[LAPLACE_POOL];
    size_t left;
};

/* random: NULL = the kernel's, without which the process ends. */
void laplace_init(struct laplace_source *s, void (*random)(void *ctx, void *ret, size_t n),
                  void *ctx);
/* Overwrites what is left: bytes that will be noise are as telling as the noise. */
void laplace_forget(struct laplace_source *s);

/* 0 to n - 1, each as likely; n at least 1. */
uint64_t laplace_uniform(struct laplace_source *s, uint64_t n);
/* b from 1 to LAPLACE_SCALE_MAX. A source that gives the same bytes for ever has no end here. */
int64_t laplace_draw(struct laplace_source *s, uint32_t b);

#endif
