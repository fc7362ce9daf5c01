/* Random rounds: everybody does anything at any time over a network that loses, doubles and
 * reorders, while the model watches every packet. A failure prints the seed; run the program with
 * it as the argument to see that round alone. */
#include "scenario.h"

#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { ROUNDS = 1200, STEPS_PER_ROUND = 200 };

static unsigned pick(struct world *w, unsigned n)
{
    return (unsigned)(world_random(w) >> 16) % n;
}

static struct client *any_client(struct world *w)
{
    return &w->client[pick(w, CLIENTS)];
}

/* Peers, relayed addresses under both of their names, our own sockets, nonsense. */
static struct addr any_peer(struct world *w)
{
    unsigned r = pick(w, 20);
    const struct client *c = any_client(w);
    struct addr a = w->peer[pick(w, PEERS)].addr;
    if (r < 5 && c->relayed[r % 2].family != ADDR_NONE)
        a = c->relayed[r % 2];
    if (r == 5) {
        a = w->conf->relay[TURN_V4].local;
        a.port = c->relayed[TURN_V4].port;
    }
    if (r == 6)
        a = world_server();
    if (r == 7)
        a.port = (uint16_t)pick(w, 65536);
    if (r == 8)
        a.ip[0] = (uint8_t)pick(w, 256);
    return a;
}

static uint16_t any_channel(struct world *w)
{
    return (uint16_t)(pick(w, 40) ? 0x4000 + pick(w, 6) : pick(w, 65536));
}

static void do_ask(struct world *w)
{
    static const uint16_t methods[] = {
        STUN_ALLOCATE,          STUN_ALLOCATE,     STUN_REFRESH,      STUN_CREATE_PERMISSION,
        STUN_CREATE_PERMISSION, STUN_CHANNEL_BIND, STUN_CHANNEL_BIND, STUN_BINDING};
    struct ask a = {.method = methods[pick(w, 8)]};
    struct client *c = any_client(w);
    a.has_lifetime = a.method == STUN_REFRESH || pick(w, 6) == 0;
    a.lifetime = pick(w, 4) ? 500 + pick(w, 4000) : 0;
    a.family = (uint8_t)(pick(w, 6) ? 0 : pick(w, 4));
    if (a.method == STUN_ALLOCATE) {
        a.additional = (uint8_t)(pick(w, 3) ? 0 : 2);
        a.has_even = pick(w, 8) == 0;
        a.reserve = pick(w, 2);
        a.redeem = pick(w, 12) == 0;
        a.tcp = pick(w, turn_is_stream(c->flow.transport) ? 2 : 20) == 0;
        a.has_even &= !a.tcp || pick(w, 20) == 0;
        if (a.redeem)
            memcpy(c->token, any_client(w)->token, sizeof(c->token));
    }
    if (a.method == STUN_CREATE_PERMISSION || a.method == STUN_CHANNEL_BIND) {
        a.n_peers = a.method == STUN_CHANNEL_BIND ? 1 : pick(w, 5);
        for (size_t i = 0; i < a.n_peers; i++)
            a.peers[i] = any_peer(w);
        a.channel = a.method == STUN_CHANNEL_BIND ? any_channel(w) : 0;
    }
    client_ask(w, c, &a);
}

/* The clients that may have TCP allocations, mostly. */
static struct client *any_stream(struct world *w)
{
    return pick(w, 10) ? &w->client[4 + pick(w, 2)] : any_client(w);
}

static void do_connect(struct world *w)
{
    struct ask a = {.method = STUN_CONNECT, .peers = {any_peer(w)}, .n_peers = 1};
    w->link_error = pick(w, 10) ? 0 : EADDRNOTAVAIL;
    client_ask(w, any_stream(w), &a);
}

static void do_accept(struct world *w)
{
    struct addr from = any_peer(w);
    const struct addr *to = &any_stream(w)->relayed[from.family == ADDR_V6];
    if (to->family != ADDR_NONE)
        world_link_accept(w, to, &from);
}

/* Mostly one that waits to be bound. */
static uint32_t any_id(struct world *w)
{
    const struct fake_link *l = &w->host[pick(w, ENGINES)].link[0];
    for (unsigned i = 0; i < LINKS && pick(w, 20); i++)
        if (l[i].state == LINK_UP)
            return l[i].id;
    return any_stream(w)->link_id;
}

static void do_dial(struct world *w)
{
    uint32_t id = any_id(w);
    const struct client *c =
        pick(w, 5) ? &w->client[4 + (id >> ID_WORKER_SHIFT & 1)] : any_stream(w);
    struct ask a = {.method = STUN_CONNECTION_BIND, .has_id = pick(w, 30) != 0};
    a.id = pick(w, 20) ? id : id ^ 1U << pick(w, 32);
    client_ask(w, world_dial(w, c, (int)pick(w, ENGINES)), &a);
}

