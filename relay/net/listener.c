/* Sockets that clients send to: one per worker and address, sharing the port. They are never
 * connected, so one client's errors are never another's. */
#include "net/dtls_int.h"

#include <errno.h>
#include <unistd.h>

#include "wire/demux.h"

/* Each of so many messages may be a train of very many datagrams. */
enum { TRAINS = 8 };

/* A switch that must be set; of_family 0 means both. */
struct flag {
    uint8_t of_family;
    bool only_any;
    bool only_tos;
    int level;
    int option;
};

static const struct flag flags[] = {
    {0, false, false, SOL_SOCKET, SO_REUSEPORT},
    {ADDR_V6, false, false, IPPROTO_IPV6, IPV6_V6ONLY},
    {ADDR_V4, true, false, IPPROTO_IP, IP_PKTINFO},
    {ADDR_V6, true, false, IPPROTO_IPV6, IPV6_RECVPKTINFO},
    {ADDR_V4, false, true, IPPROTO_IP, IP_RECVTOS},
    {ADDR_V6, false, true, IPPROTO_IPV6, IPV6_RECVTCLASS},
};

static bool wanted(const struct flag *f, const struct addr *addr, const struct net_conf *conf)
{
    return (f->of_family == 0 || f->of_family == addr->family) &&
           (!f->only_any || addr_is_any(addr)) && (!f->only_tos || conf->copy_tos);
}

static int set_int(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0 ? 0 : -errno;
}

/* Beyond the system's maximum where that is allowed, up to it where not. The send side is as wide:
 * it carries all clients of a worker. */
static void widen(int fd, uint32_t bytes)
{
    int value = bytes > INT32_MAX ? INT32_MAX : (int)bytes;

    if (set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, value) != 0)
        set_int(fd, SOL_SOCKET, SO_RCVBUF, value);
    if (set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, value) != 0)
        set_int(fd, SOL_SOCKET, SO_SNDBUF, value);
}

static int set_up(int fd, const struct addr *addr, const struct net_conf *conf)
{
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (!wanted(&flags[i], addr, conf))
            continue;
        int r = set_int(fd, flags[i].level, flags[i].option, 1);
        if (r != 0)
            return r;
    }
    if (conf->socket_bytes > 0)
        widen(fd, conf->socket_bytes);
    return outlet_allow_fragments(fd, addr->family);
}

static int open_socket(const struct addr *addr)
{
    int fd = socket(sockaddr_family(addr), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

static int bind_to(int fd, const struct addr *addr)
{
    union sock_name name;
    socklen_t n = sockaddr_from_addr(addr, &name);
    return bind(fd, &name.sa, n) == 0 ? 0 : -errno;
}

int listener_probe(const struct addr *addr)
{
    int fd = open_socket(addr);

    if (fd < 0)
        return fd;
    int r = addr->family == ADDR_V6 ? set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) : 0;
    if (r == 0)
        r = bind_to(fd, addr);
    close(fd);
    return r;
}

int listener_open(struct listener *l, const struct net_listen *where, const struct net_conf *conf)
{
    const struct addr *addr = &where->addr;
    int fd = open_socket(addr);

    if (fd < 0)
        return fd;
    int r = set_up(fd, addr, conf);
    if (r == 0)
        r = bind_to(fd, addr);
    if (r != 0) {
        close(fd);
        return r;
    }
    l->addr = *addr;
    l->speaks = where->speaks;
    l->last = ARENA_BATCH; /* as much as may have come before the worker starts */
    outlet_init(&l->out, fd, addr->family, addr_is_any(addr));
    gro_init(&l->gro, conf->udp_gro);
    return 0;
}

struct turn_flow listener_flow(const struct listener *l, const struct arrival *in,
                               enum turn_transport transport)
{
    struct turn_flow flow = {
        .client = in->from, .server = l->addr, .via = l->index, .transport = (uint8_t)transport};
    if (l->out.any) {
        flow.server = in->local;
        flow.server.port = l->addr.port;
    }
    return flow;
}

static void receive(struct worker *w, const struct listener *l, const struct arrival *in)
{
    bool is_dtls = in->pkt.n > 0 && demux_first_byte(*in->pkt.p) == DEMUX_DTLS;

    if (is_dtls && l->speaks & NET_DTLS)
        dtls_input(w->dtls, l, in);
    else if (l->speaks & NET_UDP)
        dispatch_client(w, l, in);
}

/* How many they were. */
static unsigned receive_all(struct worker *w, const struct listener *l, const struct arrival *in)
{
    struct train t = train_of(in);
    unsigned n = 0;

    for (; train_next(&t); n++) {
        worker_make_room(w, 4); /* as in on_readable, for one: trains before may have taken it */
        receive(w, l, &t.next);
    }
    return n;
}

/* One batch, and then it is the others' turn: the event is level-triggered and comes again. */
static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;
    struct worker *w = l->worker;
    /* Room costs a little even when it stays empty, so it grows with what comes. */
    unsigned max = 2U * l->last + 2;
    unsigned most = l->gro.is_on ? TRAINS : ARENA_BATCH;
    struct arena_source source = {fd, max < most ? max : most,
                                  l->out.any || w->copy_tos || l->gro.is_on};
    struct gro_read read = {0};
    struct arrival in;

    (void)what;
    /* An answer each; with DTLS also its plain text, and a handshake's further datagrams. */
    worker_make_room(w, (l->speaks & NET_DTLS ? 4 : 2) * ARENA_BATCH);
    int n = arena_recv(&w->arena, &source);
    l->last = (uint16_t)(n > 0 ? n : 0);
    arena_pin(&w->arena);
    for (int i = 0; i < n; i++) {
        if (arena_get(&w->arena, (unsigned)i, &in))
            read.datagrams = (uint16_t)(read.datagrams + receive_all(w, l, &in));
    }
    arena_unpin(&w->arena);
    read.messages = l->last;
    gro_weigh(&l->gro, fd, read, worker_now(w));
    if (l->last == most)
        shed_weigh(&l->shed, fd, worker_now(w));
}

void listener_tick(struct listener *l, usec_t now)
{
    if (l->shed.level > 0)
        shed_weigh(&l->shed, l->out.fd, now);
}

int listener_listen(struct listener *l, struct worker *w)
{
    l->worker = w;
    event_assign(&l->ev, w->base, l->out.fd, EV_READ | EV_PERSIST, on_readable, l);
    return event_add(&l->ev, NULL) == 0 ? 0 : -ENOMEM;
}

void listener_close(struct listener *l)
{
    if (l->worker)
        event_del(&l->ev);
    batch_purge(&l->out);
    close(l->out.fd);
}
