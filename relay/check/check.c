/* What all steps share: the transports' names, the login, sentences. */
#include "check/check.h"

#include <stdarg.h>
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

bool check_secrets(struct check *c)
{
    if (!c->trouble[0])
        return true;
    check_say(c->found.cause, "the configured secrets cannot be read: %.300s", c->trouble);
    check_say(c->found.remedy,
              "put that right: a server that starts now gets no secret from there");
    return c->login.user[0] || c->secrets.n > 0;
}

void check_say(char ret[CHECK_TEXT], const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(ret, CHECK_TEXT, format, list);
    va_end(list);
}

bool check_fail(struct check *c, const char *cause, const char *remedy)
{
    check_say(c->found.cause, "%s", cause);
    check_say(c->found.remedy, "%s", remedy);
    return false;
}

const char *check_span(int64_t seconds, char ret[CHECK_SPAN])
{
    static const struct {
        int64_t from;
        int64_t unit;
        const char *name;
    } units[] = {{172800, 86400, "days"}, {5400, 3600, "h"}, {120, 60, "min"}, {0, 1, "s"}};
    size_t i = 0;
    while (seconds < units[i].from && units[i].from > 0)
        i++;
    snprintf(ret, CHECK_SPAN, "%lld %s", (long long)((seconds + units[i].unit / 2) / units[i].unit),
             units[i].name);
    return ret;
}
