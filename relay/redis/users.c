/* Users as they are gathered from many replies: sorted by name, so that two reads compare as
 * bytes. */
#include "redis/redis_int.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"

enum { USERS_FIRST = 64 };

static int grow(struct redis_users *u)
{
    size_t cap = u->cap ? u->cap * 2 : USERS_FIRST;
    struct auth_keyed_user *v = mem_zalloc(cap * sizeof(*v));
    if (!v)
        return -ENOMEM;
    if (u->n)
        memcpy(v, u->v, u->n * sizeof(*v));
    mem_free_wiped(u->v, u->cap * sizeof(*v));
    u->v = v;
    u->cap = cap;
    return 0;
}

int redis_users_add(struct redis_users *u, const struct auth_keyed_user *one)
{
    /* A scan may name a key twice. */
    if (u->n == REDIS_USERS_MAX)
        redis_users_sort(u);
    if (u->n == REDIS_USERS_MAX)
        return -EMSGSIZE;
    if (u->n == u->cap && grow(u) < 0)
        return -ENOMEM;
    u->v[u->n++] = *one;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const struct auth_keyed_user *x = a;
    const struct auth_keyed_user *y = b;
    return strcmp(x->name, y->name);
}

void redis_users_sort(struct redis_users *u)
{
    size_t n = 0;
    if (u->n)
        qsort(u->v, u->n, sizeof(*u->v), by_name);
    for (size_t i = 0; i < u->n; i++) {
        if (n && strcmp(u->v[n - 1].name, u->v[i].name) == 0)
            continue;
        if (n != i)
            u->v[n] = u->v[i];
        n++;
    }
    u->n = n;
}

static int against(const void *key, const void *element)
{
    const struct span *name = key;
    const struct auth_keyed_user *u = element;
    size_t n = strlen(u->name);
    int r = memcmp(name->p, u->name, name->n < n ? name->n : n);
    return r ? r : (name->n > n) - (name->n < n);
}

const struct auth_keyed_user *redis_users_find(const struct redis_users *u, struct span name)
{
    return u->n ? bsearch(&name, u->v, u->n, sizeof(*u->v), against) : NULL;
}

bool redis_users_equal(const struct redis_users *a, const struct redis_users *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->v, b->v, a->n * sizeof(*a->v)) == 0);
}

void redis_users_clear(struct redis_users *u)
{
    mem_free_wiped(u->v, u->cap * sizeof(*u->v));
    *u = (struct redis_users){NULL, 0, 0};
}
