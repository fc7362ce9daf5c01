/* Where a command finds shared secrets: the secrets file, or Redis. Both take the same words. */
#ifndef RELAY_MAIN_STORE_H
#define RELAY_MAIN_STORE_H

#include "main/settings.h"
#include "main/upstream.h"

struct store {
    conf_text path;            /* of the file, or what Redis is called */
    conf_text user;            /* who is to own a new file; "" = whoever makes it */
    struct upstream *upstream; /* NULL = the file */
    int lock;                  /* on the file's folder, -1 = none */
    int64_t max_ttl;           /* how long a credential is good at most; 0 = any, or not known */
    int64_t max_lifetime;      /* of an allocation, until it has to ask again; 0 = not known */
    struct auth_secrets secrets;
    struct auth_revocations revoked; /* those that are over are among them */
};

/* --file, else the configured Redis, else the configured file. to_change: nobody else changes the
 * file until store_close. An exit code, after saying what is wrong. */
int store_open(const struct args *a, bool to_change, struct store **ret);
/* Wipes. Accepts NULL. */
void store_close(struct store *s);

/* Adds or replaces, in the store and in s. An exit code, after saying what is wrong. */
int store_put(struct store *s, const struct auth_secret *one);
/* An id that is there. */
int store_remove(struct store *s, const char *id);

/* Takes names out of the revoked ones, then puts some in, in the store and in s. */
int store_revoke(struct store *s, const struct auth_revocations *drop,
                 const struct auth_revocations *put);

/* The configured secrets for a test of this host: the file's, then Redis'. 0, or -errno with *err
 * filled. */
int store_all(const struct conf *c, struct auth_secrets *ret, struct auth_error *err);

#endif
