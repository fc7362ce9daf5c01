/* One read: the same commands in the same order whatever clients do. HGETALL, SMEMBERS and
 * HGETALL, then, if wanted, the users by SCAN and GETRANGE in batches: a value is never longer than
 * a password, whatever stands there, and costs the server no more. */
#include "redis/redis_int.h"

#include <errno.h>

#include "base/mem.h"

enum stage { NAMED, COTURN, REVOKED, KEYS, VALUES, DONE };

/* A scan of ten million keys takes some 20,000 steps; without end it must not be. */
enum { STEPS_MAX = 1 << 18 };

/* Offset of the last byte asked for: one more than the longest password (auth_int.h) has. */
static const char VALUE_LAST[] = "1024";

static void scan(struct redis_read *r, struct redis_link *l)
{
    char count[24];
    const char *words[] = {
        "SCAN", r->cursor, "MATCH", r->names->users, "COUNT", redis_digits(REDIS_SCAN_COUNT, count),
        NULL};
    r->stage = KEYS;
    redis_link_say(l, words);
}

void redis_read_start(struct redis_read *r, struct redis_link *l)
{
    const char *named[] = {"HGETALL", r->names->named, NULL};
    const char *coturn[] = {"SMEMBERS", r->names->coturn, NULL};
    const char *revoked[] = {"HGETALL", r->names->revoked, NULL};
    r->stage = NAMED;
    r->cursor[0] = '0';
    redis_link_say(l, named);
    redis_link_say(l, coturn);
    redis_link_say(l, revoked);
}

static int trouble(struct redis_trouble *why, enum redis_news news, const char *text)
{
    *why = (struct redis_trouble){news, text};
    return -EIO;
}

static int explain(int code, struct redis_trouble *why)
{
    if (code == -EMSGSIZE)
        return trouble(why, REDIS_TOO_LARGE,
                       "there are more secrets, users or revoked names than "
                       "are taken");
    if (code == -EPROTONOSUPPORT)
        return trouble(why, REDIS_MALFORMED, "the secrets are of a later schema; update Drehkreuz");
    if (code == -EPROTO)
        return trouble(why, REDIS_MALFORMED, "an answer is not of the kind it must be");
    return trouble(why, REDIS_LOST, "out of memory");
}

static int end_batch(struct redis_read *r, struct redis_link *l)
{
    redis_reply_free(r->keys);
    r->keys = NULL;
    if (strcmp(r->cursor, "0") != 0) {
        scan(r, l);
        return 0;
    }
    redis_users_sort(&r->users);
    r->stage = DONE;
    return 1;
}

/* --- Users --- */

static const struct redis_reply *key_at(const struct redis_read *r)
{
    return &r->keys->v[1].v[r->at];
}

static bool is_ours(const struct redis_read *r, const struct redis_reply *key)
{
    struct span name;
    return key->type == REDIS_TEXT &&
           redis_schema_user(r->conf->realm, redis_reply_span(key), &name);
}

/* The keys of the batch that are none of ours are passed over. */
static int next_value(struct redis_read *r, struct redis_link *l)
{
    const struct redis_reply *keys = &r->keys->v[1];
    while (r->at < keys->n && !is_ours(r, key_at(r)))
        r->at++;
    return r->at == keys->n ? end_batch(r, l) : 0;
}

static int take_keys(struct redis_read *r, struct redis_link *l, struct redis_reply *reply)
{
    redis_reply_free(r->keys);
    r->keys = reply;
    r->at = 0;
    if (reply->type != REDIS_ARRAY || reply->n != 2 || reply->v[1].type != REDIS_ARRAY)
        return -EPROTO;
    struct span cursor = redis_reply_span(&reply->v[0]);
    if (cursor.n == 0 || cursor.n >= sizeof(r->cursor) || memchr(cursor.p, '\0', cursor.n))
        return -EPROTO;
    memcpy(r->cursor, cursor.p, cursor.n);
    r->cursor[cursor.n] = '\0';
    if (++r->steps > STEPS_MAX)
        return -EMSGSIZE;
    r->stage = VALUES;
    for (size_t i = 0; i < reply->v[1].n; i++) {
        const struct redis_reply *key = &reply->v[1].v[i];
        const struct span args[] = {span_text("GETRANGE"), redis_reply_span(key), span_text("0"),
                                    span_text(VALUE_LAST)};
        if (is_ours(r, key))
            redis_link_ask(l, args, 4);
    }
    return next_value(r, l);
}

