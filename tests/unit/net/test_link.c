/* TCP towards peers: both ways of getting a connection, what passes, and how it ends. */
#include "peers.h"

static void t_out_and_in(void **state)
{
    uint8_t bytes[64];
    struct peers p;

    (void)state;
    peers_begin(&p);
    peers_start(&p);
    int out = connect_out(&p, "0");
    int in = connect_in(&p, "1");
    struct addr own = local_addr(in);
    assert_int_not_equal(own.port, p.relay);
    union sock_name name;
    socklen_t n = sizeof name;
    struct addr seen;
    assert_int_equal(getpeername(out, &name.sa, &n), 0);
    assert_true(sockaddr_to_addr(&name, n, &seen));
    assert_int_equal(seen.port, p.relay);

    put_text(out, "early");
    int a = greeted(&p.s.f);
    /* The message and what lies behind it in one segment. */
    size_t len = stun_message(bytes, (char[]){'B', p.worker, '0'}, 3);
    memcpy(bytes + len, "behind", 6);
    put(a, bytes, len + 6);
    expect_text(a, "b0early");
    expect_text(out, "behind");
    put(a, "\x40\1\0\1z", 5); /* no ChannelData any more */
    stream_expect(out, "\x40\1\0\1z", 5);
    int b = joined(&p, '1');
    put_text(b, "up");
    expect_text(in, "up");
    put_text(in, "down");
    expect_text(b, "down");
    assert_int_equal(links(&p), 2);
    close(in);
    expect_closed(b);
    close(a);
    expect_closed(out);
    close(b);
    close(out);
    assert_int_equal(links(&p), 0);
    expect_open(p.control);
    peers_end(&p);
}

/* A message that came in pieces, with bytes behind its end. */
static void t_join_in_pieces(void **state)
{
    uint8_t bytes[64];
    struct peers p;

    (void)state;
    peers_begin(&p);
    peers_start(&p);
    int out = connect_out(&p, "0");
    int a = greeted(&p.s.f);
    size_t len = stun_message(bytes, (char[]){'B', p.worker, '0'}, 3);
    memcpy(bytes + len, "behind", 6);
    put(a, bytes, 21);
    turn_over(&p.s.f);
    put(a, bytes + 21, len + 6 - 21);
    expect_text(a, "b0");
    expect_text(out, "behind");
    close(a);
    close(out);
    peers_end(&p);
}

static void t_no_connection(void **state)
{
    struct peers p;
    int stuck;

    (void)state;
    peers_begin(&p);
    peers_start(&p);
    close(p.listening);
    order_port(p.control, "N0", p.at.port);
    expect_text(p.control, "f0");
    /* Nobody answers: its queue is full. */
    p.at = tcp_listen(&p.listening);
    assert_int_equal(listen(p.listening, 0), 0);
    stuck = tcp_to(&p.at);
    order_port(p.control, "N0", p.at.port);
    turn_over(&p.s.f);
    put_forward += 25 * USEC_PER_SEC;
    turn_over(&p.s.f);
    expect_open(p.control);
    put_forward += 7 * USEC_PER_SEC;
    turn_over(&p.s.f);
    expect_text(p.control, "f0");
    close(stuck);
    peers_end(&p);
}

static void t_one_too_many(void **state)
{
    struct peers p;

    (void)state;
    peers_begin(&p);
    p.s.f.conf.max_links = 1;
    peers_start(&p);
    int in = connect_in(&p, "0");
    struct addr relay = loopback_addr(p.relay);
    int more = tcp_to(&relay);
    expect_closed(more);
    expect_open(p.control);
    order_port(p.control, "N1", p.at.port);
    expect_text(p.control, "e1");
    close(more);
    close(in);
    peers_end(&p);
}

/* Without TCP relays there is nothing to open them with. */
static void t_none_at_all(void **state)
{
    struct peers p;

    (void)state;
    peers_begin(&p);
    p.s.f.conf.max_links = 0;
    secure_start(&p.s);
    p.control = greeted(&p.s.f);
    order_port(p.control, "L", free_port_of(ADDR_V4).port);
    expect_text(p.control, "e");
    peers_end(&p);
}

