/* What the files of this room share and nobody else sees. */
#ifndef RELAY_AUTH_AUTH_INT_H
#define RELAY_AUTH_AUTH_INT_H

#include "auth/auth.h"

enum auth_prepare_size {
    AUTH_PASSWORD_MAX = 1024, /* bytes as configured */
    AUTH_PREPARED_MAX = 4096, /* compatibility forms may grow */
};

/* Latest end of a secret that the file can hold, some 30,000 years ahead. */
#define AUTH_TIME_MAX INT64_C(999999999999)

/* A string as its profile wants it on the wire. Wipe it when it was a password. */
struct auth_prepared {
    size_t n;
    uint8_t bytes[AUTH_PREPARED_MAX];
};

enum auth_profile {
    AUTH_OPAQUE,   /* OpaqueString, RFC 8265 section 4.2: names, realms, passwords */
    AUTH_SASLPREP, /* RFC 4013, what RFC 5389 clients do to a password */
    AUTH_PROFILES,
};

/* 0, -EINVAL when empty or nothing is left, -E2BIG, -EILSEQ when not UTF-8, -ENOMEM. The classes of
 * forbidden characters are not enforced: the operator's choice of password is his own, and a
 * client that refuses it will say so. */
int auth_prepare(enum auth_profile profile, const char *text, struct auth_prepared *ret);

/* Fills err->text in the manner of printf; err may be NULL. Returns code, so that it can end a
 * function. */
__attribute__((format(printf, 3, 4))) int auth_fail(struct auth_error *err, int code,
                                                    const char *format, ...);

/* n bytes from 2 n hex digits. */
bool auth_read_hex(struct span text, uint8_t *ret, size_t n);
/* Unix seconds up to AUTH_TIME_MAX, digits alone. */
bool auth_read_time(struct span word, int64_t *ret);

/* not_before <= now, and now <= not_after unless that is 0. */
bool auth_in_force(const struct auth_secret *s, int64_t now);

#endif
