/* The second opinion: what must pass, kept from nothing but the requests and the answers seen. */
#include "world.h"

#include "turn/policy.h"
#include "wire/chandata.h"
#include "wire/stun.h"

enum { PERMISSION_S = 300, CHANNEL_S = 600 };

static int fam(const struct addr *a)
{
    return a->family == ADDR_V6 ? TURN_V6 : TURN_V4;
}

static bool same_flow(const struct turn_flow *a, const struct turn_flow *b)
{
    return addr_eq(&a->client, &b->client) && addr_eq(&a->server, &b->server) && a->via == b->via &&
           a->transport == b->transport;
}

static bool lives(const struct model_alloc *a, usec_t now)
{
    return a->used && (a->expires[TURN_V4] > now || a->expires[TURN_V6] > now);
}

static struct model_alloc *of_flow(struct world *w, const struct turn_flow *flow)
{
    for (int i = 0; i < w->n_model; i++)
        if (lives(&w->model[i], w->now) && same_flow(&w->model[i].flow, flow))
            return &w->model[i];
    return NULL;
}

static struct model_alloc *of_relayed(struct world *w, const struct addr *relayed)
{
    for (int i = 0; i < w->n_model; i++) {
        struct model_alloc *a = &w->model[i];
        if (lives(a, w->now) && addr_eq(&a->relayed[fam(relayed)], relayed) &&
            a->expires[fam(relayed)] > w->now)
            return a;
    }
    return NULL;
}

static struct model_perm *perm_of(struct model_alloc *a, const struct addr *ip, usec_t now)
{
    for (int i = 0; i < MODEL_PEERS; i++)
        if (a->perms[i].expires > now && addr_eq_ip(&a->perms[i].ip, ip))
            return &a->perms[i];
    return NULL;
}

/* By peer if there is one, else by number. A channel ends with its family. */
static struct model_chan *chan_of(struct model_alloc *a, uint16_t number, const struct addr *peer,
                                  usec_t now)
{
    for (int i = 0; i < MODEL_PEERS; i++) {
        struct model_chan *c = &a->chans[i];
        bool lives_on = c->expires > now && a->expires[fam(&c->peer)] > now;
        if (lives_on && (peer ? addr_eq(&c->peer, peer) : c->number == number))
            return c;
    }
    return NULL;
}

static bool is_relay_ip(const struct world *w, const struct addr *a)
{
    const struct turn_relay_addr *r = &w->conf->relay[fam(a)];
    struct addr server = world_server();
    return !addr_eq(a, &server) && (addr_eq_ip(a, &r->announced) || addr_eq_ip(a, &r->local));
}

/* One of our own relayed addresses, by either of its names, that is open. */
static bool is_open_relay(const struct world *w, const struct addr *a)
{
    struct addr announced = world_relay_ip(fam(a) ? TURN_V6 : TURN_V4);
    announced.port = a->port;
    uint32_t relay;
    return is_relay_ip(w, a) && host_find(w, &announced, &relay) >= 0;
}

/* A permission has no port, and neither has its judgement. */
static bool permitted(struct world *w, struct model_alloc *a, const struct addr *peer)
{
    struct addr ip = *peer;
    ip.port = 0;
    return a->expires[fam(peer)] > w->now && perm_of(a, peer, w->now) &&
           (is_relay_ip(w, &ip) || policy_allows(&w->conf->policy, &ip, false));
}

static bool may_send(struct world *w, struct model_alloc *a, const struct addr *peer)
{
    return permitted(w, a, peer) &&
           (is_open_relay(w, peer) || policy_allows(&w->conf->policy, peer, true));
}

static bool has_rates(const struct world *w)
{
    return w->conf->limits.bytes_per_allocation != 0;
}

static void watch_send(struct world *w, struct watched *seen, const struct stun_msg *m)
{
    size_t cursor = 0;
    uint16_t type;
    seen->is_data = true;
    struct model_alloc *a = of_flow(w, seen->flow);
    seen->passes = a && !a->is_tcp && !stun_next_unknown(m, &cursor, &type) &&
                   stun_get_addr(m, STUN_ATTR_XOR_PEER_ADDRESS, &seen->peer) &&
                   stun_get_bytes(m, STUN_ATTR_DATA, &seen->payload) && may_send(w, a, &seen->peer);
}

