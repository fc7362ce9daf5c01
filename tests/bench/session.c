/* Builds the requests of a session and follows the answers. */
#include "bench/session.h"

#include "crypto/longterm.h"
#include "wire/stun_auth.h"

enum { UDP_PROTOCOL = 17, MD5_KEY = 16 };

static const uint16_t METHODS[] = {
    [STEP_CHALLENGE] = STUN_ALLOCATE,       [STEP_ALLOCATE] = STUN_ALLOCATE,
    [STEP_PERMIT] = STUN_CREATE_PERMISSION, [STEP_BIND] = STUN_CHANNEL_BIND,
    [STEP_RELEASE] = STUN_REFRESH,
};

struct addr session_peer(const struct session *s, const struct account *who)
{
    struct addr peer = s->mate ? who->relayed : who->peer;
    peer.port = s->mate ? s->mate : who->peer.port;
    return peer;
}

static void put_body(struct writer *w, const struct session *s, const struct account *who)
{
    enum step step = s->step;
    struct addr peer = session_peer(s, who);
    if (step == STEP_CHALLENGE || step == STEP_ALLOCATE)
        stun_put_number(w, STUN_ATTR_REQUESTED_TRANSPORT, UDP_PROTOCOL);
    if (step == STEP_BIND)
        stun_put_number(w, STUN_ATTR_CHANNEL_NUMBER, SESSION_CHANNEL);
    if (step == STEP_PERMIT || step == STEP_BIND)
        stun_put_addr(w, STUN_ATTR_XOR_PEER_ADDRESS, &peer);
    if (step == STEP_RELEASE)
        stun_put_number(w, STUN_ATTR_LIFETIME, 0);
}

size_t session_request(struct session *s, const struct account *who, uint8_t *buf, size_t cap)
{
    struct writer w = w_over(buf, cap);
    if (!s->is_repeated)
        crypto_random(s->tid, sizeof s->tid);
    s->is_repeated = false;
    stun_begin(&w, STUN_REQUEST, METHODS[s->step], s->tid);
    put_body(&w, s, who);
    if (s->step != STEP_CHALLENGE) {
        stun_put_bytes(&w, STUN_ATTR_USERNAME, span_text(who->user));
        stun_put_bytes(&w, STUN_ATTR_REALM, span_of(who->realm, who->realm_len));
        stun_put_bytes(&w, STUN_ATTR_NONCE, span_of(s->nonce, s->nonce_len));
        stun_sign(&w, who->crypto, STUN_ATTR_MESSAGE_INTEGRITY, span_of(who->key, who->key_len));
    }
    stun_end(&w);
    return w_span(&w).n;
}

static bool learn_realm(struct account *who, struct span realm)
{
    if (realm.n > sizeof who->realm)
        return false;
    memcpy(who->realm, realm.p, realm.n);
    who->realm_len = realm.n;
    const struct longterm l = {span_text(who->user), realm, span_text(who->password)};
    who->key_len = MD5_KEY;
    return longterm_key(who->crypto, DIGEST_MD5, &l, who->key) > 0;
}

static bool learn(struct session *s, struct account *who, const struct stun_msg *m)
{
    struct span realm, nonce;
    if (!stun_get_bytes(m, STUN_ATTR_NONCE, &nonce) || nonce.n > sizeof s->nonce)
        return false;
    memcpy(s->nonce, nonce.p, nonce.n);
    s->nonce_len = (uint8_t)nonce.n;
    return who->key_len || (stun_get_bytes(m, STUN_ATTR_REALM, &realm) && learn_realm(who, realm));
}

static enum step next_step(struct session *s, struct account *who, const struct stun_msg *m)
{
    struct addr relayed;
    if (m->cls == STUN_ERROR && stun_has(m, STUN_ATTR_NONCE) &&
        (s->step == STEP_CHALLENGE || s->tries == 0)) {
        if (!learn(s, who, m))
            return STEP_FAILED;
        return s->step == STEP_CHALLENGE ? STEP_ALLOCATE : s->step;
    }
    if (m->cls != STUN_SUCCESS)
        return STEP_FAILED;
    if (s->step == STEP_ALLOCATE) {
        if (!stun_get_addr(m, STUN_ATTR_XOR_RELAYED_ADDRESS, &relayed))
            return STEP_FAILED;
        s->relay = relayed.port;
        who->relayed = relayed;
    }
    if (s->step == STEP_PERMIT && who->no_channels)
        return STEP_READY;
    return s->step + 1;
}

bool session_answer(struct session *s, struct account *who, struct span answer)
{
    struct stun_msg m;
    if (s->step == STEP_IDLE || s->step == STEP_READY || s->step >= STEP_DONE)
        return false;
    if (stun_parse(answer, &m) != 0 || memcmp(m.tid, s->tid, sizeof s->tid) != 0)
        return false;
    uint16_t tries = s->tries;
    s->step = (uint8_t)next_step(s, who, &m);
    s->tries = m.cls == STUN_ERROR && s->step != STEP_ALLOCATE ? (uint16_t)(tries + 1) : 0;
    return true;
}
