/* Batches of raw frames through AF_PACKET. */
#include "bench/frames.h"

#include "bench/measure.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BUFFER_BYTES = 64 << 20,
    PROTOCOL_UDP = 17,
    TTL = 64,
    DONT_FRAGMENT = 0x4000,
    OFFSET_IP = 14,
    OFFSET_UDP = 34,
};

struct batch {
    uint8_t bytes[FRAME_BATCH][FRAME_MAX];
    struct iovec iov[FRAME_BATCH][2]; /* the kernel's header in front of a frame that leaves */
    struct mmsghdr msg[FRAME_BATCH];
    unsigned n;
};

struct link {
    int in;
    int out;
    struct frame_ends ends;
    uint64_t refused;
    uint64_t patience;             /* nanoseconds */
    struct virtio_net_hdr offload; /* checksums as by a network card: GRO wants UDP to have one */
    uint32_t pseudo;               /* what addresses and protocol add to it */
    struct batch rx;
    struct batch tx;
};

static void put16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t sum_of(const uint8_t *p, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i += 2)
        sum += get16(p + i);
    return sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xFFFF) + (sum >> 16);
    return (uint16_t)sum;
}

static int packet_socket(int protocol, unsigned device)
{
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons((uint16_t)protocol));
    struct sockaddr_ll at = {.sll_family = AF_PACKET,
                             .sll_protocol = htons((uint16_t)protocol),
                             .sll_ifindex = (int)device};
    int bytes = BUFFER_BYTES;
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    close(fd);
    return -1;
}

bool netns_enter(const char *netns)
{
    char path[256];
    snprintf(path, sizeof path, "/run/netns/%s", netns);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && setns(fd, CLONE_NEWNET) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

/* front: what each message begins with, or NULL. */
static void batch_init(struct batch *b, struct virtio_net_hdr *front)
{
    for (size_t i = 0; i < FRAME_BATCH; i++) {
        struct iovec *iov = b->iov[i];
        iov[0] = (struct iovec){front, front ? sizeof *front : 0};
        iov[1] = (struct iovec){b->bytes[i], FRAME_MAX};
        b->msg[i].msg_hdr =
            (struct msghdr){.msg_iov = front ? iov : iov + 1, .msg_iovlen = front ? 2 : 1};
    }
}

struct link *link_open(const char *netns, const char *device, const struct frame_ends *ends)
{
    struct link *l = calloc(1, sizeof *l);
    if (!l || !netns_enter(netns)) {
        perror(netns);
        free(l);
        return NULL;
    }
    unsigned index = if_nametoindex(device);
    int one = 1;
    l->ends = *ends;
    l->in = packet_socket(ETH_P_IP, index);
    l->out = packet_socket(0, index);
    if (!index || l->in < 0 || l->out < 0) {
        perror(device);
        link_close(l);
        return NULL;
    }
    setsockopt(l->out, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
    setsockopt(l->out, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof one);
    l->offload.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    l->offload.csum_start = OFFSET_UDP;
    l->offload.csum_offset = 6;
    l->pseudo =
        sum_of(ends->here, FRAME_ADDR_LEN) + sum_of(ends->there, FRAME_ADDR_LEN) + PROTOCOL_UDP;
    batch_init(&l->rx, NULL);
    batch_init(&l->tx, &l->offload);
    return l;
}

void link_close(struct link *l)
{
    if (!l)
        return;
    close(l->in);
    close(l->out);
    free(l);
}

int link_fd(const struct link *l)
{
    return l->in;
}

uint64_t link_refused(const struct link *l)
{
    return l->refused;
}

uint8_t *link_room(struct link *l)
{
    if (l->tx.n == FRAME_BATCH)
        link_flush(l);
    return l->tx.bytes[l->tx.n] + FRAME_HEADERS;
}

void link_queue(struct link *l, uint16_t from, uint16_t to, size_t n)
{
    uint8_t *f = l->tx.bytes[l->tx.n], *ip = f + OFFSET_IP, *udp = f + OFFSET_UDP;
    memcpy(f, l->ends.there_mac, FRAME_MAC_LEN);
    memcpy(f + FRAME_MAC_LEN, l->ends.here_mac, FRAME_MAC_LEN);
    put16(f + 12, ETH_P_IP);
    memset(ip, 0, 20);
    ip[0] = 0x45;
    put16(ip + 2, 28 + n);
    put16(ip + 6, DONT_FRAGMENT); /* as most systems do */
    ip[8] = TTL;
    ip[9] = PROTOCOL_UDP;
    memcpy(ip + 12, l->ends.here, FRAME_ADDR_LEN);
    memcpy(ip + 16, l->ends.there, FRAME_ADDR_LEN);
    put16(ip + 10, (uint16_t)~fold(sum_of(ip, 20)));
    put16(udp, from);
    put16(udp + 2, to);
    put16(udp + 4, 8 + n);
    put16(udp + 6, fold(l->pseudo + (uint32_t)(8 + n))); /* completed on the way, or not at all */
    l->tx.iov[l->tx.n][1].iov_len = FRAME_HEADERS + n;
    l->tx.n++;
}

void link_be_patient(struct link *l, uint64_t ns)
{
    l->patience = ns;
}

void link_flush(struct link *l)
{
    unsigned done = 0;
    uint64_t full = 0; /* since when it is */
    while (done < l->tx.n) {
        int r = sendmmsg(l->out, l->tx.msg + done, l->tx.n - done, 0);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0) { /* the device is full */
            uint64_t now = now_ns();
            full = full ? full : now;
            if (now - full < l->patience)
                continue;
            l->refused++;
            r = 1;
        }
        full = 0;
        done += (unsigned)r;
    }
    l->tx.n = 0;
}

static bool is_udp(const uint8_t *f, size_t n)
{
    return n >= FRAME_HEADERS && f[OFFSET_IP] == 0x45 && f[OFFSET_IP + 9] == PROTOCOL_UDP;
}

size_t link_receive(struct link *l, link_fn fn, void *ctx)
{
    for (size_t i = 0; i < FRAME_BATCH; i++)
        l->rx.iov[i][1].iov_len = FRAME_MAX;
    int got = recvmmsg(l->in, l->rx.msg, FRAME_BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < got; i++) {
        uint8_t *f = l->rx.bytes[i], *udp = f + OFFSET_UDP;
        size_t n = l->rx.msg[i].msg_len;
        if (!is_udp(f, n))
            continue;
        struct datagram d = {get16(udp), get16(udp + 2), f + FRAME_HEADERS, n - FRAME_HEADERS};
        size_t claimed = get16(udp + 4);
        if (claimed >= 8 && claimed - 8 < d.n)
            d.n = claimed - 8;
        fn(ctx, &d);
    }
    return got > 0 ? (size_t)got : 0;
}
