/* Hands out time-limited credentials to programs on this host: by HTTP as draft-uberti-behave-turn-
 * rest-00 has it, and by one line on a Unix socket. Never on a port for clients of the relay, and
 * nothing of what is asked is kept or written anywhere. */
#ifndef RELAY_ISSUER_ISSUER_H
#define RELAY_ISSUER_ISSUER_H

#include "auth/auth.h"

enum issuer_limit {
    ISSUER_URIS_MAX = 64,
    ISSUER_TEXT_MAX = 255, /* of a key or a URI */
};

/* Borrowed until issuer_free. */
struct issuer_conf {
    const char *http; /* "127.0.0.1:8087", "[::1]:8087", or the path of a Unix socket; "" = none */
    const char *key;  /* what whoever asks by HTTP must know */
    const char *line; /* path of a Unix socket; "" = none */
    const char *const *uris;
    size_t n_uris;
    int64_t ttl;                        /* seconds */
    const struct auth_secrets *secrets; /* read anew for each credential */
};

struct event_base;
struct issuer;

/* Binds and serves on the caller's loop. NULL with *err filled. */
struct issuer *issuer_new(struct event_base *base, const struct issuer_conf *conf,
                          struct auth_error *err);
/* Ends what is open and removes the sockets' files. Accepts NULL. */
void issuer_free(struct issuer *s);

#endif
