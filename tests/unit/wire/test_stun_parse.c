/* Framing, index and getters of the parser. */
#include "wire/stun_parse.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "unit/wire/raw.h"
#include "vectors/vectors.h"

static struct raw r;
static struct stun_msg m;

/* A copy that ends where the heap block ends, so that a sanitizer sees the first byte too far. */
static int parse_exact(const uint8_t *p, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, p, n);
    int err = stun_parse(span_of(copy, n), &m);
    free(copy);
    return err;
}

static void t_H1_H3_H4_header_bits(void **state)
{
    (void)state;
    raw_begin(&r);
    const uint32_t lifetime = 0;
    raw_attr(&r, 0x000d, &lifetime, 4);
    assert_int_equal(raw_parse(&r, &m), 0);
    assert_int_equal(m.cls, STUN_REQUEST);
    assert_int_equal(m.method, STUN_ALLOCATE);
    assert_memory_equal(m.tid, RAW_TID, sizeof RAW_TID);
    for (size_t bit = 0; bit < 64; bit++) {
        bool type_bits = bit < 16 && bit != 0 && bit != 1;
        size_t byte = bit / 8;
        uint8_t mask = (uint8_t)(0x80 >> bit % 8);
        r.bytes[byte] ^= mask;
        assert_int_equal(raw_parse(&r, &m), type_bits ? 0 : -EBADMSG);
        r.bytes[byte] ^= mask;
    }
}

static void t_H5_every_other_length(void **state)
{
    (void)state;
    struct vector v = vector_load("rfc5769_2_1");
    assert_int_equal(parse_exact(v.bytes, v.n), 0);
    for (size_t n = 0; n < v.n; n++)
        assert_int_equal(parse_exact(v.bytes, n), -EBADMSG);
    memset(v.bytes + v.n, 0, 4);
    for (size_t n = v.n + 1; n <= v.n + 4; n++)
        assert_int_equal(parse_exact(v.bytes, n), -EBADMSG);
}

static void t_H6_overrun(void **state)
{
    (void)state;
    for (unsigned n = 0; n <= 20; n++) {
        raw_begin(&r);
        raw_attr(&r, 0x8022, "12345678", 8);
        r.bytes[23] = (uint8_t)n;
        /* 5 to 8 keep the end; 1 to 4 leave four bytes that read as another header. */
        assert_int_equal(raw_parse(&r, &m), n >= 5 && n <= 8 ? 0 : -EBADMSG);
    }
    raw_begin(&r);
    w_u32(&r.w, 0x00060000);
    w_u16(&r.w, 0);
    w_u16(&r.w, 0xfffd); /* its padded length does not fit 16 bits */
    stun_end(&r.w);
    assert_int_equal(raw_parse(&r, &m), -EBADMSG);
}

static void t_H30_first_occurrence_counts(void **state)
{
    (void)state;
    raw_begin(&r);
    raw_attr(&r, 0x000d, "\0\0\0\1", 4);
    raw_attr(&r, 0x0012, "\0\1\0\0abcd", 8);
    raw_attr(&r, 0x000d, "\0\0\0\2", 4);
    raw_attr(&r, 0x0012, "\0\1\0\0efgh", 8);
    raw_attr(&r, 0x0012, "\0\3\0\0efgh", 8);
    assert_int_equal(raw_parse(&r, &m), 0);
    uint32_t n = 0;
    struct span s;
    size_t cursor = 0;
    assert_true(stun_get_number(&m, STUN_ATTR_LIFETIME, &n));
    assert_int_equal(n, 1);
    assert_true(stun_get_bytes(&m, STUN_ATTR_XOR_PEER_ADDRESS, &s));
    assert_memory_equal(s.p + 4, "abcd", 4);

    assert_true(stun_next(&m, STUN_ATTR_XOR_PEER_ADDRESS, &cursor, &s));
    assert_memory_equal(s.p + 4, "abcd", 4);
    struct addr a;
    assert_true(stun_addr_value(&m, s, &a));
    assert_true(stun_next(&m, STUN_ATTR_XOR_PEER_ADDRESS, &cursor, &s));
    assert_memory_equal(s.p + 4, "efgh", 4);
    assert_true(stun_addr_value(&m, s, &a));
    assert_true(stun_next(&m, STUN_ATTR_XOR_PEER_ADDRESS, &cursor, &s));
    assert_false(stun_addr_value(&m, s, &a));
    assert_false(stun_next(&m, STUN_ATTR_XOR_PEER_ADDRESS, &cursor, &s));
    assert_false(stun_next(&m, STUN_ATTR_XOR_PEER_ADDRESS, &cursor, &s));
}

