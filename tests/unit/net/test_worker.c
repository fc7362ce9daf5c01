/* Workers around an engine that does as the packet says: every verdict, batches, timers, orders. */
#include "fake_engine.h"

static void t_answers_leave_the_engines_buffer(void **state)
{
    struct fixture f;
    char text[4] = "A?";

    (void)state;
    begin(&f, 1);
    for (char c = 'a'; c < 'a' + 20; c++)
        say(&f, f.client, (text[1] = c, text), 2);
    start(&f);
    for (char c = 'a'; c < 'a' + 20; c++)
        expect_bytes(f.client, (text[0] = '0', text[1] = c, text), 2);
    end(&f);
}

static void relays_both_ways(uint8_t family)
{
    struct fixture f;
    int peer = loopback_socket_of(family);
    uint16_t at = local_addr(peer).port;

    begin_with(&f, family, 1);
    start(&f);
    struct addr relayed = loopback_of(family, open_one(&f, f.client));
    say_port(&f, f.client, ORDER_SEND, at);
    expect_bytes(peer, "xy", 2);
    say_port(&f, f.client, ORDER_SEND_DF, at);
    expect_bytes(peer, "xy", 2);
    send_bytes(peer, &relayed, "hello", 5);
    uint8_t want[] = {'p', (uint8_t)(at >> 8), (uint8_t)at, 'h', 'e', 'l', 'l', 'o'};
    expect_bytes(f.client, want, sizeof want);
    send_bytes(peer, &relayed, "", 0);
    expect_bytes(f.client, want, 3);
    close(peer);
    end(&f);
}

static void t_relays_both_ways(void **state)
{
    (void)state;
    relays_both_ways(ADDR_V4);
    relays_both_ways(ADDR_V6);
}

/* The largest UDP datagrams there are on IPv4, whole. */
static void t_large_datagrams(void **state)
{
    static uint8_t big[65507];
    struct fixture f;
    int peer = loopback_socket();
    uint16_t at = local_addr(peer).port;

    (void)state;
    begin(&f, 1);
    start(&f);
    struct addr relayed = loopback_addr(open_one(&f, f.client));
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (uint8_t)(i * 7);
    big[0] = ORDER_SEND;
    big[1] = (uint8_t)(at >> 8);
    big[2] = (uint8_t)at;
    say(&f, f.client, big, sizeof big);
    expect_bytes(peer, big + 3, sizeof big - 3);
    send_bytes(peer, &relayed, big + 3, sizeof big - 3);
    big[0] = 'p';
    expect_bytes(f.client, big, sizeof big);
    close(peer);
    end(&f);
}

static void t_closed_relay_sends_no_more(void **state)
{
    struct fixture f;
    int peer = loopback_socket();
    uint16_t at = local_addr(peer).port;
    uint16_t relayed = free_addr().port;

    (void)state;
    begin(&f, 1);
    /* All of it lies in the socket before the worker starts, so it is one batch. */
    say_port(&f, f.client, ORDER_OPEN, relayed);
    say_port(&f, f.client, ORDER_SEND, at);
    say(&f, f.client, "C", 1);
    say_port(&f, f.client, ORDER_SEND, at);
    /* The port and the handle are free again, and nothing of the old one is left. */
    say_port(&f, f.client, ORDER_OPEN, relayed);
    say(&f, f.client, "A.", 2);
    start(&f);
    expect_bytes(f.client, "o", 1);
    expect_bytes(f.client, "o", 1);
    expect_bytes(f.client, "0.", 2);
    expect_nothing(peer);
    say_port(&f, f.client, ORDER_SEND, at);
    expect_bytes(peer, "xy", 2);
    close(peer);
    end(&f);
}

static void t_port_in_use(void **state)
{
    struct fixture f;
    int other = loopback_socket();

    (void)state;
    begin(&f, 1);
    start(&f);
    say_port(&f, f.client, ORDER_OPEN, local_addr(other).port);
    expect_bytes(f.client, "u", 1);
    open_one(&f, f.client);
    close(other);
    end(&f);
}

