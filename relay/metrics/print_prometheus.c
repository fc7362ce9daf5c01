/* For Prometheus and its relatives. Health is of this moment; usage is of the last released window
 * and stays as it is until the next, so it is all gauges: a counter would tell of each moment. */
#include "metrics/ledger.h"
#include "metrics/metrics_int.h"
#include "metrics/text.h"

struct out {
    struct writer *w;
    bool is_openmetrics;
};

/* name: without drehkreuz_; unit: what it ends in, or NULL. Help texts have nothing to escape. */
static void family(const struct out *o, const char *name, const char *unit, const char *help)
{
    text_all(o->w, (const char *const[]){"# HELP drehkreuz_", name, " ", help,
                                         "\n# TYPE drehkreuz_", name, " gauge\n", NULL});
    if (unit && o->is_openmetrics)
        text_all(o->w, (const char *const[]){"# UNIT drehkreuz_", name, " ", unit, "\n", NULL});
}

static void gauge(const struct out *o, const char *name, const char *help, int64_t v)
{
    size_t n = strlen(name);
    bool is_time = n > 8 && strcmp(name + n - 8, "_seconds") == 0;
    bool is_size = n > 6 && strcmp(name + n - 6, "_bytes") == 0;
    family(o, name, is_time ? "seconds" : is_size ? "bytes" : NULL, help);
    text_all(o->w, (const char *const[]){"drehkreuz_", name, " ", NULL});
    text_int(o->w, v);
    text_put(o->w, "\n");
}

static void put_label(struct writer *w, const char *value)
{
    for (; *value; value++) {
        if (*value == '\\' || *value == '"')
            w_u8(w, '\\');
        if (*value == '\n')
            text_put(w, "\\n");
        else
            w_u8(w, (uint8_t)*value);
    }
}

/* Always 1; what it tells is in the label. A type of its own in OpenMetrics. */
static void info(const struct out *o, const char *const name[2], const char *help,
                 const char *value)
{
    bool om = o->is_openmetrics;
    const char *end = om ? "" : "_info";
    text_all(o->w,
             (const char *const[]){"# HELP drehkreuz_", name[0], end, " ", help,
                                   "\n# TYPE drehkreuz_", name[0], end, om ? " info\n" : " gauge\n",
                                   "drehkreuz_", name[0], "_info{", name[1], "=\"", NULL});
    put_label(o->w, value);
    text_put(o->w, "\"} 1\n");
}

static void put_health(const struct out *o, const struct metrics_health *h, bool is_ready)
{
    info(o, (const char *const[]){"build", "version"}, "Version of the server.", h->version);
    gauge(o, "start_time_seconds", "When the server began, Unix time.", h->started);
    gauge(o, "ready", "1 if the server can give out allocations.", is_ready);
    gauge(o, "draining", "1 if no new allocations are given out.", h->is_draining);
    gauge(o, "credentials_loaded", "1 if a secret or a user is in force.", h->has_credentials);
    gauge(o, "relay_address_known", "1 if there is an address to relay from.",
          h->has_relay_address);
    gauge(o, "config_generation", "How often configuration or credentials have been taken over.",
          h->generation);
    gauge(o, "workers", "Threads that serve clients.", h->workers);
    gauge(o, "udp_segment_enabled", "1 if equal datagrams are sent as trains.", h->udp_segment);
    if (h->has_certificate)
        gauge(o, "certificate_remaining_seconds",
              "Until the first certificate ends, in whole days.", h->certificate_days * 86400);
    if (h->redis != METRICS_REDIS_NONE)
        gauge(o, "redis_up", "1 if the link to Redis is up.", h->redis == METRICS_REDIS_UP);
    if (h->redis != METRICS_REDIS_NONE && h->redis_age >= 0)
        gauge(o, "redis_age_seconds", "Since secrets and users were last read from Redis.",
              h->redis_age);
}

static int64_t unit_of(size_t row)
{
    return row == METRICS_VOLUME ? METRICS_VOLUME_UNIT : 1;
}

static void put_row_name(struct writer *w, const char *name, size_t row)
{
    text_all(w, (const char *const[]){"drehkreuz_", name, "{metric=\"", ledger[row].name,
                                      row == METRICS_VOLUME ? "_bytes" : "", "\"} ", NULL});
}

static void put_ledger(const struct out *o, const struct metrics *m)
{
    const struct metrics_entry *rows;
    size_t n = metrics_ledger(&m->conf, &rows);
    gauge(o, "window_duration_seconds", "Length of a window.", m->length);
    gauge(o, "privacy_group", "Allocations of one call that epsilon is for.", METRICS_GROUP);
    family(o, "privacy_noise_scale", NULL,
           "Scale b of the noise, P(z) ~ exp(-|z|/b), in units of the metric.");
    for (size_t i = 0; i < n; i++) {
        put_row_name(o->w, "privacy_noise_scale", i);
        text_int(o->w, rows[i].scale * unit_of(i));
        text_put(o->w, "\n");
    }
    family(o, "privacy_epsilon", NULL,
           "How much everything ever released may tell of one call, by metric.");
    for (size_t i = 0; i < n; i++) {
        put_row_name(o->w, "privacy_epsilon", i);
        text_milli(o->w, rows[i].epsilon_milli);
        text_put(o->w, "\n");
    }
    family(o, "privacy_epsilon_overall", NULL, "The same for all metrics together.");
    text_put(o->w, "drehkreuz_privacy_epsilon_overall ");
    text_milli(o->w, metrics_epsilon_milli(&m->conf));
    text_put(o->w, "\n");
}

static void put_window(const struct out *o, const struct metrics_window *v)
{
    gauge(o, "window_begin_timestamp_seconds", "Begin of the last released window, Unix time.",
          v->begin);
    gauge(o, "window_end_timestamp_seconds", "End of the last released window, Unix time.", v->end);
    gauge(o, "relay_allocations", "Allocations begun in the window, with noise; may be negative.",
          v->value[METRICS_ALLOCATIONS]);
    gauge(o, "relay_volume_bytes",
          "Relayed by allocations that ended in the window, with noise; may be negative.",
          v->value[METRICS_VOLUME] * METRICS_VOLUME_UNIT);
    gauge(o, "auth_rejected",
          "Refused logins in the window, with noise: 0, 1000, 10000 or 100000 or more.",
          v->value[METRICS_REJECTED]);
}

void metrics_print_prometheus(const struct metrics *m, const struct metrics_health *h,
                              bool openmetrics, struct writer *w)
{
    static const char *const profiles[] = {"strict", "standard", "fleet"};
    const struct out o = {w, openmetrics};
    put_health(&o, h, metrics_ready(h));
    info(&o, (const char *const[]){"statistics", "profile"}, "What is counted of usage.",
         profiles[m->conf.profile]);
    if (m->conf.profile != METRICS_STRICT)
        put_ledger(&o, m);
    if (ledger_has_alarm(&m->conf))
        gauge(&o, "capacity_alarm",
              "1 if about four fifths of all possible allocations are in use, with noise.",
              metrics_capacity_alarm(m));
    if (m->n)
        put_window(&o, metrics_last(m));
    if (openmetrics)
        text_put(w, "# EOF\n");
}
