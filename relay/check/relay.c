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
        if (r > 0)
            check_say(c->found.cause, "the server refuses a permission with error %d", r);
        else
            check_say(c->found.cause, "the server stops answering");
        check_say(c->found.remedy, "see the server's log");
        return false;
    }
    return pair(c, token) ||
           check_fail(c, "data sent from one relayed address to another does not arrive",
                      "see that relay_ports are open, and that the server reaches itself at the "
                      "announced address (hairpin)");
}

struct direct {
    bool in;         /* from here to the relayed address, and out to the client */
    bool out;        /* from the allocation to here */
    bool other_from; /* ... but from another address than the announced one */
};

/* The first datagram from here also opens this side's own firewall for the answer. */
static struct direct try_direct(struct check *c, struct client *peer)
{
    struct direct got = {0};
    struct client_data d;
    uint8_t token[TOKEN];
    crypto_random(token, sizeof(token));
    for (int i = 0; i < TRIES && !(got.in && got.out); i++) {
        client_plain_send(peer, &c->relayed_a, span_of(token, TOKEN));
        if (client_receive(&c->a, WAIT_MS, &d) && arrived(&d, token)) {
            got.in = true;
            c->peer_seen = d.from;
        }
        /* a NAT may have given the socket another port for this way */
        client_send(&c->a, 0, got.in ? &c->peer_seen : &c->peer, span_of(token, TOKEN));
        if (client_plain_receive(peer, WAIT_MS, &d) && arrived(&d, token)) {
            got.out = true;
            got.other_from = !addr_eq_ip(&d.from, &c->relayed_a);
        }
    }
    return got;
}

/* Whether the announced address leads to the server's listener, whatever its relayed ports do. */
static bool leads_to_server(struct check *c)
{
    struct client probe;
    const struct client_request binding = {.method = STUN_BINDING};
    struct addr at = c->relayed_a;
    if (addr_eq_ip(&at, &c->server))
        return true;
    at.port = c->server.port;
    int r = client_open(&probe, &at, OVER_UDP, NULL);
    if (r == 0)
        r = client_call(&probe, &binding);
    client_close(&probe);
    return r == 0;
}

static bool judge_direct(struct check *c, const struct direct *got)
{
    if (got->in && got->out && !got->other_from)
        return true;
    if (got->other_from || !leads_to_server(c))
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
    check_say(c->found.note,
              "firewalls before the server cannot be seen from here; run this with --server from a "
              "machine elsewhere on the internet");
    return (c->own && is_on_this_host(&c->relayed_a)) || leads_to_server(c) ||
           check_fail(c,
                      "wrong external address, or a router that does not lead back: nothing "
                      "answers at the announced relay address",
                      "correct external_ipv4 (or external_ipv6); if it is right, run this with "
                      "--server from a machine elsewhere on the internet");
}

/* Of this network, or this host, alone. */
static bool is_private(const struct addr *a)
{
    static const char *const nets[] = {"10.0.0.0/8",    "172.16.0.0/12",  "192.168.0.0/16",
                                       "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8",
                                       "fc00::/7",      "fe80::/10",      "::1/128"};
    struct cidr net;
    for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++)
        if (cidr_parse(nets[i], &net) && cidr_contains(&net, a))
            return true;
    return false;
}

/* How the server sees the socket that plays the peer. */
static bool peer_socket(struct check *c, struct client *peer)
{
    const struct client_request binding = {.method = STUN_BINDING};
    return client_open(peer, &c->server, OVER_UDP, NULL) == 0 && client_call(peer, &binding) == 0 &&
           stun_get_addr(&peer->reply, STUN_ATTR_XOR_MAPPED_ADDRESS, &c->peer);
}

static bool can_be_peer(struct check *c)
{
    if (addr_eq_ip(&c->peer, &c->server) || c->peer.family != c->relayed_a.family)
        return false;
    return permit(&c->a, &c->peer) == 0;
}

bool check_reach(struct check *c)
{
    struct client peer = {0};
    bool ok;
    if (is_private(&c->relayed_a) && !is_private(&c->server))
        return check_fail(c,
                          "private external address: relayed addresses are announced that only the "
                          "server's own network knows",
                          "set external_ipv4 (or external_ipv6) to the public address of the "
                          "server or its router");
    if (peer_socket(c, &peer) && can_be_peer(c) && client_unconnect(&peer)) {
        const struct direct got = try_direct(c, &peer);
        ok = judge_direct(c, &got);
    } else {
        ok = ask_announced(c);
    }
    client_close(&peer);
    return ok;
}

/* Platforms on this host may look at the server as their users see it: Nextcloud's PHP reads its
 * certificate. */
bool check_hairpin(struct check *c)
{
    struct link l;
    enum link_over over = c->ways[OVER_TLS].asked ? OVER_TLS : OVER_TCP;
    const struct check_way *w = &c->ways[over];
    struct addr at = c->relayed_a;
    at.port = w->at[c->family].port;
    if (!w->asked || !at.port || is_on_this_host(&at))
        return true;
    int r = link_open(&l, &at, over);
    link_close(&l);
    if (r == 0)
        return true;
    check_say(c->found.cause,
              "this machine does not reach the server's external address over TCP port %u: the "
              "router does not lead it back (hairpin)",
              at.port);
    check_say(c->found.remedy,
              "Nextcloud on this machine cannot test the server; let the router lead it back, or "
              "give the server's name its inner address in /etc/hosts");
    return true;
}

bool check_nat(struct check *c)
{
    struct addr own;
    if (!link_own(&c->a.link, &own) || addr_eq_ip(&own, &c->mapped))
        check_say(c->found.note, "no NAT");
    else if (c->peer_seen.family == ADDR_NONE)
        check_say(c->found.note, "a NAT");
    else if (addr_eq(&c->peer_seen, &c->peer))
        check_say(c->found.note, "a NAT that keeps one port for all destinations, so that direct "
                                 "calls can succeed");
    else
        check_say(c->found.note, "a NAT with another port for each destination (symmetric), so "
                                 "that calls need the relay");
    return true;
}