static uint32_t last_channel(const struct world *w)
{
    return w->conf->rfc5766_channels ? 0x7FFF : 0x4FFF;
}

static void watch_channel(struct world *w, struct watched *seen)
{
    uint16_t number;
    seen->is_data = true;
    struct model_alloc *a = of_flow(w, seen->flow);
    if (!a || !chandata_parse(seen->packet, &number, &seen->payload) || number > last_channel(w))
        return;
    const struct model_chan *c = chan_of(a, number, NULL, w->now);
    if (c)
        seen->peer = c->peer;
    seen->passes = c && may_send(w, a, &c->peer);
}

struct watched model_before(struct world *w, const struct turn_flow *flow, struct span packet)
{
    struct watched seen = {.flow = flow, .packet = packet};
    struct stun_msg m;
    if (packet.n && packet.p[0] >= 0x40)
        watch_channel(w, &seen);
    else if (packet.n && stun_parse(packet, &m) == 0 && m.cls == STUN_INDICATION &&
             m.method == STUN_SEND)
        watch_send(w, &seen, &m);
    return seen;
}

static struct model_alloc *new_alloc(struct world *w)
{
    usec_t past = w->now - w->late - 10 * USEC_PER_SEC;
    for (int i = 0; i < MODEL_ALLOCS; i++) {
        if (lives(&w->model[i], past))
            continue;
        memset(&w->model[i], 0, sizeof(w->model[i]));
        w->n_model = i < w->n_model ? w->n_model : i + 1;
        return &w->model[i];
    }
    world_broken(w, "room in the model", __FILE__, __LINE__);
}

static void check_relayed(struct world *w, const struct model_alloc *a)
{
    for (int f = 0; f < TURN_FAMILIES; f++) {
        uint32_t relay;
        if (a->relayed[f].family != ADDR_NONE)
            MUST(w, host_find(w, &a->relayed[f], &relay) == a->engine);
    }
}

static void remember_request(struct world *w, struct model_alloc *a, const struct stun_msg *m)
{
    uint32_t transport = 0;
    struct span user = world_user_of(m);
    MUST(w, stun_get_number(m, STUN_ATTR_REQUESTED_TRANSPORT, &transport));
    a->is_tcp = transport == 6;
    MUST(w, transport == 17 || (a->is_tcp && w->conf->tcp_allocations));
    MUST(w, !a->is_tcp || turn_is_stream(a->flow.transport));
    MUST(w, user.n <= sizeof(a->user));
    memcpy(a->user, user.p, user.n);
    a->user_n = user.n;
}

static void on_allocate(struct world *w, const struct watched *seen, const struct stun_msg *m,
                        const struct stun_msg *reply)
{
    struct model_alloc *old = of_flow(w, seen->flow);
    if (!old)
        model_drop_flow(w, seen->flow);
    struct model_alloc got = {
        .used = true, .flow = *seen->flow, .engine = world_engine_of(&seen->flow->client)};
    uint32_t lifetime = 0;
    struct span value;
    MUST(w, stun_get_number(reply, STUN_ATTR_LIFETIME, &lifetime));
    for (size_t cursor = 0; stun_next(reply, STUN_ATTR_XOR_RELAYED_ADDRESS, &cursor, &value);) {
        struct addr a;
        MUST(w, stun_addr_value(reply, value, &a));
        MUST(w, got.relayed[fam(&a)].family == ADDR_NONE);
        MUST(w, old || !of_relayed(w, &a));
        got.relayed[fam(&a)] = a;
        got.expires[fam(&a)] = w->now + lifetime * USEC_PER_SEC;
    }
    check_relayed(w, &got);
    MUST(w, lives(&got, w->now) || old);
    for (int f = 0; old && f < TURN_FAMILIES; f++)
        MUST(w, old->expires[f] <= w->now || addr_eq(&old->relayed[f], &got.relayed[f]));
    if (old)
        return;
    remember_request(w, &got, m);
    *new_alloc(w) = got;
}

