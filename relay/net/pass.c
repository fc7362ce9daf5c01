/* Connections that are the web server's: bytes go both ways as they are. What one side does not
 * take at once is kept, and no more is read from the other until it is gone; so a connection costs
 * memory only while somebody is slow. */
#include "net/stream_int.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/proxy_int.h"
#include "net/worker_int.h"

/* READS: of one side in one turn. */
enum { PASS_CONNECT_S = 10, READS = 4 };

struct side {
    int fd;
    struct event *readable;
    struct event *writable;
    bool is_reading; /* which events are set */
    bool is_writing;
    bool has_ended; /* will send nothing more */
    bool is_shut;   /* has been told that nothing more comes */
    uint8_t *kept;  /* for this side, not yet taken; owned, NULL = none */
    size_t from;
    size_t to;
};

struct pass {
    struct conn *conn;
    struct side client;
    struct side web;
    struct event web_readable;
    struct event web_writable;
    bool is_connected;
};

static bool set_event(struct event *ev, bool *is_set, bool want)
{
    if (want == *is_set)
        return true;
    *is_set = want;
    return (want ? event_add(ev, NULL) : event_del(ev)) == 0;
}

/* A side is read while what came from it has been taken by the other. */
static bool watch(struct side *s, const struct side *other)
{
    return set_event(s->readable, &s->is_reading, !s->has_ended && !other->kept) &&
           set_event(s->writable, &s->is_writing, s->kept != NULL);
}

static bool keep(struct side *to, struct span rest)
{
    to->kept = mem_zalloc(rest.n);
    if (!to->kept)
        return false;
    memcpy(to->kept, rest.p, rest.n);
    to->from = 0;
    to->to = rest.n;
    return true;
}

/* How many bytes were taken, 0 for none now; -1: the side is gone. */
static ssize_t offer(const struct side *to, struct span data)
{
    ssize_t n = send(to->fd, data.p, data.n, MSG_DONTWAIT | MSG_NOSIGNAL);
    return n >= 0 ? n : errno == EAGAIN || errno == EINTR ? 0 : -1;
}

static bool give(struct side *to, struct span data)
{
    ssize_t n = offer(to, data);

    if (n < 0)
        return false;
    return (size_t)n == data.n || keep(to, span_of(data.p + n, data.n - (size_t)n));
}

/* false: the connection is over. */
static bool give_kept(struct side *to)
{
    ssize_t n = to->kept ? offer(to, span_of(to->kept + to->from, to->to - to->from)) : 0;

    if (n < 0)
        return false;
    to->from += (size_t)n;
    if (to->kept && to->from == to->to) {
        mem_free(to->kept);
        to->kept = NULL;
    }
    return true;
}

static bool carry(struct pass *p, struct side *from, struct side *to)
{
    uint8_t *scratch = p->conn->worker->streams->scratch;

    for (int i = 0; i < READS && !to->kept && !from->has_ended; i++) {
        ssize_t n = recv(from->fd, scratch, SCRATCH_BYTES, MSG_DONTWAIT);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        from->has_ended = n == 0;
        if (n > 0 && !give(to, span_of(scratch, (size_t)n)))
            return false;
    }
    return true;
}

/* One side's end is told to the other behind the last of its bytes. */
static void carry_end(const struct side *from, struct side *to)
{
    if (!from->has_ended || to->kept || to->is_shut)
        return;
    shutdown(to->fd, SHUT_WR);
    to->is_shut = true;
}

static void settle(struct pass *p, bool lives)
{
    struct conn *c = p->conn;

    carry_end(&p->client, &p->web);
    carry_end(&p->web, &p->client);
    if (!lives || (p->client.is_shut && p->web.is_shut) || !watch(&p->client, &p->web) ||
        !watch(&p->web, &p->client))
        conn_kill(c);
    else
        c->last = worker_now(c->worker);
}

static void move(struct pass *p, struct side *from, struct side *to)
{
    settle(p, carry(p, from, to));
}

void pass_readable(struct conn *c)
{
    move(c->pass, &c->pass->client, &c->pass->web);
}

void pass_writable(struct conn *c)
{
    settle(c->pass, give_kept(&c->pass->client));
}

static void on_web_readable(evutil_socket_t fd, short what, void *arg)
{
    struct pass *p = arg;

    (void)fd;
    (void)what;
    if (p->conn->state == CONN_PASS)
        move(p, &p->web, &p->client);
}

static bool connected(struct pass *p)
{
    int err = 0;
    socklen_t n = sizeof err;

    p->is_connected = getsockopt(p->web.fd, SOL_SOCKET, SO_ERROR, &err, &n) == 0 && err == 0;
    if (p->is_connected)
        conn_expect(p->conn, PASS_IDLE_S);
    return p->is_connected;
}

static void on_web_writable(evutil_socket_t fd, short what, void *arg)
{
    struct pass *p = arg;

    (void)fd;
    (void)what;
    if (p->conn->state == CONN_PASS)
        settle(p, (p->is_connected || connected(p)) && give_kept(&p->web));
}

static int connect_to(const struct addr *server)
{
    union sock_name name;
    socklen_t n = sockaddr_from_addr(server, &name);
    int one = 1;
    int fd = socket(sockaddr_family(server), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, &name.sa, n) == 0 || errno == EINPROGRESS)
        return fd;
    int r = -errno;
    close(fd);
    return r;
}

/* Until the web server has answered, what is kept for it holds the client back: the PROXY header,
 * or nothing at all. */
static bool start(struct pass *p, const struct net_web_conf *web)
{
    const struct turn_flow *flow = &p->conn->flow;
    uint8_t head[PROXY_WRITE_MAX];
    size_t n = web->proxy_v2 ? proxy_write(&flow->client, &flow->server, head) : 0;

    p->web.kept = mem_zalloc(sizeof head);
    if (!p->web.kept)
        return false;
    memcpy(p->web.kept, head, n);
    p->web.to = n;
    return watch(&p->client, &p->web) && watch(&p->web, &p->client);
}

static struct pass *pass_new(struct conn *c, int fd)
{
    struct pass *p = mem_zalloc(sizeof *p);

    if (!p)
        return NULL;
    p->conn = c;
    p->client = (struct side){
        .fd = c->fd, .readable = &c->readable, .writable = &c->writable, .is_reading = true};
    p->web = (struct side){.fd = fd, .readable = &p->web_readable, .writable = &p->web_writable};
    event_assign(&p->web_readable, c->worker->base, fd, EV_READ | EV_PERSIST, on_web_readable, p);
    event_assign(&p->web_writable, c->worker->base, fd, EV_WRITE | EV_PERSIST, on_web_writable, p);
    return p;
}

void pass_begin(struct conn *c)
{
    const struct net_web_conf *web = &c->worker->streams->web;
    int fd = connect_to(&web->server);

    c->pass = fd >= 0 ? pass_new(c, fd) : NULL;
    if (!c->pass) {
        if (fd >= 0)
            close(fd);
        conn_kill(c);
        return;
    }
    c->state = CONN_PASS;
    c->last = worker_now(c->worker) + (PASS_CONNECT_S - PASS_IDLE_S) * USEC_PER_SEC;
    conn_expect(c, PASS_CONNECT_S);
    if (!start(c->pass, web))
        conn_kill(c);
}

void pass_free(struct pass *p)
{
    if (!p)
        return;
    event_del(&p->web_readable);
    event_del(&p->web_writable);
    close(p->web.fd);
    mem_free(p->web.kept);
    mem_free(p->client.kept);
    mem_free(p);
}
