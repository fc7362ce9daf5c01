/* A client: credentials of RFC 5389 or 8489, retries on 401 and 438, checks what it gets. */
#include "world.h"

#include "crypto/longterm.h"
#include "wire/chandata.h"
#include "wire/stun_auth.h"

static const char REALM[] = "example.org";

void client_init(struct world *w, int i)
{
    static const struct {
        const char *user;
        const char *password;
        bool modern, userhash;
        uint8_t transport;
    } rows[CLIENTS] = {
        {"anna", "geheim", false, false, TURN_UDP}, {"bert", "passwort", true, false, TURN_UDP},
        {NULL, NULL, false, false, TURN_UDP},       {"cleo", "nil", true, true, TURN_UDP},
        {NULL, NULL, true, false, TURN_TLS},        {"bert", "passwort", false, false, TURN_TCP},
    };
    struct client *c = &w->client[i];
    c->user = rows[i].user;
    c->password = rows[i].password;
    c->modern = rows[i].modern;
    c->userhash = rows[i].userhash;
    if (!c->user)
        world_timed_login(w, c, world_wall(w) + 3600);
    uint8_t ip[4] = {40, 0, 0, (uint8_t)(1 + i / 2)};
    c->flow.client = addr_make(ADDR_V4, ip, (uint16_t)(4000 + i));
    c->flow.server = world_server();
    c->flow.transport = rows[i].transport;
    c->result = -1;
}

static size_t key_of(struct world *w, const struct client *c, bool sha256, uint8_t key[DIGEST_MAX])
{
    struct longterm who = {span_text(c->user), span_text(REALM), span_text(c->password)};
    int n = longterm_key(w->crypto, sha256 ? DIGEST_SHA256 : DIGEST_MD5, &who, key);
    MUST(w, n > 0);
    return (size_t)n;
}

static void put_ask(struct writer *b, const struct client *c)
{
    const struct ask *a = &c->ask;
    if (a->method == STUN_ALLOCATE)
        stun_put_number(b, STUN_ATTR_REQUESTED_TRANSPORT, a->tcp ? 6 : 17);
    if (a->family)
        stun_put_number(b, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, a->family);
    if (a->additional)
        stun_put_number(b, STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY, a->additional);
    if (a->has_even)
        stun_put_number(b, STUN_ATTR_EVEN_PORT, a->reserve ? 0x80 : 0);
    if (a->redeem)
        stun_put_bytes(b, STUN_ATTR_RESERVATION_TOKEN, span_of(c->token, sizeof(c->token)));
    if (a->has_lifetime)
        stun_put_number(b, STUN_ATTR_LIFETIME, a->lifetime);
    if (a->channel)
        stun_put_number(b, STUN_ATTR_CHANNEL_NUMBER, a->channel);
    for (size_t i = 0; i < a->n_peers; i++)
        stun_put_addr(b, STUN_ATTR_XOR_PEER_ADDRESS, &a->peers[i]);
    if (a->has_id)
        stun_put_number(b, STUN_ATTR_CONNECTION_ID, a->id);
    /* Long enough to be offered the new algorithms in the first answer. */
    if (c->modern)
        stun_put_bytes(b, STUN_ATTR_SOFTWARE,
                       span_text("a client with a name of quite some length, as there are many"));
}

void client_sign(struct world *w, struct client *c, struct writer *b)
{
    static const uint8_t all[] = {0, 2, 0, 0, 0, 1, 0, 0};
    bool modern = c->modern && c->offered;
    uint8_t hash[SHA256_LEN];
    if (c->userhash) {
        MUST(w, longterm_userhash(w->crypto, span_text(c->user), span_text(REALM), hash) == 0);
        stun_put_bytes(b, STUN_ATTR_USERHASH, span_of(hash, sizeof(hash)));
    } else {
        stun_put_bytes(b, STUN_ATTR_USERNAME, span_text(c->user));
    }
    stun_put_bytes(b, STUN_ATTR_REALM, span_text(REALM));
    stun_put_bytes(b, STUN_ATTR_NONCE, span_of(c->nonce, c->nonce_len));
    if (modern) {
        stun_put_bytes(b, STUN_ATTR_PASSWORD_ALGORITHMS, span_of(all, sizeof(all)));
        stun_put_bytes(b, STUN_ATTR_PASSWORD_ALGORITHM, span_of(all, 4));
    }
    uint8_t key[DIGEST_MAX];
    size_t n = key_of(w, c, modern, key);
    stun_sign(b, w->crypto,
              modern ? STUN_ATTR_MESSAGE_INTEGRITY_SHA256 : STUN_ATTR_MESSAGE_INTEGRITY,
              span_of(key, n));
}