/* D13, D14, D16: the client hears of it, and the relay goes on as before. */
static void icmp_comes_back(uint8_t family, uint8_t type, uint8_t code)
{
    struct fixture f;
    struct addr nobody = free_addr_of(family);
    int peer = loopback_socket_of(family);
    uint16_t at = local_addr(peer).port;

    begin_with(&f, family, 1);
    start(&f);
    open_one(&f, f.client);
    for (int i = 0; i < 3; i++) {
        uint8_t want[] = {'i', type, code, (uint8_t)(nobody.port >> 8), (uint8_t)nobody.port};
        say_port(&f, f.client, ORDER_SEND, nobody.port);
        expect_bytes(f.client, want, sizeof want);
        say_port(&f, f.client, ORDER_SEND, at);
        expect_bytes(peer, "xy", 2);
    }
    close(peer);
    end(&f);
}

static void t_icmp_comes_back_and_closes_nothing(void **state)
{
    (void)state;
    icmp_comes_back(ADDR_V4, 3, 3);
    icmp_comes_back(ADDR_V6, 1, 4);
}

/* Which worker a client lands on is the kernel's choice by its port: tries until it is this one. */
static int client_of(const struct fixture *f, char worker)
{
    for (int i = 0; i < 200; i++) {
        int fd = loopback_socket();
        char got[2];
        say(f, fd, "A", 1);
        assert_int_equal(receive_within(fd, LOOPBACK_WAIT_MS, got, sizeof got), 1);
        if (*got == worker)
            return fd;
        close(fd);
    }
    fail_msg("no client reached worker %c", worker);
    return -1;
}

static void hairpin_to(const struct fixture *f, int from, uint8_t worker, uint16_t port)
{
    uint8_t p[] = {ORDER_HAIRPIN, worker, (uint8_t)(port >> 8), (uint8_t)port, 'z'};
    say(f, from, p, sizeof p);
    say(f, from, p, sizeof p - 1);
}

static void expect_hairpin(int fd, uint16_t from)
{
    uint8_t want[] = {'p', (uint8_t)(from >> 8), (uint8_t)from, 'z'};
    expect_bytes(fd, want, sizeof want);
    expect_bytes(fd, want, sizeof want - 1);
}

static void t_hairpin_within_and_between_workers(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, 2);
    start(&f);
    int a = client_of(&f, '0');
    int b = client_of(&f, '1');
    uint16_t relay_a = open_one(&f, a);
    uint16_t relay_b = open_one(&f, b);
    hairpin_to(&f, a, 0, relay_a);
    expect_hairpin(a, relay_a);
    hairpin_to(&f, a, 1, relay_b);
    expect_hairpin(b, relay_a);
    hairpin_to(&f, b, 0, relay_a);
    expect_hairpin(a, relay_b);
    hairpin_to(&f, a, 7, relay_b); /* no such worker */
    hairpin_to(&f, a, 1, relay_a); /* not there */
    say(&f, a, "A", 1);
    expect_bytes(a, "0", 1);
    close(a);
    close(b);
    end(&f);
}

static void t_world_lives_while_a_worker_may_use_it(void **state)
{
    struct fixture f;
    struct counted_world next = {.world.release = count_release};
    struct counted_world last = {.world.release = count_release};

    (void)state;
    begin(&f, 1);
    net_apply(f.net, &next.world);
    assert_int_equal(next.released, 0);
    net_apply(f.net, &last.world); /* the worker has not taken the one before, and never will */
    assert_int_equal(next.released, 1);
    assert_int_equal(last.released, 0);
    assert_int_equal(f.world.released, 0);
    end(&f);
    assert_int_equal(last.released, 1);
}

