/* Released values as people read them: coarser than the noise, small ones not at all. */
#ifndef RELAY_METRICS_SHOW_H
#define RELAY_METRICS_SHOW_H

#include "metrics/metrics.h"

enum {
    SHOW_LEAST = 20, /* below: only that it is below */
    SHOW_STEP = 10,
};

/* In what people count: allocations, GiB, refused logins (the band). Rounded to SHOW_STEP, except
 * for the band; 0 = below SHOW_LEAST. */
int64_t show_value(const struct metrics_window *v, enum metrics_use use);
/* How far 95 of 100 values are off at most, in the same units. */
int64_t show_error(enum metrics_use use);

#endif
