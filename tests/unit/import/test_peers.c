/* Ranges of peers. */
#include "unit/import/imported.h"

static const struct import_case ranges[] = {
    {"denied-peer-ip=10.0.0.0-10.255.255.255\n", "deny_peers = [ \"10.0.0.0/8\" ];\n", "taken"},
    {"denied-peer-ip=172.16.0.0-172.31.255.255\n", "deny_peers = [ \"172.16.0.0/12\" ];\n",
     "taken"},
    {"denied-peer-ip=192.0.2.1\n", "deny_peers = [ \"192.0.2.1/32\" ];\n", "taken"},
    {"denied-peer-ip=192.0.2.1-192.0.2.1\n", "deny_peers = [ \"192.0.2.1/32\" ];\n", "taken"},
    {"denied-peer-ip=83.166.64.0-83.166.95.255\n", "deny_peers = [ \"83.166.64.0/19\" ];\n",
     "taken"},
    {"denied-peer-ip=192.0.2.1-192.0.2.6\n",
     "deny_peers = [ \"192.0.2.1/32\", \"192.0.2.2/31\", \"192.0.2.4/31\", \"192.0.2.6/32\" ];\n",
     "taken"},
    {"denied-peer-ip=0.0.0.0-255.255.255.255\n", "deny_peers = [ \"0.0.0.0/0\" ];\n", "taken"},
    {"denied-peer-ip=255.255.255.255\n", "deny_peers = [ \"255.255.255.255/32\" ];\n", "taken"},
    {"denied-peer-ip=::1\n", "deny_peers = [ \"::1/128\" ];\n", "taken"},
    {"denied-peer-ip=64:ff9b::-64:ff9b::ffff:ffff\n", "deny_peers = [ \"64:ff9b::/96\" ];\n",
     "taken"},
    {"denied-peer-ip=2001::-2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff\n",
     "deny_peers = [ \"2001::/23\" ];\n", "taken"},
    {"denied-peer-ip=::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\n", "deny_peers = [ \"::/0\" ];\n",
     "taken"},
    {"denied-peer-ip=10.0.0.0/8\n", "deny_peers = [ \"10.0.0.0/8\" ];\n", "taken"},
    {"allowed-peer-ip=10.0.0.5\n", "allow_peers = [ \"10.0.0.5/32\" ];\n", "taken"},
    {"denied-peer-ip=10.0.0.0-10.255.255.255\ndenied-peer-ip=10.1.0.0-10.1.255.255\n",
     "deny_peers = [ \"10.0.0.0/8\" ];\n", "taken"},
    {"denied-peer-ip=10.0.0.0-10.255.255.255 # ours\n", "deny_peers = [ \"10.0.0.0/8\" ];\n",
     "taken"},
    {"denied-peer-ip=10.0.0.2-10.0.0.1\n", "", "not understood!"},
    {"denied-peer-ip=10.0.0.1-::1\n", "", "not understood!"},
    {"denied-peer-ip=10.0.0.1-\n", "", "not understood!"},
    {"denied-peer-ip=10.0.0.0/33\n", "", "not understood!"},
    {"denied-peer-ip=10.0.0.1:80\n", "", "not understood!"},
    {"denied-peer-ip=private\n", "", "not understood!"},
    {"denied-peer-ip\n", "", "not understood!"},
    /* 62 networks fit, 126 do not */
    {"denied-peer-ip=::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe\n", "", "no counterpart!"},
};

static void test_ranges(void **state)
{
    (void)state;
    IMPORT_EXPECT_ALL(ranges);
}

static bool is_in(const struct conf_cidrs *list, uint32_t v)
{
    uint8_t ip[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    struct addr a = addr_make(ADDR_V4, ip, 0);
    for (size_t i = 0; i < list->n; i++)
        if (cidr_contains(&list->v[i], &a))
            return true;
    return false;
}

/* The networks hold the range's ends and what lies within, and not their neighbours. */
static void test_networks_are_the_range(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (int round = 0; round < 200; round++) {
        uint32_t v[3];
        for (size_t k = 0; k < 3; k++)
            v[k] = seed = seed * 1664525 + 1013904223;
        uint32_t from = v[0] >> (round % 24), to = from + (v[1] >> (round % 31));
        if (to < from || from == 0 || to == UINT32_MAX)
            continue;
        char file[80];
        snprintf(file, sizeof(file), "denied-peer-ip=%u.%u.%u.%u-%u.%u.%u.%u\n", from >> 24,
                 from >> 16 & 255, from >> 8 & 255, from & 255, to >> 24, to >> 16 & 255,
                 to >> 8 & 255, to & 255);
        struct import *i = import_file(file);
        const struct conf_cidrs *list = &i->conf.deny_peers;
        assert_true(list->n > 0 && list->n <= 62);
        assert_true(is_in(list, from) && is_in(list, to) && is_in(list, from + (to - from) / 2));
        assert_false(is_in(list, from - 1) || is_in(list, to + 1));
        import_done(i);
    }
}

/* A range that finds too little room leaves the list as it was. */
static void test_a_full_list(void **state)
{
    (void)state;
    char file[4096] = "";
    size_t n = 0;
    for (unsigned k = 0; k < 62; k++)
        n += (size_t)snprintf(file + n, sizeof(file) - n, "denied-peer-ip=192.0.%u.1\n", k);
    (void)strcat(file, "denied-peer-ip=198.51.100.1-198.51.100.6\ndenied-peer-ip=192.0.9.1\n"
                       "denied-peer-ip=203.0.113.1\ndenied-peer-ip=203.0.113.2\n"
                       "denied-peer-ip=203.0.113.3\n");
    struct import *i = import_file(file);
    assert_int_equal(i->conf.deny_peers.n, 64);
    static const struct {
        unsigned line;
        enum import_verdict verdict;
    } rows[] = {{62, IMPORT_TAKEN}, {63, IMPORT_NONE},  {64, IMPORT_TAKEN},
                {65, IMPORT_TAKEN}, {66, IMPORT_TAKEN}, {67, IMPORT_NONE}};
    for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++)
        assert_int_equal(import_entry_at(i, rows[k].line, NULL)->verdict, rows[k].verdict);
    import_done(i);
}

static void test_who_denies_nothing_private_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        bool told;
    } rows[] = {{"no-cli\n", true},
                {"denied-peer-ip=8.8.8.8\n", true},
                {"denied-peer-ip=10.0.0.0-10.255.255.255\n", false},
                {"allowed-peer-ip=10.0.0.1\n", false}};
    for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++) {
        struct import *i = import_file(rows[k].file);
        assert_int_equal(import_entry_at(i, 0, "denied-peer-ip") != NULL, rows[k].told);
        import_done(i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_networks_are_the_range),
        cmocka_unit_test(test_a_full_list),
        cmocka_unit_test(test_who_denies_nothing_private_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