static void t_worlds_are_released_once(void **state)
{
    struct fixture f;
    struct counted_world next = {.world.release = count_release};
    struct counted_world last = {.world.release = count_release};

    (void)state;
    begin(&f, 2);
    net_apply(f.net, &next.world); /* before the threads run */
    start(&f);
    net_apply(f.net, &last.world);
    net_drain(f.net);
    end(&f);
    assert_int_equal(next.released, 1);
    assert_int_equal(last.released, 1);
}

static void t_statistics_add_up(void **state)
{
    struct fixture f;
    struct turn_stats s;

    (void)state;
    begin(&f, 2);
    start(&f);
    for (int i = 0; i < 10; i++) {
        int fd = loopback_socket();
        char got[2];
        say(&f, fd, "A", 1);
        assert_int_equal(receive_within(fd, LOOPBACK_WAIT_MS, got, sizeof got), 1);
        close(fd);
    }
    net_stop(f.net);
    net_stats(f.net, &s);
    assert_int_equal(s.relayed_packets, 10);
    end(&f);
}

/* The clock may jump (suspend, or a test of the process): the turn after that sees it. */
static void t_deadline_is_seen_in_the_next_turn(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, 1);
    start(&f);
    for (uint8_t times = 0; times < 3; times++) {
        say(&f, f.client, "T", 1);
        expect_bytes(f.client, &times, 1);
        put_forward += 599 * USEC_PER_SEC;
        for (int i = 0; i < 2; i++) { /* when the second is answered, the first's turn is over */
            say(&f, f.client, "A", 1);
            expect_bytes(f.client, "0", 1);
        }
        put_forward += 2 * USEC_PER_SEC;
        for (int i = 0; i < 2; i++) {
            say(&f, f.client, "A", 1);
            expect_bytes(f.client, "0", 1);
        }
    }
    end(&f);
}

static void t_random_bytes(void **state)
{
    struct fixture f;
    uint8_t got[2][601];

    (void)state;
    begin(&f, 1);
    start(&f);
    for (int i = 0; i < 2; i++) {
        say(&f, f.client, "R", 1);
        assert_int_equal(receive_within(f.client, LOOPBACK_WAIT_MS, got[i], sizeof got[i]), 600);
    }
    for (int i = 0; i < 600; i += 60)
        assert_memory_not_equal(got[0] + i, got[1] + i, 60);
    end(&f);
}

static void mark(int fd, uint8_t family, int tos)
{
    int one = 1;
    bool v6 = family == ADDR_V6;
    int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;

    setsockopt(fd, level, v6 ? IPV6_TCLASS : IP_TOS, &tos, sizeof tos);
    setsockopt(fd, level, v6 ? IPV6_RECVTCLASS : IP_RECVTOS, &one, sizeof one);
}

/* IPv4 gives a byte, IPv6 an int; neither reaches past the low byte here. */
static void expect_mark(int fd, uint8_t want)
{
    char text[16];
    uint8_t control[64];
    struct iovec iov = {text, sizeof text};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct pollfd p = {.fd = fd, .events = POLLIN};

    assert_int_equal(poll(&p, 1, LOOPBACK_WAIT_MS), 1);
    assert_true(recvmsg(fd, &m, 0) > 0);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    assert_non_null(c);
    assert_int_equal(*CMSG_DATA(c), want);
}

/* V2, V3: copied with the data in both directions when asked for, else zero; answers are ours. */
static void tos(uint8_t family, bool copy)
{
    struct fixture f;
    int peer = loopback_socket_of(family);
    uint16_t at = local_addr(peer).port;

    begin_with(&f, family, 1);
    f.conf.copy_tos = copy;
    begin_again(&f);
    start(&f);
    mark(f.client, family, 0xb8);
    mark(peer, family, 0x2a);
    struct addr relayed = loopback_of(family, open_one(&f, f.client));
    say(&f, f.client, "A", 1);
    expect_mark(f.client, 0);
    say_port(&f, f.client, ORDER_SEND, at);
    expect_mark(peer, copy ? 0xb8 : 0);
    send_bytes(peer, &relayed, "x", 1);
    expect_mark(f.client, copy ? 0x2a : 0);
    close(peer);
    end(&f);
}

