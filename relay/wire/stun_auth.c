/* Integrity and fingerprint. The header's length that a MAC covers ends with the MAC's own
 * attribute, so it is given to the MAC as a part of its own and the message stays as it is. */
#include "wire/stun_auth.h"

enum { LENGTH_AT = 2, LENGTH_LEN = 2, FINGERPRINT_LEN = 4 };

static enum digest_alg digest_of(enum stun_attr attr)
{
    return attr == STUN_ATTR_MESSAGE_INTEGRITY ? DIGEST_SHA1 : DIGEST_SHA256;
}

/* The MAC of a message whose first n bytes are covered. */
static int mac_over(struct crypto *c, enum stun_attr attr, struct span key, struct span covered,
                    uint8_t ret[DIGEST_MAX])
{
    size_t len = covered.n - STUN_HEADER_LEN + STUN_ATTR_HEADER_LEN + stun_attr_row(attr)->max;
    const uint8_t length[LENGTH_LEN] = {(uint8_t)(len >> 8), (uint8_t)len};
    const size_t rest = LENGTH_AT + LENGTH_LEN;
    const struct span parts[] = {
        span_of(covered.p, LENGTH_AT),
        span_of(length, sizeof length),
        span_of(covered.p + rest, covered.n - rest),
    };
    const struct hmac_job job = {digest_of(attr), key, parts, sizeof parts / sizeof *parts};
    return crypto_hmac(c, &job, ret);
}

bool stun_verify(const struct stun_msg *m, struct crypto *c, enum stun_attr attr, struct span key)
{
    struct span value;
    uint8_t mac[DIGEST_MAX];
    if (!stun_get_bytes(m, attr, &value))
        return false;
    size_t at = (size_t)(value.p - m->raw.p) - STUN_ATTR_HEADER_LEN;
    int n = mac_over(c, attr, key, span_of(m->raw.p, at), mac);
    return n > 0 && (size_t)n == value.n && crypto_equal(mac, value.p, value.n);
}

void stun_sign(struct writer *w, struct crypto *c, enum stun_attr attr, struct span key)
{
    uint8_t mac[DIGEST_MAX];
    if (w->bad || w->n < STUN_HEADER_LEN) {
        w->bad = true;
        return;
    }
    int n = mac_over(c, attr, key, w_span(w), mac);
    if (n < 0)
        w->bad = true;
    else
        stun_put_bytes(w, attr, span_of(mac, (size_t)n));
}

void stun_fingerprint(struct writer *w)
{
    stun_put_number(w, STUN_ATTR_FINGERPRINT, 0);
    if (w->bad)
        return;
    const struct span covered = span_of(w->p, w->n - FINGERPRINT_LEN - STUN_ATTR_HEADER_LEN);
    uint32_t crc = stun_crc32(&covered, 1) ^ STUN_FINGERPRINT_XOR;
    w_patch16(w, w->n - 4, (uint16_t)(crc >> 16));
    w_patch16(w, w->n - 2, (uint16_t)crc);
}

uint32_t stun_crc32(const struct span *parts, size_t n_parts)
{
    /* Remainders of the reflected polynomial for each half byte. */
    static const uint32_t half[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    uint32_t crc = UINT32_MAX;
    for (size_t k = 0; k < n_parts; k++) {
        for (size_t i = 0; i < parts[k].n; i++) {
            crc ^= parts[k].p[i];
            crc = crc >> 4 ^ half[crc & 15];
            crc = crc >> 4 ^ half[crc & 15];
        }
    }
    return ~crc;
}
