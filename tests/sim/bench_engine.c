/* How fast the engine alone is, with few and with very many allocations that have a permission and
 * a channel each: whole set-ups, packets of the data lane, the end of all. Clients and peers are
 * simulated in the same thread, and what they cost is measured apart and left out. Prints one
 * figure per line. */
#include "world.h"

#include "wire/chandata.h"

/* FAMILY_*: RFC 8656 section 18.9. V4_MOST: the others' relays are IPv6, since one address has no
 * more ports. */
enum {
    FAMILY_V4 = 1,
    FAMILY_V6 = 2,
    FIRST = 1024,
    LAST = 65535,
    V4_MOST = 60000,
    PACKETS = 2000000,
    PAYLOAD = 160,
};

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
    struct turn_shared *shared;
    struct turn *t;
    usec_t engine; /* time spent in the engine */
    int n;         /* allocations */
    uint32_t *relays;
};

static struct turn_flow flow_of(int i)
{
    uint8_t ip[4] = {45, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
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

static enum turn_family family_of(int i)
{
    return i < V4_MOST ? TURN_V4 : TURN_V6;
}

/* The last peer is the one with an IPv6 address. */
static const struct addr *peer_of(const struct bench *b, int i)
{
    return &b->w->peer[family_of(i) == TURN_V4 ? 0 : PEERS - 1].addr;
}

static void set_up(struct bench *b, int i)
{
    struct client *c = &b->w->client[0];
    struct ask peer = {.peers = {*peer_of(b, i)}, .n_peers = 1};
    struct ask want = {.method = STUN_ALLOCATE, .has_lifetime = true, .lifetime = 3600};
    want.family = family_of(i) == TURN_V4 ? FAMILY_V4 : FAMILY_V6;
    c->flow = flow_of(i);
    c->nonce_len = 0;
    ask(b, c, &want);
    b->relays[i] = (uint32_t)turn_relay_find(b->t, &c->relayed[family_of(i)]);
    peer.method = STUN_CREATE_PERMISSION;
    ask(b, c, &peer);
    peer.method = STUN_CHANNEL_BIND;
    peer.channel = 0x4000;
    ask(b, c, &peer);
}

/* Visits everybody, neighbours far apart, as packets come in. */
static int scattered(const struct bench *b, int i)
{
    return (int)(i * INT64_C(7919) % b->n);
}

static double seconds(usec_t t)
{
    return (double)(t > 0 ? t : 1) / (double)USEC_PER_SEC;
}

/* The mean of one packet, in ns. */
static double measure_outbound(struct bench *b)
{
    uint8_t buf[TURN_HEADROOM + 4 + PAYLOAD + TURN_TAILROOM] = {0};
    uint8_t *p = buf + TURN_HEADROOM;
    struct turn_out out;
    unsigned passed = 0;
    chandata_header(p + 4, 0x4000, PAYLOAD);
    usec_t start = clock_monotonic();
    for (int i = 0; i < PACKETS; i++) {
        struct turn_flow f = flow_of(scattered(b, i));
        struct turn_pkt pkt = {p, 4 + PAYLOAD};
        passed += turn_from_client(b->t, &f, pkt, b->w->now, &out) == TURN_TO_PEER;
    }
    usec_t took = clock_monotonic() - start;
    MUST(b->w, passed == PACKETS);
    return seconds(took) / PACKETS * 1e9;
}

static double measure_inbound(struct bench *b)
{
    uint8_t buf[TURN_HEADROOM + PAYLOAD + TURN_TAILROOM] = {0};
    struct turn_out out;
    unsigned passed = 0;
    usec_t start = clock_monotonic();
    for (int i = 0; i < PACKETS; i++) {
        int who = scattered(b, i);
        struct turn_peer_pkt in = {
            b->relays[who], *peer_of(b, who), {buf + TURN_HEADROOM, PAYLOAD}};
        passed += turn_from_peer(b->t, &in, b->w->now, &out) == TURN_TO_CLIENT;
    }
    usec_t took = clock_monotonic() - start;
    MUST(b->w, passed == PACKETS);
    return seconds(took) / PACKETS * 1e9;
}

static void make_engine(struct bench *b)
{
    host_init(&b->host, b->w);
    b->host.host.relay_open = open_any;
    b->host.host.relay_close = close_any;
    b->shared = turn_shared_new(&(struct turn_shared_conf){{FIRST, LAST}, 1});
    struct turn_setup setup = {.conf = world_conf(CONF_PLAIN),
                               .shared = b->shared,
                               .host = &b->host.host,
                               .max_relays = TURN_FAMILIES * (LAST - FIRST + 1),
                               .now = b->w->now};
    b->t = b->shared ? turn_new(&setup) : NULL;
    MUST(b->w, b->t);
}

static void end_engine(struct bench *b)
{
    struct turn_stats stats;
    usec_t start = clock_monotonic();

    turn_expire(b->t, b->w->now + 4000 * USEC_PER_SEC);
    printf("%d expiry_of_all_ms %.1f\n", b->n, seconds(clock_monotonic() - start) * 1e3);
    turn_stats(b->t, &stats);
    MUST(b->w, stats.allocations == 0);
    turn_free(b->t);
    turn_shared_free(b->shared);
}

static void run(struct world *w, int n)
{
    struct bench b = {.w = w, .n = n, .relays = malloc((size_t)n * sizeof *b.relays)};
    MUST(w, b.relays);
    make_engine(&b);
    for (int i = 0; i < n; i++)
        set_up(&b, i);
    printf("%d set_ups_per_second %.0f\n", n, n / seconds(b.engine));
    printf("%d channel_to_peer_ns %.1f\n", n, measure_outbound(&b));
    printf("%d peer_to_channel_ns %.1f\n", n, measure_inbound(&b));
    MUST(w, turn_check(b.t) == 0);
    end_engine(&b);
    free(b.relays);
}

int main(void)
{
    static const int sizes[] = {1, 100, 10000, 100000};
    struct world *w = world_new(1);

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        run(w, sizes[i]);
    world_free(w);
    return 0;
}
