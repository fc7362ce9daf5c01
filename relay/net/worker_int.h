/* A worker: one thread, one event loop, one engine, its sockets. Everything here belongs to that
 * thread, save the mailbox and the statistics. */
#ifndef RELAY_NET_WORKER_INT_H
#define RELAY_NET_WORKER_INT_H

#include "net/arena_int.h"
#include "net/batch_int.h"
#include "net/gro_int.h"
#include "net/mailbox_int.h"
#include "net/net.h"
#include "net/shed_int.h"
#include "net/stream_int.h"

#include <event2/event.h>
#include <event2/event_struct.h>

struct worker;

struct listener {
    struct outlet out;
    struct event ev;
    struct worker *worker;
    struct addr addr;
    uint8_t speaks; /* enum net_speaks */
    uint16_t index; /* turn_flow.via */
    uint16_t last;  /* messages of the last read */
    struct gro gro;
    struct shed shed;
};

/* The socket of one relayed transport address. Closed ones wait in a pool for the next: they are
 * never freed while a callback of theirs may still run. */
struct relay_sock {
    struct list spare; /* in worker.spare while closed */
    struct outlet out;
    struct event ev;
    struct worker *worker;
    uint32_t handle;
    struct gro gro;
    bool many;          /* read several messages at once next time */
    uint32_t last_turn; /* of the loop, in which it was read */
};

/* Written by the worker, read by anyone. */
struct worker_stats {
#define X(name) _Atomic uint64_t name;
    TURN_STATS(X)
#undef X
};

struct dtls;
struct links;

struct worker {
    struct turn_host host;
    struct turn *engine;
    struct net_world *world;
    struct event_base *base;
    struct event tick;
    struct event mail;
    struct arena arena;
    struct batch batch;
    struct listener listeners[NET_LISTENERS_MAX];
    size_t n_listeners;
    struct net_tls *tls;        /* for new connections; a reference of its own, or NULL */
    struct streams *streams;    /* NULL when no listener speaks TCP or TLS */
    struct dtls *dtls;          /* NULL when none speaks DTLS */
    struct links *links;        /* NULL when there are no TCP relays */
    struct relay_sock **relays; /* owned; by handle, NULL = closed */
    struct list spare;          /* owned */
    uint32_t max_relays;
    struct worker *all; /* of this process, by number */
    uint16_t n_workers;
    uint16_t number;
    bool copy_tos;
    bool udp_gro;
    bool stop;
    int trace_to;  /* owned; -1 = nobody traces */
    uint32_t turn; /* of the loop, counted */
    usec_t now;    /* of this turn, 0 = not read yet */
    usec_t next_tick;
    usec_t forgotten; /* when all buffers were overwritten last */
    bool has_names;   /* a message that may name its user was handled in this turn */
    struct mailbox mailbox;
    struct worker_stats stats;
    pthread_t thread;
    bool running;
};

struct worker_setup {
    const struct net_conf *conf;
    struct turn_shared *shared;
    struct net_world *world; /* with a reference for this worker */
    struct worker *all;
    uint16_t n_workers;
    uint16_t number;
};

/* worker.c */
/* 0 or -errno; worker_free in both cases. Sockets come with listener_open. */
int worker_init(struct worker *w, const struct worker_setup *setup);
void worker_free(struct worker *w);
/* Of orders that were never obeyed. */
void worker_trace_end(const struct mail_orders *orders);
/* Starts the thread with all signals blocked but those of a crash. 0 or -errno. */
int worker_start(struct worker *w);
void worker_join(struct worker *w);
/* The time of this loop turn. */
usec_t worker_now(struct worker *w);
/* Sees to it that the arena has this many slots: if not, sends what is queued and takes all slots
 * back. Only between packets. */
void worker_make_room(struct worker *w, unsigned slots);
/* Sends what is queued, and takes all slots back. Only between packets. */
void worker_flush(struct worker *w);

/* forget.c */
/* When buffers are overwritten next, whatever happens. */
static inline usec_t forget_deadline(const struct worker *w)
{
    return w->forgotten + 9 * USEC_PER_SEC / 10;
}
/* At the end of a loop turn, when nothing is queued. */
void forget_turn(struct worker *w);

/* world.c */
void world_retain(struct net_world *world, int n);
void world_release(struct net_world *world);

/* dispatch.c: into the engine, and its verdict into the batch. */
void dispatch_client(struct worker *w, const struct listener *l, const struct arrival *in);
/* A message from a connection. There may be others around it, so its room is not the engine's; it
 * must stay where it is until worker_flush. */
void dispatch_stream(struct worker *w, const struct turn_flow *flow, struct turn_pkt pkt);
/* A message from a DTLS session, with its room. */
void dispatch_session(struct worker *w, const struct turn_flow *flow, struct turn_pkt pkt,
                      uint8_t tos);
void dispatch_peer(struct worker *w, uint32_t relay, const struct arrival *in);
void dispatch_icmp(struct worker *w, const struct turn_icmp *icmp);
void dispatch_mail(struct worker *w, const struct mail *mail, struct turn_pkt pkt);
/* A peer has connected. The handle of its link, or below 0: it is not wanted. */
int64_t dispatch_accepted(struct worker *w, uint32_t relay, const struct addr *peer);
/* What became of a link that had to connect. */
void dispatch_connected(struct worker *w, uint32_t link, bool stands);

/* listener.c */
/* Binds; reading starts with listener_listen. Both 0 or -errno. */
int listener_open(struct listener *l, const struct net_listen *where, const struct net_conf *conf);
int listener_listen(struct listener *l, struct worker *w);
void listener_close(struct listener *l);
/* From time to time. */
void listener_tick(struct listener *l, usec_t now);
/* Whether somebody else holds the address: 0, or -errno of the bind that would fail. */
int listener_probe(const struct addr *addr);
/* Whose datagram it is. */
struct turn_flow listener_flow(const struct listener *l, const struct arrival *in,
                               enum turn_transport transport);

/* relay_sock.c */
/* 0 or -errno. */
int relay_sock_open(struct worker *w, const struct turn_relay_want *want);
/* NULL when it is closed, or no handle. */
struct relay_sock *relay_sock_find(const struct worker *w, uint32_t relay);
/* Accepts NULL. */
void relay_sock_close(struct relay_sock *r);
/* At the worker's end; a zeroed worker has none. */
void relay_sock_free_spare(struct worker *w);

#endif
