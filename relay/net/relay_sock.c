/* Sockets that peers send to: one per relayed transport address. Neither ICMP nor send errors ever
 * close one; they are the peer's doing, and the allocation is the client's. */
#include "net/worker_int.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <unistd.h>

#include "base/mem.h"

/* Media mostly comes one datagram at a time, and then one is the cheapest to ask for; where more
 * was waiting as soon as the next turn, several are. */
enum { RELAY_BATCH = 8, RELAY_TRAINS = 2, ERRORS_PER_TURN = 8 };

/* RFC 8656 section 11.5: what may be told to the client; with_mtu is code + 1 of the one that
 * carries an MTU, or MTU_ANY_CODE. */
enum { MTU_ANY_CODE = 256 };

static const struct icmp_row {
    uint8_t origin;
    uint8_t type;
    uint16_t with_mtu;
} icmp_rows[] = {
    {SO_EE_ORIGIN_ICMP, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED + 1},
    {SO_EE_ORIGIN_ICMP, ICMP_TIME_EXCEEDED, 0},
    {SO_EE_ORIGIN_ICMP6, ICMP6_DST_UNREACH, 0},
    {SO_EE_ORIGIN_ICMP6, ICMP6_PACKET_TOO_BIG, MTU_ANY_CODE},
    {SO_EE_ORIGIN_ICMP6, ICMP6_TIME_EXCEEDED, 0},
};

static const struct icmp_row *icmp_find(const struct sock_extended_err *e)
{
    for (size_t i = 0; i < sizeof icmp_rows / sizeof *icmp_rows; i++) {
        if (icmp_rows[i].origin == e->ee_origin && icmp_rows[i].type == e->ee_type)
            return &icmp_rows[i];
    }
    return NULL;
}

static bool is_error(const struct cmsghdr *c)
{
    bool v4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR;
    bool v6 = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR;
    return (v4 || v6) && c->cmsg_len >= CMSG_LEN(sizeof(struct sock_extended_err));
}

/* The kernel gives the original datagram's destination as the message's name. */
static bool read_icmp(struct msghdr *m, struct turn_icmp *ret)
{
    struct sock_extended_err e = {0};
    struct addr peer;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (is_error(c))
            memcpy(&e, CMSG_DATA(c), sizeof e);
    }
    const struct icmp_row *row = icmp_find(&e);
    if (!row || !sockaddr_to_addr(m->msg_name, m->msg_namelen, &peer))
        return false;
    bool mtu = row->with_mtu == MTU_ANY_CODE || row->with_mtu == e.ee_code + 1;
    *ret = (struct turn_icmp){
        .peer = peer, .type = e.ee_type, .code = e.ee_code, .data = mtu ? e.ee_info : 0};
    return true;
}

