/* Tries trains, and keeps them where they pay. */
#include "net/gro_int.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

/* What was in the queue when it was turned on came without trains, and says nothing: so it settles
 * first. */
enum { TRIAL = 64, PAYS_PERCENT = 130, PATIENCE_MAX = 64, SETTLE = USEC_PER_SEC / 10 };

void gro_init(struct gro *g, bool wanted)
{
    *g = (struct gro){.next = wanted ? 0 : USEC_NEVER, .patience = 1};
}

static void begin(struct gro *g)
{
    g->messages = 0;
    g->datagrams = 0;
}

static void turn(struct gro *g, int fd, bool on, usec_t next)
{
    int value = on;
    bool obeys = setsockopt(fd, SOL_UDP, UDP_GRO, &value, sizeof value) == 0;

    g->is_on = obeys ? on : g->is_on;
    g->next = obeys ? next : USEC_NEVER; /* a kernel that cannot is not asked again */
    begin(g);
}

static bool is_empty(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) >= 0 && !(p.revents & POLLIN);
}

/* The kernel says how long the parts of a train are only while the socket asks for trains: one that
 * was still in the queue would come as a single datagram. So it stays on until none can be. */
static void judge(struct gro *g, int fd, usec_t now)
{
    bool pays = (unsigned)g->datagrams * 100 >= (unsigned)g->messages * PAYS_PERCENT;

    begin(g);
    if (pays) {
        g->patience = 1;
        return;
    }
    turn(g, fd, false, now + g->patience * USEC_PER_SEC);
    if (!is_empty(fd)) {
        turn(g, fd, true, now);
        return;
    }
    g->patience = g->patience < PATIENCE_MAX ? (uint8_t)(2 * g->patience) : PATIENCE_MAX;
}

void gro_weigh(struct gro *g, int fd, struct gro_read read, usec_t now)
{
    if (now < g->next)
        return;
    if (!g->is_on) {
        if (read.messages > 1)
            turn(g, fd, true, now + SETTLE);
        return;
    }
    g->messages = (uint8_t)(g->messages + read.messages);
    g->datagrams = (uint16_t)(g->datagrams + read.datagrams);
    if (g->messages >= TRIAL)
        judge(g, fd, now);
}
