/* Where messages end in a stream: both kinds, every length, and no byte of nonsense too late. */
#include "wire/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/chandata.h"

static enum frame_state next(const uint8_t *p, size_t n, struct frame *ret)
{
    *ret = (struct frame){99, 99};
    return frame_next(span_of(p, n), ret);
}

static void t_first_bytes(void **state)
{
    struct frame f;

    (void)state;
    assert_int_equal(next(NULL, 0, &f), FRAME_MORE);
    assert_int_equal(f.padded, 0);
    for (unsigned b = 0; b < 256; b++) {
        uint8_t byte = (uint8_t)b;
        bool good = b <= 3 || (b >= 0x40 && b <= 0x7f);
        assert_int_equal(next(&byte, 1, &f), good ? FRAME_MORE : FRAME_BAD);
    }
}

/* H3, H4: told as soon as the byte that is wrong is there. */
static void t_stun_header(void **state)
{
    static const uint8_t good[20] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};
    struct frame f;

    (void)state;
    for (size_t n = 0; n <= sizeof good; n++)
        assert_int_equal(next(good, n, &f), n < sizeof good ? FRAME_MORE : FRAME_MESSAGE);
    for (size_t at = 4; at < 8; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            uint8_t bad[20];
            memcpy(bad, good, sizeof bad);
            bad[at] ^= (uint8_t)(1U << bit);
            assert_int_equal(next(bad, at, &f), FRAME_MORE);
            for (size_t n = at + 1; n <= sizeof bad; n++)
                assert_int_equal(next(bad, n, &f), FRAME_BAD);
        }
    }
    for (uint8_t low = 0; low < 255; low++) {
        uint8_t bytes[4] = {0, 1, 0x12, low};
        assert_int_equal(next(bytes, 3, &f), FRAME_MORE);
        assert_int_equal(f.padded, 0);
        assert_int_equal(next(bytes, 4, &f), low % 4 == 0 ? FRAME_MORE : FRAME_BAD);
    }
}

/* Every length there is: nothing before the last byte, and exactly that then. */
static void lengths(uint8_t first, size_t header, unsigned step)
{
    static uint8_t bytes[FRAME_MAX + 8];
    struct frame f;

    memcpy(bytes, (const uint8_t[]){first, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, 8);
    for (unsigned len = 0; len <= 0xffff; len += step) {
        size_t padded = header + (len + 3) / 4 * 4;
        bytes[2] = (uint8_t)(len >> 8);
        bytes[3] = (uint8_t)len;
        assert_true(padded <= FRAME_MAX);
        assert_int_equal(next(bytes, padded, &f), FRAME_MESSAGE);
        assert_int_equal(f.len, header + len);
        assert_int_equal(f.padded, padded);
        assert_int_equal(next(bytes, padded + 8, &f), FRAME_MESSAGE);
        assert_int_equal(f.padded, padded);
        enum frame_state before = next(bytes, padded - 1, &f);
        assert_int_equal(before, FRAME_MORE);
        assert_int_equal(f.padded, padded == 4 ? 0 : padded);
    }
}

static void t_all_lengths(void **state)
{
    (void)state;
    lengths(0, 20, 4);
    lengths(0x40, CHANDATA_HEADER_LEN, 1);
    lengths(0x7f, CHANDATA_HEADER_LEN, 1);
}

static void t_lengths_are_told_early(void **state)
{
    const uint8_t channel[] = {0x40, 1, 0x12, 0x35};
    const uint8_t stun[] = {0, 1, 0x12, 0x34};
    struct frame f;

    (void)state;
    assert_int_equal(next(channel, 4, &f), FRAME_MORE);
    assert_int_equal(f.len, 4 + 0x1235);
    assert_int_equal(f.padded, 4 + 0x1238);
    assert_int_equal(next(stun, 4, &f), FRAME_MORE);
    assert_int_equal(f.padded, 20 + 0x1234);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_first_bytes),
        cmocka_unit_test(t_stun_header),
        cmocka_unit_test(t_all_lengths),
        cmocka_unit_test(t_lengths_are_told_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
