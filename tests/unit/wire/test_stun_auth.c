/* Integrity and fingerprint: the vectors of RFC 5769 and RFC 8489 B.1, each also with every single
 * bit flipped, and messages of our own. */
#include "wire/stun_auth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/longterm.h"
#include "unit/wire/raw.h"
#include "vectors/vectors.h"

static struct crypto *c;
static struct raw r;
static struct stun_msg m;

static int setup(void **state)
{
    (void)state;
    c = crypto_new();
    return c ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    crypto_free(c);
    return 0;
}

struct known {
    const char *name;
    const char *realm; /* NULL = short-term key */
    enum digest_alg key_alg;
    enum stun_attr attr;
    bool fingerprint;
};

static const struct known known[] = {
    {"rfc5769_2_1", NULL, DIGEST_MD5, STUN_ATTR_MESSAGE_INTEGRITY, true},
    {"rfc5769_2_2", NULL, DIGEST_MD5, STUN_ATTR_MESSAGE_INTEGRITY, true},
    {"rfc5769_2_3", NULL, DIGEST_MD5, STUN_ATTR_MESSAGE_INTEGRITY, true},
    {"rfc5769_2_4", "example.org", DIGEST_MD5, STUN_ATTR_MESSAGE_INTEGRITY, false},
    {"rfc8489_b_1_errata", "example.org", DIGEST_SHA256, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, false},
};

enum { N_KNOWN = sizeof known / sizeof *known };

static const char USER[] =
    "\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9";

static struct span key_of(const struct known *k, uint8_t buf[DIGEST_MAX])
{
    if (!k->realm)
        return span_text("VOkJxbRl1RmTxUk/WvJxBt");
    const struct longterm who = {span_text(USER), span_text(k->realm), span_text("TheMatrIX")};
    int n = longterm_key(c, k->key_alg, &who, buf);
    assert_true(n > 0);
    return span_of(buf, (size_t)n);
}

static bool intact(const struct known *k, struct span datagram, struct span key)
{
    return stun_parse(datagram, &m) == 0 && stun_has(&m, STUN_ATTR_FINGERPRINT) == k->fingerprint &&
           stun_verify(&m, c, k->attr, key);
}

static void t_K1_K2_K3_K4_K5_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_KNOWN; i++) {
        uint8_t buf[DIGEST_MAX];
        struct vector v = vector_load(known[i].name);
        struct span key = key_of(&known[i], buf);
        if (!intact(&known[i], span_of(v.bytes, v.n), key))
            fail_msg("%s does not verify", known[i].name);
        struct vector again = vector_load(known[i].name);
        assert_memory_equal(v.bytes, again.bytes, v.n); /* I14 */
    }
}

static void t_K6_every_bit_flipped(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_KNOWN; i++) {
        uint8_t buf[DIGEST_MAX];
        struct vector v = vector_load(known[i].name);
        struct span key = key_of(&known[i], buf);
        for (size_t bit = 0; bit < 8 * v.n; bit++) {
            v.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            if (intact(&known[i], span_of(v.bytes, v.n), key))
                fail_msg("%s: bit %zu flipped and nobody noticed", known[i].name, bit);
            v.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        assert_true(intact(&known[i], span_of(v.bytes, v.n), key));
    }
}

