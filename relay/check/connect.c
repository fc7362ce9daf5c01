/* The steps of drehkreuz check before the first request: port, handshake, certificate. */
#include "check/check.h"

#include <errno.h>

enum { FEW_DAYS = 14 };

int check_open(struct check *c)
{
    int r = client_open(&c->a, &c->server, c->over, &c->login);
    return r == 0 ? client_open(&c->b, &c->server, c->over, &c->login) : r;
}

/* "nobody listens there" and "a firewall drops it" are told apart by the host's answer. */
bool check_fail_port(struct check *c, int code)
{
    const char *name = check_over_port(c->over);
    unsigned port = c->server.port;
    c->is_mute = true;
    if (code == -ETIMEDOUT)
        c->silent[c->family][link_is_stream(c->over)] = c->server.port;
    if (code == -ECONNREFUSED) {
        check_say(c->found.cause, "port closed: %s refuses %s port %u, nobody listens there",
                  c->where, name, port);
        check_say(c->found.remedy, "start the server, or correct the port (listen and its kin)");
        return false;
    }
    if (code == -EHOSTUNREACH)
        check_say(
            c->found.cause,
            "port rejected: a firewall or router answers that %s cannot be reached on %s port %u",
            c->where, name, port);
    else
        check_say(c->found.cause, "port blocked: nothing comes back from %s over %s port %u",
                  c->where, name, port);
    check_say(c->found.remedy,
              "open %s port %u in every firewall before the server, including the hoster's", name,
              port);
    return false;
}

/* This machine knows at once that it cannot send there. */
static bool is_no_way(int code)
{
    return code == -ENETUNREACH || code == -EADDRNOTAVAIL || code == -EAFNOSUPPORT;
}

bool check_connect(struct check *c)
{
    bool is_silent = c->silent[c->family][link_is_stream(c->over)] == c->server.port;
    int r = is_silent ? -ETIMEDOUT : check_open(c);
    if (r == -ECONNREFUSED || r == -ETIMEDOUT || r == -EHOSTUNREACH)
        return check_fail_port(c, r);
    c->no_way = is_no_way(r);
    return r == 0 || check_fail(c, strerror(-r), "give this machine a route to the server");
}

bool check_is_dead_family(struct check *c)
{
    if (!c->is_mute || c->family != CHECK_V6 || !(c->reached[CHECK_V4] >> c->over & 1))
        return false;
    check_say(c->found.cause,
              "IPv6 advertised but dead: %s has an IPv6 address, and %s port %u does not answer at "
              "it",
              c->host[0] ? c->host : "the configuration", check_over_port(c->over), c->server.port);
    check_say(c->found.remedy,
              c->host[0] ? "take the AAAA record away, or let the server listen on IPv6 and open "
                           "the port there; until then clients lose seconds"
                         : "take that listener out, or open the port for IPv6 as well");
    return true;
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
    if (c->over == OVER_DTLS &&
        (code == -ETIMEDOUT || code == -ECONNREFUSED || code == -EHOSTUNREACH))
        return check_fail_port(c, code);
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
    check_say(c->found.note, "%s, %s%s%s", seen.version, seen.suite, seen.group[0] ? ", " : "",
              seen.group);
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
    check_say(c->found.cause, "the certificate is for another name than %s", c->name);
    check_say(c->found.remedy,
              "have one issued for this name, or enter the name it is for in the platforms");
    return false;
}

bool check_certificate(struct check *c)
{
    struct tls_seen seen;
    tls_client_look(c->a.link.tls, &seen);
    if (seen.verdict != TLS_CERT_GOOD)
        return fail_certificate(c, &seen);
    if (seen.days < FEW_DAYS) {
        check_say(c->found.cause, "the certificate ends in %lld days", (long long)seen.days);
        check_say(c->found.remedy, "see that its renewal works (e.g. certbot renew --dry-run)");
        return true;
    }
    check_say(c->found.note, "%lld days left%s", (long long)seen.days,
              c->name[0] ? ""
                         : "; its names were not compared, as no turn_names are set: run this with "
                           "--server NAME");
    return true;
}
