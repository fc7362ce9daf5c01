#include "metrics/ledger.h"

/* name, clip, noises drawn for the same contribution, scale, what one unit contributes */
#define LEDGER(X)                                                                                  \
    X("relay_allocations", 1, 1, 40, "1 for each allocation, in the window of its birth")          \
    X("relay_volume", 16, 1, 640,                                                                  \
      "bytes relayed by an allocation in units of 16 MiB, 16 at most, in the window of its end")   \
    X("auth_rejected", 1, 1, 80, "1 for each nonce under which a login was refused, then a band")  \
    X("capacity_alarm", 1, LEDGER_ALARM_NOISES, 512,                                               \
      "1 for each living allocation, in a comparison once an hour, 2 answers per window at most")

#define EPSILON_MILLI(clip, noises, scale) (METRICS_GROUP * (clip) * (noises)*1000 / (scale))
#define IS_EXACT(clip, noises, scale) (METRICS_GROUP * (clip) * (noises)*1000 % (scale) == 0)

const struct metrics_entry ledger[LEDGER_ROWS] = {
#define X(name, clip, noises, scale, shape)                                                        \
    {name, shape, clip, scale, EPSILON_MILLI(clip, noises, scale)},
    LEDGER(X)
#undef X
};

#define X(name, clip, noises, scale, shape)                                                        \
    _Static_assert(IS_EXACT(clip, noises, scale), name " has an epsilon of whole thousandths");
LEDGER(X)
#undef X

#define X(name, clip, noises, scale, shape) +EPSILON_MILLI(clip, noises, scale)
_Static_assert(0 LEDGER(X) == LEDGER_EPSILON_MILLI + LEDGER_ALARM_MILLI,
               "the rows cost what is promised");
#undef X

bool ledger_has_alarm(const struct metrics_conf *conf)
{
    return conf->capacity_alarm && conf->profile != METRICS_STRICT &&
           conf->capacity >= METRICS_CAPACITY_MIN &&
           metrics_window_of(conf) >= LEDGER_ALARM_WINDOW_MIN;
}

int64_t ledger_error(size_t row)
{
    return ((int64_t)ledger[row].scale * 29958 + 9999) / 10000; /* ln 20 = 2.99573... */
}

size_t metrics_ledger(const struct metrics_conf *conf, const struct metrics_entry **ret)
{
    *ret = ledger;
    if (conf->profile == METRICS_STRICT)
        return 0;
    return ledger_has_alarm(conf) ? LEDGER_ROWS : METRICS_USES;
}

uint32_t metrics_epsilon_milli(const struct metrics_conf *conf)
{
    const struct metrics_entry *rows;
    size_t n = metrics_ledger(conf, &rows);
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += rows[i].epsilon_milli;
    return sum;
}

int64_t metrics_window_of(const struct metrics_conf *conf)
{
    if (!conf->window)
        return conf->profile == METRICS_FLEET ? METRICS_WINDOW_MIN : 86400;
    if (conf->window < METRICS_WINDOW_MIN)
        return METRICS_WINDOW_MIN;
    return conf->window > METRICS_WINDOW_MAX ? METRICS_WINDOW_MAX : conf->window;
}
