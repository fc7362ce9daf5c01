/* Allocate (RFC 8656 section 7.2), checks in that section's order. */
#include "base/mem.h"
#include "turn/turn_int.h"
#include "wire/stun_build.h"

enum allocate_const { EVEN_PORT_RESERVE = 0x80 };

/* Families as STUN numbers them (RFC 8489 section 14.1). */
static const uint8_t stun_family[TURN_FAMILIES] = {1, 2};

/* RFC 8656 section 21.4: Teredo and 6to4 addresses are no clients. */
static bool is_tunnelled(const struct addr *client)
{
    static const struct cidr tunnels[] = {
        {{.family = ADDR_V6, .ip = {0x20, 0x01, 0, 0}}, 32},
        {{.family = ADDR_V6, .ip = {0x20, 0x02}}, 16},
    };
    return cidr_contains(&tunnels[0], client) || cidr_contains(&tunnels[1], client);
}

static bool offers(const struct req *r, enum turn_family family)
{
    return r->t->conf->relay[family].local.family != ADDR_NONE;
}

/* RFC 6062 section 5.1. */
static enum stun_code check_tcp(const struct req *r)
{
    bool datagrams = stun_has(r->m, STUN_ATTR_EVEN_PORT) ||
                     stun_has(r->m, STUN_ATTR_DONT_FRAGMENT) ||
                     stun_has(r->m, STUN_ATTR_RESERVATION_TOKEN);
    return datagrams || !turn_is_stream(r->flow->transport) ? STUN_BAD_REQUEST : STUN_OK;
}

static enum stun_code check_transport(struct req *r)
{
    uint32_t transport;
    if (!stun_get_number(r->m, STUN_ATTR_REQUESTED_TRANSPORT, &transport))
        return STUN_BAD_REQUEST;
    r->plan.tcp = transport == TRANSPORT_TCP && links_offered(r->t);
    if (r->plan.tcp)
        return check_tcp(r);
    return transport == TRANSPORT_UDP ? STUN_OK : STUN_TRANSPORT_UNSUPPORTED;
}

static enum stun_code plan_one_family(struct req *r)
{
    uint32_t number = stun_family[TURN_V4];
    stun_get_number(r->m, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, &number);
    enum turn_family family = number == stun_family[TURN_V6] ? TURN_V6 : TURN_V4;
    if (number != stun_family[family] || !offers(r, family))
        return STUN_FAMILY_UNSUPPORTED;
    r->plan.want[family] = true;
    return STUN_OK;
}

static enum stun_code plan_both_families(struct req *r)
{
    uint32_t number = 0;
    stun_get_number(r->m, STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY, &number);
    if (number != stun_family[TURN_V6])
        return STUN_BAD_REQUEST;
    r->plan.want[TURN_V4] = offers(r, TURN_V4);
    r->plan.want[TURN_V6] = offers(r, TURN_V6);
    return r->plan.want[TURN_V4] || r->plan.want[TURN_V6] ? STUN_OK : STUN_NO_CAPACITY;
}

enum stun_code allocate_check(struct req *r)
{
    const struct stun_msg *m = r->m;
    bool token = stun_has(m, STUN_ATTR_RESERVATION_TOKEN);
    bool one = stun_has(m, STUN_ATTR_REQUESTED_ADDRESS_FAMILY);
    bool both = stun_has(m, STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY);
    uint32_t even = 0;
    enum stun_code code = check_transport(r);
    if (code != STUN_OK)
        return code;
    if (is_tunnelled(&r->flow->client))
        return STUN_FORBIDDEN;
    r->plan.even = stun_get_number(m, STUN_ATTR_EVEN_PORT, &even);
    r->plan.pair = (even & EVEN_PORT_RESERVE) != 0;
    r->plan.redeem = token;
    if ((token && (r->plan.even || one || both)) || (one && both))
        return STUN_BAD_REQUEST;
    if (token)
        return STUN_OK;
    code = both ? plan_both_families(r) : plan_one_family(r);
    if (code != STUN_OK)
        return code;
    return both && r->plan.pair ? STUN_BAD_REQUEST : STUN_OK;
}

uint32_t lifetime_granted(const struct req *r)
{
    const struct turn_times *times = &r->t->conf->times;
    uint32_t asked = times->lifetime;
    stun_get_number(r->m, STUN_ATTR_LIFETIME, &asked);
    uint32_t capped = asked < times->lifetime_max ? asked : times->lifetime_max;
    return capped > times->lifetime ? capped : times->lifetime;
}

static enum stun_code take_quotas(struct req *r, struct alloc *a)
{
    const struct turn_limits *limits = &r->t->conf->limits;
    bool full = false;
    struct addr prefix = addr_prefix(&r->flow->client, limits->prefix_v4, limits->prefix_v6);
    a->prefix = quota_take(r->t->prefixes, span_of(&prefix, sizeof prefix),
                           limits->allocations_per_prefix, &full);
    if (!a->prefix)
        return full ? STUN_QUOTA_REACHED : STUN_NO_CAPACITY;
    if (r->account.n == 0)
        return STUN_OK;
    a->account = quota_take(r->t->accounts, r->account, limits->allocations_per_account, &full);
    if (!a->account)
        return full ? STUN_QUOTA_REACHED : STUN_NO_CAPACITY;
    return STUN_OK;
}

