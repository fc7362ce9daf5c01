/* A trace whose user floods: the thread that shows it has more to do. */
#include "main/trace.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

enum { FLOOD = 100000, ONE_TURN = 1000 };

/* --- What it depends on --- */

struct loop_watch {
    void (*readable)(void *ctx);
    void *ctx;
};

static struct loop_watch the_watch;
static int pipe_end;
static unsigned n_sent;

struct loop_watch *loop_watch(struct loop *l, int fd, void (*readable)(void *ctx), void *ctx)
{
    (void)l;
    (void)fd;
    the_watch = (struct loop_watch){readable, ctx};
    return &the_watch;
}

void loop_unwatch(struct loop_watch *w)
{
    (void)w;
}

void net_set_trace(struct net *n, const struct net_trace *trace)
{
    (void)n;
    pipe_end = trace->to;
}

static void note(void)
{
    const struct turn_note one = {.kind = TURN_NOTE_REQUEST};
    assert_int_equal(write(pipe_end, &one, sizeof one), sizeof one);
}

/* For each line that is shown, another note has come. */
void local_send(struct local_client *c, struct span more)
{
    (void)c;
    assert_true(more.n > 0);
    if (++n_sent < FLOOD)
        note();
}

void local_keep(struct local_client *c)
{
    (void)c;
}

void local_end(struct local_client *c)
{
    (void)c;
}

/* --- The test --- */

static void t_flood(void **state)
{
    int somebody;
    char text[512] = "";
    struct writer out = w_over(text, sizeof text);
    struct auth_secrets secrets = {.n = 0};
    struct auth_error err;
    struct trace t = {.net = NULL};
    (void)state;
    assert_int_equal(auth_secrets_read(&secrets, span_text("talk"),
                                       span_text("0 0 0123456789abcdef0123456789abcdef"), &err),
                     0);
    assert_true(trace_begin(&t, (struct local_client *)&somebody, 1, &secrets, &out));
    note();
    the_watch.readable(the_watch.ctx);
    assert_in_range(n_sent, 1, ONE_TURN);
    the_watch.readable(the_watch.ctx);
    assert_in_range(n_sent, 2, 2 * ONE_TURN); /* the rest comes with the next turns */
    trace_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(t_flood)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
