/* A client's connection whose bytes are not ours: they go both ways between it and the far end,
 * which is the web server (pass_web.c) or a peer (link.c). What one side does not take at once is
 * kept, and no more is read from the other until it is gone; so a connection costs memory only
 * while somebody is slow. */
#ifndef RELAY_NET_PASS_INT_H
#define RELAY_NET_PASS_INT_H

#include "net/stream_int.h"

struct link;

struct side {
    int fd;
    struct tls_conn *tls; /* borrowed; NULL = bytes as they are */
    struct tls_stage *stage;
    struct event *readable;
    struct event *writable;
    bool is_reading; /* which events are set */
    bool is_writing;
    bool has_ended; /* will send nothing more */
    bool is_gone;   /* nothing can be written to it any more */
    bool is_shut;   /* has been told that nothing more comes */
    uint8_t *kept;  /* for this side, not yet taken; owned, NULL = none */
    size_t from;
    size_t to;
};

struct pass {
    struct conn *conn;
    struct side client;
    struct side far;
    struct event far_readable;
    struct event far_writable;
    struct event rested;
    struct link *link; /* the far end; NULL when it is the web server's, or the link is closed */
    usec_t until;      /* set once a side has ended: both do by then */
    uint32_t idle_s;
    bool is_connected; /* the far end */
    bool is_resting;   /* the rate is used up: nobody is read */
};

/* The connection is passed to fd from now on. NULL when out of memory, fd is the caller's then. */
struct pass *pass_new(struct conn *c, int fd, uint32_t idle_s);
/* Waits for what there is to wait for; false: cannot. */
bool pass_watch(struct pass *p);
/* What the client sent behind the message that made it a pass. */
void pass_feed(struct conn *c, struct span bytes);
/* The client's notice that nothing more comes was read behind that message. */
void pass_ended(struct conn *c);
/* Bytes for a side, behind what is kept for it already; false when out of memory. */
bool pass_keep(struct side *to, struct span bytes);

#endif
