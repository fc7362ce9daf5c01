/* Permissions (RFC 8656 section 9): by IP address, 300 s, per allocation. */
#include "base/mem.h"
#include "turn/turn_int.h"

struct perm *perm_find(const struct alloc *a, const struct addr *peer)
{
    LIST_FOR (it, &a->perms) {
        struct perm *p = container_of(it, struct perm, link);
        if (addr_eq_ip(&p->peer, peer))
            return p;
    }
    return NULL;
}

static void point_channels(struct alloc *a, const struct addr *peer, struct perm *p)
{
    LIST_FOR (it, &a->chans) {
        struct chan *c = container_of(it, struct chan, link);
        if (addr_eq_ip(&c->peer, peer))
            c->perm = p;
    }
}

static struct perm *perm_add(struct turn *t, struct alloc *a, const struct addr *peer)
{
    struct perm *p = mem_zalloc(sizeof *p);
    if (!p)
        return NULL;
    p->peer = *peer;
    p->peer.port = 0;
    list_push(&a->perms, &p->link);
    a->n_perms++;
    t->stats.permissions++;
    point_channels(a, peer, p);
    return p;
}

bool perm_install(struct turn *t, struct alloc *a, const struct addr *peer, usec_t now)
{
    struct perm *p = perm_find(a, peer);
    if (!p)
        p = perm_add(t, a, peer);
    if (!p)
        return false;
    p->expires = now + PERMISSION_LIFETIME * USEC_PER_SEC;
    p->generation = t->conf->generation;
    p->allowed = true;
    return true;
}

void perm_drop(struct turn *t, struct alloc *a, struct perm *p)
{
    point_channels(a, &p->peer, NULL);
    list_remove(&p->link);
    a->n_perms--;
    t->stats.permissions--;
    mem_free_wiped(p, sizeof *p);
}

bool perm_ok(const struct turn *t, struct perm *p, usec_t now)
{
    if (!p || p->expires <= now)
        return false;
    if (p->generation != t->conf->generation) {
        p->allowed = peer_judge(t, &p->peer, false) != PEER_FORBIDDEN;
        p->generation = t->conf->generation;
    }
    return p->allowed;
}
