/* Stateless nonces: layout, binding to everything they cover, age, wrap-around. */
#include "turn/nonce.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct nonce_key KEY = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
static const struct addr CLIENT = {ADDR_V4, 0, 4711, {192, 0, 2, 7}};
static const usec_t NOON = 123456 * USEC_PER_SEC;

static struct nonce_want want_at(usec_t now, bool full, bool userhash)
{
    return (struct nonce_want){&CLIENT, TURN_UDP, full, userhash, now, 0x12345678};
}

static struct nonce_seen seen_at(usec_t now, const char *text, size_t n)
{
    return (struct nonce_seen){&CLIENT, TURN_UDP, span_of(text, n), now, 3600};
}

static enum nonce_state check(const struct nonce_seen *seen)
{
    bool full = false;
    bool userhash = false;
    return nonce_check(&KEY, seen, &full, &userhash);
}

static void layout(void **state)
{
    (void)state;
    char text[NONCE_MAX];
    struct nonce_want w = want_at(NOON, false, false);
    assert_int_equal(nonce_make(&KEY, &w, text), NONCE_SHORT_LEN);
    for (size_t i = 0; i < NONCE_SHORT_LEN; i++)
        assert_non_null(
            strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", text[i]));
    w = want_at(NOON, true, false);
    assert_int_equal(nonce_make(&KEY, &w, text), NONCE_FULL_LEN);
    assert_memory_equal(text, "obMatJos2gAAA", 13);
    w = want_at(NOON, true, true);
    nonce_make(&KEY, &w, text);
    assert_memory_equal(text, "obMatJos2wAAA", 13);
    /* The feature is of full nonces only. */
    w = want_at(NOON, false, true);
    char plain[NONCE_MAX];
    struct nonce_want v = want_at(NOON, false, false);
    assert_int_equal(nonce_make(&KEY, &w, text), nonce_make(&KEY, &v, plain));
    assert_memory_equal(text, plain, NONCE_SHORT_LEN);
}

static void good_and_flags(void **state)
{
    (void)state;
    static const struct {
        bool full, userhash;
    } rows[] = {{false, false}, {true, false}, {true, true}};
    for (size_t i = 0; i < 3; i++) {
        char text[NONCE_MAX];
        struct nonce_want w = want_at(NOON, rows[i].full, rows[i].userhash);
        size_t n = nonce_make(&KEY, &w, text);
        struct nonce_seen s = seen_at(NOON + USEC_PER_SEC, text, n);
        bool full = !rows[i].full;
        bool userhash = !rows[i].userhash;
        assert_int_equal(nonce_check(&KEY, &s, &full, &userhash), NONCE_GOOD);
        assert_int_equal(full, rows[i].full);
        assert_int_equal(userhash, rows[i].userhash);
        assert_int_equal(nonce_offers_algorithms(s.text), rows[i].full);
    }
}

static void change_at(char *at, const char *text, size_t n)
{
    char old = *at;
    for (int c = 0; c < 256; c++) {
        *at = (char)c;
        struct nonce_seen s = seen_at(NOON, text, n);
        assert_int_equal(check(&s), (char)c == old ? NONCE_GOOD : NONCE_FOREIGN);
    }
    *at = old;
}

/* Any change of any character, and any other length, is foreign. */
static void changed(void **state)
{
    (void)state;
    for (int full = 0; full < 2; full++) {
        char text[NONCE_MAX + 1] = {0};
        struct nonce_want w = want_at(NOON, full, false);
        size_t n = nonce_make(&KEY, &w, text);
        for (size_t i = 0; i < n; i++)
            change_at(text + i, text, n);
        for (size_t len = 0; len <= NONCE_MAX + 1; len++) {
            struct nonce_seen s = seen_at(NOON, text, len);
            assert_int_equal(check(&s), len == n ? NONCE_GOOD : NONCE_FOREIGN);
        }
    }
}

/* RFC 8489 section 18.1 against bid-down: neither the cookie nor a bit comes off or on. */
static void features_stick(void **state)
{
    (void)state;
    char text[NONCE_MAX];
    struct nonce_want w = want_at(NOON, true, true);
    nonce_make(&KEY, &w, text);
    struct nonce_seen s = seen_at(NOON, text + 13, 16);
    assert_int_equal(check(&s), NONCE_FOREIGN);
    text[9] = 'g';
    s = seen_at(NOON, text, NONCE_FULL_LEN);
    assert_int_equal(check(&s), NONCE_FOREIGN);
    text[9] = 'A';
    s = seen_at(NOON, text, NONCE_FULL_LEN);
    assert_int_equal(check(&s), NONCE_FOREIGN);
    assert_false(nonce_offers_algorithms(s.text));

    char plain[NONCE_MAX];
    w = want_at(NOON, false, false);
    nonce_make(&KEY, &w, plain);
    memcpy(text, "obMatJos2gAAA", 13);
    memcpy(text + 13, plain, 16);
    s = seen_at(NOON, text, NONCE_FULL_LEN);
    assert_int_equal(check(&s), NONCE_FOREIGN);
}

static void flags_of_foreign_texts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool full, userhash;
    } rows[] = {
        {"obMatJos2gAAA", true, false},
        {"obMatJos2wAAAwhatever else stands here", true, true},
        {"obMatJos2//// ", true, true},
        {"obMatJos2AAAA0123456789abcdef", false, false},
        {"obMatJos2QAAA0123456789abcdef", false, false},
        {"obMatJos2gAA=0123456789abcdef", false, false},
        {"obMatJos2gAA", false, false},
        {"obmatjos2gAAA0123456789abcdef", false, false},
        {"", false, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct nonce_seen s = seen_at(NOON, rows[i].text, strlen(rows[i].text));
        bool full = !rows[i].full;
        bool userhash = !rows[i].userhash;
        assert_int_equal(nonce_check(&KEY, &s, &full, &userhash), NONCE_FOREIGN);
        assert_int_equal(full, rows[i].full);
        assert_int_equal(userhash, rows[i].userhash);
        assert_int_equal(nonce_offers_algorithms(s.text), rows[i].full);
    }
}

