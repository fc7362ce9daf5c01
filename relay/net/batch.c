/* Queues of outgoing datagrams, one per socket, and their flush. */
#include "net/batch_int.h"

#include <errno.h>

void batch_init(struct batch *b)
{
    list_init(&b->dirty);
    b->n = 0;
}

void outlet_init(struct outlet *o, int fd, enum addr_family family, bool any)
{
    *o = (struct outlet){
        .fd = fd, .family = (uint8_t)family, .any = any, .head = BATCH_END, .tail = BATCH_END};
    list_init(&o->dirty);
}

/* RFC 8656 section 14: DF is 0 unless the client asked for it. IPv4 uses OMIT rather than DONT,
 * because with DONT the kernel keeps "fragmentation needed" to itself, and the client that asked
 * for DF is to hear of it (section 11.5); OMIT also ignores forged path MTUs. IPv6 fragments at
 * the source, so its default, which minds the path MTU, is right. */
static const struct df_option {
    int level;
    int option;
    int on;
    int off;
} df_options[] = {
    [0] = {IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO, IP_PMTUDISC_OMIT},
    [1] = {IPPROTO_IPV6, IPV6_DONTFRAG, 1, 0},
};

static int set_df(int fd, uint8_t family, bool on)
{
    const struct df_option *o = &df_options[family == ADDR_V6];
    int value = on ? o->on : o->off;
    return setsockopt(fd, o->level, o->option, &value, sizeof value) == 0 ? 0 : -errno;
}

int outlet_allow_fragments(int fd, enum addr_family family)
{
    return family == ADDR_V6 ? 0 : set_df(fd, ADDR_V4, false);
}

static void put_control(struct msghdr *m, int level, int type, struct span value)
{
    struct cmsghdr *c = (void *)((uint8_t *)m->msg_control + m->msg_controllen);
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(value.n);
    memcpy(CMSG_DATA(c), value.p, value.n);
    m->msg_controllen += CMSG_SPACE(value.n);
}

static void put_source(struct msghdr *m, const struct addr *from)
{
    if (from->family == ADDR_V4) {
        struct in_pktinfo info = {0};
        memcpy(&info.ipi_spec_dst, from->ip, sizeof info.ipi_spec_dst);
        put_control(m, IPPROTO_IP, IP_PKTINFO, span_of(&info, sizeof info));
    } else {
        struct in6_pktinfo info = {0};
        memcpy(&info.ipi6_addr, from->ip, sizeof info.ipi6_addr);
        put_control(m, IPPROTO_IPV6, IPV6_PKTINFO, span_of(&info, sizeof info));
    }
}

static void put_tos(struct msghdr *m, uint8_t family, int tos)
{
    bool v6 = family == ADDR_V6;
    put_control(m, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_TCLASS : IP_TOS,
                span_of(&tos, sizeof tos));
}

static void fill(struct batch *b, unsigned i, const struct outlet *o, const struct out_pkt *pkt)
{
    struct msghdr *m = &b->msgs[i].msg_hdr;

    /* iovec has no const form; sending only reads. */
    b->iov[i] = (struct iovec){(void *)(uintptr_t)pkt->data.p, pkt->data.n};
    *m = (struct msghdr){
        .msg_name = &b->names[i],
        .msg_namelen = sockaddr_from_addr(&pkt->to, &b->names[i]),
        .msg_iov = &b->iov[i],
        .msg_iovlen = 1,
    };
    if (!o->any && pkt->tos == 0)
        return;
    m->msg_control = b->control[i];
    if (o->any)
        put_source(m, &pkt->from);
    if (pkt->tos != 0)
        put_tos(m, o->family, pkt->tos);
}

/* For a single datagram the plain calls are cheaper by a tenth of a microsecond or two. */
static int send_some(int fd, struct mmsghdr *msgs, unsigned n)
{
    const struct msghdr *m = &msgs->msg_hdr;
    ssize_t r;

    if (n > 1)
        return sendmmsg(fd, msgs, n, MSG_DONTWAIT);
    if (m->msg_control)
        r = sendmsg(fd, m, MSG_DONTWAIT);
    else
        r = sendto(fd, m->msg_iov->iov_base, m->msg_iov->iov_len, MSG_DONTWAIT, m->msg_name,
                   m->msg_namelen);
    return r < 0 ? -1 : 1;
}

/* A socket first reports the ICMP error of an earlier datagram, whoever that went to: so an error
 * is answered with one more try, and then costs this datagram only. */
static void send_filled(struct batch *b, const struct outlet *o, unsigned n)
{
    bool again = false;

    for (unsigned done = 0; done < n;) {
        int r = send_some(o->fd, b->msgs + done, n - done);
        if (r < 0 && errno == EAGAIN)
            return;
        done += r > 0 ? (unsigned)r : again;
        again = r <= 0 && !again;
    }
}

static void send_unfragmented(struct batch *b, const struct outlet *o, const struct out_pkt *pkt)
{
    if (set_df(o->fd, o->family, true) != 0)
        return;
    fill(b, 0, o, pkt);
    send_filled(b, o, 1);
    set_df(o->fd, o->family, false);
}

static void send_queue(struct batch *b, const struct outlet *o)
{
    unsigned n = 0;

    for (uint16_t i = o->head; i != BATCH_END; i = b->pkts[i].next) {
        bool df = b->pkts[i].dont_fragment;
        if (df || n == BATCH_SEND) {
            send_filled(b, o, n);
            n = 0;
        }
        if (df)
            send_unfragmented(b, o, &b->pkts[i]);
        else
            fill(b, n++, o, &b->pkts[i]);
    }
    send_filled(b, o, n);
}

void batch_purge(struct outlet *o)
{
    list_remove(&o->dirty);
    o->head = BATCH_END;
    o->tail = BATCH_END;
}

void batch_flush(struct batch *b)
{
    LIST_FOR_SAFE (it, &b->dirty) {
        struct outlet *o = container_of(it, struct outlet, dirty);
        send_queue(b, o);
        batch_purge(o);
    }
    b->n = 0;
}

void batch_push(struct batch *b, struct outlet *o, const struct out_pkt *pkt)
{
    if (pkt->to.family != o->family || (o->any && pkt->from.family != o->family))
        return;
    if (b->n == BATCH_MAX)
        batch_flush(b);
    uint16_t i = (uint16_t)b->n++;
    b->pkts[i] = *pkt;
    b->pkts[i].next = BATCH_END;
    if (o->head == BATCH_END) {
        o->head = i;
        list_push(&b->dirty, &o->dirty);
    } else {
        b->pkts[o->tail].next = i;
    }
    o->tail = i;
}
