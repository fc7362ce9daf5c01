/* Sockets of drehkreuz check. */
#include "check/link_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/frame.h"

enum { CONNECT_MS = 2500, HANDSHAKE_MS = 4000, PEEK_MS = 1000 };

union name {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

static socklen_t to_name(const struct addr *a, union name *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (a->family == ADDR_V6) {
        ret->in6.sin6_family = AF_INET6;
        ret->in6.sin6_port = htons(a->port);
        memcpy(&ret->in6.sin6_addr, a->ip, 16);
        return sizeof(ret->in6);
    }
    ret->in.sin_family = AF_INET;
    ret->in.sin_port = htons(a->port);
    memcpy(&ret->in.sin_addr, a->ip, 4);
    return sizeof(ret->in);
}

static struct addr from_name(const union name *name)
{
    if (name->sa.sa_family == AF_INET6)
        return addr_make(ADDR_V6, &name->in6.sin6_addr, ntohs(name->in6.sin6_port));
    return addr_make(ADDR_V4, &name->in.sin_addr, ntohs(name->in.sin_port));
}

static bool wait_for(int fd, short events, usec_t until)
{
    usec_t left = until - clock_monotonic();
    struct pollfd p = {.fd = fd, .events = events};
    return left > 0 && poll(&p, 1, (int)(left / 1000) + 1) > 0;
}

static usec_t after_ms(int64_t ms)
{
    return clock_monotonic() + ms * 1000;
}

static int finish_connect(int fd)
{
    int err = 0;
    socklen_t n = sizeof(err);
    if (!wait_for(fd, POLLOUT, after_ms(CONNECT_MS)))
        return -ETIMEDOUT;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n) < 0)
        return -errno;
    return -err;
}

int link_open(struct link *l, const struct addr *server, enum link_over over)
{
    union name name;
    socklen_t n = to_name(server, &name);
    int type = (link_is_stream(over) ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC;
    memset(l, 0, sizeof(*l));
    l->over = over;
    l->server = *server;
    l->fd = socket(name.sa.sa_family, over == OVER_UDP ? type : type | SOCK_NONBLOCK, 0);
    int r = l->fd > 0 && connect(l->fd, &name.sa, n) == 0 ? 0 : -errno;
    if (r == -EINPROGRESS)
        r = finish_connect(l->fd);
    if (r < 0)
        link_close(l);
    return r;
}

void link_close(struct link *l)
{
    tls_client_free(l->tls);
    if (l->fd > 0)
        (void)close(l->fd);
    memset(l, 0, sizeof(*l));
}

int link_handshake(struct link *l, const char *name)
{
    const struct tls_client_conf conf = {
        .fd = l->fd, .server = &l->server, .datagram = l->over == OVER_DTLS, .name = name};
    l->tls = tls_client_new(&conf);
    return l->tls ? tls_client_handshake(l->tls, after_ms(HANDSHAKE_MS)) : -ENOMEM;
}

int link_send(struct link *l, struct span message)
{
    if (l->tls)
        return tls_client_write(l->tls, message) ? 0 : -ECONNRESET;
    ssize_t n = send(l->fd, message.p, message.n, MSG_NOSIGNAL);
    if (n < 0)
        return -errno;
    return (size_t)n == message.n ? 0 : -ECONNRESET;
}

/* Nothing yet, or what the host or a router says of a datagram of ours. */
static bool is_told(int err)
{
    return err == EAGAIN || err == ECONNREFUSED || err == EHOSTUNREACH || err == ENETUNREACH;
}

/* Some more bytes, or one more datagram, without waiting. */
static int read_some(struct link *l)
{
    size_t got;
    if (l->tls) {
        int r = tls_client_read(l->tls, l->in + l->n, sizeof(l->in) - l->n, &got);
        if (r < 0)
            return r;
        l->n += got;
        return 0;
    }
    ssize_t n = recv(l->fd, l->in + l->n, sizeof(l->in) - l->n, MSG_DONTWAIT);
    if (n < 0)
        return is_told(errno) ? -errno : -ECONNRESET;
    if (n == 0 && link_is_stream(l->over))
        return -ECONNRESET;
    l->n += (size_t)n;
    return 0;
}

/* What is left of the last message's bytes moves to the front. */
static void drop_taken(struct link *l)
{
    memmove(l->in, l->in + l->taken, l->n - l->taken);
    l->n -= l->taken;
    l->taken = 0;
}

/* 0, -EAGAIN when more bytes are needed, or -ECONNRESET. */
static int take(struct link *l, struct span *ret)
{
    struct frame f;
    struct span all = span_of(l->in, l->n);
    if (!link_is_stream(l->over)) {
        l->taken = l->n;
        *ret = all;
        return l->n ? 0 : -EAGAIN;
    }
    enum frame_state state = frame_next(all, &f);
    if (state == FRAME_BAD || (state == FRAME_MORE && l->n == sizeof(l->in)))
        return -ECONNRESET;
    if (state == FRAME_MORE)
        return -EAGAIN;
    l->taken = f.padded;
    *ret = span_of(l->in, f.len);
    return 0;
}

int link_receive(struct link *l, usec_t until, struct span *ret)
{
    drop_taken(l);
    for (;;) {
        int r = clock_monotonic() < until ? take(l, ret) : -ETIMEDOUT;
        if (r != -EAGAIN)
            return r;
        r = read_some(l);
        if (r == -EAGAIN && !wait_for(l->fd, POLLIN, until))
            return -ETIMEDOUT;
        if (r < 0 && r != -EAGAIN)
            return r;
    }
}

size_t link_peek(struct link *l, uint8_t *ret, size_t cap)
{
    usec_t until = after_ms(PEEK_MS);
    int r = -EAGAIN;
    while (l->n < cap && (r == 0 || (r == -EAGAIN && wait_for(l->fd, POLLIN, until))))
        r = read_some(l);
    size_t n = l->n < cap ? l->n : cap;
    memcpy(ret, l->in, n);
    return n;
}

bool link_own(const struct link *l, struct addr *ret)
{
    union name name;
    socklen_t n = sizeof(name);
    if (getsockname(l->fd, &name.sa, &n) < 0)
        return false;
    *ret = from_name(&name);
    return true;
}

/* The kernel forgets the port together with the other end, so it is bound again. */
bool link_unconnect(struct link *l)
{
    const struct sockaddr none = {.sa_family = AF_UNSPEC};
    union name name;
    socklen_t n = sizeof(name);
    if (getsockname(l->fd, &name.sa, &n) < 0 || connect(l->fd, &none, sizeof(none)) < 0)
        return false;
    return bind(l->fd, &name.sa, n) == 0;
}

void link_send_to(struct link *l, const struct addr *to, struct span data)
{
    union name name;
    socklen_t n = to_name(to, &name);
    (void)sendto(l->fd, data.p, data.n, 0, &name.sa, n);
}

bool link_receive_from(struct link *l, usec_t until, struct addr *ret_from, struct span *ret)
{
    union name name;
    socklen_t len = sizeof(name);
    if (!wait_for(l->fd, POLLIN, until))
        return false;
    ssize_t n = recvfrom(l->fd, l->in, sizeof(l->in), MSG_DONTWAIT, &name.sa, &len);
    if (n < 0)
        return false;
    *ret_from = from_name(&name);
    *ret = span_of(l->in, (size_t)n);
    return true;
}