static void test_first_bad_stays_bad(void **state)
{
    (void)state;
    raw_begin(&r);
    raw_attr(&r, 0x000d, "\0\0\1", 3);
    raw_attr(&r, 0x000d, "\0\0\0\2", 4);
    assert_int_equal(raw_parse(&r, &m), 0);
    uint32_t n = 77;
    struct span s = {NULL, 5};
    assert_true(stun_has(&m, STUN_ATTR_LIFETIME));
    assert_true(stun_bad(&m, STUN_ATTR_LIFETIME));
    assert_false(stun_get_number(&m, STUN_ATTR_LIFETIME, &n));
    assert_false(stun_get_bytes(&m, STUN_ATTR_LIFETIME, &s));
    assert_int_equal(n, 77);
    assert_int_equal(s.n, 5);
}

/* A value of this length that is right in everything else. */
static void valid_value(const struct stun_attr_row *row, uint8_t *p, size_t n)
{
    memset(p, 'a', n);
    if (n >= 2 && (row->kind == STUN_KIND_ADDR || row->kind == STUN_KIND_XADDR))
        p[1] = n == 8 ? 1 : 2;
    for (size_t at = 0; row->kind == STUN_KIND_ALGS && at + 4 <= n; at += 4)
        memcpy(p + at, "\0\1\0\0", 4);
}

static bool good_length(enum stun_attr a, size_t n)
{
    const struct stun_attr_row *row = stun_attr_row(a);
    if (row->kind == STUN_KIND_ADDR || row->kind == STUN_KIND_XADDR)
        return n == 8 || n == 20;
    if (row->kind == STUN_KIND_TYPES && n % 2)
        return false;
    if (row->kind == STUN_KIND_ALGS && n % 4)
        return false;
    if (a == STUN_ATTR_MESSAGE_INTEGRITY_SHA256)
        return n == 32;
    return n >= row->min && n <= row->max;
}

static void check_length(enum stun_attr a, size_t n)
{
    static uint8_t value[65536];
    const struct stun_attr_row *row = stun_attr_row(a);
    struct span s;
    valid_value(row, value, n);
    raw_begin(&r);
    raw_attr(&r, row->type, value, n);
    assert_int_equal(raw_parse(&r, &m), 0);
    assert_true(stun_has(&m, a));
    assert_int_equal(stun_bad(&m, a), !good_length(a, n));
    assert_int_equal(stun_get_bytes(&m, a, &s), good_length(a, n));
}

static void t_F1_F5_F6_F12_I7_lengths(void **state)
{
    (void)state;
    for (int i = 0; i < STUN_ATTR_COUNT; i++) {
        enum stun_attr a = (enum stun_attr)i;
        const struct stun_attr_row *row = stun_attr_row(a);
        if (a == STUN_ATTR_FINGERPRINT)
            continue; /* a wrong one is no STUN at all: test_stun_order.c */
        for (size_t n = 0; n < 1200; n++)
            check_length(a, n);
        for (size_t n = row->min ? row->min - 1U : 0; n <= row->min + 1U; n++)
            check_length(a, n);
        size_t most = row->max > 65000 ? 65500 : row->max + 1U;
        for (size_t n = most - 2; n <= most; n++)
            check_length(a, n);
    }
}

static void t_F2_padding_ignored(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 4; n++) {
        raw_begin(&r);
        raw_attr(&r, 0x0006, "user", n);
        memset(r.bytes + 24 + n, 0xff, 4 - n);
        struct span s;
        assert_int_equal(raw_parse(&r, &m), 0);
        assert_true(stun_get_bytes(&m, STUN_ATTR_USERNAME, &s));
        assert_true(span_eq(s, span_of("user", n)));
    }
}

