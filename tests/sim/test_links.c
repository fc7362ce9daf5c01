/* Links one by one: their numbers, their exact times, what the host may ask at the wrong moment. */
#include "scenario.h"

#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { E = 1, WHO = 5 /* speaks TCP, to this engine */ };

static int ask(struct world *w, struct client *c, const struct ask *a)
{
    client_ask(w, c, a);
    world_advance(w, 0);
    return c->result;
}

static struct addr peer_of(const struct world *w, int i)
{
    return w->peer[i].addr;
}

/* A world in which client 5 has a TCP allocation and peer 0 may connect to it. */
static struct world *with_allocation(void)
{
    struct world *w = world_new(3);
    struct client *c = &w->client[WHO];
    struct addr peer = peer_of(w, 0);
    assert_int_equal(ask(w, c, &(struct ask){.method = STUN_ALLOCATE, .tcp = true}), 0);
    struct ask permit = {.method = STUN_CREATE_PERMISSION, .peers = {peer}, .n_peers = 1};
    assert_int_equal(ask(w, c, &permit), 0);
    return w;
}

static void begin(struct world *w, int peer)
{
    struct ask a = {.method = STUN_CONNECT, .peers = {peer_of(w, peer)}, .n_peers = 1};
    assert_int_equal(ask(w, &w->client[WHO], &a), -1);
}

static uint32_t opened(struct world *w, int peer)
{
    begin(w, peer);
    int link = world_link_opening(w, &w->client[WHO]);
    assert_true(link >= 0);
    world_link_answer(w, E, (uint32_t)link, true);
    world_advance(w, 0);
    assert_int_equal(w->client[WHO].result, 0);
    return (uint32_t)link;
}

static int64_t accepted(struct world *w, int peer)
{
    struct addr from = peer_of(w, peer);
    return world_link_accept(w, &w->client[WHO].relayed[from.family == ADDR_V6], &from);
}

static int bind_id(struct world *w, uint32_t id)
{
    struct ask a = {.method = STUN_CONNECTION_BIND, .has_id = true, .id = id};
    struct client *d = world_dial(w, &w->client[WHO], E);
    return ask(w, d, &a);
}

/* The engine sees this time, but its timers are not served. */
static int bind_at(struct world *w, uint32_t id, usec_t at)
{
    struct client *d = world_dial(w, &w->client[WHO], E);
    struct turn_flow *flow = &d->flow;
    uint8_t room[TURN_HEADROOM + PACKET_MAX + TURN_TAILROOM];
    struct turn_out out = {0};
    struct stun_msg m;
    for (int tries = 0; tries < 2; tries++) {
        d->ask = (struct ask){.method = STUN_CONNECTION_BIND, .has_id = true, .id = id};
        size_t n = client_build(w, d, room + TURN_HEADROOM, PACKET_MAX);
        struct turn_pkt pkt = {room + TURN_HEADROOM, n};
        if (turn_from_client(w->engine[E], flow, pkt, at, &out) == TURN_JOIN)
            return 0;
        assert_int_equal(stun_parse(out.data, &m), 0);
        struct span nonce = {0};
        if (!stun_get_bytes(&m, STUN_ATTR_NONCE, &nonce))
            break;
        memcpy(d->nonce, nonce.p, nonce.n);
        d->nonce_len = nonce.n;
    }
    return m.value[STUN_ATTR_ERROR_CODE].p[2] * 100 + m.value[STUN_ATTR_ERROR_CODE].p[3];
}

static void t_setup(void **state)
{
    (void)state;
    struct world *w = world_new(1);
    struct turn_setup setup = {.conf = w->conf,
                               .host = &w->host[0].host,
                               .max_relays = RELAYS,
                               .max_links = TURN_LINKS_MAX + 1};
    static const struct {
        uint32_t links;
        uint16_t workers;
        bool good;
    } rows[] = {
        {TURN_LINKS_MAX, 64, true}, {TURN_LINKS_MAX + 1, 1, false}, {1, 65, false}, {0, 65, true}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct turn_shared_conf conf = {{PORT_FIRST, PORT_LAST}, rows[i].workers};
        setup.shared = turn_shared_new(&conf);
        setup.max_links = rows[i].links;
        struct turn *t = turn_new(&setup);
        assert_int_equal(t != NULL, rows[i].good);
        turn_free(t);
        turn_shared_free(setup.shared);
    }
    world_free(w);
}

/* Handles rest, ids of one handle differ and name their engine and their handle. */
static void t_ids(void **state)
{
    (void)state;
    struct world *w = with_allocation();
    uint32_t last[LINKS] = {0};
    unsigned used[LINKS] = {0};
    unsigned same = 0;
    for (unsigned i = 0; i < 4000; i++) {
        int64_t link = accepted(w, 0);
        assert_in_range(link, 0, LINKS - 1);
        assert_int_equal(link, i % LINKS);
        uint32_t id = w->host[E].link[link].id;
        assert_int_equal(id >> ID_WORKER_SHIFT, E);
        assert_int_equal(id & ID_HANDLE_MASK, link);
        assert_int_not_equal(id >> 12 & 0x3FFF, 0);
        same += id == last[link];
        last[link] = id;
        used[link]++;
        world_link_gone(w, E, (uint32_t)link);
        world_advance(w, 0);
    }
    assert_true(same <= 3);
    assert_int_equal(used[0], 1000);
    world_free(w);
}

