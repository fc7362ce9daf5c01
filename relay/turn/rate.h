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

/* Takes the bytes if they are there. The bucket holds half a second's worth and at least 64 KiB;
 * 0 per second is unlimited. */
static inline bool rate_take(struct rate *r, uint64_t per_second, size_t bytes, usec_t now)
{
    if (per_second == 0)
        return true;
    uint64_t speed = per_second < RATE_MAX ? per_second : RATE_MAX;
    uint64_t burst = speed / 2 > RATE_BURST_MIN ? speed / 2 : RATE_BURST_MIN;
    if (bytes > burst)
        return false;
    usec_t passed = now > r->at ? now - r->at : 0;
    bool full = r->used / (int64_t)speed < passed;
    int64_t used = full ? 0 : r->used - (int64_t)speed * passed;
    int64_t after = used + (int64_t)bytes * USEC_PER_SEC;
    bool fits = after <= (int64_t)burst * USEC_PER_SEC;
    r->at = now > r->at ? now : r->at;
    r->used = fits ? after : used;
    return fits;
}

#endif
