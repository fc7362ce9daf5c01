/* Who may be a peer: our own live relayed addresses first, then the policy. Every path that names a
 * peer comes through here. */
#include "turn/policy.h"
#include "turn/turn_int.h"

static bool is_relay_ip(const struct turn *t, const struct addr *a)
{
    const struct turn_relay_addr *own = &t->conf->relay[family_of(a)];
    return addr_eq_ip(a, &own->announced) || addr_eq_ip(a, &own->local);
}

/* A permission names no port, so any of our relay IPs will do; whether the port behind it lives is
 * asked again for every datagram. */
enum peer_kind peer_judge(const struct turn *t, const struct addr *peer, bool with_port)
{
    struct addr a = addr_normalise(peer);
    if (is_relay_ip(t, &a) && !policy_is_own_socket(&t->conf->policy, &a)) {
        if (!with_port || ports_owner(t->shared->ports, family_of(&a), a.port) >= 0)
            return PEER_RELAY;
    }
    return policy_allows(&t->conf->policy, &a, with_port) ? PEER_REMOTE : PEER_FORBIDDEN;
}

/* What the kernel would connect us to behind a UDP relay's port is somebody else's. */
enum peer_kind peer_judge_tcp(const struct turn *t, const struct addr *peer, struct addr *ret)
{
    enum peer_kind kind = peer_judge(t, peer, true);
    *ret = *peer;
    if (kind != PEER_RELAY)
        return kind;
    if (!ports_is_tcp(t->shared->ports, family_of(peer), peer->port))
        return PEER_FORBIDDEN;
    *ret = t->conf->relay[family_of(peer)].announced;
    ret->port = peer->port;
    return kind;
}

/* An IPv4-mapped peer is forbidden whatever it embeds: an IPv6 relay could never reach it. */
enum stun_code peer_code(const struct req *r, const struct addr *peer, bool with_port)
{
    if (r->alloc->relayed[family_of(peer)].addr.family == ADDR_NONE)
        return STUN_FAMILY_MISMATCH;
    struct addr plain = addr_normalise(peer);
    if (plain.family != peer->family || peer_judge(r->t, peer, with_port) == PEER_FORBIDDEN)
        return STUN_FORBIDDEN;
    return STUN_OK;
}
