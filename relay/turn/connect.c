/* Connect and ConnectionBind (RFC 6062 sections 5.2 and 5.4). */
#include "turn/turn_int.h"

enum stun_code connect_check(struct req *r)
{
    struct alloc *a = r->alloc;
    struct addr peer;
    if (!a->is_tcp || !stun_get_addr(r->m, STUN_ATTR_XOR_PEER_ADDRESS, &peer))
        return STUN_BAD_REQUEST;
    enum stun_code code = peer_code(r, &peer, true);
    if (code != STUN_OK)
        return code;
    /* A socket that connects to itself would be its own peer. */
    if (peer_judge_tcp(r->t, &peer, &r->peer) == PEER_FORBIDDEN ||
        addr_eq(&r->peer, &a->relayed[family_of(&r->peer)].addr))
        return STUN_FORBIDDEN;
    if (peer_link_find(a, &r->peer))
        return STUN_CONNECTION_EXISTS;
    return a->n_links < r->t->conf->limits.links ? STUN_OK : STUN_QUOTA_REACHED;
}

/* Our own relays are reached by the address that they are bound to. */
static struct addr reachable(const struct turn *t, const struct addr *peer)
{
    const struct turn_relay_addr *own = &t->conf->relay[family_of(peer)];
    struct addr ret = addr_eq_ip(peer, &own->announced) ? own->local : *peer;
    ret.port = peer->port;
    return ret;
}

static void remember(const struct req *r, struct peer_link *l)
{
    l->sign_sha256 = r->sign_sha256;
    l->fingerprint = stun_has(r->m, STUN_ATTR_FINGERPRINT);
    l->key_len = (uint8_t)r->key_len;
    memcpy(l->key, r->key, r->key_len);
    memcpy(l->tid, r->m->tid, sizeof l->tid);
}

enum stun_code connect_apply(struct req *r)
{
    struct turn *t = r->t;
    struct peer_link *l = peer_link_add(t, r->alloc, &r->peer);
    if (!l)
        return STUN_NO_CAPACITY;
    remember(r, l);
    struct turn_link_want want = {
        .link = l->handle,
        .relay = r->alloc->relayed[family_of(&r->peer)].handle,
        .peer = reachable(t, &r->peer),
    };
    if (t->host->link_open(t->host, &want) != 0) {
        peer_link_drop(t, l);
        return STUN_CONNECTION_FAILED;
    }
    r->verdict = TURN_DROP; /* turn_link_connected answers */
    return STUN_OK;
}

const struct alloc *connection_holder(const struct req *r)
{
    uint32_t id;
    if (!stun_get_number(r->m, STUN_ATTR_CONNECTION_ID, &id))
        return NULL;
    const struct peer_link *l = peer_link_waiting(r->t, id, r->now);
    return l ? l->alloc : NULL;
}

bool connection_is_elsewhere(struct req *r)
{
    uint32_t id;
    if (r->m->method != STUN_CONNECTION_BIND || r->alloc || !turn_is_stream(r->flow->transport) ||
        !stun_get_number(r->m, STUN_ATTR_CONNECTION_ID, &id))
        return false;
    r->worker = peer_link_worker(id);
    return r->worker != r->t->worker && r->worker < r->t->shared->conf.workers;
}

enum stun_code connection_bind_check(struct req *r)
{
    uint32_t id;
    if (r->alloc || !turn_is_stream(r->flow->transport) ||
        !stun_get_number(r->m, STUN_ATTR_CONNECTION_ID, &id))
        return STUN_BAD_REQUEST;
    r->link = peer_link_waiting(r->t, id, r->now);
    if (!r->link)
        return STUN_BAD_REQUEST;
    if (r->link->alloc->user_tag != r->user_tag)
        return STUN_WRONG_CREDENTIALS;
    return peer_link_allowed(r->t, r->link) ? STUN_OK : STUN_FORBIDDEN;
}

enum stun_code connection_bind_apply(struct req *r)
{
    r->verdict = TURN_JOIN;
    return STUN_OK;
}
