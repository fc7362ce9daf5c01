/* The host that the engines see: relay book-keeping, credentials, configurations. */
#include "world.h"

#include <errno.h>

#include "crypto/longterm.h"

enum { WALL_AT_START = 1700000000 };

static const char REALM[] = "example.org";

struct login {
    const char *user;
    const char *password;
};

static const struct login USERS[] = {{"anna", "geheim"}, {"bert", "passwort"}, {"cleo", "nil"}};
static const char *const SECRETS[] = {"the-first-shared-secret", "the-second-shared-secret"};

int64_t world_wall(const struct world *w)
{
    return WALL_AT_START + w->now / USEC_PER_SEC;
}

void world_timed_login(struct world *w, struct client *c, int64_t expiry)
{
    static char user[CLIENTS][64];
    static char password[CLIENTS][TIMED_PASSWORD];
    size_t i = (size_t)(c - w->client);
    snprintf(user[i], sizeof(user[i]), "%lld:guest%zu", (long long)expiry, i);
    MUST(w, timed_password(w->crypto, span_text(SECRETS[i % 2]), span_text(user[i]), password[i]) ==
                0);
    /* Of a request under way the answer would not verify any more. */
    c->result = 0;
    c->user = user[i];
    c->password = password[i];
}

static int give_key(struct world *w, const struct turn_cred_query *q, const struct longterm *who,
                    struct turn_cred *ret)
{
    enum digest_alg alg = q->sha256 ? DIGEST_SHA256 : DIGEST_MD5;
    int n = longterm_key(w->crypto, alg, who, ret->key);
    MUST(w, n > 0);
    ret->key_len = (size_t)n;
    return 0;
}

static bool is_named(struct world *w, const struct turn_cred_query *q, const char *name)
{
    if (!q->is_hash)
        return span_eq(q->user, span_text(name));
    uint8_t hash[SHA256_LEN];
    MUST(w, longterm_userhash(w->crypto, span_text(name), span_text(REALM), hash) == 0);
    return span_eq(q->user, span_of(hash, sizeof(hash)));
}

static int timed(struct world *w, const struct turn_cred_query *q, struct turn_cred *ret)
{
    const uint8_t *colon = q->is_hash ? NULL : memchr(q->user.p, ':', q->user.n);
    if (!colon || q->user.n > 60 || q->nth >= 2)
        return -ENOENT;
    char digits[64] = {0};
    memcpy(digits, q->user.p, (size_t)(colon - q->user.p));
    if (strtoll(digits, NULL, 10) <= world_wall(w) && !q->ignore_expiry)
        return -EKEYEXPIRED;
    char password[TIMED_PASSWORD];
    MUST(w, timed_password(w->crypto, span_text(SECRETS[q->nth]), q->user, password) == 0);
    ret->account = span_of(colon + 1, q->user.n - (size_t)(colon + 1 - q->user.p));
    return give_key(w, q, &(struct longterm){q->user, span_text(REALM), span_text(password)}, ret);
}

static int credential(struct turn_host *host, const struct turn_cred_query *q,
                      struct turn_cred *ret)
{
    struct world *w = ((struct fake_host *)(void *)host)->w;
    for (size_t i = 0; q->nth == 0 && i < sizeof(USERS) / sizeof(USERS[0]); i++) {
        if (!is_named(w, q, USERS[i].user))
            continue;
        ret->account = q->user;
        struct longterm who = {span_text(USERS[i].user), span_text(REALM),
                               span_text(USERS[i].password)};
        return give_key(w, q, &who, ret);
    }
    return timed(w, q, ret);
}

static int relay_open(struct turn_host *host, const struct turn_relay_want *want)
{
    struct fake_host *h = (struct fake_host *)(void *)host;
    struct world *w = h->w;
    MUST(w, want->relay < RELAYS);
    MUST(w, !h->open[want->relay]);
    MUST(w, want->local.port >= PORT_FIRST && want->local.port <= PORT_LAST);
    if (w->open_errors > 0) {
        w->open_errors--;
        return -w->open_error;
    }
    for (int e = 0; e < ENGINES; e++)
        for (uint32_t r = 0; r < RELAYS; r++)
            MUST(w, !w->host[e].open[r] || !addr_eq(&w->host[e].at[r], &want->local));
    h->open[want->relay] = true;
    h->tcp[want->relay] = want->is_tcp;
    h->at[want->relay] = want->local;
    h->n_open++;
    return 0;
}

static void relay_close(struct turn_host *host, uint32_t relay)
{
    struct fake_host *h = (struct fake_host *)(void *)host;
    MUST(h->w, relay < RELAYS && h->open[relay]);
    h->open[relay] = false;
    if (h->unjustified == (int)relay + 1)
        h->unjustified = 0;
    h->n_open--;
}

static void give_random(struct turn_host *host, void *ret, size_t n)
{
    struct world *w = ((struct fake_host *)(void *)host)->w;
    uint8_t *p = ret;
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(world_random(w) >> 32);
}

