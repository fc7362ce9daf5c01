/* A token bucket over bytes; all zero is a full one. */
#ifndef RELAY_TURN_RATE_H
#define RELAY_TURN_RATE_H

#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>

enum rate_size { RATE_BURST_MIN = 65536 };

/* Above this the arithmetic below would overflow; no link is as fast. */
#define RATE_MAX UINT64_C(1000000000000)

struct rate {
    usec_t at;
    int64_t used; /* missing from the full bucket, in bytes x 10^-6 */
};

static inline uint64_t rate_speed(uint64_t per_second)
{
    return per_second < RATE_MAX ? per_second : RATE_MAX;
}

/* The bucket holds half a second's worth and at least 64 KiB. */
static inline uint64_t rate_burst(uint64_t speed)
{
    return speed / 2 > RATE_BURST_MIN ? speed / 2 : RATE_BURST_MIN;
}

static inline int64_t rate_used(const struct rate *r, uint64_t speed, usec_t now)
{
    usec_t passed = now > r->at ? now - r->at : 0;
    bool full = r->used / (int64_t)speed < passed;
    return full ? 0 : r->used - (int64_t)speed * passed;
}

/* Takes the bytes if they are there; 0 per second is unlimited. */
static inline bool rate_take(struct rate *r, uint64_t per_second, size_t bytes, usec_t now)
{
    if (per_second == 0)
        return true;
    uint64_t speed = rate_speed(per_second);
    uint64_t burst = rate_burst(speed);
    if (bytes > burst)
        return false;
    int64_t used = rate_used(r, speed, now);
    int64_t after = used + (int64_t)bytes * USEC_PER_SEC;
    bool fits = after <= (int64_t)burst * USEC_PER_SEC;
    r->at = now > r->at ? now : r->at;
    r->used = fits ? after : used;
    return fits;
}

/* Takes bytes that have gone already, whether they were there or not. Returns when no more than a
 * full bucket is missing again; 0 if that is so now. */
static inline usec_t rate_owe(struct rate *r, uint64_t per_second, size_t bytes, usec_t now)
{
    if (per_second == 0)
        return 0;
    uint64_t speed = rate_speed(per_second);
    r->used = rate_used(r, speed, now) + (int64_t)bytes * USEC_PER_SEC;
    r->at = now > r->at ? now : r->at;
    int64_t debt = r->used - (int64_t)rate_burst(speed) * USEC_PER_SEC;
    return debt > 0 ? r->at + (debt + (int64_t)speed - 1) / (int64_t)speed : 0;
}

#endif
