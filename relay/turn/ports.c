/* One atomic bit per port: finding a free one looks at 64 at a time and never waits. Reservations
 * are rare and sit behind a mutex. */
#include "turn/ports.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "crypto/crypto.h"

/* One bit per port number, not per port of the range: parity and pairs are then plain masks, for 8
 * KiB a family. */
enum { WORDS = 65536 / 64, OWNER_TCP = 0x8000 };
#define EVEN_BITS UINT64_C(0x5555555555555555)

struct span_of_ports {
    uint32_t first;
    uint32_t last; /* inclusive; below first = none */
};

struct ports {
    struct port_range range;
    uint16_t workers;
    _Atomic uint64_t taken[TURN_FAMILIES][WORDS];
    _Atomic uint16_t owner[TURN_FAMILIES][65536]; /* worker + 1, OWNER_TCP; 0 = no live relay */
    pthread_mutex_t lock;                         /* all below */
    struct reservation held[PORTS_RESERVATIONS];
    size_t n_held;
    usec_t latest;
    _Atomic usec_t deadline; /* written under the lock, read without */
};

struct ports *ports_new(struct port_range range, uint16_t workers)
{
    if (range.first == 0 || range.last < range.first || workers == 0)
        return NULL;
    struct ports *p = mem_zalloc(sizeof(*p));
    if (!p)
        return NULL;
    if (pthread_mutex_init(&p->lock, NULL) != 0) {
        mem_free(p);
        return NULL;
    }
    p->range = range;
    p->workers = workers;
    atomic_init(&p->deadline, USEC_NEVER);
    return p;
}

void ports_free(struct ports *p)
{
    if (!p)
        return;
    pthread_mutex_destroy(&p->lock);
    mem_free_wiped(p, sizeof(*p));
}

static bool in_range(const struct ports *p, uint16_t port)
{
    return port >= p->range.first && port <= p->range.last;
}

/* Equal, disjoint parts, so that workers do not meet in the same words. */
static struct span_of_ports slice_of(const struct ports *p, uint16_t worker)
{
    uint32_t n = (uint32_t)p->range.last - p->range.first + 1;
    uint32_t w = worker % p->workers;
    return (struct span_of_ports){p->range.first + n * w / p->workers,
                                  p->range.first + n * (w + 1) / p->workers - 1};
}

static uint64_t bits_from(uint32_t bit)
{
    return UINT64_MAX << (bit & 63);
}

/* The bits of this word that lie inside the span. */
static uint64_t mask_of(struct span_of_ports s, uint32_t word)
{
    uint64_t mask = UINT64_MAX;
    if (word == s.first / 64)
        mask &= bits_from(s.first);
    if (word == s.last / 64)
        mask &= UINT64_MAX >> (63 - (s.last & 63));
    return mask;
}

/* Takes the lowest fitting port of one word, or returns 0. */
static uint16_t take_in_word(_Atomic uint64_t *word, uint64_t mask, uint32_t base,
                             const struct ports_want *want)
{
    uint64_t old = atomic_load_explicit(word, memory_order_relaxed);
    for (;;) {
        uint64_t fit = ~old & mask;
        if (want->pair)
            fit &= fit >> 1;
        if (want->pair || want->even)
            fit &= EVEN_BITS;
        if (fit == 0)
            return 0;
        uint64_t bit = fit & (~fit + 1);
        uint64_t bits = want->pair ? bit | bit << 1 : bit;
        if (atomic_compare_exchange_weak_explicit(word, &old, old | bits, memory_order_acquire,
                                                  memory_order_relaxed))
            return (uint16_t)(base + (uint32_t)__builtin_ctzll(bit));
    }
}

static uint16_t take_in(struct ports *p, struct span_of_ports s, const struct ports_want *want)
{
    if (s.first > s.last)
        return 0;
    for (uint32_t w = s.first / 64; w <= s.last / 64; w++) {
        uint16_t port = take_in_word(&p->taken[want->family][w], mask_of(s, w), w * 64, want);
        if (port != 0)
            return port;
    }
    return 0;
}

/* From a random place to the end, then from the beginning. */
static uint16_t take_random(struct ports *p, struct span_of_ports s, const struct ports_want *want)
{
    if (s.first > s.last)
        return 0;
    uint32_t start = s.first + (uint32_t)(want->random % (s.last - s.first + 1));
    uint16_t port = take_in(p, (struct span_of_ports){start, s.last}, want);
    /* The whole span again, since a pair may straddle the place where it began. */
    return port != 0 ? port : take_in(p, s, want);
}