/* A user whose value cannot be read stays as he was. */
static int keep_user(struct redis_read *r, struct span name)
{
    const struct auth_keyed_user *was = redis_users_find(r->users_before, name);
    r->users_malformed = true;
    return was ? redis_users_add(&r->users, was) : 0;
}

static int add_user(struct redis_read *r, const struct redis_reply *value)
{
    struct auth_keyed_user one;
    struct span name;
    (void)redis_schema_user(r->conf->realm, redis_reply_span(key_at(r)), &name);
    if (value->type == REDIS_TEXT && value->n == 0) /* gone since the scan */
        return 0;
    int e = value->type == REDIS_TEXT ? auth_keyed_user_read(r->crypto, r->conf->realm, name,
                                                             redis_reply_span(value), &one)
                                      : -EINVAL;
    if (e == -ENOMEM)
        return e;
    if (e < 0)
        return keep_user(r, name);
    e = redis_users_add(&r->users, &one);
    crypto_wipe(&one, sizeof(one));
    return e;
}

static int take_value(struct redis_read *r, struct redis_link *l, struct redis_reply *reply)
{
    int e = add_user(r, reply);
    redis_reply_free(reply);
    if (e < 0)
        return e;
    r->at++;
    return next_value(r, l);
}

/* --- Secrets --- */

static int take_named(struct redis_read *r, struct redis_reply *reply)
{
    int e = redis_schema_named(reply, r->named_before, &r->named);
    redis_reply_free(reply);
    r->stage = COTURN;
    return e;
}

static int take_coturn(struct redis_read *r, struct redis_reply *reply)
{
    int e = redis_schema_coturn(reply, &r->coturn);
    redis_reply_free(reply);
    r->stage = REVOKED;
    return e;
}

static int take_revoked(struct redis_read *r, struct redis_link *l, struct redis_reply *reply)
{
    int e = redis_schema_revoked(reply, r->revoked_before, &r->revoked);
    redis_reply_free(reply);
    if (e < 0)
        return e;
    if (r->users_before) {
        scan(r, l);
        return 0;
    }
    r->stage = DONE;
    return 1;
}

static int take(struct redis_read *r, struct redis_link *l, struct redis_reply *reply)
{
    switch ((enum stage)r->stage) {
    case NAMED:
        return take_named(r, reply);
    case COTURN:
        return take_coturn(r, reply);
    case REVOKED:
        return take_revoked(r, l, reply);
    case KEYS:
        return take_keys(r, l, reply);
    case VALUES:
        return take_value(r, l, reply);
    default:
        redis_reply_free(reply);
        return -EPROTO;
    }
}

/* A key that looks like a user's and holds something else is one bad user, not the end of it. */
static bool is_fatal(const struct redis_read *r, const struct redis_reply *reply,
                     struct redis_trouble *ret)
{
    if (reply->type != REDIS_ERROR)
        return false;
    *ret = redis_trouble_of(reply);
    return r->stage != VALUES || ret->news != REDIS_WRONG_TYPE;
}

int redis_read_answer(struct redis_read *r, struct redis_link *l, struct redis_reply *reply,
                      struct redis_trouble *why)
{
    if (is_fatal(r, reply, why)) {
        redis_reply_free(reply);
        return -EIO;
    }
    int e = take(r, l, reply);
    return e < 0 ? explain(e, why) : e;
}

void redis_read_clear(struct redis_read *r)
{
    redis_reply_free(r->keys);
    redis_users_clear(&r->users);
    auth_revocations_clear(&r->revoked.list);
    r->revoked.malformed = false;
    crypto_wipe(&r->named, sizeof(r->named));
    crypto_wipe(&r->coturn, sizeof(r->coturn));
    r->keys = NULL;
    r->cursor[0] = '\0';
    r->steps = 0;
    r->users_malformed = false;
}
