/* Requests and indications: one table of methods, one order of checks (RFC 8489 section 6.3, RFC
 * 8656 section 5). */
#include "turn/turn_int.h"
#include "wire/stun_build.h"

enum method_flag {
    NEEDS_ALLOCATION = 1,
    NEEDS_NONE = 2, /* the flow must not have one yet */
    NEEDS_LINKS = 4 /* unknown unless TCP allocations are on */
};

#define A(name) (UINT64_C(1) << STUN_ATTR_##name)

struct method {
    uint16_t method;
    unsigned flags;
    uint64_t attrs; /* must not be broken if present */
    enum stun_code (*check)(struct req *);
    enum stun_code (*apply)(struct req *);
    void (*put)(struct req *, struct writer *);
};

static const struct method methods[] = {
    {STUN_ALLOCATE, NEEDS_NONE,
     A(REQUESTED_TRANSPORT) | A(LIFETIME) | A(EVEN_PORT) | A(RESERVATION_TOKEN) |
         A(REQUESTED_ADDRESS_FAMILY) | A(ADDITIONAL_ADDRESS_FAMILY) | A(DONT_FRAGMENT),
     allocate_check, allocate_apply, allocate_put},
    {STUN_REFRESH, NEEDS_ALLOCATION, A(LIFETIME) | A(REQUESTED_ADDRESS_FAMILY), refresh_check,
     refresh_apply, refresh_put},
    {STUN_CREATE_PERMISSION, NEEDS_ALLOCATION, A(XOR_PEER_ADDRESS), permission_check,
     permission_apply, NULL},
    {STUN_CHANNEL_BIND, NEEDS_ALLOCATION, A(XOR_PEER_ADDRESS) | A(CHANNEL_NUMBER), channel_check,
     channel_apply, NULL},
    {STUN_CONNECT, NEEDS_ALLOCATION | NEEDS_LINKS, A(XOR_PEER_ADDRESS), connect_check,
     connect_apply, NULL},
    {STUN_CONNECTION_BIND, NEEDS_LINKS, A(CONNECTION_ID), connection_bind_check,
     connection_bind_apply, NULL},
};

static const struct method *method_find(const struct turn *t, uint16_t method)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (methods[i].method == method)
            return (methods[i].flags & NEEDS_LINKS) && !links_offered(t) ? NULL : &methods[i];
    }
    return NULL;
}

static bool has_unknown(const struct stun_msg *m)
{
    size_t cursor = 0;
    uint16_t type;
    return stun_next_unknown(m, &cursor, &type);
}

static bool carries_integrity(const struct stun_msg *m)
{
    return stun_has(m, STUN_ATTR_MESSAGE_INTEGRITY) ||
           stun_has(m, STUN_ATTR_MESSAGE_INTEGRITY_SHA256);
}

/* An Allocate without credentials is the start of a conversation only if it could go on: whoever
 * asks for no transport that we have is not a client. */
static bool could_become_valid(const struct turn *t, const struct stun_msg *m)
{
    uint32_t transport = 0;
    if (carries_integrity(m) || m->method != STUN_ALLOCATE)
        return true;
    return stun_get_number(m, STUN_ATTR_REQUESTED_TRANSPORT, &transport) &&
           (transport == TRANSPORT_UDP || (transport == TRANSPORT_TCP && links_offered(t)));
}

static enum stun_code run(struct req *r, const struct method *row)
{
    enum stun_code code = authenticate(r);
    if (code != STUN_OK || r->verdict == TURN_MOVE)
        return code;
    if (has_unknown(r->m))
        return STUN_UNKNOWN_ATTRIBUTE;
    if (is_repeated_allocate(r))
        return STUN_OK;
    if (row->flags & (r->alloc ? NEEDS_NONE : NEEDS_ALLOCATION))
        return STUN_ALLOCATION_MISMATCH;
    if (r->alloc && r->alloc->user_tag != r->user_tag)
        return STUN_WRONG_CREDENTIALS;
    if (r->m->bad & row->attrs)
        return STUN_BAD_REQUEST;
    code = row->check(r);
    return code == STUN_OK ? row->apply(r) : code;
}

static void binding_put(struct req *r, struct writer *w)
{
    stun_put_addr(w, STUN_ATTR_XOR_MAPPED_ADDRESS, &r->flow->client);
}

static struct span binding(struct req *r)
{
    if (!r->t->conf->binding)
        return span_of(NULL, 0);
    if (has_unknown(r->m))
        return reply_error(r, STUN_UNKNOWN_ATTRIBUTE);
    return reply_success(r, binding_put);
}

static struct span answer(struct req *r)
{
    if (r->m->method == STUN_BINDING)
        return binding(r);
    const struct method *row = method_find(r->t, r->m->method);
    if (!row || !could_become_valid(r->t, r->m)) {
        r->t->stats.dropped_malformed++;
        return span_of(NULL, 0);
    }
    r->alloc = alloc_swept(r->t, r->flow, r->now);
    r->holder = row->method == STUN_CONNECTION_BIND ? connection_holder(r) : r->alloc;
    enum stun_code code = run(r, row);
    struct span reply = {0};
    if (code != STUN_OK)
        reply = reply_error(r, code);
    else if (r->verdict == TURN_TO_CLIENT || r->verdict == TURN_JOIN)
        reply = reply_success(r, row->put);
    crypto_wipe(r->key, sizeof r->key);
    return reply;
}

enum turn_verdict request_from_client(struct req *r, struct turn_out *out)
{
    if (r->m->cls == STUN_INDICATION && r->m->method == STUN_SEND && !has_unknown(r->m))
        return data_from_send(r, out);
    if (r->m->cls != STUN_REQUEST) {
        r->t->stats.dropped_malformed++;
        return TURN_DROP;
    }
    limiter_note_in(r->t->limiter, r->m->raw.n);
    out->data = answer(r);
    out->flow = *r->flow;
    if (r->verdict == TURN_MOVE) {
        out->worker = r->worker;
        return TURN_MOVE;
    }
    if (out->data.n == 0)
        return TURN_DROP;
    if (r->verdict == TURN_JOIN) {
        out->link = r->link->handle;
        peer_link_bind(r->t, r->link);
    }
    return r->verdict;
}
