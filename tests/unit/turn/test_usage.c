/* What is counted for usage statistics: by the room's own counters, and by an engine around them.
 */
#include "turn/usage.h"

#include "unit/turn/bench.h"

#define MIB ((uint64_t)1 << 20)

static uint64_t taken(struct usage *u, enum turn_use use)
{
    uint64_t sums[TURN_USES];
    usage_take(u, sums);
    return sums[use];
}

static void t_volume_is_rounded_and_clipped(void **state)
{
    static const struct {
        uint64_t bytes;
        uint64_t units;
    } rows[] = {
        {0, 0},           {1, 0},
        {8 * MIB - 1, 0}, {8 * MIB, 1},
        {16 * MIB, 1},    {24 * MIB - 1, 1},
        {24 * MIB, 2},    {248 * MIB - 1, 15},
        {248 * MIB, 16},  {256 * MIB - 1, 16},
        {256 * MIB, 16},  {256 * MIB + 1, 16},
        {264 * MIB, 16},  {UINT64_MAX, 16},
    };
    struct usage *u = usage_new();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        usage_ended(u, rows[i].bytes);
        assert_int_equal(taken(u, TURN_USE_VOLUME), rows[i].units);
        assert_int_equal(taken(u, TURN_USE_VOLUME), 0);
    }
    usage_free(u);
}

/* --- Refused logins --- */

enum { PERIOD = USAGE_PERIOD_S };

static void refuse(struct usage *u, uint32_t nonce, usec_t made)
{
    usage_refused(u, span_of(&nonce, sizeof nonce), made);
}

static void t_nonce_counts_once(void **state)
{
    struct usage *u = usage_new();

    (void)state;
    for (int i = 0; i < 10; i++)
        refuse(u, 1, 7 * S);
    assert_int_equal(taken(u, TURN_USE_REJECTED), 1);
    refuse(u, 1, 7 * S);
    assert_int_equal(taken(u, TURN_USE_REJECTED), 0);
    refuse(u, 2, 7 * S);
    refuse(u, 3, 7 * S);
    refuse(u, 2, 7 * S);
    assert_int_equal(taken(u, TURN_USE_REJECTED), 2);
    usage_free(u);
}

/* A nonce of the last period is known while those of the next come in, and forgotten with the one
 * after that; by then it is good no more. */
static void t_periods(void **state)
{
    struct usage *u = usage_new();

    (void)state;
    refuse(u, 1, PERIOD * S - 1);
    for (uint32_t i = 2; i < 100; i++)
        refuse(u, i, PERIOD * S);
    assert_int_equal(taken(u, TURN_USE_REJECTED), 99);
    refuse(u, 1, PERIOD * S - 1);
    refuse(u, 2, PERIOD * S);
    assert_int_equal(taken(u, TURN_USE_REJECTED), 0);
    for (int64_t p = 2; p < 20; p++) {
        refuse(u, 200, p * PERIOD * S);
        refuse(u, 200, (p + 1) * PERIOD * S - 1);
        assert_int_equal(taken(u, TURN_USE_REJECTED), 1);
    }
    usage_free(u);
}

/* A flood: nobody counts twice, and the number grows with every period. */
static void t_flood(void **state)
{
    struct usage *u = usage_new();

    (void)state;
    for (int64_t p = 0; p < 3; p++) {
        uint64_t once = 0;
        for (int twice = 0; twice < 2; twice++) {
            for (uint32_t i = 0; i < 2 * USAGE_SLOTS; i++)
                refuse(u, i, p * PERIOD * S);
            once = twice ? once : taken(u, TURN_USE_REJECTED);
        }
        assert_in_range(once, USAGE_SLOTS * 9 / 10, USAGE_SLOTS);
        assert_int_equal(taken(u, TURN_USE_REJECTED), 0);
    }
    usage_free(u);
}

enum { STEPS = 2000, WINDOWS = 8 };

struct history {
    uint64_t windows[WINDOWS];
};

/* The same refused logins with one nonce more or less, wherever it comes; 64 nonces, each used
 * several times, over two periods. */
static struct history play(struct usage *u, uint32_t left_out, int64_t period)
{
    struct history h = {{0}};
    uint32_t random = 12345;

    for (unsigned i = 0; i < STEPS; i++) {
        random = random * 1664525 + 1013904223;
        uint32_t nonce = random >> 26;
        if (nonce != left_out)
            refuse(u, nonce, (period + (nonce & 1)) * PERIOD * S);
        h.windows[i * WINDOWS / STEPS] += taken(u, TURN_USE_REJECTED);
    }
    return h;
}

