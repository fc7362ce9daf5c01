/* The debug walker: every object linked exactly where it should be, every count equal to what is
 * there. Simulation and fuzzing call it after each step. */
#include "turn/turn_int.h"

enum broken {
    SOUND,
    BROKEN_HANDLE,
    BROKEN_OWNER,
    BROKEN_FLOW,
    BROKEN_PERM_COUNT,
    BROKEN_CHAN_COUNT,
    BROKEN_CHAN_PERM,
    BROKEN_CHAN_TWIN,
    BROKEN_FAMILY,
    BROKEN_TIMER,
    BROKEN_TOTALS,
    BROKEN_QUOTA,
};

struct tally {
    uint64_t allocations;
    uint64_t permissions;
    uint64_t channels;
    uint64_t accounts;
};

static enum broken check_relayed(const struct turn *t, const struct alloc *a)
{
    for (int f = 0; f < TURN_FAMILIES; f++) {
        const struct relayed *r = &a->relayed[f];
        if (r->addr.family == ADDR_NONE)
            continue;
        if (r->handle >= t->n_handles || t->relays[r->handle] != a)
            return BROKEN_HANDLE;
        if (ports_owner(t->shared->ports, (enum turn_family)f, r->addr.port) != t->worker)
            return BROKEN_OWNER;
    }
    return SOUND;
}

static enum broken check_perms(const struct alloc *a, struct tally *sum)
{
    size_t n = 0;
    LIST_FOR (it, &a->perms) {
        const struct perm *p = container_of(it, struct perm, link);
        if (a->relayed[family_of(&p->peer)].addr.family == ADDR_NONE)
            return BROKEN_FAMILY;
        n++;
    }
    sum->permissions += n;
    return n == a->n_perms ? SOUND : BROKEN_PERM_COUNT;
}

static enum broken check_chans(const struct alloc *a, struct tally *sum)
{
    size_t n = 0;
    LIST_FOR (it, &a->chans) {
        struct chan *c = container_of(it, struct chan, link);
        if (c->perm != perm_find(a, &c->peer))
            return BROKEN_CHAN_PERM;
        if (chan_by_number(a, c->number) != c || chan_by_peer(a, &c->peer) != c)
            return BROKEN_CHAN_TWIN;
        if (a->relayed[family_of(&c->peer)].addr.family == ADDR_NONE)
            return BROKEN_FAMILY;
        n++;
    }
    sum->channels += n;
    return n == a->n_chans ? SOUND : BROKEN_CHAN_COUNT;
}

static enum broken check_alloc(const struct turn *t, const struct alloc *a, struct tally *sum)
{
    bool found = false;
    for (struct htab_node *it = htab_first(&t->flows, flow_hash(t, &a->flow)); it;
         it = htab_next(it))
        found |= it == &a->node;
    if (!found)
        return BROKEN_FLOW;
    if (list_empty(&a->timer.link))
        return BROKEN_TIMER;
    if (!a->prefix)
        return BROKEN_QUOTA;
    sum->allocations++;
    sum->accounts += a->account != NULL;
    enum broken why = check_relayed(t, a);
    if (why == SOUND)
        why = check_perms(a, sum);
    return why == SOUND ? check_chans(a, sum) : why;
}

/* A dual allocation has two handles and is looked at through its first. */
static bool is_first_handle(const struct alloc *a, uint32_t handle)
{
    const struct relayed *v4 = &a->relayed[TURN_V4];
    return v4->addr.family == ADDR_NONE || v4->handle == handle;
}

int turn_check(const struct turn *t)
{
    struct tally sum = {0};
    for (uint32_t h = 0; h < t->n_handles; h++) {
        const struct alloc *a = t->relays[h];
        if (!a || !is_first_handle(a, h))
            continue;
        enum broken why = check_alloc(t, a, &sum);
        if (why != SOUND)
            return (int)why;
    }
    if (sum.allocations != t->stats.allocations || sum.permissions != t->stats.permissions ||
        sum.channels != t->stats.channels || sum.allocations != t->flows.n)
        return BROKEN_TOTALS;
    /* Several allocations may share an entry. */
    bool quotas = quota_live(t->prefixes) <= sum.allocations &&
                  quota_live(t->accounts) <= sum.accounts &&
                  (quota_live(t->prefixes) > 0) == (sum.allocations > 0) &&
                  (quota_live(t->accounts) > 0) == (sum.accounts > 0);
    return quotas ? SOUND : BROKEN_QUOTA;
}
