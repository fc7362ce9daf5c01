/* Clients that come over TCP or TLS: sockets in the clients' namespace. What a client sends in one
 * turn leaves in one call, a TLS record for each message. */
#include "bench/modes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "wire/chandata.h"

enum { ROOM = 1 << 16, EVENTS = 64, READ_BYTES = 1 << 16, PADDING = 3, HEAD = 4 };

struct stream {
    int fd;
    SSL *ssl; /* NULL: plain TCP */
    BIO *in;  /* both the ssl's */
    BIO *out;
    bool is_dirty;
    size_t out_n; /* plain bytes to be sent */
    size_t in_n;  /* bytes that wait for the rest of their message */
    uint8_t *out_bytes;
    uint8_t *in_bytes; /* ROOM each; owned */
};

struct streams {
    int epoll;
    SSL_CTX *ctx;
    uint32_t n;
    struct stream *v;
    uint32_t *dirty;
    uint32_t n_dirty;
    uint8_t scratch[READ_BYTES];
};

/* --- Bytes --- */

static void put(struct stream *s, const uint8_t *p, size_t n)
{
    if (s->ssl) {
        SSL_write(s->ssl, p, (int)n);
    } else if (s->out_n + n <= ROOM) {
        memcpy(s->out_bytes + s->out_n, p, n);
        s->out_n += n;
    }
}

/* What the socket does not take stays; a client that is held back sends later. */
static void push(struct stream *s)
{
    char *p = (char *)s->out_bytes;
    size_t n = s->ssl ? (size_t)BIO_get_mem_data(s->out, &p) : s->out_n;
    ssize_t sent = n ? send(s->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
    if (sent <= 0)
        return;
    if (s->ssl) {
        for (size_t left = (size_t)sent;
             left > 0;) { /* the front of a memory BIO goes by reading */
            uint8_t gone[4096];
            int got = BIO_read(s->out, gone, (int)(left < sizeof gone ? left : sizeof gone));
            left -= got > 0 ? (size_t)got : left;
        }
    } else {
        s->out_n -= (size_t)sent;
        memmove(s->out_bytes, s->out_bytes + sent, s->out_n);
    }
}

/* Appends what has come to in_bytes; false when the connection is gone. */
static bool pull(struct stream *s, uint8_t *scratch)
{
    ssize_t n = recv(s->fd, scratch, s->ssl ? READ_BYTES : ROOM - s->in_n, MSG_DONTWAIT);
    if (n <= 0)
        return n < 0 && errno == EAGAIN;
    if (!s->ssl) {
        memcpy(s->in_bytes + s->in_n, scratch, (size_t)n);
        s->in_n += (size_t)n;
        return true;
    }
    BIO_write(s->in, scratch, (int)n);
    return true;
}

static bool decrypt(struct stream *s)
{
    int n = s->ssl && s->in_n < ROOM
                ? SSL_read(s->ssl, s->in_bytes + s->in_n, (int)(ROOM - s->in_n))
                : 0;
    s->in_n += n > 0 ? (size_t)n : 0;
    return n > 0;
}

/* Length of the first message with its padding, 0 when it is not whole yet. */
static size_t whole(const struct stream *s)
{
    if (s->in_n < HEAD)
        return 0;
    size_t n = (size_t)s->in_bytes[2] << 8 | s->in_bytes[3];
    bool is_data = s->in_bytes[0] >= 64;
    n = is_data ? (CHANDATA_HEADER_LEN + n + PADDING) & ~(size_t)PADDING : n + 20;
    return n <= s->in_n ? n : 0;
}

/* --- Setting up, one client after the other and waiting --- */

static bool shake(struct stream *s, uint8_t *scratch)
{
    struct timeval tv = {5, 0};
    setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    while (s->ssl && !SSL_is_init_finished(s->ssl)) {
        SSL_do_handshake(s->ssl);
        push(s);
        if (SSL_is_init_finished(s->ssl))
            break;
        ssize_t n = recv(s->fd, scratch, READ_BYTES, 0);
        if (n <= 0)
            return false;
        BIO_write(s->in, scratch, (int)n);
    }
    return true;
}

static bool wrap(struct streams *all, struct stream *s)
{
    s->ssl = SSL_new(all->ctx);
    s->in = BIO_new(BIO_s_mem());
    s->out = BIO_new(BIO_s_mem());
    if (!s->ssl || !s->in || !s->out)
        return false;
    SSL_set_bio(s->ssl, s->in, s->out);
    SSL_set_connect_state(s->ssl);
    return shake(s, all->scratch);
}

static bool connect_one(struct bench *b, struct stream *s, const struct sockaddr_in *to)
{
    struct epoll_event ev = {.events = EPOLLIN};
    int one = 1;
    s->out_bytes = malloc(ROOM);
    s->in_bytes = malloc(ROOM);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!s->out_bytes || !s->in_bytes || s->fd < 0 ||
        connect(s->fd, (const struct sockaddr *)to, sizeof *to) != 0)
        return false;
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    ev.data.u32 = (uint32_t)(s - b->streams->v);
    return (!b->load.tls || wrap(b->streams, s)) &&
           epoll_ctl(b->streams->epoll, EPOLL_CTL_ADD, s->fd, &ev) == 0;
}

