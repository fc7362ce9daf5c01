/* Reload, the watch on credentials, certificates and addresses. */
#include "main/server.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "main/notify.h"

enum { LOOK_SECONDS = 60, FIRST_READ_SECONDS = 4 };

struct net_world *server_world(struct server *s, struct auth_error *err)
{
    struct world_size size;
    const struct world_parts parts = {.conf = s->conf,
                                      .keep = s->users_taken ? s->world : NULL,
                                      .creds = &s->creds,
                                      .site = &s->site,
                                      .net = &s->net_conf,
                                      .generation = s->generation + 1};
    struct net_world *w = world_new(&parts, &size, err);
    if (!w)
        return NULL;
    s->generation++;
    s->world = w;
    s->users_taken = true;
    log_event(EVENT_SECRETS_LOADED, EV_NUM(size.secrets), EV_NUM(size.users));
    return w;
}

void server_set_tls(struct server *s, struct net_tls *tls)
{
    s->tls = NULL;
    net_set_tls(s->net, tls);
}

void server_tell(const struct server *s, const char *state)
{
    char text[128];
    snprintf(text, sizeof(text), "%s\nSTATUS=%s: generation %u, %zu listeners, %s", state,
             s->is_draining ? "draining" : "ready", s->generation, s->net_conf.n_listen,
             s->is_confined ? "in its sandbox" : "sandbox not complete");
    notify_send(text);
}

static bool apply(struct server *s, struct auth_error *err)
{
    struct net_world *w = server_world(s, err);
    if (!w) {
        log_event(EVENT_RELOAD_REFUSED, EV_TEXT(err->text));
        return false;
    }
    net_apply(s->net, w);
    log_event(EVENT_RELOADED, EV_NUM(s->generation));
    return true;
}

static bool has_credentials(const struct server *s)
{
    return creds_any(&s->creds) || s->conf->users.n > 0;
}

static void apply_credentials(struct server *s)
{
    if (!has_credentials(s))
        log_event(EVENT_NO_CREDENTIALS);
    apply(s, &(struct auth_error){0});
}

static void report_addresses(const struct site *was, const struct site *is)
{
    char text[ADDR_TEXT];
    for (size_t i = 0; i < TURN_FAMILIES; i++) {
        const struct addr *a = &is->relay[i].announced;
        if (a->family != ADDR_NONE && !addr_eq(a, &was->relay[i].announced))
            log_event(EVENT_ADDRESS_CHANGED, EV_TEXT(addr_format(a, text)));
    }
}

/* True when the addresses are others than before. A host that has lost its network for a moment
 * keeps what it had. */
static bool look_around(struct server *s)
{
    struct site *now = mem_zalloc(sizeof(*now));
    if (!now)
        return false;
    site_look(s->conf, &s->site, now);
    bool changed = !site_eq(&s->site, now) && site_relays(now) && !now->loopback_only;
    if (now->too_many) {
        log_event(EVENT_ADDRESSES_TOO_MANY, EV_NUM(SITE_LOCAL_MAX));
        changed = false;
    }
    if (changed) {
        report_addresses(&s->site, now);
        s->site = *now;
    }
    mem_free(now);
    s->next_look = clock_monotonic() + LOOK_SECONDS * USEC_PER_SEC;
    return changed;
}

/* What the new configuration names beside itself. False with *err filled. */
static bool read_named(struct server *s, struct auth_error *err)
{
    struct net_error tls_err = {0};
    if (!confine_permits(s->sandbox, s->conf, err) || creds_read_file(&s->creds, s->conf, err) < 0)
        return false;
    if (s->creds.file.n == 0 && s->conf->users.n == 0 && !conf_has_redis(s->conf)) {
        snprintf(err->text, sizeof(err->text), "neither secrets nor users would be left");
        return false;
    }
    if (creds_prepare(&s->creds, s->conf, loop_base(s->loop), err) < 0)
        return false;
    s->tls = certs_load(&s->certs, s->conf, &tls_err);
    snprintf(err->text, sizeof(err->text), "%s", tls_err.text);
    return !tls_err.text[0];
}

/* The new configuration, its secrets and its certificates, or nothing of them. */
static bool take_conf(struct server *s, struct conf *fresh, struct auth_error *err)
{
    struct conf *old = s->conf;
    s->conf = fresh;
    if (read_named(s, err)) {
        settings_free(old);
        s->users_taken = false;
        creds_settle(&s->creds, fresh);
        server_set_tls(s, s->tls);
        return true;
    }
    s->conf = old;
    creds_drop(&s->creds);
    creds_read_file(&s->creds, old, &(struct auth_error){0});
    settings_free(fresh);
    return false;
}

