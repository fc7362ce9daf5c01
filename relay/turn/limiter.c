/* Token buckets in a set-associative table of fixed size, and the byte budget over all of them. */
#include "turn/limiter.h"

#include "base/mem.h"
#include "base/siphash.h"

struct bucket {
    uint64_t tag; /* keyed hash of the prefix; 0 = empty */
    usec_t at;
    int64_t tokens; /* answers x 10^-6 */
};

struct limiter {
    uint8_t key[SIPHASH_KEY_LEN];
    int64_t credit;
    usec_t credit_at;
    struct bucket sets[LIMITER_SETS][LIMITER_WAYS];
};

struct limiter *limiter_new(const uint8_t key[16])
{
    struct limiter *l = mem_zalloc(sizeof(*l));
    if (!l)
        return NULL;
    memcpy(l->key, key, sizeof(l->key));
    l->credit = LIMITER_CREDIT_START;
    return l;
}

void limiter_free(struct limiter *l)
{
    mem_free_wiped(l, sizeof(*l));
}

void limiter_note_in(struct limiter *l, size_t bytes_in)
{
    size_t bounded = bytes_in < LIMITER_CREDIT_MAX ? bytes_in : LIMITER_CREDIT_MAX;
    l->credit += (int64_t)bounded * LIMITER_CREDIT_FACTOR;
    if (l->credit > LIMITER_CREDIT_MAX)
        l->credit = LIMITER_CREDIT_MAX;
}

/* What the bucket holds at this time. */
static int64_t level(const struct bucket *b, uint32_t per_second, usec_t now)
{
    int64_t full = (int64_t)per_second * USEC_PER_SEC;
    usec_t passed = now > b->at ? now - b->at : 0;
    if (b->tag == 0 || passed >= USEC_PER_SEC)
        return full;
    int64_t filled = b->tokens + (int64_t)per_second * passed;
    return filled < full ? filled : full;
}

static uint64_t tag_of(const struct limiter *l, const struct addr *prefix)
{
    uint64_t hash = siphash(l->key, prefix, sizeof(*prefix));
    return hash != 0 ? hash : 1;
}

/* The prefix's own bucket, else the one of its set that forgets least: the fullest, so that nobody
 * empties their account by flooding the table, and of equals the oldest. */
static struct bucket *bucket_of(struct limiter *l, uint64_t tag, const struct limiter_ask *ask)
{
    struct bucket *set = l->sets[tag % LIMITER_SETS];
    struct bucket *best = set;
    for (size_t i = 0; i < LIMITER_WAYS; i++) {
        struct bucket *b = &set[i];
        if (b->tag == tag)
            return b;
        int64_t more = level(b, ask->per_second, ask->now) - level(best, ask->per_second, ask->now);
        if (more > 0 || (more == 0 && b->at < best->at))
            best = b;
    }
    *best = (struct bucket){tag, ask->now, (int64_t)ask->per_second * USEC_PER_SEC};
    return best;
}

static void trickle(struct limiter *l, usec_t now)
{
    usec_t passed = now - l->credit_at;
    /* Whole milliseconds only, the rest stays for the next time. */
    int64_t ms = passed > 0 ? passed / 1000 : 0;
    l->credit_at += ms * 1000;
    int64_t missing = LIMITER_CREDIT_START - l->credit;
    if (missing <= 0)
        return;
    int64_t gained = ms < LIMITER_CREDIT_START ? ms * LIMITER_CREDIT_TRICKLE / 1000 : missing;
    l->credit += gained < missing ? gained : missing;
}

bool limiter_allows(struct limiter *l, const struct limiter_ask *ask)
{
    trickle(l, ask->now);
    if (ask->bytes_out > (uint64_t)l->credit)
        return false;
    if (ask->per_second != 0) {
        struct bucket *b = bucket_of(l, tag_of(l, &ask->prefix), ask);
        b->tokens = level(b, ask->per_second, ask->now);
        b->at = ask->now > b->at ? ask->now : b->at;
        if (b->tokens < USEC_PER_SEC)
            return false;
        b->tokens -= USEC_PER_SEC;
    }
    l->credit -= (int64_t)ask->bytes_out;
    return true;
}
