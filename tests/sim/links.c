/* TCP relays' connections: what the kernel does with them, and whether the engine may have them. */
#include "world.h"

#include <errno.h>

static struct fake_host *of(struct turn_host *host)
{
    return (struct fake_host *)(void *)host;
}

/* The kernel's name of an address of ours, and the clients'. */
static struct addr inside(const struct addr *a)
{
    struct addr announced = world_relay_ip(a->family == ADDR_V6 ? TURN_V6 : TURN_V4);
    const struct turn_conf *conf = world_conf(CONF_PLAIN);
    struct addr ret = addr_eq_ip(a, &announced)
                          ? conf->relay[a->family == ADDR_V6 ? TURN_V6 : TURN_V4].local
                          : *a;
    ret.port = a->port;
    return ret;
}

static int host_at(const struct world *w, const struct addr *local, uint32_t *ret_relay)
{
    for (int e = 0; e < ENGINES; e++)
        for (uint32_t r = 0; r < RELAYS; r++) {
            const struct fake_host *h = &w->host[e];
            if (!h->open[r] || !h->tcp[r] || !addr_eq(&h->at[r], local))
                continue;
            *ret_relay = r;
            return e;
        }
    return -1;
}

static struct addr outside(const struct world *w, const struct addr *a)
{
    uint32_t relay;
    int e = host_at(w, a, &relay);
    return e < 0 ? *a : host_announced(&w->host[e], relay);
}

static bool has_link(const struct fake_host *h, uint32_t relay, const struct addr *peer)
{
    for (int i = 0; i < LINKS; i++)
        if (h->link[i].state != LINK_FREE && h->link[i].relay == relay &&
            addr_eq(&h->link[i].peer, peer))
            return true;
    return false;
}

static unsigned count_at(const struct fake_host *h, uint32_t relay)
{
    unsigned n = 0;
    for (int i = 0; i < LINKS; i++)
        n += h->link[i].state != LINK_FREE && h->link[i].relay == relay;
    return n;
}

int world_link_open(struct turn_host *host, const struct turn_link_want *want)
{
    struct fake_host *h = of(host);
    struct world *w = h->w;
    MUST(w, want->link < LINKS && h->link[want->link].state == LINK_FREE);
    MUST(w, want->relay < RELAYS && h->open[want->relay] && h->tcp[want->relay]);
    MUST(w, !addr_eq(&want->peer, &h->at[want->relay]));
    MUST(w, !has_link(h, want->relay, &want->peer));
    struct addr relayed = host_announced(h, want->relay);
    struct addr peer = outside(w, &want->peer);
    MUST(w, model_admits(w, &relayed, &peer, false));
    MUST(w, count_at(h, want->relay) < w->conf->limits.links);
    if (w->link_error)
        return -w->link_error;
    h->link[want->link] = (struct fake_link){
        .state = LINK_OPENING, .since = w->now, .relay = want->relay, .peer = want->peer};
    return 0;
}

static void hang_up(struct world *w, struct fake_link *l)
{
    if (l->has_far) {
        struct fake_link *far = &w->host[l->far_engine].link[l->far];
        far->reset = true;
        far->has_far = false;
    }
    *l = (struct fake_link){0};
}

/* The engine closes what has waited too long, else only what loses its relay. */
void world_link_close(struct turn_host *host, uint32_t link)
{
    struct fake_host *h = of(host);
    MUST(h->w, link < LINKS && h->link[link].state != LINK_FREE);
    struct fake_link *l = &h->link[link];
    bool waited = l->state == LINK_UP && l->since + LINK_BIND_S * USEC_PER_SEC <= h->w->now;
    if (!waited) {
        MUST(h->w, h->unjustified == 0 || h->unjustified == (int)l->relay + 1);
        h->unjustified = (int)l->relay + 1;
    }
    hang_up(h->w, l);
}

static void give(struct world *w, const struct turn_out *out)
{
    struct datagram d = {.from = out->flow.server, .to = out->flow.client, .n = out->data.n};
    d.transport = out->flow.transport;
    MUST(w, turn_is_stream(d.transport) && d.n > 0 && d.n <= sizeof(d.bytes));
    memcpy(d.bytes, out->data.p, d.n);
    world_send(w, &d);
}

