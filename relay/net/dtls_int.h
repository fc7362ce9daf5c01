/* DTLS on a worker's UDP listeners (RFC 6347, RFC 7350). A client gets a session, and costs memory,
 * only after it has sent back the cookie that its address was given (RFC 6347 section 4.2.1): until
 * then one spare session, which remembers nothing, answers everybody. */
#ifndef RELAY_NET_DTLS_INT_H
#define RELAY_NET_DTLS_INT_H

#include "base/htab.h"
#include "base/wheel.h"
#include "net/worker_int.h"

enum dtls_limit {
    DTLS_HALF_OPEN_MAX = 256, /* handshakes at a time, per worker */
    DTLS_HALF_OPEN_S = 10,
    DTLS_MTU = 1200,       /* of the IP packets of a handshake */
    DTLS_DATA_MAX = 16384, /* of one record */
    DTLS_COOKIE = 16,
    DTLS_RANDOM = 32,
};

struct dtls;
struct ssl_st;
struct bio_st;
struct bio_method_st;

struct session {
    struct dtls *dtls;
    const struct listener *listener;
    struct turn_flow flow; /* .via is its name: its slot */
    struct ssl_st *ssl;
    struct net_tls *tls; /* its contexts call back into it */
    struct span in;      /* the datagram that is being read; empty once it was taken */
    uint8_t in_tos;
    uint8_t out_tos;
    bool is_open;                /* the handshake is over */
    bool has_spoken;             /* something came through it */
    bool is_broken;              /* ended at its timer, which comes at once */
    uint8_t random[DTLS_RANDOM]; /* of its ClientHello: tells a repeated one from a new one */
    usec_t since;                /* of the last message, or of the start */
    struct wheel_node timer;
    struct htab_node node;        /* by both addresses */
    struct htab_node prefix_node; /* by the client's prefix */
    struct addr prefix;
};

struct dtls {
    struct worker *worker;
    struct net_stream_conf conf;
    struct session **slots; /* owned; by name, NULL = free */
    uint32_t *free_names;   /* owned */
    uint32_t n_free;
    uint32_t n_half_open;
    struct session *spare; /* owned; NULL until needed */
    struct htab sessions;
    struct htab prefixes;
    struct wheel wheel;
    struct bio_method_st *method; /* owned; how the library reads and writes our datagrams */
    uint8_t cookie_keys[2][SIPHASH_KEY_LEN];
};

/* dtls.c */
/* One worker's sessions. NULL when out of memory. */
struct dtls *dtls_new(struct worker *w, const struct net_stream_conf *conf);
/* Ends all sessions without a word, and without asking the engine. Accepts NULL. */
void dtls_free(struct dtls *d);
/* A datagram whose first byte says DTLS, on a listener that speaks it. New sessions are served with
 * worker.tls as it is then. */
void dtls_input(struct dtls *d, const struct listener *l, const struct arrival *in);
/* Data to a session by the name in turn_flow.via; dropped if there is none. */
void dtls_output(struct dtls *d, uint32_t name, struct span data, uint8_t tos);
/* When dtls_expire must be called next; USEC_NEVER when there is nothing to wait for. */
usec_t dtls_deadline(const struct dtls *d);
void dtls_expire(struct dtls *d, usec_t now);

/* dtls_session.c */
/* Neither in a table nor of any client yet. NULL when out of memory or without certificates. */
struct session *session_new(struct dtls *d);
void session_free(struct session *s);
/* Answers with a cookie, or recognises it: then the session has begun. */
bool session_greet(struct session *s, struct span datagram);
/* Goes on with s->in: handshake and messages. False when the session has ended. */
bool session_step(struct session *s);
void session_write(struct session *s, struct span data);
/* Repeats what got no answer in time (RFC 6347 section 4.2.4). False as above. */
bool session_repeat(struct session *s);
/* How long until session_repeat is wanted; USEC_NEVER = nothing is open. */
usec_t session_patience(const struct session *s);
/* close_notify. */
void session_bye(struct session *s);

/* dtls_io.c: datagrams between the library and the batch; cookies. */
struct bio_method_st *dtls_io_new(void);
void dtls_io_free(struct bio_method_st *method);
/* The session's end of it; NULL when out of memory. */
struct bio_st *dtls_io_open(const struct bio_method_st *method, struct session *s);
/* The library's callbacks: 1 = made, or good. */
int dtls_cookie_make(struct ssl_st *ssl, unsigned char *ret, unsigned *ret_n);
int dtls_cookie_check(struct ssl_st *ssl, const unsigned char *cookie, unsigned n);

#endif
