/* The snapshot: who is known at one moment. Built once, read by all workers, never changed; it
 * holds keys of static users, never their passwords. */
#include "auth/auth_int.h"

#include "base/htab.h"
#include "base/list.h"
#include "base/mem.h"
#include "crypto/longterm.h"

#include <errno.h>

enum { USER_KEYS_MAX = AUTH_PROFILES };

struct user_key {
    uint8_t md5[MD5_LEN];
    uint8_t sha256[SHA256_LEN];
};

struct user {
    struct htab_node by_name;
    struct htab_node by_userhash;
    size_t name_len;
    uint8_t name[AUTH_NAME_MAX];
    uint8_t userhash[SHA256_LEN];
    bool is_keyed; /* came with its keys; the two flags are always true for the others */
    bool has_md5;
    bool has_sha256;
    unsigned n_keys; /* 2 when OpaqueString and SASLprep differ on the password */
    struct user_key keys[USER_KEYS_MAX];
};

struct auth_snapshot {
    struct user *users; /* owned */
    size_t n_users;
    size_t cap_users;
    bool md5_only; /* at least one user has no SHA-256 key */
    struct htab by_name;
    struct htab by_userhash;
    int64_t max_ttl;
    size_t realm_len;
    uint8_t realm[AUTH_NAME_MAX];
    struct auth_secrets secrets;
    struct auth_revocations revoked; /* owned; as many as there are */
    int64_t revoked_until;           /* the latest end of them */
};

static struct span realm_of(const struct auth_snapshot *s)
{
    return span_of(s->realm, s->realm_len);
}

static struct span name_of(const struct user *u)
{
    return span_of(u->name, u->name_len);
}

/* --- Building --- */

static const char *why(int code)
{
    switch (code) {
    case -EILSEQ:
        return "must be UTF-8";
    case -E2BIG:
        return "is too long";
    case -EINVAL:
        return "must not be empty";
    default:
        return "could not be prepared, out of memory";
    }
}

/* Clients prepare the realm they were sent and we hash the realm we send: both must be the same
 * bytes. */
static int set_realm(struct auth_snapshot *s, const char *realm, struct auth_error *err)
{
    struct auth_prepared p;
    int r = auth_prepare(AUTH_OPAQUE, realm, &p);
    if (r == 0 && p.n > sizeof(s->realm))
        r = -E2BIG;
    if (r < 0)
        return auth_fail(err, r, "the realm %s", why(r));
    if (!span_eq(span_of(p.bytes, p.n), span_text(realm)))
        return auth_fail(err, -EINVAL, "the realm must be in Unicode normal form C");
    memcpy(s->realm, p.bytes, p.n);
    s->realm_len = p.n;
    return 0;
}

static int derive(const struct auth_snapshot *s, struct crypto *crypto, struct user *u,
                  struct span password)
{
    struct longterm who = {name_of(u), realm_of(s), password};
    uint8_t md5[DIGEST_MAX];
    uint8_t sha256[DIGEST_MAX];
    int a = longterm_key(crypto, DIGEST_MD5, &who, md5);
    int b = longterm_key(crypto, DIGEST_SHA256, &who, sha256);
    if (a == MD5_LEN && b == SHA256_LEN) {
        struct user_key *key = &u->keys[u->n_keys++];
        memcpy(key->md5, md5, MD5_LEN);
        memcpy(key->sha256, sha256, SHA256_LEN);
    }
    crypto_wipe(md5, sizeof(md5));
    crypto_wipe(sha256, sizeof(sha256));
    return a == MD5_LEN && b == SHA256_LEN ? 0 : -EIO;
}

static int set_keys(const struct auth_snapshot *s, struct crypto *crypto, struct user *u,
                    const char *password)
{
    struct auth_prepared p[AUTH_PROFILES];
    int r = auth_prepare(AUTH_OPAQUE, password, &p[AUTH_OPAQUE]);
    if (r == 0)
        r = derive(s, crypto, u, span_of(p[AUTH_OPAQUE].bytes, p[AUTH_OPAQUE].n));
    /* A password that SASLprep cannot carry is simply not offered to old clients. */
    if (r == 0 && auth_prepare(AUTH_SASLPREP, password, &p[AUTH_SASLPREP]) == 0) {
        struct span opaque = span_of(p[AUTH_OPAQUE].bytes, p[AUTH_OPAQUE].n);
        struct span sasl = span_of(p[AUTH_SASLPREP].bytes, p[AUTH_SASLPREP].n);
        if (!span_eq(opaque, sasl))
            r = derive(s, crypto, u, sasl);
    }
    crypto_wipe(p, sizeof(p));
    return r;
}

