/* How secrets and users lie in Redis: from replies to values. Pure; knows no connection. */
#include "redis/redis_int.h"

#include <errno.h>
#include <stdlib.h>

int redis_names_make(const char *realm, struct redis_names *ret)
{
    char escaped[REDIS_KEY_MAX];
    const char *named[] = {"turn:secret:", realm};
    const char *coturn[] = {"turn/realm/", realm, "/secret"};
    const char *users[] = {"turn/realm/", escaped, "/user/*/key"};
    const char *revoked[] = {"turn:revoked:", realm};
    const char *removed[] = {REDIS_REMOVED, realm};
    int r = redis_escape(realm, escaped, sizeof(escaped));
    if (r >= 0)
        r = redis_join(ret->named, sizeof(ret->named), named, 2);
    if (r >= 0)
        r = redis_join(ret->coturn, sizeof(ret->coturn), coturn, 3);
    if (r >= 0)
        r = redis_join(ret->users, sizeof(ret->users), users, 3);
    if (r >= 0)
        r = redis_join(ret->revoked, sizeof(ret->revoked), revoked, 2);
    if (r >= 0)
        r = redis_join(ret->removed, sizeof(ret->removed), removed, 2);
    return r < 0 ? r : 0;
}

bool redis_schema_reserved(const char *id)
{
    return strcmp(id, REDIS_SCHEMA_FIELD) == 0;
}

/* Credentials are issued with the first one in force, so the one that lasts longest leads. */
static int by_use(const void *a, const void *b)
{
    const struct auth_secret *x = a;
    const struct auth_secret *y = b;
    int64_t x_end = x->not_after ? x->not_after : INT64_MAX;
    int64_t y_end = y->not_after ? y->not_after : INT64_MAX;
    if (x_end != y_end)
        return x_end < y_end ? 1 : -1;
    if (x->not_before != y->not_before)
        return x->not_before < y->not_before ? 1 : -1;
    return strcmp(x->id, y->id);
}

static void show_id(struct redis_part *part, struct span id)
{
    memset(part->bad_id, 0, sizeof(part->bad_id));
    if (id.n == 0 || id.n > AUTH_ID_MAX)
        return;
    memcpy(part->bad_id, id.p, id.n);
    if (strspn(part->bad_id, "abcdefghijklmnopqrstuvwxyz0123456789-") != id.n)
        part->bad_id[0] = '\0';
}

/* A secret whose value cannot be read stays as it was. */
static int keep(struct redis_part *part, const struct redis_part *before, struct span id)
{
    part->malformed = true;
    show_id(part, id);
    for (size_t i = 0; part->bad_id[0] && i < before->secrets.n; i++)
        if (strcmp(before->secrets.v[i].id, part->bad_id) == 0)
            return auth_secrets_add(&part->secrets, &before->secrets.v[i], NULL);
    return 0;
}

static int read_field(struct redis_part *part, const struct redis_part *before,
                      const struct redis_reply *pair)
{
    struct span id = redis_reply_span(&pair[0]);
    struct span words = redis_reply_span(&pair[1]);
    if (pair[0].type != REDIS_TEXT || pair[1].type != REDIS_TEXT)
        return -EPROTO;
    if (span_eq(id, span_text(REDIS_SCHEMA_FIELD)))
        return span_eq(words, span_text(REDIS_SCHEMA)) ? 0 : -EPROTONOSUPPORT;
    if (memchr(id.p, '\0', id.n))
        return keep(part, before, span_of("", 0));
    int r = auth_secrets_read(&part->secrets, id, words, NULL);
    if (r == -EINVAL || r == -EEXIST)
        r = keep(part, before, id);
    return r == -ENOSPC ? -EMSGSIZE : r;
}

int redis_schema_named(const struct redis_reply *hash, const struct redis_part *before,
                       struct redis_part *ret)
{
    struct redis_part part = {.exists = hash->n > 0};
    int r = hash->type == REDIS_ARRAY && hash->n % 2 == 0 ? 0 : -EPROTO;
    for (size_t i = 0; r == 0 && i < hash->n; i += 2)
        r = read_field(&part, before, &hash->v[i]);
    if (r == 0) {
        qsort(part.secrets.v, part.secrets.n, sizeof(part.secrets.v[0]), by_use);
        *ret = part;
    }
    crypto_wipe(&part, sizeof(part));
    return r;
}

static int by_bytes(const void *a, const void *b)
{
    const struct auth_secret *x = a;
    const struct auth_secret *y = b;
    size_t n = x->len < y->len ? x->len : y->len;
    int r = memcmp(x->bytes, y->bytes, n);
    return r ? r : (x->len > y->len) - (x->len < y->len);
}

static void number(struct auth_secret *s, size_t i)
{
    char digits[24];
    const char *parts[] = {"coturn-", redis_digits(i, digits)};
    memset(s->id, 0, sizeof(s->id));
    (void)redis_join(s->id, sizeof(s->id), parts, 2);
}