static void bound_to_the_client(void **state)
{
    (void)state;
    char text[NONCE_MAX];
    struct nonce_want w = want_at(NOON, true, false);
    size_t n = nonce_make(&KEY, &w, text);
    struct addr other[] = {CLIENT, CLIENT, CLIENT, CLIENT};
    other[0].port++;
    other[1].ip[3]++;
    other[2].family = ADDR_V6;
    other[3].ip[15]++;
    struct nonce_seen s = seen_at(NOON, text, n);
    for (size_t i = 0; i < 4; i++) {
        s.client = &other[i];
        assert_int_equal(check(&s), NONCE_FOREIGN);
    }
    s = seen_at(NOON, text, n);
    s.transport = TURN_TCP;
    assert_int_equal(check(&s), NONCE_FOREIGN);
    struct nonce_key key = KEY;
    key.master[15] ^= 1;
    bool full;
    bool userhash;
    s = seen_at(NOON, text, n);
    assert_int_equal(nonce_check(&key, &s, &full, &userhash), NONCE_FOREIGN);
}

static void differs_by_random(void **state)
{
    (void)state;
    char a[NONCE_MAX];
    char b[NONCE_MAX];
    struct nonce_want w = want_at(NOON, false, false);
    nonce_make(&KEY, &w, a);
    w.random++;
    nonce_make(&KEY, &w, b);
    assert_memory_not_equal(a, b, NONCE_SHORT_LEN);
}

/* Over two epochs of birth times: never good beyond the lifetime, always good 16 s before the
 * rounded one, stale in between and after. */
static void ages(void **state)
{
    (void)state;
    static const uint32_t lifetimes[] = {32, 60, 600, 1000, 3600, 100000};
    for (size_t l = 0; l < sizeof(lifetimes) / sizeof(lifetimes[0]); l++) {
        usec_t real = lifetimes[l] > 3600 ? 3600 : lifetimes[l];
        for (usec_t born = 0; born < 4200; born += 7) {
            char text[NONCE_MAX];
            struct nonce_want w = want_at(born * USEC_PER_SEC + 13, true, false);
            size_t n = nonce_make(&KEY, &w, text);
            for (usec_t age = 0; age < real + 40; age += real / 20) {
                struct nonce_seen s = seen_at(w.now + age * USEC_PER_SEC, text, n);
                s.lifetime_s = lifetimes[l];
                enum nonce_state is = check(&s);
                assert_int_not_equal(is, NONCE_FOREIGN);
                assert_false(is == NONCE_GOOD && age >= real);
                assert_false(is == NONCE_STALE && age <= real / 16 * 16 - 16);
            }
        }
    }
}

/* A lifetime of nothing would have clients ask for ever. */
static void shortest_lifetime(void **state)
{
    (void)state;
    char text[NONCE_MAX];
    struct nonce_want w = want_at(16 * USEC_PER_SEC - 1, false, false);
    size_t n = nonce_make(&KEY, &w, text);
    struct nonce_seen s = seen_at(16 * USEC_PER_SEC, text, n);
    s.lifetime_s = 0;
    assert_int_equal(check(&s), NONCE_GOOD);
    s.now = 32 * USEC_PER_SEC;
    assert_int_equal(check(&s), NONCE_STALE);
}

/* The 16-bit stamp comes round after 12 days; the nonce does not come back with it. */
static void wrap_around(void **state)
{
    (void)state;
    const usec_t round = 65536 * 16 * USEC_PER_SEC;
    for (usec_t born = round - 64 * USEC_PER_SEC; born < round + 64 * USEC_PER_SEC;
         born += 8 * USEC_PER_SEC) {
        char text[NONCE_MAX];
        struct nonce_want w = want_at(born, false, false);
        size_t n = nonce_make(&KEY, &w, text);
        struct nonce_seen s = seen_at(born + 100 * USEC_PER_SEC, text, n);
        assert_int_equal(check(&s), NONCE_GOOD);
        for (usec_t times = 1; times < 4; times++) {
            s.now = born + times * round;
            assert_int_equal(check(&s), NONCE_FOREIGN);
        }
        s.now = born + round / 2;
        assert_int_equal(check(&s), NONCE_STALE);
    }
}

/* Workers read the clock one after the other: a nonce may come from one unit ahead, not two. */
static void from_ahead(void **state)
{
    (void)state;
    char text[NONCE_MAX];
    struct nonce_want w = want_at(3200 * USEC_PER_SEC, false, false);
    size_t n = nonce_make(&KEY, &w, text);
    struct nonce_seen s = seen_at(w.now - 1, text, n);
    assert_int_equal(check(&s), NONCE_GOOD);
    s.now = w.now - 17 * USEC_PER_SEC;
    assert_int_not_equal(check(&s), NONCE_GOOD);
    w = want_at(5, false, false);
    n = nonce_make(&KEY, &w, text);
    s = seen_at(0, text, n);
    assert_int_equal(check(&s), NONCE_GOOD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout),
        cmocka_unit_test(good_and_flags),
        cmocka_unit_test(changed),
        cmocka_unit_test(features_stick),
        cmocka_unit_test(flags_of_foreign_texts),
        cmocka_unit_test(bound_to_the_client),
        cmocka_unit_test(differs_by_random),
        cmocka_unit_test(ages),
        cmocka_unit_test(shortest_lifetime),
        cmocka_unit_test(wrap_around),
        cmocka_unit_test(from_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
