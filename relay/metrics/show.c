#include "metrics/show.h"

#include "metrics/ledger.h"

enum { UNITS_PER_GIB = (1 << 30) / METRICS_VOLUME_UNIT };

static int64_t per_unit(enum metrics_use use)
{
    return use == METRICS_VOLUME ? UNITS_PER_GIB : 1;
}

int64_t show_value(const struct metrics_window *v, enum metrics_use use)
{
    int64_t value = v->value[use];
    int64_t one = per_unit(use);
    if (use == METRICS_REJECTED)
        return value;
    if (value < SHOW_LEAST * one)
        return 0;
    return (value + SHOW_STEP * one / 2) / (SHOW_STEP * one) * SHOW_STEP;
}

int64_t show_error(enum metrics_use use)
{
    int64_t one = per_unit(use);
    return (ledger_error(use) + one - 1) / one;
}
