/* A client with a TCP relay around the fake engine, and its peers. */
#ifndef TESTS_UNIT_NET_PEERS_H
#define TESTS_UNIT_NET_PEERS_H

#include "far.h"
#include "secure.h"

struct peers {
    struct secure s;
    struct addr at; /* where a peer listens */
    int listening;
    uint16_t relay;
    int control;
    char worker; /* of the control connection */
};

static inline void peers_begin(struct peers *p)
{
    *p = (struct peers){0};
    secure_begin(&p->s);
    p->at = tcp_listen(&p->listening);
    p->s.f.conf.max_links = 4;
    p->s.f.conf.link_idle_s = 600;
}

static inline int greet(const struct peers *p, char *ret_worker)
{
    uint8_t got[2];
    int fd = tcp_to(&p->s.f.server);
    stun_say(fd, "A!", 2);
    assert_int_equal(receive_within(fd, LOOPBACK_WAIT_MS, got, 2), 2);
    *ret_worker = (char)*got;
    return fd;
}

static inline void order_port(int fd, const char *order, uint16_t port)
{
    uint8_t bytes[4] = {0};
    size_t n = strlen(order);
    memcpy(bytes, order, n);
    bytes[n] = (uint8_t)(port >> 8);
    bytes[n + 1] = (uint8_t)port;
    channel_say(fd, bytes, n + 2);
}

static inline void peers_start(struct peers *p)
{
    secure_start(&p->s);
    p->control = greet(p, &p->worker);
    p->relay = free_port_of(ADDR_V4).port;
    order_port(p->control, "L", p->relay);
    stream_expect(p->control, "o", 1);
}

static inline void peers_end(struct peers *p)
{
    close(p->control);
    close(p->listening);
    secure_end(&p->s);
}

/* A link to the peer that listens: the peer's end. */
static inline int connect_out(const struct peers *p, const char *name)
{
    char order[] = {'N', *name, 0};
    order_port(p->control, order, p->at.port);
    int fd = tcp_accept(p->listening);
    stream_expect(p->control, (char[]){'c', *name}, 2);
    return fd;
}

/* A peer that connects: its end. */
static inline int connect_in(const struct peers *p, const char *name)
{
    struct addr relay = loopback_addr(p->relay);
    int fd = tcp_to(&relay);
    stream_expect(p->control, (char[]){'a', *name}, 2);
    return fd;
}

static inline void join(int fd, char worker, char name)
{
    stun_say(fd, (char[]){'B', worker, name}, 3);
    stream_expect(fd, (char[]){'b', name}, 2);
}

static inline int joined(const struct peers *p, char name)
{
    int fd = greeted(&p->s.f);
    join(fd, p->worker, name);
    return fd;
}

static inline void expect_text(int fd, const char *text)
{
    stream_expect(fd, text, strlen(text));
}

static inline void put_text(int fd, const char *text)
{
    put(fd, text, strlen(text));
}

static inline uint64_t links(const struct peers *p)
{
    struct turn_stats stats;
    turn_over(&p->s.f);
    put_forward += 2 * USEC_PER_SEC; /* numbers are published by the second */
    turn_over(&p->s.f);
    net_stats(p->s.f.net, &stats);
    return stats.links;
}

static inline SSL *tls_joined(const struct peers *p, char name)
{
    SSL *ssl = tls_over(&p->s, tcp_to(&p->s.f.server));
    tls_say(ssl, (char[]){'B', p->worker, name}, 3);
    tls_expect(ssl, (char[]){'b', name}, 2);
    return ssl;
}

#endif
