/* CreatePermission (RFC 8656 section 10): many addresses, all or none. */
#include "turn/turn_int.h"

enum stun_code permission_check(struct req *r)
{
    size_t cursor = 0;
    size_t n = 0;
    struct span value;
    while (stun_next(r->m, STUN_ATTR_XOR_PEER_ADDRESS, &cursor, &value)) {
        struct addr peer;
        if (!stun_addr_value(r->m, value, &peer))
            return STUN_BAD_REQUEST;
        enum stun_code code = peer_code(r, &peer, false);
        if (code != STUN_OK)
            return code;
        n++;
    }
    return n ? STUN_OK : STUN_BAD_REQUEST;
}

/* A permission that this request added is told from an older one by its expiry of exactly zero
 * until the whole request is known to fit. */
static void roll_back(struct req *r)
{
    LIST_FOR_SAFE (it, &r->alloc->perms) {
        struct perm *p = container_of(it, struct perm, link);
        if (p->expires == 0)
            perm_drop(r->t, r->alloc, p);
    }
}

static bool stage(struct req *r, const struct addr *peer)
{
    if (perm_find(r->alloc, peer))
        return true;
    if (r->alloc->n_perms >= r->t->conf->limits.permissions)
        return false;
    if (!perm_install(r->t, r->alloc, peer, r->now))
        return false;
    perm_find(r->alloc, peer)->expires = 0;
    return true;
}

static bool for_each_peer(struct req *r, bool (*visit)(struct req *, const struct addr *))
{
    size_t cursor = 0;
    struct span value;
    while (stun_next(r->m, STUN_ATTR_XOR_PEER_ADDRESS, &cursor, &value)) {
        struct addr peer;
        if (!stun_addr_value(r->m, value, &peer) || !visit(r, &peer))
            return false;
    }
    return true;
}

static bool commit(struct req *r, const struct addr *peer)
{
    return perm_install(r->t, r->alloc, peer, r->now);
}

enum stun_code permission_apply(struct req *r)
{
    if (!for_each_peer(r, stage)) {
        roll_back(r);
        return STUN_NO_CAPACITY;
    }
    for_each_peer(r, commit);
    alloc_arm(r->t, r->alloc);
    return STUN_OK;
}