static void t_F3_F4_families(void **state)
{
    (void)state;
    for (unsigned family = 0; family < 256; family++) {
        for (size_t n = 8; n <= 20; n += 12) {
            uint8_t value[20] = {0xee, (uint8_t)family};
            struct addr a;
            bool good = (family == 1 && n == 8) || (family == 2 && n == 20);
            raw_begin(&r);
            raw_attr(&r, 0x0001, value, n);
            raw_attr(&r, 0x0020, value, n);
            assert_int_equal(raw_parse(&r, &m), 0);
            assert_int_equal(stun_get_addr(&m, STUN_ATTR_MAPPED_ADDRESS, &a), good);
            assert_int_equal(stun_get_addr(&m, STUN_ATTR_XOR_MAPPED_ADDRESS, &a), good);
            assert_int_equal(stun_addr_value(&m, span_of(value, n), &a), good);
            assert_false(stun_addr_value(&m, span_of(value, n - 1), &a));
        }
    }
    struct addr a;
    assert_false(stun_addr_value(&m, span_of(NULL, 0), &a));
}

static void t_F4_vectors(void **state)
{
    (void)state;
    static const char *const table[][2] = {
        {"rfc5769_2_2", "192.0.2.1:32853"},
        {"rfc5769_2_3", "[2001:db8:1234:5678:11:2233:4455:6677]:32853"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct vector v = vector_load(table[i][0]);
        struct addr want;
        struct addr got;
        struct span software;
        assert_true(addr_parse(table[i][1], &want));
        assert_int_equal(stun_parse(span_of(v.bytes, v.n), &m), 0);
        assert_int_equal(m.cls, STUN_SUCCESS);
        assert_int_equal(m.method, STUN_BINDING);
        assert_true(stun_get_addr(&m, STUN_ATTR_XOR_MAPPED_ADDRESS, &got));
        assert_true(addr_eq(&want, &got));
        assert_true(stun_get_bytes(&m, STUN_ATTR_SOFTWARE, &software));
        assert_true(span_eq(software, span_text("test vector")));
    }
}

static void t_F5_utf8(void **state)
{
    (void)state;
    const struct {
        const char *text;
        bool good;
    } table[] = {
        {"", true},
        {"abc", true},
        {"\xc3\xbc", true},
        {"\xe3\x83\x9e\xe3\x82\xb9", true},
        {"\xf0\x9f\x98\x80", true},
        {"\xf4\x8f\xbf\xbf", true},
        {"\xed\x9f\xbf", true},
        {"\xee\x80\x80", true},
        {"\xc2\x80", true},
        {"\xe0\xa0\x80", true},
        {"\xf0\x90\x80\x80", true},
        {"\x80", false},
        {"a\xbf", false},
        {"\xc0\x80", false},
        {"\xc1\xbf", false},
        {"\xc3", false},
        {"\xc3\x28", false},
        {"\xe0\x9f\xbf", false},
        {"\xe2\x82", false},
        {"\xe2\x82\x28", false},
        {"\xed\xa0\x80", false},
        {"\xef\xbf", false},
        {"\xf0\x8f\xbf\xbf", false},
        {"\xf0\x9f\x98", false},
        {"\xf0\x9f\x98\x28", false},
        {"\xf4\x90\x80\x80", false},
        {"\xf5\x80\x80\x80", false},
        {"\xff", false},
        {"\xfe", false},
        {"ok\xc3\xbc\xff", false},
    };
    const enum stun_attr attrs[] = {STUN_ATTR_USERNAME, STUN_ATTR_REALM, STUN_ATTR_NONCE};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        for (size_t k = 0; k < 3; k++) {
            raw_begin(&r);
            raw_attr(&r, stun_attr_row(attrs[k])->type, table[i].text, strlen(table[i].text));
            assert_int_equal(parse_exact(r.bytes, r.w.n), 0);
            assert_int_equal(stun_bad(&m, attrs[k]), !table[i].good);
        }
    }
}

/* The bytes that would complete the character are padding. */
static void t_F5_utf8_ends_with_the_value(void **state)
{
    (void)state;
    static const char *const table[] = {"\xc3", "\xe2\x82", "\xf0\x9f\x98", "abc\xe2\x82"};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        size_t n = strlen(table[i]);
        raw_begin(&r);
        raw_attr(&r, 0x0006, table[i], n);
        memset(r.bytes + 24 + n, 0x80, -n & 3);
        assert_int_equal(raw_parse(&r, &m), 0);
        assert_true(stun_bad(&m, STUN_ATTR_USERNAME));
    }
}

