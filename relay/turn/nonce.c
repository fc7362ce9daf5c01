/* Nonces as text: cookie and features, time, and a SipHash MAC whose key changes with time. */
#include "turn/nonce.h"

#include <string.h>

#include "base/reader.h"
#include "base/siphash.h"
#include "base/writer.h"
#include "crypto/crypto.h"

/* Core, 12 bytes, base64 without padding: stamp(2) random(2) MAC(8). */
enum { MAC_LEN = 8, FEATURES_TEXT = 4, UNIT_S = 16, LIFETIME_MAX_S = 3600 };

/* Stamps are cut to 16 bits and come round after 12 days; their MAC key does not, for it is made
 * from the uncut number of the epoch. 128 stamps are 2048 s. */
enum { EPOCH_SHIFT = 7 };

/* RFC 8489 section 9.2, and section 18.1 for the bits, the first being the most significant. */
static const char COOKIE[] = "obMatJos2";
enum { COOKIE_LEN = sizeof(COOKIE) - 1, FEATURES_LEN = COOKIE_LEN + FEATURES_TEXT };
enum { FEATURE_ALGORITHMS = 0x800000, FEATURE_USERHASH = 0x400000 };

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* What a nonce says of itself, beside its bytes. */
struct claim {
    const struct addr *client;
    uint8_t transport;
    uint32_t features; /* 0 = a short nonce */
    uint16_t stamp;
    uint16_t random;
};

static void encode(struct writer *to, uint64_t value, size_t n_chars)
{
    for (size_t i = n_chars; i-- > 0;)
        w_u8(to, (uint8_t)ALPHABET[value >> (6 * i) & 63]);
}

/* Exactly the alphabet: one value has one text. */
static bool decode(struct span text, uint32_t *ret)
{
    uint32_t value = 0;
    for (struct reader r = r_from(text); r_left(&r) > 0;) {
        uint8_t c = r_u8(&r);
        const char *at = c ? strchr(ALPHABET, c) : NULL;
        if (!at)
            return false;
        value = value << 6 | (uint32_t)(at - ALPHABET);
    }
    *ret = value;
    return true;
}

static void epoch_key(const struct nonce_key *key, int64_t epoch, uint8_t ret[SIPHASH_KEY_LEN])
{
    struct writer w = w_over(ret, SIPHASH_KEY_LEN);
    for (uint64_t half = 0; half < 2; half++) {
        uint64_t in[2] = {half, (uint64_t)epoch};
        w_u64(&w, siphash(key->master, in, sizeof(in)));
    }
}

static uint64_t mac_of(const struct nonce_key *key, const struct claim *c, int64_t full_stamp)
{
    uint8_t derived[SIPHASH_KEY_LEN];
    epoch_key(key, full_stamp >> EPOCH_SHIFT, derived);
    uint8_t text[40];
    struct writer w = w_over(text, sizeof(text));
    w_u32(&w, c->features);
    w_u8(&w, c->transport);
    w_u16(&w, c->stamp);
    w_u16(&w, c->random);
    w_u8(&w, c->client->family);
    w_u16(&w, c->client->port);
    w_bytes(&w, span_of(c->client->ip, sizeof(c->client->ip)));
    return siphash(derived, text, w.n);
}

static int64_t stamp_at(usec_t now)
{
    return now / (UNIT_S * USEC_PER_SEC);
}

size_t nonce_make(const struct nonce_key *key, const struct nonce_want *want, char ret[NONCE_MAX])
{
    uint32_t features = want->userhash ? FEATURE_ALGORITHMS | FEATURE_USERHASH : FEATURE_ALGORITHMS;
    struct claim c = {
        .client = want->client,
        .transport = want->transport,
        .features = want->full ? features : 0,
        .stamp = (uint16_t)stamp_at(want->now),
        .random = (uint16_t)(want->random ^ want->random >> 16),
    };
    uint64_t mac = mac_of(key, &c, stamp_at(want->now));
    struct writer w = w_over(ret, NONCE_MAX);
    if (want->full) {
        w_bytes(&w, span_of(COOKIE, COOKIE_LEN));
        encode(&w, c.features, FEATURES_TEXT);
    }
    /* 96 bits as 48 and 48, which base64 cuts at character boundaries too. */
    encode(&w, (uint64_t)c.stamp << 32 | (uint64_t)c.random << 16 | mac >> 48, 8);
    encode(&w, mac & UINT64_C(0xFFFFFFFFFFFF), 8);
    return w.n;
}

