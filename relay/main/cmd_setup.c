/* drehkreuz setup: finds out what a platform has to be told, makes a secret for it if it has none,
 * and prints the lines for both sides. */
#include "main/commands.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "main/apply.h"
#include "main/listen.h"
#include "main/site.h"
#include "main/store.h"
#include "main/text.h"
#include "setup/setup.h"
#include "turn/policy.h"

enum { PORT_HTTPS = 443, HOST_MAX = 253 };

struct setup {
    struct conf *conf;
    struct site site;
    char host[HOST_MAX + 1];
    char told[ADDR_TEXT];
    char id[AUTH_ID_MAX + 1];
    char value[AUTH_SECRET_MAX + 1];
    struct setup_facts facts;
};

static int wrong(const char *text)
{
    fprintf(stderr, "drehkreuz: %s\n", text);
    return EXIT_USAGE;
}

/* --- Under which name --- */

static const struct policy_row *not_public(const struct addr *a)
{
    size_t n;
    const struct policy_row *rows = policy_table(&n);
    for (size_t i = 0; i < n; i++)
        if (cidr_contains(&rows[i].cidr, a))
            return &rows[i];
    return NULL;
}

static bool is_name(const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++)
        if (!isascii(text[i]) || (!isalnum((unsigned char)text[i]) && !strchr("-.", text[i])))
            return false;
    return n > 0 && n <= HOST_MAX && text[0] != '-' && text[0] != '.';
}

/* The text goes into lines that a shell or Lua will read. */
static int take_host(const char *text, struct setup *s)
{
    struct addr a;
    if (addr_parse(text, &a) && a.port == 0) {
        addr_format(&a, s->host);
        s->facts.is_address = true;
        return EXIT_OK;
    }
    if (!is_name(text))
        return wrong("--host is a name or an address alone, such as turn.example.org; the port is "
                     "the listener's");
    snprintf(s->host, sizeof(s->host), "%s", text);
    return EXIT_OK;
}

static bool is_among(const char *host, const struct conf_texts *names)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcasecmp(host, names->v[i]) == 0)
            return true;
    return false;
}

/* The first address that the internet can reach counts most, then any. */
static void look_told(struct setup *s)
{
    s->facts.told = s->told;
    s->facts.told_why = "";
    for (size_t i = 0; i < TURN_FAMILIES; i++) {
        const struct addr *a = &s->site.relay[i].announced;
        if (a->family == ADDR_NONE)
            continue;
        const struct policy_row *row = not_public(a);
        if (s->told[0] && row)
            continue;
        addr_format(a, s->told);
        s->facts.told_why = row ? row->why : "";
        if (!row)
            return;
    }
}

static int find_host(const struct args *a, struct setup *s)
{
    const char *name = a->opt[OPT_HOST_NAME] ? a->opt[OPT_HOST_NAME] : site_name(s->conf);
    site_look(s->conf, NULL, &s->site);
    look_told(s);
    if (!name[0] && !a->opt[OPT_HOST_NAME])
        name = s->told;
    if (!name[0] && !a->opt[OPT_HOST_NAME])
        return wrong("this host has no address to relay on; set relay_ipv4, or give --host NAME");
    return take_host(name, s);
}

/* --- Where it listens --- */

/* 443 gets through most firewalls, for TCP at least. */
static void find_ports(struct setup *s)
{
    static const enum net_speaks speaks[SETUP_WAYS] = {NET_UDP, NET_TCP, NET_TLS};
    struct addr a;
    for (unsigned i = 0; i < SETUP_WAYS; i++) {
        if (!listen_first(s->conf, speaks[i], &a))
            continue;
        bool on_443 = i != SETUP_UDP && listen_at(s->conf, speaks[i], PORT_HTTPS);
        s->facts.port[i] = on_443 ? PORT_HTTPS : a.port;
    }
}

static void find_rest(const struct args *a, struct setup *s)
{
    const struct conf *c = s->conf;
    struct setup_facts *f = &s->facts;
    f->host = s->host;
    f->id = s->id;
    f->value = s->value;
    f->has_certificate = c->certificates.n > 0;
    f->answers_binding = c->binding;
    f->web_takes_host = c->web_server[0] && c->turn_names.n && f->port[SETUP_TLS] &&
                        !f->is_address && !is_among(s->host, &c->turn_names);
    f->ttl_limit = c->max_credential_ttl;
    f->realm = c->realm;
    f->config = a->opt[OPT_CONFIG] ? a->opt[OPT_CONFIG] : "";
    f->relay_first = c->relay_ports.first;
    f->relay_last = c->relay_ports.last;
    f->n_users = c->users.n;
    f->n_allow_peers = c->allow_peers.n;
}

