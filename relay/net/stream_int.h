/* Clients' connections (TCP, TLS) of one worker. What a connection is comes out of its first bytes,
 * which are looked at and left in the socket:
 *
 *   HEADER (trusted proxies only) -> FIRST -> OPEN                 STUN in plain TCP
 *                                         -> HANDSHAKE -> OPEN     our TLS
 *                                         -> PASS                  the web server's
 *
 * RFC 6062 adds two ways out of OPEN: the connection becomes a peer's (PASS), which may need it to
 * move to the worker that has the peer (MOVING). pass_int.h has what a PASS is.
 *
 * A connection that has ended is DEAD until the end of the loop turn; only then is it taken apart,
 * and with it its allocation. So no caller ever holds one that is gone. */
#ifndef RELAY_NET_STREAM_INT_H
#define RELAY_NET_STREAM_INT_H

#include "base/htab.h"
#include "base/list.h"
#include "base/wheel.h"
#include "net/net.h"
#include "net/tls_int.h"

#include <event2/event.h>
#include <event2/event_struct.h>

struct worker;
struct pass;
struct tls_conn;

enum conn_state {
    CONN_HEADER,
    CONN_FIRST,
    CONN_HANDSHAKE,
    CONN_OPEN,
    CONN_LEAVING, /* the client has ended its side; what it is owed is still written */
    CONN_PASS,
    CONN_MOVING, /* to another worker, at the end of the loop turn */
    CONN_DEAD,
};

enum stream_size {
    CHUNK_BYTES = 16384,   /* what one TLS record carries */
    SCRATCH_BYTES = 65536, /* of one read */
    STAGE_BYTES = 65536,   /* of one write of TLS records */
    INTAKE_BYTES = 32768,  /* of one read of them */
};

struct chunk {
    struct chunk *next;
    uint32_t from;
    uint32_t to;
    uint8_t bytes[CHUNK_BYTES];
};

/* Bytes that wait to be written. */
struct outq {
    struct chunk *first;
    struct chunk *last;
    size_t n;
};

struct conn {
    struct worker *worker;
    struct turn_flow flow; /* .via is its name: its slot */
    int fd;
    uint8_t state;      /* enum conn_state */
    uint8_t speaks;     /* of the listener it came by */
    bool is_writing;    /* waits for the socket to take more */
    bool has_spoken;    /* a whole message came */
    bool has_handshake; /* TLS stands, so it is ended by close_notify */
    bool is_counted;    /* in streams.prefixes */
    struct event readable;
    struct event writable;
    struct wheel_node timer;
    usec_t last;   /* message, or bytes when passed through */
    size_t looked; /* bytes seen without taking them, when they were too few */
    struct tls_conn *tls;
    struct pass *pass;
    uint8_t *tail; /* start of a message, behind TURN_HEADROOM; owned */
    size_t tail_n;
    size_t tail_cap;
    struct outq queue;
    struct list link;  /* in streams.dirty, .moving or .dead */
    struct conn *next; /* in a mailbox */
    uint16_t to;       /* the worker to move to */
    struct htab_node node;
    struct addr prefix;
};

struct acceptor {
    struct worker *worker;
    struct event ev;
    struct event resume;
    struct addr addr;
    int fd;
    uint8_t speaks;
};

struct streams {
    struct worker *worker;
    struct net_stream_conf conf;
    struct net_web_conf web;
    struct conn **slots;  /* owned; by name, NULL = free */
    uint32_t *free_names; /* owned */
    uint32_t n_free;
    struct htab prefixes; /* of struct conn, by prefix */
    struct wheel wheel;
    struct list dirty; /* have something to write */
    struct list moving;
    struct list dead;
    struct chunk *pool; /* kept for the next one who writes; bounded */
    unsigned n_pool;
    uint8_t *scratch;        /* SCRATCH_BYTES with the engine's room around them; owned */
    size_t held;             /* bytes of it that have been used since streams_forget */
    struct tls_stage stage;  /* of what is written */
    struct tls_stage intake; /* of what is read; empty between two callbacks */
    struct acceptor acceptors[NET_LISTENERS_MAX];
    size_t n_acceptors;
};