/* 0 when the text does not start with the cookie and four characters of features. */
static uint32_t features_of(struct span text)
{
    struct reader r = r_from(text);
    struct span cookie = r_bytes(&r, COOKIE_LEN);
    struct span features = r_bytes(&r, FEATURES_TEXT);
    uint32_t bits = 0;
    if (r.bad || !span_eq(cookie, span_of(COOKIE, COOKIE_LEN)) || !decode(features, &bits))
        return 0;
    return bits;
}

bool nonce_offers_algorithms(struct span text)
{
    return (features_of(text) & FEATURE_ALGORITHMS) != 0;
}

/* Four groups of four characters, 24 bits each. */
static bool read_core(struct reader *r, struct claim *c, uint64_t *ret_mac)
{
    uint32_t v[4] = {0};
    for (size_t i = 0; i < 4; i++)
        if (!decode(r_bytes(r, 4), &v[i]))
            return false;
    if (!r_done(r))
        return false;
    uint64_t high = (uint64_t)v[0] << 24 | v[1];
    uint64_t low = (uint64_t)v[2] << 24 | v[3];
    c->stamp = (uint16_t)(high >> 32);
    c->random = (uint16_t)(high >> 16);
    *ret_mac = high << 48 | low;
    return true;
}

static bool read_claim(struct span text, struct claim *c, uint64_t *ret_mac)
{
    struct reader r = r_from(text);
    if (text.n == NONCE_FULL_LEN) {
        c->features = features_of(text);
        r_bytes(&r, FEATURES_LEN);
        return (c->features & FEATURE_ALGORITHMS) != 0 && read_core(&r, c, ret_mac);
    }
    return text.n == NONCE_SHORT_LEN && read_core(&r, c, ret_mac);
}

/* How many units old. Another worker's clock reading may be a unit ahead of ours: that is -1. */
static int32_t age_of(int64_t now_stamp, uint16_t stamp)
{
    uint16_t age = (uint16_t)((uint16_t)now_stamp - stamp);
    return age == UINT16_MAX ? -1 : age;
}

static int32_t units_of(uint32_t lifetime_s)
{
    uint32_t s = lifetime_s < LIFETIME_MAX_S ? lifetime_s : LIFETIME_MAX_S;
    /* With one unit a nonce could be born at its end and never be good. */
    return s < 2 * UNIT_S ? 2 : (int32_t)(s / UNIT_S);
}

enum nonce_state nonce_check(const struct nonce_key *key, const struct nonce_seen *seen,
                             bool *ret_full, bool *ret_userhash)
{
    uint32_t features = features_of(seen->text);
    *ret_full = (features & FEATURE_ALGORITHMS) != 0;
    *ret_userhash = *ret_full && (features & FEATURE_USERHASH) != 0;

    struct claim c = {.client = seen->client, .transport = seen->transport};
    uint64_t mac = 0;
    if (!read_claim(seen->text, &c, &mac))
        return NONCE_FOREIGN;
    int64_t now_stamp = stamp_at(seen->now);
    int32_t age = age_of(now_stamp, c.stamp);
    uint64_t expected = mac_of(key, &c, now_stamp - age);
    if (!crypto_equal(&expected, &mac, MAC_LEN))
        return NONCE_FOREIGN;
    return age < units_of(seen->lifetime_s) ? NONCE_GOOD : NONCE_STALE;
}

usec_t nonce_made(struct span text, usec_t now)
{
    struct claim c = {0};
    uint64_t mac;
    int64_t stamp = stamp_at(now);
    if (read_claim(text, &c, &mac))
        stamp -= age_of(stamp, c.stamp);
    return stamp * UNIT_S * USEC_PER_SEC;
}