static void t_engine_closes(void **state)
{
    struct peers p;

    (void)state;
    peers_begin(&p);
    peers_start(&p);
    int waiting = connect_in(&p, "0");
    int out = connect_out(&p, "1");
    int a = joined(&p, '1');
    channel_say(p.control, "U0", 2);
    expect_closed(waiting);
    expect_open(a);
    channel_say(p.control, "U1", 2);
    expect_closed(out);
    expect_closed(a);
    close(waiting);
    close(out);
    close(a);
    /* The allocation ends, and with it whatever it had. */
    out = connect_out(&p, "2");
    a = joined(&p, '2');
    waiting = connect_in(&p, "0");
    close(p.control);
    expect_closed(out);
    expect_closed(a);
    expect_closed(waiting);
    int fds[] = {out, a, waiting};
    for (size_t i = 0; i < 3; i++)
        close(fds[i]);
    p.control = greet(&p, &p.worker);
    order_port(p.control, "L", p.relay); /* its port is free again */
    expect_text(p.control, "o");
    peers_end(&p);
}

static void t_one_side_ends(void **state)
{
    struct peers p;

    (void)state;
    peers_begin(&p);
    peers_start(&p);
    int out = connect_out(&p, "0");
    int a = joined(&p, '0');
    put_text(a, "last");
    shutdown(a, SHUT_WR);
    expect_text(out, "last");
    expect_closed(out);
    put_text(out, "late");
    expect_text(a, "late");
    put_forward += 7 * USEC_PER_SEC;
    turn_over(&p.s.f);
    put_text(out, "later");
    expect_text(a, "later");
    put_forward += 5 * USEC_PER_SEC;
    turn_over(&p.s.f);
    expect_closed(a);
    close(a);
    close(out);
    /* Both have ended. */
    out = connect_out(&p, "0");
    a = joined(&p, '0');
    shutdown(out, SHUT_WR);
    expect_closed(a);
    shutdown(a, SHUT_WR);
    expect_closed(out);
    assert_int_equal(links(&p), 0);
    close(a);
    close(out);
    peers_end(&p);
}

