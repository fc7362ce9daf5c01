/* Deadlines of connections that wait for somebody else: for a web server that does not answer, and
 * for a client that does not take what it is owed. */
#include "streams.h"

#include <fcntl.h>

static void forward(const struct fixture *f, usec_t by)
{
    put_forward += by;
    turn_over(f);
}

/* A socket that is listened on, and that no more connections get into. */
static int deaf_server(struct addr *ret, int fillers[8])
{
    struct addr any = loopback_addr(0);
    union sock_name name;
    socklen_t n = sockaddr_from_addr(&any, &name);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, &name.sa, n), 0);
    assert_int_equal(listen(fd, 0), 0);
    *ret = local_addr(fd);
    n = sockaddr_from_addr(ret, &name);
    for (int i = 0; i < 8; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(fillers[i], &name.sa, n);
    }
    return fd;
}

static void t_web_server_has_10_s_to_answer(void **state)
{
    struct fixture f;
    int fillers[8];

    (void)state;
    stream_begin(&f, ADDR_V4);
    f.conf.stream.handshake_s = 5;
    int web = deaf_server(&f.conf.web.server, fillers);
    stream_start(&f);
    int fd = tcp_to(&f.server);
    put(fd, "GET", 3);
    turn_over(&f);
    forward(&f, 9 * USEC_PER_SEC + USEC_PER_SEC / 2);
    expect_open(fd);
    forward(&f, USEC_PER_SEC * 2);
    expect_closed(fd);
    close(fd);
    close(web);
    for (int i = 0; i < 8; i++)
        close(fillers[i]);
    end(&f);
}

/* Takes up the only place there is until it is given up. */
static void t_what_is_owed_waits_as_long_as_a_handshake(void **state)
{
    static uint8_t order[60000];
    static uint8_t bytes[MESSAGE_MAX];
    struct fixture f;

    (void)state;
    stream_begin(&f, ADDR_V4);
    f.conf.stream.connections = 1;
    f.conf.stream.queue_bytes = 1 << 24;
    stream_start(&f);
    int fd = greeted(&f);
    *order = 'A';
    size_t n = channel_message(bytes, order, sizeof order);
    for (int i = 0; i < 200; i++)
        put(fd, bytes, n);
    shutdown(fd, SHUT_WR);
    /* Until it has read all of it. */
    for (int i = 0; i < 300; i++)
        turn_over(&f);
    forward(&f, 9 * USEC_PER_SEC);
    int more = tcp_to(&f.server);
    expect_closed(more);
    close(more);
    forward(&f, 3 * USEC_PER_SEC);
    more = greeted(&f);
    close(more);
    close(fd);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_web_server_has_10_s_to_answer),
        cmocka_unit_test(t_what_is_owed_waits_as_long_as_a_handshake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
