/* The builder: every attribute survives the way through the parser, padding is zero, and nothing
 * is written that does not fit. */
#include "wire/stun_build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/stun_parse.h"

static const uint8_t TID[STUN_TID_LEN] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

static uint8_t buf[70000];
static struct writer w;
static struct stun_msg m;

static void begin(size_t cap)
{
    memset(buf, 0xcc, sizeof buf);
    w = w_over(buf, cap);
    stun_begin(&w, STUN_SUCCESS, STUN_ALLOCATE, TID);
    stun_end(&w);
}

static struct addr some_addr(int family)
{
    uint8_t ip[16];
    for (uint8_t i = 0; i < 16; i++)
        ip[i] = (uint8_t)(0xa0 + i);
    return addr_make(family == 4 ? ADDR_V4 : ADDR_V6, ip, 54321);
}

static void parse_back(void)
{
    assert_false(w.bad);
    assert_int_equal(w.n % 4, 0);
    assert_int_equal(stun_parse(w_span(&w), &m), 0);
    assert_true(m.bad == 0);
    assert_int_equal(m.cls, STUN_SUCCESS);
    assert_int_equal(m.method, STUN_ALLOCATE);
    assert_memory_equal(m.tid, TID, sizeof TID);
}

static void round_trip_addr(enum stun_attr a, int family)
{
    struct addr want = some_addr(family);
    struct addr got;
    begin(sizeof buf);
    stun_put_addr(&w, a, &want);
    parse_back();
    assert_true(stun_get_addr(&m, a, &got));
    assert_true(addr_eq(&want, &got));
}

static void round_trip_number(enum stun_attr a)
{
    uint32_t width = (uint32_t)stun_kind_width(stun_attr_row(a)->kind);
    uint32_t want = (uint32_t)(UINT64_C(0xfedcba98) >> 8 * (4 - width));
    uint32_t got;
    begin(sizeof buf);
    stun_put_number(&w, a, want);
    parse_back();
    assert_true(stun_get_number(&m, a, &got));
    assert_int_equal(got, want);
}

static void round_trip_bytes(enum stun_attr a, size_t n)
{
    static uint8_t value[65536];
    struct span got;
    memset(value, 'v', n);
    for (size_t at = 0; stun_attr_row(a)->kind == STUN_KIND_ALGS && at < n; at += 4)
        memcpy(value + at, "\0\1\0\0", 4);
    begin(sizeof buf);
    stun_put_bytes(&w, a, span_of(value, n));
    parse_back();
    assert_true(stun_get_bytes(&m, a, &got));
    assert_true(span_eq(got, span_of(value, n)));
    for (size_t i = 24 + n; i < w.n; i++)
        assert_int_equal(buf[i], 0); /* F2 */
}

/* Steps that keep lists whole. */
static size_t unit_of(enum stun_attr a)
{
    enum stun_kind kind = stun_attr_row(a)->kind;
    return kind == STUN_KIND_TYPES ? 2 : kind == STUN_KIND_ALGS ? 4 : 1;
}

static void round_trips_bytes(enum stun_attr a)
{
    const struct stun_attr_row *row = stun_attr_row(a);
    size_t step = unit_of(a);
    size_t min = a == STUN_ATTR_MESSAGE_INTEGRITY_SHA256 ? row->max : row->min;
    size_t most = row->max < 800 ? row->max : 800;
    for (size_t n = min; n <= most; n += step)
        round_trip_bytes(a, n);
}

static void test_every_attribute_round_trips(void **state)
{
    (void)state;
    for (int i = 0; i < STUN_ATTR_COUNT; i++) {
        enum stun_attr a = (enum stun_attr)i;
        enum stun_kind kind = stun_attr_row(a)->kind;
        if (a == STUN_ATTR_FINGERPRINT)
            continue; /* test_stun_auth.c */
        if (kind == STUN_KIND_ADDR || kind == STUN_KIND_XADDR) {
            round_trip_addr(a, 4);
            round_trip_addr(a, 6);
        } else if (stun_kind_width(kind)) {
            round_trip_number(a);
        } else {
            round_trips_bytes(a);
        }
    }
}

