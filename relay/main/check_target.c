/* Which server drehkreuz check asks, and by which credential. */
#include "main/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "main/settings.h"
#include "main/site.h"
#include "main/text.h"

enum { PORT_TURN = 3478 };

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

static void set_address(struct check *c, struct addr a)
{
    c->port = a.port ? a.port : PORT_TURN;
    a.port = 0;
    addr_format(&a, c->host);
}

/* "turn:" in front is allowed, as people copy it from elsewhere. */
static bool take_server(const char *text, struct check *c)
{
    struct addr a;
    if (strncmp(text, "turn:", 5) == 0 || strncmp(text, "stun:", 5) == 0)
        text += 5;
    if (addr_parse(text, &a)) {
        set_address(c, a);
        return true;
    }
    const char *colon = strrchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : strlen(text);
    if (n == 0 || n >= sizeof(c->host))
        return false;
    snprintf(c->host, sizeof(c->host), "%.*s", (int)n, text);
    c->port = PORT_TURN;
    return !colon || take_port(colon + 1, &c->port);
}

/* Either our own secrets file, or a file whose first line is the secret. */
static int take_secret_file(const char *path, struct check *c)
{
    char line[AUTH_SECRET_MAX + 1];
    struct auth_error err = {0};
    if (auth_file_load(path, &c->secrets, &err) == 0 && c->secrets.n > 0)
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
static void set_listener(const struct conf *conf, const struct site *site, struct check *c)
{
    static const uint8_t v4[4] = {127, 0, 0, 1};
    static const uint8_t v6[16] = {[15] = 1};
    struct addr a = conf->listen.v[0];
    if (addr_is_any(&a)) {
        bool six = a.family == ADDR_V6;
        struct addr own = site->relay[six ? TURN_V6 : TURN_V4].local;
        uint16_t port = a.port;
        a = six ? addr_make(ADDR_V6, v6, 0) : addr_make(ADDR_V4, v4, 0);
        if (own.family != ADDR_NONE && !addr_is_any(&own))
            a = own;
        a.port = port;
    }
    set_address(c, a);
}

static int take_configured_login(const struct conf *conf, struct check *c)
{
    struct auth_error err = {0};
    int r = settings_secrets(conf->secrets_file, &c->secrets, &err);
    if (r == 0 && check_login_until(c, clock_wall() + 1) && c->secrets.n > 0)
        return EXIT_OK;
    c->secrets.n = 0;
    if (conf->users.n == 0)
        return wrong(r < 0 ? err.text
                           : "no secret is in force and there is no user; make a secret with: "
                             "drehkreuz secret new");
    memcpy(c->login.user, conf->users.v[0].name, sizeof(conf_text));
    memcpy(c->login.password, conf->users.v[0].password, sizeof(conf_text));
    return EXIT_OK;
}

static int take_conf(const struct args *a, struct check *c, bool with_login)
{
    struct conf *conf = settings_load(a);
    struct site *site = mem_zalloc(sizeof(*site));
    int rc = EXIT_USAGE;
    if (conf && site) {
        c->own = true;
        site_look(conf, NULL, site);
        set_listener(conf, site, c);
        rc = with_login ? take_configured_login(conf, c) : EXIT_OK;
    }
    mem_free(site);
    settings_free(conf);
    return rc;
}

bool check_login_until(struct check *c, int64_t expiry)
{
    struct auth_credential made;
    const struct auth_issue want = {"check", expiry, clock_wall()};
    if (c->secrets.n == 0)
        return true;
    if (auth_issue(&c->secrets, &want, &made) < 0)
        return false;
    snprintf(c->login.user, sizeof(c->login.user), "%s", made.user);
    snprintf(c->login.password, sizeof(c->login.password), "%s", made.password);
    crypto_wipe(&made, sizeof(made));
    return true;
}

int check_target(const struct args *a, struct check *c)
{
    const char *server = a->opt[OPT_SERVER];
    const char *user = a->opt[OPT_USER];
    const char *secret = a->opt[OPT_SECRET_FILE];
    c->quick = a->opt[OPT_QUICK] != NULL;
    c->json = a->opt[OPT_JSON] != NULL;
    if (user && secret)
        return wrong("give either --secret-file or --user, not both");
    if (server && !user && !secret)
        return wrong("--server needs --secret-file, or --user and --password-file");
    if (server && !take_server(server, c))
        return wrong("--server is a host name or address, with :PORT behind it if it is not 3478");
    int rc = server ? EXIT_OK : take_conf(a, c, !user && !secret);
    if (rc == EXIT_OK && user)
        rc = take_user(user, a->opt[OPT_PASSWORD_FILE], c);
    if (rc == EXIT_OK && secret)
        rc = take_secret_file(secret, c);
    return rc;
}
