/* Levels of a filter in front of a listener, and when it goes from one to another. */
#include "net/shed_int.h"

#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <stddef.h>
#include <sys/socket.h>

#include "wire/demux.h"

/* One in so many gets through, powers of two. A request with credentials is longer than BARE and
 * what a login begins with is not; a client sends either again for half a minute. */
static const struct share {
    uint32_t bare;
    uint32_t whole;
} shares[] = {{1, 1}, {64, 1}, {64, 8}, {64, 64}};

enum {
    LEVELS = sizeof shares / sizeof *shares,
    PATIENCE = USEC_PER_SEC / 100, /* in which a filter shows what it is worth */
    CALM_MAX = 8,                  /* seconds; a client asks again for half a minute */
};

/* The filter sees a datagram from its UDP header on. */
enum {
    UDP_LENGTH = 4,
    PAYLOAD = 8,
    BARE = PAYLOAD + 80,
    ALL = 0xFFFF, /* bytes */
};

static int attach(int fd, const struct share *share)
{
    const uint32_t random = (uint32_t)SKF_AD_OFF + SKF_AD_RANDOM;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, PAYLOAD),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, DEMUX_DTLS_DATA, 14, 0),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, DEMUX_CHANNEL_MASK),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, DEMUX_CHANNEL_BITS, 12, 0),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, PAYLOAD + DEMUX_COOKIE_AT),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, DEMUX_COOKIE, 0, 7),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, PAYLOAD),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, DEMUX_SEND, 8, 0),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, UDP_LENGTH),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, BARE, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, random),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, share->whole - 1),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 3, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, random),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, share->bare - 1),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, ALL),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    const struct sock_fprog program = {sizeof code / sizeof *code, code};

    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

/* A socket that refuses stays as it is, and is asked again. */
static void go_to(struct shed *s, int fd, uint8_t level, usec_t now)
{
    int none = 0;
    int r = level == 0 ? setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof none)
                       : attach(fd, &shares[level]);

    s->level = r == 0 ? level : s->level;
    s->changed = now;
}

/* Each end of the filter lets the queue fill up again if the flood goes on, so ends get rarer. */
static void begin(struct shed *s, int fd, usec_t now)
{
    bool again = s->calm > 0 && now < s->changed + CALM_MAX * USEC_PER_SEC;

    s->calm = !again ? 1 : s->calm < CALM_MAX ? (uint8_t)(2 * s->calm) : CALM_MAX;
    go_to(s, fd, 1, now);
}

/* Half full is early enough, and no burst of media comes as far. */
static bool is_crowded(int fd)
{
    uint32_t info[SK_MEMINFO_VARS] = {0};
    socklen_t n = sizeof info;

    return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &n) == 0 &&
           info[SK_MEMINFO_RMEM_ALLOC] > info[SK_MEMINFO_RCVBUF] / 2;
}

void shed_weigh(struct shed *s, int fd, usec_t now)
{
    if (is_crowded(fd)) {
        s->crowded = now;
        if (s->level == 0)
            begin(s, fd, now);
        else if (s->level + 1 < LEVELS && now >= s->changed + PATIENCE)
            go_to(s, fd, s->level + 1, now);
    } else if (s->level > 0 && now >= s->crowded + s->calm * USEC_PER_SEC) {
        go_to(s, fd, 0, now);
    }
}
