/* What TCP allocations add to usage statistics and to a trace: bytes that pass the engine by, and
 * answers that come later than their requests. And over any run, nothing is counted that was not.
 */
#include "scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { E = 1, WHO = 5 /* speaks TCP, to this engine */, NOTES = 32, MIB = 1 << 20 };

static struct turn_note notes[NOTES];
static unsigned n_notes;

static void note(struct turn_host *host, const struct turn_note *n)
{
    (void)host;
    assert_true(n_notes < NOTES);
    notes[n_notes++] = *n;
}

static int ask(struct world *w, struct client *c, const struct ask *a)
{
    client_ask(w, c, a);
    world_advance(w, 0);
    return c->result;
}

static struct world *with_allocation(void)
{
    struct world *w = world_new(3);
    struct client *c = &w->client[WHO];
    w->host[E].host.note = note;
    turn_set_trace(w->engine[E], span_text(c->user));
    assert_int_equal(ask(w, c, &(struct ask){.method = STUN_ALLOCATE, .tcp = true}), 0);
    n_notes = 0;
    return w;
}

/* A connection to this peer stands or fails; then it is told how the request was answered. */
static uint32_t connects(struct world *w, int peer, bool stands)
{
    struct client *c = &w->client[WHO];
    struct ask a = {.method = STUN_CONNECT, .peers = {w->peer[peer].addr}, .n_peers = 1};
    const struct turn_note *told = notes;
    assert_int_equal(ask(w, c, &a), -1);
    assert_int_equal(n_notes, 0);
    int link = world_link_opening(w, c);
    assert_true(link >= 0);
    world_link_answer(w, E, (uint32_t)link, stands);
    world_advance(w, 0);
    assert_int_equal(n_notes, 1);
    assert_int_equal(told->method, STUN_CONNECT);
    assert_int_equal(told->code, stands ? 0 : STUN_CONNECTION_FAILED);
    assert_true(told->is_answered && addr_eq(&told->peer, &w->peer[peer].addr));
    assert_true(addr_eq(&told->relayed, &c->relayed[TURN_V4]));
    assert_true(addr_eq(&told->client, &c->flow.client));
    n_notes = 0;
    return (uint32_t)link;
}

static void binds(struct world *w)
{
    struct client *d = world_dial(w, &w->client[WHO], E);
    struct ask a = {.method = STUN_CONNECTION_BIND, .has_id = true, .id = w->client[WHO].link_id};
    assert_int_equal(ask(w, d, &a), 0);
    const struct turn_note *told = &notes[n_notes - 1];
    assert_int_equal(told->method, STUN_CONNECTION_BIND);
    assert_true(addr_eq(&told->client, &d->flow.client));
    assert_true(addr_eq(&told->relayed, &w->client[WHO].relayed[TURN_V4]));
    n_notes = 0;
}

static void expect(struct world *w, uint64_t allocations, uint64_t volume)
{
    uint64_t got[TURN_USES];
    turn_take_usage(w->shared, got);
    assert_int_equal(got[TURN_USE_ALLOCATIONS], allocations);
    assert_int_equal(got[TURN_USE_VOLUME], volume);
    assert_int_equal(got[TURN_USE_REJECTED], 0);
}

static void t_bytes_of_links(void **state)
{
    (void)state;
    struct world *w = with_allocation();
    expect(w, 1, 0);
    connects(w, 2, false);
    for (int peer = 0; peer < 2; peer++) {
        uint32_t link = connects(w, peer, true);
        binds(w);
        for (int i = 0; i < 20; i++)
            assert_true(world_link_passed(w, E, link, MIB) != USEC_NEVER);
    }
    expect(w, 0, 0);
    world_close_flow(w, &w->client[WHO].flow);
    assert_int_equal(n_notes, 1);
    assert_int_equal(notes->kind, TURN_NOTE_ENDED);
    assert_int_equal(notes->bytes, 40 * MIB);
    expect(w, 0, 3); /* 40 MiB are 2.5 units */
    world_free(w);
}

/* Whose it is not gets nothing told, though the connection that it names is the traced user's. */
static void t_stranger_binds(void **state)
{
    (void)state;
    struct world *w = with_allocation();
    connects(w, 0, true);
    struct client *d = world_dial(w, &w->client[WHO], E);
    d->user = "anna";
    d->password = "geheim";
    assert_string_not_equal(w->client[WHO].user, "anna");
    struct ask a = {.method = STUN_CONNECTION_BIND, .has_id = true, .id = w->client[WHO].link_id};
    assert_int_equal(ask(w, d, &a), STUN_WRONG_CREDENTIALS);
    assert_int_equal(n_notes, 0);
    world_free(w);
}

/* Every scenario there is: as many births as the engines have seen, and no unit without bytes. */
static void t_sums_agree(void **state)
{
    (void)state;
    size_t n;
    const struct scenario *all = scenarios(&n);
    for (size_t i = 0; i < n; i++) {
        uint64_t got[TURN_USES];
        uint64_t allocated = 0;
        uint64_t bytes = 0;
        struct world *w = world_new(i + 1);
        scenario_run(&all[i], w, true);
        for (int e = 0; e < ENGINES; e++) {
            struct turn_stats s;
            turn_stats(w->engine[e], &s);
            allocated += s.allocated;
            bytes += s.relayed_bytes;
        }
        turn_take_usage(w->shared, got);
        assert_int_equal(got[TURN_USE_ALLOCATIONS], allocated);
        assert_true(got[TURN_USE_VOLUME] <= 2 * bytes / TURN_VOLUME_UNIT);
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_bytes_of_links),
        cmocka_unit_test(t_stranger_binds),
        cmocka_unit_test(t_sums_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
