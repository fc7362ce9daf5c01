/* The room with the real engine, two workers and clients on loopback: allocate, permission,
 * channel, data both ways, relay to relay on both kinds of way, an unreachable peer, reload and
 * drain. */
#include "loopback.h"

#include <errno.h>
#include <fcntl.h>

#include "base/mem.h"
#include "crypto/longterm.h"
#include "net/net.h"
#include "wire/chandata.h"
#include "wire/stun_auth.h"

#define REALM "test.example"
#define USER "user"
#define PASSWORD "password"

enum { FIRST_PORT = 20000, LAST_PORT = 20999, CHANNEL = 0x4001, PACKET = 1500 };

struct credential_world {
    struct net_world net;
    struct turn_conf turn;
    struct cidr allow;
    uint8_t key[DIGEST_MAX];
    size_t key_len;
    atomic_int released;
};

static int credential(const struct net_world *world, uint16_t worker,
                      const struct turn_cred_query *query, struct turn_cred *ret)
{
    const struct credential_world *w = (const void *)world; /* its first member */

    (void)worker;
    if (query->nth > 0 || query->sha256 || !span_eq(query->user, span_text(USER)))
        return -ENOENT;
    *ret = (struct turn_cred){.key_len = w->key_len, .account = query->user};
    memcpy(ret->key, w->key, w->key_len);
    return 0;
}

static void release(struct net_world *world)
{
    atomic_fetch_add(&((struct credential_world *)(void *)world)->released, 1);
}

static void make_world(struct credential_world *w, struct crypto *c, uint32_t generation)
{
    struct longterm who = {span_text(USER), span_text(REALM), span_text(PASSWORD)};

    *w = (struct credential_world){
        .net = {.turn = &w->turn, .credential = credential, .release = release},
        .turn =
            {
                .realm = REALM,
                .relay = {[TURN_V4] = {loopback_addr(0), loopback_addr(0)}},
                .policy = {.allow = &w->allow, .n_allow = 1},
                .limits = {.permissions = 16, .channels = 16, .prefix_v4 = 32, .prefix_v6 = 56},
                .times = {.lifetime = 600, .lifetime_max = 3600, .nonce = 600},
                .binding = true,
                .generation = generation,
            },
    };
    assert_true(cidr_parse("127.0.0.0/8", &w->allow));
    w->key_len = (size_t)longterm_key(c, DIGEST_MD5, &who, w->key);
}

struct fixture {
    struct net *net;
    struct crypto *crypto;
    struct credential_world world;
    struct addr server;
};

struct client {
    struct fixture *f;
    int fd;
    uint8_t nonce[128];
    size_t nonce_len;
    struct addr relayed;
    uint8_t buffer[PACKET];
    struct stun_msg reply;
};

static int begin(void **state)
{
    static struct fixture f;
    struct net_error err = {""};

    f = (struct fixture){.crypto = crypto_new(), .server = free_addr()};
    struct net_conf conf = {.listen = {{f.server, NET_UDP}},
                            .n_listen = 1,
                            .workers = 2,
                            .ports = {FIRST_PORT, LAST_PORT},
                            .max_relays = TURN_FAMILIES * (LAST_PORT - FIRST_PORT + 1)};
    make_world(&f.world, f.crypto, 1);
    f.net = net_new(&conf, &f.world.net, &err);
    assert_string_equal(err.text, "");
    assert_non_null(f.net);
    assert_int_equal(net_start(f.net), 0);
    *state = &f;
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;

    net_stop(f->net);
    net_free(f->net);
    crypto_free(f->crypto);
    assert_int_equal(f->world.released, 1);
    assert_int_equal(mem_live(), 0);
    return 0;
}

/* --- A client --- */

static void ask_begin(struct client *c, struct writer *w, uint16_t method)
{
    uint8_t tid[STUN_TID_LEN];

    crypto_random(tid, sizeof tid);
    *w = w_over(c->buffer, sizeof c->buffer);
    stun_begin(w, STUN_REQUEST, method, tid);
}

static int exchange(struct client *c, struct writer *w)
{
    stun_end(w);
    struct span s = w_span(w);
    send_bytes(c->fd, &c->f->server, s.p, s.n);
    ssize_t n = receive_within(c->fd, LOOPBACK_WAIT_MS, c->buffer, sizeof c->buffer);
    assert_true(n > 0);
    assert_int_equal(stun_parse(span_of(c->buffer, (size_t)n), &c->reply), 0);
    struct span error;
    if (c->reply.cls == STUN_SUCCESS)
        return 0;
    assert_true(stun_get_bytes(&c->reply, STUN_ATTR_ERROR_CODE, &error));
    return error.p[2] * 100 + error.p[3];
}

static int ask(struct client *c, struct writer *w)
{
    struct span key = span_of(c->f->world.key, c->f->world.key_len);

    stun_put_bytes(w, STUN_ATTR_USERNAME, span_text(USER));
    stun_put_bytes(w, STUN_ATTR_REALM, span_text(REALM));
    stun_put_bytes(w, STUN_ATTR_NONCE, span_of(c->nonce, c->nonce_len));
    stun_sign(w, c->f->crypto, STUN_ATTR_MESSAGE_INTEGRITY, key);
    return exchange(c, w);
}