/* What may become of a connection that is there. */
static void do_link(struct world *w)
{
    int e = (int)pick(w, ENGINES);
    uint32_t link = pick(w, LINKS);
    for (unsigned i = 0; i < LINKS && w->host[e].link[link].state == LINK_FREE; i++)
        link = (link + 1) % LINKS;
    enum fake_state state = w->host[e].link[link].state;
    if (state == LINK_OPENING)
        world_link_answer(w, e, link, pick(w, 4) != 0);
    else if (state == LINK_JOINED && pick(w, 4))
        world_link_passed(w, e, link, pick(w, 70000));
    else if (state != LINK_FREE && pick(w, 3) == 0)
        world_link_gone(w, e, link);
}

static void do_data(struct world *w)
{
    struct client *c = any_client(w);
    struct addr to = any_peer(w);
    size_t n = pick(w, 3) ? pick(w, 200) : pick(w, 1400);
    if (pick(w, 2))
        client_send(w, c, &to, n);
    else
        client_channel(w, c, any_channel(w), n);
}

static void do_peer(struct world *w)
{
    struct addr to = any_client(w)->relayed[pick(w, 4) == 0];
    struct datagram d = {.from = any_peer(w), .to = to, .n = pick(w, 1400)};
    if (to.family != ADDR_NONE && to.family == d.from.family)
        world_send(w, &d);
}

static void do_icmp(struct world *w)
{
    struct addr relayed = any_client(w)->relayed[pick(w, 2)];
    struct turn_icmp icmp = {.peer = any_peer(w),
                             .type = (uint8_t)pick(w, 14),
                             .code = (uint8_t)pick(w, 6),
                             .data = pick(w, 3) ? 0 : 1400};
    if (relayed.family != ADDR_NONE)
        world_icmp(w, &relayed, &icmp);
}

static void do_time(struct world *w)
{
    static const usec_t spans[] = {1000, 100000, 1000000, 20000000, 150000000, 400000000};
    usec_t span = spans[pick(w, 6)];
    world_advance(w, 1 + (usec_t)(world_random(w) % (uint64_t)span));
}

static void do_again(struct world *w)
{
    client_again(w, any_client(w));
}

static void flip_bytes(struct world *w, uint8_t *p, size_t n)
{
    for (unsigned i = 1 + pick(w, 3); i > 0; i--)
        p[pick(w, (unsigned)n)] ^= (uint8_t)(1u << pick(w, 8));
}

/* Somebody on the way, or a client that cannot count. */
static void do_mutilated(struct world *w)
{
    struct client *c = any_client(w);
    if (c->sent_n == 0)
        return;
    uint8_t bytes[PACKET_MAX];
    memcpy(bytes, c->sent, c->sent_n);
    flip_bytes(w, bytes, c->sent_n);
    size_t n = pick(w, 4) ? c->sent_n : pick(w, (unsigned)c->sent_n);
    world_to_server(w, &c->flow, span_of(bytes, n));
}

static void do_event(struct world *w)
{
    struct client *c = any_client(w);
    switch (pick(w, 10)) {
    case 0:
        client_rebind(w, c);
        break;
    case 1:
        world_kill(w, (uint16_t)(PORT_FIRST + pick(w, PORTS)));
        break;
    case 2:
        world_close_flow(w, &c->flow);
        break;
    case 3:
    case 4:
        world_set_conf(w, (enum world_conf)pick(w, CONFS));
        break;
    case 5:
        w->open_errors = (int)pick(w, 20);
        w->open_error = pick(w, 2) ? EADDRINUSE : EMFILE;
        break;
    case 6:
        world_timed_login(w, c, world_wall(w) + pick(w, 2000) - 500);
        break;
    case 7:
        c->nonce_len = 0;
        break;
    default:
        w->late = (usec_t)pick(w, 2000000);
    }
}

static void play_step(struct world *w)
{
    static void (*const moves[])(struct world *) = {
        do_ask,     do_ask,    do_ask,    do_ask,   do_data,      do_data,  do_data, do_data,
        do_peer,    do_peer,   do_peer,   do_again, do_mutilated, do_event, do_icmp, do_time,
        do_connect, do_accept, do_accept, do_dial,  do_dial,      do_link,  do_link, do_connect,
    };
    moves[pick(w, 24)](w);
    world_advance(w, pick(w, 3) ? 0 : (usec_t)pick(w, 50000));
    world_check(w);
}

static void play(uint64_t seed)
{
    int64_t before = mem_live();
    struct world *w = world_new(seed);
    w->loss = pick(w, 3) ? 0 : pick(w, 30);
    w->twice = pick(w, 3) ? 0 : pick(w, 30);
    w->delay = pick(w, 2) ? 0 : (usec_t)pick(w, 300000) + 1;
    for (w->step = 0; w->step < STEPS_PER_ROUND; w->step++)
        play_step(w);
    if (seed % 4 == 0)
        scenario_nothing_lost(w);
    world_free(w);
    assert_int_equal(mem_live(), before);
}

static void rounds(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++)
        play(seed);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        play(strtoull(argv[1], NULL, 10));
        return 0;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(rounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
