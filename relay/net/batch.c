/* Queues of outgoing datagrams, one per socket, and their flush. */
#include "net/batch_int.h"

#include <errno.h>
#include <netinet/udp.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Kernels before 4.18 would send a train as one datagram. From 7.0 up to 7.1-rc5 some drivers spoil
 * the headers of trains, and a 7.0 does not say whether its maintainers have taken the fix. */
static bool kernel_has_trains(void)
{
    struct utsname u;
    int value;
    socklen_t n = sizeof value;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    bool known = getsockopt(fd, SOL_UDP, UDP_SEGMENT, &value, &n) == 0;
    close(fd);
    bool spoilt = uname(&u) != 0 || strncmp(u.release, "7.0", 3) == 0 ||
                  strncmp(u.release, "7.1.0-rc", 8) == 0 || strncmp(u.release, "7.1-rc", 6) == 0;
    return known && !spoilt;
}

void batch_init(struct batch *b, bool trains)
{
    b->trains = trains && kernel_has_trains();
    b->n_msgs = 0;
    b->n_iov = 0;
    b->lead = NULL;
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
 * the source, so its default, which minds the path MTU, is right. With DF it is PROBE: the path
 * MTU that the kernel remembers would turn the next one into a local error, and the client would
 * hear only once. */
static const struct df_option {
    uint8_t family;
    int level;
    int option;
    int on;
    int off;
} df_options[] = {
    {ADDR_V4, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE, IP_PMTUDISC_OMIT},
    {ADDR_V6, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE, IPV6_PMTUDISC_WANT},
    {ADDR_V6, IPPROTO_IPV6, IPV6_DONTFRAG, 1, 0},
};

static int set_df(int fd, uint8_t family, bool on)
{
    for (size_t i = 0; i < sizeof df_options / sizeof *df_options; i++) {
        const struct df_option *o = &df_options[i];
        int value = on ? o->on : o->off;
        if (o->family == family && setsockopt(fd, o->level, o->option, &value, sizeof value) != 0)
            return -errno;
    }
    return 0;
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

/* RFC 8656 wants the datagrams as they came: so only what surely fits every link is made a train,
 * and the kernel never has a reason to refuse one for its length. */
enum { TRAIN_SEGMENT = 1352, TRAIN_BYTES = 65000, TRAIN_LENGTH = 64 };

static bool same_way(const struct outlet *o, const struct out_pkt *a, const struct out_pkt *b)
{
    return a->tos == b->tos && addr_eq(&a->to, &b->to) && (!o->any || addr_eq(&a->from, &b->from));
}

static bool may_join(const struct batch *b, const struct outlet *o, const struct out_pkt *pkt)
{
    return b->lead && pkt->data.n > 0 && pkt->data.n <= b->lead->data.n &&
           b->bytes + pkt->data.n <= TRAIN_BYTES &&
           b->msgs[b->n_msgs - 1].msg_hdr.msg_iovlen < TRAIN_LENGTH && same_way(o, b->lead, pkt);
}

static void add_data(struct batch *b, const struct out_pkt *pkt)
{
    /* iovec has no const form; sending only reads. */
    b->iov[b->n_iov++] = (struct iovec){(void *)(uintptr_t)pkt->data.p, pkt->data.n};
}

/* Appends to the last message. A shorter datagram can only be a train's last one. */
static void join(struct batch *b, const struct out_pkt *pkt)
{
    struct msghdr *m = &b->msgs[b->n_msgs - 1].msg_hdr;
    uint16_t size = (uint16_t)b->lead->data.n;

    add_data(b, pkt);
    b->bytes += pkt->data.n;
    if (++m->msg_iovlen == 2) {
        m->msg_control = b->control[b->n_msgs - 1];
        put_control(m, SOL_UDP, UDP_SEGMENT, span_of(&size, sizeof size));
    }
    if (pkt->data.n < size)
        b->lead = NULL;
}

static void begin(struct batch *b, const struct outlet *o, const struct out_pkt *pkt)
{
    unsigned i = b->n_msgs++;
    struct msghdr *m = &b->msgs[i].msg_hdr;

    *m = (struct msghdr){
        .msg_name = &b->names[i],
        .msg_namelen = sockaddr_from_addr(&pkt->to, &b->names[i]),
        .msg_iov = &b->iov[b->n_iov],
        .msg_iovlen = 1,
    };
    add_data(b, pkt);
    b->bytes = pkt->data.n;
    b->lead = b->trains && !o->no_trains && pkt->data.n <= TRAIN_SEGMENT ? pkt : NULL;
    if (o->any || pkt->tos != 0)
        m->msg_control = b->control[i];
    if (o->any)
        put_source(m, &pkt->from);
    if (pkt->tos != 0)
        put_tos(m, o->family, pkt->tos);
}

/* For a single datagram the plain calls are cheaper, by a quarter of a microsecond. */
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

/* A train that was refused goes datagram by datagram. */
static void send_apart(const struct outlet *o, const struct msghdr *train)
{
    struct msghdr one = *train;

    one.msg_iovlen = 1;
    one.msg_controllen -= CMSG_SPACE(sizeof(uint16_t));
    if (one.msg_controllen == 0)
        one.msg_control = NULL;
    for (size_t i = 0; i < train->msg_iovlen; i++) {
        one.msg_iov = train->msg_iov + i;
        if (sendmsg(o->fd, &one, MSG_DONTWAIT) < 0 && errno == EAGAIN)
            return;
    }
}

/* A socket first reports the ICMP error of an earlier datagram, whoever that went to: so an error
 * is answered with one more try, and then costs this message only. */
static void send_begun(struct batch *b, struct outlet *o)
{
    bool again = false;

    for (unsigned done = 0; done < b->n_msgs;) {
        int r = send_some(o->fd, b->msgs + done, b->n_msgs - done);
        if (r < 0 && errno == EAGAIN)
            break;
        if (r < 0 && again && b->msgs[done].msg_hdr.msg_iovlen > 1) {
            /* EIO is the device's word (no checksum offload, IPsec) and will not change; all else
             * may be about this destination alone. */
            o->no_trains |= errno == EIO;
            send_apart(o, &b->msgs[done].msg_hdr);
        }
        done += r > 0 ? (unsigned)r : again;
        again = r <= 0 && !again;
    }
    b->n_msgs = 0;
    b->n_iov = 0;
    b->lead = NULL;
}

static void send_unfragmented(struct batch *b, struct outlet *o, const struct out_pkt *pkt)
{
    if (set_df(o->fd, o->family, true) != 0)
        return;
    begin(b, o, pkt);
    send_begun(b, o);
    set_df(o->fd, o->family, false);
}

static void send_queue(struct batch *b, struct outlet *o)
{
    for (uint16_t i = o->head; i != BATCH_END; i = b->pkts[i].next) {
        const struct out_pkt *pkt = &b->pkts[i];
        if (pkt->dont_fragment) {
            send_begun(b, o);
            send_unfragmented(b, o, pkt);
            continue;
        }
        if (may_join(b, o, pkt)) {
            join(b, pkt);
            continue;
        }
        if (b->n_msgs == BATCH_SEND)
            send_begun(b, o);
        begin(b, o, pkt);
    }
    send_begun(b, o);
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

void batch_forget(struct batch *b)
{
    explicit_bzero(b->pkts, sizeof b->pkts);
    explicit_bzero(b->names, sizeof b->names);
    explicit_bzero(b->control, sizeof b->control);
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
