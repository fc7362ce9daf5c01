/* What a connection is. Its first bytes are looked at and stay in the socket, so that whoever it
 * turns out to be for finds them as they came. */
#include "net/stream_int.h"

#include <errno.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/reader.h"
#include "net/hello_int.h"
#include "net/proxy_int.h"
#include "net/tls_int.h"
#include "net/worker_int.h"
#include "wire/demux.h"

enum first { FIRST_MORE, FIRST_STUN, FIRST_TLS, FIRST_WEB, FIRST_NOBODYS };

enum { TLS_HANDSHAKE = 0x16, TLS_MAJOR = 3 };

static uint8_t *scratch_of(const struct conn *c)
{
    return c->worker->streams->scratch + TURN_HEADROOM;
}

/* The poll is level-triggered: bytes that stay where they are wake it only when there are more than
 * those already looked at. */
static void wake_at(struct conn *c, size_t bytes)
{
    int value = (int)bytes;

    if (setsockopt(c->fd, SOL_SOCKET, SO_RCVLOWAT, &value, sizeof value) != 0)
        conn_kill(c);
}

/* All there is. Empty, with the connection killed, when it ended or nothing new came. */
static struct span look(struct conn *c)
{
    uint8_t *scratch = scratch_of(c);
    ssize_t n = recv(c->fd, scratch, SCRATCH_BYTES, MSG_PEEK | MSG_DONTWAIT);

    scratch_hold(c->worker->streams, n);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return span_of(NULL, 0);
    if (n <= 0 || (size_t)n <= c->looked) {
        conn_kill(c);
        return span_of(NULL, 0);
    }
    return span_of(scratch, (size_t)n);
}

static void look_again(struct conn *c, size_t have)
{
    if (have >= SCRATCH_BYTES) {
        conn_kill(c);
        return;
    }
    c->looked = have;
    wake_at(c, have + 1);
}

/* The bytes have been taken, or will be by somebody who takes them as they come. */
static void look_no_more(struct conn *c)
{
    if (c->looked > 0)
        wake_at(c, 1);
    c->looked = 0;
}

/* The header comes from one whom we trust, so what it says is the connection's from now on. */
static void obey_header(struct conn *c, const struct proxy *header)
{
    struct streams *s = c->worker->streams;

    if (recv(c->fd, scratch_of(c), header->len, MSG_DONTWAIT) != (ssize_t)header->len) {
        conn_kill(c);
        return;
    }
    if (header->from.family != ADDR_NONE) {
        c->flow.client = addr_normalise(&header->from);
        c->flow.server = addr_normalise(&header->to);
    }
    look_no_more(c);
    if (c->state == CONN_DEAD)
        return;
    c->state = CONN_FIRST;
    if (!conn_count(s, c))
        conn_kill(c);
}

void first_header(struct conn *c)
{
    struct span got = look(c);
    struct proxy header;

    if (got.n == 0)
        return;
    switch (proxy_parse(got, &header)) {
    case PROXY_MORE:
        look_again(c, got.n);
        break;
    case PROXY_FOUND:
        obey_header(c, &header);
        break;
    case PROXY_BAD:
        conn_kill(c);
        break;
    }
}

static bool same_name(struct span name, const char *ours)
{
    return name.n == strlen(ours) && strncasecmp((const char *)name.p, ours, name.n) == 0;
}

/* RFC 7443: ALPN says whose it is. Who has none is ours by name, or always when no names are given.
 */
static bool is_ours(const struct net_web_conf *web, const struct hello *hello)
{
    if (hello_offers(hello, "stun.turn") || hello_offers(hello, "stun.nat-discovery"))
        return true;
    if (hello->alpn.n > 0)
        return false;
    for (size_t i = 0; i < web->n_names; i++) {
        if (same_name(hello->name, web->names[i]))
            return true;
    }
    return web->n_names == 0;
}

static enum first judge_hello(const struct net_web_conf *web, struct span got)
{
    struct hello hello;

    switch (hello_parse(got, &hello)) {
    case HELLO_MORE:
        return FIRST_MORE;
    case HELLO_FOUND:
        return is_ours(web, &hello) ? FIRST_TLS : FIRST_WEB;
    case HELLO_BAD:
        break;
    }
    return FIRST_WEB; /* which will say what is wrong with it */
}

/* A connection starts with a request, hence with STUN: ChannelData means nothing yet, and letters,
 * as in "GET" or in a PROXY header from whoever likes, look just like it. */
static enum first judge(const struct conn *c, struct span got)
{
    const struct net_web_conf *web = &c->worker->streams->web;
    bool has_web = web->server.family != ADDR_NONE;
    enum first others = has_web ? FIRST_WEB : FIRST_NOBODYS;
    struct reader r = r_from(got);
    uint8_t first = r_u8(&r);

    if (demux_first_byte(first) == DEMUX_STUN)
        return c->speaks & NET_TCP ? FIRST_STUN : FIRST_NOBODYS;
    if (first != TLS_HANDSHAKE || !(c->speaks & NET_TLS))
        return others;
    uint8_t major = r_u8(&r);
    if (r.bad)
        return FIRST_MORE;
    if (major != TLS_MAJOR)
        return others;
    return has_web ? judge_hello(web, got) : FIRST_TLS;
}

static void begin_plain(struct conn *c)
{
    c->flow.transport = TURN_TCP;
    c->state = CONN_OPEN;
    read_messages(c);
}

static void begin_tls(struct conn *c)
{
    c->flow.transport = TURN_TLS;
    c->state = CONN_HANDSHAKE;
    c->tls = c->worker->tls ? tls_conn_new(c->worker->tls, c->fd) : NULL;
    if (c->tls)
        first_handshake(c);
    else
        conn_kill(c);
}

void first_bytes(struct conn *c)
{
    static void (*const begin[])(struct conn *) = {
        [FIRST_STUN] = begin_plain,
        [FIRST_TLS] = begin_tls,
        [FIRST_WEB] = pass_begin,
        [FIRST_NOBODYS] = conn_kill,
    };
    struct span got = look(c);

    if (got.n == 0)
        return;
    enum first whose = judge(c, got);
    if (whose == FIRST_MORE) {
        look_again(c, got.n);
        return;
    }
    look_no_more(c);
    if (c->state != CONN_DEAD)
        begin[whose](c);
}

void first_handshake(struct conn *c)
{
    enum tls_io io = tls_conn_handshake(c->tls);

    if (io == TLS_CLOSED || io == TLS_FAILED) {
        conn_kill(c);
        return;
    }
    conn_want_write(c, io == TLS_WANT_WRITE);
    if (io != TLS_OK || c->state == CONN_DEAD)
        return;
    c->has_handshake = true;
    c->state = CONN_OPEN;
    read_messages(c);
}
