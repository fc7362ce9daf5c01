/* The door of this room: sets the workers up, and speaks to them through their mailboxes. */
#include "net/net.h"

#include <errno.h>

#include "base/mem.h"
#include "net/net_error_int.h"
#include "net/worker_int.h"

struct net {
    struct turn_shared *shared;
    uint16_t n_workers; /* as far as they are initialised */
    struct worker workers[];
};

static void order_all(struct net *n, const struct mail_orders *orders)
{
    for (uint16_t i = 0; i < n->n_workers; i++)
        world_release(mailbox_order(&n->workers[i].mailbox, orders));
}

static int probe(const struct net_conf *conf, struct net_error *err)
{
    for (size_t i = 0; i < conf->n_listen; i++) {
        int r = listener_probe(&conf->listen[i]);
        if (r != 0) {
            net_error_listener(err, &conf->listen[i], r);
            return r;
        }
    }
    return 0;
}

static int add_listener(struct worker *w, const struct net_conf *conf)
{
    struct listener *l = &w->listeners[w->n_listeners];
    int r = listener_open(l, &conf->listen[w->n_listeners], conf);

    if (r != 0)
        return r;
    l->index = (uint16_t)w->n_listeners++;
    return listener_listen(l, w);
}

static int add_listeners(struct worker *w, const struct net_conf *conf, struct net_error *err)
{
    for (size_t i = 0; i < conf->n_listen; i++) {
        int r = add_listener(w, conf);
        if (r != 0) {
            net_error_listener(err, &conf->listen[i], r);
            return r;
        }
    }
    return 0;
}

static int add_worker(struct net *n, const struct net_conf *conf, struct net_world *world,
                      struct net_error *err)
{
    struct worker *w = &n->workers[n->n_workers];
    struct worker_setup setup = {
        .conf = conf,
        .shared = n->shared,
        .world = world,
        .all = n->workers,
        .n_workers = conf->workers,
        .number = n->n_workers,
    };

    world_retain(world, 1);
    n->n_workers++;
    int r = worker_init(w, &setup);
    if (r != 0) {
        net_error_workers(err, r);
        return r;
    }
    return add_listeners(w, conf, err);
}

static int fill(struct net *n, const struct net_conf *conf, struct net_world *world,
                struct net_error *err)
{
    struct turn_shared_conf shared = {.ports = conf->ports, .workers = conf->workers};
    int r = probe(conf, err);

    if (r != 0)
        return r;
    n->shared = turn_shared_new(&shared);
    if (!n->shared) {
        net_error_workers(err, -ENOMEM);
        return -ENOMEM;
    }
    for (uint16_t i = 0; i < conf->workers && r == 0; i++)
        r = add_worker(n, conf, world, err);
    return r;
}

struct net *net_new(const struct net_conf *conf, struct net_world *world, struct net_error *err)
{
    struct net_conf c = *conf;
    c.workers = c.workers == 0 ? 1 : c.workers > NET_WORKERS_MAX ? NET_WORKERS_MAX : c.workers;
    struct net *n = mem_zalloc(sizeof *n + c.workers * sizeof *n->workers);

    world_retain(world, 1);
    if (!n)
        net_error_workers(err, -ENOMEM);
    if (n && fill(n, &c, world, err) != 0) {
        net_free(n);
        n = NULL;
    }
    world_release(world);
    return n;
}

int net_start(struct net *n)
{
    int r = 0;

    for (uint16_t i = 0; i < n->n_workers && r == 0; i++)
        r = worker_start(&n->workers[i]);
    if (r != 0)
        net_stop(n);
    return r;
}

void net_apply(struct net *n, struct net_world *world)
{
    struct mail_orders orders = {.world = world};

    world_retain(world, n->n_workers + 1);
    order_all(n, &orders);
    world_release(world);
}

void net_drain(struct net *n)
{
    struct mail_orders orders = {.drain = true};

    order_all(n, &orders);
}

void net_stop(struct net *n)
{
    struct mail_orders orders = {.stop = true};

    order_all(n, &orders);
    for (uint16_t i = 0; i < n->n_workers; i++)
        worker_join(&n->workers[i]);
}

void net_free(struct net *n)
{
    if (!n)
        return;
    for (uint16_t i = 0; i < n->n_workers; i++)
        worker_free(&n->workers[i]);
    turn_shared_free(n->shared);
    mem_free(n);
}

void net_stats(const struct net *n, struct turn_stats *ret)
{
    *ret = (struct turn_stats){0};
    for (uint16_t i = 0; i < n->n_workers; i++) {
        const struct worker_stats *s = &n->workers[i].stats;
#define X(name) ret->name += atomic_load_explicit(&s->name, memory_order_relaxed);
        TURN_STATS(X)
#undef X
    }
}