/* --- By which secret --- */

static int take_id(const struct args *a, enum setup_platform p, struct setup *s)
{
    const char *id = a->opt[OPT_ID] ? a->opt[OPT_ID] : setup_name(p);
    size_t n = strlen(id);
    if (n == 0 || n > AUTH_ID_MAX || strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") != n)
        return wrong("an id is 1 to 32 of a-z, 0-9 and -");
    memcpy(s->id, id, n + 1);
    return EXIT_OK;
}

/* What lies beyond is in an encoding that somebody's file may not have. */
static bool is_plain(const char *text)
{
    for (const char *p = text; *p; p++)
        if (*p <= ' ' || *p >= 0x7f)
            return false;
    return true;
}

static int take_file(const char *path, bool is_password, struct setup *s)
{
    const size_t most = is_password ? CONF_TEXT_MAX - 1 : AUTH_SECRET_MAX;
    int r = text_first_line(path, s->value, sizeof(s->value));
    if (r < 0) {
        fprintf(stderr, "drehkreuz: %s: %s\n", path, strerror(-r));
        return EXIT_USAGE;
    }
    if (!is_plain(s->value))
        return wrong("--secret-file is a file that holds the secret alone, in its first line, of "
                     "ASCII characters without blanks; for one of the server's secrets give --id");
    s->facts.origin = SETUP_GIVEN;
    if (strlen(s->value) < AUTH_SECRET_MIN || strlen(s->value) > most)
        return wrong(is_password ? "a password has 16 to 255 bytes here"
                                 : "a secret has 16 to 512 bytes");
    return EXIT_OK;
}

static void take_secret(const struct auth_secret *one, enum setup_origin origin, struct setup *s)
{
    memcpy(s->value, one->bytes, one->len);
    s->value[one->len] = 0;
    s->facts.origin = origin;
}

static int check_found(const struct auth_secret *one, const struct setup *s)
{
    bool lasts = one->not_before <= clock_wall() && one->not_after == 0;
    if (lasts && is_plain(s->value))
        return EXIT_OK;
    fprintf(stderr, "drehkreuz: the secret %s %s; name a new one by --id, such as --id %.20s-2\n",
            one->id,
            lasts ? "has other than ASCII characters, which not every platform can be told"
                  : "is not in force for good, see drehkreuz secret list",
            one->id);
    return EXIT_FAILED;
}

static int make_secret(struct store *store, struct setup *s)
{
    struct auth_secret one = {.not_before = clock_wall()};
    memcpy(one.id, s->id, sizeof(one.id));
    auth_secret_generate(&one);
    int rc = store_put(store, &one);
    if (rc == EXIT_OK)
        take_secret(&one, SETUP_MADE, s);
    crypto_wipe(&one, sizeof(one));
    return rc;
}

static int said_by_store(int rc)
{
    if (rc != EXIT_OK && geteuid() != 0)
        fprintf(stderr, "drehkreuz: secrets are root's and the server's; run this as root\n");
    return rc;
}

/* The store is locked only if it has to be changed, since reading may be all that is allowed. */
static int find_secret(const struct args *a, struct setup *s)
{
    const struct auth_secret *one = NULL;
    struct store *store = NULL;
    int rc = store_open(a, false, &store);
    if (rc == EXIT_OK && !auth_secrets_find(&store->secrets, s->id)) {
        store_close(store);
        store = NULL;
        rc = store_open(a, true, &store);
    }
    if (rc == EXIT_OK)
        one = auth_secrets_find(&store->secrets, s->id);
    if (one) {
        take_secret(one, SETUP_FOUND, s);
        rc = check_found(one, s);
    } else if (rc == EXIT_OK) {
        rc = said_by_store(make_secret(store, s));
    } else {
        said_by_store(rc);
    }
    store_close(store);
    return rc;
}

/* A platform without shared secrets: the user of that name, or a password for a new one. */
static int find_user(struct setup *s)
{
    struct auth_secret one = {0};
    for (size_t i = 0; i < s->conf->users.n; i++) {
        const struct conf_user *user = &s->conf->users.v[i];
        if (strcmp(user->name, s->id) != 0)
            continue;
        snprintf(s->value, sizeof(s->value), "%s", user->password);
        s->facts.origin = SETUP_FOUND;
        return EXIT_OK;
    }
    auth_secret_generate(&one);
    take_secret(&one, SETUP_MADE, s);
    crypto_wipe(&one, sizeof(one));
    return EXIT_OK;
}

static int find_value(const struct args *a, enum setup_platform p, struct setup *s)
{
    int rc = take_id(a, p, s);
    if (rc != EXIT_OK)
        return rc;
    if (a->opt[OPT_SECRET_FILE])
        return take_file(a->opt[OPT_SECRET_FILE], setup_wants_user(p), s);
    return setup_wants_user(p) ? find_user(s) : find_secret(a, s);
}

/* --- By whom it is written --- */

typedef enum apply_result apply_function(const struct setup_facts *f, const char *place);

static const struct {
    apply_function *write;
    enum opt place;
} APPLY[SETUP_PLATFORMS] = {
    [SETUP_NEXTCLOUD] = {apply_talk, OPT_OCC},
    [SETUP_JITSI] = {apply_prosody, OPT_INTO},
    [SETUP_MATRIX] = {apply_synapse, OPT_INTO},
    [SETUP_ROCKETCHAT] = {NULL, OPT_COUNT},
};

static int apply_not(enum setup_platform p, const struct setup_facts *f, const char *why)
{
    (void)setup_print(p, f, false, stdout);
    (void)apply_refuse("nothing has been written: %s", why);
    return EXIT_FAILED;
}

/* What is not written is printed. */
static int apply(const struct args *a, enum setup_platform p, const struct setup_facts *f)
{
    if (!APPLY[p].write)
        return apply_not(p, f,
                         "Rocket.Chat takes settings in its administration only, and our "
                         "configuration is yours; paste the lines above");
    if (!setup_is_ready(p, f))
        return apply_not(p, f, "first do what is marked ! above");
    enum apply_result r = APPLY[p].write(f, a->opt[APPLY[p].place]);
    if (r == APPLY_ELSEWHERE)
        (void)setup_print(p, f, false, stdout);
    if (r != APPLY_DONE)
        return EXIT_FAILED;
    setup_print_rest(p, f, stdout);
    return EXIT_OK;
}

/* The options that say where to write belong to --apply, each to its own platforms. */
static bool fits_platform(const struct args *a, enum setup_platform p)
{
    bool strays = (a->opt[OPT_OCC] && (!a->opt[OPT_APPLY] || APPLY[p].place != OPT_OCC)) ||
                  (a->opt[OPT_INTO] && (!a->opt[OPT_APPLY] || APPLY[p].place != OPT_INTO));
    return !strays && !(a->opt[OPT_APPLY] && a->opt[OPT_JSON]);
}

static int run(const struct args *a, enum setup_platform p, struct setup *s)
{
    s->conf = settings_load(a);
    if (!s->conf)
        return access(args_config(a), R_OK) < 0
                   ? wrong("give the relay's configuration by --config, and read it as root")
                   : EXIT_USAGE;
    int rc = find_host(a, s);
    if (rc == EXIT_OK)
        rc = find_value(a, p, s);
    if (rc != EXIT_OK)
        return rc;
    find_ports(s);
    find_rest(a, s);
    if (a->opt[OPT_APPLY])
        return apply(a, p, &s->facts);
    return setup_print(p, &s->facts, a->opt[OPT_JSON] != NULL, stdout) ? EXIT_OK : EXIT_FAILED;
}

static int unknown(const char *typed)
{
    const char *names[SETUP_PLATFORMS];
    for (unsigned i = 0; i < SETUP_PLATFORMS; i++)
        names[i] = setup_name(i);
    return args_unknown("platform", typed, names, SETUP_PLATFORMS);
}

int cmd_setup(const struct args *a)
{
    enum setup_platform p = setup_find(a->word);
    if (p == SETUP_PLATFORMS)
        return unknown(a->word);
    if (a->opt[OPT_ID] && a->opt[OPT_SECRET_FILE] && !setup_wants_user(p))
        return wrong("give either --secret-file or --id, not both");
    if (!fits_platform(a, p))
        return wrong("--occ goes with nextcloud --apply, --into with jitsi or matrix --apply, and "
                     "--json not with --apply");
    struct setup *s = mem_zalloc(sizeof(*s));
    if (!s)
        return wrong("out of memory");
    int rc = run(a, p, s);
    settings_free(s->conf);
    mem_free_wiped(s, sizeof(*s));
    return rc;
}
