/* Drives sessions and data over the two links in one loop, paced by the clock. */
#include "bench/modes.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "wire/chandata.h"
#include "wire/stun_build.h"

enum {
    FIRST_PORT = 2048,
    LAST_PORT = 65000,
    WINDOW = 64, /* requests in flight */
    STAMP = 16,  /* birth, client, sequence */
    FLOOD_KINDS = 5,
};

#define MSEC UINT64_C(1000000)
#define SEC UINT64_C(1000000000)

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

/* --- Sessions --- */

static void send_request(struct bench *b, struct session *s)
{
    uint8_t *room = link_room(b->cli);
    size_t n = session_request(s, &b->who, room, FRAME_MAX - FRAME_HEADERS);
    s->sent = now_ns();
    link_queue(b->cli, s->port, b->load.server_port, n);
}

static void begin_session(struct bench *b, struct session *s)
{
    s->step = STEP_CHALLENGE;
    s->tries = 0;
    b->in_flight++;
    send_request(b, s);
}

/* Another port each time, so that a server that remembers the old 5-tuple is not in the way. */
static void again(struct bench *b, struct session *s)
{
    uint32_t next = s->port + b->load.clients;
    if (next > LAST_PORT)
        next = FIRST_PORT + (s->port - FIRST_PORT) % b->load.clients;
    s->port = (uint16_t)next;
    begin_session(b, s);
}

static void moved_on(struct bench *b, struct session *s)
{
    if (s->step == STEP_READY && b->is_churn)
        s->step = STEP_RELEASE;
    if (s->step < STEP_READY || s->step == STEP_RELEASE) {
        send_request(b, s);
        return;
    }
    b->in_flight--;
    b->tally.failed += s->step == STEP_FAILED;
    if (!b->is_churn)
        return;
    b->tally.sequences += s->step == STEP_DONE && b->begin;
    again(b, s);
}

/* --- What arrives --- */

void data_returned(struct bench *b, const uint8_t *p, size_t n)
{
    uint64_t born;
    uint32_t client, sequence;
    if (n < STAMP)
        return;
    memcpy(&born, p, sizeof born);
    memcpy(&client, p + 8, sizeof client);
    memcpy(&sequence, p + 12, sizeof sequence);
    b->tally.to_client++;
    if (client >= b->load.clients || born < b->begin || born >= b->end)
        return;
    b->tally.returned++;
    b->tally.repeated += sequence <= b->seen[client];
    b->seen[client] = sequence;
    hist_add(&b->delay, now_ns() - born);
}

static void on_client(void *ctx, const struct datagram *d)
{
    struct bench *b = ctx;
    if (d->to < FIRST_PORT || d->n == 0)
        return;
    if (b->is_direct) {
        data_returned(b, d->p, d->n);
        return;
    }
    if (d->p[0] >= 64 && d->p[0] < 128) {
        data_returned(b, d->p + CHANDATA_HEADER_LEN, d->n - CHANDATA_HEADER_LEN);
        return;
    }
    b->tally.answers++;
    if (!b->sessions)
        return;
    struct session *s = &b->sessions[(d->to - FIRST_PORT) % b->load.clients];
    if (s->port == d->to && session_answer(s, &b->who, span_of(d->p, d->n)))
        moved_on(b, s);
}

static void on_peer(void *ctx, const struct datagram *d)
{
    struct bench *b = ctx;
    if (d->to != b->load.peer_port || d->n > FRAME_MAX - FRAME_HEADERS)
        return;
    b->tally.to_peer++;
    memcpy(link_room(b->peer), d->p, d->n);
    link_queue(b->peer, d->to, d->from, d->n);
}

/* One turn: everything that has arrived, up to a batch per link. */
static size_t pump(struct bench *b)
{
    size_t n = link_receive(b->peer, on_peer, b);
    link_flush(b->peer);
    return n + b->ways->receive(b);
}

