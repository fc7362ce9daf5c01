/* What usage statistics are made of: contributions, clipped for one allocation or one nonce, summed
 * over the workers until the main thread takes the sums. Every function may be called from any
 * thread. */
#ifndef RELAY_TURN_USAGE_H
#define RELAY_TURN_USAGE_H

#include "turn/turn.h"

enum usage_size {
    USAGE_PERIOD_S = 4096, /* more than a nonce may be good for, other workers' clocks included */
    USAGE_SLOTS = 16384,   /* nonces remembered of one period */
    USAGE_PROBES = 64,
};

struct usage;

/* NULL when out of memory. */
struct usage *usage_new(void);
/* Accepts NULL. */
void usage_free(struct usage *u);

void usage_born(struct usage *u);
/* An allocation is over that has relayed so many bytes. */
void usage_ended(struct usage *u, uint64_t bytes);
/* A login was refused under a good nonce, which was made at that time. */
void usage_refused(struct usage *u, struct span nonce, usec_t made);

/* As turn_take_usage. */
void usage_take(struct usage *u, uint64_t ret[TURN_USES]);

#endif
