/* From the options to net's configuration. */
#include "main/listen.h"

#include <sched.h>
#include <stdio.h>

static const struct {
    size_t offset;
    uint8_t speaks;
} lists[] = {
    {offsetof(struct conf, listen), NET_ALL},       {offsetof(struct conf, listen_udp), NET_UDP},
    {offsetof(struct conf, listen_tcp), NET_TCP},   {offsetof(struct conf, listen_tls), NET_TLS},
    {offsetof(struct conf, listen_dtls), NET_DTLS},
};

static const struct conf_addrs *list_at(const struct conf *c, size_t i)
{
    return (const struct conf_addrs *)(const void *)((const char *)c + lists[i].offset);
}

static uint16_t cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) < 0)
        return 1;
    int n = CPU_COUNT(&set);
    return (uint16_t)(n < 1 ? 1 : n > NET_WORKERS_MAX ? NET_WORKERS_MAX : n);
}

/* A port that several lists name is one listener that speaks all of it. */
static void add(struct net_conf *ret, const struct addr *a, uint8_t speaks)
{
    for (size_t i = 0; i < ret->n_listen; i++) {
        if (addr_eq(&ret->listen[i].addr, a)) {
            ret->listen[i].speaks |= speaks;
            return;
        }
    }
    if (ret->n_listen < NET_LISTENERS_MAX)
        ret->listen[ret->n_listen++] = (struct net_listen){*a, speaks};
}

static void set_stream(const struct conf *c, struct listen_keep *keep, struct net_conf *ret)
{
    keep->proxy_from = c->proxy_from;
    keep->names = c->turn_names;
    for (size_t i = 0; i < keep->names.n; i++)
        keep->name[i] = keep->names.v[i];
    ret->stream = (struct net_stream_conf){
        .connections = (uint32_t)c->connections,
        .connections_per_prefix = (uint32_t)c->connections_per_prefix,
        .prefix_v4 = (uint8_t)c->prefix_ipv4,
        .prefix_v6 = (uint8_t)c->prefix_ipv6,
        .handshake_s = (uint32_t)c->handshake_timeout,
        .idle_s = (uint32_t)c->idle_timeout,
        .queue_bytes = (uint32_t)c->queue_bytes,
        .proxy_from = keep->proxy_from.v,
        .n_proxy_from = keep->proxy_from.n,
    };
    ret->web = (struct net_web_conf){
        .proxy_v2 = c->web_proxy, .names = keep->name, .n_names = keep->names.n};
    if (c->web_server[0])
        (void)addr_parse(c->web_server, &ret->web.server); /* the check has parsed it before */
}

uint16_t listen_workers(const struct conf *c)
{
    return c->threads ? (uint16_t)c->threads : cores();
}

void listen_set(const struct conf *c, struct listen_keep *keep, struct net_conf *ret)
{
    uint32_t ports = (uint32_t)(c->relay_ports.last - c->relay_ports.first + 1);
    *ret = (struct net_conf){
        .workers = listen_workers(c),
        .ports = {c->relay_ports.first, c->relay_ports.last},
        .max_relays = ports * TURN_FAMILIES, /* a handle per port and family, in each worker */
        .max_links = c->tcp_allocations ? (uint32_t)c->tcp_connections : 0,
        .link_idle_s = (uint32_t)c->tcp_idle,
        .socket_bytes = (uint32_t)c->socket_bytes,
        .udp_segment = c->udp_segment,
        .udp_gro = c->udp_gro,
        .copy_tos = c->copy_tos,
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        for (size_t j = 0; j < list_at(c, i)->n; j++)
            add(ret, &list_at(c, i)->v[j], lists[i].speaks);
    set_stream(c, keep, ret);
}

const char *listen_speaks(uint8_t speaks, bool has_tls, char buf[LISTEN_TEXT])
{
    static const struct {
        uint8_t bit;
        const char *name;
    } names[] = {{NET_UDP, "UDP"}, {NET_TCP, "TCP"}, {NET_TLS, "TLS"}, {NET_DTLS, "DTLS"}};
    size_t n = 0;
    if (!has_tls)
        speaks &= NET_UDP | NET_TCP;
    buf[0] = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (speaks & names[i].bit)
            n += (size_t)snprintf(buf + n, LISTEN_TEXT - n, "%s%s", n ? ", " : "", names[i].name);
    return buf;
}

bool listen_first_of(const struct conf *c, enum net_speaks speaks, enum addr_family family,
                     struct addr *ret)
{
    if ((speaks & (NET_TLS | NET_DTLS)) && c->certificates.n == 0)
        return false;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const struct conf_addrs *list = list_at(c, i);
        for (size_t j = 0; (lists[i].speaks & speaks) && j < list->n; j++) {
            if (family != ADDR_NONE && list->v[j].family != family)
                continue;
            *ret = list->v[j];
            return true;
        }
    }
    return false;
}

bool listen_first(const struct conf *c, enum net_speaks speaks, struct addr *ret)
{
    return listen_first_of(c, speaks, ADDR_NONE, ret);
}

bool listen_at(const struct conf *c, enum net_speaks speaks, uint16_t port)
{
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const struct conf_addrs *list = list_at(c, i);
        for (size_t j = 0; (lists[i].speaks & speaks) && j < list->n; j++)
            if (list->v[j].port == port)
                return true;
    }
    return false;
}
