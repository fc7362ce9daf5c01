/* Small servers for programs on this host: a request, an answer, and over. On loopback or a Unix
 * socket, on the caller's event loop. Connections, bytes and time of each are bounded, and what
 * passed through is wiped. HTTP is GET and POST without a body. */
#ifndef RELAY_LOCAL_LOCAL_H
#define RELAY_LOCAL_LOCAL_H

#include "base/writer.h"

#include <stdbool.h>
#include <sys/types.h>

enum local_limit {
    LOCAL_CLIENTS_MAX = 32,   /* connections at once per server; further ones wait in the kernel */
    LOCAL_SECONDS = 5,        /* for a connection as a whole, until it is kept */
    LOCAL_REQUEST_MAX = 4096, /* bytes of request line and headers, or of a line */
    LOCAL_QUEUE_MAX = 65536,  /* bytes that a kept connection has not read; with more it is gone */
    LOCAL_ERROR_TEXT = 256,
};

struct local_error {
    char text[LOCAL_ERROR_TEXT];
};

struct local_client;

struct local_request {
    struct span raw; /* all of it; for lines without its end */
    uid_t uid;       /* of the process at the other end of a Unix socket; (uid_t)-1 on a port */
    struct local_client *client;
};

struct local_conf {
    const char *at;    /* "127.0.0.1:9641", "[::1]:9641", or the path of a Unix socket. Borrowed. */
    bool is_http;      /* a request ends with an empty line; else with its first line */
    mode_t mode;       /* of the socket's file, e.g. 0600 */
    size_t answer_max; /* bytes */
    /* Writes the answer. The request lies in a buffer that is wiped afterwards. `too_long`: the
     * request did not fit and raw is empty. */
    void (*answer)(void *ctx, const struct local_request *request, bool too_long,
                   struct writer *out);
    /* A kept connection is gone; may be NULL. */
    void (*gone)(void *ctx, struct local_client *client);
    void *ctx;
};

struct event_base;
struct local;

/* Binds and serves. NULL with *err filled. Text on loopback only: any other address is refused. */
struct local *local_new(struct event_base *base, const struct local_conf *conf,
                        struct local_error *err);
/* Ends what is open and removes the socket's file. `gone` is called for kept ones. Not from a
 * callback of the same server. Accepts NULL. */
void local_free(struct local *l);

/* Inside `answer`: after it the connection stays, without a time limit, until local_end or until
 * the other side goes or ends what it says. What it says meanwhile is thrown away. */
void local_keep(struct local_client *c);
/* More for a kept connection. Calls nobody back: one that is too slow is gone a little later. */
void local_send(struct local_client *c, struct span more);
/* Ends a kept connection once all is sent, within LOCAL_SECONDS; `gone` is not called. */
void local_end(struct local_client *c);

/* --- HTTP --- */

enum local_status {
    LOCAL_OK,
    LOCAL_BAD_REQUEST,
    LOCAL_FORBIDDEN,
    LOCAL_NOT_FOUND,
    LOCAL_NOT_ALLOWED,
    LOCAL_TOO_LONG,
    LOCAL_UNAVAILABLE,
};

struct local_http {
    struct span method;
    struct span path;    /* as sent, escapes and all, without the query */
    struct span query;   /* behind the question mark, or empty */
    struct span headers; /* lines with their ends */
};

/* False: no HTTP/1 request. */
bool local_http_read(struct span raw, struct local_http *ret);
/* The value of the first header of that name, without blanks around; empty if there is none. Names
 * without case. */
struct span local_http_header(const struct local_http *h, const char *name);
/* The value of the last pair of that name in the query, escapes resolved, NUL behind it. Its
 * length, or -ENOENT, or -EINVAL: one of that name is too long, or has a NUL in it or a broken
 * escape. */
int local_http_value(const struct local_http *h, const char *name, char *ret, size_t cap);

struct local_reply {
    enum local_status status;
    const char *type;  /* Content-Type */
    const char *extra; /* further header lines, each with its end, or NULL */
    struct span body;
};

/* The whole answer; one page, one connection, never cached. */
void local_http_write(const struct local_reply *r, struct writer *out);

#endif
