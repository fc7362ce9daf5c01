/* Drives sessions and data over the two links in one loop, paced by the clock. */
#include "bench/modes.h"

#include <stdio.h>
#include <string.h>

#define AFTER (150 * MSEC)

/* Tokens by the clock: one every interval. What is missed by more than a little is given up, so
 * that a stall does not become a burst. */
struct pace {
    uint64_t interval;
    uint64_t next;
};

static void pace_start(struct pace *p, uint32_t per_second, uint64_t now)
{
    p->interval = per_second ? SEC / per_second : 0;
    p->next = per_second ? now : UINT64_MAX;
}

static unsigned pace_due(struct pace *p, uint64_t now)
{
    unsigned n = 0;
    if (p->next == UINT64_MAX)
        return 0;
    if (now > p->next + 5 * MSEC)
        p->next = now - 5 * MSEC;
    for (; p->next <= now && n < FRAME_BATCH; n++)
        p->next += p->interval;
    return n;
}

static void run_until(struct bench *b, struct pace *data, struct pace *flood, uint64_t end)
{
    uint64_t now, look = 0;
    while ((now = now_ns()) < end) {
        data_send(b, pace_due(data, now), now);
        for (unsigned n = pace_due(flood, now); n > 0; n--)
            flood_send(b);
        b->ways->flush(b);
        if (b->is_churn && now > look) {
            clients_resend(b);
            look = now + 20 * MSEC;
        }
        if (!pump(b))
            rest(b, data->next < flood->next ? data->next : flood->next);
        b->ways->flush(b);
    }
}

/* The warm-up, the window, and the time in which stragglers may still come. */
static void measure(struct bench *b, struct window *w)
{
    struct pace data, flood, none;
    uint64_t now = now_ns();
    b->begin = now + b->load.warmup;
    b->end = b->begin + b->load.window;
    pace_start(&data, b->load.pps, now);
    pace_start(&flood, b->load.flood_pps, now);
    pace_start(&none, 0, now);
    run_until(b, &data, &flood, b->begin);
    b->tally.sequences = 0;
    window_edge(b, w, 0);
    run_until(b, &data, &flood, b->end);
    window_edge(b, w, 1);
    run_until(b, &none, &none, b->end + AFTER);
}

static void measure_once(struct bench *b, const char *mode)
{
    struct window w;
    memset(&b->tally, 0, sizeof b->tally);
    memset(&b->delay, 0, sizeof b->delay);
    measure(b, &w);
    print_data(b, &w, mode);
}

int measure_and_print(struct bench *b, const char *mode)
{
    char line[64];
    double seconds;
    if (!b->load.steps) {
        measure_once(b, mode);
        return 0;
    }
    while (fgets(line, sizeof line, stdin) && sscanf(line, "%u %lf", &b->load.pps, &seconds) == 2 &&
           seconds > 0) {
        b->load.window = (uint64_t)(seconds * (double)SEC);
        measure_once(b, mode);
    }
    return 0;
}

int mode_relay(struct bench *b)
{
    b->ways = &FRAMES;
    if (!clients_set_up(b))
        return 1;
    measure_and_print(b, "relay");
    clients_release(b);
    return 0;
}

int mode_plain(struct bench *b)
{
    b->is_plain = true;
    b->ways = &FRAMES;
    return clients_alloc(b) ? measure_and_print(b, "plain") : 1;
}

int mode_flood(struct bench *b)
{
    b->load.pps = 0;
    b->ways = &FRAMES;
    return measure_and_print(b, "flood");
}

int mode_churn(struct bench *b)
{
    struct window w;
    b->is_churn = true;
    b->ways = &FRAMES;
    if (!clients_alloc(b))
        return 1;
    b->load.pps = b->load.flood_pps = 0;
    for (uint32_t i = 0; i < b->load.clients; i++)
        clients_begin(b, i);
    link_flush(b->cli);
    measure(b, &w);
    print_churn(&w);
    if (b->tally.failed)
        fprintf(stderr, "%llu sessions failed\n", (unsigned long long)b->tally.failed);
    return b->tally.failed != 0;
}

int mode_idle(struct bench *b)
{
    struct window w;
    struct usage before;
    b->ways = &FRAMES;
    usage_read(&before, &b->load.server);
    if (!clients_set_up(b))
        return 1;
    b->load.pps = b->load.flood_pps = 0;
    measure(b, &w);
    printf("{\"mode\": \"idle\", \"clients\": %u, ", b->load.clients);
    print_usage(&w);
    printf("\"bytes_per_allocation\": %.0f, \"setup_resent\": %llu, \"process_ms_per_s\": %.3f}\n",
           ((double)w.server[1].rss - (double)before.rss) / b->load.clients,
           (unsigned long long)b->tally.resent,
           (double)(w.server[1].process - w.server[0].process) * 1e3 /
               (double)(w.server[1].at - w.server[0].at));
    clients_release(b);
    return 0;
}
