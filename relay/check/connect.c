/* The steps of drehkreuz check before the first request: name, port, handshake, certificate. */
#include "check/check.h"

#include <errno.h>
#include <stdio.h>

#include "net/net.h"

enum { FEW_DAYS = 14 };

static int open_both(struct check *c)
{
    c->server.port = c->way->port;
    int r = client_open(&c->a, &c->server, c->over, &c->login);
    return r == 0 ? client_open(&c->b, &c->server, c->over, &c->login) : r;
}

static bool resolve(struct check *c)
{
    const char *host = c->way->host;
    return addr_parse(host, &c->server) || net_resolve(host, ADDR_V4, &c->server) ||
           net_resolve(host, ADDR_V6, &c->server) ||
           check_fail(c, "the name gives no address",
                      "correct the name, or add an A or AAAA record for it");
}

static bool fail_route(struct check *c, int code)
{
    return check_fail(c, strerror(-code), "give this machine a route to the server");
}

bool check_resolve(struct check *c)
{
    if (!resolve(c))
        return false;
    int r = open_both(c);
    return r == 0 || fail_route(c, r);
}

/* "nobody listens there" and "a firewall drops it" are told apart by the host's answer. */
static bool fail_port(struct check *c, int code)
{
    const char *name = check_over_port(c->over);
    if (code == -ECONNREFUSED) {
        snprintf(c->found.cause, sizeof(c->found.cause),
                 "port closed: %s refuses %s port %u, nobody listens there", c->way->host, name,
                 c->way->port);
        snprintf(c->found.remedy, sizeof(c->found.remedy),
                 "start the server, or correct the port (listen and its kin)");
        return false;
    }
    snprintf(c->found.cause, sizeof(c->found.cause),
             "port blocked: nothing comes back from %s over %s port %u", c->way->host, name,
             c->way->port);
    snprintf(c->found.remedy, sizeof(c->found.remedy),
             "open %s port %u in every firewall before the server, including the hoster's", name,
             c->way->port);
    return false;
}

bool check_connect(struct check *c)
{
    if (!resolve(c))
        return false;
    int r = open_both(c);
    if (r == -ECONNREFUSED || r == -ETIMEDOUT)
        return fail_port(c, r);
    return r == 0 || fail_route(c, r);
}

static bool fail_handshake(struct check *c, int code)
{
    static const struct {
        int code;
        const char *cause;
        const char *remedy;
    } rows[] = {
        {-ETIMEDOUT, "the port is open, but no TLS handshake comes to an end",
         "look for a middlebox that holds TLS up, and see that nothing else listens there"},
        {-ECONNRESET, "the server ends the connection instead of speaking TLS",
         "set certificates there, and see what its log says of them"},
        {-ENOTSUP, "the server has no TLS version or cipher suite in common with this machine",
         "bring the older of the two up to date; it is TLS 1.2 at least"},
        {-EPROTO, "what listens there does not speak TLS",
         "correct the port, or set certificates there"},
    };
    if (c->over == OVER_DTLS && (code == -ETIMEDOUT || code == -ECONNREFUSED))
        return fail_port(c, code);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].code == code)
            return check_fail(c, rows[i].cause, rows[i].remedy);
    return check_fail(c, strerror(-code), "try again");
}

bool check_handshake(struct check *c)
{
    if (c->over == OVER_DTLS && !check_connect(c))
        return false;
    int r = link_handshake(&c->a.link, c->name);
    if (r == 0)
        r = link_handshake(&c->b.link, c->name);
    if (r < 0)
        return fail_handshake(c, r);
    struct tls_seen seen;
    tls_client_look(c->a.link.tls, &seen);
    snprintf(c->found.note, sizeof(c->found.note), "%s, %s%s%s", seen.version, seen.suite,
             seen.group[0] ? ", " : "", seen.group);
    return true;
}

/* What is wrong with a certificate, by its verdict. */
static const struct {
    const char *cause;
    const char *remedy;
} VERDICTS[] = {
    [TLS_CERT_EXPIRED] = {"the certificate has expired",
                          "renew it (e.g. certbot renew); the server takes up the new one itself"},
    [TLS_CERT_CHAIN_EXPIRED] = {"a certificate in its chain has expired",
                                "take the chain that the authority hands out today"},
    [TLS_CERT_EARLY] = {"the certificate is not valid yet",
                        "set the clock of this machine, or wait until it is"},
    [TLS_CERT_SELF_SIGNED] = {"the certificate is self-signed, so browsers refuse it",
                              "take one from a public authority (e.g. by certbot)"},
    [TLS_CERT_INCOMPLETE] = {"the chain is incomplete: the server sends its own certificate alone, "
                             "and this machine does not know its authority",
                             "set certificate to the file with the whole chain, often "
                             "fullchain.pem"},
    [TLS_CERT_UNKNOWN_ISSUER] = {"this machine does not know the authority that has issued the "
                                 "certificate",
                                 "take one from a public authority, or add yours to the machines "
                                 "of all users"},
};

static bool fail_certificate(struct check *c, const struct tls_seen *seen)
{
    size_t i = seen->verdict;
    if (i < sizeof(VERDICTS) / sizeof(VERDICTS[0]) && VERDICTS[i].cause)
        return check_fail(c, VERDICTS[i].cause, VERDICTS[i].remedy);
    if (seen->verdict != TLS_CERT_WRONG_NAME)
        return check_fail(c, seen->reason, "replace the certificate");
    snprintf(c->found.cause, sizeof(c->found.cause), "the certificate is for another name than %s",
             c->name);
    snprintf(c->found.remedy, sizeof(c->found.remedy),
             "have one issued for this name, or enter the name it is for in the platforms");
    return false;
}

bool check_certificate(struct check *c)
{
    struct tls_seen seen;
    tls_client_look(c->a.link.tls, &seen);
    if (seen.verdict != TLS_CERT_GOOD)
        return fail_certificate(c, &seen);
    snprintf(c->found.note, sizeof(c->found.note), "%lld days left%s%s", (long long)seen.days,
             seen.days < FEW_DAYS ? ", see that its renewal works" : "",
             c->name[0] ? ""
                        : "; its names were not compared, as no turn_names are set: run this with "
                          "--server NAME");
    return true;
}
