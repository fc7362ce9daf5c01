/* What strangers send in bulk is thinned out in the kernel, and what of it still comes through. */
#include "loopback.h"

#include <sys/socket.h>

#include "net/shed_int.h"

enum { BURST = 400, WHOLE = 120, LOOK = 10000, CALM = 1000000 };

struct world {
    struct shed shed;
    int fd;
    int peer;
    struct addr to;
    usec_t now;
};

static int set_up_of(void **state, uint8_t family)
{
    static struct world w;
    int large = 4 << 20;

    w = (struct world){.fd = loopback_socket_of(family), .peer = loopback_socket_of(family)};
    w.to = local_addr(w.fd);
    w.now = 1000 * USEC_PER_SEC;
    assert_int_equal(setsockopt(w.fd, SOL_SOCKET, SO_RCVBUFFORCE, &large, sizeof large), 0);
    *state = &w;
    return 0;
}

static int set_up(void **state)
{
    return set_up_of(state, ADDR_V4);
}

static int set_up6(void **state)
{
    return set_up_of(state, ADDR_V6);
}

static int tear_down(void **state)
{
    struct world *w = *state;

    close(w->fd);
    close(w->peer);
    return 0;
}

/* --- What is sent --- */

struct kind {
    const char *name;
    size_t n;
    uint8_t first[8];
};

static const struct kind channel = {"ChannelData", 24, {0x40, 0, 0, 20}};
static const struct kind old_channel = {"ChannelData of RFC 5766", 24, {0x7f, 0xff, 0, 20}};
static const struct kind dtls_data = {"data in DTLS", 60, {23, 0xfe, 0xfd}};
static const struct kind send_indication = {
    "Send", 60, {0x00, 0x16, 0, 40, 0x21, 0x12, 0xa4, 0x42}};
static const struct kind bare = {"Allocate", 28, {0x00, 0x03, 0, 8, 0x21, 0x12, 0xa4, 0x42}};
static const struct kind whole = {
    "Allocate with credentials", WHOLE, {0x00, 0x03, 0, 100, 0x21, 0x12, 0xa4, 0x42}};
static const struct kind no_cookie = {"STUN without its cookie", WHOLE, {0x00, 0x03, 0, 100}};
static const struct kind hello = {"ClientHello", 200, {22, 0xfe, 0xff}};
static const struct kind noise = {"noise", 64, {0xd3, 0x11}};
static const struct kind nothing = {"nothing", 0, {0}};

static void send_one(const struct world *w, const struct kind *k)
{
    uint8_t data[WHOLE * 2] = {0};
    union sock_name name;
    socklen_t len = sockaddr_from_addr(&w->to, &name);

    memcpy(data, k->first, sizeof k->first);
    assert_int_equal(sendto(w->peer, data, k->n, 0, &name.sa, len), k->n);
}

static unsigned drain(const struct world *w)
{
    uint8_t data[2048];
    unsigned n = 0;

    while (recv(w->fd, data, sizeof data, MSG_DONTWAIT) >= 0)
        n++;
    return n;
}

/* Of a burst, how many came through. */
static unsigned through(const struct world *w, const struct kind *k)
{
    drain(w);
    for (int i = 0; i < BURST; i++)
        send_one(w, k);
    return drain(w);
}

/* A share of 1/64 of 400 is over 40, and one of 1/8 outside of 12 to 110, less often than once in
 * 10^15 runs. */
static void expect_all(const struct world *w, const struct kind *k)
{
    print_message("%s: all\n", k->name);
    assert_int_equal(through(w, k), BURST);
}

static void expect_few(const struct world *w, const struct kind *k)
{
    print_message("%s: few\n", k->name);
    assert_in_range(through(w, k), 0, 40);
}

static void expect_eighth(const struct world *w, const struct kind *k)
{
    print_message("%s: one in eight\n", k->name);
    assert_in_range(through(w, k), 10, 120);
}

/* --- How it comes there --- */

static void weigh(struct world *w, usec_t later)
{
    w->now += later;
    shed_weigh(&w->shed, w->fd, w->now);
}

