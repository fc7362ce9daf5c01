/* Connections over TCP: what is owed and what may be dropped, limits and deadlines. */
#include "streams.h"

#include <sys/resource.h>

/* X6: answers are owed after the client has said that it is done; X15: then the allocation ends. */
static void t_X6_half_close(void **state)
{
    struct fixture f;
    uint16_t relayed = free_addr().port;

    (void)state;
    stream_begin(&f, ADDR_V4);
    stream_start(&f);
    int fd = greeted(&f);
    stun_say(fd, (uint8_t[]){'O', (uint8_t)(relayed >> 8), (uint8_t)relayed}, 3);
    for (int i = 0; i < 20; i++)
        stun_say(fd, "Aabcdefghijklmnopqrstuvwxyz", 27);
    shutdown(fd, SHUT_WR);
    stream_expect(fd, "o", 1);
    for (int i = 0; i < 20; i++)
        stream_expect(fd, "0abcdefghijklmnopqrstuvwxyz", 27);
    expect_closed(fd);
    turn_over(&f);
    struct addr at = loopback_addr(relayed);
    close(bound_socket(&at)); /* free again */
    close(fd);
    end(&f);
}

/* More than the socket takes at once is owed as well. */
static void t_X6_half_close_with_much_owed(void **state)
{
    enum { TIMES = 40 };
    static uint8_t order[60000];
    struct fixture f;

    (void)state;
    stream_begin(&f, ADDR_V4);
    f.conf.stream.queue_bytes = 1 << 22;
    stream_start(&f);
    int fd = greeted(&f);
    memset(order, 'x', sizeof order);
    *order = 'A';
    for (int i = 0; i < TIMES; i++)
        channel_say(fd, order, sizeof order);
    shutdown(fd, SHUT_WR);
    turn_over(&f);
    *order = '0';
    for (int i = 0; i < TIMES; i++)
        stream_expect(fd, order, sizeof order);
    expect_closed(fd);
    close(fd);
    end(&f);
}

/* X15, also when the client is simply gone. */
static void t_X15_reset_ends_the_allocation(void **state)
{
    struct fixture f;
    struct linger reset = {.l_onoff = 1};
    uint16_t relayed = free_addr().port;

    (void)state;
    stream_begin(&f, ADDR_V4);
    stream_start(&f);
    int fd = greeted(&f);
    stun_say(fd, (uint8_t[]){'O', (uint8_t)(relayed >> 8), (uint8_t)relayed}, 3);
    stream_expect(fd, "o", 1);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
    turn_over(&f);
    struct addr at = loopback_addr(relayed);
    close(bound_socket(&at));
    end(&f);
}

/* X16: who does not read loses media, but no answer; and nobody else waits. */
static void t_X16_slow_reader(void **state)
{
    enum { PACKETS = 4000, SIZE = 1000, ASKED = 200 };
    static uint8_t media[SIZE];
    struct fixture f;
    int peer = loopback_socket();
    uint16_t relayed = free_addr().port;
    struct addr to = loopback_addr(relayed);
    int small = 1 << 16;

    (void)state;
    stream_begin(&f, ADDR_V4);
    f.conf.stream.queue_bytes = 50000;
    stream_start(&f);
    int fd = greeted(&f);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    stun_say(fd, (uint8_t[]){'O', (uint8_t)(relayed >> 8), (uint8_t)relayed}, 3);
    stream_expect(fd, "o", 1);
    for (int i = 0; i < PACKETS; i++) {
        send_bytes(peer, &to, media, sizeof media);
        if (i % 8 == 0)
            turn_over(&f); /* the other client is served all the while */
    }
    for (int i = 0; i < ASKED; i++)
        stun_say(fd, "A#", 2);
    turn_over(&f);

    size_t answers = 0;
    size_t bytes = 0;
    while (answers < ASKED) {
        uint8_t got[65536];
        ssize_t n = receive_within(fd, LOOPBACK_WAIT_MS, got, sizeof got);
        assert_true(n > 0);
        bytes += (size_t)n;
        for (ssize_t i = 0; i < n; i++)
            answers += got[i] == '#';
    }
    assert_true(bytes < (size_t)PACKETS * SIZE / 4);       /* most was dropped */
    assert_int_equal((bytes - 2 * ASKED) % (SIZE + 3), 0); /* and none of it torn */
    expect_open(fd);
    close(peer);
    close(fd);
    end(&f);
}

