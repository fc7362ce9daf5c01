/* The door: making and ending an engine, packets in, time passing. */
#include "base/mem.h"
#include "turn/turn_int.h"
#include "wire/chandata.h"
#include "wire/demux.h"

#include <errno.h>

struct turn_shared *turn_shared_new(const struct turn_shared_conf *conf)
{
    struct turn_shared *s = mem_zalloc(sizeof *s);
    if (!s)
        return NULL;
    s->conf = *conf;
    crypto_random(&s->nonce, sizeof s->nonce);
    s->ports = ports_new(conf->ports, conf->workers);
    s->usage = usage_new();
    if (!s->ports || !s->usage) {
        turn_shared_free(s);
        return NULL;
    }
    return s;
}

void turn_shared_free(struct turn_shared *s)
{
    if (!s)
        return;
    ports_free(s->ports);
    usage_free(s->usage);
    mem_free_wiped(s, sizeof *s);
}

void turn_take_usage(struct turn_shared *s, uint64_t ret[TURN_USES])
{
    usage_take(s->usage, ret);
}

/* One call of the host serves many transaction ids. */
void turn_random(struct turn *t, void *ret, size_t n)
{
    if (t->pool_left < n) {
        t->host->random(t->host, t->pool, sizeof t->pool);
        t->pool_left = sizeof t->pool;
    }
    t->pool_left -= n;
    memcpy(ret, t->pool + t->pool_left, n);
}

static bool make_tables(struct turn *t)
{
    uint8_t key[4][SIPHASH_KEY_LEN];
    t->host->random(t->host, key, sizeof key);
    memcpy(t->tag_key, key[0], sizeof t->tag_key);
    t->relays = mem_zalloc(t->n_handles * sizeof *t->relays);
    t->links = t->max_links ? mem_zalloc(t->max_links * sizeof *t->links) : NULL;
    t->crypto = crypto_new();
    t->limiter = limiter_new(key[1]);
    t->accounts = quota_new(t->n_ports, key[2]);
    t->prefixes = quota_new(t->n_ports, key[2]);
    int err = htab_init(&t->flows, t->n_ports, key[3]);
    crypto_wipe(key, sizeof key);
    return t->relays && (t->links || !t->max_links) && t->crypto && t->limiter && t->accounts &&
           t->prefixes && err == 0;
}

/* A CONNECTION-ID has room for so many links and workers. */
static bool setup_ok(const struct turn *t, const struct turn_setup *setup)
{
    bool links = t->max_links == 0 ||
                 (t->max_links <= TURN_LINKS_MAX && setup->shared->conf.workers <= WORKERS_MAX);
    return links && setup->max_relays >= t->n_handles;
}

struct turn *turn_new(const struct turn_setup *setup)
{
    struct turn *t = mem_zalloc(sizeof *t);
    if (!t)
        return NULL;
    t->conf = setup->conf;
    t->shared = setup->shared;
    t->host = setup->host;
    t->worker = setup->worker;
    t->n_ports = (size_t)setup->shared->conf.ports.last - setup->shared->conf.ports.first + 1;
    t->n_handles = (uint32_t)(TURN_FAMILIES * t->n_ports);
    wheel_init(&t->wheel, setup->now);
    t->max_links = setup->max_links;
    if (!setup_ok(t, setup) || !make_tables(t)) {
        turn_free(t);
        return NULL;
    }
    return t;
}

void turn_free(struct turn *t)
{
    if (!t)
        return;
    t->trace_n = 0; /* who would listen may be gone */
    for (uint32_t h = 0; t->relays && h < t->n_handles; h++) {
        if (t->relays[h])
            alloc_drop(t, t->relays[h]);
    }
    htab_free(&t->flows);
    quota_free(t->accounts);
    quota_free(t->prefixes);
    limiter_free(t->limiter);
    crypto_free(t->crypto);
    mem_free(t->relays);
    mem_free(t->links);
    mem_free_wiped(t, sizeof *t);
}

void turn_set_conf(struct turn *t, const struct turn_conf *conf)
{
    t->conf = conf;
    if (t->trace_n)
        trace_retag(t);
}

void turn_forget(struct turn *t)
{
    crypto_wipe(t->reply, sizeof t->reply);
    crypto_wipe(t->pool + t->pool_left, sizeof t->pool - t->pool_left);
}

void turn_drain(struct turn *t)
{
    t->is_draining = true;
}

static enum turn_verdict stun_from_client(struct turn *t, const struct turn_flow *flow,
                                          struct span packet, usec_t now, struct turn_out *out)
{
    struct stun_msg m;
    struct req r = {.t = t, .flow = flow, .m = &m, .now = now, .verdict = TURN_TO_CLIENT};
    if (stun_parse(packet, &m) != 0) {
        t->stats.dropped_malformed++;
        return TURN_DROP;
    }
    return request_from_client(&r, out);
}

/* Numbers that RFC 8656 gave back to others; no others ever write to a TURN server's port. */
static bool is_old_channel(const struct turn *t, struct span packet)
{
    return packet.n && *packet.p > CHANNEL_LAST >> 8 && *packet.p <= channel_last(t) >> 8;
}

enum turn_verdict turn_from_client(struct turn *t, const struct turn_flow *flow,
                                   struct turn_pkt pkt, usec_t now, struct turn_out *out)
{
    struct span packet = span_of(pkt.p, pkt.n);
    enum demux kind = pkt.n ? demux_first_byte(*pkt.p) : DEMUX_OTHER;
    if (kind == DEMUX_CHANNEL || (kind == DEMUX_OTHER && is_old_channel(t, packet)))
        return data_from_channel(t, flow, packet, now, out);
    if (kind == DEMUX_STUN)
        return stun_from_client(t, flow, packet, now, out);
    t->stats.dropped_malformed++;
    return TURN_DROP;
}

int64_t turn_relay_find(struct turn *t, const struct addr *relayed)
{
    const struct port_range *range = &t->shared->conf.ports;
    if (relayed->port < range->first || relayed->port > range->last)
        return -ENOENT;
    size_t handle = (size_t)family_of(relayed) * t->n_ports + relayed->port - range->first;
    return t->relays[handle] ? (int64_t)handle : -ENOENT;
}

void turn_flow_closed(struct turn *t, const struct turn_flow *flow)
{
    struct alloc *a = alloc_find(t, flow, 0);
    if (a)
        alloc_drop(t, a);
}

bool turn_flow_lives(const struct turn *t, const struct turn_flow *flow, usec_t now)
{
    return alloc_find(t, flow, now) != NULL;
}

void turn_kill(struct turn *t, uint16_t relayed_port)
{
    struct addr at = {.port = relayed_port};
    for (int f = 0; f < TURN_FAMILIES; f++) {
        at.family = f == TURN_V6 ? ADDR_V6 : ADDR_V4;
        int64_t handle = turn_relay_find(t, &at);
        if (handle >= 0)
            alloc_drop(t, t->relays[handle]);
    }
}

usec_t turn_deadline(const struct turn *t)
{
    usec_t allocations = wheel_next(&t->wheel);
    usec_t reservations = ports_deadline(t->shared->ports);
    return allocations < reservations ? allocations : reservations;
}

static void on_timer(void *ctx, struct wheel_node *node, usec_t now)
{
    alloc_sweep(ctx, container_of(node, struct alloc, timer), now);
}

void turn_expire(struct turn *t, usec_t now)
{
    wheel_expire(&t->wheel, now, on_timer, t);
    ports_expire(t->shared->ports, now);
}

void turn_stats(const struct turn *t, struct turn_stats *ret)
{
    *ret = t->stats;
}
