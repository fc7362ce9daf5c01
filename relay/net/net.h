/* Sockets and threads around the engines: listeners, relay sockets, batches, timers. One worker =
 * one thread = one event loop = one engine = one socket per listener. */
#ifndef RELAY_NET_NET_H
#define RELAY_NET_NET_H

#include "turn/turn.h"

#include <stdatomic.h>

enum net_limit { NET_LISTENERS_MAX = 16, NET_WORKERS_MAX = 64, NET_ERROR_TEXT = 256 };

/* What a listener speaks; with several, the first bytes decide. */
enum net_speaks { NET_UDP = 1, NET_TCP = 2, NET_TLS = 4, NET_DTLS = 8, NET_ALL = 15 };

struct net_listen {
    struct addr addr; /* any-addresses allowed; port never 0 */
    uint8_t speaks;   /* enum net_speaks, or-ed */
};

/* What clients' connections (TCP, TLS) and sessions (DTLS) may cost; per worker. */
struct net_stream_conf {
    uint32_t connections;            /* all together; never 0 */
    uint32_t connections_per_prefix; /* 0 = none */
    uint8_t prefix_v4;
    uint8_t prefix_v6;
    uint32_t handshake_s;          /* until the first whole message, handshake included */
    uint32_t idle_s;               /* without an allocation, since the last message */
    uint32_t queue_bytes;          /* unsent data per connection; media beyond it is dropped */
    const struct cidr *proxy_from; /* who may, and must, send a PROXY header */
    size_t n_proxy_from;
};

/* Connections that are not ours go to this web server as they are (RFC 7443 tells ours by ALPN). */
struct net_web_conf {
    struct addr server;       /* family ADDR_NONE = there is none */
    bool proxy_v2;            /* put a PROXY v2 header in front */
    const char *const *names; /* server names (SNI) that are ours even without our ALPN */
    size_t n_names;           /* 0 = every connection without a foreign ALPN is ours */
};

struct net_conf {
    struct net_listen listen[NET_LISTENERS_MAX];
    size_t n_listen;
    uint16_t workers;
    struct port_range ports;
    uint32_t max_relays;   /* per worker */
    uint32_t max_links;    /* peers' connections of TCP allocations, per worker; 0 = no such ones */
    uint32_t link_idle_s;  /* of one that is joined to a client's */
    uint32_t socket_bytes; /* receive buffer of each listener, bytes */
    bool udp_segment; /* equal neighbours in a queue leave as one message, where the kernel can */
    bool udp_gro;     /* and come as one, where that pays */
    struct net_stream_conf stream;
    struct net_web_conf web;
    bool copy_tos; /* copy DSCP and ECN from one leg to the other (RFC 8656 section 14) */
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

/* Certificates and the TLS policy, loaded and immutable; shared by the workers. */
struct net_tls;

struct net_tls_pair {
    const char *certificate; /* PEM file, the chain with the server's own first */
    const char *key;         /* PEM file */
};

struct net_tls_conf {
    const struct net_tls_pair *pairs; /* the first serves whoever names no server we know */
    size_t n_pairs;
    bool only_tls13;
};

/* NULL with *err filled: file, what is wrong with it, what to do. Keys are read here, once. */
struct net_tls *net_tls_load(const struct net_tls_conf *conf, struct net_error *err);
/* Drops one reference. Accepts NULL. */
void net_tls_free(struct net_tls *tls);
/* When the first of its certificates ends, Unix seconds. */
int64_t net_tls_ends(const struct net_tls *tls);

/* From now on libevent's memory is base/mem.h's. First of all, in main. */
void net_use_heap(void);

struct net;

/* Binds all listeners; no thread runs yet, so privileges may be dropped between this and
 * net_start. NULL with *err filled. Takes over the world, also on failure. */
struct net *net_new(const struct net_conf *conf, struct net_world *world, struct net_error *err);
/* 0 or -errno. */
int net_start(struct net *n);
/* Every worker moves to the new world at its next loop turn; takes it over. */
void net_apply(struct net *n, struct net_world *world);
/* New connections are served with these from now on; takes the reference over. NULL = no TLS. */
void net_set_tls(struct net *n, struct net_tls *tls);
void net_drain(struct net *n);
/* Ends the threads and waits for them. */
void net_stop(struct net *n);
/* After net_stop or instead of net_start. Accepts NULL. */
void net_free(struct net *n);

/* Ends the allocation behind a relayed port, if there is one; nobody is told whether there was. */
void net_kill(struct net *n, uint16_t relayed_port);

/* A trace of one user name. What happens to it is written to the descriptor, one struct turn_note
 * at a time, never waiting: what does not fit is lost. user "" = no trace any more. */
struct net_trace {
    char user[TURN_TRACE_USER + 1];
    int to; /* borrowed until the next net_set_trace has been taken up: a pipe, non-blocking */
};
void net_set_trace(struct net *n, const struct net_trace *trace);

/* As turn_take_usage. */
void net_take_usage(struct net *n, uint64_t ret[TURN_USES]);
/* Whether equal datagrams leave as trains on this kernel. */
bool net_has_trains(const struct net *n);

/* Sum over the workers, approximate while they run. */
void net_stats(const struct net *n, struct turn_stats *ret);

/* --- The host's addresses --- */

/* Up to cap addresses of this host's interfaces that are up; returns how many. */
size_t net_local_addrs(struct addr *ret, size_t cap);
/* A descriptor, the caller's to close, that turns readable when an address of this host comes or
 * goes; -errno. net_addrs_seen takes what has come. */
int net_addrs_watch(void);
void net_addrs_seen(int fd);
/* The address this host would use towards the public internet; false if there is no route. Sends
 * nothing. */
bool net_source_addr(enum addr_family family, struct addr *ret);
/* First address of a name in this family; blocks. */
bool net_resolve(const char *name, enum addr_family family, struct addr *ret);

#endif