static void t_F8_algorithms(void **state)
{
    (void)state;
    const struct {
        const char *bytes;
        size_t n;
        bool good;
    } table[] = {
        {"\0\2\0\0", 4, true},
        {"\0\2\0\0\0\1\0\0", 8, true},
        {"\0\2\0\1x\0\0\0\0\1\0\0", 12, true},
        {"\0\2\0\1x", 5, true},
        {"\0\2\0\1x\0\0\0", 8, true},
        {"\0\2\0\3xyz", 7, true},
        {"\0\2\0\1x\0\0\0\0\1", 10, false},
        {"\0\2\0\5xyz", 7, false},
        {"\0\2\0\1x\0", 6, false},
        {"\0\2\xff\xff", 4, false},
        {"\0\2\0\0\0", 5, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        raw_begin(&r);
        raw_attr(&r, 0x001d, table[i].bytes, table[i].n);
        raw_attr(&r, 0x8002, table[i].bytes, table[i].n);
        assert_int_equal(parse_exact(r.bytes, r.w.n), 0);
        assert_int_equal(stun_bad(&m, STUN_ATTR_PASSWORD_ALGORITHM), !table[i].good);
        assert_int_equal(stun_bad(&m, STUN_ATTR_PASSWORD_ALGORITHMS), !table[i].good);
    }
}

static void test_getters_ask_for_the_right_kind(void **state)
{
    (void)state;
    raw_begin(&r);
    raw_attr(&r, 0x000d, "\0\0\2\x58", 4);
    raw_attr(&r, 0x000c, "\x40\1\xff\xff", 4);
    raw_attr(&r, 0x0018, "\x80", 1);
    raw_attr(&r, 0x0019, "\x11\xff\xff\xff", 4);
    raw_attr(&r, 0x0014, "realm", 5);
    assert_int_equal(raw_parse(&r, &m), 0);
    const struct {
        enum stun_attr attr;
        uint32_t value;
    } table[] = {
        {STUN_ATTR_LIFETIME, 600},
        {STUN_ATTR_CHANNEL_NUMBER, 0x4001},
        {STUN_ATTR_EVEN_PORT, 0x80},
        {STUN_ATTR_REQUESTED_TRANSPORT, 17},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        uint32_t n;
        assert_true(stun_get_number(&m, table[i].attr, &n));
        assert_int_equal(n, table[i].value);
    }
    uint32_t n = 5;
    struct addr a;
    struct span s;
    assert_false(stun_get_number(&m, STUN_ATTR_REALM, &n));
    assert_false(stun_get_number(&m, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, &n));
    assert_false(stun_get_addr(&m, STUN_ATTR_LIFETIME, &a));
    assert_false(stun_get_addr(&m, STUN_ATTR_XOR_PEER_ADDRESS, &a));
    assert_false(stun_get_bytes(&m, STUN_ATTR_USERNAME, &s));
    assert_int_equal(n, 5);
}

static void test_empty_and_largest(void **state)
{
    (void)state;
    struct span s;
    size_t cursor = 0;
    uint16_t type;
    raw_begin(&r);
    assert_int_equal(parse_exact(r.bytes, r.w.n), 0);
    raw_parse(&r, &m);
    assert_true(m.present == 0);
    assert_false(stun_next(&m, STUN_ATTR_DATA, &cursor, &s));
    assert_false(stun_next_unknown(&m, &cursor, &type));
    assert_int_equal(stun_parse(span_of(NULL, 0), &m), -EBADMSG);

    static uint8_t data[65528];
    raw_attr(&r, 0x0013, data, sizeof data);
    assert_int_equal(raw_parse(&r, &m), 0);
    assert_true(stun_get_bytes(&m, STUN_ATTR_DATA, &s));
    assert_int_equal(s.n, sizeof data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_H1_H3_H4_header_bits),
        cmocka_unit_test(t_H5_every_other_length),
        cmocka_unit_test(t_H6_overrun),
        cmocka_unit_test(t_H30_first_occurrence_counts),
        cmocka_unit_test(test_first_bad_stays_bad),
        cmocka_unit_test(t_F1_F5_F6_F12_I7_lengths),
        cmocka_unit_test(t_F2_padding_ignored),
        cmocka_unit_test(t_F3_F4_families),
        cmocka_unit_test(t_F4_vectors),
        cmocka_unit_test(t_F5_utf8),
        cmocka_unit_test(t_F5_utf8_ends_with_the_value),
        cmocka_unit_test(t_F8_algorithms),
        cmocka_unit_test(test_getters_ask_for_the_right_kind),
        cmocka_unit_test(test_empty_and_largest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