size_t client_build(struct world *w, struct client *c, uint8_t *buf, size_t cap)
{
    for (size_t i = 0; i < sizeof(c->tid); i++)
        c->tid[i] = (uint8_t)(world_random(w) >> 24);
    struct writer b = w_over(buf, cap);
    stun_begin(&b, STUN_REQUEST, c->ask.method, c->tid);
    put_ask(&b, c);
    if (c->nonce_len && c->ask.method != STUN_BINDING)
        client_sign(w, c, &b);
    if (c->tid[0] & 1)
        stun_fingerprint(&b);
    stun_end(&b);
    MUST(w, !b.bad);
    return b.n;
}

static void to_server(struct world *w, const struct client *c, struct span bytes)
{
    struct datagram d = {.from = c->flow.client, .to = c->flow.server};
    MUST(w, bytes.n <= sizeof(d.bytes));
    d.transport = c->flow.transport;
    d.n = bytes.n;
    memcpy(d.bytes, bytes.p, bytes.n);
    world_send(w, &d);
}

static void try_once(struct world *w, struct client *c)
{
    c->tries++;
    c->sent_n = client_build(w, c, c->sent, sizeof(c->sent));
    to_server(w, c, span_of(c->sent, c->sent_n));
}

void client_ask(struct world *w, struct client *c, const struct ask *ask)
{
    c->ask = *ask;
    c->tries = 0;
    c->result = -1;
    try_once(w, c);
}

void client_again(struct world *w, struct client *c)
{
    if (c->sent_n)
        to_server(w, c, span_of(c->sent, c->sent_n));
}

static void fill(struct world *w, uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)world_random(w);
}

void client_send(struct world *w, struct client *c, const struct addr *to, size_t n)
{
    uint8_t buf[PACKET_MAX];
    uint8_t data[1500];
    uint8_t tid[12];
    fill(w, data, n);
    fill(w, tid, sizeof(tid));
    struct writer b = w_over(buf, sizeof(buf));
    stun_begin(&b, STUN_INDICATION, STUN_SEND, tid);
    stun_put_addr(&b, STUN_ATTR_XOR_PEER_ADDRESS, to);
    if (tid[0] & 1)
        stun_put_bytes(&b, STUN_ATTR_DONT_FRAGMENT, span_of(NULL, 0));
    stun_put_bytes(&b, STUN_ATTR_DATA, span_of(data, n));
    stun_end(&b);
    MUST(w, !b.bad);
    to_server(w, c, w_span(&b));
}

void client_channel(struct world *w, struct client *c, uint16_t number, size_t n)
{
    uint8_t buf[PACKET_MAX];
    fill(w, buf + CHANDATA_HEADER_LEN, n);
    chandata_header(buf + CHANDATA_HEADER_LEN, number, (uint16_t)n);
    to_server(w, c, span_of(buf, n + CHANDATA_HEADER_LEN));
}

static void learn(struct client *c, const struct stun_msg *m)
{
    struct span nonce;
    if (!stun_get_bytes(m, STUN_ATTR_NONCE, &nonce) || nonce.n > sizeof(c->nonce))
        return;
    memcpy(c->nonce, nonce.p, nonce.n);
    c->nonce_len = nonce.n;
    c->offered = stun_has(m, STUN_ATTR_PASSWORD_ALGORITHMS);
}

