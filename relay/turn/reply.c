/* The one place that turns a code into an answer and a counter. Answers to sources that have proved
 * nothing come out of a budget, so that we are no use for reflection. */
#include "turn/turn_int.h"
#include "wire/stun_auth.h"

static const uint8_t offered[] = {0, STUN_ALG_SHA256, 0, 0, 0, STUN_ALG_MD5, 0, 0};

enum reply_const { AMPLIFICATION = 2 };

struct span offered_algorithms(void)
{
    return span_of(offered, sizeof offered);
}

bool unproven_pays(struct req *r, size_t bytes)
{
    const struct turn_limits *limits = &r->t->conf->limits;
    struct limiter_ask ask = {
        .prefix = addr_prefix(&r->flow->client, limits->prefix_v4, limits->prefix_v6),
        .per_second = limits->unproven_per_prefix,
        .bytes_out = bytes,
        .now = r->now,
    };
    if (!r->paid)
        r->paid = limiter_allows(r->t->limiter, &ask);
    return r->paid;
}

static size_t padded(size_t n)
{
    return (n + 3) & ~(size_t)3;
}

/* Length of an answer with the whole offer of RFC 8489: it goes only to those who sent half as
 * much. A shorter request gets the RFC 5389 challenge, which is all that browsers use. */
static bool affords_offer(const struct req *r)
{
    size_t whole = STUN_HEADER_LEN + 8 + STUN_ATTR_HEADER_LEN + padded(strlen(r->t->conf->realm)) +
                   STUN_ATTR_HEADER_LEN + padded(NONCE_FULL_LEN) + STUN_ATTR_HEADER_LEN +
                   sizeof offered;
    return whole <= AMPLIFICATION * r->m->raw.n;
}

static void put_challenge(struct req *r, struct writer *w)
{
    bool is_signed = stun_has(r->m, STUN_ATTR_MESSAGE_INTEGRITY) ||
                     stun_has(r->m, STUN_ATTR_MESSAGE_INTEGRITY_SHA256);
    bool full = r->t->conf->offer_algorithms && (is_signed || affords_offer(r));
    struct nonce_want want = {
        .client = &r->flow->client,
        .transport = r->flow->transport,
        .full = full,
        .userhash = r->t->conf->offer_userhash,
        .now = r->now,
    };
    turn_random(r->t, &want.random, sizeof want.random);
    char nonce[NONCE_MAX];
    size_t n = nonce_make(&r->t->shared->nonce, &want, nonce);
    stun_put_bytes(w, STUN_ATTR_REALM, span_text(r->t->conf->realm));
    stun_put_bytes(w, STUN_ATTR_NONCE, span_of(nonce, n));
    if (full)
        stun_put_bytes(w, STUN_ATTR_PASSWORD_ALGORITHMS, offered_algorithms());
}

static void put_unknown(struct req *r, struct writer *w)
{
    uint8_t types[2 * UNKNOWN_MAX];
    struct writer list = w_over(types, sizeof types);
    size_t cursor = 0;
    uint16_t type;
    while (list.n < sizeof types && stun_next_unknown(r->m, &cursor, &type))
        w_u16(&list, type);
    stun_put_bytes(w, STUN_ATTR_UNKNOWN_ATTRIBUTES, w_span(&list));
}

static struct span finish(struct req *r, struct writer *w)
{
    struct turn *t = r->t;
    if (r->proven) {
        enum stun_attr attr =
            r->sign_sha256 ? STUN_ATTR_MESSAGE_INTEGRITY_SHA256 : STUN_ATTR_MESSAGE_INTEGRITY;
        stun_sign(w, t->crypto, attr, span_of(r->key, r->key_len));
    }
    if (stun_has(r->m, STUN_ATTR_FINGERPRINT))
        stun_fingerprint(w);
    stun_end(w);
    struct span answer = w_span(w);
    if (r->proven || unproven_pays(r, answer.n))
        return answer;
    t->stats.dropped_unproven++;
    return span_of(NULL, 0);
}

static void count_error(struct turn_stats *s, enum stun_code code)
{
    s->answers_error++;
    s->answers_401 += code == STUN_UNAUTHENTICATED;
    s->answers_quota += code == STUN_QUOTA_REACHED;
    s->answers_capacity += code == STUN_NO_CAPACITY;
}

static struct span error_answer(struct req *r, enum stun_code code)
{
    if (r->silent) {
        r->t->stats.dropped_unproven++;
        return span_of(NULL, 0);
    }
    struct writer w = w_over(r->t->reply, sizeof r->t->reply);
    stun_begin(&w, STUN_ERROR, r->m->method, r->m->tid);
    stun_put_error(&w, code);
    if (code == STUN_UNAUTHENTICATED || code == STUN_STALE_NONCE)
        put_challenge(r, &w);
    if (code == STUN_UNKNOWN_ATTRIBUTE)
        put_unknown(r, &w);
    struct span answer = finish(r, &w);
    if (answer.n)
        count_error(&r->t->stats, code);
    return answer;
}

struct span reply_error(struct req *r, enum stun_code code)
{
    struct span answer = error_answer(r, code);
    if (r->t->trace_n)
        trace_request(r, code, answer.n > 0);
    return answer;
}

struct span reply_success(struct req *r, void (*put)(struct req *, struct writer *))
{
    struct writer w = w_over(r->t->reply, sizeof r->t->reply);
    stun_begin(&w, STUN_SUCCESS, r->m->method, r->m->tid);
    if (put)
        put(r, &w);
    struct span answer = finish(r, &w);
    if (answer.n)
        r->t->stats.answers_success++;
    if (r->t->trace_n)
        trace_request(r, STUN_OK, answer.n > 0);
    return answer;
}
