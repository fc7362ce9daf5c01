/* From bytes to messages. Whole ones go to the engine out of the scratch they were read into; only
 * the start of one whose rest is still to come is kept, in memory that grows with what came. */
#include "net/stream_int.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "net/pass_int.h"
#include "net/tls_int.h"
#include "net/worker_int.h"
#include "wire/demux.h"
#include "wire/frame.h"

/* LENGTHS: a frame's size is known with these. READS: of one connection's TLS records in one turn,
 * unless the library holds more. */
enum { LENGTHS = 4, TAIL_MIN = 256, READS = 4 };

static void take(struct conn *c, uint8_t *message, size_t n)
{
    c->last = worker_now(c->worker);
    if (!c->has_spoken)
        conn_expect(c, c->worker->streams->conf.idle_s);
    c->has_spoken = true;
    dispatch_stream(c->worker, &c->flow, (struct turn_pkt){message, n});
}

/* What was passed on lies in the scratch or in a tail, and is about to be overwritten. */
static void send_on(struct worker *w)
{
    if (w->batch.n > 0)
        worker_flush(w);
}

static void tail_free(struct conn *c)
{
    mem_free(c->tail);
    c->tail = NULL;
    c->tail_n = 0;
    c->tail_cap = 0;
}

static bool tail_add(struct conn *c, struct span more)
{
    size_t n = c->tail_n + more.n;

    if (n > c->tail_cap) {
        size_t cap = n * 2 < TAIL_MIN ? TAIL_MIN : n > FRAME_MAX / 2 ? n + FRAME_MAX / 2 : n * 2;
        uint8_t *grown = mem_zalloc(TURN_HEADROOM + cap + TURN_TAILROOM);
        if (!grown)
            return false;
        if (c->tail)
            memcpy(grown + TURN_HEADROOM, c->tail + TURN_HEADROOM, c->tail_n);
        mem_free(c->tail);
        c->tail = grown;
        c->tail_cap = cap;
    }
    memcpy(c->tail + TURN_HEADROOM + c->tail_n, more.p, more.n);
    c->tail_n = n;
    return true;
}

/* RFC 8489 section 6.2.2: not before what the client is owed is written. */
static void leave(struct conn *c)
{
    event_del(&c->readable);
    c->state = CONN_LEAVING;
    conn_expect(c, c->worker->streams->conf.handshake_s);
    conn_flush(c);
}

static enum frame_state tail_frame(const struct conn *c, struct frame *ret)
{
    return frame_next(span_of(c->tail + TURN_HEADROOM, c->tail_n), ret);
}

/* Completes the message that is kept, as far as these bytes go. How many of them it took; leaves
 * if there is none to be had any more. */
static size_t feed_tail(struct conn *c, struct span bytes)
{
    struct frame f = {0, 0};

    (void)tail_frame(c, &f);
    size_t missing = (f.padded > 0 ? f.padded : LENGTHS) - c->tail_n;
    size_t n = bytes.n < missing ? bytes.n : missing;
    bool kept = tail_add(c, span_of(bytes.p, n));
    enum frame_state state = kept ? tail_frame(c, &f) : FRAME_BAD;
    if (state == FRAME_BAD) {
        leave(c);
    } else if (state == FRAME_MESSAGE) {
        take(c, c->tail + TURN_HEADROOM, f.len);
        send_on(c->worker);
        if (c->state != CONN_MOVING)
            tail_free(c);
    }
    return n;
}

static size_t feed_whole(struct conn *c, uint8_t *p, size_t n)
{
    struct frame f = {0, 0};
    enum frame_state state = frame_next(span_of(p, n), &f);

    if (state == FRAME_MESSAGE) {
        take(c, p, f.len);
        return c->state == CONN_MOVING ? 0 : f.padded;
    }
    if (state == FRAME_BAD || !tail_add(c, span_of(p, n)))
        leave(c);
    return n;
}

/* ChannelData means nothing before a request; what looks like it is somebody else's protocol. */
static bool may_begin(const struct conn *c, uint8_t first)
{
    return c->has_spoken || c->tail_n > 0 || demux_first_byte(first) == DEMUX_STUN;
}

/* What lies behind the last message that was the engine's. One that moves takes that message along,
 * for the other engine. */
static void hand_on(struct conn *c, struct span rest)
{
    if (c->state == CONN_PASS && rest.n > 0)
        pass_feed(c, rest);
    if (c->state == CONN_MOVING && !tail_add(c, rest))
        conn_kill(c);
}

static void feed(struct conn *c, uint8_t *p, size_t n)
{
    if (!may_begin(c, *p))
        leave(c);
    while (n > 0 && c->state == CONN_OPEN) {
        size_t used = c->tail_n > 0 ? feed_tail(c, span_of(p, n)) : feed_whole(c, p, n);
        p += used;
        n -= used;
    }
    send_on(c->worker);
    hand_on(c, span_of(p, n));
}

static void read_plain(struct conn *c, uint8_t *scratch)
{
    ssize_t n = recv(c->fd, scratch, SCRATCH_BYTES, MSG_DONTWAIT);

    scratch_hold(c->worker->streams, n);
    if (n > 0)
        feed(c, scratch, (size_t)n);
    else if (n == 0)
        leave(c);
    else if (errno != EAGAIN && errno != EINTR)
        conn_kill(c);
}

/* What was read of one that has become a peer's, or moves, goes where it goes. */
static bool may_read(const struct conn *c, int i)
{
    bool is_pending = tls_conn_pending(c->tls);

    if (c->state == CONN_OPEN)
        return i < READS || is_pending;
    return is_pending && (c->state == CONN_PASS || c->state == CONN_MOVING);
}

static enum tls_io read_records(struct conn *c, uint8_t *scratch)
{
    enum tls_io io = TLS_OK;
    size_t n;

    for (int i = 0; io == TLS_OK && may_read(c, i); i++) {
        io = tls_conn_read(c->tls, scratch, SCRATCH_BYTES, &n);
        if (io != TLS_OK)
            break;
        scratch_hold(c->worker->streams, (ssize_t)n);
        if (c->state == CONN_OPEN)
            feed(c, scratch, n);
        else
            hand_on(c, span_of(scratch, n));
    }
    return io;
}

static void read_tls(struct conn *c, uint8_t *scratch)
{
    tls_conn_intake(c->tls, &c->worker->streams->intake);
    enum tls_io io = read_records(c, scratch);
    tls_conn_intake(c->tls, NULL);
    if (c->state == CONN_PASS && tls_conn_ended(c->tls))
        pass_ended(c);
    if (c->state != CONN_OPEN)
        return;
    if (io == TLS_CLOSED) {
        leave(c);
    } else if (io == TLS_WANT_WRITE || io == TLS_FAILED) {
        /* The first is a client that asks for new keys and does not read. */
        c->has_handshake = false;
        conn_kill(c);
    } else if (c->queue.n > 0) {
        conn_flush(c); /* which may have waited for what was read */
    }
}

void read_messages(struct conn *c)
{
    uint8_t *scratch = c->worker->streams->scratch + TURN_HEADROOM;

    if (c->tls)
        read_tls(c, scratch);
    else
        read_plain(c, scratch);
}

void read_again(struct conn *c)
{
    uint8_t *bytes = c->tail;
    size_t n = c->tail_n;

    c->tail = NULL;
    c->tail_n = 0;
    c->tail_cap = 0;
    feed(c, bytes + TURN_HEADROOM, n);
    mem_free(bytes);
}
