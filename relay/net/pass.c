/* How the bytes go: read from one side, offered to the other, kept if it does not take them. */
#include "net/pass_int.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/link_int.h"
#include "net/tls_int.h"
#include "net/worker_int.h"

/* READS: of one side in one turn. HALF_S: what remains of a peer's pass when a side has ended. */
enum { READS = 4, HALF_S = 10 };

static bool set_event(struct event *ev, bool *is_set, bool want)
{
    if (want == *is_set)
        return true;
    *is_set = want;
    return (want ? event_add(ev, NULL) : event_del(ev)) == 0;
}

/* Not all that was offered to it has left. */
static bool is_slow(const struct side *s)
{
    return s->kept || (s->tls && tls_conn_unsent(s->tls));
}

/* A side is read while what came from it has been taken by the other. */
static bool may_carry(const struct pass *p, const struct side *from, const struct side *to)
{
    return !p->is_resting && !is_slow(to) && !to->is_gone && !from->has_ended;
}

static bool watch(const struct pass *p, struct side *s, const struct side *other)
{
    return set_event(s->readable, &s->is_reading, may_carry(p, s, other)) &&
           set_event(s->writable, &s->is_writing, is_slow(s) && !s->is_gone);
}

bool pass_watch(struct pass *p)
{
    return watch(p, &p->client, &p->far) && watch(p, &p->far, &p->client);
}

static void drop_kept(struct side *s)
{
    mem_free(s->kept);
    s->kept = NULL;
}

bool pass_keep(struct side *to, struct span bytes)
{
    size_t before = to->kept ? to->to - to->from : 0;
    uint8_t *kept = mem_zalloc(before + bytes.n);

    if (!kept)
        return false;
    if (before > 0)
        memcpy(kept, to->kept + to->from, before);
    memcpy(kept + before, bytes.p, bytes.n);
    drop_kept(to);
    to->kept = kept;
    to->from = 0;
    to->to = before + bytes.n;
    return true;
}

static ssize_t offer_plain(const struct side *to, struct span data)
{
    ssize_t n = send(to->fd, data.p, data.n, MSG_DONTWAIT | MSG_NOSIGNAL);
    return n >= 0 ? n : errno == EAGAIN || errno == EINTR ? 0 : -1;
}

/* With nothing to offer, sends what is left of before. */
static ssize_t offer_tls(const struct side *to, struct span data)
{
    enum tls_io io = TLS_OK;
    size_t done = 0;
    size_t n;

    tls_conn_gather(to->tls, to->stage);
    while (done < data.n && io == TLS_OK) {
        io = tls_conn_write(to->tls, span_of(data.p + done, data.n - done), &n);
        done += io == TLS_OK ? n : 0;
    }
    bool lives = tls_conn_push(to->tls) != TLS_CLOSED;
    return !lives || io == TLS_CLOSED || io == TLS_FAILED ? -1 : (ssize_t)done;
}

/* How many bytes were taken, 0 for none now; -1: the side is gone. */
static ssize_t offer(const struct side *to, struct span data)
{
    return to->tls ? offer_tls(to, data) : offer_plain(to, data);
}

static bool give(struct side *to, struct span data)
{
    ssize_t n = to->kept ? 0 : offer(to, data);

    if (n < 0)
        return false;
    return (size_t)n == data.n || pass_keep(to, span_of(data.p + n, data.n - (size_t)n));
}

/* false: the connection is over. */
static bool give_kept(struct side *to)
{
    struct span kept = to->kept ? span_of(to->kept + to->from, to->to - to->from) : span_of("", 0);
    ssize_t n = to->kept || to->tls ? offer(to, kept) : 0;

    if (n < 0)
        return false;
    to->from += (size_t)n;
    if (to->kept && to->from == to->to)
        drop_kept(to);
    return true;
}

static ssize_t take_plain(struct side *from, uint8_t *ret)
{
    ssize_t n = recv(from->fd, ret, SCRATCH_BYTES, MSG_DONTWAIT);

    from->has_ended = n == 0;
    return n >= 0 ? n : errno == EAGAIN || errno == EINTR ? 0 : -1;
}

/* Without its notice, TLS has ended both ways. */
static void end_tls(struct side *s)
{
    s->has_ended = true;
    if (!tls_conn_lost(s->tls))
        return;
    s->is_gone = true;
    s->is_shut = true;
    drop_kept(s);
}

static ssize_t take_tls(struct side *from, uint8_t *ret)
{
    size_t n = 0;
    enum tls_io io = tls_conn_read(from->tls, ret, SCRATCH_BYTES, &n);

    if (io == TLS_CLOSED)
        end_tls(from);
    return io == TLS_OK ? (ssize_t)n : io == TLS_FAILED ? -1 : 0;
}

/* How many bytes, 0 for none now or ever, see has_ended; -1: the side is gone. */
static ssize_t take(struct side *from, uint8_t *ret)
{
    return from->tls ? take_tls(from, ret) : take_plain(from, ret);
}

static void on_rested(evutil_socket_t fd, short what, void *arg)
{
    struct pass *p = arg;

    (void)fd;
    (void)what;
    p->is_resting = false;
    if (p->conn->state == CONN_PASS && !pass_watch(p))
        conn_kill(p->conn);
}

