/* The engine in the simulated world: the input is a script. Each step is one byte for what happens
 * and some for how; requests are built validly and signed, or then spoilt, or spelt out attribute
 * by attribute and signed. The model watches every packet, every invariant is checked after each
 * step, and in the end nothing may be left over. */
#include "fuzz/fuzz.h"

#include "base/mem.h"
#include "base/reader.h"
#include "sim/scenario.h"

#include <errno.h>

enum { STEPS_MAX = 200 };

struct script {
    struct world *w;
    struct reader in;
};

static struct client *who(struct script *s)
{
    return &s->w->client[r_u8(&s->in) % CLIENTS];
}

static struct addr peer_of(struct script *s)
{
    uint8_t b = r_u8(&s->in);
    struct addr a = s->w->peer[b % PEERS].addr;
    if (b & 0x40) {
        const struct client *c = &s->w->client[b % CLIENTS];
        struct addr relayed = c->relayed[b >> 4 & 1];
        a = relayed.family == ADDR_NONE ? a : relayed;
    }
    if (b & 0x80) {
        struct span ip = r_bytes(&s->in, a.family == ADDR_V4 ? 4 : 16);
        uint16_t port = r_u16(&s->in);
        if (ip.n)
            a = addr_make((enum addr_family)a.family, ip.p, port);
    }
    return a;
}

static void choose(struct script *s, struct ask *a)
{
    static const uint16_t methods[] = {STUN_ALLOCATE, STUN_REFRESH, STUN_CREATE_PERMISSION,
                                       STUN_CHANNEL_BIND, STUN_BINDING};
    uint8_t b = r_u8(&s->in);
    a->method = methods[b % 5];
    a->has_lifetime = b & 0x20;
    a->has_even = b & 0x40;
    a->reserve = b & 0x80;
    b = r_u8(&s->in);
    a->family = b & 3;
    a->additional = b >> 2 & 3;
    a->redeem = (b & 0x70) == 0x70;
    if (a->has_lifetime)
        a->lifetime = r_u16(&s->in);
    if (a->method == STUN_CHANNEL_BIND)
        a->channel = (uint16_t)(0x4000 + (r_u8(&s->in) & 7));
    if (a->method == STUN_CHANNEL_BIND || a->method == STUN_CREATE_PERMISSION)
        a->n_peers = 1 + (b >> 7) * 2u;
    for (size_t i = 0; i < a->n_peers; i++)
        a->peers[i] = peer_of(s);
}

static void ask(struct script *s)
{
    struct client *c = who(s);
    struct ask a = {0};
    choose(s, &a);
    client_ask(s->w, c, &a);
}

static void spoilt(struct script *s)
{
    struct client *c = who(s);
    uint8_t buf[PACKET_MAX];
    c->ask = (struct ask){0};
    choose(s, &c->ask);
    size_t n = client_build(s->w, c, buf, sizeof(buf));
    for (unsigned i = r_u8(&s->in) % 4; i > 0; i--) {
        uint16_t at = r_u16(&s->in);
        buf[at % n] ^= r_u8(&s->in);
    }
    uint8_t cut = r_u8(&s->in);
    world_to_server(s->w, &c->flow, span_of(buf, cut & 1 ? cut % n : n));
}

static uint16_t type_of(uint8_t a)
{
    if (a < STUN_ATTR_COUNT)
        return stun_attr_row((enum stun_attr)a)->type;
    return (uint16_t)(a << 8 | a);
}

/* Any attributes at all, with a good signature behind them. */
static void spelt_out(struct script *s)
{
    struct client *c = who(s);
    uint8_t buf[PACKET_MAX];
    struct writer b = w_over(buf, sizeof(buf));
    uint8_t shape = r_u8(&s->in);
    enum stun_class cls = shape & 0x40 ? STUN_INDICATION : STUN_REQUEST;
    uint16_t method = shape & 0x0F;
    stun_begin(&b, cls, method, c->tid);
    for (unsigned i = shape >> 4 & 3; i > 0 && b.n < 1000; i--) {
        uint8_t a = r_u8(&s->in);
        struct span value = r_bytes(&s->in, r_u8(&s->in));
        w_u16(&b, type_of(a));
        w_u16(&b, (uint16_t)value.n);
        w_bytes(&b, value);
        w_zero(&b, -value.n & 3);
    }
    if (shape & 0x80)
        client_sign(s->w, c, &b);
    stun_end(&b);
    if (!b.bad)
        world_to_server(s->w, &c->flow, w_span(&b));
}

static void raw(struct script *s)
{
    struct client *c = who(s);
    struct span bytes = r_bytes(&s->in, r_u8(&s->in));
    world_to_server(s->w, &c->flow, bytes);
}

static void channel(struct script *s)
{
    struct client *c = who(s);
    uint8_t b = r_u8(&s->in);
    client_channel(s->w, c, (uint16_t)(0x4000 + (b & 7)), r_u8(&s->in));
}

static void send_data(struct script *s)
{
    struct client *c = who(s);
    struct addr to = peer_of(s);
    client_send(s->w, c, &to, r_u8(&s->in) * 4u);
}

static void from_peer(struct script *s)
{
    const struct client *c = who(s);
    struct addr from = peer_of(s);
    uint8_t data[PACKET_MAX] = {0};
    size_t n = r_u8(&s->in) * 5u;
    struct addr to = c->relayed[from.family == ADDR_V6];
    if (to.family != ADDR_NONE)
        world_to_relay(s->w, &to, &from, span_of(data, n));
}

