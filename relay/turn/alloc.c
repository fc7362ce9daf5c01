/* Allocations: found by 5-tuple, timed by one wheel node that stands for everything they own. */
#include "base/mem.h"
#include "turn/turn_int.h"

uint64_t flow_hash(const struct turn *t, const struct turn_flow *flow)
{
    return htab_hash(&t->flows, flow, sizeof *flow);
}

bool alloc_lives(const struct alloc *a, usec_t now)
{
    return a->relayed[TURN_V4].expires > now || a->relayed[TURN_V6].expires > now;
}

static bool is_of(const struct alloc *a, const struct turn_flow *flow)
{
    return span_eq(span_of(&a->flow, sizeof a->flow), span_of(flow, sizeof *flow));
}

/* Media comes in runs of one client's: whose the last packet was is looked at first. */
static struct alloc *find_any(const struct turn *t, const struct turn_flow *flow)
{
    if (t->recent && is_of(t->recent, flow))
        return t->recent;
    struct htab_node *it = htab_first(&t->flows, flow_hash(t, flow));
    for (; it; it = htab_next(it)) {
        struct alloc *a = container_of(it, struct alloc, node);
        if (is_of(a, flow))
            return a;
    }
    return NULL;
}

struct alloc *alloc_find(const struct turn *t, const struct turn_flow *flow, usec_t now)
{
    struct alloc *a = find_any(t, flow);
    return a && alloc_lives(a, now) ? a : NULL;
}

struct alloc *alloc_new(void)
{
    struct alloc *a = mem_zalloc(sizeof *a);
    if (!a)
        return NULL;
    list_init(&a->perms);
    list_init(&a->chans);
    list_init(&a->links);
    wheel_node_init(&a->timer);
    return a;
}

void alloc_link(struct turn *t, struct alloc *a)
{
    htab_insert(&t->flows, &a->node, flow_hash(t, &a->flow));
    t->stats.allocations++;
    t->stats.allocated++;
    usage_born(t->shared->usage);
    alloc_arm(t, a);
}

void alloc_drop(struct turn *t, struct alloc *a)
{
    bool was_linked = find_any(t, &a->flow) == a;
    if (was_linked) {
        usage_ended(t->shared->usage, a->bytes);
        trace_ended(t, a);
    }
    relayed_close(t, a, TURN_V4);
    relayed_close(t, a, TURN_V6);
    wheel_clear(&t->wheel, &a->timer);
    if (t->recent == a)
        t->recent = NULL;
    if (was_linked) {
        htab_remove(&t->flows, &a->node);
        t->stats.allocations--;
    }
    quota_give(t->accounts, a->account);
    quota_give(t->prefixes, a->prefix);
    mem_free_wiped(a, sizeof *a);
}

static usec_t earliest(usec_t a, usec_t b)
{
    return a < b ? a : b;
}

void alloc_arm(struct turn *t, struct alloc *a)
{
    usec_t when = USEC_NEVER;
    for (int f = 0; f < TURN_FAMILIES; f++) {
        if (a->relayed[f].addr.family != ADDR_NONE)
            when = earliest(when, a->relayed[f].expires);
    }
    LIST_FOR (it, &a->perms)
        when = earliest(when, container_of(it, struct perm, link)->expires);
    LIST_FOR (it, &a->chans)
        when = earliest(when, container_of(it, struct chan, link)->expires);
    LIST_FOR (it, &a->links)
        when = earliest(when, container_of(it, struct peer_link, link)->expires);
    wheel_set(&t->wheel, &a->timer, when);
}

static void sweep_peers(struct turn *t, struct alloc *a, usec_t now)
{
    LIST_FOR_SAFE (it, &a->chans) {
        struct chan *c = container_of(it, struct chan, link);
        if (c->expires <= now)
            chan_drop(t, a, c);
    }
    LIST_FOR_SAFE (it, &a->perms) {
        struct perm *p = container_of(it, struct perm, link);
        if (p->expires <= now)
            perm_drop(t, a, p);
    }
    LIST_FOR_SAFE (it, &a->links) {
        struct peer_link *l = container_of(it, struct peer_link, link);
        if (l->expires <= now)
            peer_link_close(t, l);
    }
}

bool alloc_sweep(struct turn *t, struct alloc *a, usec_t now)
{
    if (!alloc_lives(a, now)) {
        alloc_drop(t, a);
        return true;
    }
    for (int f = 0; f < TURN_FAMILIES; f++) {
        if (a->relayed[f].expires <= now)
            relayed_close(t, a, (enum turn_family)f);
    }
    sweep_peers(t, a, now);
    alloc_arm(t, a);
    return false;
}

struct alloc *alloc_swept(struct turn *t, const struct turn_flow *flow, usec_t now)
{
    struct alloc *a = find_any(t, flow);
    return a && !alloc_sweep(t, a, now) ? a : NULL;
}
