/* Bounds the answers to sources that have proven nothing: so many a second per address prefix, and
 * all together no more than a start's amount, twice the bytes such sources have sent, and a trickle
 * by time. Forged source addresses gain nothing here then, while honest clients, whose first answer
 * may well be more than twice their request, never wear the budget out. Fixed memory; prefixes are
 * kept as keyed hashes only. */
#ifndef RELAY_TURN_LIMITER_H
#define RELAY_TURN_LIMITER_H

#include "turn/turn.h"

enum limiter_size {
    LIMITER_SETS = 1024,
    LIMITER_WAYS = 8,
    LIMITER_CREDIT_START = 65536,
    LIMITER_CREDIT_MAX = 1 << 20,  /* an idle day buys no burst */
    LIMITER_CREDIT_FACTOR = 2,     /* bytes out for each byte in */
    LIMITER_CREDIT_TRICKLE = 4096, /* bytes a second, up to the start's amount */
};

struct limiter;

/* NULL when out of memory. */
struct limiter *limiter_new(const uint8_t key[16]);
/* Accepts NULL. */
void limiter_free(struct limiter *l);

/* Call for every packet from an unproven source, answered or not, before limiter_allows. */
void limiter_note_in(struct limiter *l, size_t bytes_in);

struct limiter_ask {
    struct addr prefix;  /* cut by addr_prefix already */
    uint32_t per_second; /* 0 = unlimited; the burst is one second's worth */
    size_t bytes_out;
    usec_t now;
};

/* Takes the tokens when true, none when false. */
bool limiter_allows(struct limiter *l, const struct limiter_ask *ask);

#endif