int world_link_opening(const struct world *w, const struct client *c)
{
    for (int f = 0; f < TURN_FAMILIES; f++) {
        uint32_t relay;
        int e = host_find(w, &c->relayed[f], &relay);
        for (int i = 0; e >= 0 && i < LINKS; i++)
            if (w->host[e].link[i].state == LINK_OPENING && w->host[e].link[i].relay == relay)
                return i;
    }
    return -1;
}

static uint32_t id_in(struct world *w, struct span message, enum stun_class cls, uint16_t method)
{
    struct stun_msg m;
    uint32_t id = 0;
    MUST(w, stun_parse(message, &m) == 0 && m.bad == 0 && m.cls == cls && m.method == method);
    MUST(w, stun_get_number(&m, STUN_ATTR_CONNECTION_ID, &id) && id != 0);
    return id;
}

static void stands_now(struct world *w, int e, uint32_t link, uint32_t id)
{
    struct fake_link *l = &w->host[e].link[link];
    MUST(w, id >> ID_WORKER_SHIFT == (uint32_t)e && (id & ID_HANDLE_MASK) == link);
    l->state = LINK_UP;
    l->since = w->now;
    l->id = id;
}

/* Connections between two of our relays have two ends. */
static bool far_end_accepts(struct world *w, int e, uint32_t link)
{
    struct fake_link *l = &w->host[e].link[link];
    uint32_t relay;
    int far_engine = host_at(w, &l->peer, &relay);
    if (far_engine < 0)
        return true;
    struct addr from = w->host[e].at[l->relay];
    struct addr to = host_announced(&w->host[far_engine], relay);
    int64_t far = world_link_accept(w, &to, &from);
    if (far < 0)
        return false;
    struct fake_link *there = &w->host[far_engine].link[far];
    l->has_far = there->has_far = true;
    l->far_engine = far_engine;
    l->far = (uint32_t)far;
    there->far_engine = e;
    there->far = link;
    return true;
}

void world_link_answer(struct world *w, int e, uint32_t link, bool stands)
{
    struct turn_out out = {0};
    struct fake_link *l = &w->host[e].link[link];
    MUST(w, l->state == LINK_OPENING);
    stands = stands && far_end_accepts(w, e, link);
    if (!stands)
        hang_up(w, l);
    enum turn_verdict verdict = turn_link_connected(w->engine[e], link, stands, w->now, &out);
    MUST(w, verdict == TURN_TO_CLIENT);
    if (stands)
        stands_now(w, e, link, id_in(w, out.data, STUN_SUCCESS, STUN_CONNECT));
    give(w, &out);
}

/* Late timers apart, the engine takes exactly what it should. */
static void judge_accept(struct world *w, int e, uint32_t relay, const struct addr *from,
                         int64_t got)
{
    const struct fake_host *h = &w->host[e];
    struct addr relayed = host_announced(h, relay);
    struct addr peer = outside(w, from);
    bool admitted = model_admits(w, &relayed, &peer, true) && !has_link(h, relay, from);
    MUST(w, (got == -EACCES) == !admitted);
    MUST(w, got < 0 || count_at(h, relay) < w->conf->limits.links);
}

int64_t world_link_accept(struct world *w, const struct addr *relayed, const struct addr *from)
{
    uint32_t relay;
    struct turn_out out = {0};
    struct addr kernel = inside(from);
    int e = host_find(w, relayed, &relay);
    if (e < 0 || !w->host[e].tcp[relay])
        return -ENOENT;
    int64_t link = turn_link_accepted(w->engine[e], relay, &kernel, w->now, &out);
    judge_accept(w, e, relay, &kernel, link);
    if (link < 0)
        return link;
    MUST(w, link < LINKS && w->host[e].link[link].state == LINK_FREE);
    w->host[e].link[link] = (struct fake_link){.relay = relay, .peer = kernel};
    stands_now(w, e, (uint32_t)link, id_in(w, out.data, STUN_INDICATION, STUN_CONNECTION_ATTEMPT));
    struct stun_msg m;
    struct addr told;
    struct addr peer = outside(w, &kernel);
    MUST(w, stun_parse(out.data, &m) == 0);
    MUST(w, stun_get_addr(&m, STUN_ATTR_XOR_PEER_ADDRESS, &told) && addr_eq(&told, &peer));
    give(w, &out);
    return link;
}

struct span world_user_of(const struct stun_msg *m)
{
    struct span user = {0};
    if (!stun_get_bytes(m, STUN_ATTR_USERNAME, &user))
        stun_get_bytes(m, STUN_ATTR_USERHASH, &user);
    return user;
}

