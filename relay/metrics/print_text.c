/* For people at a terminal, and the line of the event log. */
#include "metrics/ledger.h"
#include "metrics/metrics_int.h"
#include "metrics/show.h"
#include "metrics/text.h"

enum { ROWS_SHOWN = 8, COLUMN = 20 };

static void put_moment(struct writer *w, int64_t at)
{
    text_date(w, at);
    text_put(w, " ");
    text_clock(w, at);
}

/* 24:00 of a day would be 00:00 of the next: whole days are named by their first and last. */
static void put_period(struct writer *w, const struct metrics_window *v)
{
    bool is_days = v->begin % 86400 == 0 && v->end % 86400 == 0;
    if (!is_days) {
        put_moment(w, v->begin);
        text_put(w, " to ");
        put_moment(w, v->end);
    } else {
        text_date(w, v->begin);
    }
    if (is_days && v->end - v->begin > 86400) {
        text_put(w, " to ");
        text_date(w, v->end - 86400);
    }
    text_put(w, " (UTC)");
}

static void put_value(struct writer *w, const struct metrics_window *v, enum metrics_use use)
{
    static const char *const least[] = {"fewer than ", "less than "};
    int64_t value = show_value(v, use);
    if (use == METRICS_REJECTED) {
        text_put(w, value ? "at least " : "fewer than ");
        text_grouped(w, value ? value : 1000, ',');
        return;
    }
    text_put(w, value ? "about " : least[use]);
    text_grouped(w, value ? value : SHOW_LEAST, ',');
}

static const char *yes(bool v)
{
    return v ? "yes" : "no";
}

static void put_ready(struct writer *w, const struct metrics_health *h)
{
    text_all(w, (const char *const[]){"ready         ", yes(metrics_ready(h)),
                                      h->has_credentials ? "" : "; neither secrets nor users",
                                      h->has_relay_address ? "" : "; no address to relay from",
                                      h->is_draining ? "; draining" : "", "\n", NULL});
}

static void put_redis(struct writer *w, const struct metrics_health *h)
{
    static const char *const state[] = {"not used", "down", "up"};
    text_all(w, (const char *const[]){"Redis         ", state[h->redis], NULL});
    if (h->redis != METRICS_REDIS_NONE && h->redis_age >= 0) {
        text_put(w, ", last read ");
        text_int(w, h->redis_age);
        text_put(w, " s ago");
    }
    text_put(w, "\n");
}

static void put_health(struct writer *w, const struct metrics_health *h)
{
    text_all(w, (const char *const[]){"Drehkreuz ", h->version, ", since ", NULL});
    put_moment(w, h->started);
    text_put(w, " (UTC)\n");
    put_ready(w, h);
    text_put(w, "certificate   ");
    if (h->has_certificate) {
        text_put(w, "days left: ");
        text_int(w, h->certificate_days);
    } else {
        text_put(w, "none");
    }
    text_put(w, "\n");
    put_redis(w, h);
    text_put(w, "workers       ");
    text_int(w, h->workers);
    text_all(w, (const char *const[]){"; UDP segmentation (GSO): ", yes(h->udp_segment),
                                      "\ngeneration    ", NULL});
    text_int(w, h->generation);
    text_put(w, " of configuration and credentials\n");
}

static void put_cell(struct writer *w, const struct metrics_window *v, enum metrics_use use)
{
    size_t at = w->n;
    put_value(w, v, use);
    while (!w->bad && w->n - at < COLUMN)
        text_put(w, " ");
}

static void put_table(struct writer *w, const struct metrics *m)
{
    text_put(w, "\nbegin (UTC)       allocations         GiB relayed         refused logins\n");
    for (size_t i = m->n > ROWS_SHOWN ? m->n - ROWS_SHOWN : 0; i < m->n; i++) {
        put_moment(w, m->kept[i].begin);
        text_put(w, "  ");
        put_cell(w, &m->kept[i], METRICS_ALLOCATIONS);
        put_cell(w, &m->kept[i], METRICS_VOLUME);
        put_value(w, &m->kept[i], METRICS_REJECTED);
        text_put(w, "\n");
    }
    text_put(w, "\nNoise hides every single call. 95 of 100 values are off by at most ");
    text_int(w, show_error(METRICS_ALLOCATIONS));
    text_put(w, "\nallocations and ");
    text_int(w, show_error(METRICS_VOLUME));
    text_put(w, " GiB; sums over many windows come closer.\n");
}

static void put_usage(struct writer *w, const struct metrics *m)
{
    if (m->conf.profile == METRICS_STRICT) {
        text_put(w, "\nUsage is not counted: the profile is strict.\n");
        return;
    }
    text_put(w, "window        ");
    text_int(w, m->length / 3600);
    text_put(w, " h; epsilon ");
    text_milli(w, metrics_epsilon_milli(&m->conf));
    text_put(w, "\n");
    if (ledger_has_alarm(&m->conf))
        text_all(w, (const char *const[]){"capacity      ",
                                          metrics_capacity_alarm(m)
                                              ? "about four fifths are in use, or more\n"
                                              : "enough\n",
                                          NULL});
    if (m->n) {
        put_table(w, m);
        return;
    }
    text_put(w, "\nNo window is over yet that was watched from its beginning. The first one ends\n"
                "on ");
    put_moment(w, metrics_first_end(m));
    text_put(w, " (UTC).\n");
}

void metrics_print_text(const struct metrics *m, const struct metrics_health *h, struct writer *w)
{
    put_health(w, h);
    put_usage(w, m);
}

void metrics_print_report(const struct metrics *m, struct writer *w)
{
    const struct metrics_window *v = metrics_last(m);
    if (!v)
        return;
    put_period(w, v);
    text_put(w, ": ");
    put_value(w, v, METRICS_ALLOCATIONS);
    text_put(w, " allocations, ");
    put_value(w, v, METRICS_VOLUME);
    text_put(w, " GiB relayed, ");
    put_value(w, v, METRICS_REJECTED);
    text_put(w, " refused logins");
}
