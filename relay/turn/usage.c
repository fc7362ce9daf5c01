/* Contributions in atomics, and which nonces have had a login refused already. */
#include "turn/usage.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "base/siphash.h"
#include "crypto/crypto.h"

/* Every nonce belongs to the period in which it was made, whenever it is used, so it is looked for
 * and kept in one place only. Since it is good for less than a period, no more than two periods are
 * in use at a time.
 *
 * One nonce more or less may change the sum by one at most, and should not move another's
 * contribution to another time either: two statistics windows would feel it then. So whole keyed
 * hashes are kept and not bits of a map, where one nonce can take another's place; with 64 bits,
 * which strangers cannot aim, none ever does. Only when a period has no room left (16384 refused
 * logins in 68 minutes) do nonces depend on each other: the table never forgets one to make room,
 * and who finds none is not counted, so that one more can keep back one other at most; and the
 * number still grows with the flood, period after period. */
struct period {
    int64_t number;
    uint64_t tags[USAGE_SLOTS]; /* keyed hashes of nonces; 0 = free */
};

struct usage {
    _Atomic uint64_t sums[TURN_USES];
    uint8_t key[SIPHASH_KEY_LEN];
    pthread_mutex_t lock;     /* all below; taken for refused logins only */
    struct period periods[2]; /* by number */
};

struct usage *usage_new(void)
{
    struct usage *u = mem_zalloc(sizeof *u);
    if (!u)
        return NULL;
    if (pthread_mutex_init(&u->lock, NULL) != 0) {
        mem_free(u);
        return NULL;
    }
    crypto_random(u->key, sizeof u->key);
    return u;
}

void usage_free(struct usage *u)
{
    if (!u)
        return;
    pthread_mutex_destroy(&u->lock);
    mem_free_wiped(u, sizeof *u);
}

static void add(struct usage *u, enum turn_use use, uint64_t n)
{
    atomic_fetch_add_explicit(&u->sums[use], n, memory_order_relaxed);
}

void usage_born(struct usage *u)
{
    add(u, TURN_USE_ALLOCATIONS, 1);
}

void usage_ended(struct usage *u, uint64_t bytes)
{
    const uint64_t most = (uint64_t)TURN_VOLUME_UNIT * TURN_VOLUME_UNITS;
    uint64_t clipped = bytes < most ? bytes : most;
    add(u, TURN_USE_VOLUME, (clipped + TURN_VOLUME_UNIT / 2) / TURN_VOLUME_UNIT);
}

/* Whether it was not there yet and has found room. */
static bool remember(struct period *p, uint64_t tag)
{
    for (uint64_t i = 0; i < USAGE_PROBES; i++) {
        uint64_t *slot = &p->tags[(tag + i) % USAGE_SLOTS];
        if (*slot == tag)
            return false;
        if (*slot == 0) {
            *slot = tag;
            return true;
        }
    }
    return false;
}

static struct period *period_of(struct usage *u, usec_t made)
{
    int64_t number = made / (USAGE_PERIOD_S * USEC_PER_SEC);
    struct period *p = &u->periods[number & 1];
    if (p->number != number) {
        memset(p, 0, sizeof *p);
        p->number = number;
    }
    return p;
}

void usage_refused(struct usage *u, struct span nonce, usec_t made)
{
    uint64_t hash = siphash(u->key, nonce.p, nonce.n);
    pthread_mutex_lock(&u->lock);
    bool is_new = remember(period_of(u, made), hash ? hash : 1);
    pthread_mutex_unlock(&u->lock);
    if (is_new)
        add(u, TURN_USE_REJECTED, 1);
}

void usage_take(struct usage *u, uint64_t ret[TURN_USES])
{
    for (int i = 0; i < TURN_USES; i++)
        ret[i] = atomic_exchange_explicit(&u->sums[i], 0, memory_order_relaxed);
}
