/* drehkreuz secret, drehkreuz credential: shared secrets and what is derived from them. A value is
 * printed once, when it is made. */
#include "main/commands.h"
#include "main/store.h"
#include "main/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

/* How secrets without an id of their own are called, see redis/redis.h. */
#define COTURN "coturn-"

enum { DAY = 86400, LONGEST = INT32_MAX };

/* The date, with a number behind it when there is one of that name already. */
static void pick_id(struct store *s, int64_t now, struct auth_secret *one)
{
    struct tm tm;
    time_t t = (time_t)now;
    size_t n = 0;
    if (gmtime_r(&t, &tm))
        n = strftime(one->id, sizeof(one->id), "%Y-%m-%d", &tm);
    for (unsigned i = 2; auth_secrets_find(&s->secrets, one->id); i++)
        snprintf(one->id + n, sizeof(one->id) - n, "-%u", i);
}

/* As a word, or behind --id. */
static bool take_id(struct store *s, const struct args *a, struct auth_secret *one)
{
    const char *id = a->word ? a->word : a->opt[OPT_ID];
    if (!id) {
        pick_id(s, clock_wall(), one);
        return true;
    }
    size_t n = strlen(id);
    bool is_twice = a->word && a->opt[OPT_ID];
    if (is_twice || n == 0 || n > AUTH_ID_MAX ||
        strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") != n) {
        fprintf(stderr, "drehkreuz: an id is given once, 1 to %d of a-z, 0-9 and -\n", AUTH_ID_MAX);
        return false;
    }
    memcpy(one->id, id, n + 1);
    return true;
}

/* Whatever is there stays in force beside it. */
static int insert(struct store *s, struct auth_secret *one)
{
    if (auth_secrets_find(&s->secrets, one->id)) {
        fprintf(stderr, "drehkreuz: the id is taken by another secret\n");
        return EXIT_FAILED;
    }
    one->not_before = clock_wall();
    return store_put(s, one);
}

static void print_new(const struct auth_secret *one, bool json)
{
    if (json)
        printf("{\"id\": \"%s\", \"secret\": \"%.*s\"}\n", one->id, (int)one->len,
               (const char *)one->bytes);
    else
        printf("%.*s\n", (int)one->len, (const char *)one->bytes);
}

/* One line; the line end is not part of the secret. */
static bool read_value(struct auth_secret *one)
{
    uint8_t raw[AUTH_SECRET_MAX + 3];
    size_t n = fread(raw, 1, sizeof(raw), stdin);
    while (n > 0 && (raw[n - 1] == '\n' || raw[n - 1] == '\r'))
        n--;
    bool ok = n >= AUTH_SECRET_MIN && n <= AUTH_SECRET_MAX && !memchr(raw, '\n', n);
    if (ok) {
        memcpy(one->bytes, raw, n);
        one->len = (uint16_t)n;
    } else {
        fprintf(stderr, "drehkreuz: a secret is one line of %d to %d bytes on standard input\n",
                AUTH_SECRET_MIN, AUTH_SECRET_MAX);
    }
    crypto_wipe(raw, sizeof(raw));
    return ok;
}

int cmd_secret_new(const struct args *a)
{
    struct auth_secret one = {0};
    struct store *s = NULL;
    int rc = store_open(a, true, &s);
    if (rc == EXIT_OK && !take_id(s, a, &one))
        rc = EXIT_USAGE;
    if (rc == EXIT_OK) {
        auth_secret_generate(&one);
        rc = insert(s, &one);
    }
    if (rc == EXIT_OK)
        print_new(&one, a->opt[OPT_JSON] != NULL);
    crypto_wipe(&one, sizeof(one));
    store_close(s);
    return rc;
}

int cmd_secret_add(const struct args *a)
{
    struct auth_secret one = {0};
    struct store *s = NULL;
    int rc = read_value(&one) ? store_open(a, true, &s) : EXIT_USAGE;
    if (rc == EXIT_OK && !take_id(s, a, &one))
        rc = EXIT_USAGE;
    if (rc == EXIT_OK)
        rc = insert(s, &one);
    if (rc == EXIT_OK)
        printf(a->opt[OPT_JSON] ? "{\"id\": \"%s\"}\n" : "added %s\n", one.id);
    crypto_wipe(&one, sizeof(one));
    store_close(s);
    return rc;
}

static const char *state(const struct auth_secret *one, int64_t now)
{
    if (one->not_before > now)
        return "not yet";
    if (one->not_after == 0)
        return "in force";
    return now <= one->not_after ? "retiring" : "over";
}

static void print_age(const struct auth_secret *one, int64_t now)
{
    if (one->not_before == 0 || one->not_before > now)
        printf("%10s", "-");
    else
        printf("%8" PRId64 " d", (now - one->not_before) / DAY);
}

static size_t revoked_now(const struct store *s, int64_t now)
{
    size_t n = 0;
    for (size_t i = 0; i < s->revoked.n; i++)
        n += s->revoked.v[i].until >= now;
    return n;
}