static void test_values_outside_their_rows(void **state)
{
    (void)state;
    static const uint8_t value[65536];
    for (int i = 0; i < STUN_ATTR_COUNT; i++) {
        const struct stun_attr_row *row = stun_attr_row((enum stun_attr)i);
        begin(sizeof buf);
        stun_put_bytes(&w, (enum stun_attr)i, span_of(value, row->max + (size_t)1));
        assert_true(w.bad);
        if (row->min == 0)
            continue;
        begin(sizeof buf);
        stun_put_bytes(&w, (enum stun_attr)i, span_of(value, row->min - (size_t)1));
        assert_true(w.bad);
    }
    struct addr none = {0};
    begin(sizeof buf);
    stun_put_addr(&w, STUN_ATTR_XOR_PEER_ADDRESS, &none);
    assert_true(w.bad);
    begin(sizeof buf);
    stun_put_number(&w, STUN_ATTR_REALM, 1);
    assert_true(w.bad);
}

static void put_one_of_each(void)
{
    struct addr v4 = some_addr(4);
    struct addr v6 = some_addr(6);
    const struct stun_icmp icmp = {3, 4, 1400};
    stun_put_addr(&w, STUN_ATTR_XOR_RELAYED_ADDRESS, &v4);
    stun_put_addr(&w, STUN_ATTR_MAPPED_ADDRESS, &v6);
    stun_put_number(&w, STUN_ATTR_LIFETIME, 600);
    stun_put_number(&w, STUN_ATTR_EVEN_PORT, 0x80);
    stun_put_bytes(&w, STUN_ATTR_SOFTWARE, span_text("none"));
    stun_put_bytes(&w, STUN_ATTR_DONT_FRAGMENT, span_of(NULL, 0));
    stun_put_error(&w, STUN_UNAUTHENTICATED);
    stun_put_address_error(&w, 2, STUN_FAMILY_UNSUPPORTED);
    stun_put_algorithms(&w);
    stun_put_icmp(&w, &icmp);
    stun_end(&w);
}

static void test_never_passes_the_end(void **state)
{
    (void)state;
    begin(sizeof buf);
    put_one_of_each();
    size_t whole = w.n;
    parse_back();
    for (size_t cap = 0; cap < whole; cap++) {
        begin(cap);
        put_one_of_each();
        assert_true(w.bad);
        assert_int_equal(w_span(&w).n, 0);
        for (size_t i = cap; i < whole + 8; i++)
            assert_int_equal(buf[i], 0xcc);
    }
    begin(whole);
    put_one_of_each();
    parse_back();
}

static void test_longest_message(void **state)
{
    (void)state;
    static const uint8_t data[65535];
    begin(sizeof buf);
    stun_put_bytes(&w, STUN_ATTR_DATA, span_of(data, 65528));
    parse_back();
    stun_put_bytes(&w, STUN_ATTR_DONT_FRAGMENT, span_of(NULL, 0));
    assert_true(w.bad);
    begin(sizeof buf);
    stun_put_bytes(&w, STUN_ATTR_DATA, span_of(data, 65529));
    assert_true(w.bad);
}

static void check_bytes(const char *want, size_t n)
{
    assert_false(w.bad);
    assert_int_equal(w.n, STUN_HEADER_LEN + n);
    assert_memory_equal(buf + STUN_HEADER_LEN, want, n);
}

