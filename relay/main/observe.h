/* What the running server shows of itself: the windows of usage and its health, by HTTP on this
 * host and in the event log. */
#ifndef RELAY_MAIN_OBSERVE_H
#define RELAY_MAIN_OBSERVE_H

#include "config/conf.h"
#include "local/local.h"
#include "metrics/metrics.h"
#include "net/net.h"

struct observe {
    struct metrics *metrics;
    struct metrics_conf conf;
    conf_text file;
    struct local *http;
    conf_text at; /* where http listens */
    struct event_base *base;
    void (*health)(void *ctx, struct metrics_health *ret);
    void *ctx; /* these two are the owner's to set */
};

/* Once privileges are given up; reads the windows released before. 0 or -ENOMEM. */
int observe_start(struct observe *o, const struct conf *c, struct event_base *base);
/* Listens as configured now. */
void observe_renew(struct observe *o, const struct conf *c);
/* Once a second: takes what the workers have counted, and releases a window that is over. */
void observe_tick(struct observe *o, struct net *n);
void observe_end(struct observe *o);

/* The configuration as the room metrics takes it, also for the papers; *file keeps the text. */
void observe_conf(const struct conf *c, conf_text file, struct metrics_conf *ret);

#endif