static void print_text(const struct store *s, int64_t now)
{
    const struct auth_secrets *all = &s->secrets;
    size_t revoked = revoked_now(s, now);
    printf("%-32s %10s  %s\n", "ID", "AGE", "STATE");
    for (size_t i = 0; i < all->n; i++) {
        const struct auth_secret *one = &all->v[i];
        printf("%-32s ", one->id);
        print_age(one, now);
        printf("  %s", state(one, now));
        if (one->not_after >= now)
            printf(", %" PRId64 " s left", one->not_after - now);
        printf("\n");
    }
    if (revoked)
        printf("revoked names: %zu\n", revoked);
}

static void print_json(const struct store *s, int64_t now)
{
    const struct auth_secrets *all = &s->secrets;
    printf("{\"secrets\": [");
    for (size_t i = 0; i < all->n; i++) {
        const struct auth_secret *one = &all->v[i];
        printf("%s{\"id\": \"%s\", \"state\": \"%s\", \"not_before\": %" PRId64
               ", \"not_after\": %" PRId64 "}",
               i ? ", " : "", one->id, state(one, now), one->not_before, one->not_after);
    }
    printf("], \"revoked\": %zu}\n", revoked_now(s, now));
}

int cmd_secret_list(const struct args *a)
{
    struct store *s = NULL;
    int rc = store_open(a, false, &s);
    if (rc == EXIT_OK)
        (a->opt[OPT_JSON] ? print_json : print_text)(s, clock_wall());
    store_close(s);
    return rc;
}

/* A store to change, and the secret in it that the command names. */
static int open_named(const struct args *a, struct store **ret, struct auth_secret **ret_one)
{
    int rc = store_open(a, true, ret);
    if (rc != EXIT_OK)
        return rc;
    *ret_one = auth_secrets_find(&(*ret)->secrets, a->word);
    if (*ret_one && (*ret)->upstream && strncmp(a->word, COTURN, strlen(COTURN)) == 0) {
        fprintf(stderr, "drehkreuz: this one is in coturn's set, which has neither ids nor ends; "
                        "take it out there with SREM\n");
        return EXIT_FAILED;
    }
    if (*ret_one)
        return EXIT_OK;
    fprintf(stderr, "drehkreuz: %s holds no secret of that id; see drehkreuz secret list\n",
            (*ret)->path);
    return EXIT_FAILED;
}

int cmd_secret_retire(const struct args *a)
{
    const struct args_range range = {0, LONGEST, DAY};
    struct store *s = NULL;
    struct auth_secret *one;
    int64_t in;
    if (!args_number(a, OPT_IN, &range, &in))
        return EXIT_USAGE;
    int rc = open_named(a, &s, &one);
    if (rc == EXIT_OK) {
        one->not_after = clock_wall() + in;
        rc = store_put(s, one);
    }
    if (rc == EXIT_OK)
        printf(a->opt[OPT_JSON] ? "{\"id\": \"%s\", \"in\": %" PRId64 "}\n"
                                : "%s ends in %" PRId64 " seconds\n",
               a->word, in);
    store_close(s);
    return rc;
}

int cmd_secret_remove(const struct args *a)
{
    struct store *s = NULL;
    struct auth_secret *one;
    int rc = open_named(a, &s, &one);
    if (rc == EXIT_OK)
        rc = store_remove(s, a->word);
    if (rc == EXIT_OK)
        printf(a->opt[OPT_JSON] ? "{\"id\": \"%s\"}\n" : "removed %s\n", a->word);
    store_close(s);
    return rc;
}

static void print_credential_json(const struct auth_credential *made, int64_t ttl)
{
    printf("{\"username\": ");
    text_json(made->user);
    printf(", \"password\": \"%s\", \"ttl\": %" PRId64 "}\n", made->password, ttl);
}

int cmd_credential(const struct args *a)
{
    const struct args_range range = {1, LONGEST, DAY};
    struct auth_credential made;
    int64_t ttl;
    int64_t now = clock_wall();
    if (!args_number(a, OPT_TTL, &range, &ttl))
        return EXIT_USAGE;
    struct store *s = NULL;
    int rc = store_open(a, false, &s);
    if (rc != EXIT_OK)
        return rc;
    struct auth_issue want = {a->word, now + ttl, now};
    int r = auth_issue(&s->secrets, &want, &made);
    if (r < 0)
        fprintf(stderr, "drehkreuz: %s\n",
                r == -ENOENT ? "no shared secret is in force; make one with: drehkreuz secret new"
                             : "the name is too long");
    else if (a->opt[OPT_JSON])
        print_credential_json(&made, ttl);
    else
        printf("username: %s\npassword: %s\n", made.user, made.password);
    crypto_wipe(&made, sizeof(made));
    store_close(s);
    return r < 0 ? EXIT_FAILED : EXIT_OK;
}
