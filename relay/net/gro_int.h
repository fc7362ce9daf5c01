/* Whether a socket is given trains of datagrams (UDP_GRO): one walk through the kernel for all of
 * them, where equal ones come in a row. Where they do not, looking for them costs each packet a
 * little, so it is tried, weighed and ended, and tried again later. */
#ifndef RELAY_NET_GRO_INT_H
#define RELAY_NET_GRO_INT_H

#include <stdbool.h>

#include "base/clock.h"

struct gro {
    usec_t next;        /* on: weighed from then on. off: the next try */
    uint16_t datagrams; /* since it was weighed last */
    uint8_t messages;
    uint8_t patience; /* seconds to the try after the next failure */
    bool is_on;
};

struct gro_read {
    uint16_t messages;
    uint16_t datagrams;
};

void gro_init(struct gro *g, bool wanted);
/* After a read from its socket fd. */
void gro_weigh(struct gro *g, int fd, struct gro_read read, usec_t now);

#endif
