/* Builds a generation and answers the engines' credential look-ups from it. */
#include "main/world.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum {
    SOCKETS_MAX = NET_LISTENERS_MAX * (1 + TURN_FAMILIES) + 2 + SITE_BEHIND_MAX,
    LOCAL_MAX = SITE_LOCAL_MAX + TURN_FAMILIES,
};

struct world {
    struct net_world net; /* first: net hands this back */
    struct conf conf;
    struct turn_conf turn;
    struct addr sockets[SOCKETS_MAX];
    struct cidr local[LOCAL_MAX];
    struct port_range deny_ports[CONF_LIST_MAX];
    struct auth_snapshot *auth;
    struct crypto *crypto[NET_WORKERS_MAX]; /* one per worker: contexts are not shared */
};

static const struct world *world_of(const struct net_world *w)
{
    return (const struct world *)(const void *)w;
}

static int credential(const struct net_world *nw, uint16_t worker,
                      const struct turn_cred_query *query, struct turn_cred *ret)
{
    const struct world *w = world_of(nw);
    struct auth_found found;
    const struct auth_query q = {.user = query->user,
                                 .is_hash = query->is_hash,
                                 .sha256 = query->sha256,
                                 .ignore_expiry = query->ignore_expiry,
                                 .nth = query->nth,
                                 .now = clock_wall()};
    int r = auth_find(w->auth, w->crypto[worker], &q, &found);
    if (r == 0) {
        memcpy(ret->key, found.key, sizeof(ret->key));
        ret->key_len = found.key_len;
        ret->account = found.account;
    }
    crypto_wipe(&found, sizeof(found));
    return r;
}

static void release(struct net_world *nw)
{
    struct world *w = (struct world *)(void *)nw;
    for (size_t i = 0; i < NET_WORKERS_MAX; i++) {
        if (w->crypto[i])
            crypto_free(w->crypto[i]);
    }
    auth_snapshot_free(w->auth);
    mem_free_wiped(w, sizeof(*w));
}

static void add_socket(struct world *w, const struct addr *ip, uint16_t port)
{
    if (ip->family == ADDR_NONE || w->turn.policy.n_sockets == SOCKETS_MAX)
        return;
    struct addr *a = &w->sockets[w->turn.policy.n_sockets++];
    *a = addr_normalise(ip);
    a->port = port;
}

/* A listener on any address counts for every local one (policy.c), and is reached by the announced
 * ones. The web server, Redis and the issuer trust this host more than they may trust a peer. */
static void add_sockets(struct world *w, const struct world_parts *parts)
{
    add_socket(w, &parts->net->web.server, parts->net->web.server.port);
    add_socket(w, &parts->creds->at, parts->creds->at.port);
    for (size_t i = 0; i < parts->site->n_behind; i++)
        add_socket(w, &parts->site->behind[i], parts->site->behind[i].port);
    for (size_t i = 0; i < parts->net->n_listen; i++) {
        const struct addr *l = &parts->net->listen[i].addr;
        add_socket(w, l, l->port);
        for (size_t j = 0; j < TURN_FAMILIES; j++)
            add_socket(w, &parts->site->relay[j].announced, l->port);
    }
}

static void add_local(struct world *w, const struct addr *a)
{
    if (a->family == ADDR_NONE || w->turn.policy.n_local == LOCAL_MAX)
        return;
    struct cidr *c = &w->local[w->turn.policy.n_local++];
    c->net = *a;
    c->net.port = 0;
    c->bits = a->family == ADDR_V4 ? 32 : 128;
}

static void set_policy(struct world *w, const struct world_parts *parts)
{
    const struct conf *c = &w->conf;
    w->turn.policy = (struct turn_policy){
        .sockets = w->sockets,
        .allow = c->allow_peers.v,
        .n_allow = c->allow_peers.n,
        .deny = c->deny_peers.v,
        .n_deny = c->deny_peers.n,
        .local = w->local,
        .deny_ports = w->deny_ports,
        .n_deny_ports = c->deny_peer_ports.n,
    };
    add_sockets(w, parts);
    for (size_t i = 0; i < parts->site->n_local; i++)
        add_local(w, &parts->site->local[i]);
    for (size_t i = 0; i < TURN_FAMILIES; i++)
        add_local(w, &parts->site->relay[i].announced);
    for (size_t i = 0; i < c->deny_peer_ports.n; i++)
        w->deny_ports[i] =
            (struct port_range){c->deny_peer_ports.v[i].first, c->deny_peer_ports.v[i].last};
}

