/* A net on loopback around the fake engine, a client of it, and what it may order the engine to
 * do. */
#ifndef TESTS_UNIT_NET_FIXTURE_H
#define TESTS_UNIT_NET_FIXTURE_H

#include "loopback.h"

#include "base/list.h"
#include "base/mem.h"
#include "net/net.h"

enum order {
    ORDER_ANSWER = 'A', /* "A" + text: "<worker>" + text, out of the engine's own buffer */
    ORDER_OPEN = 'O',   /* "O" + port: opens relay 0 there; answers "o", or "e" */
    ORDER_CLOSE = 'C',  /* closes relay 0; no answer */
    ORDER_SEND = 'S',   /* "S" + port + data: to that peer */
    ORDER_SEND_DF = 'F',
    ORDER_HAIRPIN = 'H', /* "H" + worker + port + data: to that relayed address */
    ORDER_RANDOM = 'R',
    ORDER_WHO = 'W',     /* answers with the flow's client, server and transport */
    ORDER_TIMER = 'T',   /* sets a deadline in ten minutes; answers how many there have been */
    ORDER_LISTEN = 'L',  /* "L" + port: opens TCP relay 1 there; answers as ORDER_OPEN */
    ORDER_CONNECT = 'N', /* "N" + link + port: opens a link; "c" + link later, or "f" + link */
    ORDER_BIND =
        'B', /* "B" + worker + link: joins it to the connection, there; "b" + link; 9: no answer */
    ORDER_UNLINK = 'U', /* "U" + link: closes it; no answer */
    ORDER_KILLED = 'K', /* answers with the ports that turn_kill has been given */
    ORDER_PACE = 'P',   /* "P" + thing: what turn_link_passed says from now on, enum pace */
};

struct counted_world {
    struct net_world world;
    atomic_int released;
};

static void count_release(struct net_world *world)
{
    atomic_fetch_add(&container_of(world, struct counted_world, world)->released, 1);
}

struct fixture {
    struct net *net;
    struct net_conf conf;
    struct counted_world world;
    struct addr server;
    int client;
};

static inline void begin_with(struct fixture *f, uint8_t family, uint16_t workers)
{
    struct net_error err = {""};

    *f = (struct fixture){.server = free_addr_of(family), .client = loopback_socket_of(family)};
    f->world.world.release = count_release;
    f->conf = (struct net_conf){.listen = {{f->server, NET_UDP}},
                                .n_listen = 1,
                                .workers = workers,
                                .max_relays = 4,
                                .socket_bytes = 1 << 20};
    f->net = net_new(&f->conf, &f->world.world, &err);
    assert_string_equal(err.text, "");
    assert_non_null(f->net);
}

static inline void begin(struct fixture *f, uint16_t workers)
{
    begin_with(f, ADDR_V4, workers);
}

static inline void start(struct fixture *f)
{
    assert_int_equal(net_start(f->net), 0);
}

static inline void end(struct fixture *f)
{
    net_stop(f->net);
    net_free(f->net);
    close(f->client);
    assert_int_equal(f->world.released, 1);
    assert_int_equal(mem_live(), 0);
}

static inline void say(const struct fixture *f, int fd, const void *p, size_t n)
{
    send_bytes(fd, &f->server, p, n);
}

static inline void say_port(const struct fixture *f, int fd, enum order order, uint16_t port)
{
    uint8_t p[] = {(uint8_t)order, (uint8_t)(port >> 8), (uint8_t)port, 'x', 'y'};
    say(f, fd, p, order == ORDER_OPEN ? 3 : sizeof p);
}

static inline uint16_t open_one(const struct fixture *f, int fd)
{
    uint16_t port = free_addr().port;
    say_port(f, fd, ORDER_OPEN, port);
    expect_bytes(fd, "o", 1);
    return port;
}

/* A new net on the same port, after a change of f->conf. */
static inline void begin_again(struct fixture *f)
{
    struct net_error err = {""};

    net_free(f->net);
    f->world.released = 0;
    f->net = net_new(&f->conf, &f->world.world, &err);
    assert_string_equal(err.text, "");
}

#endif
