/* The one table of what is released, what it costs and what hides it. Nothing else in this room
 * knows a clip or a scale. */
#ifndef RELAY_METRICS_LEDGER_H
#define RELAY_METRICS_LEDGER_H

#include "metrics/metrics.h"

enum {
    LEDGER_ROWS = METRICS_USES + 1,
    LEDGER_EPSILON_MILLI = 1000, /* what the uses may cost together */
    LEDGER_ALARM_MILLI = 250,    /* and the alarm on top */

    /* The alarm is two runs of AboveThreshold per window, each with noise on the threshold and on
     * what is compared; a call of up to a day touches two windows. */
    LEDGER_ALARM_NOISES = 2 * 2 * 2,
    LEDGER_ALARM_WINDOW_MIN = 86400,
};

/* By enum metrics_use, the alarm after them. */
extern const struct metrics_entry ledger[LEDGER_ROWS];

/* Whether this configuration has a capacity alarm: wished for, usage is released at all, room for
 * enough allocations, and windows of a day or more. */
bool ledger_has_alarm(const struct metrics_conf *conf);

/* Within +-ledger_error(row) lie 95 of 100 draws of this row's noise: b ln 20, rounded up. */
int64_t ledger_error(size_t row);

#endif
