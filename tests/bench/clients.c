/* Takes the clients through their sessions. */
#include "bench/modes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { WINDOW = 64 /* requests in flight */ };

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

void clients_begin(struct bench *b, uint32_t client)
{
    begin_session(b, &b->sessions[client]);
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

static struct session *mate_of(struct bench *b, struct session *s)
{
    uint32_t i = (uint32_t)(s - b->sessions);
    return &b->sessions[i ^ 1];
}

/* Of two that talk to each other the first waits, until the other is allocated too. */
static bool has_to_wait(struct bench *b, struct session *s)
{
    struct session *mate = mate_of(b, s);
    if (!b->load.pairs || s->step != STEP_PERMIT || s->mate)
        return false;
    s->sent = 0;
    if (mate->step != STEP_PERMIT)
        return true;
    s->mate = mate->relay;
    mate->mate = s->relay;
    send_request(b, mate);
    return false;
}

void clients_moved_on(struct bench *b, struct session *s)
{
    if (s->step == STEP_READY && b->is_churn)
        s->step = STEP_RELEASE;
    if (has_to_wait(b, s))
        return;
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

void clients_resend(struct bench *b)
{
    uint64_t now = now_ns();
    for (uint32_t i = 0; i < b->load.clients; i++) {
        struct session *s = &b->sessions[i];
        bool waits = s->step != STEP_IDLE && s->step != STEP_READY && s->step < STEP_DONE;
        if (waits && s->sent && now - s->sent > 500 * MSEC) {
            b->tally.resent++;
            s->is_repeated = true;
            send_request(b, s);
        }
    }
}

bool clients_alloc(struct bench *b)
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

bool clients_set_up(struct bench *b)
{
    uint64_t limit = now_ns() + 120 * SEC, look = 0;
    uint32_t started = 0;
    if (!clients_alloc(b))
        return false;
    while (started < b->load.clients || b->in_flight) {
        while (b->in_flight < WINDOW && started < b->load.clients)
            begin_session(b, &b->sessions[started++]);
        link_flush(b->cli);
        if (!pump(b))
            rest(b, now_ns() + MSEC);
        if (now_ns() > look) {
            clients_resend(b);
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

void clients_release(struct bench *b)
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
    uint64_t end = now_ns() + 2 * SEC;
    while (b->in_flight && now_ns() < end) {
        clients_resend(b);
        link_flush(b->cli);
        if (!pump(b))
            rest(b, end);
    }
}
