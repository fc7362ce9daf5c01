/* Nonces without state (RFC 8489 sections 9.2 and 18.1): a MAC over time, client and what the nonce
 * says of itself, so any worker can check what any other made and a flood costs no memory. */
#ifndef RELAY_TURN_NONCE_H
#define RELAY_TURN_NONCE_H

#include "turn/turn.h"

struct nonce_key {
    uint8_t master[16];
};

/* Full: the nonce cookie and security features in front (RFC 8489 section 9.2). Short: without
 * them, for clients that do not know RFC 8489. */
enum nonce_size { NONCE_SHORT_LEN = 16, NONCE_FULL_LEN = 29, NONCE_MAX = 29 };

struct nonce_want {
    const struct addr *client;
    uint8_t transport; /* enum turn_transport */
    bool full;
    bool userhash; /* full only: the "username anonymity" feature */
    usec_t now;
    uint32_t random;
};

/* Returns the length; no NUL is written. */
size_t nonce_make(const struct nonce_key *key, const struct nonce_want *want, char ret[NONCE_MAX]);

enum nonce_state {
    NONCE_GOOD,
    NONCE_STALE,   /* ours for this client, too old */
    NONCE_FOREIGN, /* not ours, changed, or for another client */
};

struct nonce_seen {
    const struct addr *client;
    uint8_t transport;
    struct span text;
    usec_t now;
    uint32_t lifetime_s; /* clamped to 32 .. 3600 */
};

/* Never good once older than the lifetime, always good while younger than the lifetime, rounded
 * down to a multiple of 16 s, less 16 s. The two flags tell what the text claims, whatever the
 * state (RFC 8489 section 9.2.4 asks for them before it asks for the nonce). */
enum nonce_state nonce_check(const struct nonce_key *key, const struct nonce_seen *seen,
                             bool *ret_full, bool *ret_userhash);

/* When it was made, rounded down; of one that nonce_check has called GOOD at this time. */
usec_t nonce_made(struct span text, usec_t now);

/* The text starts with the nonce cookie and the "password algorithms" feature bit is set. */
bool nonce_offers_algorithms(struct span text);

#endif
