/* The steps of drehkreuz check from the first request up to the second allocation, and what their
 * failures mean. */
#include "check/check.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"

enum { TTL = 600 };

struct code_row {
    int code;
    const char *cause;
    const char *remedy;
};

static const struct code_row CODES[] = {
    {-ETIMEDOUT, "the server answers Binding but not Allocate",
     "ask again in a minute; if it stays so, a firewall on the way drops TURN"},
    {-EBADMSG, "the server's answer does not carry the signature it must",
     "look for a middlebox that rewrites STUN, or for a second server on the same address"},
    {STUN_FORBIDDEN, "the server forbids this user to allocate", "use another credential"},
    {STUN_FAMILY_UNSUPPORTED, "the server relays neither IPv4 nor IPv6",
     "set relay_ipv4 or relay_ipv6 to an address of the server"},
    {STUN_QUOTA_REACHED, "a quota for allocations is used up",
     "raise allocations_per_account or allocations_per_prefix, or wait ten minutes"},
    {STUN_NO_CAPACITY, "the server has no relayed port to give",
     "see that relay_ipv4 is an address of that host and not of its router, widen relay_ports, and "
     "that it is not draining"},
};

static bool fail_code(struct check *c, int code)
{
    for (size_t i = 0; i < sizeof(CODES) / sizeof(CODES[0]); i++)
        if (CODES[i].code == code)
            return check_fail(c, CODES[i].cause, CODES[i].remedy);
    if (code > 0)
        check_say(c->found.cause, "the server answers with error %d", code);
    else
        check_say(c->found.cause, "the request fails: %s", strerror(-code));
    check_say(c->found.remedy, "see the server's log");
    return false;
}

/* --- Binding --- */

static bool answers_over_tcp(struct check *c)
{
    struct link l;
    int r = link_open(&l, &c->server, OVER_TCP);
    link_close(&l);
    if (r == -ETIMEDOUT)
        c->silent[c->family][true] = c->server.port;
    return r == 0;
}

static bool fail_udp(struct check *c, int code)
{
    if (code == -EHOSTUNREACH || code == -ENETUNREACH)
        return check_fail_port(c, -EHOSTUNREACH);
    c->is_mute = true;
    if (code == -ETIMEDOUT)
        c->silent[c->family][false] = c->server.port;
    if (code == -ETIMEDOUT && answers_over_tcp(c)) {
        c->is_mute = false;
        check_say(c->found.cause,
                  "UDP blocked: %s answers on TCP port %u, but nothing comes back over UDP",
                  c->where, c->server.port);
        check_say(c->found.remedy,
                  "open UDP port %u in every firewall before the server, and see that this network "
                  "lets UDP out",
                  c->server.port);
        return false;
    }
    check_say(c->found.cause,
              "no answer from %s:%u over UDP: not running, firewalled, or wrong port", c->where,
              c->server.port);
    check_say(c->found.remedy,
              code == -ECONNREFUSED
                  ? "start the server, or correct the port %u (nobody listens there)"
                  : "start the server and open UDP port %u in every firewall",
              c->server.port);
    return false;
}

/* A web server is silent until its request is over, or ends the connection at once. */
static bool is_web(struct check *c)
{
    static const char ask[] = "GET / HTTP/1.0\r\n\r\n";
    char answer[8] = "";
    if (!link_is_stream(c->over))
        return false;
    client_close(&c->a);
    if (client_open(&c->a, &c->server, c->over, &c->login) < 0 ||
        (c->over == OVER_TLS && link_handshake(&c->a.link, c->name) < 0) ||
        link_send(&c->a.link, span_text(ask)) < 0)
        return false;
    link_peek(&c->a.link, (uint8_t *)answer, sizeof(answer) - 1);
    return strncmp(answer, "HTTP/", 5) == 0;
}

static bool fail_binding(struct check *c, int code)
{
    const char *name = check_over_name(c->over);
    if (c->over == OVER_UDP && code < 0 && code != -EBADMSG && code != -ECONNRESET)
        return fail_udp(c, code);
    if (is_web(c)) {
        check_say(c->found.cause, "a web server answers on port %u instead of a TURN server",
                  c->server.port);
        check_say(c->found.remedy, "correct the port, or let the web server and the relay share it "
                                   "(web_server)");
        return false;
    }
    if (code == -ETIMEDOUT || code == -ECONNRESET) {
        check_say(c->found.cause,
                  code == -ETIMEDOUT ? "the port is open, but STUN over %s gets no answer"
                                     : "the server ends the connection when asked by STUN over %s",
                  name);
        check_say(c->found.remedy,
                  "correct the port; if it is right, see that it may speak %s and that proxy_from "
                  "does not hold this machine",
                  name);
        return false;
    }
    return check_fail(c, "what answers there is not a STUN server that offers Binding",
                      "correct the port, or set binding = true");
}