static void t_reset(void **state)
{
    struct linger reset = {.l_onoff = 1};
    struct peers p;

    (void)state;
    peers_begin(&p);
    peers_start(&p);
    for (int i = 0; i < 2; i++) {
        int out = connect_out(&p, "0");
        int a = joined(&p, '0');
        setsockopt(i ? a : out, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(i ? a : out);
        expect_closed(i ? out : a);
        close(i ? out : a);
    }
    assert_int_equal(links(&p), 0);
    peers_end(&p);
}

static void t_idle(void **state)
{
    struct peers p;

    (void)state;
    peers_begin(&p);
    peers_start(&p);
    int out = connect_out(&p, "0");
    int a = joined(&p, '0');
    for (int i = 0; i < 2; i++) {
        put_forward += 590 * USEC_PER_SEC;
        turn_over(&p.s.f);
        expect_open(a);
        put_text(out, "x");
        expect_text(a, "x");
        turn_over(&p.s.f);
    }
    put_forward += 602 * USEC_PER_SEC;
    turn_over(&p.s.f);
    expect_closed(a);
    expect_closed(out);
    expect_open(p.control);
    close(a);
    close(out);
    peers_end(&p);
}

static void t_rate(void **state)
{
    enum { BYTES = 1 << 19 };
    struct turn_stats stats;
    pthread_t thread;
    struct peers p;
    void *result;

    (void)state;
    peers_begin(&p);
    peers_start(&p);
    struct flood peer = {connect_out(&p, "0"), BYTES};
    int a = joined(&p, '0');
    channel_say(p.control, (char[]){'P', PACE_REST}, 2);
    turn_over(&p.s.f);
    struct timespec before;
    struct timespec after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    assert_int_equal(pthread_create(&thread, NULL, flood_write, &peer), 0);
    flood_read(a, BYTES);
    pthread_join(thread, &result);
    assert_non_null(result);
    clock_gettime(CLOCK_MONOTONIC, &after);
    /* Every read of at most 64 KiB costs 50 ms. */
    assert_true((after.tv_sec - before.tv_sec) * 1000 +
                    (after.tv_nsec - before.tv_nsec) / 1000000 >=
                7 * 50);
    (void)links(&p);
    net_stats(p.s.f.net, &stats);
    assert_int_equal(stats.relayed_bytes, BYTES);
    close(peer.fd);
    close(a);
    /* Who must not pass any more. */
    int out = connect_out(&p, "1");
    a = joined(&p, '1');
    channel_say(p.control, (char[]){'P', PACE_NEVER}, 2);
    turn_over(&p.s.f);
    put_text(out, "x");
    expect_closed(a);
    expect_closed(out);
    close(a);
    close(out);
    peers_end(&p);
}

static void t_floods_both_ways(void **state)
{
    enum { BYTES = 8 << 20 };
    struct peers p;
    pthread_t up;
    pthread_t down;
    void *result;

    (void)state;
    peers_begin(&p);
    peers_start(&p);
    struct flood peer = {connect_in(&p, "0"), BYTES};
    struct flood client = {joined(&p, '0'), BYTES};
    assert_int_equal(pthread_create(&up, NULL, flood_write, &client), 0);
    assert_int_equal(pthread_create(&down, NULL, flood_write, &peer), 0);
    for (int i = 0; i < 20; i++)
        turn_over(&p.s.f);
    flood_read(client.fd, BYTES);
    flood_read(peer.fd, BYTES);
    pthread_join(up, &result);
    assert_non_null(result);
    pthread_join(down, &result);
    assert_non_null(result);
    close(client.fd);
    close(peer.fd);
    peers_end(&p);
}

/* Memory may end at any step: somebody gets a closed connection, and nothing is left behind. */
static void t_no_memory(void **state)
{
    uint8_t got[8];
    struct peers p;

    (void)state;
    peers_begin(&p);
    peers_start(&p);
    for (int i = 0; i < 8; i++) {
        int a = greeted(&p.s.f);
        mem_fail_after(i);
        order_port(p.control, "N0", p.at.port);
        assert_int_equal(receive_within(p.control, LOOPBACK_WAIT_MS, got, sizeof got), 2);
        bool is_up = *got == 'c';
        assert_true(is_up || *got == 'e');
        int out = is_up ? tcp_accept(p.listening) : -1;
        if (is_up)
            stun_say(a, (char[]){'B', p.worker, '0'}, 3);
        if (is_up && receive_within(a, LOOPBACK_WAIT_MS, got, 2) <= 0)
            expect_closed(out);
        mem_fail_after(-1);
        close(a);
        close(out);
        assert_int_equal(links(&p), 0);
        struct addr relay = loopback_addr(p.relay);
        mem_fail_after(i);
        int in = tcp_to(&relay);
        bool is_wanted = i > 0;
        if (is_wanted)
            stream_expect(p.control, "a0", 2);
        else
            expect_closed(in);
        mem_fail_after(-1);
        if (is_wanted)
            channel_say(p.control, "U0", 2);
        close(in);
    }
    peers_end(&p);
}

/* --- The end of the server --- */

static void t_shutdown_with_all_kinds(void **state)
{
    struct peers p;

    (void)state;
    peers_begin(&p);
    peers_start(&p);
    int stuck = tcp_to(&p.at);
    int waiting = connect_in(&p, "0");
    int in = connect_in(&p, "1");
    SSL *ssl = tls_joined(&p, '1');
    int in2 = connect_in(&p, "2");
    int a = joined(&p, '2');
    assert_int_equal(listen(p.listening, 0), 0);
    order_port(p.control, "N3", p.at.port); /* connects for ever */
    turn_over(&p.s.f);
    net_stop(p.s.f.net);
    peers_end(&p);
    tls_end(ssl);
    int fds[] = {stuck, waiting, in, in2, a};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        close(fds[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_out_and_in),
        cmocka_unit_test(t_join_in_pieces),
        cmocka_unit_test(t_no_connection),
        cmocka_unit_test(t_one_too_many),
        cmocka_unit_test(t_none_at_all),
        cmocka_unit_test(t_engine_closes),
        cmocka_unit_test(t_one_side_ends),
        cmocka_unit_test(t_reset),
        cmocka_unit_test(t_idle),
        cmocka_unit_test(t_rate),
        cmocka_unit_test(t_floods_both_ways),
        cmocka_unit_test(t_no_memory),
        cmocka_unit_test(t_shutdown_with_all_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
