/* A net that speaks TCP around the fake engine, and clients of it. Orders (fake_engine.h) go
 * framed; answers come as they are, for the fake engine frames nothing. */
#ifndef TESTS_UNIT_NET_STREAMS_H
#define TESTS_UNIT_NET_STREAMS_H

#include "fake_engine.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

enum { MESSAGE_MAX = 70000 };

static inline struct net_stream_conf stream_defaults(void)
{
    return (struct net_stream_conf){.connections = 64,
                                    .prefix_v4 = 32,
                                    .prefix_v6 = 56,
                                    .handshake_s = 10,
                                    .idle_s = 60,
                                    .queue_bytes = 1 << 18};
}

/* A port that is free for both transports, at the moment. */
static inline struct addr free_port_of(uint8_t family)
{
    for (int i = 0; i < 100; i++) {
        struct addr a = free_addr_of(family);
        union sock_name name;
        socklen_t n = sockaddr_from_addr(&a, &name);
        int fd = socket(sockaddr_family(&a), SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool is_free = bind(fd, &name.sa, n) == 0;
        close(fd);
        if (is_free)
            return a;
    }
    fail_msg("no free port");
    return (struct addr){0};
}

/* Changes of f->conf.stream and .web come before stream_start. */
static inline void stream_begin(struct fixture *f, uint8_t family)
{
    begin_with(f, family, 1);
    f->server = free_port_of(family);
    f->conf.listen[0] = (struct net_listen){f->server, NET_ALL & ~NET_DTLS};
    f->conf.stream = stream_defaults();
}

static inline void stream_start(struct fixture *f)
{
    begin_again(f);
    start(f);
}

static inline int tcp_to(const struct addr *server)
{
    union sock_name name;
    socklen_t n = sockaddr_from_addr(server, &name);
    int one = 1;
    int fd = socket(sockaddr_family(server), SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &name.sa, n), 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static inline void put(int fd, const void *p, size_t n)
{
    assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), (ssize_t)n);
}

static inline size_t stun_message(uint8_t *ret, const void *order, size_t n)
{
    size_t len = (n + 3) / 4 * 4;
    memset(ret, 0, 20 + len);
    memcpy(ret, (const uint8_t[]){0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, 8);
    ret[2] = (uint8_t)(len >> 8);
    ret[3] = (uint8_t)len;
    memcpy(ret + 20, order, n);
    return 20 + len;
}

/* Padded with what the server must not take for anything. */
static inline size_t channel_message(uint8_t *ret, const void *order, size_t n)
{
    memcpy(ret, (const uint8_t[]){0x40, 1, (uint8_t)(n >> 8), (uint8_t)n}, 4);
    memcpy(ret + 4, order, n);
    memset(ret + 4 + n, 0xff, -n & 3);
    return 4 + (n + 3) / 4 * 4;
}

static inline void stun_say(int fd, const void *order, size_t n)
{
    static uint8_t bytes[MESSAGE_MAX];
    put(fd, bytes, stun_message(bytes, order, n));
}

static inline void channel_say(int fd, const void *order, size_t n)
{
    static uint8_t bytes[MESSAGE_MAX];
    put(fd, bytes, channel_message(bytes, order, n));
}

/* Exactly these bytes come next. */
static inline void stream_expect(int fd, const void *want, size_t n)
{
    static uint8_t got[1 << 20];
    size_t have = 0;
    assert_true(n <= sizeof got);
    while (have < n) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&p, 1, LOOPBACK_WAIT_MS), 1);
        ssize_t r = recv(fd, got + have, n - have, 0);
        assert_true(r > 0);
        have += (size_t)r;
    }
    assert_memory_equal(got, want, n);
}

/* The server closes, and says nothing before. */
static inline void expect_closed(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    uint8_t got[4];
    assert_int_equal(poll(&p, 1, LOOPBACK_WAIT_MS), 1);
    assert_true(recv(fd, got, sizeof got, 0) <= 0);
}

static inline void expect_open(int fd)
{
    uint8_t got[4];
    assert_int_equal(recv(fd, got, sizeof got, MSG_DONTWAIT | MSG_PEEK), -1);
    assert_int_equal(errno, EAGAIN);
}

static inline int greeted(const struct fixture *f)
{
    int fd = tcp_to(&f->server);
    stun_say(fd, "A!", 2);
    stream_expect(fd, "0!", 2);
    return fd;
}

/* The loop has gone round since. */
static inline void turn_over(const struct fixture *f)
{
    for (int i = 0; i < 2; i++) {
        say(f, f->client, "A", 1);
        expect_bytes(f->client, "0", 1);
    }
}

#endif
