/* What clients and peer send each other, and what strangers send. */
#include "bench/modes.h"

#include <poll.h>
#include <time.h>

#include "wire/chandata.h"
#include "wire/stun_build.h"
#include "wire/stun_parse.h"

enum { VIDEO_LEAST = 5, VIDEO_MOST = 15, RISE = 4, RISES = 32 };

static uint32_t roll(struct bench *b, uint32_t sides)
{
    b->dice = b->dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(b->dice >> 33) % sides;
}

/* --- What arrives --- */

static void arrived(struct bench *b, const uint8_t *p, size_t n)
{
    uint64_t born;
    uint32_t client, sequence;
    if (n < STAMP)
        return;
    memcpy(&born, p, sizeof born);
    memcpy(&client, p + 8, sizeof client);
    memcpy(&sequence, p + 12, sizeof sequence);
    if (client >= b->load.clients || born < b->begin || born >= b->end)
        return;
    b->tally.returned++;
    b->tally.repeated += sequence <= b->seen[client];
    b->seen[client] = sequence;
    hist_add(&b->delay, now_ns() - born);
}

void data_returned(struct bench *b, const uint8_t *p, size_t n)
{
    b->tally.to_client++;
    arrived(b, p, n);
}

static void on_stun(struct bench *b, const struct datagram *d)
{
    struct stun_msg m;
    struct span data;
    struct span whole = span_of(d->p, d->n);
    if (b->load.indications && stun_parse(whole, &m) == 0 && m.cls == STUN_INDICATION &&
        stun_get_bytes(&m, STUN_ATTR_DATA, &data)) {
        data_returned(b, data.p, data.n);
        return;
    }
    b->tally.answers++;
    if (!b->sessions)
        return;
    struct session *s = &b->sessions[(d->to - FIRST_PORT) % b->load.clients];
    if (s->port == d->to && session_answer(s, &b->who, whole))
        clients_moved_on(b, s);
}

static void on_client(void *ctx, const struct datagram *d)
{
    struct bench *b = ctx;
    if (d->to < FIRST_PORT || d->n == 0)
        return;
    if (b->is_plain)
        data_returned(b, d->p, d->n);
    else if (d->p[0] >= 64 && d->p[0] < 128)
        data_returned(b, d->p + CHANDATA_HEADER_LEN, d->n - CHANDATA_HEADER_LEN);
    else
        on_stun(b, d);
}

static void on_peer(void *ctx, const struct datagram *d)
{
    struct bench *b = ctx;
    bool is_ours = d->to == b->load.peer_port || (b->load.fan && d->to >= FIRST_PORT);
    if (!is_ours || d->n > FRAME_MAX - FRAME_HEADERS)
        return;
    b->tally.to_peer++;
    if (b->load.way == WAY_UP) {
        arrived(b, d->p, d->n);
        return;
    }
    memcpy(link_room(b->peer), d->p, d->n);
    link_queue(b->peer, d->to, d->from, d->n);
}

size_t pump(struct bench *b)
{
    size_t n = link_receive(b->peer, on_peer, b);
    link_flush(b->peer);
    return n + b->ways->receive(b);
}

void rest(struct bench *b, uint64_t until)
{
    uint64_t now = now_ns();
    struct pollfd fds[] = {{b->ways->fd(b), POLLIN, 0}, {link_fd(b->peer), POLLIN, 0}};
    if (until <= now)
        return;
    uint64_t left = until - now < MSEC ? until - now : MSEC;
    struct timespec ts = {0, (long)left};
    ppoll(fds, 2, &ts, NULL);
}

/* --- What leaves --- */

void data_fill(struct bench *b, uint8_t *payload, const struct item *it)
{
    uint32_t sequence = b->sequence + 1;
    memcpy(payload, &it->born, sizeof it->born);
    memcpy(payload + 8, &it->client, sizeof it->client);
    memcpy(payload + 12, &sequence, sizeof sequence);
    memset(payload + STAMP, 'd', it->n - STAMP);
}

static size_t put_indication(struct bench *b, uint8_t *room, const struct item *it)
{
    uint8_t payload[FRAME_MAX], tid[STUN_TID_LEN] = {1};
    struct writer w = w_over(room, FRAME_MAX - FRAME_HEADERS);
    struct addr peer = session_peer(&b->sessions[it->client], &b->who);
    data_fill(b, payload, it);
    stun_begin(&w, STUN_INDICATION, STUN_SEND, tid);
    stun_put_addr(&w, STUN_ATTR_XOR_PEER_ADDRESS, &peer);
    stun_put_bytes(&w, STUN_ATTR_DATA, span_of(payload, it->n));
    stun_end(&w);
    return w_span(&w).n;
}

static size_t put_channel(struct bench *b, uint8_t *room, const struct item *it)
{
    data_fill(b, room + CHANDATA_HEADER_LEN, it);
    chandata_header(room + CHANDATA_HEADER_LEN, SESSION_CHANNEL, (uint16_t)it->n);
    return CHANDATA_HEADER_LEN + it->n;
}