static void icmp(struct script *s)
{
    const struct client *c = who(s);
    struct turn_icmp in = {.peer = peer_of(s), .type = r_u8(&s->in), .code = r_u8(&s->in)};
    struct addr at = c->relayed[in.peer.family == ADDR_V6];
    in.data = r_u16(&s->in);
    if (at.family != ADDR_NONE)
        world_icmp(s->w, &at, &in);
}

static void pass_time(struct script *s)
{
    uint8_t b = r_u8(&s->in);
    world_advance(s->w, b & 0x80 ? (b & 0x7F) * 10 * USEC_PER_SEC : b * INT64_C(100000));
}

static void configure(struct script *s)
{
    world_set_conf(s->w, (enum world_conf)(r_u8(&s->in) % CONFS));
}

static void hang_up(struct script *s)
{
    world_close_flow(s->w, &who(s)->flow);
}

static void kill_port(struct script *s)
{
    world_kill(s->w, (uint16_t)(PORT_FIRST + r_u8(&s->in) % PORTS));
}

static void rebind(struct script *s)
{
    client_rebind(s->w, who(s));
}

static void again(struct script *s)
{
    client_again(s->w, who(s));
}

static void trouble(struct script *s)
{
    uint8_t b = r_u8(&s->in);
    if (b & 0x80) {
        mem_fail_after(b & 0x7F);
        return;
    }
    s->w->open_error = b & 1 ? EADDRINUSE : EMFILE;
    s->w->open_errors = b >> 1 & 31;
}

static void late(struct script *s)
{
    s->w->late = r_u8(&s->in) * INT64_C(10000);
}

static void (*const MOVES[])(struct script *) = {
    ask,  ask,       ask,     spoilt,    spelt_out, raw,   channel, send_data, from_peer,
    icmp, pass_time, hang_up, kill_port, rebind,    again, trouble, configure, late,
};

/* --- TCP allocations --- */

/* Only these two can have one. */
static struct client *stream_of(uint8_t b, struct world *w)
{
    return &w->client[4 + (b & 1)];
}

static void allocate_tcp(struct script *s)
{
    uint8_t b = r_u8(&s->in);
    struct ask a = {.method = STUN_ALLOCATE, .tcp = true};
    a.family = b >> 1 & 3;
    a.additional = b >> 3 & 3;
    a.has_even = (b & 0xE0) == 0xE0;
    client_ask(s->w, stream_of(b, s->w), &a);
}

static void connect_to(struct script *s)
{
    uint8_t b = r_u8(&s->in);
    struct ask a = {.method = STUN_CONNECT, .peers = {peer_of(s)}, .n_peers = (b & 0xE0) != 0xE0};
    s->w->link_error = (b & 0x0E) == 0x0E ? EADDRNOTAVAIL : 0;
    client_ask(s->w, stream_of(b, s->w), &a);
}

static void peer_connects(struct script *s)
{
    uint8_t b = r_u8(&s->in);
    struct addr from = peer_of(s);
    const struct client *c = b & 0x80 ? who(s) : stream_of(b, s->w);
    struct addr to = c->relayed[from.family == ADDR_V6];
    if (to.family != ADDR_NONE)
        world_link_accept(s->w, &to, &from);
}

/* Of the last link it was told of, or of another's, on either engine, or of none. */
static void dial(struct script *s)
{
    uint8_t b = r_u8(&s->in);
    const struct client *c = stream_of(b, s->w);
    uint32_t id = b & 2 ? stream_of((uint8_t)~b, s->w)->link_id : c->link_id;
    struct ask a = {.method = STUN_CONNECTION_BIND, .has_id = (b & 0xF0) != 0xF0};
    a.id = (b & 0x38) == 0x38 ? id ^ 1U << (r_u8(&s->in) & 31) : id;
    client_ask(s->w, world_dial(s->w, c, b >> 2 & 1), &a);
}

/* What becomes of a connection that is there, as far as it can. */
static void link_event(struct script *s)
{
    uint8_t b = r_u8(&s->in);
    int e = b & 1;
    uint32_t link = b >> 1 & 3;
    enum fake_state state = s->w->host[e].link[link].state;
    if (state == LINK_OPENING)
        world_link_answer(s->w, e, link, b & 0x10);
    else if (state == LINK_JOINED && b & 0x20)
        world_link_passed(s->w, e, link, r_u16(&s->in) * (size_t)16);
    else if (state != LINK_FREE)
        world_link_gone(s->w, e, link);
}

/* From this byte on a step is one of these; below, the scripts mean what they always did. */
enum { LINK_STEP = 0xC0 };

static void (*const LINK_MOVES[])(struct script *) = {
    allocate_tcp, connect_to, peer_connects, dial, link_event, link_event, connect_to, dial,
};

static void move(struct script *s)
{
    uint8_t b = r_u8(&s->in);
    if (b < LINK_STEP)
        MOVES[b % (sizeof(MOVES) / sizeof(MOVES[0]))](s);
    else
        LINK_MOVES[b % (sizeof(LINK_MOVES) / sizeof(LINK_MOVES[0]))](s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t before = mem_live();
    struct world *w = world_new(size);
    struct script s = {w, r_from(span_of(data, size))};
    for (w->step = 0; w->step < STEPS_MAX && r_left(&s.in) > 0; w->step++) {
        move(&s);
        world_advance(w, 0);
        world_check(w);
    }
    mem_fail_after(-1);
    /* The dearest part by far. */
    if (size % 8 == 0)
        scenario_nothing_lost(w);
    world_free(w);
    if (mem_live() != before)
        abort();
    return 0;
}
