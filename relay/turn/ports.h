/* The pool of relayed ports that all workers share, who owns the live ones, and the reservations of
 * EVEN-PORT (RFC 8656 section 7.2). Every function may be called from any thread. */
#ifndef RELAY_TURN_PORTS_H
#define RELAY_TURN_PORTS_H

#include "turn/turn.h"

enum ports_limit { PORTS_TOKEN_LEN = 8, PORTS_RESERVATIONS = 1024 };

struct ports;

/* Every port of the range is free, in each family. NULL when out of memory or when the range is
 * empty or there are no workers. */
struct ports *ports_new(struct port_range range, uint16_t workers);
/* Accepts NULL. */
void ports_free(struct ports *p);

struct ports_want {
    enum turn_family family;
    uint16_t worker;
    bool even;
    bool pair; /* an even port and the next one, both taken */
    uint64_t random;
};

/* The first fitting port from a random place on (RFC 6056 section 3.3.1), of the worker's own slice
 * if there is one, else of the whole range. 0 = none left. */
uint16_t ports_take(struct ports *p, const struct ports_want *want);
/* Ports outside the range are ignored. */
void ports_give(struct ports *p, enum turn_family family, uint16_t port);

struct ports_owner {
    uint16_t worker;
    bool is_tcp; /* peers connect to it (RFC 6062); no datagram ever arrives there */
};

/* Which worker serves a live relayed port: set when its relay is open, cleared before it closes. */
void ports_set_owner(struct ports *p, enum turn_family family, uint16_t port,
                     struct ports_owner owner);
void ports_clear_owner(struct ports *p, enum turn_family family, uint16_t port);
/* -1 = no live relay. */
int ports_owner(const struct ports *p, enum turn_family family, uint16_t port);
/* A live relay that peers connect to. */
bool ports_is_tcp(const struct ports *p, enum turn_family family, uint16_t port);

struct reservation {
    uint8_t token[PORTS_TOKEN_LEN];
    enum turn_family family;
    uint16_t port; /* taken already; the pool's from now on */
    usec_t expires;
};

/* false when there is no room even without the expired ones; the port stays the caller's then.
 * Time is the latest that ports_redeem or ports_expire has been told. */
bool ports_reserve(struct ports *p, const struct reservation *r);
/* The port, the caller's from now on, and its family; 0 = unknown, used or expired. */
uint16_t ports_redeem(struct ports *p, const uint8_t token[PORTS_TOKEN_LEN], usec_t now,
                      enum turn_family *ret_family);
/* Gives back the ports of expired reservations. */
void ports_expire(struct ports *p, usec_t now);
/* When the next reservation expires; USEC_NEVER when there is none. */
usec_t ports_deadline(const struct ports *p);

#endif
