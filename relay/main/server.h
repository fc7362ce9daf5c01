/* The running server as the main thread sees it: signals, the clock's tick, generations. */
#ifndef RELAY_MAIN_SERVER_H
#define RELAY_MAIN_SERVER_H

#include <sys/stat.h>

#include "main/certs.h"
#include "main/listen.h"
#include "main/world.h"

struct server {
    const char *path; /* of the configuration */
    struct conf *conf;
    struct auth_secrets secrets;
    struct stat secrets_seen; /* the file as last looked at; zero = missing */
    struct site site;
    usec_t next_look; /* when the host's addresses are looked at again */
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

/* Reads the secrets file into s and remembers what it looked like. 0, or -errno with *err filled
 * and the secrets as they were. */
int server_read_secrets(struct server *s, struct auth_error *err);

/* Hands certificates over to net; NULL = no TLS. */
void server_set_tls(struct server *s, struct net_tls *tls);

/* The signals server_loop waits for, to be blocked before any thread starts. */
void server_block_signals(void);

/* Until SIGTERM or SIGINT. SIGHUP reloads, SIGUSR1 drains. */
void server_loop(struct server *s);

#endif
