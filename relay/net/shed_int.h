/* What the kernel passes on while strangers send more to a listener than the worker can read. The
 * queue is one for all: once it is full, media of running calls is lost with the rest. So before
 * that, a filter on the socket (BPF, which anybody may attach) lets media through and of the rest
 * only a share. */
#ifndef RELAY_NET_SHED_INT_H
#define RELAY_NET_SHED_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

struct shed {
    usec_t changed; /* when the level was */
    usec_t crowded; /* when the queue was last */
    uint8_t level;  /* 0 = no filter */
    uint8_t calm;   /* seconds without a crowd that end it */
};

/* After a read from its socket fd that took as much as it could, and now and then while the level
 * is not 0: what the filter drops wakes nobody. */
void shed_weigh(struct shed *s, int fd, usec_t now);

#endif
