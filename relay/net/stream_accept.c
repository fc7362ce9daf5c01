/* Sockets that clients connect to: one per worker and address, sharing the port. */
#include "net/stream_int.h"

#include <errno.h>
#include <unistd.h>

#include "net/worker_int.h"

enum { BACKLOG = 1024, ACCEPTS_PER_TURN = 32, PAUSE_USEC = 200000 };

static int set_int(int fd, int level, int option)
{
    int one = 1;
    return setsockopt(fd, level, option, &one, sizeof one) == 0 ? 0 : -errno;
}

/* Connections that a former process left in TIME_WAIT must not keep the port, hence REUSEADDR; a
 * listening socket of somebody else still does. */
int acceptor_bound(const struct addr *addr, bool shared)
{
    union sock_name name;
    socklen_t n = sockaddr_from_addr(addr, &name);
    int fd = socket(sockaddr_family(addr), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    int r = set_int(fd, SOL_SOCKET, SO_REUSEADDR);
    if (r == 0 && shared)
        r = set_int(fd, SOL_SOCKET, SO_REUSEPORT);
    if (r == 0 && addr->family == ADDR_V6)
        r = set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    if (r == 0 && bind(fd, &name.sa, n) != 0)
        r = -errno;
    if (r == 0)
        return fd;
    close(fd);
    return r;
}

int acceptor_probe(const struct addr *addr)
{
    int fd = acceptor_bound(addr, false);

    if (fd < 0)
        return fd;
    close(fd);
    return 0;
}

int acceptor_open(struct acceptor *a, const struct net_listen *where)
{
    int fd = acceptor_bound(&where->addr, true);

    if (fd < 0)
        return fd;
    if (listen(fd, BACKLOG) != 0) {
        int r = -errno;
        close(fd);
        return r;
    }
    *a = (struct acceptor){.addr = where->addr, .fd = fd, .speaks = where->speaks};
    return 0;
}

/* The queue stays full when there is nothing to accept into, and would wake the loop forever. */
static void pause_accepting(struct acceptor *a)
{
    struct timeval tv = {.tv_usec = PAUSE_USEC};

    event_del(&a->ev);
    event_add(&a->resume, &tv);
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
    struct acceptor *a = arg;

    (void)fd;
    (void)what;
    event_add(&a->ev, NULL);
}

/* All but EAGAIN is about the connection that would have been the next one. */
static bool accept_one(struct acceptor *a)
{
    union sock_name name;
    socklen_t n = sizeof name;
    struct addr client;
    int fd = accept4(a->fd, &name.sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        int err = errno;
        if (err == EMFILE || err == ENFILE || err == ENOBUFS || err == ENOMEM)
            pause_accepting(a);
        return err == EINTR || err == ECONNABORTED || err == EPROTO;
    }
    if (sockaddr_to_addr(&name, n, &client))
        conn_open(a, fd, &client);
    else
        close(fd);
    return true;
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        if (!accept_one(arg))
            break;
    }
}

int acceptor_listen(struct acceptor *a, struct worker *w)
{
    a->worker = w;
    event_assign(&a->ev, w->base, a->fd, EV_READ | EV_PERSIST, on_acceptable, a);
    event_assign(&a->resume, w->base, -1, 0, on_resume, a);
    return event_add(&a->ev, NULL) == 0 ? 0 : -ENOMEM;
}

void acceptor_close(struct acceptor *a)
{
    if (a->worker) {
        event_del(&a->ev);
        event_del(&a->resume);
    }
    close(a->fd);
}