static int set_name(struct user *u, const char *name)
{
    struct auth_prepared p;
    int r = auth_prepare(AUTH_OPAQUE, name, &p);
    if (r == 0 && p.n > sizeof(u->name))
        r = -E2BIG;
    if (r == 0) {
        memcpy(u->name, p.bytes, p.n);
        u->name_len = p.n;
    }
    crypto_wipe(&p, sizeof(p));
    return r;
}

static const struct user *find_name(const struct auth_snapshot *s, struct span name)
{
    uint64_t hash = htab_hash(&s->by_name, name.p, name.n);
    for (struct htab_node *n = htab_first(&s->by_name, hash); n; n = htab_next(n)) {
        const struct user *u = container_of(n, struct user, by_name);
        if (span_eq(name_of(u), name))
            return u;
    }
    return NULL;
}

static const struct user *find_userhash(const struct auth_snapshot *s, struct span userhash)
{
    uint64_t hash = htab_hash(&s->by_userhash, userhash.p, userhash.n);
    for (struct htab_node *n = htab_first(&s->by_userhash, hash); n; n = htab_next(n)) {
        const struct user *u = container_of(n, struct user, by_userhash);
        if (span_eq(span_of(u->userhash, SHA256_LEN), userhash))
            return u;
    }
    return NULL;
}

static void enter(struct auth_snapshot *s, struct user *u)
{
    htab_insert(&s->by_name, &u->by_name, htab_hash(&s->by_name, u->name, u->name_len));
    htab_insert(&s->by_userhash, &u->by_userhash,
                htab_hash(&s->by_userhash, u->userhash, SHA256_LEN));
    s->n_users++;
}

/* Users are numbered from 1 in what the operator reads. */
static int add_user(struct auth_snapshot *s, struct crypto *crypto, const struct auth_user *from,
                    struct auth_error *err)
{
    struct user *u = &s->users[s->n_users];
    size_t number = s->n_users + 1;
    int r = set_name(u, from->name);
    if (r < 0)
        return auth_fail(err, r, "static user %zu: the name %s", number, why(r));
    if (find_name(s, name_of(u)))
        return auth_fail(err, -EEXIST, "static user %zu: the name stands there twice", number);
    r = set_keys(s, crypto, u, from->password);
    if (r < 0)
        return auth_fail(err, r, "static user %zu: the password %s", number, why(r));
    r = longterm_userhash(crypto, name_of(u), realm_of(s), u->userhash);
    if (r < 0)
        return auth_fail(err, r, "static user %zu: the digest failed", number);
    u->has_md5 = u->has_sha256 = true;
    enter(s, u);
    return 0;
}

static int make_tables(struct auth_snapshot *s, size_t n_users)
{
    uint8_t key[SIPHASH_KEY_LEN];
    crypto_random(key, sizeof(key));
    size_t cap = n_users ? n_users : 1;
    s->users = mem_zalloc(cap * sizeof(*s->users));
    if (!s->users)
        return -ENOMEM;
    s->cap_users = cap;
    int r = htab_init(&s->by_name, cap, key);
    return r < 0 ? r : htab_init(&s->by_userhash, cap, key);
}

static int add_users(struct auth_snapshot *s, struct crypto *crypto, const struct auth_conf *conf,
                     struct auth_error *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < conf->n_users; i++)
        r = add_user(s, crypto, &conf->users[i], err);
    return r;
}

static int keep_users(struct auth_snapshot *s, const struct auth_snapshot *from,
                      struct auth_error *err)
{
    if (!span_eq(realm_of(s), realm_of(from)))
        return auth_fail(err, -EINVAL, "the realm differs from that of the users' keys");
    for (size_t i = 0; i < from->n_users; i++) {
        if (from->users[i].is_keyed)
            continue;
        struct user *u = &s->users[s->n_users];
        *u = from->users[i];
        enter(s, u);
    }
    return 0;
}

