/* Sockets and threads around the engines: listeners, relay sockets, batches, timers. One worker =
 * one thread = one event loop = one engine = one socket per listener. */
#ifndef RELAY_NET_NET_H
#define RELAY_NET_NET_H

#include "turn/turn.h"

#include <stdatomic.h>

enum net_limit { NET_LISTENERS_MAX = 16, NET_WORKERS_MAX = 64, NET_ERROR_TEXT = 256 };

struct net_conf {
    struct addr listen[NET_LISTENERS_MAX]; /* any-addresses allowed; port never 0 */
    size_t n_listen;
    uint16_t workers;
    struct port_range ports;
    uint32_t max_relays;   /* per worker */
    uint32_t socket_bytes; /* receive buffer of each listener, bytes */
    bool udp_segment; /* equal neighbours in a queue leave as one message, where the kernel can */
    bool copy_tos;    /* copy DSCP and ECN from one leg to the other (RFC 8656 section 14) */
};

/* One generation of everything that a reload may change; shared by the workers, counted, released
 * when the last of them has moved on. */
struct net_world {
    const struct turn_conf *turn;
    /* As turn_host.credential; called on the worker's thread. `worker` is its number. */
    int (*credential)(const struct net_world *, uint16_t worker, const struct turn_cred_query *,
                      struct turn_cred *);
    void (*release)(struct net_world *);
    atomic_int refs; /* net's; start at 0 */
};

/* What went wrong and what to do, for the operator. */
struct net_error {
    char text[NET_ERROR_TEXT];
};

struct net;

/* Binds all listeners; no thread runs yet, so privileges may be dropped between this and
 * net_start. NULL with *err filled. Takes over the world, also on failure. */
struct net *net_new(const struct net_conf *conf, struct net_world *world, struct net_error *err);
/* 0 or -errno. */
int net_start(struct net *n);
/* Every worker moves to the new world at its next loop turn; takes it over. */
void net_apply(struct net *n, struct net_world *world);
void net_drain(struct net *n);
/* Ends the threads and waits for them. */
void net_stop(struct net *n);
/* After net_stop or instead of net_start. Accepts NULL. */
void net_free(struct net *n);

/* Sum over the workers, approximate while they run. */
void net_stats(const struct net *n, struct turn_stats *ret);

/* --- The host's addresses --- */

/* Up to cap addresses of this host's interfaces that are up; returns how many. */
size_t net_local_addrs(struct addr *ret, size_t cap);
/* The address this host would use towards the public internet; false if there is no route. Sends
 * nothing. */
bool net_source_addr(enum addr_family family, struct addr *ret);
/* First address of a name in this family; blocks. */
bool net_resolve(const char *name, enum addr_family family, struct addr *ret);

#endif