static void drop_family(struct model_alloc *a, int f)
{
    a->expires[f] = 0;
    for (int i = 0; i < MODEL_PEERS; i++) {
        if (fam(&a->perms[i].ip) == f)
            a->perms[i].expires = 0;
        if (fam(&a->chans[i].peer) == f)
            a->chans[i].expires = 0;
    }
}

static void on_refresh(struct world *w, struct model_alloc *a, const struct stun_msg *m,
                       const struct stun_msg *reply)
{
    uint32_t lifetime = 0;
    uint32_t number = 0;
    MUST(w, stun_get_number(reply, STUN_ATTR_LIFETIME, &lifetime));
    bool one = stun_get_number(m, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, &number);
    for (int f = 0; f < TURN_FAMILIES; f++) {
        if (a->relayed[f].family == ADDR_NONE || a->expires[f] <= w->now)
            continue;
        if (one && (int)number - 1 != f)
            continue;
        if (lifetime == 0)
            drop_family(a, f);
        else
            a->expires[f] = w->now + lifetime * USEC_PER_SEC;
    }
    a->used = lives(a, w->now);
}

static void permit(struct world *w, struct model_alloc *a, const struct addr *peer)
{
    MUST(w, a->expires[fam(peer)] > w->now);
    MUST(w, is_relay_ip(w, peer) || policy_allows(&w->conf->policy, peer, false));
    struct model_perm *p = perm_of(a, peer, w->now);
    for (int i = 0; !p && i < MODEL_PEERS; i++)
        if (a->perms[i].expires <= w->now)
            p = &a->perms[i];
    MUST(w, p);
    *p = (struct model_perm){*peer, w->now + PERMISSION_S * USEC_PER_SEC};
}

static void on_permission(struct world *w, struct model_alloc *a, const struct stun_msg *m)
{
    struct span value;
    struct addr peer;
    unsigned n = 0;
    for (size_t cursor = 0; stun_next(m, STUN_ATTR_XOR_PEER_ADDRESS, &cursor, &value); n++) {
        MUST(w, stun_addr_value(m, value, &peer));
        permit(w, a, &peer);
    }
    MUST(w, n > 0);
}

static void on_channel(struct world *w, struct model_alloc *a, const struct stun_msg *m)
{
    uint32_t number = 0;
    struct addr peer;
    MUST(w, stun_get_number(m, STUN_ATTR_CHANNEL_NUMBER, &number));
    MUST(w, stun_get_addr(m, STUN_ATTR_XOR_PEER_ADDRESS, &peer));
    MUST(w, number >= 0x4000 && number <= last_channel(w) && !a->is_tcp);
    struct model_chan *c = chan_of(a, (uint16_t)number, NULL, w->now);
    MUST(w, c == chan_of(a, 0, &peer, w->now));
    for (int i = 0; !c && i < MODEL_PEERS; i++)
        if (a->chans[i].expires <= w->now)
            c = &a->chans[i];
    MUST(w, c);
    *c = (struct model_chan){peer, w->now + CHANNEL_S * USEC_PER_SEC, (uint16_t)number};
    permit(w, a, &peer);
}

static void on_success(struct world *w, const struct watched *seen, const struct stun_msg *m,
                       const struct stun_msg *reply)
{
    if (m->method == STUN_BINDING)
        return;
    MUST(w, m->method != STUN_CONNECT);
    uint64_t proof = UINT64_C(1) << STUN_ATTR_MESSAGE_INTEGRITY |
                     UINT64_C(1) << STUN_ATTR_MESSAGE_INTEGRITY_SHA256;
    MUST(w, (m->present & proof) && (reply->present & proof));
    if (m->method == STUN_ALLOCATE) {
        on_allocate(w, seen, m, reply);
        return;
    }
    struct model_alloc *a = of_flow(w, seen->flow);
    MUST(w, (a != NULL) == (m->method != STUN_CONNECTION_BIND));
    if (m->method == STUN_CONNECTION_BIND)
        MUST(w, turn_is_stream(seen->flow->transport));
    else if (m->method == STUN_REFRESH)
        on_refresh(w, a, m, reply);
    else if (m->method == STUN_CREATE_PERMISSION)
        on_permission(w, a, m);
    else
        on_channel(w, a, m);
}

