/* Whose datagram it is, and how long sessions live. */
#include "net/dtls_int.h"

#include "base/mem.h"
#include "base/reader.h"

static uint64_t hash_of(const struct dtls *d, const struct turn_flow *flow)
{
    struct addr both[] = {flow->client, flow->server};

    return htab_hash(&d->sessions, both, sizeof both);
}

static struct session *find(const struct dtls *d, const struct turn_flow *flow)
{
    struct htab_node *it = htab_first(&d->sessions, hash_of(d, flow));

    for (; it; it = htab_next(it)) {
        struct session *s = container_of(it, struct session, node);
        if (addr_eq(&s->flow.client, &flow->client) && addr_eq(&s->flow.server, &flow->server))
            return s;
    }
    return NULL;
}

/* RFC 6347 sections 4.1 and 4.2.2. Its random bytes tell one from another. */
static bool is_client_hello(struct span datagram, struct span *ret_random)
{
    enum { HANDSHAKE = 22, MAJOR = 0xfe, CLIENT_HELLO = 1 };
    struct reader r = r_from(datagram);
    bool is = r_u8(&r) == HANDSHAKE;

    is &= r_u8(&r) == MAJOR;
    r_u8(&r);
    is &= r_u16(&r) == 0; /* epoch: unencrypted */
    r_bytes(&r, 6 + 2);   /* sequence number, length */
    is &= r_u8(&r) == CLIENT_HELLO;
    r_bytes(&r, 3 + 2);       /* length, number */
    is &= r_uint(&r, 3) == 0; /* the first fragment */
    r_bytes(&r, 3 + 2);       /* its length, version */
    *ret_random = r_bytes(&r, DTLS_RANDOM);
    return is && !r.bad;
}

/* A handshake's messages are the session's that runs it; a new one starts without any, even when
 * one is still there, as a client that lost its memory has no other address to come from
 * (RFC 6347 section 4.2.8). */
static bool begins(const struct session *s, struct span datagram, struct span *ret_random)
{
    if (!is_client_hello(datagram, ret_random))
        return false;
    return !s || !span_eq(*ret_random, span_of(s->random, sizeof s->random));
}

static void unlink_session(struct dtls *d, struct session *s)
{
    htab_remove(&d->sessions, &s->node);
    htab_remove(&d->prefixes, &s->prefix_node);
    wheel_clear(&d->wheel, &s->timer);
    d->slots[s->flow.via] = NULL;
    d->free_names[d->n_free++] = s->flow.via;
    if (!s->is_open)
        d->n_half_open--;
}

static void end(struct dtls *d, struct session *s)
{
    session_bye(s);
    turn_flow_closed(d->worker->engine, &s->flow);
    unlink_session(d, s);
    session_free(s);
}

static bool prefix_is_full(const struct dtls *d, const struct addr *prefix, uint64_t hash)
{
    uint32_t max = d->conf.connections_per_prefix;
    uint32_t n = 0;

    if (max == 0)
        return false;
    for (struct htab_node *it = htab_first(&d->prefixes, hash); it && n < max; it = htab_next(it))
        n += addr_eq(&container_of(it, struct session, prefix_node)->prefix, prefix);
    return n >= max;
}

/* Takes the session in; false when there is no room for one more of this client's kind. */
static bool adopt(struct dtls *d, struct session *s)
{
    s->prefix = addr_prefix(&s->flow.client, d->conf.prefix_v4, d->conf.prefix_v6);
    uint64_t hash = htab_hash(&d->prefixes, &s->prefix, sizeof s->prefix);
    if (d->n_free == 0 || prefix_is_full(d, &s->prefix, hash))
        return false;
    s->flow.via = d->free_names[--d->n_free];
    d->slots[s->flow.via] = s;
    d->n_half_open++;
    htab_insert(&d->sessions, &s->node, hash_of(d, &s->flow));
    htab_insert(&d->prefixes, &s->prefix_node, hash);
    return true;
}

/* When the session has been waited for long enough, whatever it is waited for. */
static usec_t limit_of(const struct dtls *d, const struct session *s)
{
    uint32_t opening =
        d->conf.handshake_s < DTLS_HALF_OPEN_S ? d->conf.handshake_s : DTLS_HALF_OPEN_S;
    uint32_t seconds = s->has_spoken ? d->conf.idle_s : s->is_open ? d->conf.handshake_s : opening;
    return s->is_broken ? 0 : s->since + seconds * USEC_PER_SEC;
}

static void arm(struct dtls *d, struct session *s)
{
    usec_t when = limit_of(d, s);
    usec_t patience = session_patience(s);

    if (patience != USEC_NEVER && worker_now(d->worker) + patience < when)
        when = worker_now(d->worker) + patience;
    wheel_set(&d->wheel, &s->timer, when);
}

