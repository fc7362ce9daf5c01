/* Refresh (RFC 8656 section 8), of the whole allocation or of one family of a dual one. */
#include "turn/turn_int.h"
#include "wire/stun_build.h"

static bool applies_to(const struct req *r, enum turn_family family)
{
    return r->alloc->relayed[family].addr.family != ADDR_NONE &&
           (!r->only_one || r->family == family);
}

enum stun_code refresh_check(struct req *r)
{
    uint32_t number = 0;
    uint32_t lifetime = 1;
    r->only_one = stun_get_number(r->m, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, &number);
    r->family = number == 2 ? TURN_V6 : TURN_V4;
    if (r->only_one && (number < 1 || number > 2 || !applies_to(r, r->family)))
        return STUN_FAMILY_MISMATCH;
    stun_get_number(r->m, STUN_ATTR_LIFETIME, &lifetime);
    r->lifetime = lifetime ? lifetime_granted(r) : 0;
    return STUN_OK;
}

enum stun_code refresh_apply(struct req *r)
{
    usec_t expires = r->now + r->lifetime * USEC_PER_SEC;
    for (int f = 0; f < TURN_FAMILIES; f++) {
        if (applies_to(r, (enum turn_family)f))
            r->alloc->relayed[f].expires = expires;
    }
    if (alloc_sweep(r->t, r->alloc, r->now))
        r->alloc = NULL;
    return STUN_OK;
}

void refresh_put(struct req *r, struct writer *w)
{
    stun_put_number(w, STUN_ATTR_LIFETIME, r->lifetime);
    if (r->t->conf->software)
        stun_put_bytes(w, STUN_ATTR_SOFTWARE, span_text(r->t->conf->software));
}
