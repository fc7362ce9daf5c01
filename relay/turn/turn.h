/* The protocol engine (RFC 8489, RFC 8656): bytes and time in, a verdict and borrowed bytes out. It
 * opens no socket, reads no clock, writes no log; what it needs of the world it asks through
 * struct turn_host. One engine per worker, single-threaded; what engines share is struct
 * turn_shared. Between engine and host there are handles, never pointers. */
#ifndef RELAY_TURN_TURN_H
#define RELAY_TURN_TURN_H

#include "base/addr.h"
#include "base/clock.h"

enum turn_family { TURN_V4, TURN_V6, TURN_FAMILIES };

enum turn_transport { TURN_UDP, TURN_TCP, TURN_TLS, TURN_DTLS };

/* A byte stream: ChannelData is padded to four bytes there (RFC 8656 section 12.5). */
static inline bool turn_is_stream(uint8_t transport)
{
    return transport == TURN_TCP || transport == TURN_TLS;
}

/* The client's 5-tuple, plus which listener it came by. Compared and hashed as bytes: zero it
 * before filling it in. */
struct turn_flow {
    struct addr client;
    struct addr server; /* the local address the packet was sent to */
    uint32_t via;       /* the host's own name of the listener, connection or session; handed back
                         * untouched. A connection keeps its own until turn_flow_closed. */
    uint8_t transport;  /* enum turn_transport */
    uint8_t zero[3];
};

enum turn_room { TURN_HEADROOM = 48, TURN_TAILROOM = 4 };

/* One datagram. The TURN_HEADROOM bytes before p and the TURN_TAILROOM bytes after p + n belong to
 * the engine as well: it writes headers and padding in place. */
struct turn_pkt {
    uint8_t *p;
    size_t n;
};

enum turn_verdict {
    TURN_DROP,
    TURN_TO_CLIENT, /* data to flow */
    TURN_TO_PEER,   /* data from the relay socket `relay` to `to` */
    TURN_TO_RELAY,  /* data to our own live relayed transport address `to`, which worker `worker`
                     * owns, as if received from `from`: call its turn_from_peer with it */
    TURN_JOIN,      /* data to flow; from then on its connection is no longer the engine's: bytes go
                     * both ways between it and the peer's connection `link` (RFC 6062 section 5.4) */
    TURN_MOVE,      /* the connection of flow belongs to worker `worker`: it goes there, and the
                     * same message is given to that worker's engine first */
};

/* Valid until the next call on this engine. Unused fields are unspecified. */
struct turn_out {
    struct span data; /* inside the packet, or the engine's reply buffer */
    struct turn_flow flow;
    struct addr to;
    struct addr from;
    uint32_t relay;
    uint32_t link;
    uint16_t worker;
    bool dont_fragment; /* TO_PEER: send with DF (RFC 8656 section 14) */
};

struct turn_cred_query {
    struct span user; /* USERNAME, or 32 bytes of USERHASH */
    bool is_hash;
    bool sha256;        /* which key: MD5 (16 bytes) or SHA-256 (32 bytes) */
    bool ignore_expiry; /* the caller has a living allocation (draft-uberti 4.2) */
    unsigned nth;       /* several secrets may fit one name: 0, 1, 2, ... until -ENOENT */
};

struct turn_cred {
    uint8_t key[32];
    size_t key_len;
    struct span account; /* what quotas are kept by; inside query.user, empty = nothing to count */
};

/* Detail for a consented trace: about requests of the one user name that turn_set_trace gave, and
 * about nobody else's. It goes to the terminal of whoever began the trace, and nowhere else. */
enum turn_note_kind {
    TURN_NOTE_REQUEST, /* a request of that user and the code of its answer */
    TURN_NOTE_ENDED,   /* an allocation of that user is over */
};

struct turn_note {
    uint8_t kind;      /* enum turn_note_kind */
    uint8_t transport; /* enum turn_transport */
    uint16_t method;   /* STUN method */
    uint16_t code;     /* 0 = success, else the error code */
    bool is_answered;  /* false: an indication, or an answer that was withheld */
    struct addr client;
    struct addr relayed; /* announced; family ADDR_NONE = there is none */
    struct addr peer;    /* the (first) one the request names, or ADDR_NONE */
    uint64_t bytes;      /* relayed by the allocation so far, both directions */
};

