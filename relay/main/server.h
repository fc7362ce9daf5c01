/* The running server as the main thread sees it: signals, the clock's tick, generations. */
#ifndef RELAY_MAIN_SERVER_H
#define RELAY_MAIN_SERVER_H

#include "main/certs.h"
#include "main/creds.h"
#include "main/issue.h"
#include "main/listen.h"
#include "main/loop.h"
#include "main/world.h"

struct server {
    const char *path; /* of the configuration */
    struct conf *conf;
    struct loop *loop;
    struct creds creds;
    struct issue issue;
    struct site site;
    usec_t next_look; /* when the host's addresses are looked at again */
    int addresses;    /* tells when they change; 0 or less = the clock alone does */
    struct net_conf net_conf;
    struct listen_keep keep; /* net_conf points into it */
    struct certs certs;
    struct net_tls *tls; /* loaded, and not yet net's */
    struct net *net;
    uint32_t generation;
    const struct net_world *world; /* the latest; net's */
    bool users_taken;              /* their keys are in world, their passwords gone from conf */
};

/* The next generation of configuration, secrets and addresses as they stand in s; NULL with *err
 * filled. */
struct net_world *server_world(struct server *s, struct auth_error *err);

/* Hands certificates over to net; NULL = no TLS. */
void server_set_tls(struct server *s, struct net_tls *tls);

/* Once privileges are given up: Redis and the issuer, as configured. 0, or -errno with *err
 * filled. */
int server_start_sources(struct server *s, struct auth_error *err);

/* Until SIGTERM or SIGINT. SIGHUP reloads, SIGUSR1 drains. 0 or -errno. */
int server_loop(struct server *s);

#endif