/* The owner binds what was told to him, and nobody else, not longer than it may wait. */
void world_link_joining(struct world *w, const struct turn_out *out, const struct stun_msg *m)
{
    uint32_t id = 0;
    MUST(w, stun_get_number(m, STUN_ATTR_CONNECTION_ID, &id));
    MUST(w, id >> ID_WORKER_SHIFT < ENGINES && out->link < LINKS);
    const struct fake_host *h = &w->host[id >> ID_WORKER_SHIFT];
    const struct fake_link *l = &h->link[out->link];
    MUST(w, l->state == LINK_UP && l->id == id);
    MUST(w, l->since + LINK_BIND_S * USEC_PER_SEC > w->now);
    struct addr relayed = host_announced(h, l->relay);
    MUST(w, model_owns(w, &relayed, world_user_of(m)));
}

void world_link_joined(struct world *w, int e, const struct turn_out *out)
{
    MUST(w, out->link < LINKS);
    struct fake_link *l = &w->host[e].link[out->link];
    MUST(w, l->state == LINK_UP);
    l->state = LINK_JOINED;
    l->flow = out->flow;
}

bool world_is_joined(const struct world *w, const struct turn_flow *flow)
{
    struct span wanted = span_of(flow, sizeof(*flow));
    for (int e = 0; e < ENGINES; e++)
        for (int i = 0; i < LINKS; i++) {
            const struct fake_link *l = &w->host[e].link[i];
            if (l->state == LINK_JOINED && span_eq(span_of(&l->flow, sizeof(l->flow)), wanted))
                return true;
        }
    return false;
}

void world_link_gone(struct world *w, int e, uint32_t link)
{
    MUST(w, w->host[e].link[link].state != LINK_FREE);
    turn_link_closed(w->engine[e], link);
    hang_up(w, &w->host[e].link[link]);
}

usec_t world_link_passed(struct world *w, int e, uint32_t link, size_t bytes)
{
    struct fake_link *l = &w->host[e].link[link];
    MUST(w, l->state == LINK_JOINED);
    struct addr relayed = host_announced(&w->host[e], l->relay);
    struct addr peer = outside(w, &l->peer);
    usec_t when = turn_link_passed(w->engine[e], link, bytes, w->now);
    bool on = w->conf->tcp_allocations;
    MUST(w, !on || (when != USEC_NEVER) == model_admits(w, &relayed, &peer, false));
    MUST(w, when <= w->now || w->conf->limits.bytes_per_allocation != 0 || when == USEC_NEVER);
    if (when == USEC_NEVER)
        world_link_gone(w, e, link);
    return when;
}

struct client *world_dial(struct world *w, const struct client *c, int engine)
{
    struct client *d = &w->dial[w->n_dials % DIALS];
    *d = (struct client){.user = c->user, .password = c->password};
    d->modern = c->modern;
    d->userhash = c->userhash;
    d->flow = c->flow;
    d->flow.client.port =
        (uint16_t)(20000 + w->n_dials++ % 10000 * ENGINES + (unsigned)engine % ENGINES);
    return d;
}

static void settle(struct world *w)
{
    for (int e = 0; e < ENGINES; e++)
        for (uint32_t i = 0; i < LINKS; i++)
            if (w->host[e].link[i].reset && w->host[e].link[i].state != LINK_OPENING)
                world_link_gone(w, e, i);
}

static void check_link(struct world *w, const struct fake_host *h, const struct fake_link *l)
{
    MUST(w, h->open[l->relay] && h->tcp[l->relay]);
    usec_t longest = LINK_BIND_S * USEC_PER_SEC + w->late + 2 * USEC_PER_SEC;
    MUST(w, l->state != LINK_UP || w->now - l->since <= longest);
    for (const struct fake_link *k = h->link; k < l; k++)
        MUST(w, k->state == LINK_FREE || k->relay != l->relay || !addr_eq(&k->peer, &l->peer));
}

void world_links_check(struct world *w)
{
    settle(w);
    for (int e = 0; e < ENGINES; e++) {
        unsigned n = 0;
        struct turn_stats s;
        const struct fake_host *h = &w->host[e];
        MUST(w, h->unjustified == 0);
        for (int i = 0; i < LINKS; i++) {
            if (h->link[i].state == LINK_FREE)
                continue;
            check_link(w, h, &h->link[i]);
            n++;
        }
        turn_stats(w->engine[e], &s);
        MUST(w, s.links == n);
    }
}
