/* drehkreuz secret revoke, drehkreuz secret unrevoke: names that are let in no more, whatever
 * secret they were made with. */
#include "main/commands.h"
#include "main/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

enum { HOUR = 3600, DAY = 86400, LONGEST = INT32_MAX };

struct revocation {
    char name[AUTH_NAME_MAX + 2];
    uint8_t hash[AUTH_REVOKED_FORMS][SHA256_LEN];
    int n_hashes;
    struct store *store;
    struct auth_revocations drop;
    struct auth_revocations put;
};

static void end(struct revocation *r)
{
    auth_revocations_clear(&r->drop);
    auth_revocations_clear(&r->put);
    store_close(r->store);
    crypto_wipe(r, sizeof(*r));
}

/* A word, or for "-" one line of standard input: what is typed as a word stays in the shell's
 * history. */
static bool take_name(const struct args *a, struct revocation *r)
{
    bool is_word = strcmp(a->word, "-") != 0;
    if (is_word)
        snprintf(r->name, sizeof(r->name), "%s", a->word);
    else if (!fgets(r->name, sizeof(r->name), stdin))
        r->name[0] = '\0';
    r->name[strcspn(r->name, is_word ? "" : "\r\n")] = '\0';
    r->n_hashes = auth_revoked_names(r->name, r->hash);
    if (r->n_hashes < 0)
        fprintf(stderr, "drehkreuz: a user name has 1 to %d bytes\n", AUTH_NAME_MAX);
    return r->n_hashes > 0;
}

static int begin(const struct args *a, struct revocation *r)
{
    return take_name(a, r) ? store_open(a, true, &r->store) : EXIT_USAGE;
}

/* What is over makes room at every change; what is to be written anew is not dropped. */
static int drop_old(struct revocation *r, int64_t now)
{
    int e = 0;
    for (size_t i = 0; e == 0 && i < r->store->revoked.n; i++) {
        const struct auth_revoked *one = &r->store->revoked.v[i];
        if (one->until < now && r->drop.n < REDIS_DROPS_MAX)
            e = auth_revocations_add(&r->drop, one);
    }
    return e;
}

static int add_all(struct revocation *r, struct auth_revocations *to, int64_t until)
{
    int e = 0;
    for (int i = 0; e == 0 && i < r->n_hashes; i++) {
        struct auth_revoked one = {.until = until};
        memcpy(one.name, r->hash[i], sizeof(one.name));
        e = auth_revocations_add(to, &one);
    }
    return e;
}

static int change(struct revocation *r)
{
    return store_revoke(r->store, &r->drop, &r->put);
}

/* As long as the name itself is good, and so long that every living allocation has asked again
 * (RFC 8656 section 7.2); of a name that does not tell, as long as credentials are good. */
static int64_t usual_end(const struct revocation *r, int64_t now)
{
    int64_t expiry;
    struct span account;
    int64_t least = r->store->max_lifetime > HOUR ? r->store->max_lifetime : HOUR;
    if (!auth_expiry(span_text(r->name), &expiry, &account))
        return now + (r->store->max_ttl ? r->store->max_ttl : DAY);
    if (expiry > now + LONGEST)
        return now + LONGEST;
    return expiry > now + least ? expiry : now + least;
}

int cmd_secret_revoke(const struct args *a)
{
    const struct args_range range = {1, LONGEST, 0};
    struct revocation r = {.store = NULL};
    int64_t now = clock_wall();
    int64_t in;
    if (!args_number(a, OPT_IN, &range, &in))
        return EXIT_USAGE;
    int rc = begin(a, &r);
    if (rc == EXIT_OK) {
        in = in ? in : usual_end(&r, now) - now;
        if (drop_old(&r, now) < 0 || add_all(&r, &r.put, now + in) < 0)
            rc = EXIT_FAILED;
    }
    if (rc == EXIT_OK)
        rc = change(&r);
    if (rc == EXIT_OK)
        printf(a->opt[OPT_JSON] ? "{\"in\": %" PRId64 "}\n"
                                : "the name is revoked for %" PRId64 " seconds\n",
               in);
    end(&r);
    return rc;
}

static bool is_there(const struct revocation *r)
{
    bool any = false;
    for (int i = 0; i < r->n_hashes; i++)
        any = any || auth_revocations_find(&r->store->revoked, r->hash[i]);
    return any;
}

int cmd_secret_unrevoke(const struct args *a)
{
    struct revocation r = {.store = NULL};
    int rc = begin(a, &r);
    if (rc == EXIT_OK && !is_there(&r)) {
        fprintf(stderr, "drehkreuz: %s holds no revocation of that name\n", r.store->path);
        rc = EXIT_FAILED;
    }
    if (rc == EXIT_OK && add_all(&r, &r.drop, 0) < 0)
        rc = EXIT_FAILED;
    if (rc == EXIT_OK)
        rc = change(&r);
    if (rc == EXIT_OK)
        printf(a->opt[OPT_JSON] ? "{}\n" : "the name is revoked no more\n");
    end(&r);
    return rc;
}
