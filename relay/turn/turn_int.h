/* The engine's objects and the calls between its files; for relay/turn only.
 *
 *   turn ── flows (5-tuple) ──> alloc ── perms, chans, links (bounded lists)
 *     ├──── relays (handle) ──────┘ one handle per open relayed transport address
 *     └──── links (handle) ──> link, of a TCP allocation
 */
#ifndef RELAY_TURN_TURN_INT_H
#define RELAY_TURN_TURN_INT_H

#include "base/htab.h"
#include "base/wheel.h"
#include "base/writer.h"
#include "crypto/crypto.h"
#include "turn/limiter.h"
#include "turn/nonce.h"
#include "turn/ports.h"
#include "turn/quota.h"
#include "turn/rate.h"
#include "turn/turn.h"
#include "turn/usage.h"
#include "wire/stun_parse.h"

enum turn_const {
    PERMISSION_LIFETIME = 300, /* RFC 8656 section 9 */
    CHANNEL_LIFETIME = 600,    /* RFC 8656 section 12 */
    RESERVATION_LIFETIME = 31, /* at least 30 s, RFC 8656 section 7.2 */
    TOKEN_LEN = 8,             /* RFC 8656 section 18.10 */
    BIND_TRIES = 16,           /* ports tried when something else on the host holds one */
    CANDIDATES_MAX = 64,       /* keys tried for one user name */
    REPLY_MAX = 1280,          /* largest answer: the 420 that lists UNKNOWN_MAX types */
    UNKNOWN_MAX = 256,
    TRANSPORT_UDP = 17, /* as REQUESTED-TRANSPORT says it */
    TRANSPORT_TCP = 6,
    WORKERS_MAX = 64, /* with links: what a CONNECTION-ID can name */
    RANDOM_POOL = 512,
};

struct perm {
    struct list link; /* in alloc.perms */
    usec_t expires;
    struct addr peer;    /* port 0 */
    uint32_t generation; /* of the configuration that judged it */
    bool allowed;
};

struct chan {
    struct list link; /* in alloc.chans */
    usec_t expires;
    struct perm *perm; /* weak: cleared by perm_drop, set by perm_add */
    struct addr peer;
    uint16_t number;
    bool allowed; /* as judged under `generation`, port included */
    uint32_t generation;
};

/* RFC 6062: a connection between a TCP relay and a peer. */
enum link_state {
    LINK_CONNECTING, /* the client is owed the answer to its Connect */
    LINK_WAITING,    /* for the client's ConnectionBind */
    LINK_BOUND,      /* joined to a connection of the client's */
};

struct peer_link {
    struct list link; /* in alloc.links */
    struct alloc *alloc;
    usec_t expires;   /* WAITING only, else USEC_NEVER */
    struct addr peer; /* as clients name it: announced, if it is one of our relays */
    uint32_t handle;
    uint32_t id; /* CONNECTION-ID */
    uint8_t state;
    bool allowed; /* as judged under `generation` */
    uint32_t generation;
    /* CONNECTING: of the Connect, for its answer */
    bool sign_sha256;
    bool fingerprint;
    uint8_t key_len;
    uint8_t key[DIGEST_MAX];
    uint8_t tid[STUN_TID_LEN];
};

struct relayed {
    struct addr addr; /* announced, with its port; family ADDR_NONE = none */
    uint32_t handle;
    usec_t expires;
};

struct alloc {
    struct htab_node node; /* in turn.flows */
    struct wheel_node timer;
    struct turn_flow flow;
    struct relayed relayed[TURN_FAMILIES];
    struct list perms; /* owned */
    struct list chans; /* owned */
    struct list links; /* owned; a TCP allocation's only */
    uint64_t bytes;    /* relayed, both directions; in a line that the data lane reads anyway */
    uint16_t n_perms;
    uint16_t n_chans;
    uint16_t n_links;
    bool is_tcp;
    struct rate rate;
    struct quota_entry *account; /* held; NULL = not counted */
    struct quota_entry *prefix;  /* held */
    uint64_t user_tag;
    uint8_t key[DIGEST_MAX];
    uint8_t key_len;
    bool sha256;
    bool has_token;
    uint8_t token[TOKEN_LEN];
    uint8_t tid[STUN_TID_LEN]; /* of the Allocate that made it */
};

_Static_assert(sizeof(struct alloc) <= 5 * 64, "five cache lines, as they come from the heap");

struct turn_shared {
    struct ports *ports;
    struct usage *usage;
    struct nonce_key nonce;
    struct turn_shared_conf conf;
};