/* The sum of what it changes in all statistics windows, which is what noise has to hide. */
static void t_one_nonce_changes_one_count_by_one(void **state)
{
    struct usage *u = usage_new();
    struct history all = play(u, UINT32_MAX, 0);

    (void)state;
    for (uint32_t left_out = 0; left_out < 64; left_out++) {
        struct history h = play(u, left_out, 4 * left_out + 4);
        unsigned changed = 0;
        for (int i = 0; i < WINDOWS; i++) {
            assert_in_range(all.windows[i] - h.windows[i], 0, 1);
            changed += all.windows[i] != h.windows[i];
        }
        assert_int_equal(changed, 1);
    }
    usage_free(u);
}

/* --- An engine --- */

struct uses {
    uint64_t allocations;
    uint64_t volume;
    uint64_t rejected;
};

static void expect(struct bench *b, struct uses want)
{
    uint64_t got[TURN_USES];
    turn_take_usage(b->shared, got);
    assert_int_equal(got[TURN_USE_ALLOCATIONS], want.allocations);
    assert_int_equal(got[TURN_USE_VOLUME], want.volume);
    assert_int_equal(got[TURN_USE_REJECTED], want.rejected);
}

static void t_births(void **state)
{
    static struct bench b;

    (void)state;
    bench_begin(&b, (struct turn_limits){.allocations = 2});
    b.conf.relay[TURN_V6].local = b.conf.relay[TURN_V6].announced =
        addr_make(ADDR_V6, (uint8_t[16]){0x20, 1, 0xd, 0xb8}, 0);
    struct writer w = allocate(&b);
    stun_put_number(&w, STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY, 2);
    assert_int_equal(finish(&b, &w), 0);
    expect(&b, (struct uses){.allocations = 1});
    /* byte by byte again, and another one that there is no room for */
    assert_int_equal(answer_to(&b, &(struct writer){.p = w.p, .n = w.n, .cap = w.cap}), 0);
    assert_int_equal(allocates(&b), 437);
    expect(&b, (struct uses){0});
    from_client(&b, v4(40, 0, 0, 2, 4000));
    assert_int_equal(allocates(&b), 0);
    from_client(&b, v4(40, 0, 0, 3, 4000));
    assert_int_equal(allocates(&b), 508);
    expect(&b, (struct uses){.allocations = 1});
    bench_end(&b);
}

enum { CHUNK = 32768 };

/* So many bytes, a third of them towards the client. */
static void relay(struct bench *b, uint64_t bytes)
{
    struct turn_out out;
    struct turn_peer_pkt in = {.peer = peer(1)};
    struct addr relayed;

    assert_true(stun_get_addr(&b->reply, STUN_ATTR_XOR_RELAYED_ADDRESS, &relayed));
    in.relay = (uint32_t)turn_relay_find(b->turn, &relayed);
    assert_int_equal(permits(b, 1, 1), 0);
    for (unsigned i = 0; bytes > 0; i++) {
        size_t n = bytes < CHUNK ? bytes : CHUNK;
        in.pkt = (struct turn_pkt){packet(b), n};
        if (i % 3)
            assert_true(sends(b, 1, n));
        else
            assert_int_equal(turn_from_peer(b->turn, &in, b->now, &out), TURN_TO_CLIENT);
        bytes -= n;
    }
}

static void end_by_refresh(struct bench *b)
{
    assert_int_equal(refreshes(b, 0), 0);
}

static void end_by_time(struct bench *b)
{
    b->now += 3601 * S;
    turn_expire(b->turn, b->now);
}

static void end_by_flow(struct bench *b)
{
    turn_flow_closed(b->turn, &b->flow);
}

static void end_by_kill(struct bench *b)
{
    for (uint16_t port = PORT_FIRST; port <= PORT_LAST; port++)
        turn_kill(b->turn, port);
}

static void t_volume_at_every_end(void **state)
{
    static struct bench b;
    static void (*const ends[])(struct bench *) = {end_by_refresh, end_by_time, end_by_flow,
                                                   end_by_kill};
    static const struct {
        uint64_t bytes;
        uint64_t units;
    } rows[] = {{8 * MIB - 1, 0}, {8 * MIB, 1},    {248 * MIB - 1, 15},
                {248 * MIB, 16},  {256 * MIB, 16}, {265 * MIB, 16}};

    (void)state;
    bench_begin(&b, (struct turn_limits){0});
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        from_client(&b, v4(40, 0, 0, (uint8_t)i, 4000));
        allocate_long(&b);
        relay(&b, rows[i].bytes);
        expect(&b, (struct uses){.allocations = 1});
        ends[i % 4](&b);
        expect(&b, (struct uses){.volume = rows[i].units});
        ends[(i + 1) % 3 + 1](&b); /* is over already */
        expect(&b, (struct uses){0});
    }
    bench_end(&b);
}

