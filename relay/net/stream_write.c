/* What a connection has to say: gathered during a loop turn, written once at its end. A client that
 * does not read loses media, and nobody else waits for it. */
#include "net/stream_int.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/mem.h"
#include "net/tls_int.h"
#include "net/worker_int.h"
#include "wire/frame.h"

/* CONTROL_ROOM: what answers may take beyond queue_bytes, before the client is given up. */
enum { CONTROL_ROOM = 1 << 17, POOL_MAX = 32, IOV_MAX_HERE = 16 };

static struct chunk *chunk_new(struct streams *s)
{
    struct chunk *c = s->pool;

    if (!c)
        return mem_zalloc(sizeof *c);
    s->pool = c->next;
    s->n_pool--;
    c->next = NULL;
    c->from = 0;
    c->to = 0;
    return c;
}

static void chunk_free(struct streams *s, struct chunk *c)
{
    if (!s || s->n_pool == POOL_MAX) {
        mem_free(c);
        return;
    }
    explicit_bzero(c->bytes, c->to);
    c->next = s->pool;
    s->pool = c;
    s->n_pool++;
}

static bool add_chunk(struct streams *s, struct outq *q)
{
    struct chunk *c = chunk_new(s);

    if (!c)
        return false;
    if (q->last)
        q->last->next = c;
    else
        q->first = c;
    q->last = c;
    return true;
}

/* A message stays in one piece where it can, for the sake of write_tls. */
static bool needs_chunk(const struct outq *q, size_t n)
{
    size_t left = q->last ? CHUNK_BYTES - q->last->to : 0;
    return left < n && (left == 0 || n <= CHUNK_BYTES);
}

/* false leaves part of the message in the queue: the stream is spoilt then. */
static bool outq_put(struct streams *s, struct outq *q, struct span data)
{
    while (data.n > 0) {
        if (needs_chunk(q, data.n) && !add_chunk(s, q))
            return false;
        struct chunk *c = q->last;
        size_t n = data.n < CHUNK_BYTES - c->to ? data.n : CHUNK_BYTES - c->to;
        memcpy(c->bytes + c->to, data.p, n);
        c->to += (uint32_t)n;
        q->n += n;
        data = span_of(data.p + n, data.n - n);
    }
    return true;
}

/* The first n bytes have been written. */
static void outq_drop(struct streams *s, struct outq *q, size_t n)
{
    q->n -= n;
    while (q->first && n >= q->first->to - q->first->from) {
        struct chunk *c = q->first;
        n -= c->to - c->from;
        q->first = c->next;
        chunk_free(s, c);
    }
    if (q->first)
        q->first->from += (uint32_t)n;
    else
        q->last = NULL;
}

void outq_free(struct streams *s, struct outq *q)
{
    outq_drop(s, q, q->n);
}

/* How many bytes were taken, or -errno: -EAGAIN until the socket takes more, -EINPROGRESS until
 * bytes have come. */
static ssize_t write_plain(struct conn *c)
{
    struct iovec iov[IOV_MAX_HERE];
    struct msghdr m = {.msg_iov = iov};

    for (struct chunk *k = c->queue.first; k && m.msg_iovlen < IOV_MAX_HERE; k = k->next)
        iov[m.msg_iovlen++] = (struct iovec){k->bytes + k->from, k->to - k->from};
    ssize_t n = sendmsg(c->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
    return n < 0 ? -errno : n;
}

/* One message is one record: there are clients that take a record for a message, turnutils_uclient
 * for one. */
static struct span next_record(const struct chunk *k)
{
    struct span all = span_of(k->bytes + k->from, k->to - k->from);
    struct frame f;

    if (frame_next(all, &f) != FRAME_MESSAGE || f.padded >= all.n)
        return all;
    return span_of(all.p, f.padded);
}

static ssize_t write_tls(struct conn *c)
{
    size_t n;
    enum tls_io io = tls_conn_write(c->tls, next_record(c->queue.first), &n);

    if (io == TLS_OK)
        return (ssize_t)n;
    if (io == TLS_FAILED)
        c->has_handshake = false;
    return io == TLS_WANT_WRITE ? -EAGAIN : io == TLS_WANT_READ ? -EINPROGRESS : -EPIPE;
}

/* 0 when all is gone, or -errno as the writers have it. */
static ssize_t write_all(struct conn *c, ssize_t (*writer)(struct conn *))
{
    ssize_t n = 0;

    while (c->queue.n > 0 && n >= 0) {
        n = writer(c);
        if (n > 0)
            outq_drop(c->worker->streams, &c->queue, (size_t)n);
    }
    return n < 0 ? n : 0;
}

static ssize_t flush_tls(struct conn *c)
{
    tls_conn_gather(c->tls, &c->worker->streams->stage);
    ssize_t n = write_all(c, write_tls);
    enum tls_io io = tls_conn_push(c->tls);
    if (io == TLS_WANT_WRITE && n >= 0)
        return -EAGAIN;
    return io == TLS_CLOSED ? -EPIPE : n;
}

void conn_flush(struct conn *c)
{
    ssize_t n = c->tls ? flush_tls(c) : write_all(c, write_plain);

    if (n < 0 && n != -EAGAIN && n != -EINTR && n != -EINPROGRESS)
        conn_kill(c);
    else if (n == 0 && c->state == CONN_LEAVING)
        conn_kill(c);
    else
        conn_want_write(c, n == -EAGAIN || n == -EINTR);
}

void stream_output(struct streams *s, uint32_t name, struct span data, bool control)
{
    struct conn *c = s ? conn_find(s, name) : NULL;

    if (!c || c->state != CONN_OPEN)
        return;
    /* A burst within one turn is no reason to drop while the socket still takes it. */
    if (c->queue.n > s->conf.queue_bytes && !c->is_writing)
        conn_flush(c);
    size_t max = s->conf.queue_bytes + (control ? (size_t)CONTROL_ROOM : 0);
    bool fits = c->queue.n <= max;
    if (c->state != CONN_OPEN || (!fits && !control))
        return;
    if (!fits || !outq_put(s, &c->queue, data)) {
        conn_kill(c);
        return;
    }
    if (!c->is_writing && list_empty(&c->link))
        list_push(&s->dirty, &c->link);
}
