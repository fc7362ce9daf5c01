/* How much memory an idle allocation takes inside the process, with one permission and one channel,
 * and how fast the engine alone is: whole set-ups, refreshes, packets of the data lane. Clients and
 * peers are simulated in the same thread, and what they cost is measured apart and left out. Prints
 * one figure per line. */
#include "world.h"

#include "wire/chandata.h"

#include <malloc.h>

enum { ALLOCATIONS = 10000, FIRST = 20000, LAST = 60000, PACKETS = 2000000, PAYLOAD = 160 };

static int open_any(struct turn_host *host, const struct turn_relay_want *want)
{
    (void)host;
    (void)want;
    return 0;
}

static void close_any(struct turn_host *host, uint32_t relay)
{
    (void)host;
    (void)relay;
}

struct bench {
    struct world *w; /* for its clients; its own engines stay idle */
    struct fake_host host;
    struct turn *t;
    usec_t engine; /* time spent in the engine */
};

static struct turn_flow flow_of(int i)
{
    uint8_t ip[4] = {45, 0, (uint8_t)(i >> 8), (uint8_t)i};
    struct turn_flow f = {.client = addr_make(ADDR_V4, ip, 5000), .server = world_server()};
    return f;
}

/* One request and its answer; the answer is taken in by the client. */
static void ask_once(struct bench *b, struct client *c)
{
    uint8_t buf[TURN_HEADROOM + PACKET_MAX + TURN_TAILROOM];
    memcpy(buf + TURN_HEADROOM, c->sent, c->sent_n);
    struct turn_out out;
    usec_t start = clock_monotonic();
    struct turn_pkt pkt = {buf + TURN_HEADROOM, c->sent_n};
    enum turn_verdict v = turn_from_client(b->t, &c->flow, pkt, b->w->now, &out);
    b->engine += clock_monotonic() - start;
    MUST(b->w, v == TURN_TO_CLIENT);
    client_receive(b->w, c, out.data);
    b->w->n_queue = 0;
}

static void ask(struct bench *b, struct client *c, const struct ask *a)
{
    client_ask(b->w, c, a);
    while (c->result == -1)
        ask_once(b, c);
    MUST(b->w, c->result == 0);
}

static void set_up(struct bench *b, int i)
{
    struct client *c = &b->w->client[0];
    struct ask peer = {.peers = {b->w->peer[0].addr}, .n_peers = 1};
    c->flow = flow_of(i);
    c->nonce_len = 0;
    ask(b, c, &(struct ask){.method = STUN_ALLOCATE, .has_lifetime = true, .lifetime = 3600});
    peer.method = STUN_CREATE_PERMISSION;
    ask(b, c, &peer);
    peer.method = STUN_CHANNEL_BIND;
    peer.channel = 0x4000;
    ask(b, c, &peer);
}

/* Visits everybody, neighbours far apart, as packets come in. */
static int scattered(int i)
{
    return (int)(i * INT64_C(7919) % ALLOCATIONS);
}

static double seconds(usec_t t)
{
    return (double)(t > 0 ? t : 1) / (double)USEC_PER_SEC;
}

static void measure_outbound(struct bench *b)
{
    uint8_t buf[TURN_HEADROOM + 4 + PAYLOAD + TURN_TAILROOM] = {0};
    uint8_t *p = buf + TURN_HEADROOM;
    struct turn_out out;
    unsigned passed = 0;
    chandata_header(p + 4, 0x4000, PAYLOAD);
    usec_t start = clock_monotonic();
    for (int i = 0; i < PACKETS; i++) {
        struct turn_flow f = flow_of(scattered(i));
        struct turn_pkt pkt = {p, 4 + PAYLOAD};
        passed += turn_from_client(b->t, &f, pkt, b->w->now, &out) == TURN_TO_PEER;
    }
    usec_t took = clock_monotonic() - start;
    MUST(b->w, passed == PACKETS);
    printf("channel_to_peer_per_second %.0f\n", PACKETS / seconds(took));
}

static void measure_inbound(struct bench *b, const uint32_t *relays)
{
    uint8_t buf[TURN_HEADROOM + PAYLOAD + TURN_TAILROOM] = {0};
    struct turn_out out;
    unsigned passed = 0;
    usec_t start = clock_monotonic();
    for (int i = 0; i < PACKETS; i++) {
        struct turn_peer_pkt in = {
            relays[scattered(i)], b->w->peer[0].addr, {buf + TURN_HEADROOM, PAYLOAD}};
        passed += turn_from_peer(b->t, &in, b->w->now, &out) == TURN_TO_CLIENT;
    }
    usec_t took = clock_monotonic() - start;
    MUST(b->w, passed == PACKETS);
    printf("peer_to_channel_per_second %.0f\n", PACKETS / seconds(took));
}

static struct turn *make_engine(struct bench *b, struct turn_shared **ret_shared)
{
    host_init(&b->host, b->w);
    b->host.host.relay_open = open_any;
    b->host.host.relay_close = close_any;
    *ret_shared = turn_shared_new(&(struct turn_shared_conf){{FIRST, LAST}, 1});
    struct turn_setup setup = {.conf = world_conf(CONF_PLAIN),
                               .shared = *ret_shared,
                               .host = &b->host.host,
                               .max_relays = TURN_FAMILIES * (LAST - FIRST + 1),
                               .now = b->w->now};
    struct turn *t = *ret_shared ? turn_new(&setup) : NULL;
    MUST(b->w, t);
    return t;
}

int main(void)
{
    static uint32_t relays[ALLOCATIONS];
    struct bench b = {.w = world_new(1)};
    struct turn_shared *shared;
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    b.t = make_engine(&b, &shared);
    size_t empty = mallinfo2().uordblks + mallinfo2().hblkhd;
    for (int i = 0; i < ALLOCATIONS; i++) {
        set_up(&b, i);
        relays[i] = (uint32_t)turn_relay_find(b.t, &b.w->client[0].relayed[TURN_V4]);
    }
    size_t full = mallinfo2().uordblks + mallinfo2().hblkhd;
    printf("engine_empty_bytes %zu\n", empty - before);
    printf("bytes_per_allocation %.1f\n", (double)(full - empty) / ALLOCATIONS);
    printf("set_ups_per_second %.0f\n", ALLOCATIONS / seconds(b.engine));
    measure_outbound(&b);
    measure_inbound(&b, relays);
    usec_t start = clock_monotonic();
    MUST(b.w, turn_check(b.t) == 0);
    turn_expire(b.t, b.w->now + 4000 * USEC_PER_SEC);
    printf("expiry_of_all_seconds %.3f\n", seconds(clock_monotonic() - start));
    struct turn_stats stats;
    turn_stats(b.t, &stats);
    MUST(b.w, stats.allocations == 0);
    turn_free(b.t);
    turn_shared_free(shared);
    world_free(b.w);
    return 0;
}
