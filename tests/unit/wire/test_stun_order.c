/* Which attributes count: what is unknown, what stands behind the integrity attributes, and that
 * FINGERPRINT is the last and right. */
#include "wire/stun_parse.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/wire/raw.h"
#include "wire/stun_auth.h"

static struct raw r;
static struct stun_msg m;

static void t_I1_I2_fingerprint(void **state)
{
    (void)state;
    raw_begin(&r);
    raw_attr(&r, 0x8022, "x", 1);
    stun_fingerprint(&r.w);
    assert_int_equal(raw_parse(&r, &m), 0);
    assert_true(stun_has(&m, STUN_ATTR_FINGERPRINT));
    raw_attr(&r, 0x8022, "x", 1); /* something behind it */
    assert_int_equal(raw_parse(&r, &m), -EBADMSG);
    raw_begin(&r);
    stun_fingerprint(&r.w);
    stun_fingerprint(&r.w);
    assert_int_equal(raw_parse(&r, &m), -EBADMSG);
    for (size_t n = 0; n <= 8; n++) {
        raw_begin(&r);
        raw_attr(&r, 0x8028, "12345678", n);
        assert_int_equal(raw_parse(&r, &m), -EBADMSG);
    }
    raw_begin(&r);
    raw_attr(&r, 0x0008, "12345678901234567890", 20);
    raw_attr(&r, 0x8028, "1234", 4); /* wrong, behind an integrity attribute */
    assert_int_equal(raw_parse(&r, &m), -EBADMSG);
}

/* Right for the header as it stands, and yet not the last. */
static void t_I2_right_but_not_last(void **state)
{
    (void)state;
    raw_begin(&r);
    raw_attr(&r, 0x8028, "....", 4);
    raw_attr(&r, 0x8022, "x", 1);
    struct span covered = span_of(r.bytes, STUN_HEADER_LEN);
    uint32_t crc = stun_crc32(&covered, 1) ^ STUN_FINGERPRINT_XOR;
    struct writer value = w_over(r.bytes + STUN_HEADER_LEN + STUN_ATTR_HEADER_LEN, 4);
    w_u32(&value, crc);
    assert_int_equal(raw_parse(&r, &m), -EBADMSG);
}

/* Types in the order given; what remains visible of them. */
struct order_case {
    uint16_t types[6];
    enum stun_attr hidden[3]; /* STUN_ATTR_COUNT ends */
    enum stun_attr shown[3];
};

static const struct order_case orders[] = {
    {{0x0008, 0x000d, 0x7fff},
     {STUN_ATTR_LIFETIME, STUN_ATTR_COUNT},
     {STUN_ATTR_MESSAGE_INTEGRITY, STUN_ATTR_COUNT}},
    {{0x0008, 0x001c, 0x000d},
     {STUN_ATTR_LIFETIME, STUN_ATTR_COUNT},
     {STUN_ATTR_MESSAGE_INTEGRITY, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, STUN_ATTR_COUNT}},
    {{0x0008, 0x000d, 0x001c},
     {STUN_ATTR_LIFETIME, STUN_ATTR_COUNT},
     {STUN_ATTR_MESSAGE_INTEGRITY, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, STUN_ATTR_COUNT}},
    {{0x001c, 0x0008, 0x000d},
     {STUN_ATTR_MESSAGE_INTEGRITY, STUN_ATTR_LIFETIME, STUN_ATTR_COUNT},
     {STUN_ATTR_MESSAGE_INTEGRITY_SHA256, STUN_ATTR_COUNT}},
    {{0x000d, 0x0008, 0x0006},
     {STUN_ATTR_USERNAME, STUN_ATTR_COUNT},
     {STUN_ATTR_LIFETIME, STUN_ATTR_MESSAGE_INTEGRITY, STUN_ATTR_COUNT}},
};

static void t_I8_I9_what_counts(void **state)
{
    (void)state;
    static const uint8_t zero[32];
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        const struct order_case *o = &orders[i];
        raw_begin(&r);
        for (const uint16_t *t = o->types; *t; t++) {
            enum stun_attr a = stun_attr_find(*t);
            raw_attr(&r, *t, zero, a == STUN_ATTR_COUNT ? 0 : stun_attr_row(a)->max % 763);
        }
        stun_fingerprint(&r.w);
        assert_int_equal(raw_parse(&r, &m), 0);
        assert_true(stun_has(&m, STUN_ATTR_FINGERPRINT));
        struct span s;
        for (const enum stun_attr *a = o->hidden; *a != STUN_ATTR_COUNT; a++) {
            size_t cursor = 0;
            assert_false(stun_has(&m, *a));
            assert_false(stun_next(&m, *a, &cursor, &s));
        }
        for (const enum stun_attr *a = o->shown; *a != STUN_ATTR_COUNT; a++) {
            size_t cursor = 0;
            assert_true(stun_has(&m, *a));
            assert_false(stun_bad(&m, *a));
            assert_true(stun_next(&m, *a, &cursor, &s));
            assert_ptr_equal(s.p, m.value[*a].p);
            assert_false(stun_next(&m, *a, &cursor, &s));
        }
        size_t cursor = 0;
        uint16_t type;
        assert_false(stun_next_unknown(&m, &cursor, &type));
    }
}

static void t_H12_H14_unknown_types(void **state)
{
    (void)state;
    const uint16_t want[] = {0x7fff, 0x0000, 0x0024, 0x0000, 0x0003};
    raw_begin(&r);
    raw_attr(&r, 0x7fff, "", 0);
    raw_attr(&r, 0x8abc, "x", 1);
    raw_attr(&r, 0x0000, "abc", 3);
    raw_attr(&r, 0x000d, "\0\0\0\1", 4);
    raw_attr(&r, 0x0024, "abcd", 4);
    raw_attr(&r, 0x0000, "", 0);
    raw_attr(&r, 0xc057, "abcd", 4);
    raw_attr(&r, 0x0003, "abcde", 5);
    raw_attr(&r, 0x0008, "12345678901234567890", 20);
    raw_attr(&r, 0x7ffe, "", 0);
    assert_int_equal(raw_parse(&r, &m), 0);
    size_t cursor = 0;
    uint16_t type;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        assert_true(stun_next_unknown(&m, &cursor, &type));
        assert_int_equal(type, want[i]);
    }
    assert_false(stun_next_unknown(&m, &cursor, &type));
    assert_false(stun_next_unknown(&m, &cursor, &type));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_I1_I2_fingerprint),
        cmocka_unit_test(t_I2_right_but_not_last),
        cmocka_unit_test(t_I8_I9_what_counts),
        cmocka_unit_test(t_H12_H14_unknown_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
