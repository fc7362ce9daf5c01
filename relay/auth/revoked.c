/* Names that are let in no more. Only their hashes are kept, so the list tells nobody whom it is
 * about who does not know the name. */
#include "auth/auth_int.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"

enum { NAME_DIGITS = 2 * SHA256_LEN, LIST_FIRST = 16 };

/* --- One name --- */

static bool hash_name(struct crypto *crypto, struct span name, uint8_t ret[SHA256_LEN])
{
    return crypto_digest(crypto, DIGEST_SHA256, &name, 1, ret) == SHA256_LEN;
}

static int hash_forms(struct crypto *crypto, const char *name,
                      uint8_t ret[AUTH_REVOKED_FORMS][SHA256_LEN])
{
    struct auth_prepared p;
    if (!hash_name(crypto, span_text(name), ret[0]))
        return -EIO;
    bool prepared = auth_prepare(AUTH_OPAQUE, name, &p) == 0;
    if (!prepared || span_eq(span_of(p.bytes, p.n), span_text(name)))
        return 1;
    int r = hash_name(crypto, span_of(p.bytes, p.n), ret[1]) ? 2 : -EIO;
    crypto_wipe(&p, sizeof(p));
    return r;
}

int auth_revoked_names(const char *name, uint8_t ret[AUTH_REVOKED_FORMS][SHA256_LEN])
{
    if (!*name)
        return -EINVAL;
    if (strlen(name) > AUTH_NAME_MAX)
        return -E2BIG;
    struct crypto *crypto = crypto_new();
    if (!crypto)
        return -ENOMEM;
    int r = hash_forms(crypto, name, ret);
    crypto_free(crypto);
    return r;
}

static bool is_small_hex(struct span text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] >= 'A' && text.p[i] <= 'F')
            return false;
    return text.n == NAME_DIGITS;
}

int auth_revoked_read(struct span name, struct span until, struct auth_revoked *ret)
{
    struct auth_revoked one;
    if (!is_small_hex(name) || !auth_read_hex(name, one.name, SHA256_LEN) ||
        !auth_read_time(until, &one.until))
        return -EINVAL;
    *ret = one;
    return 0;
}

void auth_revoked_text(const struct auth_revoked *one, char ret[AUTH_REVOKED_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SHA256_LEN; i++) {
        ret[2 * i] = digits[one->name[i] >> 4];
        ret[2 * i + 1] = digits[one->name[i] & 15];
    }
    ret[NAME_DIGITS] = '\0';
}

/* --- The list --- */

static int grow(struct auth_revocations *list)
{
    size_t cap = list->cap ? 2 * list->cap : LIST_FIRST;
    struct auth_revoked *v = mem_zalloc(cap * sizeof(*v));
    if (!v)
        return -ENOMEM;
    if (list->n)
        memcpy(v, list->v, list->n * sizeof(*v));
    mem_free_wiped(list->v, list->cap * sizeof(*v));
    list->v = v;
    list->cap = cap;
    return 0;
}

int auth_revocations_add(struct auth_revocations *list, const struct auth_revoked *one)
{
    if (list->n == AUTH_REVOKED_MAX)
        return -ENOSPC;
    if (list->n == list->cap && grow(list) < 0)
        return -ENOMEM;
    list->v[list->n++] = *one;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const struct auth_revoked *x = a;
    const struct auth_revoked *y = b;
    return memcmp(x->name, y->name, SHA256_LEN);
}

static int by_name_and_end(const void *a, const void *b)
{
    const struct auth_revoked *x = a;
    const struct auth_revoked *y = b;
    int r = by_name(a, b);
    return r ? r : (x->until < y->until) - (x->until > y->until);
}

void auth_revocations_sort(struct auth_revocations *list)
{
    size_t n = 0;
    if (list->n)
        qsort(list->v, list->n, sizeof(*list->v), by_name_and_end);
    for (size_t i = 0; i < list->n; i++)
        if (n == 0 || by_name(&list->v[n - 1], &list->v[i]) != 0)
            list->v[n++] = list->v[i];
    list->n = n;
}

const struct auth_revoked *auth_revocations_find(const struct auth_revocations *list,
                                                 const uint8_t name[SHA256_LEN])
{
    struct auth_revoked key = {.until = 0};
    memcpy(key.name, name, SHA256_LEN);
    return list->n ? bsearch(&key, list->v, list->n, sizeof(key), by_name) : NULL;
}

bool auth_revocations_remove(struct auth_revocations *list, const uint8_t name[SHA256_LEN])
{
    const struct auth_revoked *one = auth_revocations_find(list, name);
    if (!one)
        return false;
    size_t at = (size_t)(one - list->v);
    list->n--;
    memmove(&list->v[at], &list->v[at + 1], (list->n - at) * sizeof(*one));
    return true;
}

/* The next of both, and past it in both when it is the same name. */
static struct auth_revoked next_of(struct auth_revocations *a, struct auth_revocations *b)
{
    int order = b->n == 0 ? -1 : a->n == 0 ? 1 : by_name(a->v, b->v);
    struct auth_revoked one = order <= 0 ? a->v[0] : b->v[0];
    if (order == 0 && b->v[0].until > one.until)
        one.until = b->v[0].until;
    if (order <= 0)
        *a = (struct auth_revocations){a->v + 1, a->n - 1, 0};
    if (order >= 0)
        *b = (struct auth_revocations){b->v + 1, b->n - 1, 0};
    return one;
}

int auth_revocations_join(const struct auth_revocations *a, const struct auth_revocations *b,
                          int64_t now, struct auth_revocations *ret)
{
    struct auth_revocations made = {NULL, 0, 0};
    struct auth_revocations left = *a;
    struct auth_revocations right = *b;
    int r = 0;
    while (r == 0 && (left.n || right.n)) {
        struct auth_revoked one = next_of(&left, &right);
        r = one.until < now ? 0 : auth_revocations_add(&made, &one);
    }
    if (r < 0) {
        auth_revocations_clear(&made);
        return r;
    }
    auth_revocations_clear(ret);
    *ret = made;
    return 0;
}

bool auth_revocations_equal(const struct auth_revocations *a, const struct auth_revocations *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = by_name_and_end(&a->v[i], &b->v[i]) == 0;
    return same;
}

void auth_revocations_clear(struct auth_revocations *list)
{
    mem_free_wiped(list->v, list->cap * sizeof(*list->v));
    *list = (struct auth_revocations){NULL, 0, 0};
}
