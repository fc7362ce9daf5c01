/* The running server as the main thread sees it: signals, the clock's tick, generations. */
#ifndef RELAY_MAIN_SERVER_H
#define RELAY_MAIN_SERVER_H

#include "main/certs.h"
#include "main/confine.h"
#include "main/control.h"
#include "main/creds.h"
#include "main/issue.h"
#include "main/listen.h"
#include "main/loop.h"
#include "main/observe.h"
#include "main/world.h"

struct server {
    const char *path; /* of the configuration */
    struct conf *conf;
    struct loop *loop;
    struct creds creds;
    struct issue issue;
    struct observe observe;
    struct control control;
    int64_t started; /* Unix seconds */
    bool is_draining;
    struct sandbox *sandbox; /* NULL = none */
    bool is_confined;        /* the kernel holds all of it */
    struct site site;
    usec_t next_look; /* when the host's addresses are looked at again */
    int addresses;    /* tells when they change; 0 or less = the clock alone does */
    struct loop_watch *address_watch;
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

/* Once privileges are given up: Redis, the issuer, statistics and the control socket, as
 * configured. 0, or -errno with *err filled. */
int server_start_sources(struct server *s, struct auth_error *err);

/* False with *err filled: the old configuration stays. */
bool server_reload(struct server *s, struct auth_error *err);
/* No new allocations from now on. */
void server_drain(struct server *s);

/* Tells the service manager: the state to tell first, e.g. "READY=1", then a line for people. */
void server_tell(const struct server *s, const char *state);
void server_health(const struct server *s, struct metrics_health *ret);

/* Until SIGTERM or SIGINT. SIGHUP reloads, SIGUSR1 drains. 0 or -errno. */
int server_loop(struct server *s);

#endif
