/* The table of addresses that are no peers, and the order in which it and the operator's lists are
 * asked. */
#include "turn/policy.h"

#include "base/reader.h"

/* Bytes, not text, so that nothing has to be parsed at the start; the unit test holds both against
 * each other. */
#define V4(a, b, c, d, n)                                                                          \
    {                                                                                              \
        {ADDR_V4, 0, 0, {a, b, c, d}}, n                                                           \
    }
#define G(x) (uint8_t)((x) >> 8), (uint8_t)((x)&0xFF)
#define V6(a, b, c, d, e, f, n)                                                                    \
    {                                                                                              \
        {ADDR_V6, 0, 0, {G(a), G(b), G(c), G(d), G(e), G(f)}}, n                                   \
    }

static const struct policy_row TABLE[] = {
    {"0.0.0.0/8", V4(0, 0, 0, 0, 8), true, "this host; reaches loopback on Linux"},
    {"224.0.0.0/4", V4(224, 0, 0, 0, 4), true, "multicast"},
    {"240.0.0.0/4", V4(240, 0, 0, 0, 4), true, "reserved, and the broadcast address"},
    {"::/128", V6(0, 0, 0, 0, 0, 0, 128), true, "unspecified"},
    {"::/96", V6(0, 0, 0, 0, 0, 0, 96), true, "IPv4-compatible; ::1 is judged as loopback"},
    {"::ffff:0:0:0/96", V6(0, 0, 0, 0, 0xffff, 0, 96), true, "IPv4-translated (SIIT)"},
    {"2001::/32", V6(0x2001, 0, 0, 0, 0, 0, 32), true, "Teredo (RFC 8656 section 21.4)"},
    {"2002::/16", V6(0x2002, 0, 0, 0, 0, 0, 16), true, "6to4 (RFC 8656 section 21.4)"},
    {"ff00::/8", V6(0xff00, 0, 0, 0, 0, 0, 8), true, "multicast"},

    {"10.0.0.0/8", V4(10, 0, 0, 0, 8), false, "private"},
    {"100.64.0.0/10", V4(100, 64, 0, 0, 10), false, "carrier NAT; metadata of some clouds"},
    {"127.0.0.0/8", V4(127, 0, 0, 0, 8), false, "loopback"},
    {"168.63.129.16/32", V4(168, 63, 129, 16, 32), false, "platform endpoint of a cloud"},
    {"169.254.0.0/16", V4(169, 254, 0, 0, 16), false, "link-local; metadata of most clouds"},
    {"172.16.0.0/12", V4(172, 16, 0, 0, 12), false, "private"},
    {"192.0.0.0/24", V4(192, 0, 0, 0, 24), false, "IETF protocol assignments"},
    {"192.0.2.0/24", V4(192, 0, 2, 0, 24), false, "documentation"},
    {"192.31.196.0/24", V4(192, 31, 196, 0, 24), false, "AS112"},
    {"192.52.193.0/24", V4(192, 52, 193, 0, 24), false, "automatic multicast tunnels"},
    {"192.88.99.0/24", V4(192, 88, 99, 0, 24), false, "former 6to4 relay anycast"},
    {"192.168.0.0/16", V4(192, 168, 0, 0, 16), false, "private"},
    {"192.175.48.0/24", V4(192, 175, 48, 0, 24), false, "AS112"},
    {"198.18.0.0/15", V4(198, 18, 0, 0, 15), false, "benchmarks"},
    {"198.51.100.0/24", V4(198, 51, 100, 0, 24), false, "documentation"},
    {"203.0.113.0/24", V4(203, 0, 113, 0, 24), false, "documentation"},
    {"::1/128", {{ADDR_V6, 0, 0, {[15] = 1}}, 128}, false, "loopback"},
    {"64:ff9b::/96", V6(0x64, 0xff9b, 0, 0, 0, 0, 96), false, "NAT64"},
    {"64:ff9b:1::/48", V6(0x64, 0xff9b, 1, 0, 0, 0, 48), false, "local NAT64"},
    {"100::/64", V6(0x100, 0, 0, 0, 0, 0, 64), false, "discard"},
    {"100:0:0:1::/64", V6(0x100, 0, 0, 1, 0, 0, 64), false, "dummy prefix"},
    {"2001::/23", V6(0x2001, 0, 0, 0, 0, 0, 23), false, "IETF protocol assignments"},
    {"2001:db8::/32", V6(0x2001, 0xdb8, 0, 0, 0, 0, 32), false, "documentation"},
    {"2620:4f:8000::/48", V6(0x2620, 0x4f, 0x8000, 0, 0, 0, 48), false, "AS112"},
    {"3fff::/20", V6(0x3fff, 0, 0, 0, 0, 0, 20), false, "documentation"},
    {"5f00::/16", V6(0x5f00, 0, 0, 0, 0, 0, 16), false, "segment routing"},
    {"fc00::/7", V6(0xfc00, 0, 0, 0, 0, 0, 7), false, "unique local; metadata of some clouds"},
    {"fe80::/10", V6(0xfe80, 0, 0, 0, 0, 0, 10), false, "link-local"},
    {"fec0::/10", V6(0xfec0, 0, 0, 0, 0, 0, 10), false, "former site-local"},
};

