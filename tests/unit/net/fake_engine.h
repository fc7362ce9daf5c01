/* An engine that does as the packet says. A client's datagram is one of the orders in fixture.h; so
 * every verdict, and what an engine may do between two packets, happens on demand. It stands in for
 * all of turn/turn.h that net calls, hence included by one test program only. */
#ifndef TESTS_UNIT_NET_FAKE_ENGINE_H
#define TESTS_UNIT_NET_FAKE_ENGINE_H

#include "fixture.h"

#include <errno.h>
#include <time.h>

enum pace { PACE_FREE = 1, PACE_REST, PACE_NEVER };

enum { FAKE_LINKS = 8, FAKE_KILLS = 8, FAKE_RELAY = 0, FAKE_TCP_RELAY = 1, FAKE_REST_USEC = 50000 };

/* In place of base's: the real clock, put forward at will. */
static _Atomic usec_t put_forward;

usec_t clock_monotonic(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / 1000 + put_forward;
}

struct turn_shared {
    uint64_t taken; /* times */
};

/* One client and one relay are enough here. */
struct turn {
    struct turn_setup setup;
    struct turn_flow client;
    struct addr relayed;
    bool open;
    bool draining;
    unsigned n_killed;
    uint16_t killed[FAKE_KILLS];
    usec_t deadline;
    uint8_t expired; /* times */
    uint8_t closed;  /* flows */
    bool listens;
    enum pace pace;
    bool links[FAKE_LINKS]; /* alive */
    uint8_t buffer[65536];
    struct turn_stats stats;
};

struct turn_shared *turn_shared_new(const struct turn_shared_conf *conf)
{
    (void)conf;
    return mem_zalloc(sizeof(struct turn_shared));
}

void turn_shared_free(struct turn_shared *s)
{
    mem_free(s);
}

struct turn *turn_new(const struct turn_setup *setup)
{
    struct turn *t = mem_zalloc(sizeof *t);
    if (t)
        *t = (struct turn){.setup = *setup, .deadline = USEC_NEVER};
    return t;
}

static void close_relay(struct turn *t)
{
    for (uint32_t i = 0; i < FAKE_LINKS; i++) {
        if (t->links[i])
            t->setup.host->link_close(t->setup.host, i);
        t->links[i] = false;
    }
    if (t->open)
        t->setup.host->relay_close(t->setup.host, t->listens ? FAKE_TCP_RELAY : FAKE_RELAY);
    t->open = false;
}

void turn_free(struct turn *t)
{
    if (t)
        close_relay(t);
    mem_free(t);
}

void turn_set_conf(struct turn *t, const struct turn_conf *conf)
{
    t->setup.conf = conf;
}

void turn_drain(struct turn *t)
{
    t->draining = true;
}

void turn_kill(struct turn *t, uint16_t relayed_port)
{
    t->killed[t->n_killed++ % FAKE_KILLS] = relayed_port;
}

/* A note at once, with the name's length as its code. */
void turn_set_trace(struct turn *t, struct span user)
{
    struct turn_note note = {.kind = TURN_NOTE_REQUEST, .code = (uint16_t)user.n};
    note.bytes = t->setup.worker;
    if (user.n > 0)
        t->setup.host->note(t->setup.host, &note);
}

void turn_forget(struct turn *t)
{
    memset(t->buffer, 0, sizeof t->buffer);
}

void turn_take_usage(struct turn_shared *s, uint64_t ret[TURN_USES])
{
    for (uint64_t i = 0; i < TURN_USES; i++)
        ret[i] = 10 * i + s->taken;
    s->taken++;
}

