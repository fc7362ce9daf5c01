/* PROXY headers: what is read out of them, how they may be cut, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "net/proxy_int.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define BYTES(text)                                                                                \
    {                                                                                              \
        text, sizeof text - 1                                                                      \
    }

struct bytes {
    const char *p;
    size_t n;
};

static const struct good {
    struct bytes header;
    const char *from; /* NULL = unknown */
    const char *to;
} good[] = {
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"), "192.0.2.1:56324",
     "198.51.100.2:443"},
    {BYTES("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), "255.255.255.255:65535",
     "255.255.255.255:65535"},
    {BYTES("PROXY TCP6 2001:db8::1 2001:db8::2 1 443\r\n"), "[2001:db8::1]:1", "[2001:db8::2]:443"},
    {BYTES("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.2 1 443\r\n"), "192.0.2.1:1",
     "198.51.100.2:443"},
    {BYTES("PROXY UNKNOWN\r\n"), NULL, NULL},
    {BYTES("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"), NULL, NULL},
    {BYTES(SIGNATURE "\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb"),
     "192.0.2.1:56324", "198.51.100.2:443"},
    {BYTES(SIGNATURE "\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
                     "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\0\x01\x01\xbb"),
     "[2001:db8::1]:1", "[2001:db8::2]:443"},
    {BYTES(SIGNATURE "\x21\x21\0\x24\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01"
                     "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\x02\0\x01\x01\xbb"),
     "192.0.2.1:1", "198.51.100.2:443"},
    /* Extensions. */
    {BYTES(SIGNATURE "\x21\x11\0\x13\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb"
                     "\x04\0\x04none"),
     "192.0.2.1:56324", "198.51.100.2:443"},
    {BYTES(SIGNATURE "\x20\0\0\0"), NULL, NULL},
    {BYTES(SIGNATURE "\x20\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb"), NULL, NULL},
    {BYTES(SIGNATURE "\x21\0\0\x03"
                     "abc"),
     NULL, NULL},
};

static const struct bytes bad[] = {
    BYTES("GET / HTTP/1.1\r\n"),
    BYTES("PROXZ"),
    BYTES("proxy TCP4 192.0.2.1 198.51.100.2 1 2\r\n"),
    BYTES("PROXY  TCP4 192.0.2.1 198.51.100.2 1 2\r\n"),
    BYTES("PROXY TCP5 192.0.2.1 198.51.100.2 1 2\r\n"),
    BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n"),
    BYTES("PROXY UNKNOWN.\n"),
    BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n"),
    BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n"),
    BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 2 \r\n"),
    BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 65536\r\n"),
    BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n"),
    BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 -1 2\r\n"),
    BYTES("PROXY TCP4 192.0.2.1:5 198.51.100.2 1 2\r\n"),
    BYTES("PROXY TCP4 192.0.2.256 198.51.100.2 1 2\r\n"),
    BYTES("PROXY TCP4 192.0.2.1\0 198.51.100.2 1 2\r\n"),
    BYTES("PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n"),
    BYTES("PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n"),
    BYTES("PROXY TCP6 [2001:db8::1] [2001:db8::2] 1 2\r\n"),
    BYTES("PROXY \r\n"),
    BYTES("PROXY\r\n"),
    /* 108 bytes: one more than the longest. */
    BYTES("PROXY UNKNOWN 0123456789012345678901234567890123456789012345678901234567890123456789"
          "01234567890123456789012\r\n"),
    BYTES(SIGNATURE "\x11\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb"),
    BYTES(SIGNATURE "\x22\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb"),
    BYTES(SIGNATURE "\x21\x12\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb"),
    BYTES(SIGNATURE "\x21\x31\0\x02\0\0"),
    BYTES(SIGNATURE "\x21\x11\0\x0b\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x01"),
    BYTES(SIGNATURE "\x21\x11\x10\0"),
    BYTES("\r\n\r\n\0\r\nQUIT\r"),
};

/* Each input gets memory of just its size, so that a sanitizer sees a step too far. */
static enum proxy_state parse(const char *p, size_t n, struct proxy *ret)
{
    uint8_t *copy = malloc(n ? n : 1);
    memcpy(copy, p, n);
    enum proxy_state s = proxy_parse(span_of(copy, n), ret);
    free(copy);
    return s;
}