struct turn {
    const struct turn_conf *conf; /* borrowed until turn_set_conf */
    struct turn_shared *shared;   /* borrowed */
    struct turn_host *host;       /* borrowed */
    uint16_t worker;
    bool is_draining;
    size_t n_ports;
    uint32_t n_handles;
    struct alloc **relays;    /* by handle; owned array, weak entries (cleared by relayed_close) */
    struct peer_link **links; /* by handle; owned array, weak entries (cleared by peer_link_drop) */
    uint32_t max_links;
    uint32_t next_link; /* where the search for a free handle begins */
    struct htab flows;
    struct alloc *recent; /* weak: whose data came last, cleared by alloc_drop */
    struct wheel wheel;
    struct crypto *crypto;
    struct limiter *limiter;
    struct quota *accounts;
    struct quota *prefixes;
    uint8_t tag_key[SIPHASH_KEY_LEN];
    size_t trace_n; /* 0 = nobody is traced */
    uint64_t trace_tag;
    uint8_t trace[TURN_TRACE_USER];
    struct turn_stats stats;
    size_t pool_left;
    uint8_t pool[RANDOM_POOL];
    uint8_t reply[REPLY_MAX];
};

/* What an Allocate asks for, found by its check, used by its apply. */
struct alloc_plan {
    bool want[TURN_FAMILIES];
    bool even;
    bool pair;
    bool redeem;
    bool tcp;
};

/* One request on its way through check, apply and reply. */
struct req {
    struct turn *t;
    const struct turn_flow *flow;
    const struct stun_msg *m;
    usec_t now;
    struct alloc *alloc; /* living allocation of the flow, or NULL */
    /* the living allocation whose user and key are asked for: the flow's own, or the one of the
     * connection to bind */
    const struct alloc *holder;
    /* what authentication found */
    bool proven;      /* integrity and nonce are good */
    bool silent;      /* no answer, whatever the code */
    bool paid;        /* the answer's share of the unproven budget has been taken already */
    bool sha256;      /* key made by SHA-256 */
    bool sign_sha256; /* answer with MESSAGE-INTEGRITY-SHA256 */
    struct span user;
    bool user_is_hash;
    struct span account;
    uint64_t user_tag;
    uint8_t key[DIGEST_MAX];
    size_t key_len;
    /* per method */
    struct alloc_plan plan;
    uint16_t channel;
    struct addr peer;
    uint32_t lifetime;
    bool only_one; /* Refresh names one family of a dual allocation */
    enum turn_family family;
    struct peer_link *link;
    /* what success leads to: TURN_TO_CLIENT, JOIN with the answer; MOVE, or DROP when the answer
     * comes later */
    enum turn_verdict verdict;
    uint16_t worker; /* MOVE */
};

static inline enum turn_family family_of(const struct addr *a)
{
    return a->family == ADDR_V6 ? TURN_V6 : TURN_V4;
}

/* --- authn.c: the long-term credential mechanism (RFC 8489 section 9.2.4) --- */

/* STUN_OK with the request proven or, unproven, with TURN_MOVE as the verdict; or the code to
 * answer. */
enum stun_code authenticate(struct req *r);
/* The Allocate that made the living allocation has come again (RFC 8489 section 6.3.1). */
bool is_repeated_allocate(const struct req *r);

/* --- reply.c --- */

/* PASSWORD-ALGORITHMS as we send it and want it back: SHA-256, MD5 (RFC 8489 section 14.11). */
struct span offered_algorithms(void);
/* Takes an answer of so many bytes to an unproven source out of its budgets; false = keep quiet. */
bool unproven_pays(struct req *r, size_t bytes);
/* A finished answer in t->reply, or an empty span when none must be sent. put may be NULL. */
struct span reply_error(struct req *r, enum stun_code code);
struct span reply_success(struct req *r, void (*put)(struct req *, struct writer *));

/* --- methods: check reads only; apply commits, and fails only for want of resources --- */

enum stun_code allocate_check(struct req *r);
enum stun_code allocate_apply(struct req *r);
void allocate_put(struct req *r, struct writer *w);
enum stun_code refresh_check(struct req *r);
enum stun_code refresh_apply(struct req *r);
void refresh_put(struct req *r, struct writer *w);
enum stun_code permission_check(struct req *r);
enum stun_code permission_apply(struct req *r);
enum stun_code channel_check(struct req *r);
enum stun_code channel_apply(struct req *r);
enum stun_code connect_check(struct req *r);
enum stun_code connect_apply(struct req *r);
/* The allocation of the connection that a ConnectionBind names; not proven to be its user's. */
const struct alloc *connection_holder(const struct req *r);
/* A ConnectionBind to a connection of another worker, which is r->worker then. */
bool connection_is_elsewhere(struct req *r);
enum stun_code connection_bind_check(struct req *r);
enum stun_code connection_bind_apply(struct req *r);

/* LIFETIME of a request as granted (RFC 8656 section 7.2), seconds. */
uint32_t lifetime_granted(const struct req *r);

/* --- trace.c --- */

/* To the host, if the request is the traced user's: what it led to. Only while somebody traces. */
void trace_request(const struct req *r, enum stun_code code, bool is_answered);
/* The same of an allocation that is about to end; at any time. */
void trace_ended(const struct turn *t, const struct alloc *a);
/* The traced user's tag, under today's realm. */
void trace_retag(struct turn *t);

