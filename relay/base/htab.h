/* Keyed, intrusive, chained hash table with a number of buckets fixed at the start. It holds nodes
 * that live inside the caller's objects, and compares nothing: the caller walks the nodes of one
 * hash and compares keys itself. */
#ifndef RELAY_BASE_HTAB_H
#define RELAY_BASE_HTAB_H

#include "base/siphash.h"

struct htab_node {
    struct htab_node *next;
    uint64_t hash;
};

struct htab {
    struct htab_node **buckets; /* owned */
    size_t mask;
    size_t n;
    uint8_t key[SIPHASH_KEY_LEN];
};

/* Rounds min_buckets up to a power of two. 0 or -ENOMEM. */
int htab_init(struct htab *h, size_t min_buckets, const uint8_t key[SIPHASH_KEY_LEN]);

/* Frees the buckets, not the objects. A zeroed table is fine. */
void htab_free(struct htab *h);

uint64_t htab_hash(const struct htab *h, const void *key, size_t n);
void htab_insert(struct htab *h, struct htab_node *node, uint64_t hash);
/* No-op when the node is not in the table. */
void htab_remove(struct htab *h, struct htab_node *node);
/* First and next node of exactly this hash, or NULL. */
struct htab_node *htab_first(const struct htab *h, uint64_t hash);
struct htab_node *htab_next(const struct htab_node *node);

#endif
