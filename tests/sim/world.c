/* The world's clock, network and doors to the engines. */
#include "world.h"

#include "base/mem.h"

_Noreturn void world_broken(const struct world *w, const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: seed %llu, step %u, second %lld: %s\n", file, line,
            (unsigned long long)w->seed, w->step, (long long)(w->now / USEC_PER_SEC), what);
    abort();
}

uint64_t world_random(struct world *w)
{
    w->random += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = w->random;
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

struct addr world_server(void)
{
    static const uint8_t ip[4] = {30, 0, 0, 1};
    return addr_make(ADDR_V4, ip, 3478);
}

int world_engine_of(const struct addr *client)
{
    return client->port % ENGINES;
}

static void make_peers(struct world *w)
{
    for (uint8_t i = 0; i < PEERS - 1; i++) {
        uint8_t ip[4] = {20, 0, 0, (uint8_t)(i + 1)};
        w->peer[i].addr = addr_make(ADDR_V4, ip, (uint16_t)(6000 + i));
    }
    uint8_t six[16] = {0x2a, 0x00, [15] = 3};
    w->peer[PEERS - 1].addr = addr_make(ADDR_V6, six, 6003);
}

static void make_engines(struct world *w)
{
    struct turn_shared_conf conf = {{PORT_FIRST, PORT_LAST}, ENGINES};
    w->shared = turn_shared_new(&conf);
    for (int e = 0; w->shared && e < ENGINES; e++) {
        host_init(&w->host[e], w);
        struct turn_setup setup = {.conf = w->conf,
                                   .shared = w->shared,
                                   .host = &w->host[e].host,
                                   .worker = (uint16_t)e,
                                   .max_relays = RELAYS,
                                   .max_links = LINKS,
                                   .now = w->now};
        w->engine[e] = turn_new(&setup);
    }
}

struct world *world_new(uint64_t seed)
{
    struct world *w = calloc(1, sizeof(*w));
    if (!w)
        abort();
    w->seed = seed;
    w->random = seed;
    w->now = 1000 * USEC_PER_SEC;
    w->conf = world_conf(CONF_PLAIN);
    make_engines(w);
    /* The clients' own, not part of what is under test; one failure may hit it as well. */
    w->crypto = crypto_new();
    if (!w->crypto)
        w->crypto = crypto_new();
    MUST(w, w->crypto);
    for (int i = 0; i < CLIENTS; i++)
        client_init(w, i);
    make_peers(w);
    return w;
}

void world_free(struct world *w)
{
    for (int e = 0; e < ENGINES; e++)
        turn_free(w->engine[e]);
    for (int e = 0; e < ENGINES; e++)
        MUST(w, w->host[e].n_open == 0);
    turn_shared_free(w->shared);
    crypto_free(w->crypto);
    free(w);
}

void world_check(struct world *w)
{
    for (int e = 0; e < ENGINES; e++) {
        int broken = turn_check(w->engine[e]);
        if (broken)
            fprintf(stderr, "engine %d: invariant %d\n", e, broken);
        MUST(w, broken == 0);
    }
    world_links_check(w);
    model_check(w);
}

void world_set_conf(struct world *w, enum world_conf which)
{
    w->conf = world_conf(which);
    for (int e = 0; e < ENGINES; e++)
        turn_set_conf(w->engine[e], w->conf);
}

void world_kill(struct world *w, uint16_t port)
{
    model_drop_port(w, port);
    for (int e = 0; e < ENGINES; e++)
        turn_kill(w->engine[e], port);
}

void world_close_flow(struct world *w, const struct turn_flow *flow)
{
    turn_flow_closed(w->engine[world_engine_of(&flow->client)], flow);
    model_drop_flow(w, flow);
}

/* --- the network --- */

static void enqueue(struct world *w, const struct datagram *d, bool reliable)
{
    if (w->n_queue == QUEUE_MAX)
        return;
    struct datagram *q = &w->queue[w->n_queue++];
    *q = *d;
    q->order = w->order++;
    q->at = w->now;
    if (!reliable && w->delay)
        q->at += (usec_t)(world_random(w) % (uint64_t)w->delay);
}

void world_send(struct world *w, const struct datagram *d)
{
    bool reliable = d->transport == TURN_TCP || d->transport == TURN_TLS;
    if (!reliable && world_random(w) % 100 < w->loss)
        return;
    enqueue(w, d, reliable);
    if (!reliable && world_random(w) % 100 < w->twice)
        enqueue(w, d, reliable);
}

static void send_bytes(struct world *w, const struct addr *from, const struct addr *to,
                       struct span data, uint8_t transport)
{
    struct datagram d = {.from = *from, .to = *to, .transport = transport, .n = data.n};
    MUST(w, data.n <= sizeof(d.bytes));
    memcpy(d.bytes, data.p, data.n);
    world_send(w, &d);
}

/* --- the engines' doors --- */

/* Exactly the room that the contract promises, so that a sanitizer sees one byte more. */
static uint8_t *room_for(struct span packet)
{
    uint8_t *block = malloc(TURN_HEADROOM + packet.n + TURN_TAILROOM);
    if (!block)
        abort();
    memset(block, 0xA5, TURN_HEADROOM + packet.n + TURN_TAILROOM);
    if (packet.n)
        memcpy(block + TURN_HEADROOM, packet.p, packet.n);
    return block;
}

static void at_relay(struct world *w, int e, uint32_t relay, const struct addr *from,
                     struct span payload)
{
    struct addr relayed = host_announced(&w->host[e], relay);
    MUST(w, turn_relay_find(w->engine[e], &relayed) == relay);
    uint8_t *block = room_for(payload);
    struct turn_peer_pkt in = {relay, *from, {block + TURN_HEADROOM, payload.n}};
    struct inbound expected = model_inbound(w, &relayed, from);
    struct turn_out out = {0};
    enum turn_verdict verdict = turn_from_peer(w->engine[e], &in, w->now, &out);
    in.pkt.p = (uint8_t *)(uintptr_t)payload.p;
    model_inbound_after(w, &in, &expected, verdict, &out);
    if (verdict == TURN_TO_CLIENT)
        send_bytes(w, &out.flow.server, &out.flow.client, out.data, out.flow.transport);
    free(block);
}

static void route(struct world *w, int e, enum turn_verdict verdict, const struct turn_out *out)
{
    if (verdict == TURN_JOIN)
        world_link_joined(w, e, out);
    if (verdict == TURN_TO_CLIENT || verdict == TURN_JOIN)
        send_bytes(w, &out->flow.server, &out->flow.client, out->data, out->flow.transport);
    if (verdict == TURN_TO_PEER) {
        struct addr from = host_announced(&w->host[e], out->relay);
        send_bytes(w, &from, &out->to, out->data, TURN_UDP);
    }
    if (verdict == TURN_TO_RELAY) {
        MUST(w, out->worker < ENGINES);
        int64_t relay = turn_relay_find(w->engine[out->worker], &out->to);
        MUST(w, relay >= 0);
        at_relay(w, out->worker, (uint32_t)relay, &out->from, out->data);
    }
}

/* The engine that it ends at when connections move. */
static void to_engine(struct world *w, int e, const struct turn_flow *flow, struct span packet)
{
    uint8_t *block = room_for(packet);
    struct watched seen = model_before(w, flow, packet);
    struct turn_pkt pkt = {block + TURN_HEADROOM, packet.n};
    struct turn_out out = {0};
    enum turn_verdict verdict = turn_from_client(w->engine[e], flow, pkt, w->now, &out);
    model_after(w, &seen, verdict, &out);
    if (verdict == TURN_MOVE) {
        MUST(w, out.worker < ENGINES && out.worker != e);
        to_engine(w, out.worker, flow, packet);
    }
    route(w, e, verdict, &out);
    free(block);
}

void world_to_server(struct world *w, const struct turn_flow *flow, struct span packet)
{
    if (!world_is_joined(w, flow))
        to_engine(w, world_engine_of(&flow->client), flow, packet);
}

void world_to_relay(struct world *w, const struct addr *relayed, const struct addr *from,
                    struct span payload)
{
    uint32_t relay = 0;
    int e = host_find(w, relayed, &relay);
    if (e >= 0)
        at_relay(w, e, relay, from, payload);
    else
        for (e = 0; e < ENGINES; e++)
            MUST(w, turn_relay_find(w->engine[e], relayed) < 0 ||
                        addr_eq_ip(relayed, &(struct addr){0}) || relayed->port == 0);
}

void world_icmp(struct world *w, const struct addr *relayed, const struct turn_icmp *icmp)
{
    struct turn_icmp in = *icmp;
    int e = host_find(w, relayed, &in.relay);
    if (e < 0)
        return;
    struct inbound expected = model_inbound(w, relayed, &in.peer);
    struct turn_out out = {0};
    enum turn_verdict verdict = turn_from_icmp(w->engine[e], &in, w->now, &out);
    MUST(w, verdict == TURN_DROP || verdict == TURN_TO_CLIENT);
    if (verdict != TURN_TO_CLIENT)
        return;
    struct stun_msg m;
    MUST(w, expected.passes);
    MUST(w, stun_parse(out.data, &m) == 0 && m.cls == STUN_INDICATION && m.method == STUN_DATA);
    MUST(w, stun_has(&m, STUN_ATTR_ICMP) && !stun_has(&m, STUN_ATTR_DATA));
    route(w, e, verdict, &out);
}

/* --- time --- */

static bool at_peer(struct world *w, const struct datagram *d)
{
    for (int i = 0; i < PEERS; i++) {
        if (!addr_eq(&w->peer[i].addr, &d->to))
            continue;
        w->peer[i].got++;
        w->peer[i].from = d->from;
        return true;
    }
    return false;
}

static void deliver(struct world *w, const struct datagram *d)
{
    struct addr server = world_server();
    struct span bytes = span_of(d->bytes, d->n);
    struct client *c = client_at(w, &d->to, d->transport);
    if (addr_eq(&d->to, &server)) {
        struct turn_flow flow = {.client = d->from, .server = d->to, .transport = d->transport};
        world_to_server(w, &flow, bytes);
    } else if (c) {
        client_receive(w, c, bytes);
    } else if (!at_peer(w, d)) {
        world_to_relay(w, &d->to, &d->from, bytes);
    }
}

static bool deliver_one_due(struct world *w)
{
    size_t first = w->n_queue;
    for (size_t i = 0; i < w->n_queue; i++) {
        const struct datagram *q = &w->queue[i];
        const struct datagram *f = &w->queue[first];
        if (q->at <= w->now &&
            (first == w->n_queue || q->at < f->at || (q->at == f->at && q->order < f->order)))
            first = i;
    }
    if (first == w->n_queue)
        return false;
    struct datagram d = w->queue[first];
    w->queue[first] = w->queue[--w->n_queue];
    deliver(w, &d);
    world_check(w);
    return true;
}

static usec_t due_at(const struct world *w, int e)
{
    usec_t deadline = turn_deadline(w->engine[e]);
    return deadline > USEC_NEVER - w->late ? USEC_NEVER : deadline + w->late;
}

static usec_t next_event(const struct world *w, usec_t until)
{
    for (int e = 0; e < ENGINES; e++)
        until = due_at(w, e) < until ? due_at(w, e) : until;
    for (size_t i = 0; i < w->n_queue; i++)
        until = w->queue[i].at < until ? w->queue[i].at : until;
    return until;
}

static void serve_timers(struct world *w)
{
    for (int e = 0; e < ENGINES; e++) {
        if (due_at(w, e) > w->now)
            continue;
        turn_expire(w->engine[e], w->now);
        /* Else the loop around it would spin. */
        MUST(w, turn_deadline(w->engine[e]) > w->now);
        world_check(w);
    }
}

void world_advance(struct world *w, usec_t by)
{
    usec_t until = w->now + by;
    for (;;) {
        serve_timers(w);
        while (deliver_one_due(w))
            serve_timers(w);
        if (w->now >= until)
            return;
        usec_t next = next_event(w, until);
        MUST(w, next > w->now);
        w->now = next;
    }
}
