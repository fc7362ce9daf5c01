/* For programs: everything there is, exactly as released. */
#include "metrics/ledger.h"
#include "metrics/metrics_int.h"
#include "metrics/text.h"

static void put_string(struct writer *w, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    w_u8(w, '"');
    for (; *text; text++) {
        uint8_t c = (uint8_t)*text;
        if (c == '"' || c == '\\')
            w_u8(w, '\\');
        if (c >= ' ') {
            w_u8(w, c);
            continue;
        }
        text_put(w, "\\u00");
        w_u8(w, (uint8_t)hex[c >> 4]);
        w_u8(w, (uint8_t)hex[c & 15]);
    }
    w_u8(w, '"');
}

/* before: what stands between it and the member in front, "" or ",". */
static void put_name(struct writer *w, const char *before, const char *name)
{
    text_all(w, (const char *const[]){before, "\"", name, "\":", NULL});
}

static void put_number(struct writer *w, const char *before, const char *name, int64_t v)
{
    put_name(w, before, name);
    text_int(w, v);
}

static void put_bool(struct writer *w, const char *before, const char *name, bool v)
{
    put_name(w, before, name);
    text_put(w, v ? "true" : "false");
}

static void put_text(struct writer *w, const char *before, const char *name, const char *v)
{
    put_name(w, before, name);
    put_string(w, v);
}

static void put_number_or_null(struct writer *w, const char *name, bool is_known, int64_t v)
{
    put_name(w, ",", name);
    if (is_known)
        text_int(w, v);
    else
        text_put(w, "null");
}

static void put_health(struct writer *w, const struct metrics_health *h)
{
    static const char *const redis[] = {"none", "down", "up"};
    put_name(w, "", "health");
    put_text(w, "{", "version", h->version);
    put_number(w, ",", "started", h->started);
    put_bool(w, ",", "ready", metrics_ready(h));
    put_bool(w, ",", "draining", h->is_draining);
    put_bool(w, ",", "credentials_loaded", h->has_credentials);
    put_bool(w, ",", "relay_address_known", h->has_relay_address);
    put_number(w, ",", "config_generation", h->generation);
    put_number(w, ",", "workers", h->workers);
    put_bool(w, ",", "udp_segment", h->udp_segment);
    put_number_or_null(w, "certificate_days", h->has_certificate, h->certificate_days);
    put_text(w, ",", "redis", redis[h->redis]);
    put_number_or_null(w, "redis_age", h->redis_age >= 0, h->redis_age);
    text_put(w, "}");
}

static void put_ledger(struct writer *w, const struct metrics_conf *conf)
{
    const struct metrics_entry *rows;
    size_t n = metrics_ledger(conf, &rows);
    put_name(w, ",", "ledger");
    text_put(w, "[");
    for (size_t i = 0; i < n; i++) {
        text_put(w, i ? "," : "");
        put_text(w, "{", "name", rows[i].name);
        put_text(w, ",", "contribution", rows[i].shape);
        put_number(w, ",", "clip", rows[i].clip);
        put_number(w, ",", "noise_scale", rows[i].scale);
        put_name(w, ",", "epsilon");
        text_milli(w, rows[i].epsilon_milli);
        text_put(w, "}");
    }
    text_put(w, "]");
}

static void put_windows(struct writer *w, const struct metrics *m)
{
    put_name(w, ",", "windows");
    text_put(w, "[");
    for (size_t i = 0; i < m->n; i++) {
        text_put(w, i ? "," : "");
        put_number(w, "{", "begin", m->kept[i].begin);
        put_number(w, ",", "end", m->kept[i].end);
        for (size_t use = 0; use < METRICS_USES; use++)
            put_number(w, ",", ledger[use].name, m->kept[i].value[use]);
        text_put(w, "}");
    }
    text_put(w, "]");
}

void metrics_print_json(const struct metrics *m, const struct metrics_health *h, struct writer *w)
{
    static const char *const profiles[] = {"strict", "standard", "fleet"};
    text_put(w, "{");
    put_health(w, h);
    put_name(w, ",", "usage");
    put_text(w, "{", "profile", profiles[m->conf.profile]);
    put_number(w, ",", "window", m->length);
    put_number(w, ",", "volume_unit", METRICS_VOLUME_UNIT);
    put_number(w, ",", "group", METRICS_GROUP);
    put_name(w, ",", "epsilon");
    text_milli(w, metrics_epsilon_milli(&m->conf));
    put_ledger(w, &m->conf);
    put_name(w, ",", "capacity_alarm");
    text_put(w, !ledger_has_alarm(&m->conf) ? "null"
                : metrics_capacity_alarm(m) ? "true"
                                            : "false");
    put_windows(w, m);
    text_put(w, "}}\n");
}