/* Any bytes long enough; only those that the file could not hold either are refused. */
static int read_member(struct redis_part *part, const struct redis_reply *member)
{
    struct auth_secret one = {0};
    struct span secret = redis_reply_span(member);
    if (member->type != REDIS_TEXT)
        return -EPROTO;
    one.len = (uint16_t)(secret.n <= AUTH_SECRET_MAX ? secret.n : 0);
    memcpy(one.bytes, secret.p, one.len);
    number(&one, part->secrets.n + 1);
    int r = auth_secrets_add(&part->secrets, &one, NULL);
    crypto_wipe(&one, sizeof(one));
    part->malformed = part->malformed || r == -EINVAL;
    if (r == -EINVAL)
        return 0;
    return r == -ENOSPC ? -EMSGSIZE : r;
}

int redis_schema_coturn(const struct redis_reply *set, struct redis_part *ret)
{
    struct redis_part part = {.exists = set->n > 0};
    int r = set->type == REDIS_ARRAY ? 0 : -EPROTO;
    for (size_t i = 0; r == 0 && i < set->n; i++)
        r = read_member(&part, &set->v[i]);
    if (r == 0) {
        qsort(part.secrets.v, part.secrets.n, sizeof(part.secrets.v[0]), by_bytes);
        for (size_t i = 0; i < part.secrets.n; i++)
            number(&part.secrets.v[i], i + 1);
        *ret = part;
    }
    crypto_wipe(&part, sizeof(part));
    return r;
}

/* A name whose end cannot be read stays revoked as it was. */
static int read_revoked(struct redis_revoked *ret, const struct auth_revocations *before,
                        const struct redis_reply *pair)
{
    struct auth_revoked one;
    struct span name = redis_reply_span(&pair[0]);
    if (pair[0].type != REDIS_TEXT || pair[1].type != REDIS_TEXT)
        return -EPROTO;
    if (auth_revoked_read(name, redis_reply_span(&pair[1]), &one) == 0)
        return auth_revocations_add(&ret->list, &one);
    ret->malformed = true;
    if (auth_revoked_read(name, span_text("0"), &one) < 0)
        return 0;
    const struct auth_revoked *was = auth_revocations_find(before, one.name);
    return was ? auth_revocations_add(&ret->list, was) : 0;
}

int redis_schema_revoked(const struct redis_reply *hash, const struct auth_revocations *before,
                         struct redis_revoked *ret)
{
    struct redis_revoked made = {.malformed = false};
    int r = hash->type == REDIS_ARRAY && hash->n % 2 == 0 ? 0 : -EPROTO;
    for (size_t i = 0; r == 0 && i < hash->n; i += 2)
        r = read_revoked(&made, before, &hash->v[i]);
    if (r < 0) {
        auth_revocations_clear(&made.list);
        return r == -ENOSPC ? -EMSGSIZE : r;
    }
    auth_revocations_sort(&made.list);
    auth_revocations_clear(&ret->list);
    *ret = made;
    return 0;
}

/* An id that an administrator has taken already is passed over. */
static int append(struct auth_secrets *all, const struct auth_secret *from, size_t *next)
{
    struct auth_secret one = *from;
    int r;
    do {
        number(&one, (*next)++);
        r = auth_secrets_add(all, &one, NULL);
    } while (r == -EEXIST);
    crypto_wipe(&one, sizeof(one));
    return r;
}

int redis_schema_union(const struct redis_part *named, const struct redis_part *coturn,
                       struct auth_secrets *ret)
{
    struct auth_secrets all = named->secrets;
    size_t next = 1;
    int r = 0;
    for (size_t i = 0; r == 0 && i < coturn->secrets.n; i++)
        r = append(&all, &coturn->secrets.v[i], &next);
    if (r == 0)
        *ret = all;
    auth_secrets_wipe(&all);
    return r == 0 ? 0 : -EMSGSIZE;
}

static bool cut_front(struct span *s, const char *text)
{
    struct span front = span_text(text);
    if (s->n < front.n || !span_eq(span_of(s->p, front.n), front))
        return false;
    *s = span_of(s->p + front.n, s->n - front.n);
    return true;
}

static bool cut_back(struct span *s, const char *text)
{
    struct span back = span_text(text);
    if (s->n < back.n || !span_eq(span_of(s->p + s->n - back.n, back.n), back))
        return false;
    s->n -= back.n;
    return true;
}

bool redis_schema_user(const char *realm, struct span key, struct span *ret)
{
    if (!cut_front(&key, "turn/realm/") || !cut_front(&key, realm) || !cut_front(&key, "/user/") ||
        !cut_back(&key, "/key") || key.n == 0)
        return false;
    *ret = key;
    return true;
}
