/* The steps of drehkreuz check that move data: between two allocations, and between an allocation
 * and this machine as its peer, which shows firewalls and wrong announced addresses. */
#include "check/check.h"

#include <stdio.h>

#include "net/net.h"
#include "wire/chandata.h"

enum { TRIES = 3, WAIT_MS = 400, TOKEN = 16 };

static bool arrived(const struct client_data *d, const uint8_t token[TOKEN])
{
    return d->n == TOKEN && memcmp(d->bytes, token, TOKEN) == 0;
}

static int permit(struct client *client, const struct addr *peer)
{
    const struct client_request r = {.method = STUN_CREATE_PERMISSION, .login = true, .peer = peer};
    return client_call(client, &r);
}

static int bind_channel(struct client *client, const struct addr *peer)
{
    const struct client_request r = {
        .method = STUN_CHANNEL_BIND, .login = true, .channel = CHANNEL_FIRST, .peer = peer};
    return client_call(client, &r);
}

/* A by ChannelData to B's relayed address, then B by Send indication back to A's. */
static bool pair(struct check *c, const uint8_t token[TOKEN])
{
    struct client_data d;
    for (int i = 0; i < TRIES; i++) {
        client_send(&c->a, CHANNEL_FIRST, NULL, span_of(token, TOKEN));
        if (!client_receive(&c->b, WAIT_MS, &d) || !arrived(&d, token))
            continue;
        client_send(&c->b, 0, &c->relayed_a, span_of(token, TOKEN));
        if (client_receive(&c->a, WAIT_MS, &d) && arrived(&d, token))
            return true;
    }
    return false;
}

bool check_relay(struct check *c)
{
    uint8_t token[TOKEN];
    crypto_random(token, sizeof(token));
    int r = permit(&c->b, &c->relayed_a);
    if (r == 0)
        r = bind_channel(&c->a, &c->relayed_b);
    if (r == STUN_FORBIDDEN)
        return check_fail(c, "the server does not allow its own relayed addresses as peers",
                          "allow them there; without, two users who both need the relay cannot "
                          "talk to each other");
    if (r != 0) {
        snprintf(c->found.cause, sizeof(c->found.cause),
                 r > 0 ? "the server refuses a permission with error %d"
                       : "the server stops answering",
                 r);
        snprintf(c->found.remedy, sizeof(c->found.remedy), "see the server's log");
        return false;
    }
    return pair(c, token) ||
           check_fail(c, "data sent from one relayed address to another does not arrive",
                      "see that relay_ports are open, and that the announced address leads to the "
                      "server");
}

struct direct {
    bool in;         /* from here to the relayed address, and out to the client */
    bool out;        /* from the allocation to here */
    bool other_from; /* ... but from another address than the announced one */
};

/* The first datagram from here also opens this side's own firewall for the answer. */
static struct direct try_direct(struct check *c, struct client *peer, const struct addr *self)
{
    struct direct got = {0};
    struct client_data d;
    uint8_t token[TOKEN];
    crypto_random(token, sizeof(token));
    for (int i = 0; i < TRIES && !(got.in && got.out); i++) {
        client_plain_send(peer, &c->relayed_a, span_of(token, TOKEN));
        if (client_receive(&c->a, WAIT_MS, &d) && arrived(&d, token))
            got.in = true;
        client_send(&c->a, 0, self, span_of(token, TOKEN));
        if (client_plain_receive(peer, WAIT_MS, &d) && arrived(&d, token)) {
            got.out = true;
            got.other_from = !addr_eq_ip(&d.from, &c->relayed_a);
        }
    }
    return got;
}

static bool judge_direct(struct check *c, const struct direct *got)
{
    if (got->in && got->out && !got->other_from)
        return true;
    if (got->other_from || !addr_eq_ip(&c->relayed_a, &c->server))
        return check_fail(c,
                          "wrong external address: the server announces relayed addresses that "
                          "do not lead to it",
                          "set external_ipv4 (or external_ipv6) there to the address under which "
                          "the internet reaches it; if it is right, open relay_ports");
    if (got->in)
        return check_fail(c, "the relay receives, but what it sends does not arrive here",
                          "let the server send UDP from relay_ports, and let it in here");
    return check_fail(c,
                      "relay range blocked: the server answers, but its relayed ports cannot be "
                      "reached",
                      "open the UDP ports of relay_ports in every firewall before the server, "
                      "including the hoster's");
}

static bool is_on_this_host(const struct addr *a)
{
    struct addr all[128];
    size_t n = net_local_addrs(all, sizeof(all) / sizeof(all[0]));
    for (size_t i = 0; i < n; i++)
        if (addr_eq_ip(&all[i], a))
            return true;
    return false;
}

/* Without a peer's place, the next best: does the announced address lead to this server? */
static bool ask_announced(struct check *c)
{
    struct client probe;
    const struct client_request binding = {.method = STUN_BINDING};
    struct addr at = c->relayed_a;
    snprintf(c->found.note, sizeof(c->found.note),
             "firewalls before the server cannot be seen from here; run this with --server from a "
             "machine elsewhere on the internet");
    if (addr_eq_ip(&at, &c->server) || (c->own && is_on_this_host(&at)))
        return true;
    at.port = c->way->port;
    int r = client_open(&probe, &at, OVER_UDP, NULL);
    if (r == 0)
        r = client_call(&probe, &binding);
    client_close(&probe);
    return r == 0 ||
           check_fail(c,
                      "wrong external address, or a router that does not lead back: nothing "
                      "answers at the announced relay address",
                      "correct external_ipv4 (or external_ipv6); if it is right, run this with "
                      "--server from a machine elsewhere on the internet");
}

/* How the server sees the socket that plays the peer. */
static bool peer_socket(struct check *c, struct client *peer, struct addr *ret)
{
    const struct client_request binding = {.method = STUN_BINDING};
    return client_open(peer, &c->server, OVER_UDP, NULL) == 0 && client_call(peer, &binding) == 0 &&
           stun_get_addr(&peer->reply, STUN_ATTR_XOR_MAPPED_ADDRESS, ret);
}

static bool can_be_peer(struct check *c, const struct addr *self)
{
    if (addr_eq_ip(self, &c->server) || self->family != c->relayed_a.family)
        return false;
    return permit(&c->a, self) == 0;
}

bool check_reach(struct check *c)
{
    struct client peer = {0};
    struct addr self;
    bool ok;
    if (peer_socket(c, &peer, &self) && can_be_peer(c, &self) && client_unconnect(&peer)) {
        const struct direct got = try_direct(c, &peer, &self);
        ok = judge_direct(c, &got);
    } else {
        ok = ask_announced(c);
    }
    client_close(&peer);
    return ok;
}
