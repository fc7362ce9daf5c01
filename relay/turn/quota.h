/* Counts living allocations and meters bytes per key, an account or an address prefix. An entry
 * lives as long as an allocation holds it, so memory is bounded by allocations; of the key only a
 * keyed hash is kept. One thread. */
#ifndef RELAY_TURN_QUOTA_H
#define RELAY_TURN_QUOTA_H

#include "turn/rate.h"
#include "turn/turn.h"

struct quota;
struct quota_entry;

/* NULL when out of memory. */
struct quota *quota_new(size_t buckets, const uint8_t key[16]);
/* Accepts NULL. Every entry must have been given back. */
void quota_free(struct quota *q);

/* The key's entry, held once more. NULL with *ret_full set when that would be more than limit
 * (0 = none), NULL with *ret_full false when out of memory. */
struct quota_entry *quota_take(struct quota *q, struct span key, uint32_t limit, bool *ret_full);
/* Lets go of it once; the last one frees it. Accepts NULL. */
void quota_give(struct quota *q, struct quota_entry *e);

/* The entry's meter, valid as long as the entry is held. */
struct rate *quota_rate(struct quota_entry *e);
/* Holders of this entry. */
uint32_t quota_count(const struct quota_entry *e);
/* Entries alive. */
size_t quota_live(const struct quota *q);

#endif
