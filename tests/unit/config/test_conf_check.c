/* Rules between options. */
#include <errno.h>

#include "unit/config/conf_file.h"

#define PAIR "certificates = ( { certificate = \"/c\"; key = \"/k\"; } );"
#define WEB "web_server: expected an IP address with port, e.g. web_server = \"127.0.0.1:8443\";"
#define LOOP "web_server: expected another port than this server listens on itself"

#define REDIS                                                                                      \
    "redis: expected host and port, or the path of a socket, e.g. redis = \"127.0.0.1:6379\";"
#define KEY "issuer_key = \"sixteen-bytes...\";"
#define ISSUER                                                                                     \
    "issuer_listen: expected an address of loopback with port, or the path of a socket, e.g. "     \
    "issuer_listen = \"127.0.0.1:8087\";"

static const struct {
    const char *text;
    const char *said; /* NULL = right */
} rows[] = {
    {"", NULL},
    {"realm = \"a\\\"b\";",
     "realm: expected no quotation marks, backslashes or control characters, "
     "e.g. realm = \"turn\";"},
    {"realm = \"a\\\\b\";",
     "realm: expected no quotation marks, backslashes or control characters, "
     "e.g. realm = \"turn\";"},
    {"realm = \"gr\xc3\xbcn.example\";", NULL},
    {"secrets_file = \"\";",
     "secrets_file, redis, users: expected a file of shared secrets, a Redis or at least one user, "
     "since nobody is served without credentials"},
    {"secrets_file = \"\"; redis = \"127.0.0.1:6379\";", NULL},
    {"secrets_file = \"\"; redis_sentinels = [\"a:1\"]; redis_master = \"m\";", NULL},
    {"secrets_file = \"\"; users = ( { name = \"a\"; password = \"b\"; } );", NULL},
    {"relay_ipv4 = \"192.0.2.1\"; relay_ipv6 = \"off\";", NULL},
    {"relay_ipv4 = \"off\"; relay_ipv6 = \"2001:db8::1\";", NULL},
    {"relay_ipv4 = \"off\"; relay_ipv6 = \"off\";",
     "relay_ipv4, relay_ipv6: expected at least one of them not \"off\""},
    {"relay_ipv4 = \"2001:db8::1\";",
     "relay_ipv4: expected \"auto\", \"off\" or an IPv4 address, e.g. \"192.0.2.1\""},
    {"relay_ipv4 = \"192.0.2.1:5\";",
     "relay_ipv4: expected \"auto\", \"off\" or an IPv4 address, e.g. \"192.0.2.1\""},
    {"relay_ipv6 = \"host.example\";",
     "relay_ipv6: expected \"auto\", \"off\" or an IPv6 address, e.g. \"2001:db8::1\""},
    {"external_ipv4 = \"203.0.113.7\"; external_ipv6 = \"turn.example.org\";", NULL},
    {"external_ipv4 = \"2001:db8::1\";",
     "external_ipv4: expected \"auto\", an IPv4 address or a host name, e.g. "
     "\"turn.example.org\""},
    {"external_ipv4 = \"203.0.113.777\";",
     "external_ipv4: expected \"auto\", an IPv4 address or a host name, e.g. "
     "\"turn.example.org\""},
    {"external_ipv6 = \"192.0.2.1\";",
     "external_ipv6: expected \"auto\", an IPv6 address or a host name, e.g. "
     "\"turn.example.org\""},
    {"external_ipv6 = \"-x.example\";",
     "external_ipv6: expected \"auto\", an IPv6 address or a host name, e.g. "
     "\"turn.example.org\""},
    {"relay_ports = \"2000\";",
     "relay_ports: expected at least two ports, e.g. relay_ports = \"49152-65535\";"},
    {"relay_ports = \"2000-2001\";", NULL},
    {"relay_ports = \"2000-4000\";", "listen: expected ports outside relay_ports"},
    {"relay_ports = \"2000-3400\"; listen_tcp = [\"0.0.0.0:2500\"];", NULL},
    {"relay_ports = \"2000-3400\"; listen_udp = [\"0.0.0.0:2500\"];",
     "listen_udp: expected ports outside relay_ports"},
    {"relay_ports = \"2000-3400\"; listen_tcp = [\"0.0.0.0:2500\"]; tcp_allocations = true;",
     "listen_tcp: expected ports outside relay_ports"},
    {"listen = [\"0.0.0.0:3478\", \"0.0.0.0\"];", "listen: expected every address and port once"},
    {"listen_tcp = [\"::1\", \"::1\"];", "listen_tcp: expected every address and port once"},
    {"listen = [ ]; listen_udp = [\"::1\"]; listen_tcp = [\"::1\"];", NULL},
    {"listen = [ ];", "listen: expected 1 to 16 addresses, those of listen_udp, listen_tcp, "
                      "listen_tls and listen_dtls included"},
    {"listen_udp = [\"::1\", \"::2\", \"::3\", \"::4\", \"::5\", \"::6\", \"::7\", \"::8\"];"
     "listen_tcp = [\"::1\", \"::2\", \"::3\", \"::4\", \"::5\", \"::6\", \"::7\"];",
     "listen: expected 1 to 16 addresses, those of listen_udp, listen_tcp, "
     "listen_tls and listen_dtls included"},
    {"listen_tls = [\"0.0.0.0:443\"];", "listen_tls: expected certificates to be set as well"},
    {"listen_dtls = [\"0.0.0.0\"];", "listen_dtls: expected certificates to be set as well"},
    {PAIR "listen_tls = [\"0.0.0.0:443\"]; listen_dtls = [\"0.0.0.0:443\"];", NULL},
    {"web_server = \"127.0.0.1:8443\";", "web_server: expected certificates to be set as well"},
    {PAIR "web_server = \"127.0.0.1:8443\"; turn_names = [\"turn.example.org\"];", NULL},
    {PAIR "web_server = \"localhost:8443\";", WEB},
    {PAIR "web_server = \"127.0.0.1\";", WEB},
    {PAIR "web_server = \"0.0.0.0:8443\";", WEB},
    {PAIR "web_server = \"127.0.0.1:3478\";", LOOP},
    {PAIR "web_server = \"[::1]:443\"; listen_tls = [\"[::]:443\"];", LOOP},
    {PAIR "web_server = \"192.0.2.1:443\"; listen_tls = [\"192.0.2.1:443\"];", LOOP},
    {PAIR "web_server = \"192.0.2.2:443\"; listen_tls = [\"192.0.2.1:443\"];", NULL},
    {PAIR "web_server = \"127.0.0.1:443\"; listen_dtls = [\"0.0.0.0:443\"];", NULL},
    {"redis = \"redis.example.org:6379\";", NULL},
    {"redis = \"[2001:db8::1]:6379\";", NULL},
    {"redis = \"/run/redis/redis.sock\";", NULL},
    {"redis = \"redis.example.org\";", REDIS},
    {"redis = \"redis.example.org:0\";", REDIS},
    {"redis = \"redis.example.org:63790\"; redis_user = \"relay\";", NULL},
    {"redis = \"redis.example.org:6379-6380\";", REDIS},
    {"redis = \"a b:6379\";", REDIS},
    {"redis = \":6379\";", REDIS},
    {"redis_sentinels = [\"a:1\"];", "redis_master: expected the master's name at the sentinels, "
                                     "e.g. redis_master = \"mymaster\";"},
    {"redis_master = \"m\";", "redis_sentinels: expected at least one, since redis_master is set"},
    {"redis = \"/redis\"; redis_tls = true;",
     "redis_tls: expected false for a socket of this host"},
    {"redis = \"a:1\"; redis_ca = \"/ca\";", "redis_ca: expected redis_tls to be set as well"},
    {"redis = \"a:1\"; redis_tls = true; redis_ca = \"ca\";",
     "redis_ca: expected an absolute file name"},
    {"redis = \"a:1\"; redis_max_age = 119;",
     "redis_max_age: expected 0 or at least 120 seconds, since Redis is read once a minute"},
    {"redis = \"a:1\"; redis_max_age = 120;", NULL},
    {KEY "issuer_listen = \"127.0.0.1:8087\";", NULL},
    {KEY "issuer_listen = \"[::1]:8087\"; issuer_socket = \"/run/line\";", NULL},
    {KEY "issuer_listen = \"/run/http\";", NULL},
    {KEY "issuer_listen = \"192.0.2.1:8087\";", ISSUER},
    {KEY "issuer_listen = \"0.0.0.0:8087\";", ISSUER},
    {KEY "issuer_listen = \"[2001:db8::1]:8087\";", ISSUER},
    {KEY "issuer_listen = \"localhost:8087\";", ISSUER},
    {KEY "issuer_listen = \"127.0.0.1\";", ISSUER},
    {KEY "issuer_listen = \"127.0.0.1:3478\";",
     "issuer_listen: expected another port than those for clients"},
    {KEY "issuer_listen = \"[::1]:5000\"; listen_udp = [\"192.0.2.1:5000\"];",
     "issuer_listen: expected another port than those for clients"},
    {"issuer_listen = \"127.0.0.1:8087\";", "issuer_key: expected at least 16 bytes"},
    {"issuer_listen = \"/run/http\"; issuer_key = \"fifteen-bytes..\";",
     "issuer_key: expected at least 16 bytes"},
    {"issuer_socket = \"line\";", "issuer_socket: expected the path of a socket, e.g. "
                                  "issuer_socket = \"/run/drehkreuz/credentials\";"},
    {KEY "issuer_listen = \"/run/x\"; issuer_socket = \"/run/x\";",
     "issuer_socket: expected another path than issuer_listen"},
};

static void t_rules(void **state)
{
    (void)state;
    static struct conf c;
    struct conf_error err;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        if (conf_try(rows[i].text, &c, &err) < 0)
            fail_msg("%s", err.text);
        int r = conf_check(&c, &err);
        assert_int_equal(r, rows[i].said ? -EINVAL : 0);
        assert_string_equal(r < 0 ? err.text : "", rows[i].said ? rows[i].said : "");
    }
}

/* A realm that did not come through the loader. */
static void t_realm_by_hand(void **state)
{
    (void)state;
    static struct conf c;
    struct conf_error err;
    conf_defaults(&c);
    c.realm[0] = '\0';
    assert_int_equal(conf_check(&c, &err), -EINVAL);
    memset(c.realm, 'x', 127);
    assert_int_equal(conf_check(&c, &err), 0);
    c.realm[127] = 'x';
    assert_int_equal(conf_check(&c, &err), -EINVAL);
    conf_defaults(&c);
    c.realm[0] = '\n';
    assert_int_equal(conf_check(&c, &err), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_rules),
        cmocka_unit_test(t_realm_by_hand),
    };
    return cmocka_run_group_tests(tests, conf_setup, conf_teardown);
}
