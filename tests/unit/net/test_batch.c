/* Outgoing queues: order, grouping, purge, errors of others, DF, source address, TOS. */
#include "loopback.h"

#include "net/batch_int.h"

enum { OUTLETS = 3 };

struct world {
    struct batch batch;
    struct outlet out[OUTLETS];
    int peer; /* where everything goes */
    struct addr to;
};

static int set_up(void **state)
{
    static struct world w;
    int much = 1 << 22;

    batch_init(&w.batch, true);
    for (int i = 0; i < OUTLETS; i++)
        outlet_init(&w.out[i], loopback_socket(), ADDR_V4, false);
    w.peer = loopback_socket();
    w.to = local_addr(w.peer);
    setsockopt(w.peer, SOL_SOCKET, SO_RCVBUF, &much, sizeof much);
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < OUTLETS; i++)
        close(w->out[i].fd);
    close(w->peer);
    return 0;
}

static void push(struct world *w, unsigned outlet, const char *text)
{
    struct out_pkt pkt = {.data = span_text(text), .to = w->to};
    batch_push(&w->batch, &w->out[outlet], &pkt);
}

static void expect_text(struct world *w, unsigned outlet, const char *text)
{
    char got[64] = {0};
    union sock_name name;
    socklen_t n = sizeof name;
    struct addr from;
    struct addr want = local_addr(w->out[outlet].fd);

    assert_true(recvfrom(w->peer, got, sizeof got - 1, MSG_DONTWAIT, &name.sa, &n) >= 0);
    assert_string_equal(got, text);
    assert_true(sockaddr_to_addr(&name, n, &from));
    assert_true(addr_eq(&from, &want));
}

static void t_groups_by_outlet_and_keeps_order(void **state)
{
    struct world *w = *state;

    push(w, 0, "a1");
    push(w, 1, "b1");
    push(w, 0, "a2");
    push(w, 1, "");
    push(w, 0, "a3");
    expect_nothing(w->peer);
    batch_flush(&w->batch);
    expect_text(w, 0, "a1");
    expect_text(w, 0, "a2");
    expect_text(w, 0, "a3");
    expect_text(w, 1, "b1");
    expect_text(w, 1, "");
    batch_flush(&w->batch);
    expect_nothing(w->peer);
}

static void t_purge_forgets_one_outlet_only(void **state)
{
    struct world *w = *state;

    push(w, 0, "a1");
    push(w, 1, "b1");
    push(w, 0, "a2");
    push(w, 2, "c1");
    batch_purge(&w->out[0]);
    push(w, 1, "b2");
    batch_flush(&w->batch);
    expect_text(w, 1, "b1");
    expect_text(w, 1, "b2");
    expect_text(w, 2, "c1");
    expect_nothing(w->peer);
    push(w, 0, "a3");
    batch_flush(&w->batch);
    expect_text(w, 0, "a3");
}

static void t_full_batch_flushes_itself(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < BATCH_MAX + 1; i++)
        push(w, 0, "x");
    for (int i = 0; i < BATCH_MAX; i++)
        expect_text(w, 0, "x");
    expect_nothing(w->peer);
    batch_flush(&w->batch);
    expect_text(w, 0, "x");
}

static void t_other_family_is_dropped(void **state)
{
    struct world *w = *state;
    struct out_pkt pkt = {.data = span_text("x"), .to = w->to};

    pkt.to.family = ADDR_V6;
    batch_push(&w->batch, &w->out[0], &pkt);
    pkt.to.family = ADDR_NONE;
    batch_push(&w->batch, &w->out[0], &pkt);
    push(w, 0, "y");
    batch_flush(&w->batch);
    expect_text(w, 0, "y");
    expect_nothing(w->peer);
}

/* An ICMP error of an earlier datagram is reported to whatever is sent next, and must cost none. */
static void t_pending_error_costs_no_datagram(void **state)
{
    struct world *w = *state;
    struct addr nobody = free_addr();
    struct out_pkt lost = {.data = span_text("lost"), .to = nobody};
    int one = 1;

    setsockopt(w->out[0].fd, IPPROTO_IP, IP_RECVERR, &one, sizeof one);
    batch_push(&w->batch, &w->out[0], &lost);
    push(w, 0, "1");
    batch_push(&w->batch, &w->out[0], &lost);
    batch_push(&w->batch, &w->out[0], &lost);
    push(w, 0, "2");
    batch_flush(&w->batch);
    batch_push(&w->batch, &w->out[0], &lost);
    batch_flush(&w->batch);
    push(w, 0, "3");
    batch_flush(&w->batch);
    expect_text(w, 0, "1");
    expect_text(w, 0, "2");
    expect_text(w, 0, "3");
}

/* Too long for UDP: an error of its own, which must not take the neighbours along. */
static void t_bad_datagram_costs_itself_only(void **state)
{
    static uint8_t huge[65535];
    struct world *w = *state;
    struct out_pkt bad = {.data = span_of(huge, sizeof huge), .to = w->to};

    push(w, 0, "1");
    batch_push(&w->batch, &w->out[0], &bad);
    push(w, 0, "2");
    batch_flush(&w->batch);
    expect_text(w, 0, "1");
    expect_text(w, 0, "2");
    expect_nothing(w->peer);
}

static int discover(int fd)
{
    int value = -1;
    socklen_t n = sizeof value;
    assert_int_equal(getsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &value, &n), 0);
    return value;
}