bool check_binding(struct check *c)
{
    const struct client_request binding = {.method = STUN_BINDING};
    if (c->over == OVER_UDP && !check_connect(c))
        return false;
    int r = client_call(&c->a, &binding);
    if (r != 0 || !stun_get_addr(&c->a.reply, STUN_ATTR_XOR_MAPPED_ADDRESS, &c->mapped))
        return fail_binding(c, r);
    c->reached[c->family] |= 1U << c->over;
    return true;
}

bool check_challenge(struct check *c)
{
    const struct client_request bare = {.method = STUN_ALLOCATE, .transport = true};
    int r = client_call(&c->a, &bare);
    if (r == 0)
        return check_fail(c, "the server relays for everybody: no credential was asked for",
                          "turn on authentication there, now");
    if (r != STUN_UNAUTHENTICATED)
        return fail_code(c, r);
    if (!c->a.realm[0] || !c->a.nonce[0])
        return check_fail(c, "the server asks for a credential without naming realm and nonce",
                          "see that it runs with long-term credentials");
    if (c->realm[0] && strcmp(c->a.realm, c->realm) != 0)
        return check_fail(c,
                          "wrong realm: what answers does not have the realm of this configuration",
                          "see that no other TURN server has this port, and restart ours if realm "
                          "was changed");
    memcpy(c->b.realm, c->a.realm, sizeof(c->b.realm));
    memcpy(c->b.nonce, c->a.nonce, sizeof(c->b.nonce));
    return true;
}

/* Of the family that the client comes by, as far as the server relays it; without being asked it
 * would offer IPv4. */
static int allocate(const struct check *c, struct client *client, struct addr *ret)
{
    struct client_request r = {.method = STUN_ALLOCATE, .transport = true, .login = true};
    r.ipv6 = c->family == CHECK_V6;
    int code = client_call(client, &r);
    if (code == STUN_FAMILY_UNSUPPORTED) {
        r.ipv6 = !r.ipv6;
        code = client_call(client, &r);
    }
    if (code == 0 && !stun_get_addr(&client->reply, STUN_ATTR_XOR_RELAYED_ADDRESS, ret))
        code = -EBADMSG;
    return code;
}

/* A name that begins with its end says itself that it is over. */
static bool fail_user(struct check *c)
{
    int64_t expiry;
    struct span account;
    char span[CHECK_SPAN];
    int64_t now = clock_wall();
    if (!auth_expiry(span_text(c->login.user), &expiry, &account))
        return check_fail(c, "the server does not accept this user name and password",
                          "compare them with users in the server's configuration");
    if (expiry < now) {
        check_say(c->found.cause, "this credential has expired: its end was %s ago",
                  check_span(now - expiry, span));
        check_say(c->found.remedy, "have the platform make a new one; if it is made this old, set "
                                   "the platform's clock by NTP");
        return false;
    }
    check_say(c->found.cause,
              "the server does not accept this credential, which is good for another %s by this "
              "machine's clock",
              check_span(expiry - now, span));
    check_say(c->found.remedy, "see that it is made with a secret of this server, and that the "
                               "server's clock is set (timedatectl set-ntp true)");
    return false;
}

static bool fail_login(struct check *c)
{
    int64_t ahead;
    char span[CHECK_SPAN];
    if (c->secrets.n == 0)
        return fail_user(c);
    if (check_skew(c, &c->a, &ahead)) {
        check_say(
            c->found.cause,
            "the secret is right, but the server's clock is %s this machine's by about %s, so "
            "it refuses credentials made here",
            ahead < 0 ? "behind" : "ahead of", check_span(ahead < 0 ? -ahead : ahead, span));
        check_say(c->found.remedy, "set both clocks by NTP (timedatectl set-ntp true)");
        return false;
    }
    if (c->own)
        return check_fail(c,
                          "wrong secret: the running server does not know the one in its "
                          "secrets file",
                          "see that it runs with this configuration, that it may read the file, "
                          "and what its log says");
    return check_fail(c, "wrong secret: the server does not know it",
                      "copy the value again without blanks at its end, or add it there with: "
                      "drehkreuz secret add");
}

bool check_allocate(struct check *c)
{
    if (!check_login_until(c, clock_wall() + TTL))
        return check_fail(c, "no credential can be made from this secret", "use another secret");
    int r = allocate(c, &c->a, &c->relayed_a);
    if (r == STUN_UNAUTHENTICATED)
        return fail_login(c);
    return r == 0 || fail_code(c, r);
}

bool check_second(struct check *c)
{
    int r = allocate(c, &c->b, &c->relayed_b);
    return r == 0 || fail_code(c, r);
}

bool check_release(struct check *c)
{
    const struct client_request end = {.method = STUN_REFRESH, .login = true, .end = true};
    int r = c->relayed_a.family ? client_call(&c->a, &end) : 0;
    if (r == 0 && c->relayed_b.family)
        r = client_call(&c->b, &end);
    return r == 0 || fail_code(c, r);
}