static void rest(struct bench *b, uint64_t until)
{
    uint64_t now = now_ns();
    struct pollfd fds[] = {{b->ways->fd(b), POLLIN, 0}, {link_fd(b->peer), POLLIN, 0}};
    if (until <= now)
        return;
    uint64_t left = until - now < MSEC ? until - now : MSEC;
    struct timespec ts = {0, (long)left};
    ppoll(fds, 2, &ts, NULL);
}

/* --- Setting up --- */

static void resend_late(struct bench *b)
{
    uint64_t now = now_ns();
    for (uint32_t i = 0; i < b->load.clients; i++) {
        struct session *s = &b->sessions[i];
        bool waits = s->step != STEP_IDLE && s->step != STEP_READY && s->step < STEP_DONE;
        if (waits && now - s->sent > 500 * MSEC) {
            b->tally.resent++;
            send_request(b, s);
        }
    }
}

static bool alloc_sessions(struct bench *b)
{
    b->sessions = calloc(b->load.clients, sizeof *b->sessions);
    b->seen = calloc(b->load.clients, sizeof *b->seen);
    if (!b->sessions || !b->seen || b->load.clients > LAST_PORT - FIRST_PORT) {
        fprintf(stderr, "cannot hold %u clients\n", b->load.clients);
        return false;
    }
    for (uint32_t i = 0; i < b->load.clients; i++)
        b->sessions[i].port = (uint16_t)(FIRST_PORT + i);
    return true;
}

static bool set_up(struct bench *b)
{
    uint64_t limit = now_ns() + 120 * SEC, look = 0;
    uint32_t started = 0;
    if (!alloc_sessions(b))
        return false;
    while (started < b->load.clients || b->in_flight) {
        while (b->in_flight < WINDOW && started < b->load.clients)
            begin_session(b, &b->sessions[started++]);
        link_flush(b->cli);
        if (!pump(b))
            rest(b, now_ns() + MSEC);
        if (now_ns() > look) {
            resend_late(b);
            look = now_ns() + 20 * MSEC;
        }
        if (now_ns() > limit || b->tally.failed)
            break;
    }
    link_flush(b->cli);
    if (b->in_flight == 0 && b->tally.failed == 0)
        return true;
    fprintf(stderr, "%" PRIu64 " sessions failed, %u had no answer\n", b->tally.failed,
            b->in_flight);
    return false;
}

/* --- Data --- */

void data_fill(struct bench *b, uint8_t *payload, uint32_t client, uint64_t now)
{
    uint32_t sequence = b->sequence + 1;
    memcpy(payload, &now, sizeof now);
    memcpy(payload + 8, &client, sizeof client);
    memcpy(payload + 12, &sequence, sizeof sequence);
    memset(payload + STAMP, 'd', b->load.bytes - STAMP);
}

static void send_frame(struct bench *b, uint32_t client, uint64_t now)
{
    uint16_t port = (uint16_t)(FIRST_PORT + client), to = b->load.server_port;
    uint8_t *room = link_room(b->cli);
    size_t head = b->is_direct ? 0 : CHANDATA_HEADER_LEN;
    data_fill(b, room + head, client, now);
    if (!b->is_direct)
        chandata_header(room + head, SESSION_CHANNEL, (uint16_t)b->load.bytes);
    link_queue(b->cli, port, b->is_direct ? b->load.peer_port : to, head + b->load.bytes);
}

static void flush_frames(struct bench *b)
{
    link_flush(b->cli);
}

static size_t receive_frames(struct bench *b)
{
    return link_receive(b->cli, on_client, b);
}

static int fd_of_frames(const struct bench *b)
{
    return link_fd(b->cli);
}

static const struct ways FRAMES = {send_frame, flush_frames, receive_frames, fd_of_frames};

static void send_data(struct bench *b, uint64_t now)
{
    uint32_t client = b->next_client;
    b->ways->send(b, client, now);
    b->tally.sent += now >= b->begin && now < b->end;
    b->in_burst++;
    b->sequence++;
    if (b->in_burst < b->load.burst)
        return;
    b->in_burst = 0;
    b->next_client = client + 1 < b->load.clients ? client + 1 : 0;
}