/* A client that asks and asks and never reads is given up. */
static void t_answers_have_an_end_too(void **state)
{
    static uint8_t order[60000];
    struct fixture f;

    (void)state;
    stream_begin(&f, ADDR_V4);
    f.conf.stream.queue_bytes = 1000;
    stream_start(&f);
    int fd = greeted(&f);
    static uint8_t bytes[MESSAGE_MAX];
    memset(order, 'x', sizeof order);
    *order = 'A';
    size_t n = channel_message(bytes, order, sizeof order);
    ssize_t r = 1;
    for (int i = 0; i < 1000 && r > 0; i++)
        r = send(fd, bytes, n, MSG_NOSIGNAL);
    assert_true(r <= 0);
    close(fd);
    end(&f);
}

static void forward(const struct fixture *f, unsigned seconds)
{
    put_forward += seconds * USEC_PER_SEC;
    turn_over(f);
}

static void t_slow_header(void **state)
{
    struct fixture f;

    (void)state;
    stream_begin(&f, ADDR_V4);
    stream_start(&f);
    int silent = tcp_to(&f.server);
    int slow = tcp_to(&f.server);
    put(slow, "\0", 1);
    turn_over(&f);
    forward(&f, 9);
    expect_open(silent);
    put(slow, "\1\0", 2);
    turn_over(&f);
    expect_open(slow);
    forward(&f, 3);
    expect_closed(silent);
    expect_closed(slow);
    close(silent);
    close(slow);
    end(&f);
}

/* Without an allocation a client is to say something every minute; with one it need not. */
static void t_idle(void **state)
{
    struct fixture f;
    uint16_t relayed = free_addr().port;

    (void)state;
    stream_begin(&f, ADDR_V4);
    stream_start(&f);
    int idle = greeted(&f);
    int talks = greeted(&f);
    int holds = greeted(&f);
    stun_say(holds, (uint8_t[]){'O', (uint8_t)(relayed >> 8), (uint8_t)relayed}, 3);
    stream_expect(holds, "o", 1);
    forward(&f, 40);
    stun_say(talks, "A", 1);
    stream_expect(talks, "0", 1);
    expect_open(idle);
    forward(&f, 22);
    expect_closed(idle);
    forward(&f, 15);
    expect_open(talks);
    for (int i = 0; i < 20; i++)
        forward(&f, 60);
    expect_closed(talks);
    expect_open(holds);
    stun_say(holds, "C", 1); /* the allocation goes */
    forward(&f, 62);
    forward(&f, 62);
    expect_closed(holds);
    close(idle);
    close(talks);
    close(holds);
    end(&f);
}

static void t_limits(void **state)
{
    struct fixture f;
    int fds[4];

    (void)state;
    stream_begin(&f, ADDR_V4);
    f.conf.stream.connections_per_prefix = 3;
    stream_start(&f);
    for (int i = 0; i < 3; i++)
        fds[i] = greeted(&f);
    fds[3] = tcp_to(&f.server);
    expect_closed(fds[3]);
    close(fds[3]);
    close(fds[0]);
    turn_over(&f);
    fds[0] = greeted(&f); /* there is room again */
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    end(&f);

    stream_begin(&f, ADDR_V6);
    f.conf.stream.connections = 2;
    stream_start(&f);
    fds[0] = greeted(&f);
    fds[1] = tcp_to(&f.server);
    turn_over(&f);
    fds[2] = tcp_to(&f.server);
    expect_closed(fds[2]);
    close(fds[1]);
    turn_over(&f);
    close(fds[2]);
    fds[2] = greeted(&f);
    close(fds[0]);
    close(fds[2]);
    end(&f);
}

