/* Where datagrams are received to, and stay until they have been sent on: a row of slots that is
 * used from the front and taken back as a whole. A slot holds the largest datagram there is, with
 * the engine's room around it; pages that no datagram reached are never touched. */
#ifndef RELAY_NET_ARENA_INT_H
#define RELAY_NET_ARENA_INT_H

#include "net/sockaddr_int.h"
#include "turn/turn.h"

#include <sys/uio.h>

enum arena_size {
    ARENA_SLOTS = 256,
    ARENA_BATCH = 32, /* datagrams of one receive call, at most */
    ARENA_BODY = 65535,
    /* An odd number of cache lines apart, so that small packets spread over the cache's sets. */
    ARENA_STRIDE = 1045 * 64,
    ARENA_CONTROL = 96,
};

struct arena {
    uint8_t *mem; /* owned */
    unsigned used;
    unsigned pinned;            /* slots from the front that a reset leaves */
    unsigned n_held;            /* slots that have been used since arena_forget */
    uint16_t held[ARENA_SLOTS]; /* how far, bytes of the body */
    struct mmsghdr msgs[ARENA_BATCH];
    struct iovec iov[ARENA_BATCH];
    union sock_name names[ARENA_BATCH];
    _Alignas(16) uint8_t control[ARENA_BATCH][ARENA_CONTROL];
};

/* A datagram as it came, or a train of them, one behind the other without room between (UDP_GRO):
 * all as long as segment says, and only the last may be shorter. */
struct arrival {
    struct turn_pkt pkt;
    struct addr from;
    struct addr local; /* where it was sent to; ADDR_NONE when not asked for */
    uint16_t segment;  /* 0 = a single one */
    uint8_t tos;       /* DSCP and ECN; 0 when not asked for */
    bool is_crowded;   /* others of its train lie around it */
};

/* 0 or -ENOMEM. */
int arena_init(struct arena *a);
void arena_free(struct arena *a);

unsigned arena_left(const struct arena *a);
/* Takes back every slot that is not pinned. */
void arena_reset(struct arena *a);
/* What is in use now stays over resets until arena_unpin. */
void arena_pin(struct arena *a);
void arena_unpin(struct arena *a);
/* A slot's body, of which n bytes will be written, at most ARENA_BODY; NULL when none is left. */
uint8_t *arena_take(struct arena *a, size_t n);
/* Copies a packet to a slot of its own, away from neighbours that the engine would write to; false
 * when none is left. */
bool arena_move(struct arena *a, struct turn_pkt *pkt);
/* The slot that was taken last holds n bytes, more than was said before. */
void arena_hold(struct arena *a, size_t n);
/* Overwrites what the slots have held. Only when none is still to be sent. */
void arena_forget(struct arena *a);
/* Overwrites where datagrams came from and went to. */
void arena_forget_names(struct arena *a);

struct arena_source {
    int fd;
    unsigned max;      /* datagrams, at most ARENA_BATCH and what is left */
    bool with_control; /* the socket delivers what arrival.local, .tos and .segment are made of */
};

/* One receive call. How many datagrams or trains came, or -errno. Their slots are taken. */
int arena_recv(struct arena *a, const struct arena_source *source);
/* The i-th of the last arena_recv; false if it is unusable. */
bool arena_get(const struct arena *a, unsigned i, struct arrival *ret);

/* A train, or a single datagram, that is taken apart. */
struct train {
    struct arrival next;
    struct turn_pkt left;
    size_t step;
};

struct train train_of(const struct arrival *in);
/* The next datagram becomes .next; false behind the last. */
bool train_next(struct train *t);

#endif
