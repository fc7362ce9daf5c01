/* Which server drehkreuz check asks, and by which credential. */
#include "main/check_target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "main/listen.h"
#include "main/site.h"
#include "main/store.h"
#include "main/text.h"

enum { PORT_TURN = 3478, PORT_TURNS = 5349 };

static int wrong(const char *text)
{
    fprintf(stderr, "drehkreuz: %s\n", text);
    return EXIT_USAGE;
}

static bool take_port(const char *text, uint16_t *ret)
{
    char *end = NULL;
    long v = strtol(text, &end, 10);
    if (end == text || *end || v < 1 || v > UINT16_MAX)
        return false;
    *ret = (uint16_t)v;
    return true;
}

/* --- What the operator names --- */

struct named {
    char host[CHECK_HOST];
    struct addr at; /* ADDR_NONE: host is a name */
    uint16_t port;
    bool is_tls;   /* turns: */
    bool over_udp; /* ?transport= says so, or does not say */
    bool over_tcp;
};

/* "turn:" in front and "?transport=tcp" behind are allowed, as people copy them from elsewhere. */
static const char *take_scheme(const char *text, struct named *ret)
{
    static const struct {
        const char *name;
        bool is_tls;
    } schemes[] = {{"turn:", false}, {"stun:", false}, {"turns:", true}, {"stuns:", true}};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t n = strlen(schemes[i].name);
        if (strncmp(text, schemes[i].name, n) != 0)
            continue;
        ret->is_tls = schemes[i].is_tls;
        return text + n;
    }
    return text;
}

static bool take_query(char *text, struct named *ret)
{
    char *query = strchr(text, '?');
    if (!query)
        return true;
    ret->over_udp = strcmp(query, "?transport=udp") == 0;
    ret->over_tcp = strcmp(query, "?transport=tcp") == 0;
    *query = 0;
    return ret->over_udp || ret->over_tcp;
}

static bool take_server(const char *server, struct named *ret)
{
    char text[CHECK_HOST];
    struct addr a;
    server = take_scheme(server, ret);
    ret->port = ret->is_tls ? PORT_TURNS : PORT_TURN;
    if ((size_t)snprintf(text, sizeof(text), "%s", server) >= sizeof(text) ||
        !take_query(text, ret))
        return false;
    if (addr_parse(text, &a)) {
        a.port = ret->port = a.port ? a.port : ret->port;
        ret->at = a;
        a.port = 0;
        addr_format(&a, ret->host);
        return true;
    }
    char *colon = strrchr(text, ':');
    if (colon && !take_port(colon + 1, &ret->port))
        return false;
    if (colon)
        *colon = 0;
    snprintf(ret->host, sizeof(ret->host), "%s", text);
    return text[0] != 0;
}

/* --- Transports --- */

static const char *const TRANSPORTS[OVER_COUNT] = {"udp", "tcp", "tls", "dtls"};

static bool find_transport(const char *name, size_t n, unsigned *ret)
{
    for (unsigned i = 0; i < OVER_COUNT; i++) {
        if (strlen(TRANSPORTS[i]) == n && memcmp(TRANSPORTS[i], name, n) == 0) {
            *ret |= 1U << i;
            return true;
        }
    }
    return false;
}

/* "udp,tls" as bits; 0 when none are given. */
static bool take_transports(const char *list, unsigned *ret)
{
    *ret = 0;
    while (list) {
        size_t n = strcspn(list, ",");
        if (!find_transport(list, n, ret))
            return false;
        list = list[n] ? list + n + 1 : NULL;
    }
    return true;
}

/* What the name itself asks for: UDP, or TLS for turns:, if nothing else. */
static unsigned named_transports(const struct named *n)
{
    if (n->is_tls)
        return n->over_udp ? 1U << OVER_DTLS : 1U << OVER_TLS;
    return n->over_tcp ? 1U << OVER_TCP : 1U << OVER_UDP;
}

static int set_server(const char *server, unsigned over, struct check *c)
{
    struct named n = {0};
    if (!take_server(server, &n))
        return wrong("--server is a host name or address, with :PORT behind it if it is not 3478");
    over = over ? over : named_transports(&n);
    for (unsigned i = 0; i < OVER_COUNT; i++) {
        struct check_way *w = &c->ways[i];
        w->asked = over >> i & 1;
        w->port = n.port;
        if (n.at.family != ADDR_NONE)
            w->at[n.at.family == ADDR_V6 ? CHECK_V6 : CHECK_V4] = n.at;
    }
    c->is_name = n.at.family == ADDR_NONE;
    memcpy(c->host, n.host, sizeof(c->host));
    memcpy(c->name, n.host, sizeof(c->name));
    return EXIT_OK;
}

/* --- Credentials --- */

/* Either our own secrets file, or a file whose first line is the secret. */
static int take_secret_file(const char *path, struct check *c)
{
    char line[AUTH_SECRET_MAX + 1];
    struct auth_error err = {0};
    if (auth_file_load(path, &c->secrets, NULL, &err) == 0 && c->secrets.n > 0)
        return EXIT_OK;
    int r = text_first_line(path, line, sizeof(line));
    if (r < 0) {
        fprintf(stderr, "drehkreuz: %s: %s\n", path, strerror(-r));
        return EXIT_USAGE;
    }
    if (line[0] == '#') /* ours, but not as it must be */
        return wrong(err.text);
    struct auth_secret *one = &c->secrets.v[0];
    one->len = (uint16_t)strlen(line);
    memcpy(one->bytes, line, one->len);
    c->secrets.n = 1;
    crypto_wipe(line, sizeof(line));
    return EXIT_OK;
}

