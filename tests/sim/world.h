/* A world in a box around turn/turn.h: two engines that share a port pool, clients, peers, a
 * network that loses, doubles and reorders, a clock that only moves when told to, and a model that
 * knows independently what must get through and what must not. Everything follows from one seed. */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "crypto/crypto.h"
#include "turn/turn.h"
#include "wire/stun_build.h"
#include "wire/stun_parse.h"

#include <stdio.h>
#include <stdlib.h>

enum world_size {
    ENGINES = 2,
    CLIENTS = 6,
    PEERS = 4,
    PORT_FIRST = 50000,
    PORT_LAST = 50031,
    PORTS = PORT_LAST - PORT_FIRST + 1,
    RELAYS = TURN_FAMILIES * PORTS,
    PACKET_MAX = 2048,
    QUEUE_MAX = 256,
    MODEL_ALLOCS = 128,
    MODEL_PEERS = 32,
    LINKS = 4, /* of one engine */
    DIALS = 8, /* clients' connections to be joined, at a time */
    ID_WORKER_SHIFT = 26,
    ID_HANDLE_MASK = 0xFFF,
};

/* Which struct turn_conf is in force. */
enum world_conf {
    CONF_PLAIN,
    CONF_DENY,   /* peer 2 is denied */
    CONF_TIGHT,  /* small limits */
    CONF_SLOW,   /* small byte rates */
    CONF_V4,     /* no IPv6 relays, no TCP allocations */
    CONF_STRICT, /* expiry counts always; and channel numbers of RFC 5766 */
    CONF_PORTS,  /* peer 1's port is denied */
    CONFS
};