enum { TABLE_ROWS = sizeof(TABLE) / sizeof(TABLE[0]) };

const struct policy_row *policy_table(size_t *ret_n)
{
    *ret_n = TABLE_ROWS;
    return TABLE;
}

static const struct cidr LOOPBACK_V6 = {{ADDR_V6, 0, 0, {[15] = 1}}, 128};
static const struct cidr LOOPBACK_V4 = V4(127, 0, 0, 0, 8);
static const struct cidr NAT64 = V6(0x64, 0xff9b, 0, 0, 0, 0, 96);

static bool is_loopback(const struct addr *a)
{
    return cidr_contains(&LOOPBACK_V4, a) || cidr_contains(&LOOPBACK_V6, a);
}

static bool in_table(const struct addr *a, bool hard)
{
    if (hard && is_loopback(a))
        return false;
    for (size_t i = 0; i < TABLE_ROWS; i++)
        if (TABLE[i].hard == hard && cidr_contains(&TABLE[i].cidr, a))
            return true;
    return false;
}

static bool in_list(const struct cidr *list, size_t n, const struct addr *a)
{
    for (size_t i = 0; i < n; i++)
        if (cidr_contains(&list[i], a))
            return true;
    return false;
}

/* A socket bound to the any-address answers on every address of this host, and an IPv6 one may
 * answer IPv4 as well. */
static bool is_own_host(const struct turn_policy *p, const struct addr *a)
{
    return is_loopback(a) || in_list(p->local, p->n_local, a);
}

bool policy_is_own_socket(const struct turn_policy *p, const struct addr *a)
{
    for (size_t i = 0; i < p->n_sockets; i++) {
        struct addr own = addr_normalise(&p->sockets[i]);
        if (own.port != 0 && own.port != a->port)
            continue;
        if (addr_is_any(&own) ? is_own_host(p, a) : addr_eq_ip(&own, a))
            return true;
    }
    return false;
}

static bool port_denied(const struct turn_policy *p, uint16_t port)
{
    for (size_t i = 0; i < p->n_deny_ports; i++)
        if (port >= p->deny_ports[i].first && port <= p->deny_ports[i].last)
            return true;
    return port == 0; /* nothing can be sent there */
}

/* Interface identifiers ::0:5efe:a.b.c.d and ::200:5efe:a.b.c.d (RFC 5214 section 6.1). */
static bool is_isatap(const struct addr *a)
{
    struct reader r = r_from(span_of(a->ip, sizeof(a->ip)));
    r_bytes(&r, 8);
    uint32_t id = r_u32(&r);
    return id == 0x00005efe || id == 0x02005efe;
}

/* The IPv4 address that a packet to this IPv6 address may end at. */
static bool embedded_v4(const struct addr *a, struct addr *ret)
{
    if (a->family != ADDR_V6 || !(cidr_contains(&NAT64, a) || is_isatap(a)))
        return false;
    struct reader r = r_from(span_of(a->ip, sizeof(a->ip)));
    r_bytes(&r, 12);
    *ret = addr_make(ADDR_V4, r_bytes(&r, 4).p, a->port);
    return true;
}

static bool address_allowed(const struct turn_policy *p, const struct addr *a)
{
    if (in_table(a, true) || policy_is_own_socket(p, a))
        return false;
    if (in_list(p->allow, p->n_allow, a))
        return true;
    return !in_list(p->deny, p->n_deny, a) && !in_list(p->local, p->n_local, a) &&
           !in_table(a, false);
}

bool policy_allows(const struct turn_policy *p, const struct addr *peer, bool with_port)
{
    struct addr a = addr_normalise(peer);
    if (a.family != ADDR_V4 && a.family != ADDR_V6)
        return false;
    if (with_port && port_denied(p, a.port))
        return false;
    struct addr inner;
    if (embedded_v4(&a, &inner) && !address_allowed(p, &inner))
        return false;
    return address_allowed(p, &a);
}
