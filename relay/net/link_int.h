/* TCP towards peers (RFC 6062): the sockets of TCP relays, which listen, and the peers'
 * connections, which are the engine's links. A link's socket is not read before it is joined to a
 * connection of the client; what the peer sends until then waits in the kernel, which bounds it. */
#ifndef RELAY_NET_LINK_INT_H
#define RELAY_NET_LINK_INT_H

#include "base/wheel.h"
#include "net/net.h"

#include <event2/event.h>
#include <event2/event_struct.h>

struct worker;
struct conn;

struct link {
    struct worker *worker;
    struct conn *conn; /* joined to it, and its pass has the socket; NULL = not yet */
    uint32_t handle;
    int fd;
    struct event ready; /* while it connects */
    struct wheel_node timer;
};

struct tcp_relay {
    struct worker *worker;
    uint32_t handle;
    int fd;
    struct addr local;
    struct event ev;
    struct event resume;
};

struct links {
    struct worker *worker;
    struct link **slots;       /* owned; by handle, NULL = none */
    struct tcp_relay **relays; /* the same */
    uint32_t max;
    uint32_t max_relays;
    uint32_t idle_s; /* of a joined one */
    struct wheel wheel;
};

/* link.c */
/* NULL when out of memory. */
struct links *links_new(struct worker *w, const struct net_conf *conf);
/* After the engine, which has closed them all. Accepts NULL. */
void links_free(struct links *s);
usec_t links_deadline(const struct links *s);
void links_expire(struct links *s, usec_t now);
/* As turn_host has them. */
int links_open(struct links *s, const struct turn_link_want *want);
void links_close(struct links *s, uint32_t handle);
/* Without a handle yet; -1 for the socket, which link_accepted brings. NULL when out of memory. */
struct link *link_new(struct links *s);
void link_free(struct link *l);
/* The engine has named it; takes the socket over. */
void link_accepted(struct link *l, uint32_t handle, int fd);
/* The client's connection of this name passes everything to the link from now on; both end, and the
 * engine is told, if that cannot be. */
void link_join(struct worker *w, uint32_t conn, uint32_t handle);
/* The pass has ended, and its socket is closed. Accepts NULL. */
void link_passed(struct link *l);
/* A socket bound to a relayed address, as all of this address are; or -errno. */
int link_socket(const struct addr *local);

/* tcp_relay.c */
/* 0 or -errno. */
int tcp_relay_open(struct links *s, const struct turn_relay_want *want);
/* Nothing, if it is not open. */
void tcp_relay_close(struct links *s, uint32_t handle);

#endif