/* Ends the program with what broke, the seed and the step. */
#define MUST(w, cond)                                                                              \
    do {                                                                                           \
        if (!(cond))                                                                               \
            world_broken((w), #cond, __FILE__, __LINE__);                                          \
    } while (0)

struct world;

enum fake_state { LINK_FREE, LINK_OPENING, LINK_UP, LINK_JOINED };

/* A connection between a TCP relay and a peer, as the kernel would have it. */
struct fake_link {
    enum fake_state state;
    usec_t since;
    uint32_t relay;
    struct addr peer;      /* by the address that the kernel knows */
    uint32_t id;           /* as the client was told */
    struct turn_flow flow; /* joined to it */
    bool has_far;          /* the peer is at one of our relays: this link of that engine */
    int far_engine;
    uint32_t far;
    bool reset; /* the far end is gone, the engine does not know yet */
};

struct fake_host {
    struct turn_host host; /* first, so that the engine's pointer is ours */
    struct world *w;
    bool open[RELAYS];
    bool tcp[RELAYS];
    struct addr at[RELAYS]; /* bound */
    int n_open;
    struct fake_link link[LINKS];
    int unjustified; /* relay + 1 that has to close since a link of it was closed; 0 = none */
};

/* A request as its sender wants it; zeroes leave attributes out. */
struct ask {
    uint16_t method;
    uint16_t channel;
    bool has_lifetime;
    uint32_t lifetime;
    uint8_t family;     /* REQUESTED-ADDRESS-FAMILY */
    uint8_t additional; /* ADDITIONAL-ADDRESS-FAMILY */
    bool has_even;
    bool reserve;
    bool redeem; /* with the client's token */
    bool tcp;
    bool has_id;
    uint32_t id; /* CONNECTION-ID */
    struct addr peers[4];
    size_t n_peers;
};

struct client {
    struct turn_flow flow;
    const char *user;
    const char *password;
    bool modern;   /* speaks RFC 8489 */
    bool userhash; /* and hides the name */
    char nonce[64];
    size_t nonce_len;
    bool offered; /* the nonce came with PASSWORD-ALGORITHMS */
    struct ask ask;
    uint8_t tid[12];
    int tries;
    int result; /* 0, the error code, or -1 while there is no answer */
    uint8_t sent[PACKET_MAX];
    size_t sent_n;
    struct addr relayed[TURN_FAMILIES];
    uint8_t token[8];
    struct addr token_of;
    uint32_t lifetime;
    unsigned got_data;
    unsigned got_channel;
    unsigned got_icmp;
    unsigned got_attempts;
    uint32_t link_id; /* the last that it was told */
    bool printed;     /* its last success came with FINGERPRINT */
};

struct peer {
    struct addr addr;
    unsigned got;
    struct addr from; /* of the last one */
};

struct datagram {
    usec_t at;
    uint64_t order; /* of equals in time */
    struct addr from;
    struct addr to;
    uint8_t transport;
    size_t n;
    uint8_t bytes[PACKET_MAX];
};

struct model_perm {
    struct addr ip;
    usec_t expires;
};

struct model_chan {
    struct addr peer;
    usec_t expires;
    uint16_t number;
};

struct model_alloc {
    bool used;
    bool is_tcp;
    uint8_t user[64]; /* name or hash, as it was given */
    size_t user_n;
    int engine;
    struct turn_flow flow;
    struct addr relayed[TURN_FAMILIES];
    usec_t expires[TURN_FAMILIES];
    struct model_perm perms[MODEL_PEERS];
    struct model_chan chans[MODEL_PEERS];
};

struct world {
    uint64_t seed;
    uint64_t random;
    unsigned step;
    usec_t now;
    usec_t late; /* how late the engines' timers are served */
    const struct turn_conf *conf;
    struct turn_shared *shared;
    struct turn *engine[ENGINES];
    struct fake_host host[ENGINES];
    int open_error; /* what relay_open answers for the next open_errors calls */
    int open_errors;
    int link_error; /* what link_open answers, 0 = it begins */
    struct crypto *crypto;
    struct client client[CLIENTS];
    struct client dial[DIALS];
    unsigned n_dials;
    struct peer peer[PEERS];
    unsigned loss; /* percent */
    unsigned twice;
    usec_t delay;
    struct datagram queue[QUEUE_MAX];
    size_t n_queue;
    uint64_t order;
    struct model_alloc model[MODEL_ALLOCS];
    int n_model; /* behind the last that was ever used */
};

/* Engines that could not be made for want of memory are NULL, and so is world.shared. */
struct world *world_new(uint64_t seed);
/* Checks that every relay is closed, after the engines are gone. */
void world_free(struct world *w);
_Noreturn void world_broken(const struct world *w, const char *what, const char *file, int line);
uint64_t world_random(struct world *w);

/* Moves the clock, serving timers and delivering what is due. */
void world_advance(struct world *w, usec_t by);
/* Every invariant that holds at any time. */
void world_check(struct world *w);
void world_set_conf(struct world *w, enum world_conf which);
void world_kill(struct world *w, uint16_t port);
void world_close_flow(struct world *w, const struct turn_flow *flow);
/* Into the network. */
void world_send(struct world *w, const struct datagram *d);
/* To the engine at once, with the model watching; the answer goes into the network. */
void world_to_server(struct world *w, const struct turn_flow *flow, struct span packet);
void world_to_relay(struct world *w, const struct addr *relayed, const struct addr *from,
                    struct span payload);
void world_icmp(struct world *w, const struct addr *relayed, const struct turn_icmp *icmp);
int world_engine_of(const struct addr *client);
struct addr world_relay_ip(enum turn_family family);
struct addr world_server(void);

/* links.c: TCP relays and their connections */
int world_link_open(struct turn_host *host, const struct turn_link_want *want);
void world_link_close(struct turn_host *host, uint32_t link);
/* The handle of the link that waits for its outcome at this client's relays, or -1. */
int world_link_opening(const struct world *w, const struct client *c);
/* The outcome of link_open. */
void world_link_answer(struct world *w, int e, uint32_t link, bool stands);
/* A peer connects to a relayed address; the link's handle or what the engine said instead. */
int64_t world_link_accept(struct world *w, const struct addr *relayed, const struct addr *from);
/* The name or its hash, as the request gives it. */
struct span world_user_of(const struct stun_msg *m);
/* A ConnectionBind has succeeded: may it? */
void world_link_joining(struct world *w, const struct turn_out *out, const struct stun_msg *m);
void world_link_joined(struct world *w, int e, const struct turn_out *out);
/* Whether this connection is joined to a peer's, past the engine. */
bool world_is_joined(const struct world *w, const struct turn_flow *flow);
/* The peer or the joined client hangs up. */
void world_link_gone(struct world *w, int e, uint32_t link);
usec_t world_link_passed(struct world *w, int e, uint32_t link, size_t bytes);
/* A new connection of this client's, to the given engine. */
struct client *world_dial(struct world *w, const struct client *c, int engine);
void world_links_check(struct world *w);

/* host.c */
const struct turn_conf *world_conf(enum world_conf which);
void host_init(struct fake_host *h, struct world *w);
/* The engine that has the relayed address open, or -1. */
int host_find(const struct world *w, const struct addr *relayed, uint32_t *ret_relay);
struct addr host_announced(const struct fake_host *h, uint32_t relay);
/* Unix seconds of this world. */
int64_t world_wall(const struct world *w);
/* The user name and password of a time-limited credential; both are kept in static room. */
void world_timed_login(struct world *w, struct client *c, int64_t expiry);

/* client.c */
void client_init(struct world *w, int i);
void client_ask(struct world *w, struct client *c, const struct ask *ask);
/* Builds without sending; returns the length. */
size_t client_build(struct world *w, struct client *c, uint8_t *buf, size_t cap);
/* Name, realm, nonce and integrity, as the client has them, behind what is written already. */
void client_sign(struct world *w, struct client *c, struct writer *b);
void client_again(struct world *w, struct client *c);
void client_send(struct world *w, struct client *c, const struct addr *to, size_t n);
void client_channel(struct world *w, struct client *c, uint16_t number, size_t n);
void client_receive(struct world *w, struct client *c, struct span packet);
void client_rebind(struct world *w, struct client *c);
/* Of all that an engine may answer to; NULL if nobody is there any more. */
struct client *client_at(struct world *w, const struct addr *to, uint8_t transport);

/* model.c */
struct watched {
    const struct turn_flow *flow;
    struct span packet; /* as it came in */
    bool is_data;       /* ChannelData or a Send indication */
    bool passes;        /* it has to go to `peer` */
    struct addr peer;
    struct span payload;
};

struct watched model_before(struct world *w, const struct turn_flow *flow, struct span packet);
void model_after(struct world *w, const struct watched *seen, enum turn_verdict verdict,
                 const struct turn_out *out);

/* A datagram at a relay: does it pass, by which channel (0 = Data indication), and to whom? */
struct inbound {
    bool passes;
    uint16_t channel;
    struct turn_flow flow;
};

struct inbound model_inbound(struct world *w, const struct addr *relayed, const struct addr *from);
void model_inbound_after(struct world *w, const struct turn_peer_pkt *in,
                         const struct inbound *expected, enum turn_verdict verdict,
                         const struct turn_out *out);
/* Whether a connection between this relay and this peer, named as clients do, is allowed; from the
 * peer only with a permission. */
bool model_admits(struct world *w, const struct addr *relayed, const struct addr *peer,
                  bool inward);
/* Whether the allocation that has this relay is this user's. */
bool model_owns(struct world *w, const struct addr *relayed, struct span user);
void model_drop_flow(struct world *w, const struct turn_flow *flow);
void model_drop_port(struct world *w, uint16_t port);
/* The counts of the engines and the host lie between what surely lives and what may not have been
 * swept yet. */
void model_check(struct world *w);
/* Allocations that surely live. */
unsigned model_living(const struct world *w);

#endif
