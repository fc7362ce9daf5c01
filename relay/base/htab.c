/* Chained hash table with a fixed power-of-two number of buckets. */
#include "base/htab.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

static struct htab_node **bucket(const struct htab *h, uint64_t hash)
{
    return &h->buckets[hash & h->mask];
}

static struct htab_node *same_hash(struct htab_node *node, uint64_t hash)
{
    while (node && node->hash != hash)
        node = node->next;
    return node;
}

int htab_init(struct htab *h, size_t min_buckets, const uint8_t key[SIPHASH_KEY_LEN])
{
    size_t n = 1;
    while (n < min_buckets && n <= SIZE_MAX / (4 * sizeof *h->buckets))
        n *= 2;
    if (n < min_buckets)
        return -ENOMEM;
    struct htab_node **buckets = mem_zalloc(n * sizeof *buckets);
    if (!buckets)
        return -ENOMEM;
    h->buckets = buckets;
    h->mask = n - 1;
    h->n = 0;
    memcpy(h->key, key, SIPHASH_KEY_LEN);
    return 0;
}

void htab_free(struct htab *h)
{
    mem_free(h->buckets);
    *h = (struct htab){0};
}

uint64_t htab_hash(const struct htab *h, const void *key, size_t n)
{
    return siphash(h->key, key, n);
}

void htab_insert(struct htab *h, struct htab_node *node, uint64_t hash)
{
    struct htab_node **at = bucket(h, hash);
    node->hash = hash;
    node->next = *at;
    *at = node;
    h->n++;
}

void htab_remove(struct htab *h, struct htab_node *node)
{
    struct htab_node **at = bucket(h, node->hash);
    while (*at && *at != node)
        at = &(*at)->next;
    if (!*at)
        return;
    *at = node->next;
    node->next = NULL;
    h->n--;
}

struct htab_node *htab_first(const struct htab *h, uint64_t hash)
{
    return same_hash(*bucket(h, hash), hash);
}

struct htab_node *htab_next(const struct htab_node *node)
{
    return same_hash(node->next, node->hash);
}