/* To the microsecond, whenever the timers come. */
static void t_bind_time(void **state)
{
    (void)state;
    const usec_t s = USEC_PER_SEC;
    struct world *w = with_allocation();
    uint32_t link = opened(w, 1);
    uint32_t id = w->host[E].link[link].id;
    assert_int_equal(bind_at(w, id, w->now + LINK_BIND_S * s), 400);
    assert_int_equal(bind_at(w, id, w->now + LINK_BIND_S * s - 1), 0);
    assert_int_equal(bind_at(w, id, w->now), 400);
    w->host[E].link[link].state = LINK_JOINED;
    /* Joined, it outlives what it waited for, but not its allocation. */
    assert_true(turn_link_passed(w->engine[E], link, 1, w->now + 600 * s - 1) <= w->now);
    assert_int_equal(turn_link_passed(w->engine[E], link, 1, w->now + 600 * s), USEC_NEVER);
    world_advance(w, 700 * s);
    assert_int_equal(w->host[E].link[link].state, LINK_FREE);
    world_free(w);
}

/* A link that waits is over with its relayed address, before anything is swept. */
static void t_bind_after_the_family(void **state)
{
    (void)state;
    const usec_t s = USEC_PER_SEC;
    struct world *w = with_allocation();
    world_advance(w, 580 * s);
    uint32_t id = w->host[E].link[opened(w, 1)].id;
    assert_int_equal(bind_at(w, id, w->now + 20 * s), 400);
    assert_int_equal(bind_at(w, id, w->now + 20 * s - 1), 0);
    w->host[E].link[id & ID_HANDLE_MASK].state = LINK_JOINED;
    world_free(w);
}

/* One connection to one peer, whatever becomes of it. */
static void t_same_peer(void **state)
{
    (void)state;
    struct world *w = with_allocation();
    struct ask a = {.method = STUN_CONNECT, .peers = {peer_of(w, 0)}, .n_peers = 1};
    struct client *c = &w->client[WHO];
    begin(w, 0);
    assert_int_equal(accepted(w, 0), -EACCES);
    assert_int_equal(ask(w, c, &a), 446);
    c->result = -1;
    world_link_answer(w, E, 0, true);
    world_advance(w, 0);
    assert_int_equal(accepted(w, 0), -EACCES);
    assert_int_equal(ask(w, c, &a), 446);
    assert_int_equal(bind_id(w, w->host[E].link[0].id), 0);
    assert_int_equal(accepted(w, 0), -EACCES);
    assert_int_equal(ask(w, c, &a), 446);
    world_link_gone(w, E, 0);
    assert_int_equal(accepted(w, 0), 1);
    assert_int_equal(ask(w, c, &a), 446);
    /* Another port of the same host is another peer. */
    struct addr other = peer_of(w, 0);
    other.port++;
    assert_int_equal(world_link_accept(w, &c->relayed[TURN_V4], &other), 2);
    world_free(w);
}

static void t_not_there(void **state)
{
    (void)state;
    struct world *w = with_allocation();
    struct turn *t = w->engine[E];
    struct turn_out out;
    struct addr peer = peer_of(w, 0);
    static const uint32_t nowhere[] = {0, LINKS - 1, LINKS, TURN_LINKS_MAX, UINT32_MAX};
    for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
        turn_link_closed(t, nowhere[i]);
        assert_int_equal(turn_link_passed(t, nowhere[i], 1, w->now), USEC_NEVER);
        assert_int_equal(turn_link_connected(t, nowhere[i], true, w->now, &out), TURN_DROP);
        assert_int_equal(turn_link_connected(t, nowhere[i], false, w->now, &out), TURN_DROP);
    }
    assert_int_equal(turn_link_accepted(t, UINT32_MAX, &peer, w->now, &out), -EACCES);
    assert_int_equal(turn_link_accepted(t, RELAYS - 1, &peer, w->now, &out), -EACCES);
    /* Once is enough. */
    uint32_t link = opened(w, 1);
    assert_int_equal(turn_link_connected(t, link, false, w->now, &out), TURN_DROP);
    assert_int_equal(turn_link_passed(t, link, 1, w->now), USEC_NEVER);
    world_check(w);
    world_free(w);
}