/* What a peer's bytes count against may be used up, by both ways together: both rest. false: no
 * more may pass. */
static bool count(struct pass *p, size_t bytes)
{
    struct worker *w = p->conn->worker;

    if (!p->link)
        return true;
    usec_t next = turn_link_passed(w->engine, p->link->handle, bytes, worker_now(w));
    usec_t wait = next == USEC_NEVER ? 0 : next - worker_now(w);
    if (wait > 0) {
        struct timeval tv = {.tv_sec = wait / USEC_PER_SEC, .tv_usec = wait % USEC_PER_SEC};
        p->is_resting = event_add(&p->rested, &tv) == 0;
    }
    return next != USEC_NEVER;
}

static bool carry(struct pass *p, struct side *from, struct side *to)
{
    uint8_t *scratch = p->conn->worker->streams->scratch;

    for (int i = 0; i < READS && may_carry(p, from, to); i++) {
        ssize_t n = take(from, scratch);
        scratch_hold(p->conn->worker->streams, n);
        if (n <= 0)
            return n == 0;
        if (!count(p, (size_t)n) || !give(to, span_of(scratch, (size_t)n)))
            return false;
    }
    return true;
}

/* One side's end is told to the other behind the last of its bytes. */
static void carry_end(struct pass *p, const struct side *from, struct side *to)
{
    if (!from->has_ended || is_slow(to) || to->is_shut)
        return;
    if (to->tls)
        tls_conn_bye(to->tls);
    else
        shutdown(to->fd, SHUT_WR);
    to->is_shut = true;
    if (!p->link || p->until > 0)
        return;
    p->until = worker_now(p->conn->worker) + HALF_S * USEC_PER_SEC;
    conn_expect(p->conn, HALF_S);
}

static void settle(struct pass *p, bool lives)
{
    struct conn *c = p->conn;

    if (c->state != CONN_PASS)
        return;
    carry_end(p, &p->client, &p->far);
    carry_end(p, &p->far, &p->client);
    if (!lives || (p->client.is_shut && p->far.is_shut) || !pass_watch(p))
        conn_kill(c);
    else
        c->last = worker_now(c->worker);
}

void pass_readable(struct conn *c)
{
    struct pass *p = c->pass;

    settle(p, carry(p, &p->client, &p->far));
}

void pass_writable(struct conn *c)
{
    settle(c->pass, give_kept(&c->pass->client));
}

void pass_feed(struct conn *c, struct span bytes)
{
    struct pass *p = c->pass;

    settle(p, count(p, bytes.n) && give(&p->far, bytes));
}

void pass_ended(struct conn *c)
{
    end_tls(&c->pass->client);
    settle(c->pass, true);
}

static void on_far_readable(evutil_socket_t fd, short what, void *arg)
{
    struct pass *p = arg;

    (void)fd;
    (void)what;
    if (p->conn->state == CONN_PASS)
        settle(p, carry(p, &p->far, &p->client));
}

static bool connected(struct pass *p)
{
    int err = 0;
    socklen_t n = sizeof err;

    p->is_connected = getsockopt(p->far.fd, SOL_SOCKET, SO_ERROR, &err, &n) == 0 && err == 0;
    if (p->is_connected)
        conn_expect(p->conn, p->idle_s);
    return p->is_connected;
}

static void on_far_writable(evutil_socket_t fd, short what, void *arg)
{
    struct pass *p = arg;

    (void)fd;
    (void)what;
    if (p->conn->state == CONN_PASS)
        settle(p, (p->is_connected || connected(p)) && give_kept(&p->far));
}

usec_t pass_until(const struct pass *p)
{
    return p->until > 0 ? p->until : p->conn->last + (usec_t)p->idle_s * USEC_PER_SEC;
}

struct pass *pass_new(struct conn *c, int fd, uint32_t idle_s)
{
    struct pass *p = mem_zalloc(sizeof *p);
    struct event_base *base = c->worker->base;

    if (!p)
        return NULL;
    p->conn = c;
    p->idle_s = idle_s;
    p->client = (struct side){.fd = c->fd,
                              .tls = c->tls,
                              .stage = &c->worker->streams->stage,
                              .readable = &c->readable,
                              .writable = &c->writable,
                              .is_reading = true,
                              .is_writing = c->is_writing};
    p->far = (struct side){.fd = fd, .readable = &p->far_readable, .writable = &p->far_writable};
    event_assign(&p->far_readable, base, fd, EV_READ | EV_PERSIST, on_far_readable, p);
    event_assign(&p->far_writable, base, fd, EV_WRITE | EV_PERSIST, on_far_writable, p);
    event_assign(&p->rested, base, -1, 0, on_rested, p);
    return p;
}

void pass_free(struct pass *p)
{
    if (!p)
        return;
    event_del(&p->far_readable);
    event_del(&p->far_writable);
    event_del(&p->rested);
    close(p->far.fd);
    mem_free(p->far.kept);
    mem_free(p->client.kept);
    link_passed(p->link);
    mem_free(p);
}
