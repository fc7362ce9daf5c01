/* A worker's life: what the engine may ask of it, its loop, its clock, its mail. */
#include "net/dtls_int.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/link_int.h"
#include "net/tls_int.h"

/* At least one turn of the loop per second, so that statistics are fresh, and that expiry is late
 * by no more than the engine's wheel is anyway. */
enum { TICK_MAX = 1000000, TICK_MIN = 10000 };

static struct worker *worker_of(struct turn_host *host)
{
    return container_of(host, struct worker, host);
}

static int host_relay_open(struct turn_host *host, const struct turn_relay_want *want)
{
    struct worker *w = worker_of(host);
    return want->is_tcp ? tcp_relay_open(w->links, want) : relay_sock_open(w, want);
}

static void host_relay_close(struct turn_host *host, uint32_t relay)
{
    struct worker *w = worker_of(host);

    relay_sock_close(relay_sock_find(w, relay));
    tcp_relay_close(w->links, relay);
}

static int host_link_open(struct turn_host *host, const struct turn_link_want *want)
{
    return links_open(worker_of(host)->links, want);
}

static void host_link_close(struct turn_host *host, uint32_t link)
{
    links_close(worker_of(host)->links, link);
}

static int host_credential(struct turn_host *host, const struct turn_cred_query *query,
                           struct turn_cred *ret)
{
    struct worker *w = worker_of(host);
    return w->world->credential(w->world, w->number, query, ret);
}

static void host_random(struct turn_host *host, void *ret, size_t n)
{
    uint8_t *to = ret;

    (void)host;
    while (n > 0) {
        ssize_t got = getrandom(to, n, 0);
        if (got < 0 && errno != EINTR)
            abort(); /* nothing safe is left to do without random bytes */
        size_t some = got > 0 ? (size_t)got : 0;
        to += some;
        n -= some;
    }
}

/* The reader may be slow or gone; its loss. A pipe takes so few bytes whole or not at all. */
static void host_note(struct turn_host *host, const struct turn_note *note)
{
    const struct worker *w = worker_of(host);

    _Static_assert(sizeof *note <= PIPE_BUF, "pipe(7)");
    ssize_t gone = w->trace_to < 0 ? 0 : write(w->trace_to, note, sizeof *note);
    (void)gone;
}

usec_t worker_now(struct worker *w)
{
    if (w->now == 0)
        w->now = clock_monotonic();
    return w->now;
}

void worker_flush(struct worker *w)
{
    batch_flush(&w->batch);
    arena_reset(&w->arena);
}

void worker_make_room(struct worker *w, unsigned slots)
{
    if (arena_left(&w->arena) < slots)
        worker_flush(w);
}

static void publish(struct worker *w)
{
    struct turn_stats s;

    turn_stats(w->engine, &s);
#define X(name) atomic_store_explicit(&w->stats.name, s.name, memory_order_relaxed);
    TURN_STATS(X)
#undef X
}

static usec_t clamp(usec_t v, usec_t low, usec_t high)
{
    return v < low ? low : v > high ? high : v;
}

static usec_t engine_deadline(const struct worker *w)
{
    return turn_deadline(w->engine);
}

static void engine_expire(struct worker *w, usec_t now)
{
    turn_expire(w->engine, now);
}

static usec_t connections_deadline(const struct worker *w)
{
    return w->streams ? streams_deadline(w->streams) : USEC_NEVER;
}

static void connections_expire(struct worker *w, usec_t now)
{
    streams_expire(w->streams, now);
}

static usec_t sessions_deadline(const struct worker *w)
{
    return w->dtls ? dtls_deadline(w->dtls) : USEC_NEVER;
}

static void sessions_expire(struct worker *w, usec_t now)
{
    dtls_expire(w->dtls, now);
}

static usec_t peers_deadline(const struct worker *w)
{
    return w->links ? links_deadline(w->links) : USEC_NEVER;
}

static void peers_expire(struct worker *w, usec_t now)
{
    links_expire(w->links, now);
}

