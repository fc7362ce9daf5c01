/* The peers' connections of one worker. The engine names them and says when they end; it is told
 * what became of them, never out of a call of its own. */
#include "net/link_int.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/pass_int.h"
#include "net/worker_int.h"

/* WAITING_BYTES: of a peer whose client has not joined it yet. */
enum { WAITING_BYTES = 1 << 18 };

static struct link *link_find(const struct links *s, uint32_t handle)
{
    return s && handle < s->max ? s->slots[handle] : NULL;
}

/* The buffer bounds what waits, and must stand before the connection does. */
int link_socket(const struct addr *local)
{
    int fd = acceptor_bound(local, true);
    int one = 1;
    int waiting = WAITING_BYTES;

    if (fd < 0)
        return fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &waiting, sizeof waiting);
    return fd;
}

struct link *link_new(struct links *s)
{
    struct link *l = mem_zalloc(sizeof *l);

    if (!l)
        return NULL;
    l->worker = s->worker;
    l->handle = UINT32_MAX;
    l->fd = -1;
    wheel_node_init(&l->timer);
    return l;
}

static void forget(struct link *l)
{
    struct links *s = l->worker->links;

    wheel_clear(&s->wheel, &l->timer);
    if (l->handle < s->max)
        s->slots[l->handle] = NULL;
    mem_free(l);
}

/* A joined one has no socket any more; one that connects is waited for. */
void link_free(struct link *l)
{
    if (event_initialized(&l->ready))
        event_del(&l->ready);
    if (l->fd >= 0)
        close(l->fd);
    forget(l);
}

static void place(struct link *l, uint32_t handle, int fd)
{
    l->handle = handle;
    l->fd = fd;
    l->worker->links->slots[handle] = l;
}

void link_accepted(struct link *l, uint32_t handle, int fd)
{
    int one = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    place(l, handle, fd);
}

/* --- Connecting --- */

static void settled(struct link *l, bool stands)
{
    struct worker *w = l->worker;
    uint32_t handle = l->handle;

    event_del(&l->ready);
    wheel_clear(&w->links->wheel, &l->timer);
    if (!stands)
        link_free(l);
    dispatch_connected(w, handle, stands);
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    int err = 0;
    socklen_t n = sizeof err;

    (void)what;
    settled(arg, getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n) == 0 && err == 0);
}

static void on_timer(void *ctx, struct wheel_node *node, usec_t now)
{
    (void)ctx;
    (void)now;
    settled(container_of(node, struct link, timer), false);
}

static int connect_from(const struct addr *local, const struct addr *peer)
{
    union sock_name name;
    socklen_t n = sockaddr_from_addr(peer, &name);
    int fd = link_socket(local);

    if (fd < 0 || connect(fd, &name.sa, n) == 0 || errno == EINPROGRESS)
        return fd;
    int r = -errno;
    close(fd);
    return r;
}

static int wait_for(struct link *l)
{
    struct worker *w = l->worker;

    event_assign(&l->ready, w->base, l->fd, EV_WRITE, on_ready, l);
    wheel_set(&w->links->wheel, &l->timer, worker_now(w) + LINK_CONNECT_S * USEC_PER_SEC);
    return event_add(&l->ready, NULL) == 0 ? 0 : -ENOMEM;
}

int links_open(struct links *s, const struct turn_link_want *want)
{
    const struct tcp_relay *relay = want->relay < s->max_relays ? s->relays[want->relay] : NULL;

    if (!relay || want->link >= s->max || s->slots[want->link])
        return -EINVAL;
    struct link *l = link_new(s);
    if (!l)
        return -ENOMEM;
    int fd = connect_from(&relay->local, &want->peer);
    int r = fd;
    if (fd >= 0) {
        place(l, want->link, fd);
        r = wait_for(l);
    }
    if (r < 0)
        link_free(l);
    return r < 0 ? r : 0;
}

/* --- Joined --- */

static void fail(struct worker *w, uint32_t handle)
{
    struct link *l = link_find(w->links, handle);

    if (l)
        link_free(l);
    turn_link_closed(w->engine, handle);
}

/* What the client is still owed goes in front of the peer's bytes. */
static bool take_queue(struct conn *c, struct pass *p)
{
    struct outq *q = &c->queue;
    size_t at = 0;

    if (q->n == 0)
        return true;
    p->client.kept = mem_zalloc(q->n);
    if (!p->client.kept)
        return false;
    for (const struct chunk *k = q->first; k; at += k->to - k->from, k = k->next)
        memcpy(p->client.kept + at, k->bytes + k->from, k->to - k->from);
    p->client.to = at;
    outq_free(c->worker->streams, q);
    return true;
}

/* From here on the pass has the socket, and tells the engine when it ends. */
static bool begin(struct conn *c, struct link *l)
{
    struct links *s = c->worker->links;

    c->pass = pass_new(c, l->fd, s->idle_s);
    if (!c->pass)
        return false;
    l->fd = -1;
    l->conn = c;
    list_remove(&c->link);
    c->state = CONN_PASS;
    c->pass->link = l;
    c->pass->is_connected = true;
    c->last = worker_now(c->worker);
    conn_expect(c, s->idle_s);
    return true;
}

void link_join(struct worker *w, uint32_t conn, uint32_t handle)
{
    struct link *l = link_find(w->links, handle);
    struct conn *c = w->streams ? conn_find(w->streams, conn) : NULL;

    if (c && c->state == CONN_OPEN)
        conn_flush(c);
    bool may = l && l->fd >= 0 && c && c->state == CONN_OPEN;
    if (!may || !begin(c, l)) {
        if (c)
            conn_kill(c);
        fail(w, handle);
    } else if (!take_queue(c, c->pass) || !pass_watch(c->pass)) {
        conn_kill(c);
    }
}

void link_passed(struct link *l)
{
    if (!l)
        return;
    struct turn *engine = l->worker->engine;
    uint32_t handle = l->handle;
    forget(l);
    turn_link_closed(engine, handle);
}

void links_close(struct links *s, uint32_t handle)
{
    struct link *l = link_find(s, handle);

    if (!l)
        return;
    if (l->conn) {
        l->conn->pass->link = NULL;
        conn_kill(l->conn);
    }
    link_free(l);
}

/* --- All of them --- */

usec_t links_deadline(const struct links *s)
{
    return wheel_next(&s->wheel);
}

void links_expire(struct links *s, usec_t now)
{
    wheel_expire(&s->wheel, now, on_timer, s);
}

struct links *links_new(struct worker *w, const struct net_conf *conf)
{
    struct links *s = mem_zalloc(sizeof *s);

    if (!s)
        return NULL;
    s->worker = w;
    s->max = conf->max_links;
    s->max_relays = conf->max_relays;
    s->idle_s = conf->link_idle_s;
    wheel_init(&s->wheel, clock_monotonic());
    s->slots = mem_zalloc(s->max * sizeof *s->slots);
    s->relays = mem_zalloc(s->max_relays * sizeof *s->relays);
    if (s->slots && s->relays)
        return s;
    links_free(s);
    return NULL;
}

void links_free(struct links *s)
{
    if (!s)
        return;
    mem_free(s->slots);
    mem_free(s->relays);
    mem_free(s);
}
