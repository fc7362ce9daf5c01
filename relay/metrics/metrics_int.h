/* What the parts of this room share: the open window, the alarm, the windows kept. */
#ifndef RELAY_METRICS_METRICS_INT_H
#define RELAY_METRICS_METRICS_INT_H

#include "metrics/laplace.h"
#include "metrics/metrics.h"

/* No sum goes beyond, either way: bytes of volume and coordinates of charts fit 64 bits. */
#define METRICS_VALUE_MAX INT64_C(100000000000)

struct metrics_open {
    int64_t begin;
    int64_t end;
    usec_t offset; /* of the wall clock to the monotonic one when it began */
    bool is_whole; /* watched from its first second: to be released */
    int64_t sum[METRICS_USES];
};

/* AboveThreshold, turned upside down while the alarm is on. */
struct metrics_alarm {
    bool is_on;
    uint32_t left; /* transitions in this window; 0 = frozen */
    int64_t threshold;
    int64_t hour; /* of the last look */
};

struct metrics {
    struct metrics_conf conf;
    int64_t length;
    bool is_file_broken; /* left as it is */
    struct laplace_source source;
    struct metrics_open open;
    struct metrics_alarm alarm;
    size_t n;
    struct metrics_window kept[METRICS_WINDOWS_KEPT];
};

/* A new window; alarm.c. Frozen unless it will be whole. */
void metrics_alarm_begin(struct metrics *m);

/* Bands of refused logins. */
int64_t metrics_band(int64_t value);

/* Latest released window, or NULL. */
const struct metrics_window *metrics_last(const struct metrics *m);

/* When the first window can be over that was watched from its beginning. */
int64_t metrics_first_end(const struct metrics *m);

#endif
