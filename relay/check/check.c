/* What all steps share: the transports' names, the login. */
#include "check/check.h"

#include <stdio.h>

#include "base/clock.h"

static const struct {
    const char *name;
    const char *id;
    const char *port;
} OVERS[OVER_COUNT] = {
    [OVER_UDP] = {"UDP", "udp", "UDP"},
    [OVER_TCP] = {"TCP", "tcp", "TCP"},
    [OVER_TLS] = {"TLS", "tls", "TCP"},
    [OVER_DTLS] = {"DTLS", "dtls", "UDP"},
};

const char *check_over_name(enum link_over over)
{
    return OVERS[over].name;
}

const char *check_over_port(enum link_over over)
{
    return OVERS[over].port;
}

const char *check_over_id(enum link_over over)
{
    return OVERS[over].id;
}

bool check_login_until(struct check *c, int64_t expiry)
{
    struct auth_credential made;
    const struct auth_issue want = {"check", expiry, clock_wall()};
    if (c->secrets.n == 0)
        return true;
    if (auth_issue(&c->secrets, &want, &made) < 0)
        return false;
    snprintf(c->login.user, sizeof(c->login.user), "%s", made.user);
    snprintf(c->login.password, sizeof(c->login.password), "%s", made.password);
    crypto_wipe(&made, sizeof(made));
    return true;
}
