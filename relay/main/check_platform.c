/* Gathers what check --platform nextcloud compares: Talk's lists by occ, our configuration, secrets
 * and policy for peers. */
#include "main/check_platform.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/timex.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "main/listen.h"
#include "main/occ.h"
#include "main/site.h"
#include "main/store.h"
#include "turn/policy.h"

/* Everything is large. */
struct gather {
    struct platform_facts facts;
    struct occ occ;
    struct conf *conf; /* NULL = not on this host */
    struct site site;
    struct cidr local[SITE_LOCAL_MAX + TURN_FAMILIES];
    size_t n_local;
    char out[OCC_OUTPUT];
    char why[OCC_WHY];
};

static int wrong(const char *text)
{
    fprintf(stderr, "drehkreuz: %s\n", text);
    return EXIT_USAGE;
}

/* --- Talk --- */

static int failed(const struct gather *g, const char *command, int rc)
{
    fprintf(stderr, "drehkreuz: %s %s %s; run it by hand, as %s\n", g->occ.path, command,
            rc == -ETIMEDOUT ? "does not end"
            : rc < 0         ? "could not be started"
            : rc > 0         ? "failed"
                             : "printed no list",
            g->occ.owner[0] ? g->occ.owner : "yourself");
    return EXIT_FAILED;
}

static int read_talk(struct gather *g)
{
    static const char *const lists[TALK_LISTS] = {"talk:turn:list", "talk:stun:list",
                                                  "talk:signaling:list"};
    for (unsigned i = 0; i < TALK_LISTS; i++) {
        const char *const words[] = {lists[i], "--output=json", NULL};
        int rc = occ_run(&g->occ, words, g->out);
        if (rc != 0 || talk_read((enum talk_list)i, g->out, &g->facts.talk) < 0)
            return failed(g, lists[i], rc);
    }
    return EXIT_OK;
}

static int find_occ(const struct args *a, struct gather *g)
{
    int r = occ_find(a->opt[OPT_OCC], &g->occ, g->why);
    if (r < 0)
        fprintf(stderr, "drehkreuz: %s\n", g->why);
    return r == 0 ? EXIT_OK : EXIT_FAILED;
}

/* --- Ours --- */

static bool is_address_ours(const struct site *s, const struct addr *a)
{
    if (site_is_local(s, a))
        return true;
    for (size_t i = 0; i < TURN_FAMILIES; i++)
        if (addr_eq_ip(&s->relay[i].announced, a))
            return true;
    return false;
}

static bool is_name_ours(const struct gather *g, const char *host)
{
    static const enum addr_family families[] = {ADDR_V4, ADDR_V6};
    struct addr a;
    for (size_t i = 0; i < g->conf->turn_names.n; i++)
        if (strcasecmp(g->conf->turn_names.v[i], host) == 0)
            return true;
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        if (net_resolve(host, families[i], &a) && is_address_ours(&g->site, &a))
            return true;
    return strcasecmp(site_name(g->conf), host) == 0;
}

static unsigned speaks_at(const struct conf *c, uint16_t port)
{
    return (listen_at(c, NET_UDP, port) ? PLATFORM_UDP : 0U) |
           (listen_at(c, NET_TCP, port) ? PLATFORM_TCP : 0U) |
           (listen_at(c, NET_TLS, port) ? PLATFORM_TLS : 0U);
}

/* Without our configuration, the first one is taken for ours. */
static void look_server(const struct gather *g, const char *text, struct platform_server *ret)
{
    char host[CHECK_HOST];
    struct addr a;
    if (!talk_host(text, host, &ret->port))
        return;
    ret->is_address = addr_parse(host, &a);
    if (!g->conf)
        return;
    ret->is_ours = ret->is_address ? is_address_ours(&g->site, &a) : is_name_ours(g, host);
    ret->speaks = speaks_at(g->conf, ret->port) & g->facts.speaks;
}

static void look_servers(struct gather *g)
{
    struct platform_facts *f = &g->facts;
    for (size_t i = 0; i < f->talk.n_turn; i++)
        look_server(g, f->talk.turn[i].server, &f->turn[i]);
    for (size_t i = 0; i < f->talk.n_stun; i++)
        look_server(g, f->talk.stun[i], &f->stun[i]);
    if (!g->conf && f->talk.n_turn)
        f->turn[0].is_ours = true;
}