static void t_dropped_bytes_do_not_count(void **state)
{
    static struct bench b;

    (void)state;
    bench_begin(&b, (struct turn_limits){.bytes_per_allocation = 1000});
    allocate_long(&b);
    assert_int_equal(permits(&b, 1, 1), 0);
    for (int i = 0; i < 1000; i++)
        sends(&b, 1, CHUNK);
    end_by_flow(&b);
    expect(&b, (struct uses){.allocations = 1});
    bench_end(&b);
}

static void t_kill_of_another_port(void **state)
{
    static struct bench b;

    (void)state;
    bench_begin(&b, (struct turn_limits){0});
    allocate_long(&b);
    struct addr relayed;
    assert_true(stun_get_addr(&b.reply, STUN_ATTR_XOR_RELAYED_ADDRESS, &relayed));
    for (unsigned port = 0; port < 65536; port++) {
        if (port != relayed.port)
            turn_kill(b.turn, (uint16_t)port);
    }
    assert_true(turn_flow_lives(b.turn, &b.flow, b.now));
    turn_kill(b.turn, relayed.port);
    assert_false(turn_flow_lives(b.turn, &b.flow, b.now));
    turn_kill(b.turn, relayed.port);
    bench_end(&b);
}

/* --- Refused logins at an engine --- */

/* Under the nonce that is there. */
static int tries(struct bench *b)
{
    struct writer w = begin(b, STUN_REQUEST, STUN_ALLOCATE);
    stun_put_number(&w, STUN_ATTR_REQUESTED_TRANSPORT, 17);
    return finish(b, &w);
}

static void t_refused_logins(void **state)
{
    static struct bench b;
    static const struct {
        unsigned good;
        int refusal;
        uint64_t counts;
    } rows[] = {
        {NEVER_GOOD, 0, 1}, {0, -ENOENT, 1}, {0, -EKEYEXPIRED, 1}, {0, -EKEYREVOKED, 1}, {0, 0, 0}};

    (void)state;
    bench_begin(&b, (struct turn_limits){0});
    b.conf.revocations = true;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        take_nonce(&b);
        expect(&b, (struct uses){0});
        b.good = rows[i].good;
        b.refusal = rows[i].refusal;
        for (int again = 0; again < 3; again++)
            assert_int_equal(tries(&b), rows[i].counts ? 401 : again ? 437 : 0);
        expect(&b, (struct uses){.rejected = rows[i].counts, .allocations = !rows[i].counts});
    }
    bench_end(&b);
}

/* Good for an hour, it is used in two periods. */
static void t_refused_over_the_edge_of_a_period(void **state)
{
    static struct bench b;

    (void)state;
    bench_begin(&b, (struct turn_limits){0});
    b.good = NEVER_GOOD;
    b.now = (PERIOD - 20) * S;
    take_nonce(&b);
    for (int i = 0; i < 30; i++, b.now += 100 * S)
        assert_int_equal(tries(&b), 401);
    expect(&b, (struct uses){.rejected = 1});
    b.now += 1000 * S; /* stale: a password is not even looked at for its sake */
    assert_int_equal(tries(&b), 401);
    expect(&b, (struct uses){0});
    take_nonce(&b);
    assert_int_equal(tries(&b), 401);
    take_nonce(&b);
    assert_int_equal(tries(&b), 401);
    expect(&b, (struct uses){.rejected = 2});
    from_client(&b, v4(40, 0, 0, 9, 4000)); /* somebody else's */
    assert_int_equal(tries(&b), 401);
    expect(&b, (struct uses){0});
    bench_end(&b);
}

/* Whoever is not answered for his budget has been refused all the same. */
static void t_refused_without_an_answer(void **state)
{
    static struct bench b;

    (void)state;
    bench_begin(&b, (struct turn_limits){.unproven_per_prefix = 1});
    b.good = NEVER_GOOD;
    take_nonce(&b);
    assert_int_equal(tries(&b), -1);
    expect(&b, (struct uses){.rejected = 1});
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_volume_is_rounded_and_clipped),
        cmocka_unit_test(t_nonce_counts_once),
        cmocka_unit_test(t_periods),
        cmocka_unit_test(t_flood),
        cmocka_unit_test(t_one_nonce_changes_one_count_by_one),
        cmocka_unit_test(t_births),
        cmocka_unit_test(t_volume_at_every_end),
        cmocka_unit_test(t_dropped_bytes_do_not_count),
        cmocka_unit_test(t_kill_of_another_port),
        cmocka_unit_test(t_refused_logins),
        cmocka_unit_test(t_refused_over_the_edge_of_a_period),
        cmocka_unit_test(t_refused_without_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
