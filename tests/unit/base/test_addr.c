/* Addresses: texts, prefixes, networks, and texts that are none. */
#include "base/addr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct addr must(const char *text)
{
    struct addr a = {0};
    if (!addr_parse(text, &a))
        fail_msg("%s is no address", text);
    return a;
}

static struct cidr net(const char *text)
{
    struct cidr c = {{0}, 0};
    if (!cidr_parse(text, &c))
        fail_msg("%s is no network", text);
    return c;
}

static void test_parse_and_format(void **state)
{
    (void)state;
    const struct {
        const char *text;
        const char *back;
        uint8_t family;
        uint16_t port;
    } table[] = {
        {"192.0.2.1", "192.0.2.1", ADDR_V4, 0},
        {"192.0.2.1:3478", "192.0.2.1:3478", ADDR_V4, 3478},
        {"0.0.0.0:65535", "0.0.0.0:65535", ADDR_V4, 65535},
        {"255.255.255.255:1", "255.255.255.255:1", ADDR_V4, 1},
        {"2001:db8::1", "2001:db8::1", ADDR_V6, 0},
        {"2001:DB8:0:0::1", "2001:db8::1", ADDR_V6, 0},
        {"[2001:db8::1]", "2001:db8::1", ADDR_V6, 0},
        {"[2001:db8::1]:3478", "[2001:db8::1]:3478", ADDR_V6, 3478},
        {"[::]:05349", "[::]:5349", ADDR_V6, 5349},
        {"::", "::", ADDR_V6, 0},
        {"::1", "::1", ADDR_V6, 0},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.1", ADDR_V6, 0},
        {"[1:2:3:4:5:6:7:8]:65535", "[1:2:3:4:5:6:7:8]:65535", ADDR_V6, 65535},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct addr a = must(table[i].text);
        char buf[ADDR_TEXT];
        assert_int_equal(a.family, table[i].family);
        assert_int_equal(a.port, table[i].port);
        assert_int_equal(a.zero, 0);
        assert_string_equal(addr_format(&a, buf), table[i].back);
        struct addr again = must(buf);
        assert_true(addr_eq(&a, &again));
    }
    struct addr none = {0};
    char buf[ADDR_TEXT];
    assert_string_equal(addr_format(&none, buf), "none");
}

static void test_no_addresses(void **state)
{
    (void)state;
    static const char *const table[] = {
        "",
        " ",
        ":",
        "::::",
        "[",
        "]",
        "[]",
        "[]:1",
        "1",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "1.2.3.4 ",
        " 1.2.3.4",
        "1.2.3.4:",
        "1.2.3.4:0",
        "1.2.3.4:65536",
        "1.2.3.4:99999",
        "1.2.3.4:123456",
        "1.2.3.4:+1",
        "1.2.3.4:-1",
        "1.2.3.4: 1",
        "1.2.3.4:1x",
        "1.2.3.4:0x1",
        "01.2.3.4567",
        "0x7f.1",
        "[1.2.3.4]",
        "[1.2.3.4]:5",
        "[::1",
        "::1]",
        "[::1]x",
        "[::1]:",
        "[::1]:0",
        "[::1]]:5",
        "[[::1]]:5",
        "[::1]5",
        "fe80::1%eth0",
        "[fe80::1%1]:5",
        "1::2::3",
        "12345::",
        "localhost",
        "1.2.3.4/8",
        "1.2.3.4\n",
        ":3478",
        "::1.2.3.4.5",
        "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:65535",
        "1111111111111111111111111111111111111111111111111111111111111111111111111111",
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct addr a;
        struct addr before;
        memset(&a, 0x5a, sizeof a);
        before = a;
        if (addr_parse(table[i], &a))
            fail_msg("\"%s\" was taken", table[i]);
        assert_memory_equal(&a, &before, sizeof a);
    }
}

static void test_equal(void **state)
{
    (void)state;
    struct addr a = must("192.0.2.1:5");
    struct addr b = must("192.0.2.1:6");
    struct addr c = must("[c000:201::]:5");
    assert_int_equal(sizeof(struct addr), 20);
    assert_true(addr_eq(&a, &a));
    assert_false(addr_eq(&a, &b));
    assert_true(addr_eq_ip(&a, &b));
    assert_false(addr_eq_ip(&a, &c)); /* the same leading bytes in another family */
    const uint8_t ip[16] = {192, 0, 2, 1, 9, 9};
    struct addr made = addr_make(ADDR_V4, ip, 5);
    assert_true(addr_eq(&a, &made));
}