static void after_data(struct world *w, const struct watched *seen, enum turn_verdict verdict,
                       const struct turn_out *out)
{
    bool passed = verdict != TURN_DROP;
    MUST(w, has_rates(w) ? seen->passes || !passed : seen->passes == passed);
    if (!passed)
        return;
    MUST(w, verdict == (is_open_relay(w, &seen->peer) ? TURN_TO_RELAY : TURN_TO_PEER));
    struct model_alloc *a = of_flow(w, seen->flow);
    struct addr from = host_announced(&w->host[a->engine], out->relay);
    MUST(w, w->host[a->engine].open[out->relay]);
    MUST(w, addr_eq(&from, &a->relayed[fam(&seen->peer)]));
    MUST(w, addr_eq(&out->to, &seen->peer) && span_eq(out->data, seen->payload));
    MUST(w, verdict == TURN_TO_PEER || addr_eq(&out->from, &from));
}

void model_after(struct world *w, const struct watched *seen, enum turn_verdict verdict,
                 const struct turn_out *out)
{
    if (seen->is_data) {
        after_data(w, seen, verdict, out);
        return;
    }
    if (verdict == TURN_DROP)
        return;
    struct stun_msg m;
    struct stun_msg reply;
    MUST(w, stun_parse(seen->packet, &m) == 0 && m.cls == STUN_REQUEST);
    if (verdict == TURN_MOVE) {
        MUST(w, m.method == STUN_CONNECTION_BIND && !of_flow(w, seen->flow));
        return;
    }
    bool joins = verdict == TURN_JOIN;
    MUST(w, joins || verdict == TURN_TO_CLIENT);
    MUST(w, stun_parse(out->data, &reply) == 0 && reply.bad == 0);
    MUST(w, same_flow(&out->flow, seen->flow) && reply.method == m.method);
    MUST(w, span_eq(span_of(reply.tid, sizeof(reply.tid)), span_of(m.tid, sizeof(m.tid))));
    MUST(w, reply.cls == STUN_SUCCESS || reply.cls == STUN_ERROR);
    MUST(w, joins == (m.method == STUN_CONNECTION_BIND && reply.cls == STUN_SUCCESS));
    if (joins)
        world_link_joining(w, out, &m);
    if (reply.cls == STUN_SUCCESS)
        on_success(w, seen, &m, &reply);
}

struct inbound model_inbound(struct world *w, const struct addr *relayed, const struct addr *from)
{
    struct inbound in = {0};
    struct model_alloc *a = of_relayed(w, relayed);
    if (!a)
        return in;
    const struct model_chan *c = chan_of(a, 0, from, w->now);
    in.passes = permitted(w, a, from) && !a->is_tcp;
    in.channel = c ? c->number : 0;
    in.flow = a->flow;
    return in;
}

static struct span unwrapped(struct world *w, const struct inbound *expected,
                             const struct turn_out *out, const struct addr *peer)
{
    struct span data = {0};
    uint16_t number = 0;
    if (expected->channel) {
        MUST(w, chandata_parse(out->data, &number, &data) && number == expected->channel);
        return data;
    }
    struct stun_msg m;
    struct addr from;
    MUST(w, stun_parse(out->data, &m) == 0 && m.bad == 0);
    MUST(w, m.cls == STUN_INDICATION && m.method == STUN_DATA);
    MUST(w, stun_get_addr(&m, STUN_ATTR_XOR_PEER_ADDRESS, &from) && addr_eq(&from, peer));
    MUST(w, stun_get_bytes(&m, STUN_ATTR_DATA, &data));
    /* Padding that was never written would tell what lay in memory. */
    for (const uint8_t *p = data.p + data.n; p < out->data.p + out->data.n; p++)
        MUST(w, *p == 0);
    return data;
}

void model_inbound_after(struct world *w, const struct turn_peer_pkt *in,
                         const struct inbound *expected, enum turn_verdict verdict,
                         const struct turn_out *out)
{
    bool passed = verdict != TURN_DROP;
    MUST(w, has_rates(w) ? expected->passes || !passed : expected->passes == passed);
    if (!passed)
        return;
    MUST(w, verdict == TURN_TO_CLIENT && same_flow(&out->flow, &expected->flow));
    struct span data = unwrapped(w, expected, out, &in->peer);
    MUST(w, span_eq(data, span_of(in->pkt.p, in->pkt.n)));
}