static bool reload(struct server *s, struct auth_error *err)
{
    struct conf_error conf_err = {0};
    struct conf *fresh = settings_read(s->path, &conf_err);
    if (!fresh) {
        confine_explain(s->sandbox, conf_err.text, sizeof(conf_err.text));
        snprintf(err->text, sizeof(err->text), "%.*s", (int)sizeof(err->text) - 1, conf_err.text);
        log_event(EVENT_RELOAD_REFUSED, EV_TEXT(conf_err.text));
        return false;
    }
    const char *fixed = conf_needs_restart(s->conf, fresh);
    if (fixed)
        log_event(EVENT_RELOAD_NEEDS_RESTART, EV_TEXT(fixed));
    conf_keep_fixed(s->conf, fresh);
    if (!take_conf(s, fresh, err)) {
        log_event(EVENT_RELOAD_REFUSED, EV_TEXT(err->text));
        return false;
    }
    look_around(s);
    issue_renew(&s->issue, s->conf, &s->site, loop_base(s->loop));
    observe_renew(&s->observe, s->conf);
    return apply(s, err);
}

bool server_reload(struct server *s, struct auth_error *err)
{
    char text[64];
    snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_monotonic());
    notify_send(text);
    bool is_done = reload(s, err);
    server_tell(s, "READY=1");
    return is_done;
}

void server_drain(struct server *s)
{
    s->is_draining = true;
    net_drain(s->net);
    log_event(EVENT_DRAINING);
}

static enum metrics_redis redis_state(int64_t age)
{
    return age >= 0 && age <= REDIS_READ_S + 2 * REDIS_ANSWER_S ? METRICS_REDIS_UP
                                                                : METRICS_REDIS_DOWN;
}

void server_health(const struct server *s, struct metrics_health *ret)
{
    int64_t age = s->creds.source ? redis_source_age(s->creds.source) : -1;
    *ret = (struct metrics_health){
        .version = DREHKREUZ_VERSION,
        .started = s->started,
        .generation = s->generation,
        .has_credentials = has_credentials(s),
        .is_draining = s->is_draining,
        .has_relay_address = site_relays(&s->site),
        .has_certificate = s->conf->certificates.n > 0,
        .certificate_days = certs_days(&s->certs),
        .redis = s->creds.source ? redis_state(age) : METRICS_REDIS_NONE,
        .redis_age = age,
        .udp_segment = net_has_trains(s->net),
        .workers = s->net_conf.workers,
    };
}

/* A container that starts has its address from now on; the tick looks once for many. */
static void on_addresses(void *ctx)
{
    struct server *s = ctx;
    net_addrs_seen(s->addresses);
    s->next_look = 0;
}

/* A renewal may come from a place that nobody named. */
static void watch_certificates(struct server *s)
{
    struct net_tls *tls;
    bool was_refused = s->certs.refused;
    if (certs_watch(&s->certs, s->conf, &tls))
        server_set_tls(s, tls);
    if (s->certs.refused && !was_refused)
        confine_report(s->sandbox, s->conf);
}

static void on_tick(void *ctx)
{
    struct server *s = ctx;
    server_tell(s, "WATCHDOG=1");
    observe_tick(&s->observe, s->net);
    control_tick(&s->control);
    if (creds_watch(&s->creds, s->conf))
        apply_credentials(s);
    watch_certificates(s);
    if (clock_monotonic() < s->next_look || !look_around(s))
        return;
    issue_renew(&s->issue, s->conf, &s->site, loop_base(s->loop));
    apply(s, &(struct auth_error){0});
}

static void on_signal(void *ctx, int number)
{
    struct server *s = ctx;
    if (number == SIGHUP)
        server_reload(s, &(struct auth_error){0});
    if (number == SIGUSR1)
        server_drain(s);
}

static void on_health(void *ctx, struct metrics_health *ret)
{
    server_health(ctx, ret);
}

static void on_credentials(void *ctx)
{
    apply_credentials(ctx);
}

static void on_heard(void *ctx)
{
    struct server *s = ctx;
    loop_wake(s->loop);
}

int server_start_sources(struct server *s, struct auth_error *err)
{
    s->creds.changed = on_credentials;
    s->creds.heard = on_heard;
    s->creds.ctx = s;
    s->issue.secrets = &s->creds.all;
    int r = creds_prepare(&s->creds, s->conf, loop_base(s->loop), err);
    if (r < 0)
        return r;
    creds_settle(&s->creds, s->conf);
    if (s->creds.source)
        loop_wait(s->loop, FIRST_READ_SECONDS); /* whoever is early is served, not refused */
    if (!has_credentials(s))
        log_event(EVENT_REDIS_WAITING);
    issue_renew(&s->issue, s->conf, &s->site, loop_base(s->loop));
    s->started = clock_wall();
    s->observe.health = on_health;
    s->observe.ctx = s;
    r = observe_start(&s->observe, s->conf, loop_base(s->loop));
    if (r < 0)
        snprintf(err->text, sizeof(err->text), "out of memory");
    else
        control_start(&s->control, s);
    return r;
}

int server_loop(struct server *s)
{
    const struct loop_to to = {s, on_signal, on_tick};
    if (s->addresses > 0)
        s->address_watch = loop_watch(s->loop, s->addresses, on_addresses, s);
    s->next_look = clock_monotonic() + LOOK_SECONDS * USEC_PER_SEC;
    return loop_run(s->loop, &to);
}
