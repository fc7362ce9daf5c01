/* A server without clients: injected clock and randomness, and a generator that is the same in
 * every run. */
#ifndef TESTS_UNIT_METRICS_BED_H
#define TESTS_UNIT_METRICS_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "metrics/metrics_int.h"

#define DAY INT64_C(86400)
#define MIDNIGHT (INT64_C(20000) * DAY)

/* SplitMix64 (Steele, Lea, Flood 2014): passes the usual tests, and one multiplication is fast. */
static inline void fixed_random(void *ctx, void *ret, size_t n)
{
    uint64_t *state = ctx;
    uint8_t *to = ret;
    for (size_t i = 0; i < n; i += 8) {
        uint64_t v = *state += UINT64_C(0x9e3779b97f4a7c15);
        v = (v ^ v >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        v = (v ^ v >> 27) * UINT64_C(0x94d049bb133111eb);
        v ^= v >> 31;
        memcpy(to + i, &v, n - i < 8 ? n - i : 8);
    }
}

struct bed {
    struct metrics_conf conf;
    struct metrics *m;
    struct metrics_error err;
    uint64_t seed;
    int64_t wall;
    usec_t mono;
};

static inline struct bed bed_of(enum metrics_profile profile)
{
    return (struct bed){.conf = {.profile = profile, .file = "", .random = fixed_random},
                        .seed = 1,
                        .wall = MIDNIGHT,
                        .mono = 77 * USEC_PER_SEC};
}

static inline void bed_start(struct bed *b)
{
    b->conf.random_ctx = &b->seed;
    b->m = metrics_new(&b->conf, b->wall, b->mono, &b->err);
    assert_non_null(b->m);
}

/* Both clocks go on; true when a window was released. */
static inline bool bed_pass(struct bed *b, int64_t seconds)
{
    b->wall += seconds;
    b->mono += seconds * USEC_PER_SEC;
    return metrics_tick(b->m, b->wall, b->mono, &b->err);
}

static inline void bed_add(struct bed *b, uint64_t allocations, uint64_t volume, uint64_t rejected)
{
    metrics_add(b->m, (const uint64_t[METRICS_USES]){allocations, volume, rejected});
}

static inline size_t bed_count(const struct bed *b)
{
    const struct metrics_window *v;
    return metrics_windows(b->m, &v);
}

static inline int64_t bed_last(const struct bed *b, enum metrics_use use)
{
    const struct metrics_window *v;
    size_t n = metrics_windows(b->m, &v);
    assert_true(n > 0);
    return v[n - 1].value[use];
}

#endif