bool model_owns(struct world *w, const struct addr *relayed, struct span user)
{
    const struct model_alloc *a = of_relayed(w, relayed);
    return a && span_eq(span_of(a->user, a->user_n), user);
}

bool model_admits(struct world *w, const struct addr *relayed, const struct addr *peer, bool inward)
{
    struct model_alloc *a = of_relayed(w, relayed);
    if (!a || !a->is_tcp || !w->conf->tcp_allocations || (inward && !permitted(w, a, peer)))
        return false;
    uint32_t relay;
    int e = is_relay_ip(w, peer) ? host_find(w, peer, &relay) : -1;
    bool is_ours = e >= 0;
    return is_ours ? w->host[e].tcp[relay] : policy_allows(&w->conf->policy, peer, true);
}

void model_drop_flow(struct world *w, const struct turn_flow *flow)
{
    for (int i = 0; i < w->n_model; i++)
        if (same_flow(&w->model[i].flow, flow))
            w->model[i].used = false;
}

/* The newest that had the port: of an older one it may have been taken over. */
static struct model_alloc *holder_of(struct world *w, const struct addr *relayed)
{
    struct model_alloc *best = NULL;
    int f = fam(relayed);
    for (int i = 0; i < w->n_model; i++) {
        struct model_alloc *a = &w->model[i];
        if (a->used && addr_eq(&a->relayed[f], relayed) &&
            (!best || a->expires[f] > best->expires[f]))
            best = a;
    }
    return best;
}

/* All are found before any is dropped: one dual allocation may hold the same port twice. */
void model_drop_port(struct world *w, uint16_t port)
{
    struct model_alloc *hit[TURN_FAMILIES] = {0};
    for (int f = 0; f < TURN_FAMILIES; f++) {
        struct addr relayed = world_relay_ip((enum turn_family)f);
        uint32_t relay;
        relayed.port = port;
        if (host_find(w, &relayed, &relay) < 0)
            continue;
        hit[f] = holder_of(w, &relayed);
        MUST(w, hit[f]);
    }
    for (int f = 0; f < TURN_FAMILIES; f++) {
        if (hit[f])
            hit[f]->used = false;
    }
}

unsigned model_living(const struct world *w)
{
    unsigned n = 0;
    for (int i = 0; i < w->n_model; i++)
        n += lives(&w->model[i], w->now);
    return n;
}

struct counts {
    unsigned allocs, relays, perms, chans;
};

/* What lives at this time, permissions and channels only of living families. */
static struct counts count(const struct world *w, int engine, usec_t at)
{
    struct counts n = {0};
    for (int i = 0; i < w->n_model; i++) {
        const struct model_alloc *a = &w->model[i];
        if (!lives(a, at) || a->engine != engine)
            continue;
        n.allocs++;
        for (int f = 0; f < TURN_FAMILIES; f++)
            n.relays += a->expires[f] > at;
        for (int k = 0; k < MODEL_PEERS; k++) {
            n.perms += a->perms[k].expires > at && a->expires[fam(&a->perms[k].ip)] > at;
            n.chans += a->chans[k].expires > at && a->expires[fam(&a->chans[k].peer)] > at;
        }
    }
    return n;
}

void model_check(struct world *w)
{
    for (int e = 0; e < ENGINES; e++) {
        struct counts least = count(w, e, w->now);
        struct counts most = count(w, e, w->now - w->late - 2 * USEC_PER_SEC);
        struct turn_stats s;
        turn_stats(w->engine[e], &s);
        MUST(w, s.allocations >= least.allocs && s.allocations <= most.allocs);
        MUST(w, s.permissions >= least.perms && s.permissions <= most.perms);
        MUST(w, s.channels >= least.chans && s.channels <= most.chans);
        MUST(w, w->host[e].n_open >= (int)least.relays && w->host[e].n_open <= (int)most.relays);
    }
}