static int allocate(struct client *c)
{
    struct writer w;
    struct span nonce;

    ask_begin(c, &w, STUN_ALLOCATE);
    stun_put_number(&w, STUN_ATTR_REQUESTED_TRANSPORT, IPPROTO_UDP);
    assert_int_equal(exchange(c, &w), 401);
    assert_true(stun_get_bytes(&c->reply, STUN_ATTR_NONCE, &nonce));
    assert_true(nonce.n <= sizeof c->nonce);
    memcpy(c->nonce, nonce.p, nonce.n);
    c->nonce_len = nonce.n;

    ask_begin(c, &w, STUN_ALLOCATE);
    stun_put_number(&w, STUN_ATTR_REQUESTED_TRANSPORT, IPPROTO_UDP);
    int code = ask(c, &w);
    if (code == 0)
        assert_true(stun_get_addr(&c->reply, STUN_ATTR_XOR_RELAYED_ADDRESS, &c->relayed));
    return code;
}

static void client_open(struct client *c, struct fixture *f)
{
    *c = (struct client){.f = f, .fd = loopback_socket()};
    assert_int_equal(allocate(c), 0);
}

static void permit(struct client *c, const struct addr *peer)
{
    struct writer w;

    ask_begin(c, &w, STUN_CREATE_PERMISSION);
    stun_put_addr(&w, STUN_ATTR_XOR_PEER_ADDRESS, peer);
    assert_int_equal(ask(c, &w), 0);
}

static void bind_channel(struct client *c, const struct addr *peer)
{
    struct writer w;

    ask_begin(c, &w, STUN_CHANNEL_BIND);
    stun_put_number(&w, STUN_ATTR_CHANNEL_NUMBER, CHANNEL);
    stun_put_addr(&w, STUN_ATTR_XOR_PEER_ADDRESS, peer);
    assert_int_equal(ask(c, &w), 0);
}

static void refresh(struct client *c, uint32_t lifetime)
{
    struct writer w;

    ask_begin(c, &w, STUN_REFRESH);
    stun_put_number(&w, STUN_ATTR_LIFETIME, lifetime);
    assert_int_equal(ask(c, &w), 0);
}

static void say(struct client *c, const char *text)
{
    uint8_t p[64];

    chandata_header(p + CHANDATA_HEADER_LEN, CHANNEL, (uint16_t)strlen(text));
    memcpy(p + CHANDATA_HEADER_LEN, text, strlen(text));
    send_bytes(c->fd, &c->f->server, p, CHANDATA_HEADER_LEN + strlen(text));
}

static void hear(struct client *c, const char *text)
{
    uint8_t p[64];

    chandata_header(p + CHANDATA_HEADER_LEN, CHANNEL, (uint16_t)strlen(text));
    memcpy(p + CHANDATA_HEADER_LEN, text, strlen(text));
    expect_bytes(c->fd, p, CHANDATA_HEADER_LEN + strlen(text));
}

static void hear_indication(struct client *c, const struct addr *peer)
{
    struct addr from;

    ssize_t n = receive_within(c->fd, LOOPBACK_WAIT_MS, c->buffer, sizeof c->buffer);
    assert_true(n > 0);
    assert_int_equal(stun_parse(span_of(c->buffer, (size_t)n), &c->reply), 0);
    assert_int_equal(c->reply.method, STUN_DATA);
    assert_true(stun_get_addr(&c->reply, STUN_ATTR_XOR_PEER_ADDRESS, &from));
    assert_true(addr_eq(&from, peer));
}

/* --- */

static void t_channel_and_indications(void **state)
{
    struct client c;
    int peer = loopback_socket();
    struct addr at = local_addr(peer);
    struct span data;

    client_open(&c, *state);
    permit(&c, &at);
    send_bytes(peer, &c.relayed, "hello", 5);
    hear_indication(&c, &at);
    assert_true(stun_get_bytes(&c.reply, STUN_ATTR_DATA, &data));
    assert_true(span_eq(data, span_text("hello")));
    bind_channel(&c, &at);
    say(&c, "to the peer");
    expect_bytes(peer, "to the peer", 11);
    send_bytes(peer, &c.relayed, "back", 4);
    hear(&c, "back");
    refresh(&c, 0);
    send_bytes(peer, &c.relayed, "gone", 4);
    close(peer);
    close(c.fd);
}

/* RFC 8656 section 11.5, and the relay outlives it. */
static void t_unreachable_peer(void **state)
{
    struct client c;
    struct addr nobody = free_addr();
    struct span icmp;

    client_open(&c, *state);
    bind_channel(&c, &nobody);
    say(&c, "anyone?");
    hear_indication(&c, &nobody);
    assert_true(stun_get_bytes(&c.reply, STUN_ATTR_ICMP, &icmp));
    assert_int_equal(icmp.n, 8);
    int peer = bound_socket(&nobody);
    say(&c, "now?");
    expect_bytes(peer, "now?", 4);
    close(peer);
    close(c.fd);
}

enum { CALLS = 12 };

