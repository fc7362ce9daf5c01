/* Links (RFC 6062): connections between TCP relays and peers, from their beginning to the moment
 * when bytes pass the engine by, and what is asked about those bytes. */
#include "base/mem.h"
#include "turn/turn_int.h"
#include "wire/stun_build.h"

#include <errno.h>

/* CONNECTION-ID: whose it is, noise that tells one use of a handle from the next, the handle. */
enum id_bits { ID_HANDLE = 12, ID_NOISE = 14 };

bool links_offered(const struct turn *t)
{
    return t->conf->tcp_allocations && t->max_links > 0;
}

struct peer_link *peer_link_find(const struct alloc *a, const struct addr *peer)
{
    LIST_FOR (it, &a->links) {
        struct peer_link *l = container_of(it, struct peer_link, link);
        if (addr_eq(&l->peer, peer))
            return l;
    }
    return NULL;
}

uint16_t peer_link_worker(uint32_t id)
{
    return (uint16_t)(id >> (ID_HANDLE + ID_NOISE));
}

static struct peer_link *by_handle(const struct turn *t, uint32_t handle)
{
    return handle < t->max_links ? t->links[handle] : NULL;
}

static bool lives(const struct peer_link *l, usec_t now)
{
    return l->expires > now && l->alloc->relayed[family_of(&l->peer)].expires > now;
}

struct peer_link *peer_link_waiting(const struct turn *t, uint32_t id, usec_t now)
{
    struct peer_link *l = by_handle(t, id & ((1U << ID_HANDLE) - 1));
    return l && l->id == id && l->state == LINK_WAITING && lives(l, now) ? l : NULL;
}

/* Never 0: the noise is not. */
static uint32_t make_id(struct turn *t, uint32_t handle)
{
    uint16_t random;
    turn_random(t, &random, sizeof random);
    uint32_t noise = 1 + random % ((1U << ID_NOISE) - 1);
    return (uint32_t)t->worker << (ID_HANDLE + ID_NOISE) | noise << ID_HANDLE | handle;
}

/* In turn, so that a handle rests as long as possible before it is used again. */
static uint32_t take_handle(struct turn *t)
{
    while (t->links[t->next_link])
        t->next_link = (t->next_link + 1) % t->max_links;
    uint32_t handle = t->next_link;
    t->next_link = (handle + 1) % t->max_links;
    return handle;
}

struct peer_link *peer_link_add(struct turn *t, struct alloc *a, const struct addr *peer)
{
    struct peer_link *l = t->stats.links < t->max_links ? mem_zalloc(sizeof *l) : NULL;
    if (!l)
        return NULL;
    l->alloc = a;
    l->peer = *peer;
    l->handle = take_handle(t);
    l->id = make_id(t, l->handle);
    l->state = LINK_CONNECTING;
    l->expires = USEC_NEVER;
    l->allowed = true;
    l->generation = t->conf->generation;
    t->links[l->handle] = l;
    list_push(&a->links, &l->link);
    a->n_links++;
    t->stats.links++;
    return l;
}

static void await_bind(struct turn *t, struct peer_link *l, usec_t now)
{
    l->state = LINK_WAITING;
    l->expires = now + LINK_BIND_S * USEC_PER_SEC;
    alloc_arm(t, l->alloc);
}

void peer_link_bind(struct turn *t, struct peer_link *l)
{
    l->state = LINK_BOUND;
    l->expires = USEC_NEVER;
    alloc_arm(t, l->alloc);
}

void peer_link_drop(struct turn *t, struct peer_link *l)
{
    t->links[l->handle] = NULL;
    list_remove(&l->link);
    l->alloc->n_links--;
    t->stats.links--;
    mem_free_wiped(l, sizeof *l);
}

void peer_link_close(struct turn *t, struct peer_link *l)
{
    t->host->link_close(t->host, l->handle);
    peer_link_drop(t, l);
}

bool peer_link_allowed(const struct turn *t, struct peer_link *l)
{
    if (l->generation != t->conf->generation) {
        l->allowed = peer_judge(t, &l->peer, true) != PEER_FORBIDDEN;
        l->generation = t->conf->generation;
    }
    return l->allowed;
}

/* --- what the host tells --- */

/* Whether this peer may connect to this relay now; *ret is the peer as clients name it. */
static bool admits(struct turn *t, struct alloc *a, const struct addr *peer, usec_t now,
                   struct addr *ret)
{
    enum peer_kind kind = peer_judge_tcp(t, peer, ret);
    bool permitted = perm_ok(t, perm_find(a, ret), now);
    t->stats.dropped_permission += !permitted;
    t->stats.dropped_policy += permitted && kind == PEER_FORBIDDEN;
    return permitted && kind != PEER_FORBIDDEN && !peer_link_find(a, ret);
}

