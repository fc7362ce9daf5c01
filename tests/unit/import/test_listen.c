/* Listeners, relayed addresses and ports. */
#include "unit/import/imported.h"

#define TLS "cert=/c\npkey=/k\n"
#define PAIR "certificates = ( { certificate = \"/c\"; key = \"/k\"; } );\n"
#define ANY(port) "\"0.0.0.0:" port "\", \"[::]:" port "\""
#define DEFAULT "\"0.0.0.0:3478\", \"[::]:3478\""

static const struct import_case listeners[] = {
    {"tls-listening-port=5349\n", "", "no counterpart"},
    {TLS "tls-listening-port=443\n", "listen = [ " DEFAULT ", " ANY("443") " ];\n" PAIR, "taken"},
    {TLS "listening-port=443\n", "listen = [ " ANY("443") ", " ANY("5349") " ];\n" PAIR, "taken"},
    {TLS "tls-listening-port=3478\n", PAIR, "taken"},
    {"listening-port=0\n", "", "not understood!"},
    {"listening-port=65536\n", "", "not understood!"},
    {"listening-ip=192.0.2.1\n",
     "listen = [ \"192.0.2.1:3478\" ];\nrelay_ipv4 = \"192.0.2.1\";\nrelay_ipv6 = \"off\";\n",
     "taken"},
    {"listening-ip=0.0.0.0\n", "listen = [ \"0.0.0.0:3478\" ];\nrelay_ipv6 = \"off\";\n", "taken"},
    {"listening-ip=2001:db8::1\n",
     "listen = [ \"[2001:db8::1]:3478\" ];\nrelay_ipv4 = \"off\";\nrelay_ipv6 = "
     "\"2001:db8::1\";\n",
     "taken"},
    {"listening-ip=turn.example.org\n", "", "not understood!"},
    {"listening-ip=192.0.2.1:3478\n", "", "not understood!"},
    {"no-tcp\n", "listen = [ ];\nlisten_udp = [ " DEFAULT " ];\n", "taken"},
    {"no-udp\n", "listen = [ ];\nlisten_tcp = [ " DEFAULT " ];\n", "taken"},
    {"no-udp=0\n", "", "taken"},
    {"no-tcp\nno-udp\n", "listen = [ ];\nlisten_udp = [ " DEFAULT " ];\n", "not understood!"},
    {"no-tls\n", "", "taken"},
    {TLS "no-tls\nno-dtls\n", "", "taken"},
    {TLS "no-dtls\n",
     "listen = [ ];\nlisten_udp = [ " DEFAULT " ];\nlisten_tcp = [ " DEFAULT " ];\n"
     "listen_tls = [ " ANY("5349") ", " DEFAULT " ];\n" PAIR,
     "taken"},
    {TLS "no-tls\n",
     "listen = [ ];\nlisten_udp = [ " DEFAULT " ];\nlisten_tcp = [ " DEFAULT " ];\n"
     "listen_dtls = [ " ANY("5349") ", " DEFAULT " ];\n" PAIR,
     "taken"},
    {TLS "no-udp\nno-tcp\nno-dtls\n", "listen = [ ];\nlisten_tls = [ " ANY("5349") " ];\n" PAIR,
     "taken"},
    {"aux-server=192.0.2.1:33478\n", "listen = [ " DEFAULT ", \"192.0.2.1:33478\" ];\n", "taken"},
    {"aux-server=192.0.2.1\n", "", "not understood!"},
    {"tcp-proxy-port=5555\n", "listen_tcp = [ " ANY("5555") " ];\n", "changed!"},
    {"alt-listening-port=0\n", "", "no counterpart"},
    {"cert=/c\n", "", "no counterpart!"},
    {"pkey=/k\n", "", "no counterpart!"},
    {"cert=/c\npkey=k.pem\n", "", "no counterpart!"},
    {TLS "pkey-pwd=x\n", "listen = [ " DEFAULT ", " ANY("5349") " ];\n" PAIR, "no counterpart!"},
};

static void test_listeners(void **state)
{
    (void)state;
    IMPORT_EXPECT_ALL(listeners);
}

