/* An engine with one client and its peers, and requests to it that are right but for what the test
 * wants wrong. Time is what the test says it is. */
#ifndef TESTS_UNIT_TURN_BENCH_H
#define TESTS_UNIT_TURN_BENCH_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/writer.h"
#include "turn/turn.h"
#include "wire/chandata.h"
#include "wire/stun_auth.h"
#include "wire/stun_build.h"

#define S USEC_PER_SEC
#define NEVER_GOOD 100000

enum { PORT_FIRST = 50000, PORT_LAST = 50099, RELAYS = 2 * (PORT_LAST - PORT_FIRST + 1) };

struct bench {
    struct turn_host host;
    struct turn_conf conf;
    struct turn_shared *shared;
    struct turn *turn;
    struct crypto *crypto;
    struct turn_flow flow;
    usec_t now;
    unsigned good; /* which of the keys of a name is the client's */
    int refusal;   /* what credential answers, 0 = as `good` has it */
    const char *user;
    unsigned refusals; /* of relay_open, that are still to come */
    unsigned opened;   /* calls of it */
    uint64_t random;
    uint8_t nonce[64];
    size_t nonce_n;
    uint8_t bytes[TURN_HEADROOM + 70000];
    uint8_t got[2000]; /* the last answer */
    struct stun_msg reply;
};

static const uint8_t key[16] = "the client's key";

static inline int relay_open(struct turn_host *host, const struct turn_relay_want *want)
{
    struct bench *b = (struct bench *)(void *)host;
    (void)want;
    b->opened++;
    if (b->refusals == 0)
        return 0;
    b->refusals--;
    return -EADDRINUSE;
}

static inline void relay_close(struct turn_host *host, uint32_t relay)
{
    (void)host;
    (void)relay;
}

static inline int credential(struct turn_host *host, const struct turn_cred_query *q,
                             struct turn_cred *ret)
{
    const struct bench *b = (struct bench *)(void *)host;
    if (b->refusal != 0)
        return b->refusal;
    memset(ret->key, 0, sizeof ret->key);
    if (q->nth == b->good)
        memcpy(ret->key, key, sizeof key);
    ret->key_len = sizeof key;
    ret->account = q->user;
    return 0;
}

static inline void give_random(struct turn_host *host, void *ret, size_t n)
{
    struct bench *b = (struct bench *)(void *)host;
    uint8_t *p = ret;
    for (size_t i = 0; i < n; i++) {
        b->random = b->random * 6364136223846793005u + 1442695040888963407u;
        p[i] = (uint8_t)(b->random >> 56);
    }
}

static inline struct addr v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
    const uint8_t ip[4] = {a, b, c, d};
    return addr_make(ADDR_V4, ip, port);
}

static inline void from_client(struct bench *b, struct addr client)
{
    memset(&b->flow, 0, sizeof b->flow);
    b->flow.client = client;
    b->flow.server = v4(30, 0, 0, 1, 3478);
}

static inline void bench_begin(struct bench *b, struct turn_limits limits)
{
    memset(b, 0, sizeof *b);
    limits.permissions = limits.permissions ? limits.permissions : 64;
    limits.channels = limits.channels ? limits.channels : 64;
    limits.prefix_v4 = limits.prefix_v4 ? limits.prefix_v4 : 32;
    limits.prefix_v6 = limits.prefix_v6 ? limits.prefix_v6 : 56;
    b->host = (struct turn_host){.relay_open = relay_open,
                                 .relay_close = relay_close,
                                 .credential = credential,
                                 .random = give_random};
    b->conf = (struct turn_conf){.realm = "r",
                                 .limits = limits,
                                 .times = {600, 3600, 3600},
                                 .generation = 1,
                                 .offer_algorithms = true};
    b->conf.relay[TURN_V4] = (struct turn_relay_addr){v4(30, 0, 0, 1, 0), v4(30, 0, 0, 1, 0)};
    b->user = "ann";
    b->now = 1000 * S;
    b->crypto = crypto_new();
    struct turn_shared_conf shared = {.ports = {PORT_FIRST, PORT_LAST}, .workers = 1};
    b->shared = turn_shared_new(&shared);
    struct turn_setup setup = {.conf = &b->conf,
                               .shared = b->shared,
                               .host = &b->host,
                               .max_relays = RELAYS,
                               .now = b->now};
    b->turn = turn_new(&setup);
    assert_non_null(b->turn);
    from_client(b, v4(40, 0, 0, 1, 4000));
}

static inline void bench_end(struct bench *b)
{
    assert_int_equal(turn_check(b->turn), 0);
    turn_free(b->turn);
    turn_shared_free(b->shared);
    crypto_free(b->crypto);
    assert_int_equal(mem_live(), 0);
}

/* --- Requests --- */

static inline uint8_t *packet(struct bench *b)
{
    return b->bytes + TURN_HEADROOM;
}

static inline struct writer begin(struct bench *b, enum stun_class cls, uint16_t method)
{
    uint8_t tid[STUN_TID_LEN];
    struct writer w = w_over(packet(b), sizeof b->bytes - TURN_HEADROOM - TURN_TAILROOM);
    give_random(&b->host, tid, sizeof tid);
    stun_begin(&w, cls, method, tid);
    return w;
}

