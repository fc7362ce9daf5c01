/* Blocks of one size lie in slabs, sixteen slabs in a region. A slab starts at a multiple of its
 * size, so that the head, and with it the block's size, is found from the block's own address. What
 * no slab can hold is mapped by itself, behind a head of the same kind.
 *
 * Free blocks are all zeroes but for the link in their first bytes. The pool is file-scope state
 * because a context argument would reach every allocation of the program. */
#include "base/pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/list.h"

/* FINE: sizes up to this are told apart by 16 bytes, larger ones by a quarter of a power of two.
 * LARGEST: three to a slab, so that a TLS record's buffer fits. WIPED_MAX: what is mapped by itself
 * and larger than this is given back as it is, since to overwrite it would first make the system
 * fill in every page that was never used; nobody gets a page that has not been cleared. */
enum {
    SLAB = 1 << 16,
    SLABS = 16,
    REGION = SLAB * SLABS,
    HEAD = 128,
    GRAIN = 16,
    FINE = 1024,
    STEPS = 4,
    LARGEST = (SLAB - HEAD) / 3 / GRAIN * GRAIN,
    CLASSES = FINE / GRAIN + 5 * STEPS + 1,
    WIPED_MAX = 1 << 20,
    ALL_FREE = (1 << SLABS) - 1,
};

struct slab {
    struct list open;   /* in pool.open while it has free blocks */
    void *free;         /* blocks that were given back, chained */
    struct slab *first; /* of the region; NULL for what is mapped by itself */
    size_t size;        /* of a block */
    uint16_t n_used;
    uint16_t n_begun; /* those behind have never been used */
    uint16_t max;
    uint16_t free_slabs; /* of the region, one bit each; in its first slab only */
    struct list region;  /* in pool.regions while there are some */
};

_Static_assert(sizeof(struct slab) <= HEAD, "a slab's head is too small");

