/* Channel bindings (RFC 8656 section 12): a number and a peer's transport address, 600 s. */
#include "base/mem.h"
#include "turn/turn_int.h"
#include "wire/chandata.h"

struct chan *chan_by_number(const struct alloc *a, uint16_t number)
{
    LIST_FOR (it, &a->chans) {
        struct chan *c = container_of(it, struct chan, link);
        if (c->number == number)
            return c;
    }
    return NULL;
}

struct chan *chan_by_peer(const struct alloc *a, const struct addr *peer)
{
    LIST_FOR (it, &a->chans) {
        struct chan *c = container_of(it, struct chan, link);
        if (addr_eq(&c->peer, peer))
            return c;
    }
    return NULL;
}

void chan_drop(struct turn *t, struct alloc *a, struct chan *c)
{
    list_remove(&c->link);
    a->n_chans--;
    t->stats.channels--;
    mem_free_wiped(c, sizeof *c);
}

static bool has_room(const struct req *r, bool is_new)
{
    const struct turn_limits *limits = &r->t->conf->limits;
    bool new_permission = !perm_find(r->alloc, &r->peer);
    return (!is_new || r->alloc->n_chans < limits->channels) &&
           (!new_permission || r->alloc->n_perms < limits->permissions);
}

uint16_t channel_last(const struct turn *t)
{
    return t->conf->rfc5766_channels ? CHANNEL_LAST_RFC5766 : CHANNEL_LAST;
}

enum stun_code channel_check(struct req *r)
{
    uint32_t number = 0;
    if (r->alloc->is_tcp)
        return STUN_FORBIDDEN; /* RFC 6062 section 5 */
    if (!stun_get_number(r->m, STUN_ATTR_CHANNEL_NUMBER, &number) || number < CHANNEL_FIRST ||
        number > channel_last(r->t))
        return STUN_BAD_REQUEST;
    if (!stun_get_addr(r->m, STUN_ATTR_XOR_PEER_ADDRESS, &r->peer))
        return STUN_BAD_REQUEST;
    r->channel = (uint16_t)number;
    struct chan *c = chan_by_number(r->alloc, r->channel);
    if (c != chan_by_peer(r->alloc, &r->peer))
        return STUN_BAD_REQUEST;
    enum stun_code code = peer_code(r, &r->peer, true);
    if (code != STUN_OK)
        return code;
    return has_room(r, !c) ? STUN_OK : STUN_NO_CAPACITY;
}

static struct chan *chan_add(struct req *r)
{
    struct chan *c = mem_zalloc(sizeof *c);
    if (!c)
        return NULL;
    c->number = r->channel;
    c->peer = r->peer;
    list_push(&r->alloc->chans, &c->link);
    r->alloc->n_chans++;
    r->t->stats.channels++;
    return c;
}

enum stun_code channel_apply(struct req *r)
{
    struct chan *old = chan_by_number(r->alloc, r->channel);
    struct chan *c = old ? old : chan_add(r);
    if (!c)
        return STUN_NO_CAPACITY;
    if (!perm_install(r->t, r->alloc, &r->peer, r->now)) {
        if (!old)
            chan_drop(r->t, r->alloc, c);
        return STUN_NO_CAPACITY;
    }
    c->perm = perm_find(r->alloc, &r->peer);
    c->expires = r->now + CHANNEL_LIFETIME * USEC_PER_SEC;
    c->generation = r->t->conf->generation;
    c->allowed = peer_judge(r->t, &r->peer, true) == PEER_REMOTE;
    alloc_arm(r->t, r->alloc);
    return STUN_OK;
}