static usec_t cpu_time(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * USEC_PER_SEC + r.ru_utime.tv_usec +
           r.ru_stime.tv_usec;
}

/* Nothing left to accept into: what waits is served later, and costs no time until then. */
static void t_out_of_descriptors(void **state)
{
    struct fixture f;
    struct rlimit before;

    (void)state;
    stream_begin(&f, ADDR_V4);
    stream_start(&f);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    union sock_name name;
    socklen_t n = sockaddr_from_addr(&f.server, &name);
    getrlimit(RLIMIT_NOFILE, &before);
    struct rlimit none = {.rlim_cur = (rlim_t)fd, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    assert_int_equal(connect(fd, &name.sa, n), 0);
    stun_say(fd, "A!", 2);
    turn_over(&f);
    usec_t used = cpu_time();
    assert_int_equal(receive_within(fd, 700, (char[4]){0}, 4), -1);
    used = cpu_time() - used;
    setrlimit(RLIMIT_NOFILE, &before);
    assert_true(used < 300000);
    stream_expect(fd, "0!", 2);
    close(fd);
    end(&f);
}

/* Too few bytes to tell what they are stay in the socket, and wake nobody. */
static void t_few_bytes_do_not_spin(void **state)
{
    struct fixture f;

    (void)state;
    stream_begin(&f, ADDR_V4);
    stream_start(&f);
    int fd = tcp_to(&f.server);
    put(fd, "\x16", 1);
    turn_over(&f);
    usec_t used = cpu_time();
    assert_int_equal(receive_within(fd, 500, (char[4]){0}, 4), -1);
    assert_true(cpu_time() - used < 200000);
    expect_open(fd);
    shutdown(fd, SHUT_WR);
    expect_closed(fd);
    close(fd);
    end(&f);
}

static void t_start_without_memory_leaves_nothing(void **state)
{
    struct fixture f;
    struct net_error err;

    (void)state;
    stream_begin(&f, ADDR_V4);
    net_free(f.net);
    for (int i = 0;; i++) {
        f.world.released = 0;
        mem_fail_after(i);
        f.net = net_new(&f.conf, &f.world.world, &err);
        mem_fail_after(-1);
        if (f.net)
            break;
        assert_int_equal(mem_live(), 0);
    }
    end(&f);
}

/* A stranger's listener on the port is found, though it is of another kind. */
static void t_busy_tcp_port_is_explained(void **state)
{
    struct fixture f;
    struct net_error err = {""};
    union sock_name name;

    (void)state;
    stream_begin(&f, ADDR_V4);
    net_free(f.net);
    f.world.released = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, &name.sa, sockaddr_from_addr(&f.server, &name)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_null(net_new(&f.conf, &f.world.world, &err));
    assert_non_null(strstr(err.text, "cannot listen on TCP "));
    close(fd);
    f.world.released = 0;
    f.net = net_new(&f.conf, &f.world.world, &err);
    assert_non_null(f.net);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_X6_half_close),
        cmocka_unit_test(t_X6_half_close_with_much_owed),
        cmocka_unit_test(t_X15_reset_ends_the_allocation),
        cmocka_unit_test(t_X16_slow_reader),
        cmocka_unit_test(t_answers_have_an_end_too),
        cmocka_unit_test(t_slow_header),
        cmocka_unit_test(t_idle),
        cmocka_unit_test(t_limits),
        cmocka_unit_test(t_out_of_descriptors),
        cmocka_unit_test(t_few_bytes_do_not_spin),
        cmocka_unit_test(t_start_without_memory_leaves_nothing),
        cmocka_unit_test(t_busy_tcp_port_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