/* The answer's code, 0 for success; -1: none came. */
static inline int answer_to(struct bench *b, struct writer *w)
{
    struct turn_out out;
    stun_end(w);
    assert_false(w->bad);
    if (turn_from_client(b->turn, &b->flow, (struct turn_pkt){packet(b), w->n}, b->now, &out) !=
        TURN_TO_CLIENT)
        return -1;
    assert_true(out.data.n <= sizeof b->got);
    memcpy(b->got, out.data.p, out.data.n);
    assert_int_equal(stun_parse(span_of(b->got, out.data.n), &b->reply), 0);
    if (b->reply.cls == STUN_SUCCESS)
        return 0;
    struct span v = b->reply.value[STUN_ATTR_ERROR_CODE];
    assert_true(v.n >= 4);
    return v.p[2] * 100 + v.p[3];
}

static inline void take_nonce(struct bench *b)
{
    struct span nonce;
    struct writer w = begin(b, STUN_REQUEST, STUN_REFRESH);
    assert_int_equal(answer_to(b, &w), 401);
    assert_true(stun_get_bytes(&b->reply, STUN_ATTR_NONCE, &nonce));
    assert_true(nonce.n <= sizeof b->nonce);
    memcpy(b->nonce, nonce.p, nonce.n);
    b->nonce_n = nonce.n;
}

static inline struct writer request(struct bench *b, uint16_t method)
{
    take_nonce(b);
    return begin(b, STUN_REQUEST, method);
}

static inline int finish(struct bench *b, struct writer *w)
{
    stun_put_bytes(w, STUN_ATTR_USERNAME, span_text(b->user));
    stun_put_bytes(w, STUN_ATTR_REALM, span_text("r"));
    stun_put_bytes(w, STUN_ATTR_NONCE, span_of(b->nonce, b->nonce_n));
    stun_sign(w, b->crypto, STUN_ATTR_MESSAGE_INTEGRITY, span_of(key, sizeof key));
    return answer_to(b, w);
}

static inline int refreshes(struct bench *b, uint32_t lifetime)
{
    struct writer w = request(b, STUN_REFRESH);
    stun_put_number(&w, STUN_ATTR_LIFETIME, lifetime);
    return finish(b, &w);
}

static inline struct writer allocate(struct bench *b)
{
    struct writer w = request(b, STUN_ALLOCATE);
    stun_put_number(&w, STUN_ATTR_REQUESTED_TRANSPORT, 17);
    return w;
}

static inline int allocates(struct bench *b)
{
    struct writer w = allocate(b);
    return finish(b, &w);
}

/* With the longest life there is. */
static inline void allocate_long(struct bench *b)
{
    struct writer w = allocate(b);
    stun_put_number(&w, STUN_ATTR_LIFETIME, 3600);
    assert_int_equal(finish(b, &w), 0);
}

static inline struct addr peer(unsigned i)
{
    return v4(50, 0, (uint8_t)(i >> 8), (uint8_t)i, 6000);
}

/* The peers from first to last in one request. */
static inline int permits(struct bench *b, unsigned first, unsigned last)
{
    struct writer w = request(b, STUN_CREATE_PERMISSION);
    for (unsigned i = first; i <= last; i++) {
        struct addr a = peer(i);
        stun_put_addr(&w, STUN_ATTR_XOR_PEER_ADDRESS, &a);
    }
    return finish(b, &w);
}

static inline int binds(struct bench *b, uint16_t number, unsigned i)
{
    struct addr a = peer(i);
    struct writer w = request(b, STUN_CHANNEL_BIND);
    stun_put_number(&w, STUN_ATTR_CHANNEL_NUMBER, number);
    stun_put_addr(&w, STUN_ATTR_XOR_PEER_ADDRESS, &a);
    return finish(b, &w);
}

/* --- Data --- */

static inline bool sends(struct bench *b, unsigned i, size_t n)
{
    static const uint8_t data[65536];
    struct addr a = peer(i);
    struct turn_out out;
    struct writer w = begin(b, STUN_INDICATION, STUN_SEND);
    stun_put_addr(&w, STUN_ATTR_XOR_PEER_ADDRESS, &a);
    stun_put_bytes(&w, STUN_ATTR_DATA, span_of(data, n));
    stun_end(&w);
    assert_false(w.bad);
    return turn_from_client(b->turn, &b->flow, (struct turn_pkt){packet(b), w.n}, b->now, &out) ==
           TURN_TO_PEER;
}

static inline bool channels(struct bench *b, uint16_t number)
{
    struct turn_out out;
    struct writer w = w_over(packet(b), 8);
    w_u16(&w, number);
    w_u16(&w, 4);
    w_u32(&w, 0);
    return turn_from_client(b->turn, &b->flow, (struct turn_pkt){packet(b), 8}, b->now, &out) ==
           TURN_TO_PEER;
}

/* A datagram of the peer's to the client's only relayed address. */
static inline bool hears(struct bench *b, unsigned i)
{
    struct turn_out out;
    struct turn_peer_pkt in = {.peer = peer(i), .pkt = {packet(b), 4}};
    for (uint32_t handle = 0; handle < RELAYS; handle++) {
        in.relay = handle;
        if (turn_from_peer(b->turn, &in, b->now, &out) == TURN_TO_CLIENT)
            return true;
    }
    return false;
}

#endif
