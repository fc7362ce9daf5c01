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
    if (strcmp(external, "auto") == 0 || is_address(external, family) ||
        conf_is_host_name(external))
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

bool conf_has_redis(const struct conf *c)
{
    return c->redis[0] || c->redis_sentinels.n;
}

static int check_credentials(const struct conf *c, struct conf_error *err)
{
    if (c->users.n == 0 && !c->secrets_file[0] && !conf_has_redis(c))
        return wants(err, "secrets_file, redis, users",
                     "a file of shared secrets, a Redis or at least one user, since nobody is "
                     "served without credentials");
    return 0;
}

static int check_relay_ports(const struct conf *c, struct conf_error *err)
{
    if (c->relay_ports.last <= c->relay_ports.first)
        return wants(err, "relay_ports", "at least two ports, e.g. relay_ports = \"49152-65535\";");
    return 0;
}

/* The lists of listeners. Two of them may name one port: it speaks both then. */
static const struct listeners {
    const char *name;
    size_t offset;
    bool is_udp;
    bool is_stream;
    bool is_tls;
} lists[] = {
    {"listen", offsetof(struct conf, listen), true, true, false},
    {"listen_udp", offsetof(struct conf, listen_udp), true, false, false},
    {"listen_tcp", offsetof(struct conf, listen_tcp), false, true, false},
    {"listen_tls", offsetof(struct conf, listen_tls), false, true, true},
    {"listen_dtls", offsetof(struct conf, listen_dtls), true, false, true},
};

enum { LISTS = sizeof(lists) / sizeof(*lists), LISTENERS_MAX = 16 };

static const struct conf_addrs *listeners(const struct conf *c, const struct listeners *l)
{
    return (const struct conf_addrs *)(const void *)((const char *)c + l->offset);
}

static int check_list(const struct conf *c, const struct listeners *l, struct conf_error *err)
{
    const struct conf_addrs *list = listeners(c, l);
    for (size_t i = 0; i < list->n; i++) {
        uint16_t port = list->v[i].port;
        bool meets_relays = l->is_udp || (l->is_stream && c->tcp_allocations);
        if (meets_relays && port >= c->relay_ports.first && port <= c->relay_ports.last)
            return wants(err, l->name, "ports outside relay_ports");
        for (size_t j = 0; j < i; j++)
            if (addr_eq(&list->v[i], &list->v[j]))
                return wants(err, l->name, "every address and port once");
    }
    if (list->n && l->is_tls && c->certificates.n == 0)
        return wants(err, l->name, "certificates to be set as well");
    return 0;
}

static int check_listeners(const struct conf *c, struct conf_error *err)
{
    size_t n = 0;
    int r = 0;
    for (size_t i = 0; r == 0 && i < LISTS; i++) {
        n += listeners(c, &lists[i])->n;
        r = check_list(c, &lists[i], err);
    }
    if (r < 0)
        return r;
    return n > 0 && n <= LISTENERS_MAX
               ? 0
               : wants(err, "listen",
                       "1 to 16 addresses, those of listen_udp, listen_tcp, "
                       "listen_tls and listen_dtls included");
}

/* Whoever connects to the web server's address would be we. */
static bool is_listener(const struct conf *c, const struct addr *web)
{
    bool is_loopback = web->family == ADDR_V4 ? web->ip[0] == 127 : web->ip[15] == 1;
    for (size_t i = 0; i < LISTS; i++) {
        const struct conf_addrs *list = listeners(c, &lists[i]);
        for (size_t j = 0; lists[i].is_stream && j < list->n; j++) {
            const struct addr *a = &list->v[j];
            if (addr_eq(a, web) || (is_loopback && addr_is_any(a) && a->port == web->port))
                return true;
        }
    }
    return false;
}

static int check_web(const struct conf *c, struct conf_error *err)
{
    struct addr web;
    if (!c->web_server[0])
        return 0;
    if (!addr_parse(c->web_server, &web) || web.port == 0 || addr_is_any(&web))
        return wants(err, "web_server",
                     "an IP address with port, e.g. web_server = \"127.0.0.1:8443\";");
    if (c->certificates.n == 0)
        return wants(err, "web_server", "certificates to be set as well");
    if (is_listener(c, &web))
        return wants(err, "web_server", "another port than this server listens on itself");
    return 0;
}

enum { SOCKET_PATH_MAX = 107, MAX_AGE_MIN = 120, KEY_MIN = 16 }; /* unix(7); two readings */
enum { HOUR = 3600, DAY = 86400 };

static bool is_socket_path(const char *text)
{
    return text[0] == '/' && strlen(text) <= SOCKET_PATH_MAX;
}

struct rule {
    bool is_wrong;
    const char *key;
    const char *expected;
};

static int first_wrong(const struct rule *rules, size_t n, struct conf_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (rules[i].is_wrong)
            return wants(err, rules[i].key, rules[i].expected);
    return 0;
}

static int check_redis(const struct conf *c, struct conf_error *err)
{
    const struct rule rules[] = {
        {c->redis[0] && !is_socket_path(c->redis) && !conf_is_host_port(c->redis), "redis",
         "host and port, or the path of a socket, e.g. redis = \"127.0.0.1:6379\";"},
        {c->redis_sentinels.n && !c->redis_master[0], "redis_master",
         "the master's name at the sentinels, e.g. redis_master = \"mymaster\";"},
        {c->redis_master[0] && !c->redis_sentinels.n, "redis_sentinels",
         "at least one, since redis_master is set"},
        {c->redis_tls && c->redis[0] == '/' && !c->redis_sentinels.n, "redis_tls",
         "false for a socket of this host"},
        {c->redis_ca[0] && !c->redis_tls, "redis_ca", "redis_tls to be set as well"},
        {c->redis_ca[0] && c->redis_ca[0] != '/', "redis_ca", "an absolute file name"},
        {c->redis_max_age && c->redis_max_age < MAX_AGE_MIN, "redis_max_age",
         "0 or at least 120 seconds, since Redis is read once a minute"},
    };
    return first_wrong(rules, sizeof(rules) / sizeof(*rules), err);
}