static void t_dont_fragment_is_for_one_datagram(void **state)
{
    struct world *w = *state;
    struct out_pkt df = {.data = span_text("df"), .to = w->to, .dont_fragment = true};

    assert_int_equal(outlet_allow_fragments(w->out[0].fd, ADDR_V4), 0);
    push(w, 0, "1");
    batch_push(&w->batch, &w->out[0], &df);
    batch_push(&w->batch, &w->out[0], &df);
    push(w, 0, "2");
    batch_flush(&w->batch);
    expect_text(w, 0, "1");
    expect_text(w, 0, "df");
    expect_text(w, 0, "df");
    expect_text(w, 0, "2");
    assert_int_equal(discover(w->out[0].fd), IP_PMTUDISC_OMIT);
}

static void t_source_address_and_tos(void **state)
{
    struct world *w = *state;
    uint8_t other_ip[4] = {127, 0, 0, 2};
    struct addr any = {.family = ADDR_V4};
    uint8_t control[64];
    char text[8];
    union sock_name name;
    struct iovec iov = {text, sizeof text};
    struct msghdr m = {.msg_name = &name,
                       .msg_namelen = sizeof name,
                       .msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof control};
    int one = 1;
    struct outlet out;
    struct out_pkt pkt = {
        .data = span_text("x"), .to = w->to, .from = addr_make(ADDR_V4, other_ip, 0), .tos = 0xb8};

    outlet_init(&out, bound_socket(&any), ADDR_V4, true);
    setsockopt(w->peer, IPPROTO_IP, IP_RECVTOS, &one, sizeof one);
    batch_push(&w->batch, &out, &pkt);
    pkt.from = (struct addr){0};
    batch_push(&w->batch, &out, &pkt); /* no source: not sent at all */
    batch_flush(&w->batch);

    assert_int_equal(recvmsg(w->peer, &m, MSG_DONTWAIT), 1);
    assert_memory_equal(&name.in.sin_addr, other_ip, 4);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    assert_non_null(c);
    assert_int_equal(c->cmsg_type, IP_TOS);
    assert_int_equal(*CMSG_DATA(c), 0xb8);
    expect_nothing(w->peer);
    close(out.fd);
}

/* Equal neighbours go as a train, and come as what they were. */
static void t_trains_arrive_as_datagrams(void **state)
{
    static const char *const texts[] = {"aaaa", "bbbb", "cc", "dd", "eeee", "ff", "", "g"};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        push(w, 0, texts[i]);
    batch_flush(&w->batch);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect_text(w, 0, texts[i]);
    expect_nothing(w->peer);
}

static void t_trains_split_where_the_way_parts(void **state)
{
    struct world *w = *state;
    int other = loopback_socket();
    struct out_pkt pkt = {.data = span_text("x")};
    struct addr to[2] = {w->to, local_addr(other)};

    for (int i = 0; i < 6; i++) {
        pkt.to = to[i / 2 % 2];
        pkt.tos = i == 5 ? 0x20 : 0;
        batch_push(&w->batch, &w->out[0], &pkt);
    }
    batch_flush(&w->batch);
    for (int i = 0; i < 4; i++)
        expect_text(w, 0, "x");
    expect_nothing(w->peer);
    for (int i = 0; i < 2; i++)
        expect_bytes(other, "x", 1);
    expect_nothing(other);
    close(other);
}

enum { LONG_RUN = 200 };

/* More than one train's worth, with a size that makes its bytes the limit. */
static void t_long_trains(void **state)
{
    static uint8_t data[LONG_RUN][1300];
    struct world *w = *state;

    for (unsigned i = 0; i < LONG_RUN; i++) {
        memset(data[i], (int)i, sizeof data[i]);
        struct out_pkt pkt = {.data = span_of(data[i], sizeof data[i]), .to = w->to};
        batch_push(&w->batch, &w->out[0], &pkt);
    }
    batch_flush(&w->batch);
    for (unsigned i = 0; i < LONG_RUN; i++)
        expect_bytes(w->peer, data[i], sizeof data[i]);
    expect_nothing(w->peer);
}

/* Port 0 refuses everything: a refused train costs itself only, and no later train. */
static void t_refused_train(void **state)
{
    struct world *w = *state;
    struct out_pkt bad = {.data = span_text("x"), .to = loopback_addr(0)};

    push(w, 0, "1");
    for (int i = 0; i < 3; i++)
        batch_push(&w->batch, &w->out[0], &bad);
    push(w, 0, "2");
    push(w, 0, "3");
    batch_flush(&w->batch);
    expect_text(w, 0, "1");
    expect_text(w, 0, "2");
    expect_text(w, 0, "3");
    assert_false(w->out[0].no_trains);
}

/* What a train would be sent as when the device cannot cut it. */
static void t_without_trains(void **state)
{
    struct world *w = *state;

    w->out[0].no_trains = true;
    push(w, 0, "a");
    push(w, 0, "b");
    push(w, 0, "c");
    batch_flush(&w->batch);
    expect_text(w, 0, "a");
    expect_text(w, 0, "b");
    expect_text(w, 0, "c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(t_groups_by_outlet_and_keeps_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_purge_forgets_one_outlet_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_full_batch_flushes_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_other_family_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_pending_error_costs_no_datagram, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_bad_datagram_costs_itself_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_dont_fragment_is_for_one_datagram, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_source_address_and_tos, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_trains_arrive_as_datagrams, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_trains_split_where_the_way_parts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_long_trains, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_refused_train, set_up, tear_down),
        cmocka_unit_test_setup_teardown(t_without_trains, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
