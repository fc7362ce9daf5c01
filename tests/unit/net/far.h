/* The far end of connections that are passed on, and much to pass at once. */
#ifndef TESTS_UNIT_NET_FAR_H
#define TESTS_UNIT_NET_FAR_H

#include "streams.h"

#include <pthread.h>

static inline struct addr tcp_listen(int *ret_fd)
{
    struct addr any = loopback_addr(0);
    union sock_name name;
    socklen_t n = sockaddr_from_addr(&any, &name);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, &name.sa, n), 0);
    assert_int_equal(listen(fd, 16), 0);
    *ret_fd = fd;
    return local_addr(fd);
}

static inline int tcp_accept(int listening)
{
    struct pollfd p = {.fd = listening, .events = POLLIN};
    assert_int_equal(poll(&p, 1, LOOPBACK_WAIT_MS), 1);
    int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

struct flood {
    int fd;
    size_t n;
};

static inline uint8_t flood_byte(size_t i)
{
    return (uint8_t)(i * 31 + i / 251);
}

static inline void *flood_write(void *arg)
{
    struct flood *f = arg;
    uint8_t bytes[4096];
    for (size_t at = 0; at < f->n;) {
        size_t n = f->n - at < sizeof bytes ? f->n - at : sizeof bytes;
        for (size_t i = 0; i < n; i++)
            bytes[i] = flood_byte(at + i);
        if (at == 0)
            *bytes = 'G'; /* not ours */
        ssize_t r = send(f->fd, bytes, n, MSG_NOSIGNAL);
        if (r <= 0)
            return NULL;
        at += (size_t)r;
    }
    shutdown(f->fd, SHUT_WR);
    return f;
}

static inline void flood_read(int fd, size_t want)
{
    static uint8_t got[100000];
    size_t at = 0;
    ssize_t n;
    while ((n = receive_within(fd, LOOPBACK_WAIT_MS, got, sizeof got)) > 0) {
        for (ssize_t i = at == 0; i < n; i++)
            assert_int_equal(got[i], flood_byte(at + (size_t)i));
        at += (size_t)n;
    }
    assert_int_equal(n, 0); /* the end is carried over */
    assert_int_equal(at, want);
}

#endif
