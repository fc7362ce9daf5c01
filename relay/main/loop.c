/* Signals stay blocked and are read from a descriptor, so no code ever runs inside a handler. */
#include "main/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/mem.h"

struct loop_watch {
    struct event *event;
    void (*readable)(void *ctx);
    void *ctx;
};

struct loop {
    struct event_base *base;
    struct event *tick;
    struct event *signals;
    struct event *limit;
    int fd;
    bool is_waiting;
    struct loop_to to;
};

static void waited(sigset_t *ret)
{
    static const int all[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    sigemptyset(ret);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        sigaddset(ret, all[i]);
}

void loop_block_signals(void)
{
    sigset_t set;
    waited(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void on_tick(evutil_socket_t fd, short what, void *ctx)
{
    struct loop *l = ctx;
    (void)fd;
    (void)what;
    l->to.on_tick(l->to.ctx);
    mem_wipe_stack(MEM_STACK_HANDSHAKE); /* names that were asked for, whoever asked */
}

static void on_signal(evutil_socket_t fd, short what, void *ctx)
{
    struct loop *l = ctx;
    struct signalfd_siginfo got;
    (void)what;
    if (read(fd, &got, sizeof(got)) != (ssize_t)sizeof(got))
        return;
    int number = (int)got.ssi_signo;
    if (number == SIGTERM || number == SIGINT) {
        event_base_loopbreak(l->base);
        return;
    }
    l->to.on_signal(l->to.ctx, number);
    l->to.on_tick(l->to.ctx);
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
    struct loop_watch *w = ctx;
    (void)fd;
    (void)what;
    w->readable(w->ctx);
}

static void on_limit(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    loop_wake(ctx);
}

static bool make(struct loop *l)
{
    sigset_t set;
    waited(&set);
    l->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    l->base = event_base_new();
    if (l->fd < 0 || !l->base)
        return false;
    l->tick = event_new(l->base, -1, EV_PERSIST, on_tick, l);
    l->signals = event_new(l->base, l->fd, EV_READ | EV_PERSIST, on_signal, l);
    l->limit = event_new(l->base, -1, 0, on_limit, l);
    return l->tick && l->signals && l->limit;
}

struct loop *loop_new(void)
{
    struct loop *l = mem_zalloc(sizeof(*l));
    if (l && !make(l)) {
        loop_free(l);
        return NULL;
    }
    return l;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    if (l->tick)
        event_free(l->tick);
    if (l->signals)
        event_free(l->signals);
    if (l->limit)
        event_free(l->limit);
    if (l->base)
        event_base_free(l->base);
    if (l->fd >= 0)
        close(l->fd);
    mem_free(l);
}

struct event_base *loop_base(struct loop *l)
{
    return l->base;
}

void loop_wait(struct loop *l, unsigned seconds)
{
    const struct timeval most = {seconds, 0};
    if (event_add(l->limit, &most) < 0)
        return;
    l->is_waiting = true;
    (void)event_base_dispatch(l->base);
    l->is_waiting = false;
    (void)event_del(l->limit);
}

void loop_wake(struct loop *l)
{
    if (l->is_waiting)
        (void)event_base_loopbreak(l->base);
}

struct loop_watch *loop_watch(struct loop *l, int fd, void (*readable)(void *ctx), void *ctx)
{
    struct loop_watch *w = mem_zalloc(sizeof(*w));
    if (!w)
        return NULL;
    w->readable = readable;
    w->ctx = ctx;
    w->event = event_new(l->base, fd, EV_READ | EV_PERSIST, on_readable, w);
    if (w->event && event_add(w->event, NULL) == 0)
        return w;
    loop_unwatch(w);
    return NULL;
}

void loop_unwatch(struct loop_watch *w)
{
    if (!w)
        return;
    if (w->event)
        event_free(w->event);
    mem_free(w);
}

int loop_run(struct loop *l, const struct loop_to *to)
{
    const struct timeval second = {1, 0};
    l->to = *to;
    if (event_add(l->signals, NULL) < 0 || event_add(l->tick, &second) < 0)
        return -EIO;
    return event_base_dispatch(l->base) < 0 ? -EIO : 0;
}