static struct pool {
    pthread_mutex_t lock;
    bool is_ready;
    bool is_watched; /* begin_anew is known */
    struct list open[CLASSES];
    struct list regions; /* with free slabs */
    unsigned n_empty;    /* of these, without any slab in use */
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t class_of(size_t n)
{
    if (n <= FINE)
        return (n + GRAIN - 1) / GRAIN;
    size_t row = 0;
    while (n > (size_t)FINE << (row + 1))
        row++;
    size_t step = ((size_t)FINE << row) / STEPS;
    return FINE / GRAIN + row * STEPS + (n - ((size_t)FINE << row) + step - 1) / step;
}

static size_t size_of(size_t class)
{
    if (class <= FINE / GRAIN)
        return class * GRAIN;
    size_t above = class - FINE / GRAIN - 1;
    size_t base = (size_t)FINE << above / STEPS;
    size_t size = base + base / STEPS * (above % STEPS + 1);
    return size < LARGEST ? size : LARGEST;
}

/* --- Pages --- */

/* Each of these as far as the kernel has it and the limits allow: the memory serves without. */
static void guard(void *p, size_t n)
{
    (void)mlock2(p, n, MLOCK_ONFAULT);
    (void)madvise(p, n, MADV_DONTDUMP);
    (void)madvise(p, n, MADV_WIPEONFORK);
}

/* At a multiple of SLAB. NULL when there is no memory. */
static void *map(size_t n)
{
    if (n > SIZE_MAX - SLAB)
        return NULL;
    uint8_t *all = mmap(NULL, n + SLAB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED)
        return NULL;
    size_t before = (SLAB - (uintptr_t)all % SLAB) % SLAB;
    if (before > 0)
        munmap(all, before);
    munmap(all + before + n, SLAB - before);
    guard(all + before, n);
    return all + before;
}

static struct slab *slab_of(const void *p)
{
    return (struct slab *)((uintptr_t)p / SLAB * SLAB);
}

static void *take_alone(size_t n)
{
    enum { PAGE = 4096 };
    if (n > SIZE_MAX - HEAD - PAGE)
        return NULL;
    size_t all = (n + HEAD + PAGE - 1) / PAGE * PAGE;
    struct slab *s = map(all);
    if (!s)
        return NULL;
    s->size = all - HEAD;
    return (uint8_t *)s + HEAD;
}

static void give_alone(struct slab *s)
{
    size_t n = s->size;
    if (n <= WIPED_MAX)
        explicit_bzero(s, n + HEAD);
    munmap(s, n + HEAD);
}

/* --- Slabs --- */

static bool add_region(void)
{
    struct slab *first = map(REGION);
    if (!first)
        return false;
    first->free_slabs = ALL_FREE;
    list_push(&pool.regions, &first->region);
    pool.n_empty++;
    return true;
}

static struct slab *take_slab(void)
{
    if (list_empty(&pool.regions) && !add_region())
        return NULL;
    struct slab *first = container_of(pool.regions.next, struct slab, region);
    if (first->free_slabs == ALL_FREE)
        pool.n_empty--;
    unsigned i = (unsigned)__builtin_ctz(first->free_slabs);
    first->free_slabs &= (uint16_t)(first->free_slabs - 1);
    if (first->free_slabs == 0)
        list_remove(&first->region);
    struct slab *s = (struct slab *)((uint8_t *)first + (size_t)i * SLAB);
    s->first = first;
    return s;
}

/* The next block in the chain; this one is all zeroes then. */
static void *unchain(void *p)
{
    void *next;
    memcpy(&next, p, sizeof next);
    memset(p, 0, sizeof next);
    return next;
}

/* One region is kept for the next that is wanted. */
static void give_slab(struct slab *s)
{
    while (s->free)
        s->free = unchain(s->free);
    struct slab *first = s->first;
    unsigned i = (unsigned)(((uintptr_t)s - (uintptr_t)first) / SLAB);
    if (first->free_slabs == 0)
        list_push(&pool.regions, &first->region);
    first->free_slabs |= (uint16_t)(1U << i);
    if (first->free_slabs != ALL_FREE || pool.n_empty++ == 0)
        return;
    pool.n_empty--;
    list_remove(&first->region);
    munmap(first, REGION);
}

static struct slab *open_slab(size_t class)
{
    struct slab *s = take_slab();
    if (!s)
        return NULL;
    s->size = size_of(class);
    s->max = (uint16_t)((SLAB - HEAD) / s->size);
    s->n_begun = 0;
    list_push(&pool.open[class], &s->open);
    return s;
}

static void *block(struct slab *s)
{
    void *p = s->free;
    if (p)
        s->free = unchain(p);
    else
        p = (uint8_t *)s + HEAD + s->n_begun++ * s->size;
    if (++s->n_used == s->max)
        list_remove(&s->open);
    return p;
}

/* A child's pages hold nothing, not even heads of slabs, so it begins anew. */
static void begin_anew(void)
{
    pool.lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    pool.is_ready = false;
    pool.n_empty = 0;
}

static void get_ready(void)
{
    if (pool.is_ready)
        return;
    if (!pool.is_watched)
        pool.is_watched = pthread_atfork(NULL, NULL, begin_anew) == 0;
    for (size_t i = 0; i < CLASSES; i++)
        list_init(&pool.open[i]);
    list_init(&pool.regions);
    pool.is_ready = true;
}

void *pool_take(size_t n)
{
    if (n > LARGEST)
        return take_alone(n);
    size_t class = class_of(n);
    pthread_mutex_lock(&pool.lock);
    get_ready();
    struct list *open = &pool.open[class];
    struct slab *s =
        list_empty(open) ? open_slab(class) : container_of(open->next, struct slab, open);
    void *p = s ? block(s) : NULL;
    pthread_mutex_unlock(&pool.lock);
    return p;
}

size_t pool_size(const void *p)
{
    return slab_of(p)->size;
}

void pool_give(void *p)
{
    struct slab *s = slab_of(p);
    if (!s->first) {
        give_alone(s);
        return;
    }
    explicit_bzero(p, s->size);
    pthread_mutex_lock(&pool.lock);
    memcpy(p, &s->free, sizeof s->free);
    s->free = p;
    if (s->n_used-- == s->max)
        list_push(&pool.open[class_of(s->size)], &s->open);
    if (s->n_used == 0) {
        list_remove(&s->open);
        give_slab(s);
    }
    pthread_mutex_unlock(&pool.lock);
}
