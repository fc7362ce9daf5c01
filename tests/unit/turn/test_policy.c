/* The peer policy: every row's borders, the order of judgement, and a slow second opinion. */
#include "turn/policy.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct turn_policy NOTHING;

static struct addr at(const char *text)
{
    struct addr a;
    assert_true(addr_parse(text, &a));
    return a;
}

static struct cidr net(const char *text)
{
    struct cidr c;
    assert_true(cidr_parse(text, &c));
    return c;
}

static bool allows(const struct turn_policy *p, const char *text)
{
    struct addr a = at(text);
    return policy_allows(p, &a, a.port != 0);
}

/* The slow second opinion: its own table, texts as the standards print them, parsed each time with
 * the C library, compared bit by bit. */
struct slow_row {
    const char *net;
    bool hard;
};

static const struct slow_row SLOW[] = {
    {"0.0.0.0/8", true},
    {"224.0.0.0/4", true},
    {"240.0.0.0/4", true},
    {"::/128", true},
    {"::/96", true},
    {"::ffff:0:0:0/96", true},
    {"2001:0000::/32", true},
    {"2002::/16", true},
    {"ff00::/8", true},
    {"10.0.0.0/8", false},
    {"172.16.0.0/12", false},
    {"192.168.0.0/16", false},
    {"100.64.0.0/10", false},
    {"127.0.0.0/8", false},
    {"169.254.0.0/16", false},
    {"192.0.0.0/24", false},
    {"192.0.2.0/24", false},
    {"198.51.100.0/24", false},
    {"203.0.113.0/24", false},
    {"192.31.196.0/24", false},
    {"192.175.48.0/24", false},
    {"192.52.193.0/24", false},
    {"192.88.99.0/24", false},
    {"198.18.0.0/15", false},
    {"168.63.129.16/32", false},
    {"::1/128", false},
    {"64:ff9b::/96", false},
    {"64:ff9b:1::/48", false},
    {"100::/64", false},
    {"100:0:0:1::/64", false},
    {"2001::/23", false},
    {"2001:db8::/32", false},
    {"3fff::/20", false},
    {"2620:4f:8000::/48", false},
    {"5f00::/16", false},
    {"fc00::/7", false},
    {"fe80::/10", false},
    {"fec0::/10", false},
};

enum { SLOW_ROWS = sizeof(SLOW) / sizeof(SLOW[0]) };

static bool slow_in(const char *text, const struct addr *a)
{
    char ip[64];
    int bits = 0;
    assert_int_equal(sscanf(text, "%63[^/]/%d", ip, &bits), 2);
    uint8_t bytes[16] = {0};
    bool six = strchr(ip, ':') != NULL;
    assert_int_equal(inet_pton(six ? AF_INET6 : AF_INET, ip, bytes), 1);
    if (six != (a->family == ADDR_V6))
        return false;
    for (int i = 0; i < bits; i++)
        if (((bytes[i / 8] ^ a->ip[i / 8]) >> (7 - i % 8) & 1) != 0)
            return false;
    return true;
}

static bool slow_table(const struct addr *a, bool hard)
{
    for (size_t i = 0; i < SLOW_ROWS; i++)
        if (SLOW[i].hard == hard && slow_in(SLOW[i].net, a) && !(hard && slow_in("::1/128", a)))
            return true;
    return false;
}

static bool slow_any(const struct cidr *list, size_t n, const struct addr *a)
{
    for (size_t i = 0; i < n; i++) {
        char text[ADDR_TEXT];
        char full[ADDR_TEXT + 8];
        snprintf(full, sizeof(full), "%s/%d", addr_format(&list[i].net, text), list[i].bits);
        if (slow_in(full, a))
            return true;
    }
    return false;
}