static void t_K6_every_key_bit_flipped(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_KNOWN; i++) {
        uint8_t buf[DIGEST_MAX];
        uint8_t wrong[DIGEST_MAX];
        struct vector v = vector_load(known[i].name);
        struct span key = key_of(&known[i], buf);
        memcpy(wrong, key.p, key.n);
        for (size_t bit = 0; bit < 8 * key.n; bit++) {
            wrong[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_false(intact(&known[i], span_of(v.bytes, v.n), span_of(wrong, key.n)));
            wrong[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        assert_false(intact(&known[i], span_of(v.bytes, v.n), span_of(NULL, 0)));
    }
}

/* As printed, B.1 has a wrong length field; its HMAC is right over the bytes as they stand. */
static void t_K5_b1_as_printed(void **state)
{
    (void)state;
    struct vector v = vector_load("rfc8489_b_1");
    uint8_t buf[DIGEST_MAX];
    uint8_t mac[DIGEST_MAX];
    assert_int_equal(v.n, 156);
    struct span covered = span_of(v.bytes, v.n - 36);
    struct hmac_job job = {DIGEST_SHA256, key_of(&known[4], buf), &covered, 1};
    assert_int_equal(crypto_hmac(c, &job, mac), SHA256_LEN);
    assert_memory_equal(mac, v.bytes + v.n - SHA256_LEN, SHA256_LEN);
    assert_true(stun_parse(span_of(v.bytes, v.n), &m) < 0);
}

static void test_sign_and_verify(void **state)
{
    (void)state;
    struct span key = span_text("some key");
    raw_begin(&r);
    raw_attr(&r, 0x0006, "user", 4);
    stun_sign(&r.w, c, STUN_ATTR_MESSAGE_INTEGRITY, key);
    stun_sign(&r.w, c, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, key);
    stun_fingerprint(&r.w);
    stun_end(&r.w);
    assert_int_equal(raw_parse(&r, &m), 0);
    assert_true(stun_has(&m, STUN_ATTR_FINGERPRINT));
    assert_true(stun_verify(&m, c, STUN_ATTR_MESSAGE_INTEGRITY, key));
    assert_true(stun_verify(&m, c, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, key));
    assert_false(stun_verify(&m, c, STUN_ATTR_MESSAGE_INTEGRITY, span_text("some kez")));
    assert_false(stun_verify(&m, c, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, span_text("some kez")));
}

/* I6: the second covers the first. */
static void t_I6_sha256_covers_mi(void **state)
{
    (void)state;
    struct span key = span_text("some key");
    raw_begin(&r);
    stun_sign(&r.w, c, STUN_ATTR_MESSAGE_INTEGRITY, key);
    size_t mi_at = r.w.n - SHA1_LEN;
    stun_sign(&r.w, c, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, key);
    r.bytes[mi_at] ^= 1;
    assert_int_equal(raw_parse(&r, &m), 0);
    assert_false(stun_verify(&m, c, STUN_ATTR_MESSAGE_INTEGRITY, key));
    assert_false(stun_verify(&m, c, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, key));
}

static void t_I7_truncated_is_refused(void **state)
{
    (void)state;
    struct span key = span_text("some key");
    for (size_t n = 0; n <= 40; n++) {
        uint8_t mac[DIGEST_MAX + 8] = {0};
        raw_begin(&r);
        raw_attr(&r, 0x001c, mac, n);
        struct span covered = span_of(r.bytes, STUN_HEADER_LEN);
        struct hmac_job job = {DIGEST_SHA256, key, &covered, 1};
        assert_int_equal(crypto_hmac(c, &job, mac), SHA256_LEN);
        memcpy(r.bytes + 24, mac, n);
        assert_int_equal(raw_parse(&r, &m), 0);
        assert_true(stun_has(&m, STUN_ATTR_MESSAGE_INTEGRITY_SHA256));
        assert_int_equal(stun_verify(&m, c, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, key), n == 32);
    }
}

static void test_absent_is_false(void **state)
{
    (void)state;
    raw_begin(&r);
    assert_int_equal(raw_parse(&r, &m), 0);
    assert_false(stun_verify(&m, c, STUN_ATTR_MESSAGE_INTEGRITY, span_text("k")));
    assert_false(stun_verify(&m, c, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, span_text("k")));
}

static void test_no_room(void **state)
{
    (void)state;
    uint8_t small[64];
    const enum stun_attr attrs[] = {STUN_ATTR_MESSAGE_INTEGRITY,
                                    STUN_ATTR_MESSAGE_INTEGRITY_SHA256};
    for (size_t cap = 0; cap < 44; cap++) {
        for (size_t i = 0; i < 2; i++) {
            struct writer w = w_over(small, cap);
            stun_begin(&w, STUN_REQUEST, STUN_BINDING, RAW_TID);
            stun_sign(&w, c, attrs[i], span_text("k"));
            assert_true(w.bad);
        }
    }
    for (size_t cap = 0; cap < 28; cap++) {
        struct writer w = w_over(small, cap);
        stun_begin(&w, STUN_REQUEST, STUN_BINDING, RAW_TID);
        stun_fingerprint(&w);
        assert_true(w.bad);
    }
    struct writer w = w_over(small, sizeof small);
    stun_sign(&w, c, STUN_ATTR_MESSAGE_INTEGRITY, span_text("k")); /* no header yet */
    assert_true(w.bad);
}

static void t_I1_crc32(void **state)
{
    (void)state;
    struct span whole = span_text("123456789");
    assert_int_equal(stun_crc32(&whole, 1), 0xcbf43926);
    for (size_t cut = 0; cut <= whole.n; cut++) {
        const struct span parts[] = {span_of(whole.p, cut), span_of(NULL, 0),
                                     span_of(whole.p + cut, whole.n - cut)};
        assert_int_equal(stun_crc32(parts, 3), 0xcbf43926);
    }
    assert_int_equal(stun_crc32(NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_K1_K2_K3_K4_K5_vectors),
        cmocka_unit_test(t_K6_every_bit_flipped),
        cmocka_unit_test(t_K6_every_key_bit_flipped),
        cmocka_unit_test(t_K5_b1_as_printed),
        cmocka_unit_test(test_sign_and_verify),
        cmocka_unit_test(t_I6_sha256_covers_mi),
        cmocka_unit_test(t_I7_truncated_is_refused),
        cmocka_unit_test(test_absent_is_false),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(t_I1_crc32),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