static int take_user(const char *user, const char *password_file, struct check *c)
{
    if (!password_file)
        return wrong("--user needs --password-file, whose first line is the password");
    int r = text_first_line(password_file, c->login.password, sizeof(c->login.password));
    if (r < 0) {
        fprintf(stderr, "drehkreuz: %s: %s\n", password_file, strerror(-r));
        return EXIT_USAGE;
    }
    if (strlen(user) >= sizeof(c->login.user))
        return wrong("the user name is too long");
    snprintf(c->login.user, sizeof(c->login.user), "%s", user);
    return EXIT_OK;
}

/* A server that listens on any address is asked by the one it relays on. */
static struct addr listener(const struct addr *listen, const struct site *site)
{
    static const uint8_t v4[4] = {127, 0, 0, 1};
    static const uint8_t v6[16] = {[15] = 1};
    if (!addr_is_any(listen))
        return *listen;
    bool six = listen->family == ADDR_V6;
    struct addr own = site->relay[six ? TURN_V6 : TURN_V4].local;
    struct addr a = six ? addr_make(ADDR_V6, v6, 0) : addr_make(ADDR_V4, v4, 0);
    if (own.family != ADDR_NONE && !addr_is_any(&own))
        a = own;
    a.port = listen->port;
    return a;
}

/* The first listener of each family, quickly only of one. */
static bool set_way(const struct conf *conf, const struct site *site, enum link_over over,
                    struct check *c)
{
    static const enum net_speaks speaks[OVER_COUNT] = {NET_UDP, NET_TCP, NET_TLS, NET_DTLS};
    static const enum addr_family families[CHECK_FAMILIES] = {ADDR_V4, ADDR_V6};
    struct check_way *w = &c->ways[over];
    struct addr a;
    for (size_t f = 0; f < CHECK_FAMILIES && !(c->quick && w->asked); f++) {
        if (!listen_first_of(conf, speaks[over], families[f], &a))
            continue;
        w->at[f] = listener(&a, site);
        w->asked = true;
    }
    return w->asked;
}

/* over: those asked for, 0 = all that the configuration offers, quickly only the first. */
static int set_own(const struct conf *conf, unsigned over, struct check *c)
{
    struct site *site = mem_zalloc(sizeof(*site));
    if (!site)
        return wrong("out of memory");
    bool any = false;
    bool all = true;
    site_look(conf, NULL, site);
    for (unsigned i = 0; i < OVER_COUNT; i++) {
        if (over ? !(over >> i & 1) : any && c->quick)
            continue;
        bool is_there = set_way(conf, site, (enum link_over)i, c);
        any = any || is_there;
        all = all && is_there;
    }
    mem_free(site);
    snprintf(c->name, sizeof(c->name), "%s", site_name(conf));
    snprintf(c->realm, sizeof(c->realm), "%s", conf->realm);
    return over && !all ? wrong("the configuration has no listener for a transport named by "
                                "--transport; TLS and DTLS need certificates")
                        : EXIT_OK;
}

/* Without secrets the rest is of no use, but which step that is gets told with the others. */
static int take_configured_login(const struct conf *conf, struct check *c)
{
    struct auth_error err = {0};
    int r = store_all(conf, &c->secrets, &err);
    if (r < 0)
        snprintf(c->trouble, sizeof(c->trouble), "%s", err.text);
    if (check_login_until(c, clock_wall() + 1) && c->secrets.n > 0)
        return EXIT_OK;
    c->secrets.n = 0;
    if (conf->users.n == 0)
        return r < 0 ? EXIT_OK
                     : wrong("no secret is in force and there is no user; make a secret with: "
                             "drehkreuz secret new");
    memcpy(c->login.user, conf->users.v[0].name, sizeof(conf_text));
    memcpy(c->login.password, conf->users.v[0].password, sizeof(conf_text));
    return EXIT_OK;
}

static int take_conf(const struct args *a, unsigned over, struct check *c, bool with_login)
{
    struct conf *conf = settings_load(a);
    if (!conf)
        return EXIT_USAGE;
    c->own = true;
    int rc = set_own(conf, over, c);
    if (rc == EXIT_OK && with_login)
        rc = take_configured_login(conf, c);
    settings_free(conf);
    return rc;
}

int check_target(const struct args *a, struct check *c)
{
    const char *server = a->opt[OPT_SERVER];
    const char *user = a->opt[OPT_USER];
    const char *secret = a->opt[OPT_SECRET_FILE];
    c->quick = a->opt[OPT_QUICK] != NULL;
    if (user && secret)
        return wrong("give either --secret-file or --user, not both");
    if (server && !user && !secret)
        return wrong("--server needs --secret-file, or --user and --password-file");
    unsigned over;
    if (!take_transports(a->opt[OPT_TRANSPORT], &over))
        return wrong("--transport is a list of udp, tcp, tls and dtls, with commas between them");
    int rc = server ? set_server(server, over, c) : take_conf(a, over, c, !user && !secret);
    if (rc == EXIT_OK && user)
        rc = take_user(user, a->opt[OPT_PASSWORD_FILE], c);
    if (rc == EXIT_OK && secret)
        rc = take_secret_file(secret, c);
    return rc;
}