static bool slow_allows(const struct turn_policy *p, struct addr a, bool with_port)
{
    if (a.family == ADDR_V6 && slow_in("::ffff:0:0/96", &a))
        a = addr_make(ADDR_V4, a.ip + 12, a.port);
    if (with_port && a.port == 0)
        return false;
    for (size_t i = 0; with_port && i < p->n_deny_ports; i++)
        if (a.port >= p->deny_ports[i].first && a.port <= p->deny_ports[i].last)
            return false;
    bool isatap = a.family == ADDR_V6 && (a.ip[8] == 0 || a.ip[8] == 2) && a.ip[9] == 0 &&
                  a.ip[10] == 0x5e && a.ip[11] == 0xfe;
    if (isatap || slow_in("64:ff9b::/96", &a)) {
        struct addr inner = addr_make(ADDR_V4, a.ip + 12, a.port);
        if (!slow_allows(p, inner, with_port))
            return false;
    }
    if (slow_table(&a, true))
        return false;
    for (size_t i = 0; i < p->n_sockets; i++)
        if (addr_eq_ip(&p->sockets[i], &a) &&
            (p->sockets[i].port == 0 || p->sockets[i].port == a.port))
            return false;
    if (slow_any(p->allow, p->n_allow, &a))
        return true;
    return !slow_any(p->deny, p->n_deny, &a) && !slow_any(p->local, p->n_local, &a) &&
           !slow_table(&a, false);
}

/* The address one above (step 1) or below (step -1); false at the end of the space. */
static bool stepped(struct addr *a, int step)
{
    for (int i = a->family == ADDR_V4 ? 3 : 15; i >= 0; i--) {
        a->ip[i] = (uint8_t)(a->ip[i] + step);
        if (a->ip[i] != (step > 0 ? 0 : 255))
            return true;
    }
    return false;
}

static struct addr last_of(const struct cidr *c)
{
    struct addr a = c->net;
    int bits = a.family == ADDR_V4 ? 32 : 128;
    for (int i = c->bits; i < bits; i++)
        a.ip[i / 8] = (uint8_t)(a.ip[i / 8] | 0x80 >> i % 8);
    return a;
}

static void rows_are_what_they_say(void **state)
{
    (void)state;
    size_t n = 0;
    const struct policy_row *row = policy_table(&n);
    assert_int_equal(n, SLOW_ROWS);
    for (size_t i = 0; i < n; i++) {
        struct cidr c = net(row[i].net);
        assert_true(addr_eq(&c.net, &row[i].cidr.net));
        assert_int_equal(c.bits, row[i].cidr.bits);
        assert_true(strlen(row[i].why) > 3);
        size_t same = 0;
        for (size_t k = 0; k < SLOW_ROWS; k++) {
            struct cidr s = net(SLOW[k].net);
            same += addr_eq(&s.net, &c.net) && s.bits == c.bits && SLOW[k].hard == row[i].hard;
        }
        assert_int_equal(same, 1);
    }
}

/* First and last inside, and what is right outside, alone and with everything allowed. */
static void borders(void **state)
{
    (void)state;
    size_t n = 0;
    const struct policy_row *row = policy_table(&n);
    struct cidr all[] = {net("0.0.0.0/0"), net("::/0")};
    struct turn_policy open = {.allow = all, .n_allow = 2};
    for (size_t i = 0; i < n; i++) {
        struct addr first = row[i].cidr.net;
        struct addr last = last_of(&row[i].cidr);
        assert_false(policy_allows(&NOTHING, &first, false));
        assert_false(policy_allows(&NOTHING, &last, false));
        if (row[i].hard) {
            assert_false(policy_allows(&open, &first, false));
            assert_false(policy_allows(&open, &last, false));
        }
        struct addr below = first;
        struct addr above = last;
        if (stepped(&below, -1))
            assert_int_equal(policy_allows(&NOTHING, &below, false),
                             slow_allows(&NOTHING, below, false));
        if (stepped(&above, 1))
            assert_int_equal(policy_allows(&NOTHING, &above, false),
                             slow_allows(&NOTHING, above, false));
    }
}

