/* Sockets and connections of the issuer. A connection is one request, one answer, and over. */
#include "issuer/issuer.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "issuer/issuer_int.h"

enum { BACKLOG = 16 };

struct door {
    struct issuer *owner;
    struct evconnlistener *listener;
    const char *path; /* of its file, or NULL */
    bool is_http;
};

struct issuer {
    struct event_base *base;
    struct issuer_conf conf;
    struct door doors[2];
    struct event *again; /* ends a pause */
    struct list clients; /* owned */
    size_t n_clients;
};

struct client {
    struct list link;
    struct issuer *owner;
    int fd;
    struct event *readable;
    struct event *writable;
    bool is_http;
    usec_t until;
    size_t n_in;
    size_t n_sent;
    struct writer out; /* over answer */
    uint8_t in[ISSUER_REQUEST_MAX];
    uint8_t answer[ANSWER_MAX];
};

static void set_doors(struct issuer *s, bool open)
{
    for (size_t i = 0; i < sizeof(s->doors) / sizeof(s->doors[0]); i++)
        if (s->doors[i].listener && open)
            evconnlistener_enable(s->doors[i].listener);
        else if (s->doors[i].listener)
            evconnlistener_disable(s->doors[i].listener);
}

/* --- Connections --- */

static void drop(struct client *c)
{
    struct issuer *s = c->owner;
    if (c->readable)
        event_free(c->readable);
    if (c->writable)
        event_free(c->writable);
    evutil_closesocket(c->fd);
    list_remove(&c->link);
    mem_free_wiped(c, sizeof(*c));
    if (s->n_clients-- == ISSUER_CLIENTS_MAX)
        set_doors(s, true);
}

/* Once, for as long as the connection may live at all. */
static void wait_for(struct client *c, struct event *event)
{
    usec_t left = c->until - clock_monotonic();
    const struct timeval t = {left > 0 ? left / USEC_PER_SEC : 0,
                              left > 0 ? left % USEC_PER_SEC : 0};
    if (event_add(event, &t) < 0)
        drop(c);
}

static void send_on(struct client *c)
{
    struct span all = w_span(&c->out);
    ssize_t put =
        send(c->fd, c->answer + c->n_sent, all.n - c->n_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put > 0)
        c->n_sent += (size_t)put;
    bool waits = put >= 0 ? c->n_sent < all.n : errno == EAGAIN || errno == EINTR;
    if (waits)
        wait_for(c, c->writable);
    else
        drop(c);
}

/* Bytes of a whole request, 0 = not yet. */
static size_t whole(const struct client *c)
{
    const uint8_t *end =
        c->is_http ? memmem(c->in, c->n_in, "\r\n\r\n", 4) : memchr(c->in, '\n', c->n_in);
    return end ? (size_t)(end - c->in) + (c->is_http ? 4 : 1) : 0;
}

static void answer(struct client *c, size_t n)
{
    const struct issuer_conf *conf = &c->owner->conf;
    bool has_cr = n >= 2 && c->in[n - 2] == '\r';
    if (n == 0)
        answer_http_too_long(&c->out);
    else if (c->is_http)
        answer_http(conf, span_of(c->in, n), clock_wall(), &c->out);
    else
        answer_line(conf, span_of(c->in, n - 1 - has_cr), clock_wall(), &c->out);
    crypto_wipe(c->in, c->n_in);
    send_on(c);
}

static void receive(struct client *c)
{
    ssize_t got = recv(c->fd, c->in + c->n_in, sizeof(c->in) - c->n_in, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        wait_for(c, c->readable);
        return;
    }
    if (got <= 0) {
        drop(c);
        return;
    }
    c->n_in += (size_t)got;
    size_t n = whole(c);
    bool is_full = c->n_in == sizeof(c->in);
    if (n > 0 || (is_full && c->is_http))
        answer(c, n);
    else if (is_full)
        drop(c);
    else
        wait_for(c, c->readable);
}

static void on_client(evutil_socket_t fd, short what, void *ctx)
{
    struct client *c = ctx;
    (void)fd;
    if (what & EV_TIMEOUT)
        drop(c);
    else if (what & EV_WRITE)
        send_on(c);
    else
        receive(c);
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *from, int n,
                      void *ctx)
{
    const struct door *d = ctx;
    struct issuer *s = d->owner;
    struct client *c = mem_zalloc(sizeof(*c));
    (void)l;
    (void)from;
    (void)n;
    if (!c) {
        evutil_closesocket(fd);
        return;
    }
    c->owner = s;
    c->fd = fd;
    c->is_http = d->is_http;
    c->until = clock_monotonic() + ISSUER_SECONDS * USEC_PER_SEC;
    c->out = w_over(c->answer, sizeof(c->answer));
    c->readable = event_new(s->base, fd, EV_READ, on_client, c);
    c->writable = event_new(s->base, fd, EV_WRITE, on_client, c);
    list_push(&s->clients, &c->link);
    if (++s->n_clients == ISSUER_CLIENTS_MAX)
        set_doors(s, false);
    if (c->readable && c->writable)
        wait_for(c, c->readable);
    else
        drop(c);
}