static void expect_addr(const struct addr *got, const char *want)
{
    struct addr a = {0};
    if (want)
        assert_true(addr_parse(want, &a));
    assert_true(addr_eq(got, &a));
}

static void t_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct proxy got = {.len = 1};
        char longer[256];
        for (size_t n = 0; n < good[i].header.n; n++)
            assert_int_equal(parse(good[i].header.p, n, &got), PROXY_MORE);
        assert_int_equal(got.len, 1);
        memcpy(longer, good[i].header.p, good[i].header.n);
        memset(longer + good[i].header.n, '\n', 20); /* the client's own */
        assert_int_equal(parse(longer, good[i].header.n + 20, &got), PROXY_FOUND);
        assert_int_equal(got.len, good[i].header.n);
        expect_addr(&got.from, good[i].from);
        expect_addr(&got.to, good[i].to);
    }
}

static void t_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct proxy got = {.len = 1};
        assert_int_equal(parse(bad[i].p, bad[i].n, &got), PROXY_BAD);
        assert_int_equal(got.len, 1);
    }
}

static void t_longest_line(void **state)
{
    char line[108] = "PROXY UNKNOWN ";
    struct proxy got;

    (void)state;
    memset(line + 14, 'x', sizeof line - 14);
    assert_int_equal(parse(line, 106, &got), PROXY_MORE);
    assert_int_equal(parse(line, 107, &got), PROXY_BAD);
    memcpy(line + 105, "\r\n", 2);
    assert_int_equal(parse(line, 107, &got), PROXY_FOUND);
    assert_int_equal(got.len, PROXY_V1_MAX);
}

static void t_longest_extensions(void **state)
{
    static char header[PROXY_V2_MAX] = SIGNATURE "\x21\x11\x0f\xf0\xc0\0\x02\x01";
    struct proxy got;

    (void)state;
    assert_int_equal(parse(header, sizeof header - 1, &got), PROXY_MORE);
    assert_int_equal(parse(header, sizeof header, &got), PROXY_FOUND);
    assert_int_equal(got.len, sizeof header);
    header[15]++;
    assert_int_equal(parse(header, sizeof header, &got), PROXY_BAD);
}

/* A wrong bit gives another address, or more to wait for, or nothing: never a step outside. */
static void t_flipped_bits(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        for (size_t bit = 0; bit < 8 * good[i].header.n; bit++) {
            char header[256];
            struct proxy got = {0};
            memcpy(header, good[i].header.p, good[i].header.n);
            header[bit / 8] = (char)(header[bit / 8] ^ (1 << bit % 8));
            if (parse(header, good[i].header.n, &got) == PROXY_FOUND)
                assert_in_range(got.len, 1, good[i].header.n);
        }
    }
}

static void write_and_read(const char *from, const char *to, size_t len, bool known)
{
    struct addr a = {0};
    struct addr b = {0};
    uint8_t header[PROXY_WRITE_MAX];
    struct proxy got;

    if (from)
        assert_true(addr_parse(from, &a));
    if (to)
        assert_true(addr_parse(to, &b));
    assert_int_equal(proxy_write(&a, &b, header), len);
    assert_int_equal(parse((const char *)header, len, &got), PROXY_FOUND);
    assert_int_equal(got.len, len);
    expect_addr(&got.from, known ? from : NULL);
    expect_addr(&got.to, known ? to : NULL);
}

static void t_written_ones_are_read(void **state)
{
    (void)state;
    write_and_read("192.0.2.1:5", "198.51.100.2:443", 28, true);
    write_and_read("[2001:db8::1]:5", "[2001:db8::2]:443", 52, true);
    write_and_read("[2001:db8::1]:5", "198.51.100.2:443", 16, false);
    write_and_read(NULL, NULL, 16, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_good),         cmocka_unit_test(t_bad),
        cmocka_unit_test(t_longest_line), cmocka_unit_test(t_longest_extensions),
        cmocka_unit_test(t_flipped_bits), cmocka_unit_test(t_written_ones_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
