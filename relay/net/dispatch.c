/* Between sockets and the engine: hands it what arrived and queues what it decides. */
#include "net/dtls_int.h"
#include "net/link_int.h"
#include "wire/demux.h"

/* One decision of the engine, and what it is about. */
struct decision {
    struct turn_out out;
    struct turn_pkt pkt; /* what arrived; p is NULL when nothing did */
    uint8_t tos;         /* of what arrived, for data that is passed on */
    bool is_answer;      /* of ours, to the client that asked */
    bool is_crowded;     /* other packets lie around this one */
};

static bool inside(const struct turn_pkt *pkt, struct span s)
{
    uintptr_t first = (uintptr_t)pkt->p - TURN_HEADROOM;
    uintptr_t at = (uintptr_t)s.p;
    return pkt->p && at >= first && at + s.n <= (uintptr_t)pkt->p + pkt->n + TURN_TAILROOM;
}

/* What lies in the engine's own buffer is gone with the next call: moves it to a slot. */
static bool keep(struct worker *w, struct decision *d)
{
    struct span *data = &d->out.data;

    if (data->n == 0 || inside(&d->pkt, *data))
        return true;
    uint8_t *slot = data->n <= ARENA_BODY ? arena_take(&w->arena, data->n) : NULL;
    if (!slot)
        return false;
    memcpy(slot, data->p, data->n);
    *data = span_of(slot, data->n);
    return true;
}

static void to_datagrams(struct worker *w, struct decision *d)
{
    const struct turn_flow *flow = &d->out.flow;

    if (flow->via >= w->n_listeners || !keep(w, d))
        return;
    struct out_pkt pkt = {
        .data = d->out.data, .to = flow->client, .from = flow->server, .tos = d->tos};
    batch_push(&w->batch, &w->listeners[flow->via].out, &pkt);
}

static void to_stream(struct worker *w, struct decision *d)
{
    stream_output(w->streams, d->out.flow.via, d->out.data, d->is_answer);
}

static void to_session(struct worker *w, struct decision *d)
{
    if (w->dtls)
        dtls_output(w->dtls, d->out.flow.via, d->out.data, d->tos);
}

static void to_client(struct worker *w, struct decision *d)
{
    static void (*const ways[])(struct worker *, struct decision *) = {
        [TURN_UDP] = to_datagrams,
        [TURN_TCP] = to_stream,
        [TURN_TLS] = to_stream,
        [TURN_DTLS] = to_session,
    };
    ways[d->out.flow.transport](w, d);
}

static void to_peer(struct worker *w, struct decision *d)
{
    const struct turn_out *out = &d->out;

    struct relay_sock *r = relay_sock_find(w, out->relay);

    if (!r || !keep(w, d))
        return;
    struct out_pkt pkt = {
        .data = out->data, .to = out->to, .tos = d->tos, .dont_fragment = out->dont_fragment};
    batch_push(&w->batch, &r->out, &pkt);
}

/* A relayed address of ours got data from another one of ours; with whom it then ends is a client
 * of this worker. */
static void hairpin(struct worker *w, const struct mail *mail, struct turn_pkt pkt)
{
    int64_t relay = turn_relay_find(w->engine, &mail->to);

    if (relay < 0)
        return;
    struct turn_peer_pkt in = {.relay = (uint32_t)relay, .peer = mail->from, .pkt = pkt};
    struct decision d = {.pkt = pkt, .tos = mail->tos};
    if (turn_from_peer(w->engine, &in, worker_now(w), &d.out) == TURN_TO_CLIENT)
        to_client(w, &d);
}

/* The engine will write in front of the packet and behind it, which is somebody else's. */
static bool move_out(struct worker *w, struct turn_pkt *pkt)
{
    worker_make_room(w, 2); /* and what a session makes of it */
    return arena_move(&w->arena, pkt);
}

static void to_relay(struct worker *w, struct decision *d)
{
    const struct turn_out *out = &d->out;
    struct mail mail = {.from = out->from, .to = out->to, .tos = d->tos};

    if (out->worker >= w->n_workers || (out->data.n > 0 && !inside(&d->pkt, out->data)))
        return;
    if (out->worker != w->number) {
        mailbox_post(&w->all[out->worker].mailbox, &mail, out->data);
        return;
    }
    size_t offset = out->data.n ? (uintptr_t)out->data.p - (uintptr_t)d->pkt.p : 0;
    struct turn_pkt inner = {d->pkt.p + offset, out->data.n};
    if (offset <= d->pkt.n && (!d->is_crowded || move_out(w, &inner)))
        hairpin(w, &mail, inner);
}

