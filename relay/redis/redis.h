/* Secrets and users that live in Redis: read at start, when a change is published and every minute
 * by the clock, never because a client came. Nothing is written but by the commands at the end. One
 * thread, one event loop, the caller's; nothing here ever waits. */
#ifndef RELAY_REDIS_REDIS_H
#define RELAY_REDIS_REDIS_H

#include "auth/auth.h"

enum redis_limit {
    REDIS_USERS_MAX = 65536,    /* users read from one Redis */
    REDIS_REPLY_MAX = 1 << 20,  /* bytes of one reply; a larger one ends the connection */
    REDIS_DROPS_MAX = 256,      /* revoked names taken out by one command */
    REDIS_READ_S = 60,          /* from one read to the next */
    REDIS_ANSWER_S = 3,         /* without an answer, then the connection counts as dead */
    REDIS_RETRY_FIRST_MS = 100, /* until the first new attempt; doubles, with jitter, ... */
    REDIS_RETRY_LAST_MS = 1500, /* ... up to this */
};

/* Borrowed until the source or the call is over. */
struct redis_conf {
    const char *address;          /* "host:port", "[v6]:port", or the path of a Unix socket */
    const char *const *sentinels; /* "host:port"; with some, they tell the address */
    size_t n_sentinels;
    const char *master; /* the master's name at the sentinels */
    const char *user;   /* ACL user, "" = the default one */
    const char *password;
    unsigned db;
    bool tls;
    const char *ca; /* PEM file, "" = the system's */
    const char *realm;
    bool users; /* coturn's users too: turn/realm/<realm>/user/<user>/key */
};

/* What is the matter, each with an event of its own in the log. */
enum redis_news {
    REDIS_READY,      /* connected, and read */
    REDIS_LOST,       /* the connection broke, was refused, or nobody answers */
    REDIS_DENIED,     /* NOAUTH, WRONGPASS: user or password */
    REDIS_NOPERM,     /* the ACL forbids what we read */
    REDIS_LOADING,    /* LOADING, MASTERDOWN: it is not ready yet */
    REDIS_WRONG_TYPE, /* a key of ours holds something else */
    REDIS_TOO_LARGE,  /* more than we take */
    REDIS_MALFORMED,  /* a value is not what the schema says, or the protocol is broken */
    REDIS_MISSING,    /* the key is gone and nobody said so: what was in force stays */
    REDIS_CLUSTER,    /* MOVED: a node of a Redis Cluster that does not hold our keys */
    REDIS_NO_MASTER,  /* no sentinel knows the master */
    REDIS_NEW_MASTER, /* after a failover */
};

struct redis_found {
    struct auth_secrets secrets; /* named ones first, the one that lasts longest at the head; then
                                  * coturn's, ids coturn-1, -2, ... */
    const struct auth_keyed_user *users;
    size_t n_users;
    const struct auth_revocations *revoked; /* those that are over are among them */
};

struct redis_listener {
    void *ctx;
    /* Everything that is in force from now on; only when it differs from the time before. Borrowed.
     */
    void (*found)(void *ctx, const struct redis_found *found);
    /* Told when it changes, not again and again. text: more of it in words without a value, or "".
     */
    void (*news)(void *ctx, enum redis_news news, const char *text);
};

struct event_base;
struct redis_source;

/* Connects on the loop's next turn. NULL with *err filled when out of memory or when conf cannot
 * work (a CA file that cannot be read). */
struct redis_source *redis_source_new(struct event_base *base, const struct redis_conf *conf,
                                      const struct redis_listener *to, struct auth_error *err);
/* Accepts NULL. */
void redis_source_free(struct redis_source *s);
/* Where it reads, as configured or as the sentinels say; "" = not known. */
const char *redis_source_address(const struct redis_source *s);
/* Seconds since what is in force was last seen to be so; -1 = never. */
int64_t redis_source_age(const struct redis_source *s);

/* --- For commands: these wait, some seconds at most. 0, or -errno with *err filled: what to do,
 * never a value. -ENOENT: no such secret. --- */

/* *ret_revoked, which may be NULL, is replaced. */
int redis_secrets_load(const struct redis_conf *conf, struct auth_secrets *ret,
                       struct auth_revocations *ret_revoked, struct auth_error *err);
/* Adds or replaces one named secret, and publishes it. */
int redis_secret_put(const struct redis_conf *conf, const struct auth_secret *one,
                     struct auth_error *err);
int redis_secret_remove(const struct redis_conf *conf, const char *id, struct auth_error *err);

/* Writes and deletes rows of revoked names, all or none, and publishes it. drop may be longer than
 * REDIS_DROPS_MAX: the rest stays until another time. */
int redis_revoked_change(const struct redis_conf *conf, const struct auth_revocations *put,
                         const struct auth_revocations *drop, struct auth_error *err);

/* The ACL rule for the relay's user in this realm, as one line for ACL SETUSER or users.acl. */
int redis_acl(const struct redis_conf *conf, char *ret, size_t cap);

#endif