static bool wait_message(struct streams *all, struct stream *s)
{
    while (!whole(s)) {
        if (decrypt(s))
            continue;
        ssize_t n = recv(s->fd, all->scratch, s->ssl ? READ_BYTES : ROOM - s->in_n, 0);
        if (n <= 0)
            return false;
        if (s->ssl) {
            BIO_write(s->in, all->scratch, (int)n);
        } else {
            memcpy(s->in_bytes + s->in_n, all->scratch, (size_t)n);
            s->in_n += (size_t)n;
        }
    }
    return true;
}

static bool log_in(struct bench *b, struct stream *s)
{
    struct session session = {.step = STEP_CHALLENGE};
    uint8_t request[FRAME_MAX];
    while (session.step < STEP_READY) {
        put(s, request, session_request(&session, &b->who, request, sizeof request));
        push(s);
        if (!wait_message(b->streams, s))
            return false;
        size_t n = whole(s);
        session_answer(&session, &b->who, span_of(s->in_bytes, n));
        memmove(s->in_bytes, s->in_bytes + n, s->in_n - n);
        s->in_n -= n;
    }
    return session.step == STEP_READY;
}

static bool open_all(struct bench *b)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(b->load.server_port)};
    char space[64], server[32];
    if (sscanf(b->cli_end, "%63[^,],%*[^,],%*[^,],%*[^,],%*[^,],%31[^,]", space, server) != 2 ||
        inet_pton(AF_INET, server, &to.sin_addr) != 1 || !netns_enter(space))
        return false;
    for (uint32_t i = 0; i < b->load.clients; i++)
        if (!connect_one(b, &b->streams->v[i], &to) || !log_in(b, &b->streams->v[i])) {
            fprintf(stderr, "client %u did not get through\n", i);
            return false;
        }
    return true;
}

/* --- The way of data --- */

static void send_message(struct bench *b, const struct item *it)
{
    uint8_t message[FRAME_MAX] = {0};
    struct streams *all = b->streams;
    struct stream *s = &all->v[it->client];
    size_t n = (CHANDATA_HEADER_LEN + it->n + PADDING) & ~(size_t)PADDING;
    chandata_header(message + CHANDATA_HEADER_LEN, SESSION_CHANNEL, (uint16_t)it->n);
    data_fill(b, message + CHANDATA_HEADER_LEN, it);
    put(s, message, n);
    if (!s->is_dirty)
        all->dirty[all->n_dirty++] = it->client;
    s->is_dirty = true;
}

static void flush_streams(struct bench *b)
{
    struct streams *all = b->streams;
    for (uint32_t i = 0; i < all->n_dirty; i++) {
        push(&all->v[all->dirty[i]]);
        all->v[all->dirty[i]].is_dirty = false;
    }
    all->n_dirty = 0;
}

static size_t take_messages(struct bench *b, struct stream *s)
{
    size_t at = 0, count = 0, n;
    uint8_t *base = s->in_bytes;
    while ((n = whole(s)) > 0) {
        if (s->in_bytes[0] >= 64)
            data_returned(b, s->in_bytes + CHANDATA_HEADER_LEN, n - CHANDATA_HEADER_LEN);
        s->in_bytes += n;
        s->in_n -= n;
        at += n;
        count++;
    }
    s->in_bytes = base;
    if (at > 0)
        memmove(base, base + at, s->in_n);
    return count;
}

static size_t receive_streams(struct bench *b)
{
    struct epoll_event ev[EVENTS];
    struct streams *all = b->streams;
    int n = epoll_wait(all->epoll, ev, EVENTS, 0);
    size_t count = 0;
    for (int i = 0; i < n; i++) {
        struct stream *s = &all->v[ev[i].data.u32];
        if (!pull(s, all->scratch))
            b->tally.failed++;
        count += take_messages(b, s);
        while (decrypt(s))
            count += take_messages(b, s);
    }
    return count;
}

static int fd_of_streams(const struct bench *b)
{
    return b->streams->epoll;
}

static const struct ways STREAMS = {send_message, flush_streams, receive_streams, fd_of_streams};

static void close_all(struct streams *all)
{
    for (uint32_t i = 0; i < all->n && all->v; i++) {
        SSL_free(all->v[i].ssl);
        if (all->v[i].fd > 0)
            close(all->v[i].fd);
        free(all->v[i].out_bytes);
        free(all->v[i].in_bytes);
    }
    SSL_CTX_free(all->ctx);
    close(all->epoll);
    free(all->v);
    free(all->dirty);
    free(all);
}

int mode_streams(struct bench *b)
{
    struct streams *all = calloc(1, sizeof *all);
    if (!all)
        return 1;
    b->streams = all;
    b->ways = &STREAMS;
    all->n = b->load.clients;
    all->epoll = epoll_create1(EPOLL_CLOEXEC);
    all->ctx = SSL_CTX_new(TLS_client_method());
    all->v = calloc(all->n, sizeof *all->v);
    all->dirty = calloc(all->n, sizeof *all->dirty);
    b->seen = calloc(all->n, sizeof *b->seen);
    int rc = 1;
    if (all->v && all->dirty && b->seen && all->ctx && open_all(b))
        rc = measure_and_print(b, "streams");
    close_all(all);
    return rc;
}
