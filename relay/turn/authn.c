/* The long-term credential mechanism (RFC 8489 section 9.2.4), in that section's order. */
#include "base/reader.h"
#include "crypto/longterm.h"
#include "turn/turn_int.h"
#include "wire/stun_auth.h"

#include <errno.h>

enum auth_const { CHALLENGE_BASE = 96, ALGORITHM_HEADER = 4 };

/* If both are there, MESSAGE-INTEGRITY-SHA256 alone decides. */
static enum stun_attr integrity_of(const struct stun_msg *m)
{
    return stun_has(m, STUN_ATTR_MESSAGE_INTEGRITY_SHA256) ? STUN_ATTR_MESSAGE_INTEGRITY_SHA256
                                                           : STUN_ATTR_MESSAGE_INTEGRITY;
}

static bool read_user(struct req *r)
{
    if (stun_has(r->m, STUN_ATTR_USERNAME))
        return stun_get_bytes(r->m, STUN_ATTR_USERNAME, &r->user);
    r->user_is_hash = true;
    return stun_get_bytes(r->m, STUN_ATTR_USERHASH, &r->user);
}

/* Which key the client means. Without the nonce's feature bit the two attributes say nothing; with
 * it, whoever removed or reordered the offer on the way is found out here. */
static enum stun_code choose_algorithm(struct req *r, struct span nonce)
{
    bool one = stun_has(r->m, STUN_ATTR_PASSWORD_ALGORITHM);
    bool all = stun_has(r->m, STUN_ATTR_PASSWORD_ALGORITHMS);
    if (!nonce_offers_algorithms(nonce) || (!one && !all))
        return STUN_OK;
    struct span chosen, echoed;
    if (!stun_get_bytes(r->m, STUN_ATTR_PASSWORD_ALGORITHM, &chosen) ||
        !stun_get_bytes(r->m, STUN_ATTR_PASSWORD_ALGORITHMS, &echoed))
        return STUN_BAD_REQUEST;
    if (!span_eq(echoed, offered_algorithms()) || chosen.n != ALGORITHM_HEADER)
        return STUN_BAD_REQUEST;
    struct reader in = r_from(chosen);
    uint16_t alg = r_u16(&in);
    if (r_u16(&in) != 0 || (alg != STUN_ALG_MD5 && alg != STUN_ALG_SHA256))
        return STUN_BAD_REQUEST;
    r->sha256 = alg == STUN_ALG_SHA256;
    r->sign_sha256 = true;
    return STUN_OK;
}

/* One tag for USERNAME and USERHASH of the same user, so either may follow the other. */
static uint64_t tag_of(struct req *r)
{
    uint8_t hash[SHA256_LEN] = {0};
    if (r->user_is_hash)
        return siphash(r->t->tag_key, r->user.p, r->user.n);
    longterm_userhash(r->t->crypto, r->user, span_text(r->t->conf->realm), hash);
    return siphash(r->t->tag_key, hash, sizeof hash);
}

static bool key_fits(struct req *r, struct span key)
{
    if (!stun_verify(r->m, r->t->crypto, integrity_of(r->m), key))
        return false;
    memcpy(r->key, key.p, key.n);
    r->key_len = key.n;
    return true;
}

static bool holders_key_fits(struct req *r)
{
    const struct alloc *a = r->holder;
    return a && a->sha256 == r->sha256 && a->user_tag == r->user_tag &&
           key_fits(r, span_of(a->key, a->key_len));
}

/* A living allocation keeps its key: it goes on when the credential has expired or its secret is
 * gone (draft-uberti section 4.2), unless the operator wants it strict. */
static bool living_key_fits(struct req *r)
{
    return !r->t->conf->strict_expiry && holders_key_fits(r);
}