static void test_normalise(void **state)
{
    (void)state;
    const struct {
        const char *text;
        const char *back;
    } table[] = {
        {"[::ffff:192.0.2.1]:7", "192.0.2.1:7"},
        {"[::ffff:0.0.0.0]:7", "0.0.0.0:7"},
        {"[::fffe:c000:201]:7", "[::fffe:c000:201]:7"},
        {"[::192.0.2.1]:7", "[::192.0.2.1]:7"},
        {"192.0.2.1:7", "192.0.2.1:7"},
        {"[64:ff9b::1]:7", "[64:ff9b::1]:7"},
        {"[1::ffff:c000:201]:7", "[1::ffff:c000:201]:7"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct addr a = must(table[i].text);
        struct addr b = addr_normalise(&a);
        struct addr want = must(table[i].back);
        assert_true(addr_eq(&b, &want));
    }
}

static void test_prefix(void **state)
{
    (void)state;
    const struct {
        const char *text;
        uint8_t v4;
        uint8_t v6;
        const char *back;
    } table[] = {
        {"192.0.2.129:7", 32, 0, "192.0.2.129"},
        {"192.0.2.129:7", 25, 0, "192.0.2.128"},
        {"192.0.2.129:7", 24, 0, "192.0.2.0"},
        {"192.0.2.129:7", 1, 0, "128.0.0.0"},
        {"192.0.2.129:7", 0, 128, "0.0.0.0"},
        {"[2001:db8:1:2ff::9]:7", 0, 56, "2001:db8:1:200::"},
        {"[2001:db8::9]:7", 0, 128, "2001:db8::9"},
        {"[2001:db8::9]:7", 32, 0, "::"},
        {"[ffff::ffff]:7", 0, 127, "ffff::fffe"},
        {"192.0.2.129:7", 255, 255, "192.0.2.129"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct addr a = must(table[i].text);
        struct addr cut = addr_prefix(&a, table[i].v4, table[i].v6);
        struct addr want = must(table[i].back);
        assert_true(addr_eq(&cut, &want));
    }
}

static void test_any(void **state)
{
    (void)state;
    struct addr a = must("0.0.0.0:5");
    struct addr b = must("[::]:5");
    struct addr c = must("0.0.0.1");
    struct addr d = must("::1");
    struct addr none = {0};
    assert_true(addr_is_any(&a));
    assert_true(addr_is_any(&b));
    assert_false(addr_is_any(&c));
    assert_false(addr_is_any(&d));
    assert_false(addr_is_any(&none));
}

static void test_cidr(void **state)
{
    (void)state;
    const struct {
        const char *net;
        const char *addr;
        bool in;
    } table[] = {
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "9.255.255.255", false},
        {"10.0.0.0/8", "::ffff:10.0.0.1", false},
        {"0.0.0.0/0", "255.1.2.3", true},
        {"0.0.0.0/0", "::", false},
        {"::/0", "ffff::", true},
        {"::/0", "0.0.0.0", false},
        {"192.0.2.1", "192.0.2.1:99", true},
        {"192.0.2.1", "192.0.2.0", false},
        {"192.0.2.1/32", "192.0.2.1", true},
        {"192.0.2.0/31", "192.0.2.1", true},
        {"2001:db8::/33", "2001:db8:7fff::", true},
        {"2001:db8::/33", "2001:db8:8000::", false},
        {"2001:db8::1", "2001:db8::1", true},
        {"2001:db8::1/128", "2001:db8::2", false},
        {"fe80::/10", "febf::1", true},
        {"fe80::/10", "fec0::1", false},
        {"::ffff:0.0.0.0/96", "::ffff:1.2.3.4", true},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct cidr c = net(table[i].net);
        struct addr a = must(table[i].addr);
        assert_int_equal(cidr_contains(&c, &a), table[i].in);
    }
    struct cidr all = net("0.0.0.0/0");
    struct addr none = {0};
    assert_false(cidr_contains(&all, &none));
}

static void test_no_networks(void **state)
{
    (void)state;
    static const char *const table[] = {
        "",
        "/",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/ 8",
        "10.0.0.0/8 ",
        "10.0.0.0/0008",
        "10.0.0.1/8",
        "10.0.0.0/8/8",
        "10.0.0.0:5/8",
        "10/8",
        "[::]/0",
        "2001:db8::/129",
        "2001:db8::1/127",
        "2001:db8::/256",
        "::1/0",
        "0.0.0.1/0",
        "1.2.3.4:5",
        "10.0.0.0/4294967304",
        "x/8",
        "00000000000000000000000000000000000000000000000000000000000000000000000000/8",
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct cidr c;
        struct cidr before;
        memset(&c, 0x5a, sizeof c);
        before = c;
        if (cidr_parse(table[i], &c))
            fail_msg("\"%s\" was taken", table[i]);
        assert_memory_equal(&c, &before, sizeof c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_and_format),
        cmocka_unit_test(test_no_addresses),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_normalise),
        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_any),
        cmocka_unit_test(test_cidr),
        cmocka_unit_test(test_no_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
