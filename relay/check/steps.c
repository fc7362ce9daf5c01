/* The steps of drehkreuz check from the first request up to the second allocation, and what their
 * failures mean. */
#include "check/check.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"

enum { TTL = 600, MINUTE = 60, HOUR = 3600, DAY = 86400 };

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

bool check_fail(struct check *c, const char *cause, const char *remedy)
{
    snprintf(c->found.cause, sizeof(c->found.cause), "%s", cause);
    snprintf(c->found.remedy, sizeof(c->found.remedy), "%s", remedy);
    return false;
}

static bool fail_code(struct check *c, int code)
{
    for (size_t i = 0; i < sizeof(CODES) / sizeof(CODES[0]); i++)
        if (CODES[i].code == code)
            return check_fail(c, CODES[i].cause, CODES[i].remedy);
    if (code > 0)
        snprintf(c->found.cause, sizeof(c->found.cause), "the server answers with error %d", code);
    else
        snprintf(c->found.cause, sizeof(c->found.cause), "the request fails: %s", strerror(-code));
    snprintf(c->found.remedy, sizeof(c->found.remedy), "see the server's log");
    return false;
}

static bool fail_binding(struct check *c, int code)
{
    bool is_udp = c->over == OVER_UDP;
    if (is_udp && (code == -ETIMEDOUT || code == -ECONNREFUSED)) {
        snprintf(c->found.cause, sizeof(c->found.cause),
                 "no answer from %s:%u over UDP: not running, firewalled, or wrong port",
                 c->way->host, c->way->port);
        snprintf(c->found.remedy, sizeof(c->found.remedy),
                 code == -ECONNREFUSED
                     ? "start the server, or correct the port (nobody listens there)"
                     : "start the server and open UDP port %u in every firewall",
                 c->way->port);
        return false;
    }
    if (code == -ETIMEDOUT || code == -ECONNRESET) {
        snprintf(c->found.cause, sizeof(c->found.cause),
                 code == -ETIMEDOUT ? "the port is open, but STUN over %s gets no answer"
                                    : "the server ends the connection when asked by STUN over %s",
                 check_over_name(c->over));
        snprintf(c->found.remedy, sizeof(c->found.remedy),
                 "correct the port; if it is right, see that it may speak %s and that proxy_from "
                 "does not hold this machine",
                 check_over_name(c->over));
        return false;
    }
    return check_fail(c, "what answers there is not a STUN server that offers Binding",
                      "correct the port, or set binding = true");
}

bool check_binding(struct check *c)
{
    const struct client_request binding = {.method = STUN_BINDING};
    int r = client_call(&c->a, &binding);
    if (r == 0 && stun_get_addr(&c->a.reply, STUN_ATTR_XOR_MAPPED_ADDRESS, &c->mapped))
        return true;
    return fail_binding(c, r);
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
    memcpy(c->b.realm, c->a.realm, sizeof(c->b.realm));
    memcpy(c->b.nonce, c->a.nonce, sizeof(c->b.nonce));
    return true;
}

static int allocate(struct client *client, struct addr *ret)
{
    struct client_request r = {.method = STUN_ALLOCATE, .transport = true, .login = true};
    int code = client_call(client, &r);
    if (code == STUN_FAMILY_UNSUPPORTED) { /* without being asked, a server offers IPv4 only */
        r.ipv6 = true;
        code = client_call(client, &r);
    }
    if (code == 0 && !stun_get_addr(&client->reply, STUN_ATTR_XOR_RELAYED_ADDRESS, ret))
        code = -EBADMSG;
    return code;
}

/* The same secret with an end further off: if that is taken, the clocks differ. */
static bool fail_clock(struct check *c)
{
    static const struct {
        int64_t ahead;
        const char *how_much;
    } tries[] = {
        {HOUR, "more than ten minutes"},
        {DAY, "more than an hour"},
        {30 * DAY, "more than a day"},
        {10 * 365 * (int64_t)DAY, "more than a month"},
    };
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        if (!check_login_until(c, clock_wall() + tries[i].ahead) ||
            allocate(&c->a, &c->relayed_a) != 0)
            continue;
        snprintf(c->found.cause, sizeof(c->found.cause),
                 "the secret is right, but the server's clock is ahead of this machine's by %s, so "
                 "credentials made here have expired there",
                 tries[i].how_much);
        snprintf(c->found.remedy, sizeof(c->found.remedy),
                 "set both clocks by NTP (timedatectl set-ntp true)");
        return true;
    }
    return false;
}

static bool fail_login(struct check *c)
{
    if (c->secrets.n == 0)
        return check_fail(c, "the server does not accept this user name and password",
                          "compare them with users in the server's configuration");
    if (fail_clock(c))
        return false;
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
    int r = allocate(&c->a, &c->relayed_a);
    if (r == STUN_UNAUTHENTICATED)
        return fail_login(c);
    return r == 0 || fail_code(c, r);
}

bool check_second(struct check *c)
{
    int r = allocate(&c->b, &c->relayed_b);
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
