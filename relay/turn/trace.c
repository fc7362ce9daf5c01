/* Detail of one user's session, which that user has agreed to (TURN_NOTE_*). Whose it is, the name
 * or the tag of it tells; nothing of this is touched while nobody traces. */
#include "crypto/longterm.h"
#include "turn/turn_int.h"

static bool is_traced(const struct turn *t, const struct alloc *a)
{
    return a && t->trace_n && a->user_tag == t->trace_tag;
}

/* By name, by its hash once that has been read, or on the connection of the user's allocation. */
static bool asks_traced(const struct req *r)
{
    struct span user;
    struct span wanted = span_of(r->t->trace, r->t->trace_n);
    if (stun_get_bytes(r->m, STUN_ATTR_USERNAME, &user) && span_eq(user, wanted))
        return true;
    return (r->user.n && r->user_tag == r->t->trace_tag) || is_traced(r->t, r->alloc);
}

/* Whole as it is, it goes through a pipe: its gaps hold nothing either. */
static void begin(struct turn_note *note, enum turn_note_kind kind, const struct turn_flow *flow)
{
    memset(note, 0, sizeof *note);
    note->kind = (uint8_t)kind;
    note->transport = flow->transport;
    note->client = flow->client;
}

static void put_alloc(struct turn_note *note, const struct alloc *a)
{
    bool has_v4 = a->relayed[TURN_V4].addr.family != ADDR_NONE;
    note->relayed = a->relayed[has_v4 ? TURN_V4 : TURN_V6].addr;
    note->bytes = a->bytes;
}

static void tell(const struct turn *t, const struct turn_note *note)
{
    if (t->host->note)
        t->host->note(t->host, note);
}

void trace_request(const struct req *r, enum stun_code code, bool is_answered)
{
    struct turn_note note;
    /* A connection to bind has no allocation of its own. */
    const struct alloc *a = r->alloc ? r->alloc : r->link ? r->link->alloc : NULL;
    if (!asks_traced(r))
        return;
    begin(&note, TURN_NOTE_REQUEST, r->flow);
    note.method = r->m->method;
    note.code = (uint16_t)code;
    note.is_answered = is_answered;
    if (!stun_get_addr(r->m, STUN_ATTR_XOR_PEER_ADDRESS, &note.peer))
        note.peer = r->peer;
    if (is_traced(r->t, a))
        put_alloc(&note, a);
    tell(r->t, &note);
}

void trace_ended(const struct turn *t, const struct alloc *a)
{
    struct turn_note note;
    if (!is_traced(t, a))
        return;
    begin(&note, TURN_NOTE_ENDED, &a->flow);
    put_alloc(&note, a);
    tell(t, &note);
}

void trace_retag(struct turn *t)
{
    uint8_t hash[SHA256_LEN] = {0};
    longterm_userhash(t->crypto, span_of(t->trace, t->trace_n), span_text(t->conf->realm), hash);
    t->trace_tag = siphash(t->tag_key, hash, sizeof hash);
}

void turn_set_trace(struct turn *t, struct span user)
{
    crypto_wipe(t->trace, sizeof t->trace);
    /* A name cut off would be another one's. */
    t->trace_n = user.n <= sizeof t->trace ? user.n : 0;
    if (t->trace_n)
        memcpy(t->trace, user.p, t->trace_n);
    trace_retag(t);
}