static void judged(void **state)
{
    (void)state;
    static const struct {
        const char *peer;
        bool allowed;
    } rows[] = {
        {"8.8.8.8", true},
        {"2a00:1450::1", true},
        {"9.255.255.255", true},
        {"11.0.0.0", true},
        {"::ffff:8.8.8.8", true},
        {"::ffff:10.0.0.1", false},
        {"::ffff:127.0.0.1", false},
        {"::127.0.0.1", false},
        {"::8.8.8.8", false},
        {"::ffff:0:8.8.8.8", false},
        {"64:ff9b::8.8.8.8", false},
        {"2001:0:1::1", false},
        {"2002:808:808::1", false},
        {"255.255.255.255", false},
        {"169.254.169.254", false},
        {"fd00:ec2::254", false},
        {"2a00::5efe:8.8.8.8", true},
        {"2a00::5efe:10.0.0.1", false},
        {"2a00::200:5efe:8.8.8.8", true},
        {"2a00::200:5efe:192.168.1.1", false},
        {"2a00::100:5efe:192.168.1.1", true},
        {"8.8.8.8:1", true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(allows(&NOTHING, rows[i].peer), rows[i].allowed);
    struct addr none = {0};
    assert_false(policy_allows(&NOTHING, &none, false));
    struct addr zero = at("8.8.8.8");
    assert_false(policy_allows(&NOTHING, &zero, true));
}

/* Each step wins over all that come after it. */
static void order(void **state)
{
    (void)state;
    struct cidr allow[] = {net("10.1.0.0/16"),  net("224.0.0.0/4"), net("5.0.0.0/8"),
                           net("64:ff9b::/96"), net("127.0.0.1"),   net("::1")};
    struct cidr deny[] = {net("10.1.1.0/24"), net("6.0.0.0/8"), net("10.2.0.0/16")};
    struct cidr local[] = {net("5.5.5.5"), net("7.7.7.7")};
    struct addr sockets[] = {at("5.5.5.5:3478"), at("10.1.2.3"), at("127.0.0.1:6379")};
    struct turn_policy p = {.sockets = sockets,
                            .n_sockets = 3,
                            .allow = allow,
                            .n_allow = 6,
                            .deny = deny,
                            .n_deny = 3,
                            .local = local,
                            .n_local = 2};
    static const struct {
        const char *peer;
        bool allowed;
    } rows[] = {
        {"224.0.0.1:9", false},           /* hard before allow */
        {"5.5.5.5:3478", false},          /* own socket before allow */
        {"5.5.5.5:3479", true},           /* allow before local */
        {"10.1.2.3:1", false},            /* a socket without a port is every port */
        {"10.1.2.3", false},              /* also when no port is asked about */
        {"10.1.1.1:9", true},             /* allow before deny */
        {"10.1.9.9:9", true},             /* allow before the default table */
        {"10.2.0.1:9", false},            /* deny, and the table */
        {"10.3.0.1:9", false},            /* the table */
        {"6.1.1.1:9", false},             /* deny */
        {"7.7.7.7:9", false},             /* local */
        {"8.8.8.8:9", true},              /* nothing speaks against it */
        {"127.0.0.1:10000", true},        /* a media server next door, if the operator says so */
        {"127.0.0.1:6379", false},        /* but not our back end */
        {"[::1]:10000", true},            /* */
        {"127.0.0.2:10000", false},       /* */
        {"[64:ff9b::8.8.8.8]:9", true},   /* lifted, and the inner one is fine */
        {"[64:ff9b::10.9.9.9]:9", false}, /* the inner one is not */
        {"[64:ff9b::6.6.6.6]:9", false},  /* */
        {"[64:ff9b::5.5.5.5]:3478", false},
        {"[::ffff:10.1.1.1]:9", true}, /* normalised before all */
        {"[::ffff:5.5.5.5]:3478", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(allows(&p, rows[i].peer), rows[i].allowed);
    struct addr own = at("5.5.5.5:3478");
    assert_false(policy_allows(&p, &own, false));
}

/* A listener on the any-address is on every address of this host. */
static void any_listener(void **state)
{
    (void)state;
    struct cidr allow[] = {net("127.0.0.0/8"), net("5.5.5.5")};
    struct cidr local[] = {net("5.5.5.5")};
    struct addr sockets[] = {at("[::]:3478"), at("0.0.0.0:5349")};
    struct turn_policy p = {.sockets = sockets,
                            .n_sockets = 2,
                            .allow = allow,
                            .n_allow = 2,
                            .local = local,
                            .n_local = 1};
    assert_false(allows(&p, "5.5.5.5:3478"));
    assert_false(allows(&p, "127.0.0.1:3478"));
    assert_false(allows(&p, "127.9.9.9:5349"));
    assert_true(allows(&p, "127.0.0.1:3479"));
    assert_true(allows(&p, "8.8.8.8:3478"));
}

static void denied_ports(void **state)
{
    (void)state;
    struct cidr allow[] = {net("8.8.8.8")};
    struct port_range ports[] = {{53, 53}, {67, 69}};
    struct turn_policy p = {.allow = allow, .n_allow = 1, .deny_ports = ports, .n_deny_ports = 2};
    static const uint16_t denied[] = {0, 53, 67, 68, 69};
    static const uint16_t fine[] = {1, 52, 54, 66, 70, 65535};
    struct addr a = at("8.8.8.8");
    for (size_t i = 0; i < 5; i++) {
        a.port = denied[i];
        assert_false(policy_allows(&p, &a, true));
        assert_true(policy_allows(&p, &a, false));
    }
    for (size_t i = 0; i < 6; i++) {
        a.port = fine[i];
        assert_true(policy_allows(&p, &a, true));
    }
}

static uint64_t next_random(uint64_t *seed)
{
    *seed += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = *seed;
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* An address that is likely to be near something: a row's border, a form that embeds one. */
static struct addr random_addr(uint64_t *seed)
{
    size_t n = 0;
    const struct policy_row *row = policy_table(&n);
    uint64_t r = next_random(seed);
    struct addr a = row[r % n].cidr.net;
    if (r >> 8 & 1)
        a = last_of(&row[r % n].cidr);
    if ((r >> 9 & 3) == 0)
        stepped(&a, r >> 12 & 1 ? 1 : -1);
    if ((r >> 9 & 3) == 1)
        for (int i = 0; i < (a.family == ADDR_V4 ? 4 : 16); i++)
            a.ip[i] ^= (uint8_t)(next_random(seed) % 7 == 0 ? next_random(seed) : 0);
    static const char *const wraps[] = {"::ffff:0:0", "64:ff9b::", "2a00::5efe:0:0",
                                        "2a00::200:5efe:0:0", "::"};
    if (a.family == ADDR_V4 && (r >> 16 & 1)) {
        struct addr w = at(wraps[(r >> 17) % 5]);
        memcpy(w.ip + 12, a.ip, 4);
        a = w;
    }
    a.port = (uint16_t)(r >> 32 & 3);
    return a;
}

static void against_the_slow_one(void **state)
{
    (void)state;
    uint64_t seed = 42;
    for (int round = 0; round < 100; round++) {
        struct cidr lists[3][4];
        struct addr sockets[2] = {random_addr(&seed), random_addr(&seed)};
        for (size_t i = 0; i < 12; i++) {
            struct addr a = random_addr(&seed);
            uint8_t v4 = (uint8_t)(next_random(&seed) % 33);
            uint8_t v6 = (uint8_t)(next_random(&seed) % 129);
            lists[i / 4][i % 4].net = addr_prefix(&a, v4, v6);
            lists[i / 4][i % 4].bits = a.family == ADDR_V4 ? v4 : v6;
        }
        for (size_t i = 0; i < 2; i++) {
            sockets[i] = addr_normalise(&sockets[i]);
            if (addr_is_any(&sockets[i]))
                sockets[i] = at("5.5.5.5:1");
        }
        struct port_range ports[] = {{2, 2}};
        size_t some = round % 5 ? 4 : 0;
        struct turn_policy p = {sockets, some / 2, lists[0], some,  lists[1],
                                some,    lists[2], some,     ports, some / 4};
        for (int i = 0; i < 300; i++) {
            struct addr a = random_addr(&seed);
            bool with_port = i % 2;
            assert_int_equal(policy_allows(&p, &a, with_port), slow_allows(&p, a, with_port));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_what_they_say),
        cmocka_unit_test(borders),
        cmocka_unit_test(judged),
        cmocka_unit_test(order),
        cmocka_unit_test(any_listener),
        cmocka_unit_test(denied_ports),
        cmocka_unit_test(against_the_slow_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
