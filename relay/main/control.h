/* The commands of an admin to the running server, over a Unix socket that only root and the
 * server's own user can open: one line in, text out. */
#ifndef RELAY_MAIN_CONTROL_H
#define RELAY_MAIN_CONTROL_H

#include "config/conf.h"
#include "local/local.h"
#include "main/trace.h"

struct server;

struct control {
    struct server *server;
    struct local *local;
    struct trace trace;
    conf_text at;
};

/* Where the socket is: as configured, or in the folder that systemd gives; "" = nowhere. */
void control_path(const struct conf *c, conf_text ret);

/* Once privileges are given up; one that cannot be had is told of in the log, and done without. */
void control_start(struct control *c, struct server *s);
void control_tick(struct control *c);
/* While the workers still run. */
void control_end(struct control *c);

/* --- The other end --- */

/* Sends the line and copies the answer to standard output as it comes. An exit code; why not is
 * said on standard error. */
int control_ask(const struct conf *c, const char *line);

#endif