static void set_turn(struct world *w, const struct world_parts *parts)
{
    const struct conf *c = &w->conf;
    w->turn.realm = c->realm;
    w->turn.software = c->software ? "Drehkreuz " DREHKREUZ_VERSION : NULL;
    memcpy(w->turn.relay, parts->site->relay, sizeof(w->turn.relay));
    w->turn.limits = (struct turn_limits){
        .allocations = (uint32_t)c->max_allocations,
        .allocations_per_account = (uint32_t)c->allocations_per_account,
        .allocations_per_prefix = (uint32_t)c->allocations_per_prefix,
        .permissions = (uint32_t)c->permissions_per_allocation,
        .channels = (uint32_t)c->channels_per_allocation,
        .links = (uint32_t)c->tcp_connections_per_allocation,
        .bytes_per_allocation = (uint64_t)c->bytes_per_allocation,
        .bytes_per_account = (uint64_t)c->bytes_per_account,
        .bytes_per_prefix = (uint64_t)c->bytes_per_prefix,
        .unproven_per_prefix = (uint32_t)c->unproven_per_prefix,
        .prefix_v4 = (uint8_t)c->prefix_ipv4,
        .prefix_v6 = (uint8_t)c->prefix_ipv6,
    };
    w->turn.times = (struct turn_times){.lifetime = 600,
                                        .lifetime_max = (uint32_t)c->lifetime_max,
                                        .nonce = (uint32_t)c->nonce_lifetime};
    w->turn.binding = c->binding;
    w->turn.tcp_allocations = parts->net->max_links > 0;
    w->turn.rfc5766_channels = c->rfc5766_channels;
    w->turn.strict_expiry = c->strict_expiry;
    w->turn.revocations = parts->creds->revoked.n > 0;
    w->turn.offer_userhash = parts->creds->all.n == 0;
    w->turn.generation = parts->generation;
    set_policy(w, parts);
}

/* Only keys stay (RFC 8656 section 6): a later generation of the same configuration takes them from
 * an earlier one. */
static struct auth_snapshot *snapshot(struct world *w, const struct world_parts *parts,
                                      struct auth_error *err)
{
    struct auth_user users[CONF_LIST_MAX];
    const struct auth_conf conf = {.realm = w->conf.realm,
                                   .users = users,
                                   .n_users = w->conf.users.n,
                                   .max_ttl = w->conf.max_credential_ttl,
                                   .keep = parts->keep ? world_of(parts->keep)->auth : NULL,
                                   .keyed = parts->creds->users,
                                   .n_keyed = parts->creds->n_users,
                                   .revoked = &parts->creds->revoked};
    for (size_t i = 0; i < w->conf.users.n; i++)
        users[i] = (struct auth_user){w->conf.users.v[i].name, w->conf.users.v[i].password};
    struct auth_snapshot *made = auth_snapshot_new(&conf, &parts->creds->all, err);
    conf_wipe(&w->conf);
    if (made)
        conf_wipe_users(parts->conf);
    return made;
}

static bool set_crypto(struct world *w, uint16_t workers, struct auth_error *err)
{
    for (uint16_t i = 0; i < workers; i++) {
        w->crypto[i] = crypto_new();
        if (w->crypto[i])
            continue;
        snprintf(err->text, sizeof(err->text),
                 "libcrypto lacks an algorithm that TURN needs (MD5, SHA-1, SHA-256)");
        return false;
    }
    return true;
}

struct net_world *world_new(const struct world_parts *parts, struct world_size *ret_size,
                            struct auth_error *err)
{
    struct world *w = mem_zalloc(sizeof(*w));
    if (!w) {
        snprintf(err->text, sizeof(err->text), "out of memory");
        return NULL;
    }
    w->conf = *parts->conf;
    w->net.turn = &w->turn;
    w->net.credential = credential;
    w->net.release = release;
    set_turn(w, parts);
    w->auth = snapshot(w, parts, err);
    w->turn.offer_algorithms = w->auth && !auth_snapshot_md5_only(w->auth);
    if (!w->auth || !set_crypto(w, parts->net->workers, err)) {
        release(&w->net);
        return NULL;
    }
    *ret_size = (struct world_size){auth_snapshot_users(w->auth), auth_snapshot_secrets(w->auth)};
    return &w->net;
}
