/* Shared secrets as values: adding, finding, making, issuing. */
#include "auth/auth_int.h"

#include "crypto/longterm.h"

#include <errno.h>
#include <stdio.h>

static bool id_is_valid(const char *id)
{
    size_t n = strnlen(id, AUTH_ID_MAX + 1);
    return n >= 1 && n <= AUTH_ID_MAX && strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

/* A secret is one word of a line in the file, so blanks and control characters cannot be part of
 * it. */
static bool is_one_word(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] <= ' ' || p[i] == 0x7f)
            return false;
    return true;
}

static bool window_is_valid(const struct auth_secret *s)
{
    if (s->not_before < 0 || s->not_before > AUTH_TIME_MAX || s->not_after > AUTH_TIME_MAX)
        return false;
    return s->not_after == 0 || s->not_before <= s->not_after;
}

bool auth_in_force(const struct auth_secret *s, int64_t now)
{
    return s->not_before <= now && (s->not_after == 0 || now <= s->not_after);
}

struct auth_secret *auth_secrets_find(struct auth_secrets *secrets, const char *id)
{
    for (size_t i = 0; i < secrets->n; i++)
        if (strcmp(secrets->v[i].id, id) == 0)
            return &secrets->v[i];
    return NULL;
}

int auth_secrets_add(struct auth_secrets *secrets, const struct auth_secret *one,
                     struct auth_error *err)
{
    if (!id_is_valid(one->id))
        return auth_fail(err, -EINVAL, "the id must be 1 to %d characters of a-z, 0-9 and -",
                         AUTH_ID_MAX);
    if (!window_is_valid(one))
        return auth_fail(err, -EINVAL,
                         "not-before and not-after must be Unix seconds, not-after 0 or the later");
    if (one->len < AUTH_SECRET_MIN || one->len > AUTH_SECRET_MAX)
        return auth_fail(err, -EINVAL, "the secret must be %d to %d bytes long", AUTH_SECRET_MIN,
                         AUTH_SECRET_MAX);
    if (!is_one_word(one->bytes, one->len))
        return auth_fail(err, -EINVAL, "the secret must not hold blanks or control characters");
    if (auth_secrets_find(secrets, one->id))
        return auth_fail(err, -EEXIST, "the id is taken by another secret");
    if (secrets->n == AUTH_SECRETS_MAX)
        return auth_fail(err, -ENOSPC, "there is room for %d secrets, remove one that is over",
                         AUTH_SECRETS_MAX);
    secrets->v[secrets->n++] = *one;
    return 0;
}

void auth_secrets_wipe(struct auth_secrets *secrets)
{
    crypto_wipe(secrets, sizeof(*secrets));
}

void auth_secret_generate(struct auth_secret *one)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t random[32];
    crypto_random(random, sizeof(random));
    for (size_t i = 0; i < sizeof(random); i++) {
        one->bytes[2 * i] = (uint8_t)digits[random[i] >> 4];
        one->bytes[2 * i + 1] = (uint8_t)digits[random[i] & 15];
    }
    one->len = 2 * sizeof(random);
    crypto_wipe(random, sizeof(random));
}

/* The first that outlives the credential, so that none dies with a secret that is being retired;
 * else the first that is in force at all. */
static const struct auth_secret *best_in_force(const struct auth_secrets *secrets,
                                               const struct auth_issue *want)
{
    const struct auth_secret *first = NULL;
    for (size_t i = 0; i < secrets->n; i++) {
        const struct auth_secret *s = &secrets->v[i];
        if (!auth_in_force(s, want->now))
            continue;
        if (s->not_after == 0 || s->not_after >= want->expiry)
            return s;
        first = first ? first : s;
    }
    return first;
}

int auth_issue(const struct auth_secrets *secrets, const struct auth_issue *want,
               struct auth_credential *ret)
{
    const struct auth_secret *secret = best_in_force(secrets, want);
    if (!secret)
        return -ENOENT;
    if (want->expiry < 0)
        return -EINVAL;
    struct auth_credential made;
    int n = snprintf(made.user, sizeof(made.user), "%lld%s%s", (long long)want->expiry,
                     *want->name ? ":" : "", want->name);
    if (n < 0 || (size_t)n >= sizeof(made.user))
        return -EINVAL;
    struct crypto *crypto = crypto_new();
    if (!crypto)
        return -ENOMEM;
    int r = timed_password(crypto, span_of(secret->bytes, secret->len), span_text(made.user),
                           made.password);
    crypto_free(crypto);
    if (r == 0)
        *ret = made;
    crypto_wipe(&made, sizeof(made));
    return r;
}