uint16_t ports_take(struct ports *p, const struct ports_want *want)
{
    uint16_t port = take_random(p, slice_of(p, want->worker), want);
    if (port != 0)
        return port;
    /* The kernel spreads clients over workers by hash, not evenly: one slice may be full while
     * others are nearly empty, and a call is worth more than an undisturbed cache line. */
    return take_random(p, (struct span_of_ports){p->range.first, p->range.last}, want);
}

void ports_give(struct ports *p, enum turn_family family, uint16_t port)
{
    if (!in_range(p, port))
        return;
    atomic_fetch_and_explicit(&p->taken[family][port / 64], ~(UINT64_C(1) << (port & 63)),
                              memory_order_release);
}

void ports_set_owner(struct ports *p, enum turn_family family, uint16_t port,
                     struct ports_owner owner)
{
    unsigned value = (owner.worker + 1U) | (owner.is_tcp ? OWNER_TCP : 0U);
    atomic_store_explicit(&p->owner[family][port], (uint16_t)value, memory_order_release);
}

void ports_clear_owner(struct ports *p, enum turn_family family, uint16_t port)
{
    atomic_store_explicit(&p->owner[family][port], 0, memory_order_release);
}

int ports_owner(const struct ports *p, enum turn_family family, uint16_t port)
{
    unsigned value = atomic_load_explicit(&p->owner[family][port], memory_order_acquire);
    return (int)(value & ~(unsigned)OWNER_TCP) - 1;
}

bool ports_is_tcp(const struct ports *p, enum turn_family family, uint16_t port)
{
    return (atomic_load_explicit(&p->owner[family][port], memory_order_acquire) & OWNER_TCP) != 0;
}

static void set_deadline(struct ports *p)
{
    usec_t least = USEC_NEVER;
    for (size_t i = 0; i < p->n_held; i++)
        least = p->held[i].expires < least ? p->held[i].expires : least;
    atomic_store_explicit(&p->deadline, least, memory_order_relaxed);
}

/* The last one moves into the gap: order means nothing here. */
static void drop_held(struct ports *p, size_t i)
{
    p->held[i] = p->held[--p->n_held];
    crypto_wipe(&p->held[p->n_held], sizeof(p->held[0]));
}

static void purge(struct ports *p, usec_t now)
{
    p->latest = now > p->latest ? now : p->latest;
    for (size_t i = p->n_held; i-- > 0;) {
        if (p->held[i].expires > p->latest)
            continue;
        ports_give(p, p->held[i].family, p->held[i].port);
        drop_held(p, i);
    }
    set_deadline(p);
}

bool ports_reserve(struct ports *p, const struct reservation *r)
{
    pthread_mutex_lock(&p->lock);
    if (p->n_held == PORTS_RESERVATIONS)
        purge(p, p->latest);
    bool room = p->n_held < PORTS_RESERVATIONS;
    if (room) {
        p->held[p->n_held++] = *r;
        set_deadline(p);
    }
    pthread_mutex_unlock(&p->lock);
    return room;
}

uint16_t ports_redeem(struct ports *p, const uint8_t token[PORTS_TOKEN_LEN], usec_t now,
                      enum turn_family *ret_family)
{
    pthread_mutex_lock(&p->lock);
    purge(p, now);
    size_t found = p->n_held;
    for (size_t i = 0; i < p->n_held; i++)
        if (crypto_equal(p->held[i].token, token, PORTS_TOKEN_LEN))
            found = i;
    uint16_t port = 0;
    if (found < p->n_held) {
        port = p->held[found].port;
        *ret_family = p->held[found].family;
        drop_held(p, found);
        set_deadline(p);
    }
    pthread_mutex_unlock(&p->lock);
    return port;
}

void ports_expire(struct ports *p, usec_t now)
{
    if (ports_deadline(p) > now)
        return;
    pthread_mutex_lock(&p->lock);
    purge(p, now);
    pthread_mutex_unlock(&p->lock);
}

usec_t ports_deadline(const struct ports *p)
{
    return atomic_load_explicit(&p->deadline, memory_order_relaxed);
}
