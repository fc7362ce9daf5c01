/* What of this host could undo the promise that nothing about calls is kept: read from files below
 * a root folder, nothing else is touched. No finding names a client or says how many there are. */
#ifndef RELAY_CHECK_HOST_H
#define RELAY_CHECK_HOST_H

#include "check/check.h"

enum host_limit { HOST_PORTS_MAX = 64, HOST_SET = 512, HOST_PASTE = 1024 + 4 * HOST_SET };

enum host_step {
    HOST_CORES,
    HOST_SWAP,
    HOST_LOCKED,
    HOST_CONNTRACK,
    HOST_EXPORTERS,
    HOST_ACCOUNTING,
    HOST_STEPS
};

enum host_mark {
    HOST_OK,
    HOST_WARN, /* may undo it, or could not be seen */
    HOST_FAIL, /* undoes it */
};

struct host_ports {
    uint16_t udp[HOST_PORTS_MAX]; /* listeners */
    size_t n_udp;
    uint16_t tcp[HOST_PORTS_MAX];
    size_t n_tcp;
    uint16_t relay_first;
    uint16_t relay_last;
    bool relay_tcp;
};

struct host_finding {
    enum host_mark mark;
    struct finding said;    /* with HOST_OK, a note at most */
    char paste[HOST_PASTE]; /* lines to be taken over as they are; "" = none */
};

/* root: "" for this host, tests have a folder with proc, sys, etc, run and lib in it. */
void host_look(const char *root, const struct host_ports *ports,
               struct host_finding ret[HOST_STEPS]);

const char *host_step_name(enum host_step s);
const char *host_step_title(enum host_step s);

/* The rules for nft that keep these ports out of conntrack; complete lines. */
void host_notrack(const struct host_ports *ports, char ret[HOST_PASTE]);

#endif