/* With this many calls, some are within a worker and some between the two. */
static void t_relay_to_relay(void **state)
{
    struct client a[CALLS];
    struct client b[CALLS];

    for (int i = 0; i < CALLS; i++) {
        client_open(&a[i], *state);
        client_open(&b[i], *state);
        bind_channel(&a[i], &b[i].relayed);
        bind_channel(&b[i], &a[i].relayed);
    }
    for (int i = 0; i < CALLS; i++) {
        say(&a[i], "ping");
        hear(&b[i], "ping");
        say(&b[i], "pong!");
        hear(&a[i], "pong!");
    }
    for (int i = 0; i < CALLS; i++) {
        close(a[i].fd);
        close(b[i].fd);
    }
}

static void t_reload_and_drain(void **state)
{
    struct fixture *f = *state;
    struct credential_world next;
    struct client c;
    struct client refused;
    int peer = loopback_socket();
    struct addr at = local_addr(peer);

    client_open(&c, f);
    bind_channel(&c, &at);
    make_world(&next, f->crypto, 2);
    net_apply(f->net, &next.net);
    say(&c, "still here");
    expect_bytes(peer, "still here", 10);
    net_drain(f->net);
    refused = (struct client){.f = f, .fd = loopback_socket()};
    int code = 0;
    for (int i = 0; i < 100 && code == 0; i++) { /* the order is on its way to the worker */
        code = allocate(&refused);
        if (code == 0)
            refresh(&refused, 0);
    }
    assert_int_equal(code, STUN_NO_CAPACITY);
    say(&c, "and still");
    expect_bytes(peer, "and still", 9);
    /* Ends here rather than in tear_down, while `next` is alive. */
    net_stop(f->net);
    net_free(f->net);
    f->net = NULL;
    assert_int_equal(next.released, 1);
    close(peer);
    close(c.fd);
    close(refused.fd);
}

/* An order is on its way to the worker while the client goes on. */
static int refresh_until(struct client *c, int wanted)
{
    int code = -1;

    for (int i = 0; i < 100 && code != wanted; i++) {
        struct writer w;
        ask_begin(c, &w, STUN_REFRESH);
        code = ask(c, &w);
    }
    return code;
}

static void t_kill(void **state)
{
    struct fixture *f = *state;
    struct client c;
    struct client other;

    client_open(&c, f);
    client_open(&other, f);
    for (unsigned port = 1; port < FIRST_PORT + 2000; port++) {
        if (port != other.relayed.port && port != c.relayed.port)
            net_kill(f->net, (uint16_t)port);
    }
    net_kill(f->net, c.relayed.port);
    assert_int_equal(refresh_until(&c, STUN_ALLOCATION_MISMATCH), STUN_ALLOCATION_MISMATCH);
    refresh(&other, 600);
    close(c.fd);
    close(other.fd);
}

static void t_usage(void **state)
{
    struct fixture *f = *state;
    struct client c[3];
    uint64_t got[TURN_USES];

    for (int i = 0; i < 3; i++)
        client_open(&c[i], f);
    net_take_usage(f->net, got);
    assert_int_equal(got[TURN_USE_ALLOCATIONS], 3);
    assert_int_equal(got[TURN_USE_VOLUME], 0);
    assert_int_equal(got[TURN_USE_REJECTED], 0);
    net_take_usage(f->net, got);
    assert_int_equal(got[TURN_USE_ALLOCATIONS], 0);
    for (int i = 0; i < 3; i++)
        close(c[i].fd);
}

static void t_trace(void **state)
{
    struct fixture *f = *state;
    struct net_trace trace = {.user = USER};
    struct turn_note note = {0};
    struct client c;
    int ends[2];

    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    trace.to = ends[1];
    net_set_trace(f->net, &trace);
    for (int i = 0; i < 100 && note.client.family == ADDR_NONE; i++) {
        client_open(&c, f);
        while (read(ends[0], &note, sizeof note) == (ssize_t)sizeof note)
            continue;
        if (note.client.family != ADDR_NONE)
            assert_true(addr_eq(&note.relayed, &c.relayed));
        close(c.fd);
    }
    assert_int_equal(note.method, STUN_ALLOCATE);
    assert_int_equal(note.code, 0);
    /* The reader goes away; nobody minds. */
    close(ends[0]);
    client_open(&c, f);
    close(c.fd);
    close(ends[1]);
    client_open(&c, f);
    close(c.fd);
}

static int end_without_net(void **state)
{
    struct fixture *f = *state;

    crypto_free(f->crypto);
    assert_int_equal(f->world.released, 1);
    assert_int_equal(mem_live(), 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(t_channel_and_indications, begin, end),
        cmocka_unit_test_setup_teardown(t_unreachable_peer, begin, end),
        cmocka_unit_test_setup_teardown(t_relay_to_relay, begin, end),
        cmocka_unit_test_setup_teardown(t_kill, begin, end),
        cmocka_unit_test_setup_teardown(t_usage, begin, end),
        cmocka_unit_test_setup_teardown(t_trace, begin, end),
        cmocka_unit_test_setup_teardown(t_reload_and_drain, begin, end_without_net),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