struct turn_relay_want {
    uint32_t relay;    /* the handle the engine will use; below turn_setup.max_relays */
    struct addr local; /* address and port to bind */
    bool is_tcp;       /* listen for peers (RFC 6062 section 5.1) */
};

/* A connection from a TCP relay to a peer. Its local end is the relayed transport address. */
struct turn_link_want {
    uint32_t link; /* the handle the engine will use; below turn_setup.max_links */
    uint32_t relay;
    struct addr peer;
};

/* What the engine may ask of the world. Self first; must not call back into the engine. */
struct turn_host {
    /* 0, -EADDRINUSE (another port may do), or another -errno (no relay now). */
    int (*relay_open)(struct turn_host *, const struct turn_relay_want *);
    /* Packets of this relay that are still queued must not be sent afterwards. */
    void (*relay_close)(struct turn_host *, uint32_t relay);
    /* Begins to connect; the host waits for it LINK_CONNECT_S at most, then calls
     * turn_link_connected in any case, unless link_close comes first. 0 or -errno: failed already.
     * These two may be NULL when max_links is 0. */
    int (*link_open)(struct turn_host *, const struct turn_link_want *);
    /* The peer's connection ends, and with it the client's that was joined to it. Nothing more is
     * said about this link. */
    void (*link_close)(struct turn_host *, uint32_t link);
    /* 0, -ENOENT (no such name, no further candidate), -EKEYEXPIRED; -EKEYREVOKED, whatever nth
     * is: nobody of this name is let in. Synchronous: reads the current snapshot only. */
    int (*credential)(struct turn_host *, const struct turn_cred_query *, struct turn_cred *);
    void (*random)(struct turn_host *, void *, size_t);
    /* May be NULL: nobody traces. Must not block. */
    void (*note)(struct turn_host *, const struct turn_note *);
};

struct port_range {
    uint16_t first;
    uint16_t last; /* inclusive */
};

/* Peer policy as data; all arrays are owned by the configuration snapshot. IPv4-mapped and other
 * forms are normalised before any of it is asked. */
struct turn_policy {
    const struct addr *sockets; /* own listeners and back ends: never a peer */
    size_t n_sockets;
    const struct cidr *allow;
    size_t n_allow;
    const struct cidr *deny;
    size_t n_deny;
    const struct cidr *local; /* this host's own addresses: denied unless allowed */
    size_t n_local;
    const struct port_range *deny_ports;
    size_t n_deny_ports;
};

struct turn_limits { /* 0 = none, unless said otherwise; per worker */
    uint32_t allocations;
    uint32_t allocations_per_account;
    uint32_t allocations_per_prefix;
    uint32_t permissions;          /* per allocation; never 0 */
    uint32_t channels;             /* per allocation; never 0 */
    uint32_t links;                /* peers' connections per allocation; never 0 */
    uint64_t bytes_per_allocation; /* per second, both directions together */
    uint64_t bytes_per_account;
    uint64_t bytes_per_prefix;
    uint32_t unproven_per_prefix; /* answers per second to sources without valid integrity */
    uint8_t prefix_v4;            /* bits, e.g. 32 */
    uint8_t prefix_v6;            /* bits, e.g. 56 */
};

struct turn_times {        /* seconds */
    uint32_t lifetime;     /* default and least, 600 (RFC 8656 section 7.2) */
    uint32_t lifetime_max; /* 3600 */
    uint32_t nonce;        /* how long a nonce is good, at most 3600 */
};

struct turn_relay_addr {
    struct addr local;     /* bound; family ADDR_NONE = this family is not offered */
    struct addr announced; /* told to clients; differs behind 1:1 NAT. Port 0 in both. */
};

