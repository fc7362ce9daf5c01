/* Where this host stands in the network: its addresses, and the ones relays are bound to and
 * announced as. Compared as bytes, to notice a change. */
#ifndef RELAY_MAIN_SITE_H
#define RELAY_MAIN_SITE_H

#include "config/conf.h"
#include "net/net.h"

/* A host with many containers has an address or two for each. */
enum site_limit { SITE_LOCAL_MAX = 4096, SITE_BEHIND_MAX = 2 * (CONF_LIST_MAX + 1) + 1 };

struct site {
    struct addr local[SITE_LOCAL_MAX];
    size_t n_local;
    struct turn_relay_addr relay[TURN_FAMILIES];
    struct addr behind[SITE_BEHIND_MAX]; /* Redis, its sentinels, the issuer: not for peers */
    size_t n_behind;
    bool too_many;      /* addresses; those beyond the limit would be open to peers */
    bool loopback_only; /* nothing better than loopback was found for "auto" */
};

/* Looks around now; may ask the resolver and block. An announced name that gives no address keeps
 * `before`'s (NULL = the relay address) and is reported as an event. */
void site_look(const struct conf *c, const struct site *before, struct site *ret);

bool site_eq(const struct site *a, const struct site *b);

/* True when at least one family can be relayed. */
bool site_relays(const struct site *s);

/* The first name under which clients can know this server, "" = none. */
const char *site_name(const struct conf *c);

bool site_is_local(const struct site *s, const struct addr *a);

#endif
