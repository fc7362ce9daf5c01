/* UDP sockets on loopback for the tests of net. */
#ifndef TESTS_UNIT_NET_LOOPBACK_H
#define TESTS_UNIT_NET_LOOPBACK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <unistd.h>

#include "base/addr.h"
#include "net/sockaddr_int.h"

enum { LOOPBACK_WAIT_MS = 5000 };

static const uint8_t loopback4[4] = {127, 0, 0, 1};
static const uint8_t loopback6[16] = {[15] = 1};

static inline struct addr loopback_of(uint8_t family, uint16_t port)
{
    return family == ADDR_V6 ? addr_make(ADDR_V6, loopback6, port)
                             : addr_make(ADDR_V4, loopback4, port);
}

static inline struct addr loopback_addr(uint16_t port)
{
    return loopback_of(ADDR_V4, port);
}

static inline struct addr local_addr(int fd)
{
    union sock_name name;
    socklen_t n = sizeof name;
    struct addr a;
    assert_int_equal(getsockname(fd, &name.sa, &n), 0);
    assert_true(sockaddr_to_addr(&name, n, &a));
    return a;
}

static inline int bound_socket(const struct addr *a)
{
    union sock_name name;
    socklen_t n = sockaddr_from_addr(a, &name);
    int fd = socket(sockaddr_family(a), SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, &name.sa, n), 0);
    return fd;
}

static inline int loopback_socket_of(uint8_t family)
{
    struct addr a = loopback_of(family, 0);
    return bound_socket(&a);
}

static inline int loopback_socket(void)
{
    return loopback_socket_of(ADDR_V4);
}

/* A port that nobody holds at the moment. */
static inline struct addr free_addr_of(uint8_t family)
{
    int fd = loopback_socket_of(family);
    struct addr a = local_addr(fd);
    close(fd);
    return a;
}

static inline struct addr free_addr(void)
{
    return free_addr_of(ADDR_V4);
}

static inline void send_bytes(int fd, const struct addr *to, const void *p, size_t n)
{
    union sock_name name;
    socklen_t len = sockaddr_from_addr(to, &name);
    assert_int_equal(sendto(fd, p, n, 0, &name.sa, len), (ssize_t)n);
}

/* Waits for a datagram; how long it is, or -1 after the time is up. */
static inline ssize_t receive_within(int fd, int ms, void *buffer, size_t cap)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, ms) != 1)
        return -1;
    return recv(fd, buffer, cap, MSG_DONTWAIT);
}

static inline void expect_bytes(int fd, const void *want, size_t n)
{
    uint8_t got[65536];
    assert_int_equal(receive_within(fd, LOOPBACK_WAIT_MS, got, sizeof got), (ssize_t)n);
    if (n)
        assert_memory_equal(got, want, n);
}

static inline void expect_nothing(int fd)
{
    uint8_t got[16];
    assert_int_equal(recv(fd, got, sizeof got, MSG_DONTWAIT), -1);
}

#endif