static uint16_t port_at(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static enum turn_verdict answer(struct turn *t, const struct turn_flow *flow, struct span text,
                                struct turn_out *out)
{
    memcpy(t->buffer, text.p, text.n);
    out->data = span_of(t->buffer, text.n);
    out->flow = *flow;
    return TURN_TO_CLIENT;
}

static enum turn_verdict open_relay(struct turn *t, const struct turn_flow *flow,
                                    struct turn_pkt pkt, struct turn_out *out)
{
    bool is_tcp = *pkt.p == ORDER_LISTEN;
    struct turn_relay_want want = {.relay = is_tcp ? FAKE_TCP_RELAY : FAKE_RELAY,
                                   .local = loopback_of(flow->client.family, port_at(pkt.p + 1)),
                                   .is_tcp = is_tcp};
    int r = t->setup.host->relay_open(t->setup.host, &want);
    if (r == 0) {
        t->open = true;
        t->listens = is_tcp;
        t->relayed = want.local;
        t->client = *flow;
    }
    return answer(t, flow, span_text(r == 0 ? "o" : r == -EADDRINUSE ? "u" : "e"), out);
}

static enum turn_verdict send_on(const struct turn_flow *flow, struct turn_pkt pkt,
                                 struct turn_out *out)
{
    out->data = span_of(pkt.p + 3, pkt.n - 3);
    out->to = loopback_of(flow->client.family, port_at(pkt.p + 1));
    out->relay = 0;
    out->dont_fragment = *pkt.p == ORDER_SEND_DF;
    return TURN_TO_PEER;
}

static enum turn_verdict hairpin(struct turn *t, struct turn_pkt pkt, struct turn_out *out)
{
    out->data = span_of(pkt.p + 4, pkt.n - 4);
    out->worker = pkt.p[1];
    out->to = loopback_addr(port_at(pkt.p + 2));
    out->from = t->open ? t->relayed : loopback_addr(1);
    return TURN_TO_RELAY;
}

static enum turn_verdict random_bytes(struct turn *t, const struct turn_flow *flow,
                                      struct turn_out *out)
{
    uint8_t some[600];
    t->setup.host->random(t->setup.host, some, sizeof some);
    return answer(t, flow, span_of(some, sizeof some), out);
}

static enum turn_verdict set_timer(struct turn *t, const struct turn_flow *flow, usec_t now,
                                   struct turn_out *out)
{
    t->deadline = now + 600 * USEC_PER_SEC;
    return answer(t, flow, span_of(&t->expired, 1), out);
}

/* In a stream, orders come as the data of ChannelData, or behind a STUN header; an 'A' order fills
 * the rest of a STUN message up with zeroes. */
static struct turn_pkt unwrap(struct turn_pkt pkt)
{
    bool stun = *pkt.p <= 3;
    size_t head = stun ? 20 : 4;
    assert_true(pkt.n >= head);
    pkt = (struct turn_pkt){pkt.p + head, pkt.n - head};
    while (stun && pkt.n > 0 && pkt.p[pkt.n - 1] == 0)
        pkt.n--;
    return pkt;
}

static enum turn_verdict who(struct turn *t, const struct turn_flow *flow, struct turn_out *out)
{
    uint8_t text[2 * sizeof(struct addr) + 1];
    memcpy(text, &flow->client, sizeof flow->client);
    memcpy(text + sizeof flow->client, &flow->server, sizeof flow->server);
    text[2 * sizeof(struct addr)] = flow->transport;
    return answer(t, flow, span_of(text, sizeof text), out);
}

static enum turn_verdict say_link(struct turn *t, char what, uint32_t link, struct turn_out *out)
{
    return answer(t, &t->client, span_of((uint8_t[]){(uint8_t)what, (uint8_t)('0' + link)}, 2),
                  out);
}

static enum turn_verdict connect_link(struct turn *t, const struct turn_flow *flow,
                                      struct turn_pkt pkt, struct turn_out *out)
{
    struct turn_link_want want = {
        .link = (uint32_t)pkt.p[1] - '0',
        .relay = FAKE_TCP_RELAY,
        .peer = loopback_of(flow->client.family, port_at(pkt.p + 2)),
    };
    if (t->setup.host->link_open(t->setup.host, &want) != 0)
        return say_link(t, 'e', want.link, out);
    t->links[want.link] = true;
    t->stats.links++;
    return TURN_DROP;
}

static enum turn_verdict say_killed(struct turn *t, const struct turn_flow *flow,
                                    struct turn_out *out)
{
    return answer(t, flow, span_of(t->killed, t->n_killed * sizeof *t->killed), out);
}

enum turn_verdict turn_link_connected(struct turn *t, uint32_t link, bool stands, usec_t now,
                                      struct turn_out *out)
{
    assert_true(now > 0 && link < FAKE_LINKS && t->links[link]);
    t->links[link] = stands;
    t->stats.links -= !stands;
    return say_link(t, stands ? 'c' : 'f', link, out);
}

int64_t turn_link_accepted(struct turn *t, uint32_t relay, const struct addr *peer, usec_t now,
                           struct turn_out *out)
{
    assert_true(now > 0 && relay == FAKE_TCP_RELAY && t->open && t->listens);
    assert_true(peer->port > 0);
    for (uint32_t i = 0; i < t->setup.max_links && i < FAKE_LINKS; i++) {
        if (t->links[i])
            continue;
        t->links[i] = true;
        t->stats.links++;
        say_link(t, 'a', i, out);
        return i;
    }
    return -ENOBUFS;
}

void turn_link_closed(struct turn *t, uint32_t link)
{
    assert_true(link < FAKE_LINKS && t->links[link]);
    t->links[link] = false;
    t->stats.links--;
}

usec_t turn_link_passed(struct turn *t, uint32_t link, size_t bytes, usec_t now)
{
    assert_true(now > 0 && link < FAKE_LINKS && t->links[link] && bytes > 0);
    t->stats.relayed_bytes += bytes;
    if (t->pace == PACE_NEVER)
        return USEC_NEVER;
    return t->pace == PACE_REST ? now + FAKE_REST_USEC : 0;
}

static enum turn_verdict bind_link(struct turn *t, const struct turn_flow *flow,
                                   struct turn_pkt pkt, struct turn_out *out)
{
    out->flow = *flow;
    out->worker = (uint16_t)(pkt.p[1] - '0');
    if (out->worker != t->setup.worker)
        return TURN_MOVE;
    out->link = (uint32_t)pkt.p[2] - '0';
    if (out->link >= FAKE_LINKS)
        return TURN_DROP;
    memcpy(t->buffer, (uint8_t[]){'b', pkt.p[2]}, 2);
    out->data = span_of(t->buffer, 2);
    return TURN_JOIN;
}

static enum turn_verdict unlink_one(struct turn *t, struct turn_pkt pkt)
{
    uint32_t link = (uint32_t)pkt.p[1] - '0';
    t->links[link] = false;
    t->stats.links--;
    t->setup.host->link_close(t->setup.host, link);
    return TURN_DROP;
}

enum turn_verdict turn_from_client(struct turn *t, const struct turn_flow *flow,
                                   struct turn_pkt pkt, usec_t now, struct turn_out *out)
{
    assert_true(now > 0);
    t->stats.relayed_packets++;
    if (turn_is_stream(flow->transport))
        pkt = unwrap(pkt);
    if (pkt.n < 1)
        return TURN_DROP;
    switch (*pkt.p) {
    case ORDER_ANSWER:
        *pkt.p = (uint8_t)('0' + t->setup.worker);
        return answer(t, flow, span_of(pkt.p, pkt.n), out);
    case ORDER_OPEN:
    case ORDER_LISTEN:
        return open_relay(t, flow, pkt, out);
    case ORDER_CLOSE:
        close_relay(t);
        return TURN_DROP;
    case ORDER_SEND:
    case ORDER_SEND_DF:
        return send_on(flow, pkt, out);
    case ORDER_HAIRPIN:
        return hairpin(t, pkt, out);
    case ORDER_RANDOM:
        return random_bytes(t, flow, out);
    case ORDER_WHO:
        return who(t, flow, out);
    case ORDER_TIMER:
        return set_timer(t, flow, now, out);
    case ORDER_CONNECT:
        return connect_link(t, flow, pkt, out);
    case ORDER_BIND:
        return bind_link(t, flow, pkt, out);
    case ORDER_KILLED:
        return say_killed(t, flow, out);
    case ORDER_UNLINK:
        return unlink_one(t, pkt);
    case ORDER_PACE:
        t->pace = pkt.p[1];
        return TURN_DROP;
    default:
        return TURN_DROP;
    }
}

/* In front of the data, in the packet's room: "p" and the peer's port. */
enum turn_verdict turn_from_peer(struct turn *t, const struct turn_peer_pkt *in, usec_t now,
                                 struct turn_out *out)
{
    assert_true(now > 0);
    if (!t->open || in->relay != 0)
        return TURN_DROP;
    uint8_t *p = in->pkt.p - TURN_HEADROOM;
    memset(p, 0, TURN_HEADROOM);
    memset(in->pkt.p + in->pkt.n, 0, TURN_TAILROOM);
    p = in->pkt.p - 3;
    p[0] = 'p';
    p[1] = (uint8_t)(in->peer.port >> 8);
    p[2] = (uint8_t)in->peer.port;
    out->data = span_of(p, in->pkt.n + 3);
    out->flow = t->client;
    return TURN_TO_CLIENT;
}

int64_t turn_relay_find(struct turn *t, const struct addr *relayed)
{
    return t->open && addr_eq(relayed, &t->relayed) ? 0 : -ENOENT;
}

enum turn_verdict turn_from_icmp(struct turn *t, const struct turn_icmp *in, usec_t now,
                                 struct turn_out *out)
{
    uint8_t text[] = {'i', in->type, in->code, (uint8_t)(in->peer.port >> 8),
                      (uint8_t)in->peer.port};
    assert_true(now > 0);
    assert_int_equal(in->relay, 0);
    return answer(t, &t->client, span_of(text, sizeof text), out);
}

void turn_flow_closed(struct turn *t, const struct turn_flow *flow)
{
    t->closed++;
    if (t->open && memcmp(flow, &t->client, sizeof *flow) == 0)
        close_relay(t);
}

bool turn_flow_lives(const struct turn *t, const struct turn_flow *flow, usec_t now)
{
    assert_true(now > 0);
    return t->open && memcmp(flow, &t->client, sizeof *flow) == 0;
}

usec_t turn_deadline(const struct turn *t)
{
    return t->deadline;
}

void turn_expire(struct turn *t, usec_t now)
{
    assert_true(now >= t->deadline);
    t->deadline = USEC_NEVER;
    t->expired++;
}

void turn_stats(const struct turn *t, struct turn_stats *ret)
{
    *ret = t->stats;
}

#endif
