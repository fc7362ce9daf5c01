/* What is in force, and what one more read makes of it. */
#include "redis/redis_int.h"

static bool secret_eq(const struct auth_secret *a, const struct auth_secret *b)
{
    return strcmp(a->id, b->id) == 0 && a->not_before == b->not_before &&
           a->not_after == b->not_after && a->len == b->len &&
           crypto_equal(a->bytes, b->bytes, a->len);
}

static bool secrets_eq(const struct auth_secrets *a, const struct auth_secrets *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!secret_eq(&a->v[i], &b->v[i]))
            return false;
    return true;
}

/* What is gone without a word stays, or nobody could log in after a restart without data. The hash
 * is never gone on purpose; the set is, when its last member is removed. */
static bool keep_missing(struct redis_state *s, struct redis_read *r)
{
    bool named = s->named.exists && !r->named.exists;
    bool coturn = s->coturn.exists && !r->coturn.exists && !r->named.exists;
    s->keep_users = s->users.n && !r->users.n;
    if (named)
        r->named = s->named;
    if (coturn)
        r->coturn = s->coturn;
    return named || coturn || s->keep_users;
}

static bool is_nothing(const struct redis_state *s, const struct redis_read *r)
{
    return !r->named.exists && !r->coturn.exists && !r->users.n && !s->keep_users;
}

/* The texts live as long as r. */
static struct redis_trouble judge(const struct redis_read *r, bool missing)
{
    if (missing)
        return (struct redis_trouble){REDIS_MISSING,
                                      "no key of ours is there, or one of them is not"};
    if (r->named.malformed)
        return (struct redis_trouble){
            REDIS_MALFORMED, r->named.bad_id[0] ? r->named.bad_id : "a secret whose id is none"};
    if (r->coturn.malformed)
        return (struct redis_trouble){REDIS_MALFORMED, "a member of coturn's set of secrets"};
    if (r->users_malformed)
        return (struct redis_trouble){REDIS_MALFORMED, "the key of one or more of coturn's users"};
    if (r->revoked.malformed)
        return (struct redis_trouble){REDIS_MALFORMED, "one or more of the revoked names"};
    return (struct redis_trouble){REDIS_READY, ""};
}

/* No key is no revocation, unless Redis has lost what else was there. True when it is another list
 * than before. */
static bool adopt_revoked(struct redis_state *s, struct redis_read *r, bool missing)
{
    bool lost = missing && r->revoked.list.n == 0;
    if (lost || auth_revocations_equal(&s->revoked, &r->revoked.list))
        return false;
    struct auth_revocations was = s->revoked;
    s->revoked = r->revoked.list;
    r->revoked.list = was;
    return true;
}

static bool adopt(struct redis_state *s, struct redis_read *r, const struct auth_secrets *secrets)
{
    bool same_users = s->keep_users || redis_users_equal(&s->users, &r->users);
    bool same = same_users && secrets_eq(&s->secrets, secrets);
    if (!same_users) {
        struct redis_users was = s->users;
        s->users = r->users;
        r->users = was;
    }
    s->named = r->named;
    s->coturn = r->coturn;
    s->secrets = *secrets;
    return !same;
}

void redis_state_take(struct redis_state *s, struct redis_read *r, bool removed,
                      struct redis_settled *ret)
{
    struct auth_secrets secrets;
    s->keep_users = false;
    bool missing = !removed && keep_missing(s, r);
    bool known_empty = is_nothing(s, r) && (removed || s->known_empty);
    missing = missing || (is_nothing(s, r) && !known_empty);
    *ret = (struct redis_settled){.soon = true};
    if (redis_schema_union(&r->named, &r->coturn, &secrets) < 0) {
        ret->verdict = (struct redis_trouble){REDIS_TOO_LARGE,
                                              "there are more secrets than are taken together"};
        return;
    }
    s->known_empty = known_empty;
    ret->verdict = judge(r, missing);
    ret->soon = missing;
    ret->confirmed = !missing;
    bool other_names = adopt_revoked(s, r, missing);
    ret->changed = adopt(s, r, &secrets) || other_names;
    auth_secrets_wipe(&secrets);
}

void redis_state_clear(struct redis_state *s)
{
    redis_users_clear(&s->users);
    auth_revocations_clear(&s->revoked);
    crypto_wipe(s, sizeof(*s));
}
