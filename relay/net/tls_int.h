/* TLS on a connected socket, one connection after the other; and what net_tls holds. Nothing of the
 * library's own texts leaves these files: they may speak of a client. */
#ifndef RELAY_NET_TLS_INT_H
#define RELAY_NET_TLS_INT_H

#include "base/span.h"
#include "net/net.h"

enum tls_io {
    TLS_OK,
    TLS_WANT_READ,  /* again when the socket is readable */
    TLS_WANT_WRITE, /* again when the socket is writable */
    TLS_CLOSED,     /* the client has closed, properly or not */
    TLS_FAILED,     /* not TLS, or none that we want; an alert may be on its way */
};

struct tls_conn;

/* Where records are gathered, of one connection at a time and one way: before they are written, or
 * after they were read. */
struct tls_stage {
    uint8_t *p;
    size_t n;
    size_t cap;
    size_t high; /* the most that a read has left there, since its owner has overwritten it */
};

/* Takes another reference; gives tls back. Accepts NULL. */
struct net_tls *tls_retain(struct net_tls *tls);

/* The server's end over fd, which stays the caller's and must be non-blocking. NULL when out of
 * memory. Keeps its own reference to tls. */
struct tls_conn *tls_conn_new(struct net_tls *tls, int fd);
/* Accepts NULL. Closes nothing. */
void tls_conn_free(struct tls_conn *c);

enum tls_io tls_conn_handshake(struct tls_conn *c);
/* TLS_OK: *ret_n bytes, at least one. */
enum tls_io tls_conn_read(struct tls_conn *c, uint8_t *buf, size_t cap, size_t *ret_n);
/* TLS_OK: the first *ret_n bytes, at least one, are on their way. After TLS_WANT_* the next call
 * must begin with the same bytes and be no shorter; they may lie elsewhere. data must not be
 * empty. */
enum tls_io tls_conn_write(struct tls_conn *c, struct span data, size_t *ret_n);
/* What is written from now on is gathered in stage, which is the caller's, until the push. */
void tls_conn_gather(struct tls_conn *c, struct tls_stage *stage);
/* Sends what was gathered. TLS_WANT_WRITE: some of it is left, and nothing more is taken before a
 * push has said TLS_OK. */
enum tls_io tls_conn_push(struct tls_conn *c);
/* Whether some is left of the last push. */
bool tls_conn_unsent(const struct tls_conn *c);
/* What is read from now on comes by way of stage, which is the caller's, in as few calls as can be.
 * NULL ends that, and loses what is still there: so only when tls_conn_pending says no. */
void tls_conn_intake(struct tls_conn *c, struct tls_stage *stage);
/* The client has given notice that nothing more comes. */
bool tls_conn_ended(const struct tls_conn *c);
/* Bytes are left in the library or in the stage: read again without waiting for the socket. */
bool tls_conn_pending(const struct tls_conn *c);
/* It has ended without the client's notice: nothing can be written any more. */
bool tls_conn_lost(const struct tls_conn *c);
/* close_notify, as far as it goes without waiting. */
void tls_conn_bye(struct tls_conn *c);

/* --- Between the files of TLS and DTLS --- */

struct ssl_ctx_st;
struct bio_st;
struct bio_method_st;

/* A certificate with its key, and the contexts that serve it. */
struct tls_pair {
    struct ssl_ctx_st *stream;   /* TLS, owned */
    struct ssl_ctx_st *datagram; /* DTLS, owned */
    int64_t ends;                /* Unix seconds */
};

struct net_tls {
    atomic_int refs;
    struct bio_method_st *io; /* owned */
    size_t n;
    struct tls_pair pairs[];
};

/* Loads one certificate; false with *err filled. What is in *ret is to be released in both cases.
 */
bool tls_pair_load(const struct net_tls_pair *files, const struct net_tls_conf *conf,
                   struct tls_pair *ret, struct net_error *err);
void tls_pair_free(struct tls_pair *pair);

/* A context with our policy and no certificate yet; NULL when the library refuses. */
struct ssl_ctx_st *tls_policy_new(bool datagram, bool only_tls13);

/* --- tls_io.c --- */

/* Where a connection reads from. */
struct tls_in {
    struct tls_stage *stage; /* NULL = straight from the socket */
    size_t at;               /* of the stage: what is before has been taken */
};

/* What it writes to. */
struct tls_out {
    struct tls_stage *stage; /* gathers; NULL = straight to the socket */
    uint8_t *rest;           /* what the socket has not taken; owned, NULL = nothing */
    size_t from;
    size_t to;
};

struct tls_socket {
    int fd;
    struct tls_in in;
    struct tls_out out;
};

/* NULL when out of memory. */
struct bio_method_st *tls_io_new(void);
void tls_io_free(struct bio_method_st *method);
/* NULL when out of memory. Reads and writes s, which must live as long. */
struct bio_st *tls_io_open(const struct bio_method_st *method, struct tls_socket *s);
/* The end of gathering; false: the socket is gone. */
bool tls_socket_push(struct tls_socket *s);
void tls_socket_free(struct tls_socket *s);

#endif