static void send_frame(struct bench *b, const struct item *it)
{
    uint16_t port = (uint16_t)(FIRST_PORT + it->client);
    if (b->load.way == WAY_DOWN) {
        data_fill(b, link_room(b->peer), it);
        link_queue(b->peer, b->load.peer_port, b->sessions[it->client].relay, it->n);
        return;
    }
    uint8_t *room = link_room(b->cli);
    size_t n = it->n;
    if (b->is_plain)
        data_fill(b, room, it);
    else
        n = b->load.indications ? put_indication(b, room, it) : put_channel(b, room, it);
    link_queue(b->cli, port, b->load.server_port, n);
}

static void flush_frames(struct bench *b)
{
    link_flush(b->cli);
    link_flush(b->peer);
}

static size_t receive_frames(struct bench *b)
{
    return link_receive(b->cli, on_client, b);
}

static int fd_of_frames(const struct bench *b)
{
    return link_fd(b->cli);
}

const struct ways FRAMES = {send_frame, flush_frames, receive_frames, fd_of_frames};

static size_t size_of(struct bench *b, bool is_last)
{
    static const uint16_t MIXED[] = {160, 160, 160, 1200, 1100, 1100, 64, 480};
    if (b->load.shape == SHAPE_VIDEO && is_last)
        return STAMP + roll(b, b->load.bytes - STAMP);
    if (b->load.shape == SHAPE_MIXED)
        return MIXED[roll(b, sizeof MIXED / sizeof MIXED[0])];
    if (b->load.shape == SHAPE_RISING)
        return b->load.bytes + b->sequence % RISES * RISE;
    return b->load.bytes;
}

static uint32_t next_burst(struct bench *b)
{
    return b->load.shape == SHAPE_VIDEO ? VIDEO_LEAST + roll(b, VIDEO_MOST - VIDEO_LEAST + 1)
                                        : b->load.burst;
}

static void send_burst(struct bench *b, uint64_t now)
{
    struct item it = {.client = b->next_client, .born = now};
    for (uint32_t i = 0; i < b->burst; i++) {
        it.n = size_of(b, i + 1 == b->burst);
        b->ways->send(b, &it);
        b->tally.sent += now >= b->begin && now < b->end;
        b->sequence++;
    }
    b->next_client = it.client + 1 < b->load.clients ? it.client + 1 : 0;
}

void data_send(struct bench *b, uint32_t due, uint64_t now)
{
    b->credit += due;
    for (;;) {
        if (!b->burst)
            b->burst = next_burst(b);
        if (b->credit < b->burst)
            return;
        send_burst(b, now);
        b->credit -= b->burst;
        b->burst = 0;
    }
}

/* --- Strangers --- */

static void put_noise(struct writer *w)
{
    uint8_t noise[64];
    crypto_random(noise, sizeof noise);
    w_bytes(w, span_of(noise, sizeof noise));
}

/* Data for no channel, in a header that lies. */
static void put_lie(struct writer *w)
{
    put_noise(w);
    chandata_header(w->p + CHANDATA_HEADER_LEN, SESSION_CHANNEL, 60);
}

static void begin_request(struct writer *w, uint16_t method)
{
    uint8_t tid[STUN_TID_LEN];
    crypto_random(tid, sizeof tid);
    stun_begin(w, STUN_REQUEST, method, tid);
}

static void put_binding(struct writer *w)
{
    begin_request(w, STUN_BINDING);
    stun_end(w);
}

static void put_allocate(struct writer *w)
{
    begin_request(w, STUN_ALLOCATE);
    stun_put_number(w, STUN_ATTR_REQUESTED_TRANSPORT, 17);
    stun_end(w);
}

/* The length says less than follows. */
static void put_overlong(struct writer *w)
{
    uint8_t noise[33];
    begin_request(w, STUN_ALLOCATE);
    crypto_random(noise, sizeof noise);
    w_bytes(w, span_of(noise, sizeof noise));
}

typedef void (*stranger)(struct writer *);
static const stranger MIXED_KINDS[] = {put_noise, put_binding, put_allocate, put_lie, put_overlong};
static const stranger GARBAGE_KINDS[] = {put_noise, put_lie, put_overlong};
static const stranger ALLOCATE_KINDS[] = {put_allocate};

static const struct {
    const stranger *kinds;
    uint32_t n;
} FLOODS[] = {
    [FLOOD_MIXED] = {MIXED_KINDS, 5},
    [FLOOD_GARBAGE] = {GARBAGE_KINDS, 3},
    [FLOOD_ALLOCATE] = {ALLOCATE_KINDS, 1},
};

void flood_send(struct bench *b)
{
    struct writer w = w_over(link_room(b->cli), FRAME_MAX - FRAME_HEADERS);
    FLOODS[b->load.flood].kinds[roll(b, FLOODS[b->load.flood].n)](&w);
    uint16_t from = (uint16_t)(LAST_PORT + 1 + roll(b, 500));
    link_queue(b->cli, from, b->load.server_port, w.n);
    b->tally.flooded++;
}
