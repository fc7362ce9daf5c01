/* Windows with given values, as if released, and the health of a server. */
#ifndef TESTS_UNIT_METRICS_SAMPLE_H
#define TESTS_UNIT_METRICS_SAMPLE_H

#include "bed.h"

static inline struct metrics_health sample_health(void)
{
    return (struct metrics_health){
        .version = "1.2.3",
        .started = 1728000060,
        .generation = 7,
        .has_credentials = true,
        .has_relay_address = true,
        .has_certificate = true,
        .certificate_days = 71,
        .redis = METRICS_REDIS_UP,
        .redis_age = 12,
        .udp_segment = true,
        .workers = 4,
    };
}

/* Whatever can be long is as long as it can be. */
static inline struct metrics_health worst_health(void)
{
    return (struct metrics_health){
        .version = "<\"&\\\n>0123456789012345678901234567890123456789012345678901234567",
        .started = INT64_C(253402300799),
        .generation = UINT32_MAX,
        .is_draining = true,
        .has_certificate = true,
        .certificate_days = 1000000,
        .redis = METRICS_REDIS_DOWN,
        .redis_age = INT64_C(99999999999),
        .workers = UINT32_MAX,
    };
}

static inline void sample_window(struct bed *b, int64_t begin, int64_t allocations, int64_t volume,
                                 int64_t rejected)
{
    b->m->kept[b->m->n++] =
        (struct metrics_window){begin, begin + b->m->length, {allocations, volume, rejected}};
}

static inline struct bed sample_bed(enum metrics_profile profile, bool with_alarm)
{
    struct bed b = bed_of(profile);
    b.conf.capacity_alarm = with_alarm;
    b.conf.capacity = METRICS_CAPACITY_MIN;
    return b;
}

static inline void fill_worst(struct bed *b, int64_t value)
{
    for (int64_t i = 0; i < METRICS_WINDOWS_KEPT; i++)
        sample_window(b, MIDNIGHT + i * b->m->length, value, value, 100000);
}

#endif