/* stream.c */
/* NULL when out of memory. */
struct streams *streams_new(struct worker *w, const struct net_conf *conf);
/* Accepts NULL. The engine must still be there. */
void streams_free(struct streams *s);
/* The end of a loop turn: writes what is queued, takes apart what has ended. */
void streams_turn(struct streams *s);
usec_t streams_deadline(const struct streams *s);
void streams_expire(struct streams *s, usec_t now);
/* Takes the socket over; closes it when there is no room. */
void conn_open(const struct acceptor *a, int fd, const struct addr *client);
void conn_kill(struct conn *c);
/* Gives it a name here, and its events; counts it. false: one too many, nothing has happened. */
bool conn_place(struct streams *s, struct conn *c);
/* Takes it out of all that conn_place has put it in. */
void conn_unplace(struct streams *s, struct conn *c);
/* Frees it and those that follow by .next, which have no place. Accepts NULL. */
void conn_dispose(struct conn *c);
/* Wakes when the socket takes more, or no longer does. */
void conn_want_write(struct conn *c, bool want);
/* The connection's deadline, from now on. */
void conn_expect(struct conn *c, uint32_t seconds);
/* By its name; NULL if there is none. */
struct conn *conn_find(const struct streams *s, uint32_t name);

/* n bytes were read to the scratch. */
static inline void scratch_hold(struct streams *s, ssize_t n)
{
    if (n > 0 && (size_t)n > s->held)
        s->held = (size_t)n;
}
/* Overwrites what was read there. */
void streams_forget(struct streams *s);

/* conn_limit.c */
/* Whether there may be one more from where client is; then it is counted until conn_uncount. */
bool conn_count(struct streams *s, struct conn *c);
void conn_uncount(struct streams *s, struct conn *c);

/* stream_accept.c */
/* Binds and listens; 0 or -errno. */
int acceptor_open(struct acceptor *a, const struct net_listen *listen);
int acceptor_listen(struct acceptor *a, struct worker *w);
void acceptor_close(struct acceptor *a);
int acceptor_probe(const struct addr *addr);
/* A bound socket, or -errno; shared: among all that ask for the address so. */
int acceptor_bound(const struct addr *addr, bool shared);

/* stream_first.c: bytes came before it is known what the connection is. */
void first_header(struct conn *c);
void first_bytes(struct conn *c);
void first_handshake(struct conn *c);

/* stream_read.c: bytes came. */
void read_messages(struct conn *c);
/* Gives bytes to a connection that has moved here, as if read. */
void read_again(struct conn *c);

/* stream_move.c */
/* The connection of this name goes to another worker, with the message that is being read and what
 * lies behind it. */
void stream_move(struct streams *s, uint32_t name, uint16_t worker);
/* The end of a loop turn: those that move leave. */
void streams_depart(struct streams *s);
/* Connections that have moved here, chained. Accepts NULL. */
void streams_adopt(struct streams *s, struct conn *moved);

/* stream_write.c */
/* Queues bytes for the connection of this name. control: an answer, never dropped; media is, when
 * the client does not keep up. */
void stream_output(struct streams *s, uint32_t name, struct span data, bool control);
void conn_flush(struct conn *c);
/* s may be NULL. */
void outq_free(struct streams *s, struct outq *q);

/* pass_web.c */
/* From now on the connection is the web server's; kills it if that cannot be. */
void pass_begin(struct conn *c);

/* pass.c */
/* How long it may live. */
usec_t pass_until(const struct pass *p);
void pass_readable(struct conn *c);
void pass_writable(struct conn *c);
void pass_free(struct pass *p);

#endif