static void look_conf(struct gather *g)
{
    static const enum net_speaks speaks[] = {NET_UDP, NET_TCP, NET_TLS};
    struct platform_facts *f = &g->facts;
    struct auth_error err;
    struct addr a;
    for (unsigned i = 0; i < sizeof(speaks) / sizeof(speaks[0]); i++) {
        if (!listen_first(g->conf, speaks[i], &a))
            continue;
        f->speaks |= 1U << i;
        f->port = f->port ? f->port : a.port;
    }
    f->has_conf = true;
    f->answers_binding = g->conf->binding;
    f->ttl_limit = g->conf->max_credential_ttl;
    f->has_secrets = store_all(g->conf, &f->secrets, &err) == 0;
}

/* --- The media server as a peer --- */

static void add_local(struct gather *g, const struct addr *a)
{
    if (a->family == ADDR_NONE)
        return;
    struct cidr *c = &g->local[g->n_local++];
    c->net = *a;
    c->net.port = 0;
    c->bits = a->family == ADDR_V4 ? 32 : 128;
}

static void look_local(struct gather *g)
{
    for (size_t i = 0; i < g->site.n_local; i++)
        add_local(g, &g->site.local[i]);
    for (size_t i = 0; i < TURN_FAMILIES; i++)
        add_local(g, &g->site.relay[i].announced);
}

static const char *why_denied(const struct gather *g, const struct addr *a)
{
    const struct turn_policy policy = {
        .allow = g->conf->allow_peers.v,
        .n_allow = g->conf->allow_peers.n,
        .deny = g->conf->deny_peers.v,
        .n_deny = g->conf->deny_peers.n,
        .local = g->local,
        .n_local = g->n_local,
    };
    size_t n;
    const struct policy_row *rows = policy_table(&n);
    if (policy_allows(&policy, a, false))
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (cidr_contains(&rows[i].cidr, a))
            return rows[i].why;
    return is_address_ours(&g->site, a) ? "this host's own" : "deny_peers";
}

static void look_media(const struct gather *g, const char *url, struct platform_media *ret)
{
    static const enum addr_family families[] = {ADDR_V4, ADDR_V6};
    uint16_t port;
    if (!talk_host(url, ret->host, &port))
        return;
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]) && !ret->denied; i++) {
        struct addr a;
        bool is_literal = addr_parse(ret->host, &a);
        if (is_literal ? a.family != families[i] : !net_resolve(ret->host, families[i], &a))
            continue;
        a.port = 0;
        ret->is_known = true;
        ret->denied = why_denied(g, &a);
        if (ret->denied)
            addr_format(&a, ret->allow);
    }
}

/* --- What is then tried --- */

static void take_login(const struct talk_turn *t, struct check *c)
{
    struct auth_secret *one = &c->secrets.v[0];
    size_t n = strlen(t->secret);
    one->len = (uint16_t)(n < AUTH_SECRET_MAX ? n : AUTH_SECRET_MAX);
    memcpy(one->bytes, t->secret, one->len);
    c->secrets.n = 1;
}

static void take_way(struct check_way *w, const char *host, uint16_t port)
{
    struct addr a;
    if (w->asked)
        return;
    w->asked = true;
    w->port = port;
    if (!addr_parse(host, &a))
        return;
    a.port = port;
    w->at[a.family == ADDR_V6 ? CHECK_V6 : CHECK_V4] = a;
}

/* Of entries with several names, those with the first one. */
static void take_entry(const struct talk_turn *t, struct check *c)
{
    static const enum link_over overs[] = {OVER_UDP, OVER_TCP, OVER_TLS};
    char host[CHECK_HOST];
    uint16_t port;
    if (!talk_host(t->server, host, &port) || port == 0)
        return;
    if (!c->host[0]) {
        take_login(t, c);
        memcpy(c->host, host, sizeof(host));
    }
    if (strcasecmp(c->host, host) != 0)
        return;
    for (unsigned i = 0; i < sizeof(overs) / sizeof(overs[0]); i++)
        if (platform_ways(t) >> i & 1)
            take_way(&c->ways[overs[i]], host, port);
}

