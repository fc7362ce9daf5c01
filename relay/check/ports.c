/* Who holds the ports that the configuration gives to the server, by /proc: another program there
 * keeps the server from starting, and may even answer in its place. */
#include "check/host_int.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { HOLDERS_MAX = 128, LINE = 512, LISTENS = 0x0A, UNCONNECTED = 0x07, WORD_HEX = 8 };

struct holder {
    uint64_t inode; /* of its socket */
    unsigned way;   /* 2 * transport + family */
    bool is_seen;   /* whose it is */
    bool is_ours;
    char comm[HOST_COMM + 1];
};

struct ports {
    char own[HOST_COMM + 1]; /* what this program is called */
    struct holder v[HOLDERS_MAX];
    size_t n;
};

/* The kernel prints the address as words of this machine's byte order. */
static bool read_address(const char *hex, struct addr *ret)
{
    uint8_t ip[16];
    size_t words = strlen(hex) / WORD_HEX;
    for (size_t i = 0; i < words && i < 4; i++) {
        char word[WORD_HEX + 1] = {0};
        memcpy(word, hex + i * WORD_HEX, WORD_HEX);
        uint32_t v = (uint32_t)strtoul(word, NULL, 16);
        memcpy(ip + 4 * i, &v, sizeof(v));
    }
    if (words != 1 && words != 4)
        return false;
    *ret = addr_make(words == 1 ? ADDR_V4 : ADDR_V6, ip, 0);
    return true;
}

/* A socket for any address is in the way of all others, one of IPv6 also of those of IPv4. */
static bool is_at(const struct addr *held, const struct addr *wanted)
{
    if (addr_is_any(held))
        return held->family == ADDR_V6 || held->family == wanted->family;
    return addr_eq_ip(held, wanted);
}

static void take_line(struct ports *p, const char *line, const struct addr *wanted, unsigned way)
{
    char hex[33];
    unsigned port, state;
    struct holder one = {.way = way};
    struct addr held;
    if (sscanf(line, " %*d: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*s %*s %" SCNu64, hex,
               &port, &state, &one.inode) != 4)
        return;
    unsigned serves = link_is_stream((enum link_over)(way / 2)) ? LISTENS : UNCONNECTED;
    if (port != wanted->port || state != serves || !read_address(hex, &held) ||
        !is_at(&held, wanted) || p->n == HOLDERS_MAX)
        return;
    p->v[p->n++] = one;
}

static void take_table(struct ports *p, const char *path, const struct addr *wanted, unsigned way)
{
    char line[LINE];
    FILE *table = fopen(path, "re");
    while (table && fgets(line, sizeof(line), table))
        take_line(p, line, wanted, way);
    if (table)
        (void)fclose(table);
}

/* The sockets of one process. */
static bool take_process(void *ctx, const struct host *h, long pid, const char *comm)
{
    struct ports *p = ctx;
    char path[HOST_PATH];
    char target[64];
    snprintf(path, sizeof(path), "%s/proc/%ld/fd", h->root, pid);
    DIR *dir = opendir(path);
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        uint64_t inode;
        ssize_t n = readlinkat(dirfd(dir), e->d_name, target, sizeof(target) - 1);
        target[n > 0 ? n : 0] = 0;
        if (sscanf(target, "socket:[%" SCNu64 "]", &inode) != 1)
            continue;
        for (size_t i = 0; i < p->n; i++) {
            struct holder *one = &p->v[i];
            if (one->inode != inode)
                continue;
            one->is_seen = true;
            one->is_ours = one->is_ours || strcmp(comm, p->own) == 0;
            snprintf(one->comm, sizeof(one->comm), "%s", comm);
        }
    }
    if (dir)
        closedir(dir);
    return true;
}

/* systemd may hold a port for the server. */
static const struct holder *stranger(const struct ports *p, unsigned way)
{
    const struct holder *found = NULL;
    for (size_t i = 0; i < p->n; i++) {
        const struct holder *one = &p->v[i];
        if (one->way != way)
            continue;
        if (!one->is_seen || one->is_ours || strcmp(one->comm, "systemd") == 0)
            return NULL;
        found = one;
    }
    return found;
}

static void look(const struct check *c, struct ports *p)
{
    const struct host here = {.root = ""};
    host_read(&here, "proc/self/comm", p->own, sizeof(p->own));
    for (unsigned way = 0; way < OVER_COUNT * CHECK_FAMILIES; way++) {
        const struct check_way *w = &c->ways[way / 2];
        bool is_stream = link_is_stream((enum link_over)(way / 2));
        if (!w->asked || w->at[way % 2].family == ADDR_NONE)
            continue;
        take_table(p, is_stream ? "/proc/self/net/tcp" : "/proc/self/net/udp", &w->at[way % 2],
                   way);
        take_table(p, is_stream ? "/proc/self/net/tcp6" : "/proc/self/net/udp6", &w->at[way % 2],
                   way);
    }
    if (p->n > 0)
        host_processes(&here, take_process, p);
}

bool check_ports(struct check *c)
{
    struct ports p = {0};
    look(c, &p);
    for (unsigned way = 0; way < OVER_COUNT * CHECK_FAMILIES; way++) {
        const struct holder *one = stranger(&p, way);
        if (!one)
            continue;
        check_say(c->found.cause,
                  "port in use: the program %s has %s port %u, so the server cannot "
                  "have it",
                  one->comm, check_over_port((enum link_over)(way / 2)),
                  c->ways[way / 2].at[way % 2].port);
        check_say(c->found.remedy, "stop that program, or give the server another port (listen and "
                                   "its kin), then start it again");
        return false;
    }
    return true;
}