static int add_keyed(struct auth_snapshot *s, struct crypto *crypto,
                     const struct auth_keyed_user *from)
{
    struct span name = span_of(from->name, strnlen(from->name, AUTH_NAME_MAX));
    if (name.n == 0 || !(from->has_md5 || from->has_sha256) || find_name(s, name))
        return 0;
    struct user *u = &s->users[s->n_users];
    memcpy(u->name, name.p, name.n);
    u->name_len = name.n;
    u->is_keyed = true;
    u->has_md5 = from->has_md5;
    u->has_sha256 = from->has_sha256;
    u->n_keys = 1;
    memcpy(u->keys[0].md5, from->md5, MD5_LEN);
    memcpy(u->keys[0].sha256, from->sha256, SHA256_LEN);
    s->md5_only = s->md5_only || !u->has_sha256;
    int r = longterm_userhash(crypto, name, realm_of(s), u->userhash);
    if (r == 0)
        enter(s, u);
    return r;
}

static int add_all_keyed(struct auth_snapshot *s, struct crypto *crypto,
                         const struct auth_conf *conf, struct auth_error *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < conf->n_keyed; i++)
        r = add_keyed(s, crypto, &conf->keyed[i]);
    return r < 0 ? auth_fail(err, r, "a user's digest failed") : 0;
}

/* No more memory than they take: every worker's look-ups go through it. */
static int set_revoked(struct auth_snapshot *s, const struct auth_revocations *from)
{
    if (!from || from->n == 0)
        return 0;
    s->revoked.v = mem_zalloc(from->n * sizeof(*from->v));
    if (!s->revoked.v)
        return -ENOMEM;
    memcpy(s->revoked.v, from->v, from->n * sizeof(*from->v));
    s->revoked.n = from->n;
    for (size_t i = 0; i < from->n; i++)
        if (from->v[i].until > s->revoked_until)
            s->revoked_until = from->v[i].until;
    return 0;
}

static int fill(struct auth_snapshot *s, struct crypto *crypto, const struct auth_conf *conf,
                struct auth_error *err)
{
    int r = set_realm(s, conf->realm, err);
    if (r < 0)
        return r;
    size_t n_users = conf->keep ? conf->keep->n_users : conf->n_users;
    if (make_tables(s, n_users + conf->n_keyed) < 0 || set_revoked(s, conf->revoked) < 0)
        return auth_fail(err, -ENOMEM, "out of memory");
    r = conf->keep ? keep_users(s, conf->keep, err) : add_users(s, crypto, conf, err);
    return r < 0 ? r : add_all_keyed(s, crypto, conf, err);
}

void auth_snapshot_free(struct auth_snapshot *s)
{
    if (!s)
        return;
    htab_free(&s->by_name);
    htab_free(&s->by_userhash);
    mem_free_wiped(s->users, s->cap_users * sizeof(*s->users));
    mem_free_wiped(s->revoked.v, s->revoked.n * sizeof(*s->revoked.v));
    mem_free_wiped(s, sizeof(*s));
}

struct auth_snapshot *auth_snapshot_new(const struct auth_conf *conf,
                                        const struct auth_secrets *secrets, struct auth_error *err)
{
    struct crypto *crypto = crypto_new();
    struct auth_snapshot *s = mem_zalloc(sizeof(*s));
    int r = -ENOMEM;
    if (crypto && s)
        r = fill(s, crypto, conf, err);
    else
        (void)auth_fail(err, r, "out of memory, or libcrypto does not offer MD5 and SHA");
    crypto_free(crypto);
    if (r < 0) {
        auth_snapshot_free(s);
        return NULL;
    }
    s->max_ttl = conf->max_ttl;
    if (secrets)
        s->secrets = *secrets;
    return s;
}

size_t auth_snapshot_users(const struct auth_snapshot *s)
{
    return s->n_users;
}

size_t auth_snapshot_secrets(const struct auth_snapshot *s)
{
    return s->secrets.n;
}

size_t auth_snapshot_revoked(const struct auth_snapshot *s)
{
    return s->revoked.n;
}

bool auth_snapshot_md5_only(const struct auth_snapshot *s)
{
    return s->md5_only;
}

/* --- Asking --- */

