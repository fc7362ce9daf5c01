/* The door of this room: sets the workers up, and speaks to them through their mailboxes. */
#include "net/net.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/net_error_int.h"
#include "net/tls_int.h"
#include "net/worker_int.h"

struct net {
    struct turn_shared *shared;
    uint16_t n_workers; /* as far as they are initialised */
    struct worker workers[];
};

static void order_all(struct net *n, const struct mail_orders *orders)
{
    for (uint16_t i = 0; i < n->n_workers; i++) {
        struct mail_orders replaced = mailbox_order(&n->workers[i].mailbox, orders);
        world_release(replaced.world);
        net_tls_free(replaced.tls);
        worker_trace_end(&replaced);
    }
}

static int add_listener(struct worker *w, const struct net_listen *where,
                        const struct net_conf *conf)
{
    struct listener *l = &w->listeners[w->n_listeners];
    int r = listener_open(l, where, conf);

    if (r != 0)
        return r;
    l->index = (uint16_t)w->n_listeners++;
    return listener_listen(l, w);
}

static int add_acceptor(struct worker *w, const struct net_listen *where,
                        const struct net_conf *conf)
{
    struct streams *s = w->streams;
    int r = acceptor_open(&s->acceptors[s->n_acceptors], where);

    (void)conf;
    return r == 0 ? acceptor_listen(&s->acceptors[s->n_acceptors++], w) : r;
}

/* A listener is a socket of each kind that it needs. */
static const struct kind {
    uint8_t speaks;
    const char *name;
    int (*probe)(const struct addr *addr);
    int (*add)(struct worker *w, const struct net_listen *where, const struct net_conf *conf);
} kinds[] = {
    {NET_UDP | NET_DTLS, "UDP", listener_probe, add_listener},
    {NET_TCP | NET_TLS, "TCP", acceptor_probe, add_acceptor},
};

enum { KINDS = sizeof kinds / sizeof *kinds };

/* With w, adds the sockets to it; without, tries whether they could be had. */
static int set_up(struct worker *w, const struct net_conf *conf, struct net_error *err)
{
    for (size_t i = 0; i < conf->n_listen * KINDS; i++) {
        const struct net_listen *where = &conf->listen[i / KINDS];
        const struct kind *k = &kinds[i % KINDS];
        if (!(where->speaks & k->speaks))
            continue;
        int r = w ? k->add(w, where, conf) : k->probe(&where->addr);
        if (r != 0) {
            net_error_listener(err, k->name, &where->addr, r);
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
    return set_up(w, conf, err);
}

static int fill(struct net *n, const struct net_conf *conf, struct net_world *world,
                struct net_error *err)
{
    struct turn_shared_conf shared = {.ports = conf->ports, .workers = conf->workers};
    int r = set_up(NULL, conf, err);

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

void net_set_tls(struct net *n, struct net_tls *tls)
{
    struct mail_orders orders = {.tls = tls, .set_tls = true};

    for (uint16_t i = 0; i < n->n_workers; i++)
        tls_retain(tls);
    order_all(n, &orders);
    net_tls_free(tls);
}

void net_kill(struct net *n, uint16_t relayed_port)
{
    struct mail_orders orders = {.kill = relayed_port};

    if (relayed_port)
        order_all(n, &orders);
}

/* Each worker writes to a descriptor of its own, so none is ever closed under another's hands. */
void net_set_trace(struct net *n, const struct net_trace *trace)
{
    for (uint16_t i = 0; i < n->n_workers; i++) {
        struct mail_orders orders = {.set_trace = true, .trace = *trace};
        orders.trace.to = trace->user[0] ? fcntl(trace->to, F_DUPFD_CLOEXEC, 0) : -1;
        struct mail_orders replaced = mailbox_order(&n->workers[i].mailbox, &orders);
        worker_trace_end(&replaced);
    }
}

void net_take_usage(struct net *n, uint64_t ret[TURN_USES])
{
    turn_take_usage(n->shared, ret);
}

bool net_has_trains(const struct net *n)
{
    return n->workers[0].batch.trains;
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
