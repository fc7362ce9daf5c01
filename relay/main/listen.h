/* What net is told at the start: listeners, limits of connections, the web server behind us. */
#ifndef RELAY_MAIN_LISTEN_H
#define RELAY_MAIN_LISTEN_H

#include "config/conf.h"
#include "net/net.h"

/* What the workers point to for good; a reload replaces the configuration it came from. */
struct listen_keep {
    struct conf_cidrs proxy_from;
    struct conf_texts names;
    const char *name[CONF_LIST_MAX];
};

/* How many there are, or will be. */
uint16_t listen_workers(const struct conf *c);

/* Fills both; keep must not move as long as net lives. */
void listen_set(const struct conf *c, struct listen_keep *keep, struct net_conf *ret);

/* "UDP, TCP, TLS, DTLS": what a listener speaks, with certificates or without. */
enum listen_size { LISTEN_TEXT = 32 };
const char *listen_speaks(uint8_t speaks, bool has_tls, char buf[LISTEN_TEXT]);

/* The first listener that speaks this; false if there is none. */
bool listen_first(const struct conf *c, enum net_speaks speaks, struct addr *ret);
bool listen_first_of(const struct conf *c, enum net_speaks speaks, enum addr_family family,
                     struct addr *ret);
/* Whether one that speaks this has the port. */
bool listen_at(const struct conf *c, enum net_speaks speaks, uint16_t port);

#endif