static void t_F7_error_codes(void **state)
{
    (void)state;
    const enum stun_code codes[] = {
        STUN_TRY_ALTERNATE,     STUN_BAD_REQUEST,
        STUN_UNAUTHENTICATED,   STUN_FORBIDDEN,
        STUN_UNKNOWN_ATTRIBUTE, STUN_ALLOCATION_MISMATCH,
        STUN_STALE_NONCE,       STUN_FAMILY_UNSUPPORTED,
        STUN_WRONG_CREDENTIALS, STUN_TRANSPORT_UNSUPPORTED,
        STUN_FAMILY_MISMATCH,   STUN_QUOTA_REACHED,
        STUN_SERVER_ERROR,      STUN_NO_CAPACITY,
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        begin(sizeof buf);
        stun_put_error(&w, codes[i]);
        check_bytes(
            (const char[]){0, 9, 0, 4, 0, 0, (char)(codes[i] / 100), (char)(codes[i] % 100)}, 8);
        assert_in_range(buf[26], 3, 6);
        assert_in_range(buf[27], 0, 99);
    }
}

static void t_F8_our_offer(void **state)
{
    (void)state;
    begin(sizeof buf);
    stun_put_algorithms(&w);
    check_bytes("\x80\x02\0\x08\0\2\0\0\0\1\0\0", 12);
    parse_back();
}

static void t_D15_icmp(void **state)
{
    (void)state;
    const struct stun_icmp icmp = {3, 4, 0x01020304};
    begin(sizeof buf);
    stun_put_icmp(&w, &icmp);
    check_bytes("\x80\x04\0\x08\0\0\x06\x04\1\2\3\4", 12);
    parse_back();
}

static void test_address_error(void **state)
{
    (void)state;
    begin(sizeof buf);
    stun_put_address_error(&w, 2, STUN_FAMILY_UNSUPPORTED);
    check_bytes("\x80\x01\0\4\2\0\4\x28", 8);
    parse_back();
}

static void check_data_indication(int family, size_t n)
{
    struct addr peer = some_addr(family);
    struct addr got;
    struct span data;
    uint8_t *payload = buf + STUN_HEADROOM;
    size_t pad = -n & 3;
    memset(buf, 0xcc, sizeof buf);
    for (size_t i = 0; i < n; i++)
        payload[i] = (uint8_t)i;
    memset(payload + n, 0, pad);
    size_t head = stun_data_header(payload, n, TID, &peer);
    assert_int_equal(head, family == 4 ? 36 : 48);
    for (size_t i = 0; i < STUN_HEADROOM - head; i++)
        assert_int_equal(buf[i], 0xcc);
    assert_int_equal(stun_parse(span_of(payload - head, head + n + pad), &m), 0);
    assert_int_equal(m.cls, STUN_INDICATION);
    assert_int_equal(m.method, STUN_DATA);
    assert_memory_equal(m.tid, TID, sizeof TID);
    assert_true(stun_get_addr(&m, STUN_ATTR_XOR_PEER_ADDRESS, &got));
    assert_true(addr_eq(&got, &peer));
    assert_true(stun_get_bytes(&m, STUN_ATTR_DATA, &data));
    assert_ptr_equal(data.p, payload);
    assert_int_equal(data.n, n);
}

static void test_data_header(void **state)
{
    (void)state;
    for (size_t n = 0; n < 70; n++) {
        check_data_indication(4, n);
        check_data_indication(6, n);
    }
    check_data_indication(4, 65516);
    check_data_indication(6, 65504);
    struct addr v4 = some_addr(4);
    struct addr v6 = some_addr(6);
    struct addr none = {0};
    uint8_t *payload = buf + STUN_HEADROOM;
    assert_int_equal(stun_data_header(payload, 65517, TID, &v4), 0);
    assert_int_equal(stun_data_header(payload, 65505, TID, &v6), 0);
    assert_int_equal(stun_data_header(payload, SIZE_MAX, TID, &v4), 0);
    assert_int_equal(stun_data_header(payload, 4, TID, &none), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_attribute_round_trips),
        cmocka_unit_test(test_values_outside_their_rows),
        cmocka_unit_test(test_never_passes_the_end),
        cmocka_unit_test(test_longest_message),
        cmocka_unit_test(t_F7_error_codes),
        cmocka_unit_test(t_F8_our_offer),
        cmocka_unit_test(t_D15_icmp),
        cmocka_unit_test(test_address_error),
        cmocka_unit_test(test_data_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