static const struct clocked {
    usec_t (*deadline)(const struct worker *);
    void (*expire)(struct worker *, usec_t now);
} clocked[] = {
    {engine_deadline, engine_expire},
    {connections_deadline, connections_expire},
    {sessions_deadline, sessions_expire},
    {peers_deadline, peers_expire},
};

/* When to come again, at the latest. */
static usec_t expire(struct worker *w, usec_t now)
{
    usec_t next = USEC_NEVER;

    for (size_t i = 0; i < sizeof clocked / sizeof *clocked; i++) {
        if (now >= clocked[i].deadline(w))
            clocked[i].expire(w, now);
        usec_t deadline = clocked[i].deadline(w);
        next = deadline < next ? deadline : next;
    }
    return next;
}

static void tick(struct worker *w, usec_t now)
{
    usec_t deadline = expire(w, now);

    publish(w);
    for (size_t i = 0; i < w->n_listeners; i++)
        listener_tick(&w->listeners[i], now);
    deadline = deadline < forget_deadline(w) ? deadline : forget_deadline(w);
    usec_t wait = clamp(deadline - now, TICK_MIN, TICK_MAX);
    w->next_tick = now + wait;
    /* The loop's coarse clock may be behind ours by a few milliseconds. */
    struct timeval tv = {.tv_usec = (suseconds_t)(wait + TICK_MIN / 2)};
    tv.tv_sec = tv.tv_usec / USEC_PER_SEC;
    tv.tv_usec %= USEC_PER_SEC;
    event_add(&w->tick, &tv);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    /* The timer only ends the loop's sleep; the time is looked at after every turn. */
    (void)fd;
    (void)what;
    (void)arg;
}

static void close_trace(int fd)
{
    if (fd >= 0)
        close(fd);
}

static void obey_trace(struct worker *w, const struct net_trace *trace)
{
    close_trace(w->trace_to);
    w->trace_to = trace->to;
    turn_set_trace(w->engine, span_text(trace->user));
}

void worker_trace_end(const struct mail_orders *orders)
{
    if (orders->set_trace)
        close_trace(orders->trace.to);
}

static void obey_orders(struct worker *w, const struct mail_orders *orders)
{
    if (orders->world) {
        turn_set_conf(w->engine, orders->world->turn);
        world_release(w->world);
        w->world = orders->world;
    }
    if (orders->set_tls) {
        net_tls_free(w->tls);
        w->tls = orders->tls;
    }
    if (orders->set_trace)
        obey_trace(w, &orders->trace);
    if (orders->kill) {
        for (uint16_t port; (port = mailbox_kill(&w->mailbox)) != 0;)
            turn_kill(w->engine, port);
    }
    if (orders->drain)
        turn_drain(w->engine);
    if (w->streams)
        streams_adopt(w->streams, orders->moved);
    w->stop |= orders->stop;
}

static void on_mail(evutil_socket_t fd, short what, void *arg)
{
    struct worker *w = arg;
    struct mail mail;
    struct turn_pkt pkt;

    (void)fd;
    (void)what;
    /* What was queued out of the mailbox before has been sent at the end of that turn. */
    struct mail_orders orders = mailbox_take(&w->mailbox);
    obey_orders(w, &orders);
    while (mailbox_read(&w->mailbox, &mail, &pkt)) {
        worker_make_room(w, 1);
        dispatch_mail(w, &mail, pkt);
    }
}

static void *run(void *arg)
{
    struct worker *w = arg;

    on_mail(w->mailbox.wake, 0, w); /* certificates, before the first connection */
    tick(w, clock_monotonic());
    while (!w->stop) {
        w->now = 0;
        w->turn++;
        if (event_base_loop(w->base, EVLOOP_ONCE) < 0)
            break;
        worker_flush(w);
        if (worker_now(w) >= w->next_tick)
            tick(w, w->now);
        if (w->streams)
            streams_turn(w->streams);
        if (w->batch.n > 0)
            worker_flush(w);
        forget_turn(w);
    }
    publish(w);
    return NULL;
}

