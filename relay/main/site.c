/* Chooses relay addresses and announced addresses. */
#include "main/site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

struct family {
    enum addr_family family;
    const char *relay;
    const char *external;
};

static bool is_loopback(const struct addr *a)
{
    static const uint8_t one[16] = {[15] = 1};
    return a->family == ADDR_V4 ? a->ip[0] == 127 : memcmp(a->ip, one, sizeof(one)) == 0;
}

static bool is_link_local(const struct addr *a)
{
    if (a->family == ADDR_V4)
        return a->ip[0] == 169 && a->ip[1] == 254;
    return a->ip[0] == 0xFE && (a->ip[1] & 0xC0) == 0x80;
}

static bool first_local(const struct site *s, enum addr_family family, struct addr *ret)
{
    for (size_t i = 0; i < s->n_local; i++) {
        const struct addr *a = &s->local[i];
        if (a->family == family && !is_loopback(a) && !is_link_local(a)) {
            *ret = *a;
            return true;
        }
    }
    return false;
}

static struct addr relay_address(const struct site *s, const struct family *f)
{
    struct addr a = {0};
    if (strcmp(f->relay, "off") == 0)
        return a;
    if (strcmp(f->relay, "auto") == 0) {
        if (!net_source_addr(f->family, &a) && !first_local(s, f->family, &a))
            return (struct addr){0};
    } else if (!addr_parse(f->relay, &a) || a.family != f->family) {
        return (struct addr){0};
    }
    a.port = 0;
    return a;
}

static struct addr announced_address(const struct family *f, const struct addr *relay,
                                     const struct addr *before)
{
    struct addr a;
    if (relay->family == ADDR_NONE || strcmp(f->external, "auto") == 0)
        return *relay;
    if (!addr_parse(f->external, &a) || a.family != f->family) {
        if (!net_resolve(f->external, f->family, &a)) {
            log_event(EVENT_ADDRESS_UNKNOWN, EV_TEXT(f->external));
            return before && before->family == f->family ? *before : *relay;
        }
    }
    a.port = 0;
    return a;
}

static void add_behind(struct site *s, const struct addr *a)
{
    for (size_t i = 0; i < s->n_behind; i++)
        if (addr_eq(&s->behind[i], a))
            return;
    if (s->n_behind < SITE_BEHIND_MAX)
        s->behind[s->n_behind++] = *a;
}

static bool resolve_behind(struct site *s, const char *host, uint16_t port)
{
    static const enum addr_family families[] = {ADDR_V4, ADDR_V6};
    bool any = false;
    struct addr a;
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        if (!net_resolve(host, families[i], &a))
            continue;
        a.port = port;
        add_behind(s, &a);
        any = true;
    }
    return any;
}

/* Host and port, or the path of a socket. False when it is a name that gives no address now. */
static bool add_host(struct site *s, const char *text)
{
    struct addr a;
    conf_text host;
    const char *colon = strrchr(text, ':');
    if (text[0] == '/' || !colon)
        return true;
    if (!addr_parse(text, &a)) {
        snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
        return resolve_behind(s, host, (uint16_t)strtoul(colon + 1, NULL, 10));
    }
    add_behind(s, &a);
    return true;
}

/* While the resolver fails, what it said before still counts. */
static void look_behind(const struct conf *c, const struct site *before, struct site *s)
{
    bool all = add_host(s, c->redis);
    all = add_host(s, c->issuer_listen) && all;
    for (size_t i = 0; i < c->redis_sentinels.n; i++)
        all = add_host(s, c->redis_sentinels.v[i]) && all;
    for (size_t i = 0; before && !all && i < before->n_behind; i++)
        add_behind(s, &before->behind[i]);
}

static void fall_back(const struct conf *c, struct site *s)
{
    static const uint8_t ip[4] = {127, 0, 0, 1};
    if (site_relays(s) || strcmp(c->relay_ipv4, "auto") != 0)
        return;
    s->relay[TURN_V4].local = addr_make(ADDR_V4, ip, 0);
    s->loopback_only = true;
}

bool site_relays(const struct site *s)
{
    return s->relay[TURN_V4].local.family || s->relay[TURN_V6].local.family;
}

void site_look(const struct conf *c, const struct site *before, struct site *ret)
{
    const struct family families[TURN_FAMILIES] = {
        [TURN_V4] = {ADDR_V4, c->relay_ipv4, c->external_ipv4},
        [TURN_V6] = {ADDR_V6, c->relay_ipv6, c->external_ipv6},
    };
    memset(ret, 0, sizeof(*ret));
    ret->n_local = net_local_addrs(ret->local, SITE_LOCAL_MAX);
    ret->too_many = ret->n_local == SITE_LOCAL_MAX;
    for (size_t i = 0; i < ret->n_local; i++)
        ret->local[i].port = 0;
    for (size_t i = 0; i < TURN_FAMILIES; i++)
        ret->relay[i].local = relay_address(ret, &families[i]);
    fall_back(c, ret);
    for (size_t i = 0; i < TURN_FAMILIES; i++) {
        const struct addr *old = before ? &before->relay[i].announced : NULL;
        ret->relay[i].announced = announced_address(&families[i], &ret->relay[i].local, old);
    }
    look_behind(c, before, ret);
}

bool site_eq(const struct site *a, const struct site *b)
{
    return a->n_local == b->n_local &&
           memcmp(a->local, b->local, a->n_local * sizeof(a->local[0])) == 0 &&
           memcmp(a->relay, b->relay, sizeof(a->relay)) == 0 && a->n_behind == b->n_behind &&
           memcmp(a->behind, b->behind, a->n_behind * sizeof(a->behind[0])) == 0;
}

bool site_is_local(const struct site *s, const struct addr *a)
{
    for (size_t i = 0; i < s->n_local; i++) {
        if (addr_eq_ip(&s->local[i], a))
            return true;
    }
    return false;
}

const char *site_name(const struct conf *c)
{
    const char *const names[] = {c->turn_names.n ? c->turn_names.v[0] : "", c->external_ipv4,
                                 c->external_ipv6};
    struct addr a;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i][0] && strcmp(names[i], "auto") != 0 && !addr_parse(names[i], &a))
            return names[i];
    return "";
}