static enum stun_code redeem(struct req *r, struct alloc *a)
{
    struct span token = {0};
    struct relayed_want want = {0};
    stun_get_bytes(r->m, STUN_ATTR_RESERVATION_TOKEN, &token);
    want.port = ports_redeem(r->t->shared->ports, token.p, r->now, &want.family);
    if (want.port == 0)
        return STUN_NO_CAPACITY;
    return relayed_open(r->t, a, &want);
}

/* Of a dual allocation one family is enough (RFC 8656 section 7.2, item 9). */
static enum stun_code open_families(struct req *r, struct alloc *a)
{
    enum stun_code code = STUN_NO_CAPACITY;
    for (int f = 0; f < TURN_FAMILIES; f++) {
        struct relayed_want want = {(enum turn_family)f, 0, r->plan.even, r->plan.pair,
                                    r->plan.tcp};
        if (r->plan.want[f] && relayed_open(r->t, a, &want) == STUN_OK)
            code = STUN_OK;
    }
    return code;
}

static enum stun_code reserve_next(struct req *r, struct alloc *a)
{
    enum turn_family family = r->plan.want[TURN_V6] ? TURN_V6 : TURN_V4;
    struct reservation next = {
        .family = family,
        .port = (uint16_t)(a->relayed[family].addr.port + 1),
        .expires = r->now + RESERVATION_LIFETIME * USEC_PER_SEC,
    };
    turn_random(r->t, next.token, sizeof next.token);
    if (!ports_reserve(r->t->shared->ports, &next)) {
        ports_give(r->t->shared->ports, family, next.port);
        return STUN_NO_CAPACITY;
    }
    memcpy(a->token, next.token, sizeof a->token);
    a->has_token = true;
    return STUN_OK;
}

static void fill(struct req *r, struct alloc *a)
{
    a->flow = *r->flow;
    a->is_tcp = r->plan.tcp;
    a->user_tag = r->user_tag;
    a->sha256 = r->sha256;
    a->key_len = (uint8_t)r->key_len;
    memcpy(a->key, r->key, r->key_len);
    memcpy(a->tid, r->m->tid, sizeof a->tid);
}

static enum stun_code build(struct req *r, struct alloc *a)
{
    fill(r, a);
    enum stun_code code = take_quotas(r, a);
    if (code == STUN_OK)
        code = r->plan.redeem ? redeem(r, a) : open_families(r, a);
    if (code == STUN_OK && r->plan.pair)
        code = reserve_next(r, a);
    return code;
}

static bool has_room(const struct turn *t)
{
    uint32_t most = t->conf->limits.allocations;
    return !t->is_draining && (most == 0 || t->stats.allocations < most);
}

enum stun_code allocate_apply(struct req *r)
{
    struct turn *t = r->t;
    struct alloc *a = has_room(t) ? alloc_new() : NULL;
    if (!a)
        return STUN_NO_CAPACITY;
    enum stun_code code = build(r, a);
    if (code != STUN_OK) {
        alloc_drop(t, a);
        return code;
    }
    usec_t expires = r->now + lifetime_granted(r) * USEC_PER_SEC;
    for (int f = 0; f < TURN_FAMILIES; f++)
        a->relayed[f].expires = a->relayed[f].addr.family == ADDR_NONE ? 0 : expires;
    alloc_link(t, a);
    r->alloc = a;
    return STUN_OK;
}

/* Which family a dual allocation lacks, and why; told again to a repeated request too. */
static void put_missing(struct req *r, struct writer *w)
{
    for (int f = 0; f < TURN_FAMILIES; f++) {
        bool missing = r->alloc->relayed[f].addr.family == ADDR_NONE;
        enum stun_code why =
            offers(r, (enum turn_family)f) ? STUN_NO_CAPACITY : STUN_FAMILY_UNSUPPORTED;
        if (missing && stun_has(r->m, STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY))
            stun_put_address_error(w, stun_family[f], why);
    }
}

void allocate_put(struct req *r, struct writer *w)
{
    const struct alloc *a = r->alloc;
    usec_t expires = 0;
    for (int f = 0; f < TURN_FAMILIES; f++) {
        if (a->relayed[f].addr.family == ADDR_NONE)
            continue;
        stun_put_addr(w, STUN_ATTR_XOR_RELAYED_ADDRESS, &a->relayed[f].addr);
        expires = a->relayed[f].expires;
    }
    stun_put_number(w, STUN_ATTR_LIFETIME, (uint32_t)((expires - r->now) / USEC_PER_SEC));
    stun_put_addr(w, STUN_ATTR_XOR_MAPPED_ADDRESS, &r->flow->client);
    if (a->has_token)
        stun_put_bytes(w, STUN_ATTR_RESERVATION_TOKEN, span_of(a->token, TOKEN_LEN));
    put_missing(r, w);
    if (r->t->conf->software)
        stun_put_bytes(w, STUN_ATTR_SOFTWARE, span_text(r->t->conf->software));
}