static struct event_base *new_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (!config)
        return NULL;
    if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0 &&
        event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV) == 0)
        base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

static int init_events(struct worker *w)
{
    w->base = new_base();
    if (!w->base)
        return -ENOMEM;
    event_assign(&w->tick, w->base, -1, 0, on_tick, w);
    event_assign(&w->mail, w->base, w->mailbox.wake, EV_READ | EV_PERSIST, on_mail, w);
    return event_add(&w->mail, NULL) == 0 ? 0 : -ENOMEM;
}

static bool speaks(const struct net_conf *conf, unsigned what)
{
    unsigned all = 0;

    for (size_t i = 0; i < conf->n_listen; i++)
        all |= conf->listen[i].speaks;
    return all & what;
}

static int init_connections(struct worker *w, const struct net_conf *conf)
{
    bool streams = speaks(conf, NET_TCP | NET_TLS);
    bool sessions = speaks(conf, NET_DTLS);

    w->streams = streams ? streams_new(w, conf) : NULL;
    w->dtls = sessions ? dtls_new(w, &conf->stream) : NULL;
    w->links = conf->max_links > 0 ? links_new(w, conf) : NULL;
    bool has_links = conf->max_links == 0 || w->links;
    return (streams && !w->streams) || (sessions && !w->dtls) || !has_links ? -ENOMEM : 0;
}

static int init_engine(struct worker *w, const struct worker_setup *setup)
{
    w->host = (struct turn_host){
        .relay_open = host_relay_open,
        .relay_close = host_relay_close,
        .link_open = host_link_open,
        .link_close = host_link_close,
        .credential = host_credential,
        .random = host_random,
        .note = host_note,
    };
    struct turn_setup s = {
        .conf = w->world->turn,
        .shared = setup->shared,
        .host = &w->host,
        .worker = w->number,
        .max_relays = w->max_relays,
        .max_links = setup->conf->max_links,
        .now = clock_monotonic(),
    };
    w->engine = turn_new(&s);
    return w->engine ? 0 : -ENOMEM;
}

int worker_init(struct worker *w, const struct worker_setup *setup)
{
    w->world = setup->world;
    w->all = setup->all;
    w->n_workers = setup->n_workers;
    w->number = setup->number;
    w->copy_tos = setup->conf->copy_tos;
    w->udp_gro = setup->conf->udp_gro;
    w->max_relays = setup->conf->max_relays;
    w->trace_to = -1;
    batch_init(&w->batch, setup->conf->udp_segment);
    list_init(&w->spare);

    int r = mailbox_init(&w->mailbox);
    if (r == 0)
        r = arena_init(&w->arena);
    if (r == 0)
        r = init_events(w);
    if (r != 0)
        return r;
    w->relays = mem_zalloc(w->max_relays * sizeof *w->relays);
    if (!w->relays)
        return -ENOMEM;
    r = init_engine(w, setup);
    return r == 0 ? init_connections(w, setup->conf) : r;
}

void worker_free(struct worker *w)
{
    streams_free(w->streams);
    dtls_free(w->dtls);
    turn_free(w->engine);
    links_free(w->links);
    for (size_t i = 0; i < w->n_listeners; i++)
        listener_close(&w->listeners[i]);
    if (w->base)
        event_base_free(w->base);
    mem_free(w->relays);
    relay_sock_free_spare(w);
    arena_free(&w->arena);
    struct mail_orders left = mailbox_free(&w->mailbox);
    conn_dispose(left.moved);
    world_release(left.world);
    world_release(w->world);
    net_tls_free(left.tls);
    net_tls_free(w->tls);
    worker_trace_end(&left);
    close_trace(w->trace_to);
}

int worker_start(struct worker *w)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS};
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        sigdelset(&all, crashes[i]); /* or their handlers are passed over */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&w->thread, NULL, run, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    w->running = r == 0;
    return -r;
}

void worker_join(struct worker *w)
{
    if (w->running)
        pthread_join(w->thread, NULL);
    w->running = false;
}