static void join(struct worker *w, struct decision *d)
{
    if (!turn_is_stream(d->out.flow.transport))
        return;
    to_stream(w, d);
    link_join(w, d->out.flow.via, d->out.link);
}

static void move(struct worker *w, struct decision *d)
{
    const struct turn_out *out = &d->out;

    if (turn_is_stream(out->flow.transport) && w->streams)
        stream_move(w->streams, out->flow.via, out->worker);
}

static void obey(struct worker *w, enum turn_verdict verdict, struct decision *d)
{
    static void (*const obeying[])(struct worker *, struct decision *) = {
        [TURN_TO_CLIENT] = to_client, [TURN_TO_PEER] = to_peer, [TURN_TO_RELAY] = to_relay,
        [TURN_JOIN] = join,           [TURN_MOVE] = move,
    };
    if (verdict != TURN_DROP)
        obeying[verdict](w, d);
}

/* Requests name their user; media on its way to a peer does not. */
static enum turn_verdict ask(struct worker *w, const struct turn_flow *flow, struct decision *d)
{
    bool is_stun = d->pkt.n > 0 && demux_first_byte(*d->pkt.p) == DEMUX_STUN;
    enum turn_verdict verdict = turn_from_client(w->engine, flow, d->pkt, worker_now(w), &d->out);

    w->has_names |= is_stun && verdict != TURN_TO_PEER && verdict != TURN_TO_RELAY;
    return verdict;
}

/* d->tos is that of what came; an answer is ours, not the client's own data passed on. */
static void answer(struct worker *w, const struct turn_flow *flow, struct decision *d)
{
    enum turn_verdict verdict = ask(w, flow, d);

    if (verdict == TURN_TO_CLIENT)
        d->tos = 0;
    obey(w, verdict, d);
}

void dispatch_session(struct worker *w, const struct turn_flow *flow, struct turn_pkt pkt,
                      uint8_t tos)
{
    struct decision d = {.pkt = pkt, .tos = tos, .is_answer = true};

    answer(w, flow, &d);
}

void dispatch_client(struct worker *w, const struct listener *l, const struct arrival *in)
{
    struct turn_flow flow = listener_flow(l, in, TURN_UDP);
    struct decision d = {
        .pkt = in->pkt, .tos = in->tos, .is_answer = true, .is_crowded = in->is_crowded};

    answer(w, &flow, &d);
}

void dispatch_stream(struct worker *w, const struct turn_flow *flow, struct turn_pkt pkt)
{
    struct decision d = {.pkt = pkt, .is_answer = true, .is_crowded = true};

    obey(w, ask(w, flow, &d), &d);
}

void dispatch_peer(struct worker *w, uint32_t relay, const struct arrival *arrival)
{
    struct turn_peer_pkt in = {.relay = relay, .peer = arrival->from, .pkt = arrival->pkt};
    struct decision d = {.pkt = arrival->pkt, .tos = arrival->tos};

    obey(w, turn_from_peer(w->engine, &in, worker_now(w), &d.out), &d);
}

void dispatch_icmp(struct worker *w, const struct turn_icmp *icmp)
{
    struct decision d = {0};

    obey(w, turn_from_icmp(w->engine, icmp, worker_now(w), &d.out), &d);
}

void dispatch_mail(struct worker *w, const struct mail *mail, struct turn_pkt pkt)
{
    hairpin(w, mail, pkt);
}

int64_t dispatch_accepted(struct worker *w, uint32_t relay, const struct addr *peer)
{
    struct decision d = {.is_answer = true};
    int64_t link = turn_link_accepted(w->engine, relay, peer, worker_now(w), &d.out);

    if (link >= 0)
        obey(w, TURN_TO_CLIENT, &d);
    return link;
}

void dispatch_connected(struct worker *w, uint32_t link, bool stands)
{
    struct decision d = {.is_answer = true};

    obey(w, turn_link_connected(w->engine, link, stands, worker_now(w), &d.out), &d);
}
