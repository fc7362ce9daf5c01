/* The sockets of TCP relays: they listen on the relayed address, from which connections to peers
 * leave as well (RFC 6062 section 5.1). */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/link_int.h"
#include "net/worker_int.h"

enum { BACKLOG = 16, ACCEPTS_PER_TURN = 4, PAUSE_USEC = 200000 };

/* The queue stays full when there is nothing to accept into, and would wake the loop forever. */
static void pause_accepting(struct tcp_relay *r)
{
    struct timeval tv = {.tv_usec = PAUSE_USEC};

    event_del(&r->ev);
    event_add(&r->resume, &tv);
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
    struct tcp_relay *r = arg;

    (void)fd;
    (void)what;
    event_add(&r->ev, NULL);
}

/* Whether the engine wants it; then the socket is the link's. */
static bool offer(struct tcp_relay *r, int fd, const struct addr *peer)
{
    struct link *l = link_new(r->worker->links);

    if (!l)
        return false;
    int64_t handle = dispatch_accepted(r->worker, r->handle, peer);
    if (handle < 0) {
        link_free(l);
        return false;
    }
    link_accepted(l, (uint32_t)handle, fd);
    return true;
}

/* Whether there may be another one. All but EAGAIN is about the connection that would have been the
 * next one. */
static bool accept_one(struct tcp_relay *r)
{
    union sock_name name;
    socklen_t n = sizeof name;
    struct addr peer;
    int fd = accept4(r->fd, &name.sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        int err = errno;
        if (err == EMFILE || err == ENFILE || err == ENOBUFS || err == ENOMEM)
            pause_accepting(r);
        return err == EINTR || err == ECONNABORTED || err == EPROTO;
    }
    if (!sockaddr_to_addr(&name, n, &peer) || !offer(r, fd, &peer))
        close(fd);
    return true;
}

/* The engine may close the relay at any of them. */
static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
    struct tcp_relay *r = arg;
    const struct links *s = r->worker->links;
    uint32_t handle = r->handle;

    (void)fd;
    (void)what;
    for (int i = 0; i < ACCEPTS_PER_TURN && s->relays[handle] == r; i++) {
        if (!accept_one(r))
            break;
    }
}

static int listen_at(struct tcp_relay *r)
{
    struct event_base *base = r->worker->base;

    r->fd = link_socket(&r->local);
    if (r->fd < 0)
        return r->fd == -ENFILE ? -EMFILE : r->fd;
    event_assign(&r->ev, base, r->fd, EV_READ | EV_PERSIST, on_acceptable, r);
    event_assign(&r->resume, base, -1, 0, on_resume, r);
    int err = listen(r->fd, BACKLOG) == 0 ? 0 : -errno;
    if (err == 0 && event_add(&r->ev, NULL) != 0)
        err = -ENOMEM;
    if (err != 0)
        close(r->fd);
    return err;
}

int tcp_relay_open(struct links *s, const struct turn_relay_want *want)
{
    if (!s || want->relay >= s->max_relays)
        return -EINVAL;
    if (s->relays[want->relay])
        return -EBUSY;
    struct tcp_relay *r = mem_zalloc(sizeof *r);
    if (!r)
        return -ENOMEM;
    r->worker = s->worker;
    r->handle = want->relay;
    r->local = want->local;
    int err = listen_at(r);
    if (err == 0)
        s->relays[want->relay] = r;
    else
        mem_free(r);
    return err;
}

void tcp_relay_close(struct links *s, uint32_t handle)
{
    struct tcp_relay *r = s && handle < s->max_relays ? s->relays[handle] : NULL;

    if (!r)
        return;
    event_del(&r->ev);
    event_del(&r->resume);
    close(r->fd);
    s->relays[handle] = NULL;
    mem_free(r);
}
