/* What is to be sent at the end of a loop turn. Each socket is an outlet with a queue of its own,
 * in order; a flush empties them all, with one call per socket where it can. Nothing ever blocks:
 * what the kernel does not take is dropped, as late media is of no use.
 *
 * Neighbours in a queue that go the same way and are equally long become a train: one message that
 * the kernel, or the network card, cuts into datagrams again (UDP_SEGMENT). */
#ifndef RELAY_NET_BATCH_INT_H
#define RELAY_NET_BATCH_INT_H

#include "base/list.h"
#include "net/sockaddr_int.h"

#include <sys/uio.h>

enum batch_size { BATCH_MAX = 256, BATCH_SEND = 64, BATCH_CONTROL = 96, BATCH_END = 0xffff };

struct outlet {
    struct list dirty;
    int fd;
    uint8_t family; /* enum addr_family of the socket */
    bool no_trains; /* the way out of here cannot cut them */
    bool any;       /* bound to an any-address: the source is given with each datagram */
    uint16_t head;
    uint16_t tail;
};

struct out_pkt {
    struct span data; /* must stay until the flush */
    struct addr to;
    struct addr from; /* outlets with .any only */
    uint8_t tos;      /* 0 = the default */
    bool dont_fragment;
    uint16_t next;
};

struct batch {
    struct list dirty; /* outlets with something to send */
    unsigned n;
    struct out_pkt pkts[BATCH_MAX];
    bool trains; /* this kernel can */
    unsigned n_msgs;
    unsigned n_iov;
    const struct out_pkt *lead; /* first datagram of the last message, while others may join it */
    size_t bytes;               /* of the last message */
    struct mmsghdr msgs[BATCH_SEND];
    struct iovec iov[BATCH_MAX];
    union sock_name names[BATCH_SEND];
    _Alignas(16) uint8_t control[BATCH_SEND][BATCH_CONTROL];
};

/* trains: make them if this kernel can. */
void batch_init(struct batch *b, bool trains);
void outlet_init(struct outlet *o, int fd, enum addr_family family, bool any);

/* How the socket treats datagrams without DF; see the table in batch.c. 0 or -errno. */
int outlet_allow_fragments(int fd, enum addr_family family);

/* Queues a copy of *pkt (not of its data); flushes first when full. Other families than the
 * socket's are dropped. */
void batch_push(struct batch *b, struct outlet *o, const struct out_pkt *pkt);
void batch_flush(struct batch *b);
/* Overwrites where everything went. Only when nothing is queued. */
void batch_forget(struct batch *b);
/* Forgets what is queued for this outlet. */
void batch_purge(struct outlet *o);

#endif
