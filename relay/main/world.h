/* One generation of all that a reload may change: the engine's configuration with the arrays it
 * points to, and the credentials. Immutable once made; net counts who still uses it. */
#ifndef RELAY_MAIN_WORLD_H
#define RELAY_MAIN_WORLD_H

#include "main/creds.h"
#include "main/settings.h"
#include "main/site.h"

struct world_parts {
    struct conf *conf;            /* its users' passwords are wiped once their keys are made */
    const struct net_world *keep; /* users come from this generation, not from conf; or NULL */
    const struct creds *creds;
    const struct site *site;
    const struct net_conf *net; /* as bound: what the listeners really are */
    uint32_t generation;
};

struct world_size {
    size_t users;
    size_t secrets;
};

/* Copies what it needs. NULL with *err filled. The result is net's to release. */
struct net_world *world_new(const struct world_parts *parts, struct world_size *ret_size,
                            struct auth_error *err);

#endif