/* Credentials are for this host alone, so nothing but loopback will do. */
static bool is_loopback_port(const char *text)
{
    static const uint8_t one[16] = {[15] = 1};
    struct addr a;
    if (!addr_parse(text, &a) || a.port == 0)
        return false;
    return a.family == ADDR_V4 ? a.ip[0] == 127 : memcmp(a.ip, one, sizeof(one)) == 0;
}

static bool is_turn_port(const struct conf *c, const char *text)
{
    struct addr a;
    bool is_one = false;
    if (!addr_parse(text, &a))
        return false;
    for (size_t i = 0; i < LISTS; i++)
        for (size_t j = 0; j < listeners(c, &lists[i])->n; j++)
            is_one |= listeners(c, &lists[i])->v[j].port == a.port;
    return is_one;
}

static int check_issuer(const struct conf *c, struct conf_error *err)
{
    const char *at = c->issuer_listen;
    const struct rule rules[] = {
        {at[0] && !is_socket_path(at) && !is_loopback_port(at), "issuer_listen",
         "an address of loopback with port, or the path of a socket, e.g. "
         "issuer_listen = \"127.0.0.1:8087\";"},
        {at[0] && is_turn_port(c, at), "issuer_listen", "another port than those for clients"},
        {at[0] && strlen(c->issuer_key) < KEY_MIN, "issuer_key", "at least 16 bytes"},
        {c->issuer_socket[0] && !is_socket_path(c->issuer_socket), "issuer_socket",
         "the path of a socket, e.g. issuer_socket = \"/run/drehkreuz/credentials\";"},
        {at[0] && strcmp(at, c->issuer_socket) == 0, "issuer_socket",
         "another path than issuer_listen"},
    };
    return first_wrong(rules, sizeof(rules) / sizeof(*rules), err);
}

static bool is_one_of(const char *text, const char *const *words)
{
    while (*words && strcmp(text, *words) != 0)
        words++;
    return *words;
}

static int check_metrics(const struct conf *c, struct conf_error *err)
{
    static const char *const profiles[] = {"strict", "standard", "fleet", NULL};
    static const char *const bases[] = {"", "b", "e", "f", NULL};
    const char *at = c->metrics_listen;
    bool is_fleet = strcmp(c->metrics_profile, "fleet") == 0;
    bool is_daily = c->metrics_window ? c->metrics_window >= DAY : !is_fleet;
    const struct rule rules[] = {
        {!is_one_of(c->metrics_profile, profiles), "metrics_profile",
         "\"strict\", \"standard\" or \"fleet\"; exact numbers are not to be had"},
        {c->metrics_window && c->metrics_window < HOUR, "metrics_window",
         "0, or 3600 to 604800 seconds"},
        {at[0] && !is_socket_path(at) && !is_loopback_port(at), "metrics_listen",
         "an address of loopback with port, or the path of a socket, e.g. "
         "metrics_listen = \"127.0.0.1:9641\";"},
        {at[0] && is_turn_port(c, at), "metrics_listen", "another port than those for clients"},
        {at[0] && strcmp(at, c->issuer_listen) == 0, "metrics_listen",
         "another one than issuer_listen"},
        {c->metrics_file[0] && c->metrics_file[0] != '/', "metrics_file", "an absolute file name"},
        {c->control_socket[0] && !is_socket_path(c->control_socket), "control_socket",
         "the path of a socket, e.g. control_socket = \"/run/drehkreuz/control\";"},
        {c->control_socket[0] && (strcmp(c->control_socket, at) == 0 ||
                                  strcmp(c->control_socket, c->issuer_listen) == 0 ||
                                  strcmp(c->control_socket, c->issuer_socket) == 0),
         "control_socket", "a path of its own"},
        {c->capacity_alarm && (!is_daily || strcmp(c->metrics_profile, "strict") == 0),
         "capacity_alarm", "a profile other than \"strict\", and a window of a day or more"},
        {!is_one_of(c->privacy_basis, bases), "privacy_basis", "\"b\", \"e\" or \"f\""},
    };
    return first_wrong(rules, sizeof(rules) / sizeof(*rules), err);
}

int conf_check(const struct conf *c, struct conf_error *err)
{
    static int (*const rules[])(const struct conf *, struct conf_error *) = {
        check_realm, check_credentials, check_addresses, check_relay_ports, check_listeners,
        check_web,   check_redis,       check_issuer,    check_metrics,
    };
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof(rules) / sizeof(*rules); i++)
        r = rules[i](c, err);
    return r;
}

/* Unused bytes of texts and lists are zero, and so is the padding of struct cidr. */
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

void conf_keep_fixed(const struct conf *old, struct conf *fresh)
{
    const struct conf_option *o;
    for (size_t i = 0; (o = conf_option_at(i)); i++) {
        if (o->restart)
            memcpy((char *)fresh + o->offset, (const char *)old + o->offset,
                   conf_shape_of(o->kind)->size);
    }
}
