/* Connections: who is let in, what becomes of them, and when they are over. */
#include "local/local.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "local/local_int.h"

enum { BACKLOG = 16 };

static const uid_t nobody = (uid_t)-1;

struct local {
    struct event_base *base;
    struct local_conf conf;
    struct evconnlistener *listener;
    bool has_file;
    struct event *again; /* ends a pause */
    struct list clients; /* owned */
    size_t n_clients;
};

/* On their way; the memory is there while there are any. */
struct bytes {
    uint8_t *p;
    size_t cap;
    size_t n;
    size_t n_sent;
};

struct local_client {
    struct list link;
    struct local *owner;
    int fd;
    uid_t uid;
    bool is_kept;
    struct event *readable;
    struct event *writable;
    usec_t until; /* unless kept */
    struct bytes answer;
    struct bytes queue; /* behind the answer */
    size_t n_in;
    uint8_t in[LOCAL_REQUEST_MAX];
};

static void set_open(struct local *l, bool open)
{
    if (open)
        evconnlistener_enable(l->listener);
    else
        evconnlistener_disable(l->listener);
}

/* --- What is on its way --- */

static bool bytes_make(struct bytes *b, size_t cap)
{
    *b = (struct bytes){.p = mem_zalloc(cap), .cap = cap};
    return b->p;
}

static void bytes_wipe(struct bytes *b)
{
    mem_free_wiped(b->p, b->cap);
    *b = (struct bytes){0};
}

/* False: no room. */
static bool bytes_add(struct bytes *b, struct span more)
{
    size_t left = b->n - b->n_sent;
    if (more.n > b->cap - left)
        return false;
    memmove(b->p, b->p + b->n_sent, left);
    if (more.n)
        memcpy(b->p + left, more.p, more.n);
    b->n = left + more.n;
    b->n_sent = 0;
    return true;
}

/* --- Connections --- */

static void drop(struct local_client *c)
{
    struct local *l = c->owner;
    if (c->is_kept && l->conf.gone)
        l->conf.gone(l->conf.ctx, c);
    if (c->readable)
        event_free(c->readable);
    if (c->writable)
        event_free(c->writable);
    evutil_closesocket(c->fd);
    bytes_wipe(&c->answer);
    bytes_wipe(&c->queue);
    list_remove(&c->link);
    mem_free_wiped(c, sizeof(*c));
    if (l->n_clients-- == LOCAL_CLIENTS_MAX)
        set_open(l, true);
}

static bool is_early(int code)
{
    return code == EAGAIN || code == EINTR;
}

/* Once; unless kept, for as long as the connection may live at all. */
static void wait_for(struct local_client *c, struct event *event)
{
    usec_t left = c->until - clock_monotonic();
    const struct timeval t = {left > 0 ? left / USEC_PER_SEC : 0,
                              left > 0 ? left % USEC_PER_SEC : 0};
    if (event_add(event, c->is_kept ? NULL : &t) < 0)
        drop(c);
}

