/* Rules that look at more than one value's kind and range. */
#include "config/conf_int.h"

#include <errno.h>

static int wants(struct conf_error *err, const char *key, const char *expected)
{
    return conf_fail(err, -EINVAL, "%s: expected %s", key, expected);
}

static bool is_address(const char *text, enum addr_family family)
{
    struct addr a;
    return addr_parse(text, &a) && a.family == family && a.port == 0;
}

static bool is_host_name(const char *text)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
    static const char digits[] = "0123456789.";
    size_t n = strlen(text);
    return text[0] != '.' && text[0] != '-' && strspn(text, letters) == n &&
           strspn(text, digits) != n;
}

static int check_relay(const char *key, const char *relay, enum addr_family family,
                       struct conf_error *err)
{
    if (strcmp(relay, "auto") == 0 || strcmp(relay, "off") == 0 || is_address(relay, family))
        return 0;
    return wants(err, key,
                 family == ADDR_V4 ? "\"auto\", \"off\" or an IPv4 address, e.g. \"192.0.2.1\""
                                   : "\"auto\", \"off\" or an IPv6 address, e.g. \"2001:db8::1\"");
}

static int check_external(const char *key, const char *external, enum addr_family family,
                          struct conf_error *err)
{
    if (strcmp(external, "auto") == 0 || is_address(external, family) || is_host_name(external))
        return 0;
    return wants(err, key,
                 family == ADDR_V4
                     ? "\"auto\", an IPv4 address or a host name, e.g. \"turn.example.org\""
                     : "\"auto\", an IPv6 address or a host name, e.g. \"turn.example.org\"");
}

static int check_addresses(const struct conf *c, struct conf_error *err)
{
    int r = check_relay("relay_ipv4", c->relay_ipv4, ADDR_V4, err);
    if (r == 0)
        r = check_relay("relay_ipv6", c->relay_ipv6, ADDR_V6, err);
    if (r == 0)
        r = check_external("external_ipv4", c->external_ipv4, ADDR_V4, err);
    if (r == 0)
        r = check_external("external_ipv6", c->external_ipv6, ADDR_V6, err);
    if (r < 0)
        return r;
    if (strcmp(c->relay_ipv4, "off") == 0 && strcmp(c->relay_ipv6, "off") == 0)
        return wants(err, "relay_ipv4, relay_ipv6", "at least one of them not \"off\"");
    return 0;
}

/* The realm travels as a quoted string, RFC 8489 section 14.9. */
static int check_realm(const struct conf *c, struct conf_error *err)
{
    for (const char *p = c->realm; *p; p++)
        if ((unsigned char)*p < ' ' || *p == '"' || *p == '\\' || *p == 0x7f)
            return wants(err, "realm",
                         "no quotation marks, backslashes or control characters, "
                         "e.g. realm = \"turn\";");
    return c->realm[0] && strlen(c->realm) <= 127
               ? 0
               : wants(err, "realm", "1 to 127 bytes, e.g. realm = \"turn\";");
}

static int check_credentials(const struct conf *c, struct conf_error *err)
{
    if (c->users.n == 0 && !c->secrets_file[0])
        return wants(err, "secrets_file, users",
                     "a file of shared secrets or at least one user, since nobody is served "
                     "without credentials");
    return 0;
}

static int check_ports(const struct conf *c, struct conf_error *err)
{
    if (c->relay_ports.last <= c->relay_ports.first)
        return wants(err, "relay_ports", "at least two ports, e.g. relay_ports = \"49152-65535\";");
    for (size_t i = 0; i < c->listen.n; i++) {
        uint16_t port = c->listen.v[i].port;
        if (port >= c->relay_ports.first && port <= c->relay_ports.last)
            return wants(err, "listen", "ports outside relay_ports");
        for (size_t j = 0; j < i; j++)
            if (addr_eq(&c->listen.v[i], &c->listen.v[j]))
                return wants(err, "listen", "every address and port once");
    }
    return 0;
}

int conf_check(const struct conf *c, struct conf_error *err)
{
    static int (*const rules[])(const struct conf *, struct conf_error *) = {
        check_realm,
        check_credentials,
        check_addresses,
        check_ports,
    };
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof(rules) / sizeof(*rules); i++)
        r = rules[i](c, err);
    return r;
}

/* Unused bytes of texts and lists are zero, and only struct cidr has padding, which no option that
 * needs a restart holds. */
const char *conf_needs_restart(const struct conf *a, const struct conf *b)
{
    const struct conf_option *o;
    for (size_t i = 0; (o = conf_option_at(i)); i++) {
        const char *p = (const char *)a + o->offset;
        const char *q = (const char *)b + o->offset;
        if (o->restart && memcmp(p, q, conf_shape_of(o->kind)->size) != 0)
            return o->name;
    }
    return NULL;
}