/* No descriptors left, most likely: the same error would come back at once. */
static void on_accept_error(struct evconnlistener *l, void *ctx)
{
    const struct door *d = ctx;
    const struct timeval second = {1, 0};
    (void)l;
    set_doors(d->owner, false);
    event_add(d->owner->again, &second);
}

static void on_again(evutil_socket_t fd, short what, void *ctx)
{
    struct issuer *s = ctx;
    (void)fd;
    (void)what;
    if (s->n_clients < ISSUER_CLIENTS_MAX)
        set_doors(s, true);
}

/* --- Doors --- */

static const char *why_not(int code)
{
    switch (code) {
    case EADDRINUSE:
        return "it is in use by another program";
    case EACCES:
        return "its folder is closed to this user; see RuntimeDirectory= of systemd";
    case ENOENT:
        return "its folder does not exist";
    case EADDRNOTAVAIL:
        return "this host has no such address";
    default:
        return "the system refuses it";
    }
}

static struct issuer *fail(struct auth_error *err, const char *at, const char *why)
{
    struct writer w = w_over(err->text, sizeof(err->text) - 1);
    w_bytes(&w, span_text(at));
    w_bytes(&w, span_text(": cannot listen there, "));
    w_bytes(&w, span_text(why));
    err->text[w.n] = 0;
    return NULL;
}

static int bound(const struct sockaddr *at, socklen_t len)
{
    int one = 1;
    int fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (at->sa_family != AF_UNIX)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, at, len) == 0)
        return fd;
    int r = -errno;
    evutil_closesocket(fd);
    return r;
}

/* The file of a server that is no more is in the way; that of a living one stays. */
static void remove_stale(const struct sockaddr_un *at)
{
    struct stat st;
    if (lstat(at->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    if (connect(fd, (const struct sockaddr *)at, sizeof(*at)) < 0 && errno == ECONNREFUSED)
        (void)unlink(at->sun_path);
    evutil_closesocket(fd);
}

/* Open to the group, which the programs that ask are to be members of. */
static int bound_path(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n >= sizeof(at.sun_path))
        return -ENAMETOOLONG;
    memcpy(at.sun_path, path, n);
    remove_stale(&at);
    int fd = bound((const struct sockaddr *)&at, sizeof(at));
    if (fd >= 0)
        (void)chmod(path, S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP);
    return fd;
}

static int bound_port(const char *text)
{
    struct sockaddr_storage at = {0};
    int len = sizeof(at);
    if (evutil_parse_sockaddr_port(text, (struct sockaddr *)&at, &len) < 0)
        return -EINVAL;
    return bound((const struct sockaddr *)&at, (socklen_t)len);
}

static bool open_door(struct issuer *s, struct door *d, const char *at, struct auth_error *err)
{
    bool is_path = at[0] == '/';
    d->owner = s;
    if (!at[0])
        return true;
    int fd = is_path ? bound_path(at) : bound_port(at);
    if (fd < 0)
        return fail(err, at, why_not(-fd));
    d->path = is_path ? at : NULL;
    d->listener = evconnlistener_new(s->base, on_accept, d,
                                     LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, BACKLOG, fd);
    if (!d->listener) {
        int code = errno;
        evutil_closesocket(fd);
        return fail(err, at, why_not(code));
    }
    evconnlistener_set_error_cb(d->listener, on_accept_error);
    return true;
}

struct issuer *issuer_new(struct event_base *base, const struct issuer_conf *conf,
                          struct auth_error *err)
{
    struct issuer *s = mem_zalloc(sizeof(*s));
    if (!s)
        return fail(err, "issuer", "out of memory");
    s->base = base;
    s->conf = *conf;
    list_init(&s->clients);
    s->again = event_new(base, -1, 0, on_again, s);
    s->doors[0].is_http = true;
    if (s->again && open_door(s, &s->doors[0], conf->http, err) &&
        open_door(s, &s->doors[1], conf->line, err))
        return s;
    issuer_free(s);
    return NULL;
}

void issuer_free(struct issuer *s)
{
    if (!s)
        return;
    while (!list_empty(&s->clients))
        drop(container_of(s->clients.next, struct client, link));
    for (size_t i = 0; i < sizeof(s->doors) / sizeof(s->doors[0]); i++) {
        if (s->doors[i].listener)
            evconnlistener_free(s->doors[i].listener);
        if (s->doors[i].path)
            (void)unlink(s->doors[i].path);
    }
    if (s->again)
        event_free(s->again);
    mem_free(s);
}