void host_init(struct fake_host *h, struct world *w)
{
    h->host = (struct turn_host){.relay_open = relay_open,
                                 .relay_close = relay_close,
                                 .link_open = world_link_open,
                                 .link_close = world_link_close,
                                 .credential = credential,
                                 .random = give_random};
    h->w = w;
}

int host_find(const struct world *w, const struct addr *relayed, uint32_t *ret_relay)
{
    for (int e = 0; e < ENGINES; e++)
        for (uint32_t r = 0; r < RELAYS; r++) {
            struct addr at = host_announced(&w->host[e], r);
            if (!w->host[e].open[r] || !addr_eq(&at, relayed))
                continue;
            *ret_relay = r;
            return e;
        }
    return -1;
}

struct addr host_announced(const struct fake_host *h, uint32_t relay)
{
    struct addr a = world_relay_ip(h->at[relay].family == ADDR_V6 ? TURN_V6 : TURN_V4);
    a.port = h->at[relay].port;
    return a;
}

#define IP4(a, b, c, d)                                                                            \
    {                                                                                              \
        .family = ADDR_V4, .ip = { a, b, c, d }                                                    \
    }
#define IP6(last)                                                                                  \
    {                                                                                              \
        .family = ADDR_V6, .ip = { 0x2a, 0, [15] = last }                                          \
    }

/* Behind 1:1 NAT in IPv4, so that mixing both addresses up shows. */
#define BOTH                                                                                       \
    {                                                                                              \
        {IP4(10, 9, 9, 9), IP4(30, 0, 0, 1)},                                                      \
        {                                                                                          \
            IP6(0xee), IP6(0xee)                                                                   \
        }                                                                                          \
    }

static const struct cidr LOCAL[] = {
    {IP4(10, 9, 9, 9), 32}, {IP4(30, 0, 0, 1), 32}, {IP6(0xee), 128}};
static const struct cidr DENIED[] = {{IP4(20, 0, 0, 3), 32}};
static const struct port_range DENIED_PORTS[] = {{6001, 6001}};
static const struct addr SOCKETS[] = {{.family = ADDR_V4, .port = 3478, .ip = {30, 0, 0, 1}}};

#define POLICY .sockets = SOCKETS, .n_sockets = 1, .local = LOCAL, .n_local = 3
#define LIMITS .permissions = 8, .channels = 8, .links = 3, .prefix_v4 = 32, .prefix_v6 = 56
#define TIMES .times = {600, 3600, 1800}
#define PLAIN                                                                                      \
    .realm = REALM, .relay = BOTH, .policy = {POLICY}, .limits = {LIMITS}, TIMES, .binding = true, \
    .offer_userhash = true, .offer_algorithms = true, .tcp_allocations = true

const struct turn_conf *world_conf(enum world_conf which)
{
    static const struct turn_conf confs[CONFS] = {
        [CONF_PLAIN] = {PLAIN, .generation = 1},
        [CONF_DENY] = {.realm = REALM,
                       .relay = BOTH,
                       .policy = {POLICY, .deny = DENIED, .n_deny = 1},
                       .limits = {LIMITS},
                       TIMES,
                       .tcp_allocations = true,
                       .generation = 2},
        [CONF_TIGHT] = {.realm = REALM,
                        .software = "simulated",
                        .relay = BOTH,
                        .policy = {POLICY},
                        .limits = {.allocations = 3,
                                   .allocations_per_account = 1,
                                   .allocations_per_prefix = 2,
                                   .permissions = 2,
                                   .channels = 1,
                                   .links = 1,
                                   .unproven_per_prefix = 5,
                                   .prefix_v4 = 24,
                                   .prefix_v6 = 56},
                        .times = {600, 600, 60},
                        .binding = true,
                        .tcp_allocations = true,
                        .generation = 3},
        [CONF_SLOW] = {.realm = REALM,
                       .relay = BOTH,
                       .policy = {POLICY},
                       .limits = {LIMITS, .bytes_per_allocation = 1000, .bytes_per_account = 1500,
                                  .bytes_per_prefix = 2000},
                       TIMES,
                       .binding = true,
                       .tcp_allocations = true,
                       .generation = 4},
        [CONF_V4] = {.realm = REALM,
                     .relay = {{IP4(10, 9, 9, 9), IP4(30, 0, 0, 1)}},
                     .policy = {POLICY},
                     .limits = {LIMITS},
                     TIMES,
                     .binding = true,
                     .generation = 5},
        [CONF_PORTS] = {.realm = REALM,
                        .relay = BOTH,
                        .policy = {POLICY, .deny_ports = DENIED_PORTS, .n_deny_ports = 1},
                        .limits = {LIMITS},
                        TIMES,
                        .binding = true,
                        .tcp_allocations = true,
                        .generation = 7},
        [CONF_STRICT] = {PLAIN, .strict_expiry = true, .rfc5766_channels = true, .generation = 6},
    };
    return &confs[which];
}

struct addr world_relay_ip(enum turn_family family)
{
    return world_conf(CONF_PLAIN)->relay[family].announced;
}