static void go_on(struct dtls *d, struct session *s)
{
    if (session_step(s))
        arm(d, s);
    else
        end(d, s);
}

/* The spare one, made for the certificates that are in force. */
static struct session *spare(struct dtls *d)
{
    if (d->spare && d->spare->tls != d->worker->tls) {
        session_free(d->spare);
        d->spare = NULL;
    }
    if (!d->spare)
        d->spare = session_new(d);
    return d->spare;
}

static void begin(struct dtls *d, struct session *s, struct span random)
{
    struct session *old = find(d, &s->flow);

    if (old)
        end(d, old);
    memcpy(s->random, random.p, sizeof s->random);
    s->since = worker_now(d->worker);
    if (adopt(d, s))
        go_on(d, s);
    else
        session_free(s);
}

static void greet(struct dtls *d, const struct listener *l, const struct arrival *in,
                  struct span random)
{
    struct session *s = d->n_half_open < DTLS_HALF_OPEN_MAX ? spare(d) : NULL;

    if (!s)
        return;
    s->listener = l;
    s->flow = listener_flow(l, in, TURN_DTLS);
    if (session_greet(s, span_of(in->pkt.p, in->pkt.n))) {
        d->spare = NULL;
        begin(d, s, random);
    } else {
        s->flow = (struct turn_flow){.transport = TURN_DTLS};
    }
}

void dtls_input(struct dtls *d, const struct listener *l, const struct arrival *in)
{
    struct span datagram = span_of(in->pkt.p, in->pkt.n);
    struct turn_flow flow = listener_flow(l, in, TURN_DTLS);
    struct session *s = find(d, &flow);
    struct span random;

    if (begins(s, datagram, &random)) {
        greet(d, l, in, random);
        return;
    }
    if (!s || s->is_broken)
        return;
    s->in = datagram;
    s->in_tos = in->tos;
    go_on(d, s);
}

void dtls_output(struct dtls *d, uint32_t name, struct span data, uint8_t tos)
{
    struct session *s = name < d->conf.connections ? d->slots[name] : NULL;

    if (!s || !s->is_open || s->is_broken || data.n == 0 || data.n > DTLS_DATA_MAX)
        return;
    s->out_tos = tos;
    session_write(s, data);
    s->out_tos = 0;
    /* Not at once: the caller may be in the middle of this very session. */
    if (s->is_broken)
        arm(d, s);
}

usec_t dtls_deadline(const struct dtls *d)
{
    return wheel_next(&d->wheel);
}

static void on_timer(void *ctx, struct wheel_node *node, usec_t now)
{
    struct dtls *d = ctx;
    struct session *s = container_of(node, struct session, timer);

    worker_make_room(d->worker, ARENA_BATCH);
    bool over = now >= limit_of(d, s);
    if (over && s->has_spoken && !s->is_broken &&
        turn_flow_lives(d->worker->engine, &s->flow, now)) {
        s->since = now;
        over = false;
    }
    if (over || !session_repeat(s))
        end(d, s);
    else
        arm(d, s);
}

void dtls_expire(struct dtls *d, usec_t now)
{
    wheel_expire(&d->wheel, now, on_timer, d);
}

static bool make_tables(struct dtls *d)
{
    uint8_t keys[2][SIPHASH_KEY_LEN];
    struct turn_host *host = &d->worker->host;
    uint32_t n = d->conf.connections;

    host->random(host, keys, sizeof keys);
    host->random(host, d->cookie_keys, sizeof d->cookie_keys);
    d->slots = mem_zalloc(n * sizeof(struct session *));
    d->free_names = mem_zalloc(n * sizeof *d->free_names);
    d->method = dtls_io_new();
    if (!d->slots || !d->free_names || !d->method || htab_init(&d->sessions, n, keys[0]) != 0 ||
        htab_init(&d->prefixes, n, keys[1]) != 0)
        return false;
    while (d->n_free < n) {
        d->free_names[d->n_free] = n - 1 - d->n_free;
        d->n_free++;
    }
    return true;
}

struct dtls *dtls_new(struct worker *w, const struct net_stream_conf *conf)
{
    struct dtls *d = mem_zalloc(sizeof *d);

    if (!d)
        return NULL;
    d->worker = w;
    d->conf = *conf;
    wheel_init(&d->wheel, clock_monotonic());
    if (make_tables(d))
        return d;
    dtls_free(d);
    return NULL;
}

void dtls_free(struct dtls *d)
{
    if (!d)
        return;
    for (uint32_t i = 0; d->slots && i < d->conf.connections; i++)
        session_free(d->slots[i]);
    session_free(d->spare);
    dtls_io_free(d->method);
    htab_free(&d->sessions);
    htab_free(&d->prefixes);
    mem_free(d->slots);
    mem_free(d->free_names);
    mem_free_wiped(d, sizeof *d);
}