static void set_target(const struct platform_facts *f, struct check *c)
{
    struct addr a;
    for (size_t i = 0; i < f->talk.n_turn; i++)
        if (f->turn[i].is_ours)
            take_entry(&f->talk.turn[i], c);
    memcpy(c->name, c->host, sizeof(c->host));
    c->is_name = c->host[0] && !addr_parse(c->host, &a);
    c->quick = true;
}

static void look(struct gather *g)
{
    struct timex time = {0};
    struct platform_facts *f = &g->facts;
    f->now = clock_wall();
    f->is_clock_kept = adjtimex(&time) != TIME_ERROR;
    if (g->conf) {
        site_look(g->conf, NULL, &g->site);
        look_local(g);
        look_conf(g);
    }
    look_servers(g);
    for (size_t i = 0; g->conf && i < f->talk.n_signaling; i++)
        look_media(g, f->talk.signaling[i], &f->media[i]);
}

/* The relay may be on another host than Nextcloud. */
static int load(const struct args *a, struct gather *g)
{
    if (!a->opt[OPT_CONFIG] && access(args_config(a), F_OK) < 0)
        return EXIT_OK;
    g->conf = settings_load(a);
    return g->conf ? EXIT_OK : EXIT_USAGE;
}

static int check_options(const struct args *a)
{
    static const enum opt others[] = {OPT_SERVER,        OPT_TRANSPORT, OPT_SECRET_FILE, OPT_USER,
                                      OPT_PASSWORD_FILE, OPT_QUICK,     OPT_HOST};
    if (strcmp(a->opt[OPT_PLATFORM], "nextcloud") != 0)
        return wrong("--platform knows nextcloud alone; for jitsi, matrix and rocketchat take "
                     "check, and check --server from outside");
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (a->opt[others[i]])
            return wrong("--platform finds out all by itself; it goes with --config, --occ and "
                         "--json only");
    return EXIT_OK;
}

int check_platform(const struct args *a, struct check *c,
                   struct platform_finding ret[PLATFORM_STEPS])
{
    int rc = check_options(a);
    if (rc != EXIT_OK)
        return rc;
    struct gather *g = mem_zalloc(sizeof(*g));
    if (!g)
        return wrong("out of memory");
    rc = load(a, g);
    if (rc == EXIT_OK)
        rc = find_occ(a, g);
    if (rc == EXIT_OK)
        rc = read_talk(g);
    if (rc == EXIT_OK) {
        look(g);
        platform_judge(&g->facts, ret);
        set_target(&g->facts, c);
    }
    settings_free(g->conf);
    mem_free_wiped(g, sizeof(*g));
    return rc;
}

void check_platform_print(struct check_out *o, const struct platform_finding found[PLATFORM_STEPS])
{
    for (unsigned i = 0; i < PLATFORM_STEPS; i++) {
        const struct check_line line = {platform_step_name(i), platform_step_title(i), NULL,
                                        &found[i].said, found[i].mark != HOST_FAIL};
        check_print_step(o, &line);
    }
}

void check_platform_reach(struct check_out *o, const struct check *c)
{
    struct finding said = {0};
    bool any = false;
    for (size_t i = 0; i < OVER_COUNT; i++)
        any = any || (c->ways[i].asked && (c->ways[i].at[CHECK_V4].family != ADDR_NONE ||
                                           c->ways[i].at[CHECK_V6].family != ADDR_NONE));
    bool ok = c->reached[CHECK_V4] || c->reached[CHECK_V6];
    if (!any)
        return;
    if (!ok) {
        check_say(said.cause, "from here, which is Nextcloud's host, nothing reaches %.200s",
                  c->host);
        check_say(said.remedy, "if others reach it, this network does not lead back to its own "
                               "public address (hairpin NAT): give the name its inner address in "
                               "/etc/hosts");
    }
    o->is_short = false;
    o->is_second = false;
    const struct check_line line = {"talk-reach", "Nextcloud's host reaches the server", NULL,
                                    &said, ok};
    check_print_step(o, &line);
}