/* Immutable; lives until the engine has been given another one. */
struct turn_conf {
    const char *realm;
    const char *software; /* NULL = not sent */
    struct turn_relay_addr relay[TURN_FAMILIES];
    struct turn_policy policy;
    struct turn_limits limits;
    struct turn_times times;
    bool binding;          /* answer Binding */
    bool tcp_allocations;  /* RFC 6062: REQUESTED-TRANSPORT may be TCP, to clients on TCP or TLS */
    bool rfc5766_channels; /* numbers up to 0x7FFF, not 0x4FFF only */
    bool strict_expiry;    /* check credential expiry on every request, not on Allocate alone */
    /* Some names may be revoked. A living allocation does not go on by its own key alone then: the
     * host is asked about the name of every authenticated request, and where it is revoked the
     * answer is 401 and the allocation ends, if the request proves to be its user's. */
    bool revocations;
    bool offer_userhash; /* set the "username anonymity" bit: only without shared secrets */
    /* Password algorithms beside MD5 (RFC 8489 section 9.2.1). Without it every challenge is that
     * of RFC 5389: for users of whom nothing but an MD5 key is known. */
    bool offer_algorithms;
    uint32_t generation; /* differs between snapshots; policy is judged anew when it does */
};

/* Fixed for the life of the process. */
struct turn_shared_conf {
    struct port_range ports; /* relayed ports, >= 1024 */
    uint16_t workers;
};

/* What workers share: the port pool, reservations, which relayed addresses live, the nonce keys.
 * Thread-safe. NULL when out of memory. */
struct turn_shared *turn_shared_new(const struct turn_shared_conf *conf);
void turn_shared_free(struct turn_shared *s);

/* What is counted for usage statistics, each time clipped for one allocation or nonce: births;
 * volume at its end, in units of TURN_VOLUME_UNIT, rounded, TURN_VOLUME_UNITS at most; nonces under
 * which a login was refused, each once. Added to by every engine, atomically. */
enum turn_use { TURN_USE_ALLOCATIONS, TURN_USE_VOLUME, TURN_USE_REJECTED, TURN_USES };
enum { TURN_VOLUME_UNIT = 16 << 20, TURN_VOLUME_UNITS = 16 };

/* What was counted since the last call; zero afterwards, so no exact sum lives longer than the
 * caller's clock ticks. */
void turn_take_usage(struct turn_shared *s, uint64_t ret[TURN_USES]);

struct turn_setup {
    const struct turn_conf *conf;
    struct turn_shared *shared;
    struct turn_host *host; /* borrowed until turn_free */
    uint16_t worker;        /* below turn_shared_conf.workers */
    uint32_t max_relays;    /* handles 0 .. max_relays-1 are the engine's to name */
    uint32_t max_links;     /* the same; at most TURN_LINKS_MAX, 0 = no TCP allocations */
    usec_t now;
};

struct turn;

/* NULL when out of memory. */
struct turn *turn_new(const struct turn_setup *setup);
/* Closes every relay through the host. Accepts NULL. */
void turn_free(struct turn *t);

/* From now on conf counts; allocations go on, every peer is judged anew on its next packet. */
void turn_set_conf(struct turn *t, const struct turn_conf *conf);
/* Refuse new allocations (508), keep the living. */
void turn_drain(struct turn *t);

/* From now on the host is told of requests by this user name, which is copied (TURN_TRACE_USER
 * bytes at most); empty = of none. */
enum { TURN_TRACE_USER = 96 };
void turn_set_trace(struct turn *t, struct span user);
/* Overwrites what the last packets left behind in the engine: answers, keys on their way. */
void turn_forget(struct turn *t);

enum turn_verdict turn_from_client(struct turn *t, const struct turn_flow *flow,
                                   struct turn_pkt pkt, usec_t now, struct turn_out *out);

/* A datagram arrived at a relay socket of ours, or from another of our relays. */
struct turn_peer_pkt {
    uint32_t relay;
    struct addr peer; /* its source */
    struct turn_pkt pkt;
};

enum turn_verdict turn_from_peer(struct turn *t, const struct turn_peer_pkt *in, usec_t now,
                                 struct turn_out *out);

