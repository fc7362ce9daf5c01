/* Trains of datagrams as they are received, taken apart, and asked for only where they pay. */
#include "loopback.h"

#include <netinet/udp.h>

#include "net/arena_int.h"
#include "net/gro_int.h"

enum { SEGMENT = 100, TRIAL = 64, SETTLED = 100000 };

struct world {
    struct arena arena;
    struct gro gro;
    int fd;
    int peer;
    struct addr to;
};

static int set_up(void **state)
{
    static struct world w;

    w = (struct world){.fd = loopback_socket(), .peer = loopback_socket()};
    w.to = local_addr(w.fd);
    assert_int_equal(arena_init(&w.arena), 0);
    gro_init(&w.gro, true);
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    arena_free(&w->arena);
    close(w->fd);
    close(w->peer);
    return 0;
}

static bool asks(const struct world *w)
{
    int value = -1;
    socklen_t n = sizeof value;

    assert_int_equal(getsockopt(w->fd, SOL_UDP, UDP_GRO, &value, &n), 0);
    assert_int_equal(value, w->gro.is_on);
    return value;
}

static void weigh(struct world *w, uint16_t messages, uint16_t datagrams, usec_t now)
{
    gro_weigh(&w->gro, w->fd, (struct gro_read){messages, datagrams}, now);
}

/* Turns it on, and lets it settle. */
static usec_t begin(struct world *w, usec_t now)
{
    weigh(w, 2, 2, now);
    assert_true(asks(w));
    return now + SETTLED;
}

static void trial(struct world *w, uint16_t datagrams, usec_t now)
{
    weigh(w, TRIAL, datagrams, now);
}

/* --- Asking --- */

static void t_single_datagrams_are_no_reason_to_ask(void **state)
{
    struct world *w = *state;

    for (usec_t now = 0; now < 100; now++)
        weigh(w, 1, 1, now * USEC_PER_SEC);
    assert_false(asks(w));
    weigh(w, 2, 2, 100 * USEC_PER_SEC);
    assert_true(asks(w));
}

static void t_what_was_in_the_queue_before_does_not_count(void **state)
{
    struct world *w = *state;
    usec_t settled = begin(w, 0);

    for (int i = 0; i < 100; i++)
        trial(w, TRIAL, settled - 1);
    assert_true(asks(w));
    trial(w, TRIAL, settled);
    assert_false(asks(w));
}

static void t_it_stays_while_it_pays(void **state)
{
    struct world *w = *state;
    usec_t settled = begin(w, 0);

    for (usec_t i = 0; i < 100; i++) {
        trial(w, TRIAL + TRIAL / 2, settled + i);
        assert_true(asks(w));
    }
    trial(w, TRIAL + TRIAL / 10, settled + 100);
    assert_false(asks(w));
}

static void t_it_is_weighed_over_enough(void **state)
{
    struct world *w = *state;
    usec_t settled = begin(w, 0);

    for (int i = 1; i < TRIAL; i++) {
        weigh(w, 1, 1, settled);
        assert_true(asks(w));
    }
    weigh(w, 1, 1, settled);
    assert_false(asks(w));
}

static void t_each_try_in_vain_makes_it_more_patient(void **state)
{
    static const unsigned waits[] = {1, 2, 4, 8, 16, 32, 64, 64, 64};
    struct world *w = *state;
    usec_t now = 0;

    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        now = begin(w, now);
        trial(w, TRIAL, now);
        assert_false(asks(w));
        now += waits[i] * USEC_PER_SEC;
        weigh(w, 2, 2, now - 1);
        assert_false(asks(w));
    }
    now = begin(w, now);
    trial(w, 2 * TRIAL, now);
    trial(w, TRIAL, now);
    begin(w, now + USEC_PER_SEC);
}

static void t_who_does_not_want_it_is_not_given_it(void **state)
{
    struct world *w = *state;

    gro_init(&w->gro, false);
    weigh(w, 32, 32, 1000 * USEC_PER_SEC);
    assert_false(asks(w));
}

static void t_where_it_is_refused_it_stays_off(void **state)
{
    struct world *w = *state;
    int fd = w->fd;

    w->fd = -1;
    weigh(w, 2, 2, 0);
    w->fd = fd;
    weigh(w, 2, 2, 1000 * USEC_PER_SEC);
    assert_false(asks(w));
}

/* --- Taking apart --- */