/* --- request.c --- */

enum turn_verdict request_from_client(struct req *r, struct turn_out *out);

/* --- alloc.c --- */

uint64_t flow_hash(const struct turn *t, const struct turn_flow *flow);
/* The living allocation of a flow, or NULL; one that is over but not yet swept does not count. */
struct alloc *alloc_find(const struct turn *t, const struct turn_flow *flow, usec_t now);
/* Not linked anywhere yet; NULL when out of memory. */
struct alloc *alloc_new(void);
void alloc_link(struct turn *t, struct alloc *a);
/* Closes its relays, unlinks, wipes and frees. Copes with one that was never linked. */
void alloc_drop(struct turn *t, struct alloc *a);
/* Removes what has expired; true if the allocation itself is gone. Re-arms its timer. */
bool alloc_sweep(struct turn *t, struct alloc *a, usec_t now);
/* As alloc_find, after removing all that is over by now: what a request may change. */
struct alloc *alloc_swept(struct turn *t, const struct turn_flow *flow, usec_t now);
void alloc_arm(struct turn *t, struct alloc *a);
bool alloc_lives(const struct alloc *a, usec_t now);

/* --- relayed.c --- */

struct relayed_want {
    enum turn_family family;
    uint16_t port; /* 0 = any */
    bool even;
    bool pair; /* the next port is reserved too */
    bool is_tcp;
};

/* Opens a relayed transport address of the allocation. STUN_OK or STUN_NO_CAPACITY. */
enum stun_code relayed_open(struct turn *t, struct alloc *a, const struct relayed_want *want);
/* Closes it and drops its permissions, channels and links. No-op when there is none. */
void relayed_close(struct turn *t, struct alloc *a, enum turn_family family);

/* --- perm.c, chan.c --- */

struct perm *perm_find(const struct alloc *a, const struct addr *peer);
/* Installs or refreshes; false when out of memory. The limit has been checked. */
bool perm_install(struct turn *t, struct alloc *a, const struct addr *peer, usec_t now);
void perm_drop(struct turn *t, struct alloc *a, struct perm *p);
/* In force: not expired and still allowed by today's policy. */
bool perm_ok(const struct turn *t, struct perm *p, usec_t now);

struct chan *chan_by_number(const struct alloc *a, uint16_t number);
struct chan *chan_by_peer(const struct alloc *a, const struct addr *peer);
/* The largest channel number that may be bound. */
uint16_t channel_last(const struct turn *t);
void chan_drop(struct turn *t, struct alloc *a, struct chan *c);

/* --- link.c --- */

/* TCP allocations are on (RFC 6062). */
bool links_offered(const struct turn *t);
struct peer_link *peer_link_find(const struct alloc *a, const struct addr *peer);
/* The link that a CONNECTION-ID of this worker names while it waits to be bound, or NULL. */
struct peer_link *peer_link_waiting(const struct turn *t, uint32_t id, usec_t now);
uint16_t peer_link_worker(uint32_t id);
/* A new one to this peer, CONNECTING; NULL when there is no memory or no handle. */
struct peer_link *peer_link_add(struct turn *t, struct alloc *a, const struct addr *peer);
/* The client's connection is to be joined to it. */
void peer_link_bind(struct turn *t, struct peer_link *l);
/* Ends it at the host too. */
void peer_link_close(struct turn *t, struct peer_link *l);
/* It is gone at the host already. */
void peer_link_drop(struct turn *t, struct peer_link *l);
/* Today's policy still allows its peer. */
bool peer_link_allowed(const struct turn *t, struct peer_link *l);

/* --- peer.c --- */

enum peer_kind {
    PEER_FORBIDDEN,
    PEER_REMOTE,
    PEER_RELAY, /* one of our own live relayed transport addresses */
};

/* with_port: the port counts too (ChannelBind, Send, ChannelData). */
enum peer_kind peer_judge(const struct turn *t, const struct addr *peer, bool with_port);
/* As peer_judge with the port, for connections: of our own relays only TCP ones are peers. *ret is
 * the peer as clients name it, the announced address of such a relay. */
enum peer_kind peer_judge_tcp(const struct turn *t, const struct addr *peer, struct addr *ret);
/* Code for a peer address of a request: family of the allocation (443), policy (403). */
enum stun_code peer_code(const struct req *r, const struct addr *peer, bool with_port);

/* --- data.c: the data lane; no allocation, lock, log or crypto --- */

enum turn_verdict data_from_channel(struct turn *t, const struct turn_flow *flow,
                                    struct span packet, usec_t now, struct turn_out *out);
enum turn_verdict data_from_send(struct req *r, struct turn_out *out);

void turn_random(struct turn *t, void *ret, size_t n);

#endif