/* A relay of one family is not another's. */
static void t_wrong_relay(void **state)
{
    (void)state;
    struct world *w = world_new(3);
    struct client *c = &w->client[WHO];
    struct ask a = {.method = STUN_ALLOCATE, .tcp = true, .additional = 2};
    assert_int_equal(ask(w, c, &a), 0);
    struct ask permit = {.method = STUN_CREATE_PERMISSION, .n_peers = 2};
    permit.peers[0] = peer_of(w, 0);
    permit.peers[1] = peer_of(w, 3);
    assert_int_equal(ask(w, c, &permit), 0);
    struct turn_out out;
    int64_t v4 = turn_relay_find(w->engine[E], &c->relayed[TURN_V4]);
    int64_t v6 = turn_relay_find(w->engine[E], &c->relayed[TURN_V6]);
    for (int i = 0; i < 2; i++) {
        uint32_t wrong = (uint32_t)(i ? v4 : v6);
        int64_t got = turn_link_accepted(w->engine[E], wrong, &permit.peers[i], w->now, &out);
        assert_int_equal(got, -EACCES);
    }
    assert_int_equal(accepted(w, 3), 0);
    assert_int_equal(accepted(w, 0), 1);
    world_free(w);
}

static void t_counted(void **state)
{
    (void)state;
    struct world *w = with_allocation();
    struct turn_stats before;
    struct turn_stats after;
    uint32_t link = opened(w, 1);
    assert_int_equal(bind_id(w, w->host[E].link[link].id), 0);
    turn_stats(w->engine[E], &before);
    world_link_passed(w, E, link, 5000);
    world_link_passed(w, E, link, 0);
    world_link_passed(w, E, link, 7);
    turn_stats(w->engine[E], &after);
    assert_int_equal(after.relayed_bytes - before.relayed_bytes, 5007);
    assert_int_equal(after.relayed_packets - before.relayed_packets, 2);
    assert_int_equal(after.links, 1);
    turn_stats(w->engine[E], &before);
    assert_int_equal(accepted(w, 2), -EACCES);
    turn_stats(w->engine[E], &after);
    assert_int_equal(after.dropped_permission - before.dropped_permission, 1);
    world_free(w);
}

/* The late answer is signed with the key of its request, not with another one, and has a
 * FINGERPRINT if that had one. */
static void t_late_answer(void **state)
{
    (void)state;
    for (int modern = 0; modern < 2; modern++) {
        struct world *w = with_allocation();
        struct client *c = &w->client[WHO];
        c->modern = modern;
        c->nonce_len = 0;
        for (int i = 0; i < 30; i++) {
            uint32_t link = opened(w, i % 3);
            assert_int_equal(c->printed, c->tid[0] & 1);
            world_link_gone(w, E, link);
        }
        begin(w, 1);
        world_link_answer(w, E, (uint32_t)world_link_opening(w, c), false);
        world_advance(w, 0);
        assert_int_equal(c->result, 447);
        world_free(w);
    }
}

/* Of account, prefix and allocation the one that owes most decides. */
static void t_debts(void **state)
{
    (void)state;
    static const uint64_t speeds[][3] = {{1000, 0, 0}, {0, 1000, 0}, {0, 0, 1000}, {2000, 1000, 0}};
    for (size_t i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++) {
        struct world *w = with_allocation();
        struct turn_conf conf = *w->conf;
        conf.limits.bytes_per_allocation = speeds[i][0];
        conf.limits.bytes_per_account = speeds[i][1];
        conf.limits.bytes_per_prefix = speeds[i][2];
        uint32_t link = opened(w, 1);
        assert_int_equal(bind_id(w, w->host[E].link[link].id), 0);
        turn_set_conf(w->engine[E], &conf);
        usec_t when = turn_link_passed(w->engine[E], link, 65536 + 10000, w->now);
        assert_int_equal(when, w->now + 10 * USEC_PER_SEC);
        turn_set_conf(w->engine[E], w->conf);
        world_free(w);
    }
}

/* Everything that still stands is closed with the engine. */
static void t_end(void **state)
{
    (void)state;
    int64_t before = mem_live();
    struct world *w = with_allocation();
    opened(w, 1);
    uint32_t joined = opened(w, 2);
    assert_int_equal(bind_id(w, w->host[E].link[joined].id), 0);
    begin(w, 0);
    for (int e = 0; e < ENGINES; e++) {
        turn_free(w->engine[e]);
        w->engine[e] = NULL;
    }
    for (int i = 0; i < LINKS; i++)
        assert_int_equal(w->host[E].link[i].state, LINK_FREE);
    world_free(w);
    assert_int_equal(mem_live(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_setup),       cmocka_unit_test(t_ids),
        cmocka_unit_test(t_bind_time),   cmocka_unit_test(t_bind_after_the_family),
        cmocka_unit_test(t_same_peer),   cmocka_unit_test(t_not_there),
        cmocka_unit_test(t_wrong_relay), cmocka_unit_test(t_counted),
        cmocka_unit_test(t_late_answer), cmocka_unit_test(t_debts),
        cmocka_unit_test(t_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
