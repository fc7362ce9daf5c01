/* drehkreuz privacy: the facts of this configuration and host, for the papers. */
#include "main/commands.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "main/host_ports.h"
#include "main/listen.h"
#include "main/observe.h"
#include "main/settings.h"
#include "main/trace.h"
#include "privacy/privacy.h"

enum { LISTEN_ALL = 1024, HOST_NAME = 256, SENTINELS = 512 };

/* RFC 8656 sections 9 and 12: no option changes these. */
enum { PERMISSION_SECONDS = 300, CHANNEL_SECONDS = 600 };

/* The promise of the design, which tests/privacy measures. */
enum { FORGET_SECONDS = 1 };

/* Everything that the facts point into. */
struct papers_of {
    struct conf *conf;
    struct listen_keep keep;
    struct net_conf net;
    struct metrics_conf metrics;
    conf_text file;
    struct host_finding found[HOST_STEPS];
    char listen[LISTEN_ALL];
    char host[HOST_NAME];
    char redis[SENTINELS];
    struct privacy_facts facts;
};

/* --- Names --- */

static void take_listen(struct papers_of *p)
{
    bool has_tls = p->conf->certificates.n > 0;
    char at[ADDR_TEXT];
    char speaks[LISTEN_TEXT];
    size_t n = 0;
    listen_set(p->conf, &p->keep, &p->net);
    for (size_t i = 0; i < p->net.n_listen && n < sizeof(p->listen); i++) {
        listen_speaks(p->net.listen[i].speaks, has_tls, speaks);
        addr_format(&p->net.listen[i].addr, at);
        n += (size_t)snprintf(p->listen + n, sizeof(p->listen) - n, "%s%s (%s)", n ? ", " : "", at,
                              speaks);
    }
}

/* How clients know it, as far as this is said anywhere. */
static void take_host(struct papers_of *p)
{
    const struct conf *c = p->conf;
    const char *const names[] = {c->turn_names.n ? c->turn_names.v[0] : "", c->external_ipv4,
                                 c->external_ipv6};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i][0] && strcmp(names[i], "auto") != 0) {
            snprintf(p->host, sizeof(p->host), "%s", names[i]);
            return;
        }
    }
    if (gethostname(p->host, sizeof(p->host) - 1) < 0)
        snprintf(p->host, sizeof(p->host), "localhost");
}

static bool is_on_this_host(const char *text)
{
    static const char name[] = "localhost";
    static const char *const nets[] = {"127.0.0.0/8", "::1/128"};
    size_t n = strlen(name);
    struct cidr net;
    struct addr a;
    if (text[0] == '/' || (strncmp(text, name, n) == 0 && (!text[n] || text[n] == ':')))
        return true;
    if (!addr_parse(text, &a))
        return false;
    for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++)
        if (cidr_parse(nets[i], &net) && cidr_contains(&net, &a))
            return true;
    return false;
}

static bool take_redis(struct papers_of *p)
{
    const struct conf *c = p->conf;
    bool leaves = c->redis[0] && !is_on_this_host(c->redis);
    size_t n = (size_t)snprintf(p->redis, sizeof(p->redis), "%s", c->redis);
    for (size_t i = 0; i < c->redis_sentinels.n && n < sizeof(p->redis); i++) {
        n += (size_t)snprintf(p->redis + n, sizeof(p->redis) - n, "%s%s", n ? ", " : "",
                              c->redis_sentinels.v[i]);
        leaves = true; /* the master that they name may be anywhere */
    }
    return leaves;
}

/* --- Facts --- */

static void take_uses(struct papers_of *p)
{
    struct privacy_facts *f = &p->facts;
    const struct metrics_entry *rows;
    size_t n = metrics_ledger(&p->metrics, &rows);
    for (size_t i = 0; i < n && i < PRIVACY_USES_MAX; i++)
        f->uses[f->n_uses++] = (struct privacy_use){rows[i].name, rows[i].shape, rows[i].clip,
                                                    rows[i].scale, rows[i].epsilon_milli};
    f->epsilon_milli = metrics_epsilon_milli(&p->metrics);
    f->window = metrics_window_of(&p->metrics);
    f->publishes = n > 0;
    f->has_alarm = n > METRICS_USES;
}