static struct span attempt(struct turn *t, const struct peer_link *l)
{
    uint8_t tid[STUN_TID_LEN];
    turn_random(t, tid, sizeof tid);
    struct writer w = w_over(t->reply, sizeof t->reply);
    stun_begin(&w, STUN_INDICATION, STUN_CONNECTION_ATTEMPT, tid);
    stun_put_addr(&w, STUN_ATTR_XOR_PEER_ADDRESS, &l->peer);
    stun_put_number(&w, STUN_ATTR_CONNECTION_ID, l->id);
    stun_end(&w);
    return w_span(&w);
}

/* Nothing is swept here: the host is in the middle of accepting at this relay. */
int64_t turn_link_accepted(struct turn *t, uint32_t relay, const struct addr *peer, usec_t now,
                           struct turn_out *out)
{
    struct alloc *a = relay < t->n_handles ? t->relays[relay] : NULL;
    struct addr named;
    if (!a || !a->is_tcp || !links_offered(t))
        return -EACCES;
    const struct relayed *at = &a->relayed[family_of(peer)];
    if (at->expires <= now || at->handle != relay || !admits(t, a, peer, now, &named))
        return -EACCES;
    struct peer_link *l = a->n_links < t->conf->limits.links ? peer_link_add(t, a, &named) : NULL;
    if (!l)
        return -ENOBUFS;
    await_bind(t, l, now);
    out->data = attempt(t, l);
    out->flow = a->flow;
    return l->handle;
}

static void connect_put(struct req *r, struct writer *w)
{
    stun_put_number(w, STUN_ATTR_CONNECTION_ID, r->link->id);
}

/* The answer that a Connect was promised, as if its request were still there. */
static struct span late_answer(struct turn *t, struct peer_link *l, bool stands, usec_t now)
{
    struct stun_msg m = {.method = STUN_CONNECT};
    struct req r = {.t = t, .flow = &l->alloc->flow, .m = &m, .now = now, .link = l};
    r.alloc = l->alloc;
    r.peer = l->peer;
    memcpy(m.tid, l->tid, sizeof m.tid);
    m.present = (uint64_t)l->fingerprint << STUN_ATTR_FINGERPRINT;
    r.proven = true;
    r.sign_sha256 = l->sign_sha256;
    r.key_len = l->key_len;
    memcpy(r.key, l->key, sizeof r.key);
    struct span answer =
        stands ? reply_success(&r, connect_put) : reply_error(&r, STUN_CONNECTION_FAILED);
    crypto_wipe(r.key, sizeof r.key);
    crypto_wipe(l->key, sizeof l->key);
    return answer;
}

enum turn_verdict turn_link_connected(struct turn *t, uint32_t link, bool stands, usec_t now,
                                      struct turn_out *out)
{
    struct peer_link *l = by_handle(t, link);
    if (!l || l->state != LINK_CONNECTING)
        return TURN_DROP;
    out->flow = l->alloc->flow;
    out->data = late_answer(t, l, stands, now);
    if (!stands)
        peer_link_drop(t, l);
    else if (out->data.n == 0)
        peer_link_close(t, l);
    else
        await_bind(t, l, now);
    return out->data.n ? TURN_TO_CLIENT : TURN_DROP;
}

void turn_link_closed(struct turn *t, uint32_t link)
{
    struct peer_link *l = by_handle(t, link);
    if (l)
        peer_link_drop(t, l);
}

static usec_t later(usec_t a, usec_t b)
{
    return a > b ? a : b;
}

/* A stream cannot drop what it has read, so it rests until its debt is paid. */
static usec_t rest_until(struct turn *t, struct alloc *a, size_t bytes, usec_t now)
{
    const struct turn_limits *limits = &t->conf->limits;
    usec_t when = rate_owe(&a->rate, limits->bytes_per_allocation, bytes, now);
    if (a->account)
        when = later(when, rate_owe(quota_rate(a->account), limits->bytes_per_account, bytes, now));
    return later(when, rate_owe(quota_rate(a->prefix), limits->bytes_per_prefix, bytes, now));
}

usec_t turn_link_passed(struct turn *t, uint32_t link, size_t bytes, usec_t now)
{
    struct peer_link *l = by_handle(t, link);
    if (!l || l->state != LINK_BOUND || !lives(l, now))
        return USEC_NEVER;
    if (!peer_link_allowed(t, l)) {
        t->stats.dropped_policy++;
        return USEC_NEVER;
    }
    t->stats.relayed_packets += bytes > 0;
    t->stats.relayed_bytes += bytes;
    l->alloc->bytes += bytes;
    return rest_until(t, l->alloc, bytes, now);
}
