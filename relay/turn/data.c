/* The data lane: ChannelData and Send towards peers, peers' datagrams and ICMP errors towards the
 * client (RFC 8656 sections 11 and 12.5 to 12.7). No allocation, lock, log or crypto here. */
#include "turn/turn_int.h"
#include "wire/chandata.h"
#include "wire/stun_build.h"

static bool rates_allow(struct turn *t, struct alloc *a, size_t bytes, usec_t now)
{
    const struct turn_limits *limits = &t->conf->limits;
    bool ok =
        rate_take(&a->rate, limits->bytes_per_allocation, bytes, now) &&
        (!a->account || rate_take(quota_rate(a->account), limits->bytes_per_account, bytes, now)) &&
        rate_take(quota_rate(a->prefix), limits->bytes_per_prefix, bytes, now);
    t->stats.dropped_rate += !ok;
    return ok;
}

static void count_relayed(struct turn *t, struct alloc *a, size_t bytes)
{
    t->stats.relayed_packets++;
    t->stats.relayed_bytes += bytes;
    a->bytes += bytes;
}

/* What goes to a peer, once permission and policy have been asked. */
struct outbound {
    struct alloc *a;
    const struct addr *peer;
    struct span data;
    enum peer_kind kind;
    bool dont_fragment;
};

static enum turn_verdict send_to_peer(struct turn *t, const struct outbound *o, usec_t now,
                                      struct turn_out *out)
{
    const struct relayed *from = &o->a->relayed[family_of(o->peer)];
    if (!rates_allow(t, o->a, o->data.n, now))
        return TURN_DROP;
    count_relayed(t, o->a, o->data.n);
    out->data = o->data;
    out->to = *o->peer;
    out->relay = from->handle;
    out->from = from->addr;
    out->dont_fragment = o->dont_fragment;
    if (o->kind == PEER_REMOTE)
        return TURN_TO_PEER;
    int owner = ports_owner(t->shared->ports, family_of(o->peer), o->peer->port);
    out->worker = (uint16_t)owner;
    return owner < 0 ? TURN_DROP : TURN_TO_RELAY;
}

/* The verdict on a channel's peer is kept until the configuration changes; only whether one of our
 * own relayed addresses still lives is asked every time. */
static enum peer_kind judge_channel(const struct turn *t, struct chan *c)
{
    if (c->generation == t->conf->generation && c->allowed)
        return PEER_REMOTE;
    enum peer_kind kind = peer_judge(t, &c->peer, true);
    c->allowed = kind == PEER_REMOTE;
    c->generation = t->conf->generation;
    return kind;
}

static bool relayed_lives(const struct alloc *a, const struct addr *peer, usec_t now)
{
    return a->relayed[family_of(peer)].expires > now;
}

enum turn_verdict data_from_channel(struct turn *t, const struct turn_flow *flow,
                                    struct span packet, usec_t now, struct turn_out *out)
{
    uint16_t number;
    struct outbound o = {0};
    if (!chandata_parse(packet, &number, &o.data)) {
        t->stats.dropped_malformed++;
        return TURN_DROP;
    }
    o.a = alloc_find(t, flow, now);
    t->recent = o.a;
    struct chan *c = o.a ? chan_by_number(o.a, number) : NULL;
    if (!c || c->expires <= now || !perm_ok(t, c->perm, now) ||
        !relayed_lives(o.a, &c->peer, now)) {
        t->stats.dropped_permission++;
        return TURN_DROP;
    }
    o.peer = &c->peer;
    o.kind = judge_channel(t, c);
    if (o.kind == PEER_FORBIDDEN) {
        t->stats.dropped_policy++;
        return TURN_DROP;
    }
    return send_to_peer(t, &o, now, out);
}

