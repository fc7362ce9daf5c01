/* After Canonne, Kamath, Steinke (2020), "The Discrete Gaussian for Differential Privacy",
 * algorithms 1 and 2, with the scale an integer. */
#include "metrics/laplace.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Sums without noise would be worse than no server. */
static void kernel_random(void *ctx, void *ret, size_t n)
{
    (void)ctx;
    for (uint8_t *to = ret; n;) {
        ssize_t got = getrandom(to, n, 0);
        if (got < 0 && errno != EINTR)
            abort();
        if (got > 0) {
            to += got;
            n -= (size_t)got;
        }
    }
}

static uint64_t random_u64(struct laplace_source *s)
{
    uint64_t v;
    if (s->left < sizeof v) {
        s->random(s->ctx, s->pool, sizeof s->pool);
        s->left = sizeof s->pool;
    }
    s->left -= sizeof v;
    memcpy(&v, s->pool + s->left, sizeof v);
    explicit_bzero(s->pool + s->left, sizeof v);
    return v;
}

/* True with probability exp(-n/d), n <= d: the length of a run in which the k-th member has
 * probability n/(d k) is even with just this probability. d k fits: the run is longer than 20 once
 * in 20!. */
static bool is_exp(struct laplace_source *s, uint64_t n, uint64_t d)
{
    uint64_t k = 1;
    while (laplace_uniform(s, d * k) < n)
        k++;
    return k % 2 == 1;
}

/* Distributed as |z| of DLap(b), zero twice as likely: low digit and high digit to the base b. */
static int64_t magnitude(struct laplace_source *s, uint32_t b)
{
    uint64_t low;
    do
        low = laplace_uniform(s, b);
    while (!is_exp(s, low, b));
    int64_t high = 0;
    while (is_exp(s, 1, 1))
        high++;
    return (int64_t)low + high * (int64_t)b;
}

void laplace_init(struct laplace_source *s, void (*random)(void *ctx, void *ret, size_t n),
                  void *ctx)
{
    *s = (struct laplace_source){.random = random ? random : kernel_random, .ctx = ctx};
}

void laplace_forget(struct laplace_source *s)
{
    explicit_bzero(s->pool, sizeof s->pool);
    s->left = 0;
}

uint64_t laplace_uniform(struct laplace_source *s, uint64_t n)
{
    /* The 2^64 mod n lowest values are the ones too many. */
    uint64_t surplus = (0 - n) % n;
    uint64_t v;
    do
        v = random_u64(s);
    while (v < surplus);
    return v % n;
}

int64_t laplace_draw(struct laplace_source *s, uint32_t b)
{
    for (;;) {
        int64_t v = magnitude(s, b);
        bool is_negative = laplace_uniform(s, 2) == 1;
        if (v || !is_negative) /* else zero would have two ways to come about */
            return is_negative ? -v : v;
    }
}
