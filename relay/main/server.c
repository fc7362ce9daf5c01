/* Reload, the watch on the secrets file, the watch on addresses. */
#include "main/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "main/notify.h"

enum { LOOK_SECONDS = 60 };

struct net_world *server_world(struct server *s, struct auth_error *err)
{
    struct world_size size;
    const struct world_parts parts = {.conf = s->conf,
                                      .keep = s->users_taken ? s->world : NULL,
                                      .secrets = &s->secrets,
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

static void look_at(const char *path, struct stat *ret)
{
    if (!path[0] || stat(path, ret) < 0)
        memset(ret, 0, sizeof(*ret));
}

int server_read_secrets(struct server *s, struct auth_error *err)
{
    look_at(s->conf->secrets_file, &s->secrets_seen);
    return settings_secrets(s->conf->secrets_file, &s->secrets, err);
}

void server_set_tls(struct server *s, struct net_tls *tls)
{
    s->tls = NULL;
    net_set_tls(s->net, tls);
}

static bool apply(struct server *s)
{
    struct auth_error err = {0};
    struct net_world *w = server_world(s, &err);
    if (!w) {
        log_event(EVENT_RELOAD_REFUSED, EV_TEXT(err.text));
        return false;
    }
    net_apply(s->net, w);
    log_event(EVENT_RELOADED, EV_NUM(s->generation));
    return true;
}

static bool secrets_changed(const struct server *s)
{
    struct stat now;
    const struct stat *seen = &s->secrets_seen;
    look_at(s->conf->secrets_file, &now);
    return now.st_ino != seen->st_ino || now.st_size != seen->st_size ||
           now.st_mtim.tv_sec != seen->st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != seen->st_mtim.tv_nsec || now.st_uid != seen->st_uid ||
           now.st_mode != seen->st_mode;
}

static bool has_credentials(const struct server *s)
{
    return s->secrets.n > 0 || s->conf->users.n > 0;
}

static void watch_secrets(struct server *s)
{
    struct auth_error err = {0};
    if (!secrets_changed(s))
        return;
    if (server_read_secrets(s, &err) < 0) {
        log_event(EVENT_SECRETS_REFUSED, EV_TEXT(err.text));
        return;
    }
    if (!has_credentials(s))
        log_event(EVENT_NO_CREDENTIALS);
    apply(s);
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
    if (server_read_secrets(s, err) < 0)
        return false;
    if (!has_credentials(s)) {
        snprintf(err->text, sizeof(err->text), "neither secrets nor users would be left");
        return false;
    }
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
        server_set_tls(s, s->tls);
        return true;
    }
    s->conf = old;
    server_read_secrets(s, &(struct auth_error){0});
    settings_free(fresh);
    return false;
}

static void reload(struct server *s)
{
    struct conf_error err = {0};
    struct auth_error secrets_err = {0};
    struct conf *fresh = settings_read(s->path, &err);
    if (!fresh) {
        log_event(EVENT_RELOAD_REFUSED, EV_TEXT(err.text));
        return;
    }
    const char *fixed = conf_needs_restart(s->conf, fresh);
    if (fixed)
        log_event(EVENT_RELOAD_NEEDS_RESTART, EV_TEXT(fixed));
    if (!take_conf(s, fresh, &secrets_err)) {
        log_event(EVENT_RELOAD_REFUSED, EV_TEXT(secrets_err.text));
        return;
    }
    look_around(s);
    apply(s);
}

static void tick(struct server *s)
{
    struct net_tls *tls;
    notify_send("WATCHDOG=1");
    watch_secrets(s);
    if (certs_watch(&s->certs, s->conf, &tls))
        server_set_tls(s, tls);
    if (clock_monotonic() >= s->next_look && look_around(s))
        apply(s);
}

static void notify_reload(struct server *s)
{
    char text[64];
    snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_monotonic());
    notify_send(text);
    reload(s);
    notify_send("READY=1");
}

static void signals(sigset_t *ret)
{
    static const int waited[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    sigemptyset(ret);
    for (size_t i = 0; i < sizeof(waited) / sizeof(waited[0]); i++)
        sigaddset(ret, waited[i]);
}

void server_block_signals(void)
{
    sigset_t set;
    signals(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

void server_loop(struct server *s)
{
    const struct timespec second = {1, 0};
    sigset_t set;
    signals(&set);
    s->next_look = clock_monotonic() + LOOK_SECONDS * USEC_PER_SEC;
    for (;;) {
        int got = sigtimedwait(&set, NULL, &second);
        if (got == SIGTERM || got == SIGINT)
            return;
        if (got == SIGHUP)
            notify_reload(s);
        if (got == SIGUSR1) {
            net_drain(s->net);
            log_event(EVENT_DRAINING);
        }
        tick(s);
    }
}
