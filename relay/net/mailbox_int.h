/* What other threads may hand to a worker: datagrams between relays of different workers,
 * connections that belong there, a new world, orders. Two byte buffers, one being filled under the
 * lock while the worker reads the other; bounded, so a flood is dropped and not remembered. */
#ifndef RELAY_NET_MAILBOX_INT_H
#define RELAY_NET_MAILBOX_INT_H

#include "net/net.h"

#include <pthread.h>

struct conn;

/* Four of the largest datagrams; and few enough small ones for one loop turn. */
enum { MAILBOX_BYTES = 1 << 18, MAILBOX_MOVES = 256, MAILBOX_PORTS = 65536 };

struct mail {
    struct addr from;
    struct addr to;
    uint32_t n; /* bytes of payload, behind this and TURN_HEADROOM */
    uint8_t tos;
};

/* What is in it passes on with it. */
struct mail_orders {
    struct conn *moved;      /* connections from other workers, chained */
    struct net_world *world; /* NULL = no new one */
    struct net_tls *tls;     /* counts with .set_tls only: NULL = none any more */
    bool set_tls;
    bool set_trace;
    struct net_trace trace; /* counts with .set_trace only; .to is owned, -1 = none */
    uint16_t kill;          /* a relayed port; taken: some, see mailbox_kill. 0 = none */
    bool drain;
    bool stop;
};

struct mailbox {
    pthread_mutex_t lock;
    int wake; /* eventfd, readable when there is something to take */
    bool woken;
    uint8_t *filling; /* both owned */
    uint8_t *reading;
    size_t filled;
    size_t readable;
    size_t at;
    unsigned moves;
    struct mail_orders orders;
    uint64_t kills[MAILBOX_PORTS / 64]; /* a bit per port */
};

/* 0 or -errno. */
int mailbox_init(struct mailbox *m);
/* Gives back the orders that were never taken. A zeroed mailbox is fine. */
struct mail_orders mailbox_free(struct mailbox *m);

/* Any thread. Copies the payload; false when full. */
bool mailbox_post(struct mailbox *m, const struct mail *mail, struct span payload);
/* Any thread. Takes the connection over; false when there are too many. */
bool mailbox_move(struct mailbox *m, struct conn *c);
/* Any thread. Gives back what these replace before it was taken; of a trace, with .set_trace. */
struct mail_orders mailbox_order(struct mailbox *m, const struct mail_orders *orders);

/* The worker: whatever mailbox_read returned before is gone after this. */
struct mail_orders mailbox_take(struct mailbox *m);
/* The next port to be killed, however many there are; 0 = none is left. */
uint16_t mailbox_kill(struct mailbox *m);
/* Overwrites what has been read. */
void mailbox_forget(struct mailbox *m);
/* The next datagram of what was taken, with the engine's room around it; false at the end. */
bool mailbox_read(struct mailbox *m, struct mail *ret, struct turn_pkt *pkt);

#endif