/* Asked behind the last candidate, so that no key is made for it. */
static bool is_revoked(const struct req *r)
{
    const struct turn_cred_query query = {
        .user = r->user, .is_hash = r->user_is_hash, .nth = CANDIDATES_MAX};
    struct turn_cred none = {0};
    bool revoked = r->t->conf->revocations &&
                   r->t->host->credential(r->t->host, &query, &none) == -EKEYREVOKED;
    crypto_wipe(none.key, sizeof none.key);
    return revoked;
}

/* Whoever proves to be its user loses the allocation; a stranger who knows the name changes
 * nothing. */
static enum stun_code refuse_revoked(struct req *r)
{
    if (r->alloc && r->alloc == r->holder && holders_key_fits(r)) {
        alloc_drop(r->t, r->alloc);
        r->alloc = NULL;
        r->holder = NULL;
    }
    return STUN_UNAUTHENTICATED;
}

static bool any_key_fits(struct req *r)
{
    struct turn_cred_query query = {.user = r->user, .is_hash = r->user_is_hash};
    query.sha256 = r->sha256;
    /* Whether the connection to bind is this user's is asked where it is known. */
    bool goes_on = r->alloc || r->m->method == STUN_CONNECTION_BIND;
    query.ignore_expiry = goes_on && !r->t->conf->strict_expiry;
    struct turn_cred cred = {0};
    bool fits = false;
    for (; !fits && query.nth < CANDIDATES_MAX; query.nth++) {
        if (r->t->host->credential(r->t->host, &query, &cred) != 0)
            break;
        r->account = cred.account;
        fits = key_fits(r, span_of(cred.key, cred.key_len));
    }
    crypto_wipe(cred.key, sizeof cred.key);
    return fits;
}

bool is_repeated_allocate(const struct req *r)
{
    return r->alloc && r->m->method == STUN_ALLOCATE && r->alloc->user_tag == r->user_tag &&
           span_eq(span_of(r->alloc->tid, STUN_TID_LEN), span_of(r->m->tid, STUN_TID_LEN));
}

static bool nonce_good(struct req *r, struct span nonce)
{
    struct nonce_seen seen = {
        .client = &r->flow->client,
        .transport = r->flow->transport,
        .text = nonce,
        .now = r->now,
        .lifetime_s = r->t->conf->times.nonce,
    };
    bool full, userhash;
    return nonce_check(&r->t->shared->nonce, &seen, &full, &userhash) == NONCE_GOOD;
}

enum stun_code authenticate(struct req *r)
{
    struct span realm, nonce;
    if (!stun_has(r->m, integrity_of(r->m)))
        return STUN_UNAUTHENTICATED;
    if (!read_user(r) || !stun_get_bytes(r->m, STUN_ATTR_REALM, &realm) ||
        !stun_get_bytes(r->m, STUN_ATTR_NONCE, &nonce))
        return STUN_BAD_REQUEST;
    enum stun_code code = choose_algorithm(r, nonce);
    if (code != STUN_OK)
        return code;
    /* The RFC judges the nonce last. A forged one is cheap to tell, so whoever sends many pays
     * before any key is derived for him. */
    bool fresh = nonce_good(r, nonce);
    if (!fresh && !unproven_pays(r, CHALLENGE_BASE + strlen(r->t->conf->realm))) {
        r->silent = true;
        return STUN_STALE_NONCE;
    }
    /* Its keeper judges the client, whose key may live with his allocation alone. */
    if (fresh && connection_is_elsewhere(r)) {
        r->verdict = TURN_MOVE;
        return STUN_OK;
    }
    r->user_tag = tag_of(r);
    bool revoked = is_revoked(r);
    if (revoked || (!living_key_fits(r) && !any_key_fits(r))) {
        if (fresh)
            usage_refused(r->t->shared->usage, nonce, nonce_made(nonce, r->now));
        return revoked ? refuse_revoked(r) : STUN_UNAUTHENTICATED;
    }
    /* A retransmission is answered from the allocation even if its nonce is over by now. */
    if (!fresh && !is_repeated_allocate(r))
        return STUN_STALE_NONCE;
    r->proven = true;
    return STUN_OK;
}