/* n bytes that tell their place, as a train where it is longer than a segment. */
static void send_train(const struct world *w, size_t n)
{
    uint8_t data[64 * SEGMENT];
    union sock_name name;
    socklen_t len = sockaddr_from_addr(&w->to, &name);
    int segment = SEGMENT;

    for (size_t i = 0; i < n; i++)
        data[i] = (uint8_t)(i / SEGMENT);
    assert_int_equal(setsockopt(w->peer, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment), 0);
    assert_int_equal(sendto(w->peer, data, n, 0, &name.sa, len), n);
}

static struct arrival receive(struct world *w)
{
    const struct arena_source source = {w->fd, 1, true};
    struct arrival in;

    assert_int_equal(arena_recv(&w->arena, &source), 1);
    assert_true(arena_get(&w->arena, 0, &in));
    return in;
}

static void expect_parts(const struct arrival *in, size_t total, bool crowded)
{
    struct train t = train_of(in);
    size_t i = 0;

    for (; train_next(&t); i++) {
        size_t left = total - i * SEGMENT;
        assert_int_equal(t.next.pkt.n, left < SEGMENT ? left : SEGMENT);
        assert_int_equal(t.next.is_crowded, crowded);
        assert_true(addr_eq(&t.next.from, &in->from));
        for (size_t k = 0; k < t.next.pkt.n; k++)
            assert_int_equal(t.next.pkt.p[k], i);
    }
    assert_int_equal(i, total == 0 ? 1 : (total + SEGMENT - 1) / SEGMENT);
}

static void t_trains_are_taken_apart_as_they_were(void **state)
{
    static const size_t totals[] = {
        0, 1, SEGMENT, 2 * SEGMENT, 2 * SEGMENT + 1, 63 * SEGMENT + 7, 64 * SEGMENT};
    struct world *w = *state;

    begin(w, 0);
    for (size_t i = 0; i < sizeof totals / sizeof *totals; i++) {
        send_train(w, totals[i]);
        struct arrival in = receive(w);
        assert_int_equal(in.pkt.n, totals[i]);
        expect_parts(&in, totals[i], totals[i] > SEGMENT);
    }
}

/* The kernel would not say how long its parts are once it is off. */
static void t_a_train_that_waits_is_not_cut_off(void **state)
{
    struct world *w = *state;
    usec_t settled = begin(w, 0);

    send_train(w, 5 * SEGMENT);
    trial(w, TRIAL, settled);
    assert_true(asks(w));
    struct arrival in = receive(w);
    assert_int_equal(in.segment, SEGMENT);
    expect_parts(&in, 5 * SEGMENT, true);
    trial(w, TRIAL, settled);
    assert_false(asks(w));
}

static void t_the_kernels_word_is_not_trusted_blindly(void **state)
{
    static const uint16_t segments[] = {0, SEGMENT, SEGMENT + 1, UINT16_MAX};
    uint8_t data[SEGMENT] = {0};
    struct world *w = *state;

    (void)w;
    for (size_t i = 0; i < sizeof segments / sizeof *segments; i++) {
        struct arrival in = {.pkt = {data, sizeof data}, .segment = segments[i]};
        expect_parts(&in, SEGMENT, false);
    }
}

static void t_what_is_pinned_stays(void **state)
{
    struct world *w = *state;

    begin(w, 0);
    send_train(w, 2 * SEGMENT);
    struct arrival in = receive(w);
    arena_pin(&w->arena);
    for (int i = 0; i < 2; i++) {
        arena_reset(&w->arena);
        assert_int_equal(arena_left(&w->arena), ARENA_SLOTS - 1);
        memset(arena_take(&w->arena, 2 * SEGMENT), 0xff, 2 * SEGMENT);
    }
    expect_parts(&in, 2 * SEGMENT, true);
    arena_unpin(&w->arena);
    arena_reset(&w->arena);
    assert_int_equal(arena_left(&w->arena), ARENA_SLOTS);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(t_single_datagrams_are_no_reason_to_ask),
        T(t_what_was_in_the_queue_before_does_not_count),
        T(t_it_stays_while_it_pays),
        T(t_it_is_weighed_over_enough),
        T(t_each_try_in_vain_makes_it_more_patient),
        T(t_who_does_not_want_it_is_not_given_it),
        T(t_where_it_is_refused_it_stays_off),
        T(t_trains_are_taken_apart_as_they_were),
        T(t_a_train_that_waits_is_not_cut_off),
        T(t_the_kernels_word_is_not_trusted_blindly),
        T(t_what_is_pinned_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
