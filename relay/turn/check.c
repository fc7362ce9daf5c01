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
    BROKEN_LINK,
    BROKEN_LINK_COUNT,
    BROKEN_LINK_TWIN,
    BROKEN_LINK_TIME,
    BROKEN_TCP,
};

struct tally {
    uint64_t allocations;
    uint64_t permissions;
    uint64_t channels;
    uint64_t links;
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
        if (ports_is_tcp(t->shared->ports, (enum turn_family)f, r->addr.port) != a->is_tcp)
            return BROKEN_TCP;
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

static enum broken check_link(const struct turn *t, const struct alloc *a,
                              const struct peer_link *l)
{
    if (l->alloc != a || l->handle >= t->max_links || t->links[l->handle] != l)
        return BROKEN_LINK;
    if (a->relayed[family_of(&l->peer)].addr.family == ADDR_NONE)
        return BROKEN_FAMILY;
    if (peer_link_find(a, &l->peer) != l)
        return BROKEN_LINK_TWIN;
    if ((l->expires == USEC_NEVER) == (l->state == LINK_WAITING) || a->timer.when > l->expires)
        return BROKEN_LINK_TIME;
    return peer_link_worker(l->id) == t->worker && l->id != 0 ? SOUND : BROKEN_LINK;
}

static enum broken check_links(const struct turn *t, const struct alloc *a, struct tally *sum)
{
    size_t n = 0;
    enum broken why = SOUND;
    LIST_FOR (it, &a->links) {
        if (why == SOUND)
            why = check_link(t, a, container_of(it, struct peer_link, link));
        n++;
    }
    sum->links += n;
    if (a->is_tcp ? a->n_chans > 0 : n > 0)
        return BROKEN_TCP;
    return why != SOUND || n == a->n_links ? why : BROKEN_LINK_COUNT;
}

/* Every entry of the table belongs to a link that was counted. */
static bool links_agree(const struct turn *t, uint64_t counted)
{
    uint64_t n = 0;
    for (uint32_t h = 0; h < t->max_links; h++)
        n += t->links[h] != NULL;
    return n == counted && n == t->stats.links;
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
    if (why == SOUND)
        why = check_links(t, a, sum);
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
        sum.channels != t->stats.channels || sum.allocations != t->flows.n ||
        !links_agree(t, sum.links))
        return BROKEN_TOTALS;
    /* Several allocations may share an entry. */
    bool quotas = quota_live(t->prefixes) <= sum.allocations &&
                  quota_live(t->accounts) <= sum.accounts &&
                  (quota_live(t->prefixes) > 0) == (sum.allocations > 0) &&
                  (quota_live(t->accounts) > 0) == (sum.accounts > 0);
    return quotas ? SOUND : BROKEN_QUOTA;
}
