/* Bounds of the reader and the writer; both stay bad once they are. */
#include "base/reader.h"
#include "base/writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_reads_in_order(void **state)
{
    (void)state;
    static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17};
    struct reader r = r_from(span_of(data, sizeof data));
    assert_int_equal(r_left(&r), 17);
    assert_int_equal(r_u8(&r), 0x01);
    assert_int_equal(r_u16(&r), 0x0203);
    assert_int_equal(r_u32(&r), 0x04050607);
    assert_true(r_u64(&r) == UINT64_C(0x08090a0b0c0d0e0f));
    struct span rest = r_bytes(&r, 2);
    assert_int_equal(rest.n, 2);
    assert_ptr_equal(rest.p, data + 15);
    assert_true(r_done(&r));
    assert_int_equal(r_bytes(&r, 0).n, 0);
    assert_true(r_done(&r));
}

static void test_reader_stays_bad(void **state)
{
    (void)state;
    static const uint8_t data[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    for (size_t have = 0; have <= sizeof data; have++) {
        for (size_t want = have + 1; want < 12; want++) {
            struct reader r = r_from(span_of(data, have));
            assert_int_equal(r_bytes(&r, want).n, 0);
            assert_true(r.bad);
            assert_int_equal(r_left(&r), 0);
            assert_int_equal(r_u8(&r), 0);
            assert_int_equal(r_u32(&r), 0);
            assert_false(r_done(&r));
        }
    }
    struct reader r = r_from(span_of(data, sizeof data));
    assert_int_equal(r_bytes(&r, SIZE_MAX).n, 0);
    assert_true(r.bad);
}

static void test_sub_reader(void **state)
{
    (void)state;
    static const uint8_t data[] = {1, 2, 3, 4};
    struct reader r = r_from(span_of(data, sizeof data));
    struct reader child = r_sub(&r, 2);
    assert_int_equal(r_u16(&child), 0x0102);
    assert_true(r_done(&child));
    assert_int_equal(r_u8(&child), 0);
    assert_true(child.bad);
    assert_int_equal(r_u16(&r), 0x0304);
    child = r_sub(&r, 1);
    assert_true(child.bad);
    assert_true(r.bad);
}

static void test_writes_in_order(void **state)
{
    (void)state;
    uint8_t out[22];
    static const uint8_t want[22] = {1,  2,  3,  4,  5,   6,   7,   8, 9, 10,   11,
                                     12, 13, 14, 15, 'a', 'b', 'c', 0, 0, 0xab, 0xcd};
    memset(out, 0xff, sizeof out);
    struct writer w = w_over(out, sizeof out);
    w_u8(&w, 1);
    w_u16(&w, 0x0203);
    w_u32(&w, 0x04050607);
    w_u64(&w, UINT64_C(0x08090a0b0c0d0e0f));
    w_bytes(&w, span_text("abc"));
    w_bytes(&w, span_of(NULL, 0));
    w_zero(&w, 2);
    w_zero(&w, 0);
    w_u16(&w, 0);
    w_patch16(&w, 20, 0xabcd);
    assert_false(w.bad);
    assert_true(span_eq(w_span(&w), span_of(want, sizeof want)));
}

static void test_writer_never_passes_the_end(void **state)
{
    (void)state;
    for (size_t cap = 0; cap < 8; cap++) {
        uint8_t out[16];
        memset(out, 0x77, sizeof out);
        struct writer w = w_over(out, cap);
        w_u64(&w, 0);
        assert_true(w.bad);
        w_u8(&w, 1);
        w_zero(&w, 1);
        assert_int_equal(w_span(&w).n, 0);
        for (size_t i = 0; i < sizeof out; i++)
            assert_int_equal(out[i], 0x77);
    }
    uint8_t out[4];
    struct writer w = w_over(out, sizeof out);
    w_u8(&w, 1);
    assert_null(w_room(&w, SIZE_MAX));
    assert_true(w.bad);
}

static void test_patch_bounds(void **state)
{
    (void)state;
    for (size_t at = 0; at < 6; at++) {
        uint8_t out[8] = {0};
        struct writer w = w_over(out, sizeof out);
        w_u32(&w, 0);
        w_patch16(&w, at, 0x1234);
        assert_int_equal(w.bad, at > 2);
    }
}

static void test_span_eq(void **state)
{
    (void)state;
    assert_true(span_eq(span_text("abc"), span_of("abcd", 3)));
    assert_false(span_eq(span_text("abc"), span_text("abd")));
    assert_false(span_eq(span_text("abc"), span_text("abcd")));
    assert_true(span_eq(span_of(NULL, 0), span_text("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_in_order),
        cmocka_unit_test(test_reader_stays_bad),
        cmocka_unit_test(test_sub_reader),
        cmocka_unit_test(test_writes_in_order),
        cmocka_unit_test(test_writer_never_passes_the_end),
        cmocka_unit_test(test_patch_bounds),
        cmocka_unit_test(test_span_eq),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
