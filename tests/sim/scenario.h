/* Scenarios as tables of steps: somebody does something, time passes, this is to be seen. */
#ifndef TESTS_SIM_SCENARIO_H
#define TESTS_SIM_SCENARIO_H

#include "world.h"

enum op {
    END,
    ALLOCATE, /* arg: alloc_flag */
    REFRESH,  /* arg: seconds; peer: 4 or 6 names a family */
    PERMIT,
    BIND, /* arg: channel number */
    BINDING,
    AGAIN,       /* the last request, byte by byte */
    SEND,        /* arg: bytes; expect: how many arrive */
    CHANNEL,     /* arg: channel number; peer: where it should arrive */
    BURST,       /* arg: how many of 1400 bytes; expect: how many arrive */
    FROM_PEER,   /* expect: 0, 1 = Data indication, 2 = ChannelData */
    UNREACHABLE, /* ICMP; expect: 0 or 1 */
    WAIT,        /* arg: seconds */
    CLOSE,
    KILL,
    DRAIN,
    CONF,       /* arg: enum world_conf */
    OPEN_FAILS, /* arg: errno; peer: how often */
    REBIND,
    LOGIN,         /* arg: seconds until the time-limited credential expires */
    USER,          /* arg: 0 = anna, 1 = bert, 2 = anna with a wrong password */
    FORGET,        /* the nonce */
    FILL,          /* arg: so many allocations from ever new ports; expect: how many succeed */
    TRIES,         /* expect: requests that the last answer took */
    LIVE,          /* expect: allocations alive */
    NEXT_TO,       /* who's relayed port is the one behind peer's */
    CONNECT,       /* arg: enum outcome; expect: also -1 while it is pending */
    OUTCOME,       /* of a pending one; arg: enum outcome */
    ACCEPT,        /* a peer connects to who's relay; expect: 1 = who is told */
    JOIN,          /* arg: join_flag; peer: whose last CONNECTION-ID; user and password are who's */
    PASS,          /* arg: bytes of who's last link; expect: seconds to rest, -1 = it must end */
    HANG_UP,       /* the far end of who's last link */
    LINKED,        /* expect: links alive */
    CONNECT_FAILS, /* arg: errno of link_open, 0 = none */
};

enum alloc_flag {
    V6 = 1,
    BOTH = 2,
    EVEN = 4,
    PAIR = 8,
    TOKEN = 16 /* of client `peer` */,
    TCP = 32
};

enum outcome { FAILS, STANDS, PENDING };

/* What is wrong about a ConnectionBind. OTHER: only that it comes to the other engine. */
enum join_flag { OTHER = 1, BY_UDP = 2, NOISE = 4, WORKER = 8, NO_ID = 16, BY_CONTROL = 32 };

/* Below PEERS: a peer. */
enum whom {
    RELAY = 100,     /* + client: its IPv4 relayed address */
    RELAY_SIX = 200, /* + client: its IPv6 relayed address */
    OWN_SOCKET = 300,
    LOOPBACK,
    MAPPED, /* peer 0 as an IPv4-mapped address */
};

struct step {
    enum op op;
    int who;
    int64_t arg;
    int peer;
    int expect; /* requests: 0, the error code, or -1 for no answer */
};

struct scenario {
    const char *name;
    const struct step *steps;
};

const struct scenario *scenarios(size_t *ret_n);

/* scenarios_tcp.c */
extern const struct step TCP_CALL[], TCP_ANSWERS[], TCP_BINDS[], TCP_TIME[], TCP_POLICY[],
    TCP_RELAYS[], TCP_LIMITS[], TCP_RATES[], TCP_OFF[], TCP_FAMILIES[], TCP_EXPIRY[];

/* steps_tcp.c: as the others of scenario.c */
int step_connect(struct world *w, const struct step *s);
int step_outcome(struct world *w, const struct step *s);
int step_accept(struct world *w, const struct step *s);
int step_join(struct world *w, const struct step *s);
int step_pass(struct world *w, const struct step *s);
int step_hang_up(struct world *w, const struct step *s);
int step_linked(struct world *w, const struct step *s);
int step_connect_fails(struct world *w, const struct step *s);
/* The address that a step names as its peer. */
struct addr scenario_peer(struct world *w, int peer);

/* Ends the program if an expectation fails (strict) or an invariant breaks (always). */
void scenario_run(const struct scenario *s, struct world *w, bool strict);

/* Lets all time run out and then opens every port of one family: none may be missing. */
void scenario_nothing_lost(struct world *w);

#endif
