/* What a window of time has brought, as JSON. */
#include "bench/modes.h"

#include <inttypes.h>
#include <stdio.h>

void window_edge(struct bench *b, struct window *w, int which)
{
    const struct subjects own = {.cpu = b->load.own_cpu};
    usage_read(&w->server[which], &b->load.server);
    usage_read(&w->own[which], &own);
    w->tally[which] = b->tally;
}

static double per(uint64_t ns, uint64_t count)
{
    return count ? (double)ns / (double)count : 0;
}

static uint64_t busy(const struct window *w)
{
    return w->server[1].cpu_busy - w->server[0].cpu_busy;
}

static uint64_t process(const struct window *w)
{
    return w->server[1].process - w->server[0].process;
}

/* Process and the threads that receive for it: the whole cost as the scheduler counts it. */
static uint64_t work(const struct window *w)
{
    return process(w) + w->server[1].kernel - w->server[0].kernel;
}

void print_usage(const struct window *w)
{
    double span = (double)(w->server[1].at - w->server[0].at);
    printf("\"seconds\": %.3f, \"cpu_busy\": %.4f, \"own_busy\": %.4f, \"steal\": %.4f, ",
           span / (double)SEC, (double)busy(w) / span,
           (double)(w->own[1].cpu_busy - w->own[0].cpu_busy) / span,
           (double)(w->server[1].cpu_steal - w->server[0].cpu_steal) / span);
    printf("\"process_busy\": %.4f, \"work_busy\": %.4f, \"rss_before\": %" PRIu64
           ", \"rss_after\": %" PRIu64 ", ",
           (double)process(w) / span, (double)work(w) / span, w->server[0].rss, w->server[1].rss);
}

static void print_delays(const struct hist *h)
{
    static const struct {
        const char *name;
        double share;
    } rows[] = {{"p50_us", 0.5}, {"p90_us", 0.9}, {"p99_us", 0.99}, {"p999_us", 0.999}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        printf("\"%s\": %.1f, ", rows[i].name, (double)hist_quantile(h, rows[i].share) / 1e3);
}

/* What the server has passed on, whether or not it arrived: a generator in need of its processor
 * must not make a relay dearer. Counted by the links where each of their packets is one of ours. */
static uint64_t passed_on(const struct bench *b, const struct window *w, uint64_t arrived)
{
    uint64_t left = w->server[1].left - w->server[0].left;
    bool is_data = b->cli && !b->load.pairs && !b->load.flood_pps;
    return is_data && left > arrived ? left : arrived;
}

void print_data(struct bench *b, const struct window *w, const char *mode)
{
    const struct tally *t = &b->tally;
    uint64_t relayed =
        w->tally[1].to_peer - w->tally[0].to_peer + w->tally[1].to_client - w->tally[0].to_client;
    double seconds = (double)(w->server[1].at - w->server[0].at) / (double)SEC;
    relayed *= b->load.pairs ? 2 : 1; /* the server has carried each one twice */
    uint64_t passed = passed_on(b, w, relayed);
    printf("{\"mode\": \"%s\", \"clients\": %u, \"bytes\": %u, \"offered\": %u, ", mode,
           b->load.clients, b->load.bytes, b->load.pps);
    print_usage(w);
    printf("\"sent\": %" PRIu64 ", \"returned\": %" PRIu64 ", \"reordered\": %" PRIu64
           ", \"refused\": %" PRIu64 ", \"relayed_pps\": %.0f, \"passed_pps\": %.0f, ",
           t->sent, t->returned, t->repeated,
           (b->cli ? link_refused(b->cli) : 0) + link_refused(b->peer), (double)relayed / seconds,
           (double)passed / seconds);
    print_delays(&b->delay);
    printf("\"cpu_ns\": %.1f, \"process_ns\": %.1f, \"work_ns\": %.1f, ", per(busy(w), passed),
           per(process(w), passed), per(work(w), passed));
    printf("\"flooded_pps\": %.0f, \"answers\": %" PRIu64 "}\n",
           (double)(w->tally[1].flooded - w->tally[0].flooded) / seconds,
           w->tally[1].answers - w->tally[0].answers);
    fflush(stdout);
}

void print_churn(const struct window *w)
{
    double seconds = (double)(w->server[1].at - w->server[0].at) / (double)SEC;
    uint64_t done = w->tally[1].sequences - w->tally[0].sequences;
    printf("{\"mode\": \"churn\", ");
    print_usage(w);
    printf("\"sequences_per_s\": %.0f, \"cpu_us\": %.2f, \"work_us\": %.2f, \"failed\": %" PRIu64
           ", \"resent\": %" PRIu64 "}\n",
           (double)done / seconds, per(busy(w), done) / 1e3, per(work(w), done) / 1e3,
           w->tally[1].failed, w->tally[1].resent);
}
