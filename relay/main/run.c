/* drehkreuz run: from a configuration file to a serving process, and its end. */
#include "main/commands.h"
#include "main/crash.h"
#include "main/notify.h"
#include "main/privs.h"
#include "main/server.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

enum { SPARE_FILES = 256 };

static int fatal(int code, const char *text)
{
    log_event(EVENT_FATAL, EV_TEXT(text));
    return code;
}

/* One descriptor per relayed port and per connection, with clients and with peers, another one
 * where the web server gets it. */
static void set_file_limit(const struct server *s)
{
    const struct net_conf *n = &s->net_conf;
    int64_t connections = n->stream.connections * (n->web.server.family == ADDR_NONE ? 1 : 2);
    int64_t wanted =
        SPARE_FILES + n->workers * ((int64_t)n->n_listen * 2 + connections + n->max_links);
    for (size_t i = 0; i < TURN_FAMILIES; i++)
        if (s->site.relay[i].local.family != ADDR_NONE)
            wanted += s->net_conf.ports.last - s->net_conf.ports.first + 1;
    int64_t got = privs_files(wanted);
    if (got < wanted)
        log_event(EVENT_FD_LIMIT, EV_NUM(got), EV_NUM(wanted));
}

/* The configuration's check knows loopback only: connections that are not ours would come back. */
static bool is_own_web_server(const struct server *s)
{
    const struct addr *web = &s->net_conf.web.server;
    if (!site_is_local(&s->site, web))
        return false;
    for (size_t i = 0; i < s->net_conf.n_listen; i++) {
        const struct net_listen *l = &s->net_conf.listen[i];
        bool is_stream = l->speaks & (NET_TCP | NET_TLS);
        if (is_stream && addr_is_any(&l->addr) && l->addr.port == web->port)
            return true;
    }
    return false;
}

static int prepare(struct server *s)
{
    struct auth_error err = {0};
    struct net_error tls_err = {0};
    s->loop = loop_new();
    if (!s->loop)
        return fatal(EXIT_FAILED, "no room for an event loop; allow more open files");
    if (creds_read_file(&s->creds, s->conf, &err) < 0)
        return fatal(EXIT_USAGE, err.text);
    if (!creds_any(&s->creds) && s->conf->users.n == 0 && !conf_has_redis(s->conf))
        return fatal(EXIT_USAGE, "there is neither a shared secret nor a user, and an open relay "
                                 "is not offered; make a secret with: drehkreuz secret new");
    s->tls = certs_load(&s->certs, s->conf, &tls_err);
    if (tls_err.text[0])
        return fatal(EXIT_USAGE, tls_err.text);
    listen_set(s->conf, &s->keep, &s->net_conf);
    s->addresses = net_addrs_watch();
    site_look(s->conf, NULL, &s->site);
    if (s->site.too_many)
        return fatal(EXIT_USAGE, "this host has more addresses than can be kept from peers; run "
                                 "the relay in a network namespace of its own");
    if (!site_relays(&s->site))
        return fatal(EXIT_USAGE, "no address to relay on; set relay_ipv4 or relay_ipv6");
    if (is_own_web_server(s))
        return fatal(EXIT_USAGE, "web_server: this server listens there itself; name another port");
    if (s->site.loopback_only)
        log_event(EVENT_RELAY_LOOPBACK);
    set_file_limit(s);
    return EXIT_OK;
}

/* After this nothing is root's any more. */
static int bind_and_drop(struct server *s)
{
    struct auth_error err = {0};
    struct net_error net_err = {0};
    struct privs_error privs_err = {0};
    struct net_world *w = server_world(s, &err);
    if (!w)
        return fatal(EXIT_USAGE, err.text);
    s->net = net_new(&s->net_conf, w, &net_err);
    if (!s->net)
        return fatal(EXIT_FAILED, net_err.text);
    server_set_tls(s, s->tls);
    s->sandbox = confine_prepare(s->conf);
    if (s->conf->sandbox && !s->sandbox)
        return fatal(EXIT_FAILED, "out of memory");
    if (privs_drop(s->conf->user, &privs_err) < 0)
        return fatal(EXIT_FAILED, privs_err.text);
    s->is_confined = confine_enter(s->sandbox);
    if (creds_read_file(&s->creds, s->conf, &err) < 0)
        log_event(EVENT_SECRETS_REFUSED, EV_TEXT(err.text));
    certs_verify(s->conf);
    if (server_start_sources(s, &err) < 0)
        return fatal(EXIT_USAGE, err.text);
    if (net_start(s->net) < 0)
        return fatal(EXIT_FAILED, "cannot start the worker threads");
    return EXIT_OK;
}

static void announce(const struct server *s)
{
    char one[ADDR_TEXT], two[ADDR_TEXT], speaks[LISTEN_TEXT];
    bool has_tls = s->conf->certificates.n > 0;
    for (size_t i = 0; i < s->net_conf.n_listen; i++) {
        const struct net_listen *l = &s->net_conf.listen[i];
        log_event(EVENT_LISTENING, EV_TEXT(addr_format(&l->addr, one)),
                  EV_TEXT(listen_speaks(l->speaks, has_tls, speaks)));
    }
    for (size_t i = 0; i < TURN_FAMILIES; i++) {
        const struct turn_relay_addr *r = &s->site.relay[i];
        if (r->local.family == ADDR_NONE)
            continue;
        if (!addr_is_any(&r->local) && !site_is_local(&s->site, &r->local))
            log_event(EVENT_RELAY_FOREIGN, EV_TEXT(addr_format(&r->local, one)));
        log_event(EVENT_RELAY_ADDRESS, EV_TEXT(addr_format(&r->local, one)),
                  EV_TEXT(addr_format(&r->announced, two)), EV_NUM(s->net_conf.ports.first),
                  EV_NUM(s->net_conf.ports.last));
    }
    log_event(EVENT_STARTED, EV_TEXT(DREHKREUZ_VERSION), EV_NUM(s->net_conf.n_listen),
              EV_NUM(s->net_conf.workers));
}

static int serve(struct server *s)
{
    int rc = prepare(s);
    if (rc == EXIT_OK)
        rc = bind_and_drop(s);
    if (rc != EXIT_OK)
        return rc;
    announce(s);
    server_tell(s, "READY=1");
    rc = server_loop(s) < 0 ? fatal(EXIT_FAILED, "the event loop failed") : EXIT_OK;
    notify_send("STOPPING=1");
    log_event(EVENT_STOPPING);
    control_end(&s->control);
    net_stop(s->net);
    return rc;
}

int cmd_run(const struct args *a)
{
    struct conf_error err = {0};
    privs_quiet();
    crash_watch();
    loop_block_signals();
    setenv("RES_OPTIONS", "timeout:2 attempts:1", 0); /* a broken resolver must not delay signals */
    struct server *s = mem_zalloc(sizeof(*s));
    if (!s)
        return fatal(EXIT_FAILED, "out of memory");
    s->path = args_config(a);
    s->conf = settings_read(s->path, &err);
    int rc = s->conf ? serve(s) : fatal(EXIT_USAGE, err.text);
    control_end(&s->control);
    observe_end(&s->observe);
    issue_end(&s->issue);
    loop_unwatch(s->address_watch);
    creds_end(&s->creds);
    loop_free(s->loop);
    net_free(s->net);
    if (s->addresses > 0)
        close(s->addresses);
    net_tls_free(s->tls);
    sandbox_free(s->sandbox);
    settings_free(s->conf);
    mem_free_wiped(s, sizeof(*s));
    if (rc == EXIT_OK)
        log_event(EVENT_STOPPED);
    return rc;
}
