/* Who is let in by what is not in the configuration: the secrets file, Redis, both together. */
#ifndef RELAY_MAIN_CREDS_H
#define RELAY_MAIN_CREDS_H

#include <sys/stat.h>

#include "main/upstream.h"

struct creds {
    struct auth_secrets all; /* in force: the file's, then Redis' */
    const struct auth_keyed_user *users;
    size_t n_users;
    struct auth_revocations revoked; /* the file's and Redis', however old those are */

    struct auth_secrets file;
    struct auth_revocations file_revoked;
    struct stat seen; /* the file as last looked at; zero = missing */

    struct auth_secrets redis;           /* as last read, in force or not */
    struct auth_keyed_user *redis_users; /* owned */
    size_t n_redis_users;
    struct auth_revocations redis_revoked;
    struct redis_source *source; /* NULL = none configured */
    struct upstream *upstream;   /* what source was made of */
    struct addr at;              /* where it reads, if that is an IP address; not for peers */
    int64_t max_age;             /* seconds, 0 = any */
    int64_t seen_at;             /* seconds; by this source, or the one before it */
    bool is_too_old;             /* Redis' are out of force for that */

    struct redis_source *next; /* between creds_prepare and creds_settle */
    struct upstream *next_upstream;
    bool is_changed;

    void (*changed)(void *ctx); /* Redis has given others */
    void (*heard)(void *ctx);   /* it has been read, or is in trouble */
    void *ctx;
};

/* Reads the secrets file. 0, or -errno with *err filled and all as it was. */
int creds_read_file(struct creds *c, const struct conf *conf, struct auth_error *err);

/* Once a second. True when what is in force has changed. */
bool creds_watch(struct creds *c, const struct conf *conf);

/* A source for the Redis that conf names, if it is another one than before; then settled or
 * dropped. What the old one has read stays in force until the new one has. 0, or -errno with *err
 * filled. */
int creds_prepare(struct creds *c, const struct conf *conf, struct event_base *base,
                  struct auth_error *err);
void creds_settle(struct creds *c, const struct conf *conf);
void creds_drop(struct creds *c);

bool creds_any(const struct creds *c);

/* Wipes all. */
void creds_end(struct creds *c);

#endif
