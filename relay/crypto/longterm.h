/* Keys of the long-term credential mechanism (RFC 8489 sections 9.2.2, 14.4, 18.5.1) and of
 * time-limited credentials (draft-uberti-behave-turn-rest-00 section 2.2). */
#ifndef RELAY_CRYPTO_LONGTERM_H
#define RELAY_CRYPTO_LONGTERM_H

#include "crypto/crypto.h"

struct longterm {
    struct span user;
    struct span realm;
    struct span password;
};

/* DIGEST_MD5 or DIGEST_SHA256 of user ":" realm ":" password. Returns the key's length or -EIO. */
int longterm_key(struct crypto *c, enum digest_alg alg, const struct longterm *who,
                 uint8_t ret[DIGEST_MAX]);

/* SHA-256 of user ":" realm: the value of USERHASH. 0 or -EIO. */
int longterm_userhash(struct crypto *c, struct span user, struct span realm,
                      uint8_t ret[SHA256_LEN]);

enum timed_size { TIMED_PASSWORD = 29 }; /* base64 of SHA-1 with its NUL */

/* base64(HMAC-SHA1(secret, user)): the password that goes with a time-limited user name. The
 * secret's bytes are taken as they are, never decoded. 0 or -EIO. */
int timed_password(struct crypto *c, struct span secret, struct span user,
                   char ret[TIMED_PASSWORD]);

#endif