static bool next_error(struct relay_sock *r)
{
    union sock_name name;
    _Alignas(16) uint8_t control[512];
    struct msghdr m = {.msg_name = &name,
                       .msg_namelen = sizeof name,
                       .msg_control = control,
                       .msg_controllen = sizeof control};
    struct turn_icmp icmp;

    if (recvmsg(r->out.fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
        return false;
    if (read_icmp(&m, &icmp)) {
        icmp.relay = r->handle;
        worker_make_room(r->worker, 1);
        dispatch_icmp(r->worker, &icmp);
    }
    return true;
}

/* The engine may close a relay at any of its datagrams. */
static bool is_open(const struct relay_sock *r)
{
    return r->worker->relays[r->handle] == r;
}

/* How many they were. */
static unsigned receive_all(const struct relay_sock *r, const struct arrival *in)
{
    struct train t = train_of(in);
    unsigned n = 0;

    for (; is_open(r) && train_next(&t); n++) {
        worker_make_room(r->worker, 2);
        if (!t.next.is_crowded || arena_move(&r->worker->arena, &t.next.pkt))
            dispatch_peer(r->worker, r->handle, &t.next);
    }
    return n;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct relay_sock *r = arg;
    struct worker *w = r->worker;
    unsigned most = r->gro.is_on ? RELAY_TRAINS : RELAY_BATCH;
    struct arena_source source = {fd, r->many ? most : 1, w->copy_tos || r->gro.is_on};
    struct gro_read read = {0};
    struct arrival in;

    (void)what;
    worker_make_room(w, r->gro.is_on ? ARENA_SLOTS / 2 : 2 * RELAY_BATCH);
    int n = arena_recv(&w->arena, &source);
    r->many = n > 1 || (!r->many && r->last_turn + 1 == w->turn);
    r->last_turn = w->turn;
    arena_pin(&w->arena);
    for (int i = 0; i < n && is_open(r); i++) {
        if (arena_get(&w->arena, (unsigned)i, &in))
            read.datagrams = (uint16_t)(read.datagrams + receive_all(r, &in));
    }
    arena_unpin(&w->arena);
    read.messages = (uint16_t)(n > 0 ? n : 0);
    if (n > 0 && is_open(r))
        gro_weigh(&r->gro, fd, read, worker_now(w));
    /* Woken, and no datagram: an error waits, and wakes us until it is taken. */
    for (int i = 0; n < 0 && i < ERRORS_PER_TURN && is_open(r); i++) {
        if (!next_error(r))
            break;
    }
}

/* As few calls as can be: this is most of what an allocation costs. */
static int set_up(int fd, const struct addr *local, bool copy_tos)
{
    bool v6 = local->family == ADDR_V6;
    int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
    int one = 1;

    if (v6 && setsockopt(fd, level, IPV6_V6ONLY, &one, sizeof one) != 0)
        return -errno;
    if (setsockopt(fd, level, v6 ? IPV6_RECVERR : IP_RECVERR, &one, sizeof one) != 0)
        return -errno;
    if (copy_tos && setsockopt(fd, level, v6 ? IPV6_RECVTCLASS : IP_RECVTOS, &one, sizeof one) != 0)
        return -errno;
    return outlet_allow_fragments(fd, local->family);
}

static int bind_and_watch(struct relay_sock *r, int fd, const struct addr *local)
{
    union sock_name name;
    socklen_t n = sockaddr_from_addr(local, &name);
    int err = set_up(fd, local, r->worker->copy_tos);

    if (err != 0)
        return err;
    if (bind(fd, &name.sa, n) != 0)
        return -errno;
    event_assign(&r->ev, r->worker->base, fd, EV_READ | EV_PERSIST, on_readable, r);
    return event_add(&r->ev, NULL) == 0 ? 0 : -ENOMEM;
}

static struct relay_sock *take_spare(struct worker *w)
{
    if (list_empty(&w->spare))
        return mem_zalloc(sizeof(struct relay_sock));
    struct relay_sock *r = container_of(w->spare.next, struct relay_sock, spare);
    list_remove(&r->spare);
    return r;
}

static int open_with(struct relay_sock *r, const struct addr *local)
{
    int fd = socket(sockaddr_family(local), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return errno == ENFILE ? -EMFILE : -errno;
    int err = bind_and_watch(r, fd, local);
    if (err != 0) {
        close(fd);
        return err;
    }
    outlet_init(&r->out, fd, local->family, false);
    gro_init(&r->gro, r->worker->udp_gro);
    return 0;
}

struct relay_sock *relay_sock_find(const struct worker *w, uint32_t relay)
{
    return relay < w->max_relays ? w->relays[relay] : NULL;
}

int relay_sock_open(struct worker *w, const struct turn_relay_want *want)
{
    if (want->relay >= w->max_relays)
        return -EINVAL;
    if (w->relays[want->relay])
        return -EBUSY;
    struct relay_sock *r = take_spare(w);
    if (!r)
        return -ENOMEM;
    *r = (struct relay_sock){.worker = w, .handle = want->relay};
    int err = open_with(r, &want->local);
    if (err == 0)
        w->relays[want->relay] = r;
    else
        list_push(&w->spare, &r->spare);
    return err;
}

void relay_sock_close(struct relay_sock *r)
{
    if (!r)
        return;
    batch_purge(&r->out);
    event_del(&r->ev);
    close(r->out.fd);
    r->worker->relays[r->handle] = NULL;
    list_push(&r->worker->spare, &r->spare);
}

void relay_sock_free_spare(struct worker *w)
{
    if (!w->spare.next)
        return;
    LIST_FOR_SAFE (it, &w->spare)
        mem_free(container_of(it, struct relay_sock, spare));
}