static void send_on(struct local_client *c)
{
    struct bytes *b = c->answer.p ? &c->answer : &c->queue;
    ssize_t put =
        b->p ? send(c->fd, b->p + b->n_sent, b->n - b->n_sent, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
    if (put < 0 && !is_early(errno)) {
        drop(c);
        return;
    }
    if (put > 0)
        b->n_sent += (size_t)put;
    if (b->n_sent == b->n)
        bytes_wipe(b);
    if (c->answer.p || c->queue.p)
        wait_for(c, c->writable);
    else if (!c->is_kept)
        drop(c);
}

/* Bytes of a whole request, 0 = not yet. */
static size_t whole(const struct local_client *c)
{
    bool is_http = c->owner->conf.is_http;
    const uint8_t *end =
        is_http ? memmem(c->in, c->n_in, "\r\n\r\n", 4) : memchr(c->in, '\n', c->n_in);
    return end ? (size_t)(end - c->in) + (is_http ? 4 : 1) : 0;
}

static struct span without_end(struct span line)
{
    size_t end = line.n > 1 && line.p[line.n - 2] == '\r' ? 2 : 1;
    return span_of(line.p, line.n - end);
}

/* n: bytes of the request, 0 = it does not fit. */
static void answer(struct local_client *c, size_t n)
{
    const struct local_conf *conf = &c->owner->conf;
    struct span raw = span_of(c->in, n);
    const struct local_request request = {
        .raw = n && !conf->is_http ? without_end(raw) : raw, .uid = c->uid, .client = c};
    if (!bytes_make(&c->answer, conf->answer_max)) {
        drop(c);
        return;
    }
    struct writer out = w_over(c->answer.p, c->answer.cap);
    conf->answer(conf->ctx, &request, n == 0, &out);
    c->answer.n = w_span(&out).n;
    explicit_bzero(c->in, c->n_in);
    if (c->is_kept && event_add(c->readable, NULL) < 0)
        drop(c);
    else
        send_on(c);
}

/* How many bytes came; 0 = none yet, -1 = the other side is gone. */
static ssize_t hear(struct local_client *c, size_t from)
{
    ssize_t got = recv(c->fd, c->in + from, sizeof(c->in) - from, MSG_DONTWAIT);
    if (got < 0 && is_early(errno))
        return 0;
    return got > 0 ? got : -1;
}

static void receive(struct local_client *c)
{
    ssize_t got = hear(c, c->n_in);
    if (got < 0) {
        drop(c);
        return;
    }
    c->n_in += (size_t)got;
    size_t n = whole(c);
    if (n > 0 || c->n_in == sizeof(c->in))
        answer(c, n);
    else
        wait_for(c, c->readable);
}

/* A kept connection is read only to see it end. */
static void overhear(struct local_client *c)
{
    ssize_t got = hear(c, 0);
    if (got < 0) {
        drop(c);
        return;
    }
    explicit_bzero(c->in, (size_t)got);
    wait_for(c, c->readable);
}

static void on_client(evutil_socket_t fd, short what, void *ctx)
{
    struct local_client *c = ctx;
    (void)fd;
    if (what & EV_TIMEOUT)
        drop(c);
    else if (what & EV_WRITE)
        send_on(c);
    else if (c->is_kept)
        overhear(c);
    else
        receive(c);
}

/* Who connected, which need not be who writes now. */
static uid_t uid_of(int fd)
{
    struct ucred who;
    socklen_t n = sizeof(who);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0 ? who.uid : nobody;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
                      int n, void *ctx)
{
    struct local *l = ctx;
    struct local_client *c = mem_zalloc(sizeof(*c));
    (void)listener;
    (void)from;
    (void)n;
    if (!c) {
        evutil_closesocket(fd);
        return;
    }
    c->owner = l;
    c->fd = fd;
    c->uid = l->has_file ? uid_of(fd) : nobody;
    c->until = clock_monotonic() + LOCAL_SECONDS * USEC_PER_SEC;
    c->readable = event_new(l->base, fd, EV_READ, on_client, c);
    c->writable = event_new(l->base, fd, EV_WRITE, on_client, c);
    list_push(&l->clients, &c->link);
    if (++l->n_clients == LOCAL_CLIENTS_MAX)
        set_open(l, false);
    if (c->readable && c->writable)
        wait_for(c, c->readable);
    else
        drop(c);
}

/* No descriptors left, most likely: the same error would come back at once. */
static void on_accept_error(struct evconnlistener *listener, void *ctx)
{
    struct local *l = ctx;
    const struct timeval second = {1, 0};
    (void)listener;
    set_open(l, false);
    event_add(l->again, &second);
}

static void on_again(evutil_socket_t fd, short what, void *ctx)
{
    struct local *l = ctx;
    (void)fd;
    (void)what;
    if (l->n_clients < LOCAL_CLIENTS_MAX)
        set_open(l, true);
}

/* --- Connections that stay. Their users may be anywhere in their own code, so all that follows of
 * it happens when the loop turns. --- */

void local_keep(struct local_client *c)
{
    c->is_kept = true;
}

void local_send(struct local_client *c, struct span more)
{
    if (!c->is_kept)
        return;
    bool fits =
        (c->queue.p || bytes_make(&c->queue, LOCAL_QUEUE_MAX)) && bytes_add(&c->queue, more);
    event_active(c->writable, fits ? EV_WRITE : EV_TIMEOUT, 1);
}

void local_end(struct local_client *c)
{
    if (!c->is_kept)
        return;
    c->is_kept = false;
    c->until = clock_monotonic() + LOCAL_SECONDS * USEC_PER_SEC;
    event_del(c->readable);
    event_active(c->writable, EV_WRITE, 1);
}

/* --- The server --- */

static struct local *fail(struct local_error *err, const char *at, int code)
{
    struct writer w = w_over(err->text, sizeof(err->text) - 1);
    w_bytes(&w, span_text(at));
    w_bytes(&w, span_text(": cannot listen there, "));
    w_bytes(&w, span_text(place_why_not(code)));
    err->text[w.n] = 0;
    return NULL;
}

static int open_door(struct local *l)
{
    const struct local_conf *conf = &l->conf;
    int fd = place_bind(conf->at, conf->mode);
    if (fd < 0)
        return fd;
    l->has_file = place_is_path(conf->at);
    l->listener = evconnlistener_new(l->base, on_accept, l,
                                     LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, BACKLOG, fd);
    if (!l->listener) {
        int r = errno ? -errno : -ENOMEM;
        evutil_closesocket(fd);
        return r;
    }
    evconnlistener_set_error_cb(l->listener, on_accept_error);
    return 0;
}

struct local *local_new(struct event_base *base, const struct local_conf *conf,
                        struct local_error *err)
{
    struct local *l = mem_zalloc(sizeof(*l));
    if (!l)
        return fail(err, conf->at, ENOMEM);
    l->base = base;
    l->conf = *conf;
    list_init(&l->clients);
    l->again = event_new(base, -1, 0, on_again, l);
    int r = l->again ? open_door(l) : -ENOMEM;
    if (r == 0)
        return l;
    local_free(l);
    return fail(err, conf->at, -r);
}

void local_free(struct local *l)
{
    if (!l)
        return;
    while (!list_empty(&l->clients))
        drop(container_of(l->clients.next, struct local_client, link));
    if (l->listener)
        evconnlistener_free(l->listener);
    if (l->has_file)
        (void)unlink(l->conf.at);
    if (l->again)
        event_free(l->again);
    mem_free(l);
}
