/* ChannelData headers and the first-byte demultiplexer, over all their values. */
#include "wire/chandata.h"
#include "wire/demux.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void t_C21_first_byte(void **state)
{
    (void)state;
    for (unsigned b = 0; b < 256; b++) {
        enum demux want = b <= 3               ? DEMUX_STUN
                          : b >= 20 && b <= 63 ? DEMUX_DTLS
                          : b >= 64 && b <= 79 ? DEMUX_CHANNEL
                                               : DEMUX_OTHER;
        assert_int_equal(demux_first_byte((uint8_t)b), want);
    }
}

static void test_all_numbers(void **state)
{
    (void)state;
    for (uint32_t number = 0; number <= 0x10000; number++) {
        bool good = number >= 0x4000 && number <= 0x7fff;
        const uint8_t datagram[] = {(uint8_t)(number >> 8), (uint8_t)number, 0, 1, 'x'};
        uint16_t got = 7;
        struct span data = {NULL, 9};
        bool taken = chandata_parse(span_of(datagram, sizeof datagram), &got, &data);
        assert_int_equal(taken, good && number <= 0xffff);
        if (number > 0xffff)
            break;
        assert_int_equal(got, good ? number : 7);
        assert_int_equal(data.n, good ? 1 : 9);
    }
}

static void test_lengths(void **state)
{
    (void)state;
    uint8_t datagram[40] = {0x40, 0x00};
    for (size_t have = 0; have <= sizeof datagram; have++) {
        for (size_t claim = 0; claim < 50; claim++) {
            uint16_t number;
            struct span data;
            datagram[3] = (uint8_t)claim;
            bool good = have >= 4 && claim <= have - 4;
            assert_int_equal(chandata_parse(span_of(datagram, have), &number, &data), good);
            if (!good)
                continue;
            assert_int_equal(data.n, claim);
            assert_ptr_equal(data.p, datagram + 4);
        }
    }
}

static void test_header(void **state)
{
    (void)state;
    uint8_t buf[8] = {0};
    const uint8_t want[8] = {0, 0x4a, 0xbc, 0x12, 0x34, 0, 0, 0};
    chandata_header(buf + 5, 0x4abc, 0x1234);
    assert_memory_equal(buf, want, sizeof want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_C21_first_byte),
        cmocka_unit_test(test_all_numbers),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