bool auth_expiry(struct span user, int64_t *ret_expiry, struct span *ret_account)
{
    enum { DIGITS_MAX = 20 };
    int64_t v = 0;
    size_t i = 0;
    for (; i < user.n && user.p[i] != ':'; i++) {
        int digit = user.p[i] - '0';
        if (digit < 0 || digit > 9 || i == DIGITS_MAX || v > (INT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    if (i == 0)
        return false;
    size_t behind = i < user.n ? i + 1 : i;
    *ret_expiry = v;
    *ret_account = span_of(user.p + behind, user.n - behind);
    return true;
}

static void answer_static(const struct user *u, const struct auth_query *q, struct auth_found *ret)
{
    const struct user_key *key = &u->keys[q->nth];
    ret->key_len = q->sha256 ? SHA256_LEN : MD5_LEN;
    memcpy(ret->key, q->sha256 ? key->sha256 : key->md5, ret->key_len);
    ret->account = q->is_hash ? name_of(u) : q->user;
}

/* A living allocation goes on under a secret whose end has passed; only taking the secret out of
 * the set cuts it off. */
static const struct auth_secret *nth_secret(const struct auth_snapshot *s,
                                            const struct auth_query *q, unsigned nth)
{
    for (size_t i = 0; i < s->secrets.n; i++) {
        const struct auth_secret *secret = &s->secrets.v[i];
        bool counts =
            q->ignore_expiry ? secret->not_before <= q->now : auth_in_force(secret, q->now);
        if (counts && nth-- == 0)
            return secret;
    }
    return NULL;
}

static int answer_timed(const struct auth_snapshot *s, struct crypto *crypto,
                        const struct auth_query *q, struct span secret, struct auth_found *ret)
{
    char password[TIMED_PASSWORD];
    uint8_t key[DIGEST_MAX];
    if (timed_password(crypto, secret, q->user, password) < 0)
        return -ENOENT;
    struct longterm who = {q->user, realm_of(s), span_text(password)};
    int len = longterm_key(crypto, q->sha256 ? DIGEST_SHA256 : DIGEST_MD5, &who, key);
    crypto_wipe(password, sizeof(password));
    if (len < 0)
        return -ENOENT;
    memcpy(ret->key, key, (size_t)len);
    ret->key_len = (size_t)len;
    crypto_wipe(key, sizeof(key));
    return 0;
}

static int find_timed(const struct auth_snapshot *s, struct crypto *crypto,
                      const struct auth_query *q, struct auth_found *ret)
{
    int64_t expiry;
    struct span account;
    if (s->secrets.n == 0 || q->is_hash || !auth_expiry(q->user, &expiry, &account))
        return -ENOENT;
    if (!q->ignore_expiry && expiry < q->now)
        return -EKEYEXPIRED;
    if (!q->ignore_expiry && s->max_ttl && expiry - q->now > s->max_ttl)
        return -ENOENT;
    const struct auth_secret *secret = nth_secret(s, q, q->nth);
    if (!secret)
        return -ENOENT;
    int r = answer_timed(s, crypto, q, span_of(secret->bytes, secret->len), ret);
    if (r == 0)
        ret->account = account;
    return r;
}

/* u: whose name it is, NULL = no static user's. When in doubt, it is. */
static bool is_revoked(const struct auth_snapshot *s, struct crypto *crypto,
                       const struct auth_query *q, const struct user *u)
{
    if (s->revoked.n == 0 || s->revoked_until < q->now)
        return false;
    if (q->is_hash && !u)
        return true;
    struct span name = u ? name_of(u) : q->user;
    uint8_t hash[DIGEST_MAX];
    if (crypto_digest(crypto, DIGEST_SHA256, &name, 1, hash) != SHA256_LEN)
        return true;
    const struct auth_revoked *one = auth_revocations_find(&s->revoked, hash);
    return one && q->now <= one->until;
}

int auth_find(const struct auth_snapshot *s, struct crypto *crypto, const struct auth_query *query,
              struct auth_found *ret)
{
    const struct user *u =
        query->is_hash ? find_userhash(s, query->user) : find_name(s, query->user);
    if (is_revoked(s, crypto, query, u))
        return -EKEYREVOKED;
    if (!u)
        return find_timed(s, crypto, query, ret);
    unsigned n_keys = (query->sha256 ? u->has_sha256 : u->has_md5) ? u->n_keys : 0;
    if (query->nth < n_keys) {
        answer_static(u, query, ret);
        return 0;
    }
    struct auth_query rest = *query;
    rest.nth -= n_keys;
    int r = find_timed(s, crypto, &rest, ret);
    return r == -EKEYEXPIRED ? -ENOENT : r;
}
