/* Slots for datagrams and the one call that fills them. */
#include "net/arena_int.h"

#include <errno.h>
#include <netinet/udp.h>

#include "base/mem.h"

_Static_assert(ARENA_STRIDE >= TURN_HEADROOM + ARENA_BODY + TURN_TAILROOM, "slot too small");

static uint8_t *body(const struct arena *a, unsigned slot)
{
    return a->mem + (size_t)slot * ARENA_STRIDE + TURN_HEADROOM;
}

int arena_init(struct arena *a)
{
    a->mem = mem_zalloc((size_t)ARENA_SLOTS * ARENA_STRIDE);
    return a->mem ? 0 : -ENOMEM;
}

void arena_free(struct arena *a)
{
    mem_free(a->mem);
    a->mem = NULL;
}

unsigned arena_left(const struct arena *a)
{
    return ARENA_SLOTS - a->used;
}

void arena_reset(struct arena *a)
{
    a->used = a->pinned;
}

void arena_pin(struct arena *a)
{
    a->pinned = a->used;
}

void arena_unpin(struct arena *a)
{
    a->pinned = 0;
}

static void hold(struct arena *a, unsigned slot, size_t n)
{
    if (a->held[slot] < n)
        a->held[slot] = (uint16_t)n;
    if (a->n_held <= slot)
        a->n_held = slot + 1;
}

uint8_t *arena_take(struct arena *a, size_t n)
{
    if (a->used == ARENA_SLOTS)
        return NULL;
    hold(a, a->used, n);
    return body(a, a->used++);
}

bool arena_move(struct arena *a, struct turn_pkt *pkt)
{
    uint8_t *slot = pkt->n <= ARENA_BODY ? arena_take(a, pkt->n) : NULL;
    if (!slot)
        return false;
    memcpy(slot, pkt->p, pkt->n);
    pkt->p = slot;
    return true;
}

void arena_hold(struct arena *a, size_t n)
{
    hold(a, a->used - 1, n);
}

void arena_forget(struct arena *a)
{
    for (unsigned i = 0; i < a->n_held; i++) {
        explicit_bzero(body(a, i) - TURN_HEADROOM, TURN_HEADROOM + a->held[i] + TURN_TAILROOM);
        a->held[i] = 0;
    }
    a->n_held = 0;
}

void arena_forget_names(struct arena *a)
{
    explicit_bzero(a->names, sizeof a->names);
    explicit_bzero(a->control, sizeof a->control);
}

static void prepare(struct arena *a, unsigned i, bool with_control)
{
    a->iov[i] = (struct iovec){body(a, a->used + i), ARENA_BODY};
    a->msgs[i].msg_hdr = (struct msghdr){
        .msg_name = &a->names[i],
        .msg_namelen = sizeof a->names[i],
        .msg_iov = &a->iov[i],
        .msg_iovlen = 1,
        .msg_control = with_control ? a->control[i] : NULL,
        .msg_controllen = with_control ? ARENA_CONTROL : 0,
    };
}

/* As recvmmsg of one would, for a quarter of a microsecond less. */
static int receive_one(struct arena *a, int fd)
{
    struct msghdr *m = &a->msgs[0].msg_hdr;
    ssize_t n =
        recvfrom(fd, a->iov[0].iov_base, ARENA_BODY, MSG_DONTWAIT, m->msg_name, &m->msg_namelen);
    if (n < 0)
        return -1;
    a->msgs[0].msg_len = (unsigned)n;
    return 1;
}

int arena_recv(struct arena *a, const struct arena_source *source)
{
    for (unsigned i = 0; i < source->max; i++)
        prepare(a, i, source->with_control);
    int n = source->max == 1 && !source->with_control
                ? receive_one(a, source->fd)
                : recvmmsg(source->fd, a->msgs, source->max, MSG_DONTWAIT, NULL);
    if (n < 0)
        return -errno;
    for (int i = 0; i < n; i++)
        hold(a, a->used + (unsigned)i, a->msgs[i].msg_len);
    a->used += (unsigned)n;
    return n;
}

static void read_pktinfo4(const void *data, struct arrival *ret)
{
    struct in_pktinfo info;
    memcpy(&info, data, sizeof info);
    ret->local = (struct addr){.family = ADDR_V4};
    memcpy(ret->local.ip, &info.ipi_spec_dst, sizeof info.ipi_spec_dst);
}

static void read_pktinfo6(const void *data, struct arrival *ret)
{
    struct in6_pktinfo info;
    memcpy(&info, data, sizeof info);
    ret->local = (struct addr){.family = ADDR_V6};
    memcpy(ret->local.ip, &info.ipi6_addr, sizeof info.ipi6_addr);
}

static void read_tos(const void *data, struct arrival *ret)
{
    memcpy(&ret->tos, data, sizeof ret->tos);
}

static void read_tclass(const void *data, struct arrival *ret)
{
    int tclass;
    memcpy(&tclass, data, sizeof tclass);
    ret->tos = (uint8_t)tclass;
}

static void read_segment(const void *data, struct arrival *ret)
{
    int segment;
    memcpy(&segment, data, sizeof segment);
    ret->segment = segment > 0 && segment <= UINT16_MAX ? (uint16_t)segment : 0;
}

static const struct {
    int level;
    int type;
    size_t size;
    void (*read)(const void *data, struct arrival *ret);
} controls[] = {
    {IPPROTO_IP, IP_PKTINFO, sizeof(struct in_pktinfo), read_pktinfo4},
    {IPPROTO_IPV6, IPV6_PKTINFO, sizeof(struct in6_pktinfo), read_pktinfo6},
    {IPPROTO_IP, IP_TOS, sizeof(uint8_t), read_tos},
    {IPPROTO_IPV6, IPV6_TCLASS, sizeof(int), read_tclass},
    {SOL_UDP, UDP_GRO, sizeof(int), read_segment},
};

static void read_control(const struct cmsghdr *c, struct arrival *ret)
{
    for (size_t i = 0; i < sizeof controls / sizeof *controls; i++) {
        bool is = c->cmsg_level == controls[i].level && c->cmsg_type == controls[i].type;
        if (is && c->cmsg_len >= CMSG_LEN(controls[i].size))
            controls[i].read(CMSG_DATA(c), ret);
    }
}

bool arena_get(const struct arena *a, unsigned i, struct arrival *ret)
{
    struct msghdr m = a->msgs[i].msg_hdr;

    if (m.msg_flags & MSG_TRUNC || !sockaddr_to_addr(m.msg_name, m.msg_namelen, &ret->from))
        return false;
    ret->pkt = (struct turn_pkt){a->iov[i].iov_base, a->msgs[i].msg_len};
    ret->local = (struct addr){0};
    ret->segment = 0;
    ret->tos = 0;
    ret->is_crowded = false;
    if (m.msg_controllen == 0)
        return true;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
        read_control(c, ret);
    return true;
}

struct train train_of(const struct arrival *in)
{
    struct train t = {.next = *in, .left = in->pkt, .step = in->segment};

    t.next.is_crowded = in->segment > 0 && in->segment < in->pkt.n;
    if (!t.next.is_crowded)
        t.step = in->pkt.n;
    return t;
}

bool train_next(struct train *t)
{
    if (!t->left.p)
        return false;
    size_t n = t->left.n < t->step ? t->left.n : t->step;
    t->next.pkt = (struct turn_pkt){t->left.p, n};
    t->left =
        n < t->left.n ? (struct turn_pkt){t->left.p + n, t->left.n - n} : (struct turn_pkt){0};
    return true;
}