static void t_tos(void **state)
{
    (void)state;
    tos(ADDR_V4, true);
    tos(ADDR_V4, false);
    tos(ADDR_V6, true);
    tos(ADDR_V6, false);
}

/* H19: an any-address answers from where it was asked. */
static void t_any_address_answers_from_where_it_was_asked(void **state)
{
    struct fixture f;
    char got[4];

    (void)state;
    begin(&f, 1);
    memset(f.conf.listen[0].addr.ip, 0, sizeof f.conf.listen[0].addr.ip);
    begin_again(&f);
    start(&f);
    for (uint8_t last = 1; last < 6; last++) {
        union sock_name name;
        socklen_t n = sizeof name;
        f.server.ip[3] = last;
        say(&f, f.client, "A", 1);
        struct pollfd p = {.fd = f.client, .events = POLLIN};
        assert_int_equal(poll(&p, 1, LOOPBACK_WAIT_MS), 1);
        assert_int_equal(recvfrom(f.client, got, sizeof got, 0, &name.sa, &n), 1);
        struct addr from;
        assert_true(sockaddr_to_addr(&name, n, &from));
        assert_true(addr_eq(&from, &f.server));
    }
    end(&f);
}

/* Whether the source was given with the answer does not show with one address; that the worker can
 * read where it was asked, and give it, does. */
static void t_any_address_of_ipv6(void **state)
{
    struct fixture f;

    (void)state;
    begin_with(&f, ADDR_V6, 1);
    memset(f.conf.listen[0].addr.ip, 0, sizeof f.conf.listen[0].addr.ip);
    begin_again(&f);
    start(&f);
    say(&f, f.client, "A", 1);
    expect_bytes(f.client, "0", 1);
    end(&f);
}

static void t_busy_listener_is_explained(void **state)
{
    struct fixture f;
    struct net_error err = {""};
    struct counted_world world = {.world.release = count_release};
    char text[ADDR_TEXT];

    (void)state;
    begin(&f, 2);
    assert_null(net_new(&f.conf, &world.world, &err));
    assert_int_equal(world.released, 1);
    assert_non_null(strstr(err.text, "in use by another process: stop it or change listen"));
    assert_non_null(strstr(err.text, addr_format(&f.server, text)));
    end(&f);
}

static void t_start_without_memory_leaves_nothing(void **state)
{
    struct fixture f;
    struct net_error err;

    (void)state;
    begin(&f, 2);
    net_free(f.net);
    for (int i = 0;; i++) {
        f.world.released = 0;
        err.text[0] = '\0';
        mem_fail_after(i);
        f.net = net_new(&f.conf, &f.world.world, &err);
        mem_fail_after(-1);
        if (f.net)
            break;
        assert_non_null(strstr(err.text, "out of memory"));
        assert_int_equal(f.world.released, 1);
        assert_int_equal(mem_live(), 0);
    }
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_answers_leave_the_engines_buffer),
        cmocka_unit_test(t_relays_both_ways),
        cmocka_unit_test(t_large_datagrams),
        cmocka_unit_test(t_closed_relay_sends_no_more),
        cmocka_unit_test(t_port_in_use),
        cmocka_unit_test(t_icmp_comes_back_and_closes_nothing),
        cmocka_unit_test(t_hairpin_within_and_between_workers),
        cmocka_unit_test(t_world_lives_while_a_worker_may_use_it),
        cmocka_unit_test(t_worlds_are_released_once),
        cmocka_unit_test(t_statistics_add_up),
        cmocka_unit_test(t_deadline_is_seen_in_the_next_turn),
        cmocka_unit_test(t_random_bytes),
        cmocka_unit_test(t_tos),
        cmocka_unit_test(t_any_address_answers_from_where_it_was_asked),
        cmocka_unit_test(t_any_address_of_ipv6),
        cmocka_unit_test(t_busy_listener_is_explained),
        cmocka_unit_test(t_start_without_memory_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
