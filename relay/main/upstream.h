/* Redis as it is configured: texts that outlive the configuration they came from. */
#ifndef RELAY_MAIN_UPSTREAM_H
#define RELAY_MAIN_UPSTREAM_H

#include "config/conf.h"
#include "redis/redis.h"

struct upstream {
    struct redis_conf redis; /* points into texts */
    const char *sentinel[CONF_LIST_MAX];
    struct upstream_texts { /* all that a change must be noticed in, zero where unused */
        struct conf_texts sentinels;
        conf_text address;
        conf_text master;
        conf_text user;
        conf_text password;
        conf_text ca;
        conf_text realm;
        int64_t db;
        int64_t flags;
    } texts;
};

/* NULL when out of memory. */
struct upstream *upstream_new(const struct conf *c);
/* Wipes it. Accepts NULL. */
void upstream_free(struct upstream *u);
/* Accepts NULL, which equals nothing but NULL. */
bool upstream_eq(const struct upstream *a, const struct upstream *b);

#endif