/* Strangers' packets: noise, Binding, Allocate without proof, data for no channel, a header that
 * lies. */
static void send_flood(struct bench *b)
{
    uint8_t *room = link_room(b->cli), noise[FRAME_MAX];
    struct writer w = w_over(room, FRAME_MAX - FRAME_HEADERS);
    uint32_t dice;
    crypto_random(noise, 64);
    memcpy(&dice, noise, sizeof dice);
    unsigned kind = dice % FLOOD_KINDS;
    if (kind == 0 || kind == 3)
        w_bytes(&w, span_of(noise, 64));
    else
        stun_begin(&w, STUN_REQUEST, kind == 1 ? STUN_BINDING : STUN_ALLOCATE, noise + 8);
    if (kind == 2)
        stun_put_number(&w, STUN_ATTR_REQUESTED_TRANSPORT, 17);
    if (kind == 4)
        w_bytes(&w, span_of(noise, 33));
    else if (kind == 3)
        chandata_header(room + CHANDATA_HEADER_LEN, SESSION_CHANNEL, 60);
    else if (kind != 0)
        stun_end(&w);
    uint16_t from = (uint16_t)(LAST_PORT + 1 + dice / FLOOD_KINDS % 500);
    link_queue(b->cli, from, b->load.server_port, w.n);
    b->tally.flooded++;
}

struct window {
    struct usage server[2];
    struct usage own[2];
    struct tally tally[2];
};

static void snapshot(struct bench *b, struct window *w, int which)
{
    usage_read(&w->server[which], b->load.cpu, b->load.pid);
    usage_read(&w->own[which], b->load.own_cpu, 0);
    w->tally[which] = b->tally;
}

