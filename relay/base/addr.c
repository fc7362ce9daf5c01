/* Addresses as values, their texts and their networks. Audited for output: the one place of this
 * room that may turn an address into text. */
#include "base/addr.h"

#include <arpa/inet.h>
#include <stdio.h>

enum text_limit { PORT_DIGITS = 5, BITS_DIGITS = 3 };

static const uint8_t MAPPED[12] = {[10] = 0xff, [11] = 0xff};

static size_t ip_len(uint8_t family)
{
    return family == ADDR_V4 ? 4 : family == ADDR_V6 ? 16 : 0;
}

/* All of text as decimal digits, at most max_digits of them. */
static bool parse_decimal(const char *text, size_t max_digits, uint32_t *ret)
{
    size_t n = strspn(text, "0123456789");
    if (n == 0 || n > max_digits || text[n])
        return false;
    uint32_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v * 10 + (uint32_t)(text[i] - '0');
    *ret = v;
    return true;
}

static bool parse_ip(const char *text, struct addr *ret)
{
    uint8_t ip[16];
    if (inet_pton(AF_INET, text, ip) == 1)
        *ret = addr_make(ADDR_V4, ip, 0);
    else if (inet_pton(AF_INET6, text, ip) == 1)
        *ret = addr_make(ADDR_V6, ip, 0);
    else
        return false;
    return true;
}

/* Cuts copy at the end of the address; *ret_port is the port's text, or NULL when there is none. */
static bool split_port(char *copy, const char **ret_ip, const char **ret_port)
{
    bool bracketed = copy[0] == '[';
    char *colon = bracketed ? strchr(copy, ']') : strchr(copy, ':');
    *ret_ip = bracketed ? copy + 1 : copy;
    *ret_port = NULL;
    if (!colon)
        return !bracketed;
    if (bracketed)
        *colon++ = '\0';
    else if (strchr(colon + 1, ':'))
        return true; /* bare IPv6 */
    if (!*colon)
        return true;
    if (*colon != ':')
        return false;
    *colon = '\0';
    *ret_port = colon + 1;
    return true;
}

struct addr addr_make(enum addr_family family, const void *ip, uint16_t port)
{
    struct addr a = {.family = (uint8_t)family, .port = port};
    memcpy(a.ip, ip, ip_len(a.family));
    return a;
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

bool addr_eq_ip(const struct addr *a, const struct addr *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

struct addr addr_normalise(const struct addr *a)
{
    if (a->family != ADDR_V6 || memcmp(a->ip, MAPPED, sizeof MAPPED) != 0)
        return *a;
    return addr_make(ADDR_V4, a->ip + sizeof MAPPED, a->port);
}

struct addr addr_prefix(const struct addr *a, uint8_t v4_bits, uint8_t v6_bits)
{
    size_t bits = a->family == ADDR_V4 ? v4_bits : v6_bits;
    struct addr cut = *a;
    cut.port = 0;
    for (size_t i = 0; i < sizeof cut.ip; i++) {
        size_t keep = bits > 8 * i ? bits - 8 * i : 0;
        if (keep < 8)
            cut.ip[i] &= (uint8_t)(0xff00 >> keep);
    }
    return cut;
}

bool addr_is_any(const struct addr *a)
{
    static const uint8_t zero[sizeof a->ip];
    return a->family != ADDR_NONE && memcmp(a->ip, zero, sizeof zero) == 0;
}

bool addr_parse(const char *text, struct addr *ret)
{
    char copy[ADDR_TEXT];
    size_t n = strnlen(text, sizeof copy);
    if (n == sizeof copy)
        return false;
    memcpy(copy, text, n + 1);

    const char *ip;
    const char *port_text;
    struct addr a;
    uint32_t port = 0;
    if (!split_port(copy, &ip, &port_text) || !parse_ip(ip, &a))
        return false;
    if (copy[0] == '[' && a.family != ADDR_V6)
        return false;
    if (port_text && (!parse_decimal(port_text, PORT_DIGITS, &port) || port - 1 >= UINT16_MAX))
        return false;
    a.port = (uint16_t)port;
    *ret = a;
    return true;
}

const char *addr_format(const struct addr *a, char buf[ADDR_TEXT])
{
    char ip[INET6_ADDRSTRLEN] = "none";
    if (a->family != ADDR_NONE)
        inet_ntop(a->family == ADDR_V4 ? AF_INET : AF_INET6, a->ip, ip, sizeof ip);
    const char *shape = a->port == 0 ? "%s" : a->family == ADDR_V6 ? "[%s]:%u" : "%s:%u";
    snprintf(buf, ADDR_TEXT, shape, ip, (unsigned)a->port);
    return buf;
}

bool cidr_parse(const char *text, struct cidr *ret)
{
    char copy[ADDR_TEXT];
    size_t n = strnlen(text, sizeof copy);
    if (n == sizeof copy)
        return false;
    memcpy(copy, text, n + 1);

    char *slash = strchr(copy, '/');
    if (slash)
        *slash++ = '\0';
    struct addr net;
    if (!parse_ip(copy, &net))
        return false;
    uint32_t most = (uint32_t)(8 * ip_len(net.family));
    uint32_t bits = most;
    if (slash && (!parse_decimal(slash, BITS_DIGITS, &bits) || bits > most))
        return false;
    struct addr cut = addr_prefix(&net, (uint8_t)bits, (uint8_t)bits);
    if (!addr_eq(&cut, &net))
        return false;
    *ret = (struct cidr){net, (uint8_t)bits};
    return true;
}

bool cidr_contains(const struct cidr *c, const struct addr *a)
{
    size_t whole = c->bits / 8;
    unsigned rest = c->bits % 8;

    if (a->family != c->net.family || memcmp(a->ip, c->net.ip, whole) != 0)
        return false;
    return rest == 0 || (a->ip[whole] ^ c->net.ip[whole]) >> (8 - rest) == 0;
}
