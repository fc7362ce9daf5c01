/* The capacity alarm: "AboveThreshold" (Dwork, Roth 2014, section 3.6) for monotone questions (Lyu,
 * Su, Li 2017, theorem 2 and its corollary). Noise of 16/b on the threshold, drawn once, and on
 * each look; all looks together cost 2 * 16/b, however many, until one answers yes. Then a new run
 * looks for the way back. Sums of the ledger count two runs in a window; after them it is frozen.
 *
 * Looks are by the clock. In a window that is not whole there are none: a restart, or a clock that
 * is set, would begin the run anew. */
#include "metrics/ledger.h"
#include "metrics/metrics_int.h"

enum {
    TRANSITIONS = 2, /* per window */
    HOUR = 3600,
    ON_PERCENT = 80,
    OFF_PERCENT = 60, /* far enough for noise not to toss it to and fro */
};

static int64_t noise(struct metrics *m)
{
    return laplace_draw(&m->source, ledger[METRICS_USES].scale);
}

static void begin_run(struct metrics *m)
{
    int64_t percent = m->alarm.is_on ? OFF_PERCENT : ON_PERCENT;
    m->alarm.threshold = (int64_t)m->conf.capacity * percent / 100 + noise(m);
}

static bool is_crossed(struct metrics *m, uint64_t alive)
{
    uint64_t most = m->conf.capacity;
    int64_t value = (int64_t)(alive < most ? alive : most) + noise(m);
    return m->alarm.is_on ? value <= m->alarm.threshold : value >= m->alarm.threshold;
}

void metrics_alarm_begin(struct metrics *m)
{
    m->alarm.left = m->open.is_whole && ledger_has_alarm(&m->conf) ? TRANSITIONS : 0;
    if (m->alarm.left)
        begin_run(m);
}

bool metrics_capacity(struct metrics *m, uint64_t alive, int64_t wall)
{
    if (wall / HOUR == m->alarm.hour)
        return false;
    m->alarm.hour = wall / HOUR;
    if (!m->alarm.left)
        return false;
    bool has_changed = is_crossed(m, alive);
    if (has_changed) {
        m->alarm.is_on = !m->alarm.is_on;
        if (--m->alarm.left)
            begin_run(m);
    }
    laplace_forget(&m->source);
    return has_changed;
}

bool metrics_capacity_alarm(const struct metrics *m)
{
    return m->alarm.is_on;
}