static void run_until(struct bench *b, struct pace *data, struct pace *flood, uint64_t end)
{
    uint64_t now, look = 0;
    while ((now = now_ns()) < end) {
        for (unsigned n = pace_due(data, now); n > 0; n--)
            send_data(b, now);
        for (unsigned n = pace_due(flood, now); n > 0; n--)
            send_flood(b);
        b->ways->flush(b);
        if (b->is_churn && now > look) {
            resend_late(b);
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
    b->begin = now + b->load.warmup * SEC;
    b->end = b->begin + b->load.seconds * SEC;
    pace_start(&data, b->load.pps, now);
    pace_start(&flood, b->load.flood_pps, now);
    pace_start(&none, 0, now);
    run_until(b, &data, &flood, b->begin);
    b->tally.sequences = 0;
    snapshot(b, w, 0);
    run_until(b, &data, &flood, b->end);
    snapshot(b, w, 1);
    run_until(b, &none, &none, b->end + SEC / 2);
}

/* --- Results --- */

static double per(uint64_t ns, uint64_t count)
{
    return count ? (double)ns / (double)count : 0;
}

static void print_usage(const struct window *w)
{
    double span = (double)(w->server[1].at - w->server[0].at);
    printf("\"cpu_busy\": %.4f, \"own_busy\": %.4f, \"steal\": %.4f, \"process_busy\": %.4f, ",
           (double)(w->server[1].cpu_busy - w->server[0].cpu_busy) / span,
           (double)(w->own[1].cpu_busy - w->own[0].cpu_busy) / span,
           (double)(w->server[1].cpu_steal - w->server[0].cpu_steal) / span,
           (double)(w->server[1].process - w->server[0].process) / span);
}

static int print_data(struct bench *b, const struct window *w, const char *mode)
{
    const struct tally *t = &b->tally;
    uint64_t relayed =
        w->tally[1].to_peer - w->tally[0].to_peer + w->tally[1].to_client - w->tally[0].to_client;
    double seconds = (double)(w->server[1].at - w->server[0].at) / (double)SEC;
    printf("{\"mode\": \"%s\", \"clients\": %u, \"bytes\": %u, \"seconds\": %.3f, ", mode,
           b->load.clients, b->load.bytes, seconds);
    print_usage(w);
    printf("\"sent\": %" PRIu64 ", \"returned\": %" PRIu64 ", \"reordered\": %" PRIu64
           ", \"refused\": %" PRIu64 ", \"relayed_pps\": %.0f, ",
           t->sent, t->returned, t->repeated,
           (b->cli ? link_refused(b->cli) : 0) + link_refused(b->peer), (double)relayed / seconds);
    printf("\"cpu_ns\": %.0f, \"process_ns\": %.0f, ",
           per(w->server[1].cpu_busy - w->server[0].cpu_busy, relayed),
           per(w->server[1].process - w->server[0].process, relayed));
    printf("\"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"flooded\": %" PRIu64
           ", \"answers\": %" PRIu64 "}\n",
           (double)hist_quantile(&b->delay, 0.5) / 1e3,
           (double)hist_quantile(&b->delay, 0.99) / 1e3,
           (double)hist_quantile(&b->delay, 0.999) / 1e3, w->tally[1].flooded - w->tally[0].flooded,
           w->tally[1].answers - w->tally[0].answers);
    return 0;
}

static void release_all(struct bench *b)
{
    for (uint32_t i = 0; i < b->load.clients; i++) {
        struct session *s = &b->sessions[i];
        if (s->step != STEP_READY)
            continue;
        s->step = STEP_RELEASE;
        b->in_flight++;
        send_request(b, s);
        if (i % WINDOW == WINDOW - 1) {
            link_flush(b->cli);
            pump(b);
        }
    }
    link_flush(b->cli);
    uint64_t end = now_ns() + SEC;
    while (b->in_flight && now_ns() < end)
        if (!pump(b))
            rest(b, end);
}

int measure_and_print(struct bench *b, const char *mode)
{
    struct window w;
    measure(b, &w);
    return print_data(b, &w, mode);
}

int mode_relay(struct bench *b)
{
    struct window w;
    b->ways = &FRAMES;
    if (!set_up(b))
        return 1;
    measure(b, &w);
    release_all(b);
    return print_data(b, &w, "relay");
}

int mode_direct(struct bench *b)
{
    b->is_direct = true;
    b->ways = &FRAMES;
    return alloc_sessions(b) ? measure_and_print(b, "direct") : 1;
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
    if (!alloc_sessions(b))
        return 1;
    b->load.pps = b->load.flood_pps = 0;
    for (uint32_t i = 0; i < b->load.clients; i++)
        begin_session(b, &b->sessions[i]);
    link_flush(b->cli);
    measure(b, &w);
    double seconds = (double)(w.server[1].at - w.server[0].at) / (double)SEC;
    uint64_t done = w.tally[1].sequences - w.tally[0].sequences;
    printf("{\"mode\": \"churn\", ");
    print_usage(&w);
    printf("\"sequences_per_s\": %.0f, \"cpu_us\": %.1f, \"failed\": %" PRIu64
           ", \"resent\": %" PRIu64 "}\n",
           (double)done / seconds, per(w.server[1].cpu_busy - w.server[0].cpu_busy, done) / 1e3,
           w.tally[1].failed, w.tally[1].resent);
    return b->tally.failed != 0;
}

int mode_idle(struct bench *b)
{
    struct window w;
    struct usage before;
    b->ways = &FRAMES;
    usage_read(&before, b->load.cpu, b->load.pid);
    if (!set_up(b))
        return 1;
    b->load.pps = b->load.flood_pps = 0;
    measure(b, &w);
    printf("{\"mode\": \"idle\", \"clients\": %u, ", b->load.clients);
    print_usage(&w);
    printf("\"bytes_per_allocation\": %.0f, \"setup_resent\": %" PRIu64 ", \"process_ms\": %.0f}\n",
           ((double)w.server[1].rss - (double)before.rss) / b->load.clients, b->tally.resent,
           (double)(w.server[1].process - w.server[0].process) / 1e6);
    release_all(b);
    return 0;
}
