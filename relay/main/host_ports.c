#include "main/host_ports.h"

enum { ALL_TCP = 1, ALL_UDP = 2 };

static void add(uint16_t *ports, size_t *n, uint16_t port)
{
    size_t i = 0;
    while (i < *n && ports[i] != port)
        i++;
    if (i == *n && *n < HOST_PORTS_MAX)
        ports[(*n)++] = port;
}

void host_ports_set(const struct conf *c, struct host_ports *ret)
{
    const struct {
        const struct conf_addrs *list;
        unsigned over;
    } lists[] = {{&c->listen, ALL_UDP | ALL_TCP},
                 {&c->listen_udp, ALL_UDP},
                 {&c->listen_dtls, ALL_UDP},
                 {&c->listen_tcp, ALL_TCP},
                 {&c->listen_tls, ALL_TCP}};
    *ret = (struct host_ports){.relay_first = c->relay_ports.first,
                               .relay_last = c->relay_ports.last,
                               .relay_tcp = c->tcp_allocations};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        for (size_t j = 0; j < lists[i].list->n; j++) {
            uint16_t port = lists[i].list->v[j].port;
            if (lists[i].over & ALL_UDP)
                add(ret->udp, &ret->n_udp, port);
            if (lists[i].over & ALL_TCP)
                add(ret->tcp, &ret->n_tcp, port);
        }
    }
}
