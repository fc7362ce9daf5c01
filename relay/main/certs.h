/* The certificates of the running server: read at the start, watched, renewed. */
#ifndef RELAY_MAIN_CERTS_H
#define RELAY_MAIN_CERTS_H

#include <sys/stat.h>

#include "config/conf.h"
#include "net/net.h"

struct certs {
    struct stat seen[2 * CONF_LIST_MAX]; /* certificate and key of each pair; zero = missing */
    bool refused;                        /* said already that they do not load as they are now */
    int64_t ends;                        /* when the first of those in force ends; Unix seconds */
    int64_t next_warning;
};

/* The configured ones as they are on disk now; NULL without *err when none are configured, with it
 * when they do not load. Reports them as in force, or why they cannot be read. */
struct net_tls *certs_load(struct certs *s, const struct conf *c, struct net_error *err);

/* Whole days until the first one in force ends; negative when it has. */
int64_t certs_days(const struct certs *s);

/* After privileges were given up: reports the first file or folder that a renewal would fail on. */
void certs_verify(const struct conf *c);

/* Once a second. True with *ret set when the files have changed and are good. */
bool certs_watch(struct certs *s, const struct conf *c, struct net_tls **ret);

#endif