/* Media, which is always let in, until the queue is more than half full; then one look, that much
 * later. */
static void crowd(struct world *w, usec_t later)
{
    for (int i = 0; i < 20000; i++)
        send_one(w, &channel);
    weigh(w, later);
    drain(w);
}

static void t_nothing_is_kept_back_from_a_queue_with_room(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < 100; i++)
        send_one(w, &bare);
    weigh(w, 0);
    assert_int_equal(w->shed.level, 0);
    expect_all(w, &bare);
    expect_all(w, &noise);
    expect_all(w, &nothing);
}

static void t_media_always_comes_through(void **state)
{
    struct world *w = *state;

    for (int level = 1; level <= 3; level++) {
        crowd(w, LOOK);
        assert_int_equal(w->shed.level, level);
        expect_all(w, &channel);
        expect_all(w, &old_channel);
        expect_all(w, &dtls_data);
        expect_all(w, &send_indication);
    }
}

static void t_strangers_are_first(void **state)
{
    struct world *w = *state;

    crowd(w, 0);
    expect_few(w, &bare);
    expect_few(w, &no_cookie);
    expect_few(w, &hello);
    expect_few(w, &noise);
    assert_int_equal(through(w, &nothing), 0);
    expect_all(w, &whole);
}

static void t_those_with_credentials_are_next(void **state)
{
    struct world *w = *state;

    crowd(w, 0);
    crowd(w, LOOK);
    expect_few(w, &bare);
    expect_eighth(w, &whole);
    crowd(w, LOOK);
    expect_few(w, &whole);
    crowd(w, LOOK);
    assert_int_equal(w->shed.level, 3);
}

static void t_each_level_is_given_time(void **state)
{
    struct world *w = *state;

    crowd(w, 0);
    crowd(w, LOOK - 1);
    assert_int_equal(w->shed.level, 1);
    crowd(w, 1);
    assert_int_equal(w->shed.level, 2);
}

static void t_all_comes_through_again_after_a_calm_second(void **state)
{
    struct world *w = *state;

    crowd(w, 0);
    crowd(w, LOOK);
    weigh(w, CALM - 1);
    expect_few(w, &bare);
    crowd(w, 0);
    weigh(w, CALM - 1);
    assert_int_not_equal(w->shed.level, 0);
    weigh(w, 1);
    assert_int_equal(w->shed.level, 0);
    expect_all(w, &bare);
    expect_all(w, &noise);
    crowd(w, 0);
    assert_int_equal(w->shed.level, 1);
}

static void t_a_flood_that_goes_on_is_let_in_ever_more_rarely(void **state)
{
    static const usec_t calms[] = {1, 2, 4, 8, 8, 8};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof calms / sizeof *calms; i++) {
        crowd(w, 1);
        assert_int_equal(w->shed.level, 1);
        weigh(w, calms[i] * CALM - 1);
        assert_int_equal(w->shed.level, 1);
        weigh(w, 1);
        assert_int_equal(w->shed.level, 0);
    }
    crowd(w, 8 * CALM);
    weigh(w, CALM);
    assert_int_equal(w->shed.level, 0);
}

static void t_a_socket_that_refuses_keeps_its_level(void **state)
{
    struct world *w = *state;
    int fd = w->fd;

    crowd(w, 0);
    w->fd = -1;
    weigh(w, CALM);
    w->fd = fd;
    assert_int_equal(w->shed.level, 1);
    weigh(w, CALM);
    assert_int_equal(w->shed.level, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(t_nothing_is_kept_back_from_a_queue_with_room),
        T(t_media_always_comes_through),
        T(t_strangers_are_first),
        T(t_those_with_credentials_are_next),
        T(t_each_level_is_given_time),
        T(t_all_comes_through_again_after_a_calm_second),
        T(t_a_flood_that_goes_on_is_let_in_ever_more_rarely),
        T(t_a_socket_that_refuses_keeps_its_level),
        {"t_ipv6", t_strangers_are_first, set_up6, tear_down, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