static const struct import_case relays[] = {
    {"relay-ip=192.0.2.1\n", "relay_ipv4 = \"192.0.2.1\";\nrelay_ipv6 = \"off\";\n", "taken"},
    {"relay-ip=192.0.2.1\nrelay-ip=2001:db8::1\n",
     "relay_ipv4 = \"192.0.2.1\";\nrelay_ipv6 = \"2001:db8::1\";\n", "taken"},
    {"relay-ip=192.0.2.1\nrelay-ip=192.0.2.2\n",
     "relay_ipv4 = \"192.0.2.1\";\nrelay_ipv6 = \"off\";\n", "no counterpart"},
    {"relay-ip=0.0.0.0\nrelay-ip=::\n", "", "taken"},
    {"external-ip=203.0.113.1\n", "external_ipv4 = \"203.0.113.1\";\n", "taken"},
    {"external-ip=2001:db8::1\n", "external_ipv6 = \"2001:db8::1\";\n", "taken"},
    {"external-ip=turn.example.org\n", "external_ipv4 = \"turn.example.org\";\n", "taken"},
    {"external-ip=203.0.113.1/10.0.0.1\n",
     "relay_ipv4 = \"10.0.0.1\";\nexternal_ipv4 = \"203.0.113.1\";\n", "taken"},
    {"external-ip=turn.example.org/10.0.0.1\n",
     "relay_ipv4 = \"10.0.0.1\";\nexternal_ipv4 = \"turn.example.org\";\n", "taken"},
    {"relay-ip=10.0.0.2\nexternal-ip=203.0.113.2/10.0.0.1\n",
     "relay_ipv4 = \"10.0.0.2\";\nrelay_ipv6 = \"off\";\n", "no counterpart"},
    {"relay-ip=10.0.0.2\nexternal-ip=203.0.113.2/10.0.0.1\nexternal-ip=203.0.113.3/10.0.0.2\n",
     "relay_ipv4 = \"10.0.0.2\";\nrelay_ipv6 = \"off\";\nexternal_ipv4 = \"203.0.113.3\";\n",
     "taken"},
    {"external-ip=203.0.113.1\nexternal-ip=203.0.113.2\n", "external_ipv4 = \"203.0.113.1\";\n",
     "no counterpart!"},
    {"relay-ip=10.0.0.2\nexternal-ip=2001:db8::1\n",
     "relay_ipv4 = \"10.0.0.2\";\nrelay_ipv6 = \"off\";\n", "no counterpart"},
    {"external-ip=203.0.113.1/::1\n", "", "not understood!"},
    {"external-ip=$(hostname -i)\n", "", "not understood!"},
    {"external-ip=\"\"\n", "", "not understood!"},
    /* ports */
    {"min-port=50000\n", "relay_ports = \"50000-65535\";\n", "taken"},
    {"max-port=50000\n", "relay_ports = \"49152-50000\";\n", "taken"},
    {"min-port=49160\nmax-port=49200\n", "relay_ports = \"49160-49200\";\n", "taken"},
    {"min-port=1\nmax-port=2000\n", "relay_ports = \"1024-2000\";\n", "changed"},
    {"min-port=60000\nmax-port=70000\n", "relay_ports = \"60000-65535\";\n", "changed"},
    {"min-port=2000\nmax-port=2000\n", "", "not understood!"},
    {"min-port=3000\nmax-port=2000\n", "", "not understood!"},
    {"min-port=3000\nmax-port=10000\n", "relay_ports = \"3479-10000\";\n", "changed"},
    {"min-port=2000\nmax-port=3500\n", "relay_ports = \"2000-3477\";\n", "changed"},
    {"no-tcp\nmin-port=3000\nmax-port=10000\n",
     "listen = [ ];\nlisten_udp = [ " DEFAULT " ];\nrelay_ports = \"3479-10000\";\n", "changed"},
    {"no-udp\nmin-port=3000\nmax-port=10000\n",
     "listen = [ ];\nlisten_tcp = [ " DEFAULT " ];\nrelay_ports = \"3000-10000\";\n", "taken"},
    {"no-udp\nno-tcp-relay=0\nmin-port=3000\nmax-port=10000\n",
     "listen = [ ];\nlisten_tcp = [ " DEFAULT " ];\nrelay_ports = \"3479-10000\";\n"
     "tcp_allocations = true;\n",
     "changed"},
    {TLS "no-udp\nno-tls\nmin-port=5000\nmax-port=6000\n",
     "listen = [ ];\nlisten_tcp = [ " DEFAULT
     " ];\nlisten_dtls = [ " ANY("5349") " ];\n"
                                         "relay_ports = \"5350-6000\";\n" PAIR,
     "changed"},
    {TLS "no-udp\nno-dtls\nno-tcp-relay=0\nmin-port=5000\nmax-port=6000\n",
     "listen = [ ];\nlisten_tcp = [ " DEFAULT
     " ];\nlisten_tls = [ " ANY("5349") ", " DEFAULT " ];\nrelay_ports = \"5350-6000\";\n" PAIR
                                        "tcp_allocations = true;\n",
     "changed"},
    {"min-port=3477\nmax-port=3479\n", "", "not understood!"},
    {"listening-port=50000\n", "listen = [ " ANY("50000") " ];\nrelay_ports = \"50001-65535\";\n",
     "taken"},
};