static void on_error(struct world *w, struct client *c, const struct stun_msg *m)
{
    struct span v = m->value[STUN_ATTR_ERROR_CODE];
    MUST(w, stun_has(m, STUN_ATTR_ERROR_CODE) && v.n >= 4);
    int code = v.p[2] * 100 + v.p[3];
    bool again = code == STUN_STALE_NONCE || (code == STUN_UNAUTHENTICATED && c->tries == 1);
    if (again)
        learn(c, m);
    if (again && c->tries < 4)
        try_once(w, c);
    else
        c->result = code;
}

static void remember_allocation(struct client *c, const struct stun_msg *m)
{
    memset(c->relayed, 0, sizeof(c->relayed));
    size_t cursor = 0;
    struct span value;
    struct addr a;
    while (stun_next(m, STUN_ATTR_XOR_RELAYED_ADDRESS, &cursor, &value))
        if (stun_addr_value(m, value, &a))
            c->relayed[a.family == ADDR_V6 ? TURN_V6 : TURN_V4] = a;
    struct span token;
    if (stun_get_bytes(m, STUN_ATTR_RESERVATION_TOKEN, &token))
        memcpy(c->token, token.p, sizeof(c->token));
}

static void on_success(struct world *w, struct client *c, const struct stun_msg *m)
{
    c->result = 0;
    if (m->method == STUN_BINDING) {
        struct addr mapped;
        MUST(w, stun_get_addr(m, STUN_ATTR_XOR_MAPPED_ADDRESS, &mapped));
        MUST(w, addr_eq(&mapped, &c->flow.client));
        return;
    }
    bool modern = stun_has(m, STUN_ATTR_MESSAGE_INTEGRITY_SHA256);
    uint8_t key[DIGEST_MAX];
    size_t n = key_of(w, c, modern, key);
    MUST(w, stun_verify(m, w->crypto,
                        modern ? STUN_ATTR_MESSAGE_INTEGRITY_SHA256 : STUN_ATTR_MESSAGE_INTEGRITY,
                        span_of(key, n)));
    c->printed = stun_has(m, STUN_ATTR_FINGERPRINT);
    stun_get_number(m, STUN_ATTR_LIFETIME, &c->lifetime);
    MUST(w,
         stun_get_number(m, STUN_ATTR_CONNECTION_ID, &c->link_id) == (m->method == STUN_CONNECT));
    if (m->method == STUN_ALLOCATE)
        remember_allocation(c, m);
}

void client_receive(struct world *w, struct client *c, struct span packet)
{
    if (packet.p[0] >= 0x40) {
        c->got_channel++;
        return;
    }
    struct stun_msg m;
    MUST(w, stun_parse(packet, &m) == 0);
    if (m.cls == STUN_INDICATION && m.method == STUN_CONNECTION_ATTEMPT) {
        MUST(w, stun_get_number(&m, STUN_ATTR_CONNECTION_ID, &c->link_id));
        c->got_attempts++;
        return;
    }
    if (m.cls == STUN_INDICATION) {
        c->got_icmp += stun_has(&m, STUN_ATTR_ICMP);
        c->got_data += !stun_has(&m, STUN_ATTR_ICMP);
        return;
    }
    /* What nobody waits for any more. */
    if (c->result != -1 || !span_eq(span_of(m.tid, sizeof(m.tid)), span_of(c->tid, 12)))
        return;
    if (m.cls == STUN_ERROR)
        on_error(w, c, &m);
    else
        on_success(w, c, &m);
}

void client_rebind(struct world *w, struct client *c)
{
    c->flow.client.port = (uint16_t)(c->flow.client.port + CLIENTS + world_random(w) % 2 * CLIENTS);
}

struct client *client_at(struct world *w, const struct addr *to, uint8_t transport)
{
    for (int i = 0; i < CLIENTS + DIALS; i++) {
        struct client *c = i < CLIENTS ? &w->client[i] : &w->dial[i - CLIENTS];
        if (to->family != ADDR_NONE && addr_eq(&c->flow.client, to) &&
            c->flow.transport == transport)
            return c;
    }
    return NULL;
}
