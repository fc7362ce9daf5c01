/* Relayed transport addresses: a port of the pool, a socket of the host, a handle between them. The
 * handle is the port's place in the range, so neither side keeps a map. */
#include "turn/turn_int.h"

#include <errno.h>

static uint32_t handle_of(const struct turn *t, enum turn_family family, uint16_t port)
{
    size_t index = (size_t)port - t->shared->conf.ports.first;
    return (uint32_t)((size_t)family * t->n_ports + index);
}

static int open_port(struct turn *t, const struct relayed_want *want, uint16_t port)
{
    struct turn_relay_want relay = {
        .relay = handle_of(t, want->family, port),
        .local = t->conf->relay[want->family].local,
        .is_tcp = want->is_tcp,
    };
    relay.local.port = port;
    return t->host->relay_open(t->host, &relay);
}

static void release_port(struct turn *t, const struct relayed_want *want, uint16_t port)
{
    ports_give(t->shared->ports, want->family, port);
    if (want->pair)
        ports_give(t->shared->ports, want->family, (uint16_t)(port + 1));
}

/* Something else on this host may sit on a port of our range, so a few others are tried. */
static uint16_t take_and_open(struct turn *t, const struct relayed_want *want)
{
    int err = -EADDRINUSE;
    for (int i = 0; i < BIND_TRIES && err == -EADDRINUSE; i++) {
        struct ports_want pick = {want->family, t->worker, want->even, want->pair, 0};
        turn_random(t, &pick.random, sizeof pick.random);
        uint16_t port = ports_take(t->shared->ports, &pick);
        if (port == 0)
            return 0;
        err = open_port(t, want, port);
        if (err == 0)
            return port;
        release_port(t, want, port);
    }
    return 0;
}

static uint16_t open_given(struct turn *t, const struct relayed_want *want)
{
    if (open_port(t, want, want->port) == 0)
        return want->port;
    release_port(t, want, want->port);
    return 0;
}

enum stun_code relayed_open(struct turn *t, struct alloc *a, const struct relayed_want *want)
{
    uint16_t port = want->port ? open_given(t, want) : take_and_open(t, want);
    if (port == 0)
        return STUN_NO_CAPACITY;
    struct relayed *r = &a->relayed[want->family];
    r->addr = t->conf->relay[want->family].announced;
    r->addr.port = port;
    r->handle = handle_of(t, want->family, port);
    t->relays[r->handle] = a;
    ports_set_owner(t->shared->ports, want->family, port,
                    (struct ports_owner){t->worker, want->is_tcp});
    return STUN_OK;
}

static void drop_peers_of(struct turn *t, struct alloc *a, enum turn_family family)
{
    LIST_FOR_SAFE (it, &a->links) {
        struct peer_link *l = container_of(it, struct peer_link, link);
        if (family_of(&l->peer) == family)
            peer_link_close(t, l);
    }
    LIST_FOR_SAFE (it, &a->chans) {
        struct chan *c = container_of(it, struct chan, link);
        if (family_of(&c->peer) == family)
            chan_drop(t, a, c);
    }
    LIST_FOR_SAFE (it, &a->perms) {
        struct perm *p = container_of(it, struct perm, link);
        if (family_of(&p->peer) == family)
            perm_drop(t, a, p);
    }
}

void relayed_close(struct turn *t, struct alloc *a, enum turn_family family)
{
    struct relayed *r = &a->relayed[family];
    if (r->addr.family == ADDR_NONE)
        return;
    drop_peers_of(t, a, family);
    ports_clear_owner(t->shared->ports, family, r->addr.port);
    t->relays[r->handle] = NULL;
    t->host->relay_close(t->host, r->handle);
    ports_give(t->shared->ports, family, r->addr.port);
    *r = (struct relayed){0};
}