static void test_relays(void **state)
{
    (void)state;
    IMPORT_EXPECT_ALL(relays);
}

/* Sixteen listeners, and as many ports in the range as there can be. */
static void test_many_addresses(void **state)
{
    (void)state;
    char file[2048] = "";
    size_t n = 0;
    for (unsigned k = 1; k <= 20; k++)
        n += (size_t)snprintf(file + n, sizeof(file) - n, "listening-ip=192.0.2.%u\n", k);
    struct import *i = import_file(file);
    assert_int_equal(i->conf.listen.n, 16);
    assert_int_equal(import_entry_at(i, 16, NULL)->verdict, IMPORT_TAKEN);
    assert_int_equal(import_entry_at(i, 17, NULL)->verdict, IMPORT_NONE);
    assert_true(import_entry_at(i, 20, NULL)->by_hand);
    import_done(i);
}

/* What finds no room is not said to be taken. */
static void test_no_room_for_what_comes_last(void **state)
{
    (void)state;
    char file[2048] = "";
    size_t n = 0;
    for (unsigned k = 1; k <= 15; k++)
        n += (size_t)snprintf(file + n, sizeof(file) - n, "listening-ip=192.0.2.%u\n", k);
    snprintf(file + n, sizeof(file) - n,
             "aux-server=192.0.2.1:80\naux-server=192.0.2.1:81\ntcp-proxy-port=5555\n");
    struct import *i = import_file(file);
    assert_int_equal(i->conf.listen.n, 16);
    assert_int_equal(i->conf.listen_tcp.n, 0);
    assert_int_equal(import_entry_at(i, 16, NULL)->verdict, IMPORT_TAKEN);
    assert_int_equal(import_entry_at(i, 17, NULL)->verdict, IMPORT_NONE);
    assert_true(import_entry_at(i, 17, NULL)->by_hand);
    assert_int_equal(import_entry_at(i, 18, NULL)->verdict, IMPORT_NONE);
    import_done(i);
}

static void test_ports_of_listeners_all_over_the_range(void **state)
{
    (void)state;
    char file[2048] = "listening-ip=192.0.2.1\n";
    size_t n = strlen(file);
    for (unsigned k = 0; k < 14; k++)
        n += (size_t)snprintf(file + n, sizeof(file) - n, "aux-server=192.0.2.1:%u\n",
                              49152 + (16384U >> k));
    struct import *i = import_file(file);
    assert_true(i->conf.relay_ports.last - i->conf.relay_ports.first > 4000);
    import_done(i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listeners),
        cmocka_unit_test(test_relays),
        cmocka_unit_test(test_many_addresses),
        cmocka_unit_test(test_no_room_for_what_comes_last),
        cmocka_unit_test(test_ports_of_listeners_all_over_the_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
