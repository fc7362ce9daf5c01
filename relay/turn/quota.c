/* Entries in a hash table, compared by 128 bits of keyed hash. */
#include "turn/quota.h"

#include "base/htab.h"
#include "base/list.h"
#include "base/mem.h"

struct quota {
    struct htab table;
    uint8_t check_key[SIPHASH_KEY_LEN];
};

struct quota_entry {
    struct htab_node node;
    uint64_t check; /* second keyed hash: together 128 bits, so no two keys are ever one */
    uint32_t count;
    struct rate rate;
};

static void derive_check_key(struct quota *q, const uint8_t key[SIPHASH_KEY_LEN])
{
    for (uint8_t half = 0; half < 2; half++) {
        uint64_t h = siphash(key, &half, 1);
        memcpy(q->check_key + (size_t)half * sizeof(h), &h, sizeof(h));
    }
}

struct quota *quota_new(size_t buckets, const uint8_t key[16])
{
    struct quota *q = mem_zalloc(sizeof(*q));
    if (!q)
        return NULL;
    if (htab_init(&q->table, buckets, key) < 0) {
        mem_free(q);
        return NULL;
    }
    derive_check_key(q, key);
    return q;
}

void quota_free(struct quota *q)
{
    if (!q)
        return;
    htab_free(&q->table);
    mem_free_wiped(q, sizeof(*q));
}

static struct quota_entry *find(const struct quota *q, uint64_t hash, uint64_t check)
{
    for (struct htab_node *n = htab_first(&q->table, hash); n; n = htab_next(n)) {
        struct quota_entry *e = container_of(n, struct quota_entry, node);
        if (e->check == check)
            return e;
    }
    return NULL;
}

struct quota_entry *quota_take(struct quota *q, struct span key, uint32_t limit, bool *ret_full)
{
    uint64_t hash = htab_hash(&q->table, key.p, key.n);
    uint64_t check = siphash(q->check_key, key.p, key.n);
    struct quota_entry *e = find(q, hash, check);
    *ret_full = e && ((limit != 0 && e->count >= limit) || e->count == UINT32_MAX);
    if (*ret_full)
        return NULL;
    if (!e) {
        e = mem_zalloc(sizeof(*e));
        if (!e)
            return NULL;
        e->check = check;
        htab_insert(&q->table, &e->node, hash);
    }
    e->count++;
    return e;
}

void quota_give(struct quota *q, struct quota_entry *e)
{
    if (!e || --e->count > 0)
        return;
    htab_remove(&q->table, &e->node);
    mem_free_wiped(e, sizeof(*e));
}

struct rate *quota_rate(struct quota_entry *e)
{
    return &e->rate;
}

uint32_t quota_count(const struct quota_entry *e)
{
    return e->count;
}

size_t quota_live(const struct quota *q)
{
    return q->table.n;
}