enum turn_verdict data_from_send(struct req *r, struct turn_out *out)
{
    struct turn *t = r->t;
    struct outbound o = {.a = alloc_find(t, r->flow, r->now), .peer = &r->peer};
    if (!o.a || o.a->is_tcp || !stun_get_addr(r->m, STUN_ATTR_XOR_PEER_ADDRESS, &r->peer) ||
        !stun_get_bytes(r->m, STUN_ATTR_DATA, &o.data)) {
        t->stats.dropped_malformed++;
        return TURN_DROP;
    }
    if (!perm_ok(t, perm_find(o.a, &r->peer), r->now) || !relayed_lives(o.a, &r->peer, r->now)) {
        t->stats.dropped_permission++;
        return TURN_DROP;
    }
    o.kind = peer_judge(t, &r->peer, true);
    if (o.kind == PEER_FORBIDDEN) {
        t->stats.dropped_policy++;
        return TURN_DROP;
    }
    /* RFC 8656 section 13: DF means nothing where the families differ. */
    o.dont_fragment =
        stun_has(r->m, STUN_ATTR_DONT_FRAGMENT) && r->peer.family == r->flow->client.family;
    return send_to_peer(t, &o, r->now, out);
}

/* Headers go in front of the payload, in place; STUN pads its attribute behind it as well. */
static struct span wrap(struct turn *t, const struct turn_peer_pkt *in, const struct alloc *a,
                        const struct chan *c)
{
    struct turn_pkt pkt = in->pkt;
    size_t padding = -pkt.n & 3;
    memset(pkt.p + pkt.n, 0, padding);
    if (c) {
        size_t n = pkt.n + (turn_is_stream(a->flow.transport) ? padding : 0);
        chandata_header(pkt.p, c->number, (uint16_t)pkt.n);
        return span_of(pkt.p - CHANDATA_HEADER_LEN, n + CHANDATA_HEADER_LEN);
    }
    uint8_t tid[STUN_TID_LEN];
    turn_random(t, tid, sizeof tid);
    size_t header = stun_data_header(pkt.p, pkt.n, tid, &in->peer);
    return span_of(pkt.p - header, header ? header + pkt.n + padding : 0);
}

enum turn_verdict turn_from_peer(struct turn *t, const struct turn_peer_pkt *in, usec_t now,
                                 struct turn_out *out)
{
    struct alloc *a = in->relay < t->n_handles ? t->relays[in->relay] : NULL;
    if (!a || a->is_tcp || !relayed_lives(a, &in->peer, now))
        return TURN_DROP;
    struct chan *c = chan_by_peer(a, &in->peer);
    if (c && c->expires <= now)
        c = NULL;
    if (!perm_ok(t, c ? c->perm : perm_find(a, &in->peer), now)) {
        t->stats.dropped_permission++;
        return TURN_DROP;
    }
    if (!rates_allow(t, a, in->pkt.n, now))
        return TURN_DROP;
    out->data = wrap(t, in, a, c);
    out->flow = a->flow;
    if (out->data.n == 0)
        return TURN_DROP;
    count_relayed(t, a, in->pkt.n);
    return TURN_TO_CLIENT;
}

/* RFC 8656 section 11.5: which ICMP types are worth telling. */
static bool icmp_wanted(const struct turn_icmp *in)
{
    static const uint8_t v4[] = {3, 11};
    static const uint8_t v6[] = {1, 2, 3};
    bool is_v6 = in->peer.family == ADDR_V6;
    const uint8_t *types = is_v6 ? v6 : v4;
    for (size_t i = 0; i < (is_v6 ? sizeof v6 : sizeof v4); i++) {
        if (types[i] == in->type)
            return true;
    }
    return false;
}

enum turn_verdict turn_from_icmp(struct turn *t, const struct turn_icmp *in, usec_t now,
                                 struct turn_out *out)
{
    struct alloc *a = in->relay < t->n_handles ? t->relays[in->relay] : NULL;
    if (!a || a->is_tcp || !icmp_wanted(in) || !relayed_lives(a, &in->peer, now))
        return TURN_DROP;
    if (!perm_ok(t, perm_find(a, &in->peer), now))
        return TURN_DROP;
    uint8_t tid[STUN_TID_LEN];
    turn_random(t, tid, sizeof tid);
    struct writer w = w_over(t->reply, sizeof t->reply);
    stun_begin(&w, STUN_INDICATION, STUN_DATA, tid);
    stun_put_addr(&w, STUN_ATTR_XOR_PEER_ADDRESS, &in->peer);
    stun_put_icmp(&w, &(struct stun_icmp){in->type, in->code, in->data});
    stun_end(&w);
    out->data = w_span(&w);
    out->flow = a->flow;
    return TURN_TO_CLIENT;
}