/* For TURN_TO_RELAY: the handle of our own live relayed address on this worker, or -ENOENT. */
int64_t turn_relay_find(struct turn *t, const struct addr *relayed);

/* An ICMP error came back for a datagram that relay sent to peer (RFC 8656 section 11.5). */
struct turn_icmp {
    uint32_t relay;
    struct addr peer; /* original destination; port 0 if unknown */
    uint8_t type;
    uint8_t code;
    uint32_t data; /* next-hop MTU where the type has one, else 0 */
};

enum turn_verdict turn_from_icmp(struct turn *t, const struct turn_icmp *in, usec_t now,
                                 struct turn_out *out);

/* --- TCP allocations (RFC 6062). A link is a peer's connection; it waits until the client binds a
 * connection of its own to it, then bytes pass the engine by. --- */

enum turn_link {
    TURN_LINKS_MAX = 4096, /* a CONNECTION-ID has room for so many */
    LINK_CONNECT_S = 30,   /* RFC 6062 section 5.2: at least 30 s */
    LINK_BIND_S = 30,      /* RFC 6062 sections 5.2 and 5.3 */
};

/* A peer has connected to a TCP relay. The handle of its link, and a ConnectionAttempt in *out for
 * the client's flow (TURN_TO_CLIENT, an answer that must not be dropped); or -EACCES (no
 * permission) or -ENOBUFS (a limit): close it at once, say nothing. */
int64_t turn_link_accepted(struct turn *t, uint32_t relay, const struct addr *peer, usec_t now,
                           struct turn_out *out);
/* What became of host->link_open: the answer to the client's Connect in *out. A link that failed is
 * gone after this, without link_close. */
enum turn_verdict turn_link_connected(struct turn *t, uint32_t link, bool stands, usec_t now,
                                      struct turn_out *out);
/* Its peer, or the client's connection joined to it, is gone; no link_close follows. */
void turn_link_closed(struct turn *t, uint32_t link);
/* So many bytes have been read on one side of a joined link. Returns when the next may be: now or
 * before for at once, later when a rate is used up; USEC_NEVER: never, and these go nowhere, since
 * the policy no longer allows this peer or the allocation is over. */
usec_t turn_link_passed(struct turn *t, uint32_t link, size_t bytes, usec_t now);

/* The client's connection is gone (TCP, TLS, DTLS): its allocation ends. */
void turn_flow_closed(struct turn *t, const struct turn_flow *flow);
/* Whether it has an allocation. */
bool turn_flow_lives(const struct turn *t, const struct turn_flow *flow, usec_t now);
/* Ends the allocation behind one of our relayed ports, if there is one; says nothing. */
void turn_kill(struct turn *t, uint16_t relayed_port);

/* When turn_expire must be called next; USEC_NEVER when there is nothing to expire. */
usec_t turn_deadline(const struct turn *t);
void turn_expire(struct turn *t, usec_t now);

/* Plain numbers, single writer. Nothing here may leave the process as it is (design section 3). */
#define TURN_STATS(X)                                                                              \
    X(allocations) /* alive */                                                                     \
    X(allocated)   /* ever */                                                                      \
    X(permissions) /* alive */                                                                     \
    X(channels)    /* alive */                                                                     \
    X(links)       /* alive */                                                                     \
    X(relayed_packets)                                                                             \
    X(relayed_bytes)                                                                               \
    X(dropped_malformed) /* not STUN, not ChannelData, or never answerable */                      \
    X(dropped_permission)                                                                          \
    X(dropped_policy)                                                                              \
    X(dropped_rate)                                                                                \
    X(dropped_unproven) /* answers withheld from unproven sources */                               \
    X(answers_success)                                                                             \
    X(answers_error)                                                                               \
    X(answers_401)                                                                                 \
    X(answers_quota)                                                                               \
    X(answers_capacity)

struct turn_stats {
#define X(name) uint64_t name;
    TURN_STATS(X)
#undef X
};

void turn_stats(const struct turn *t, struct turn_stats *ret);

/* Tests: 0 when every object is linked exactly where it should be and all counts agree, else the
 * number of the first broken invariant. */
int turn_check(const struct turn *t);

#endif