static void take_warnings(struct papers_of *p, bool redis_leaves)
{
    static const struct {
        enum host_step step;
        enum privacy_warning warning;
    } steps[] = {{HOST_CORES, PRIVACY_CORES},
                 {HOST_SWAP, PRIVACY_SWAP},
                 {HOST_CONNTRACK, PRIVACY_CONNTRACK},
                 {HOST_EXPORTERS, PRIVACY_EXPORTER},
                 {HOST_ACCOUNTING, PRIVACY_EXPORTER}};
    struct host_ports ports;
    bool *warning = p->facts.warning;
    host_ports_set(p->conf, &ports);
    host_look("", &ports, p->found);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        warning[steps[i].warning] |= p->found[steps[i].step].mark != HOST_OK;
    warning[PRIVACY_NO_TLS] = p->conf->certificates.n == 0;
    warning[PRIVACY_REDIS_CLEAR] = redis_leaves && !p->conf->redis_tls;
}

/* systemd makes the folder where the unit asks for it, and a command cannot see that setting. */
static bool keeps_windows(const struct papers_of *p)
{
    return p->file[0] || access("/var/lib/drehkreuz", F_OK) == 0;
}

static void take_facts(struct papers_of *p)
{
    const struct conf *c = p->conf;
    take_listen(p);
    take_host(p);
    bool redis_leaves = take_redis(p);
    observe_conf(c, p->file, &p->metrics);
    p->facts = (struct privacy_facts){
        .version = DREHKREUZ_VERSION,
        .host = p->host,
        .operator_name = c->operator_name,
        .officer = c->privacy_officer,
        .authority = c->privacy_authority,
        .platform = c->privacy_platform,
        .provider = c->privacy_provider,
        .listen = p->listen,
        .redis = p->redis,
        .web = c->web_server,
        .basis = c->privacy_basis,
        .has_tls = c->certificates.n > 0,
        .only_tls13 = c->only_tls13,
        .has_fixed_users = c->users.n > 0 || c->redis_users,
        .has_issuer = c->issuer_listen[0] || c->issuer_socket[0],
        .tells_web = c->web_proxy,
        .profile = c->metrics_profile,
        .volume_unit = METRICS_VOLUME_UNIT,
        .group = METRICS_GROUP,
        .windows_kept = METRICS_WINDOWS_KEPT,
        .windows_on_disk = keeps_windows(p),
        .permission_s = PERMISSION_SECONDS,
        .channel_s = CHANNEL_SECONDS,
        .lifetime_max_s = c->lifetime_max,
        .credential_s = c->max_credential_ttl,
        .trace_s = TRACE_MINUTES_MAX * 60,
        .forget_s = FORGET_SECONDS,
    };
    take_uses(p);
    take_warnings(p, redis_leaves);
}

static void name_warnings(const struct privacy_facts *f, enum privacy_lang lang)
{
    fflush(stdout);
    for (unsigned w = 0; w < PRIVACY_WARNINGS; w++)
        if (f->warning[w])
            fprintf(stderr, "drehkreuz: %s: %s\n", privacy_warning_name((enum privacy_warning)w),
                    privacy_warning_text((enum privacy_warning)w, lang));
}

static bool take_lang(const char *text, enum privacy_lang *ret)
{
    bool is_german = text && strcmp(text, "de") == 0;
    *ret = is_german ? PRIVACY_DE : PRIVACY_EN;
    return !text || is_german || strcmp(text, "en") == 0;
}

int cmd_privacy(const struct args *a)
{
    enum privacy_lang lang;
    if (!take_lang(a->opt[OPT_LANG], &lang)) {
        fprintf(stderr, "drehkreuz: --lang must be de or en\n");
        return EXIT_USAGE;
    }
    struct papers_of *p = mem_zalloc(sizeof(*p));
    if (!p) {
        fprintf(stderr, "drehkreuz: out of memory\n");
        return EXIT_FAILED;
    }
    int rc = EXIT_USAGE;
    p->conf = settings_load(a);
    if (p->conf) {
        take_facts(p);
        if (a->opt[OPT_JSON])
            privacy_print_json(&p->facts, stdout);
        else
            privacy_print(&p->facts, lang, stdout);
        name_warnings(&p->facts, lang);
        rc = privacy_holds(&p->facts) ? EXIT_OK : EXIT_FAILED;
        settings_free(p->conf);
    }
    mem_free(p);
    return rc;
}
