/* A consented trace: one person has a problem, and agrees that an admin watches their attempts. The
 * server makes up a user name for it that nobody else can know, and tells of that user's requests,
 * and of nobody else's, to the terminal that asked. Nothing of it is kept. */
#ifndef RELAY_MAIN_TRACE_H
#define RELAY_MAIN_TRACE_H

#include "auth/auth.h"
#include "base/clock.h"
#include "local/local.h"
#include "main/loop.h"
#include "net/net.h"

enum { TRACE_MINUTES_MAX = 30 };

struct trace {
    struct net *net;
    struct loop *loop;
    struct local_client *client; /* the terminal; NULL = no trace runs */
    struct loop_watch *watch;
    int from; /* the pipe that the workers write into */
    int to;
    int closing; /* the end of an earlier pipe that a worker may still know; 0 = none */
    usec_t begun;
    usec_t until;
};

/* Writes what the terminal is to see first, user name and password among it. False: there can be
 * none now, and why stands in out. */
bool trace_begin(struct trace *t, struct local_client *client, unsigned minutes,
                 const struct auth_secrets *secrets, struct writer *out);
/* Once a second. */
void trace_tick(struct trace *t);
/* The terminal has gone. */
void trace_gone(struct trace *t);
/* With the server. */
void trace_end(struct trace *t);

#endif
