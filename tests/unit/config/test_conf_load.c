/* Loading: values of each kind, and what is said of each kind of mistake. */
#include <errno.h>

#include "base/mem.h"
#include "unit/config/conf_file.h"

static struct conf conf;
static struct conf_error err;

static void load(const char *text)
{
    if (conf_try(text, &conf, &err) < 0)
        fail_msg("%s", err.text);
}

static void t_values(void **state)
{
    (void)state;
    char text[ADDR_TEXT];
    load("# comment\n// another\n/* a\nthird = 1 */\n"
         "listen = [\"192.0.2.1\", \"[2001:db8::1]:443\", \"2001:db8::2\"]\n"
         "threads = 2; copy_tos = TRUE;\n"
         "relay_ports = \"2000-3000\"; realm = \"a \\\"b\\\\\";\n"
         "bytes_per_account = 8000000000; bytes_per_prefix = 0x2540BE400;\n"
         "allow_peers = [\"10.0.0.0/8\", \"2001:db8::/32\", \"192.0.2.7\"];\n"
         "deny_peer_ports = ( \"53\", 80, \"137-139\" );\n"
         "users = ( { name = \"alice\"; password = \"p # \\\"\"; },\n"
         "          { password = \"q\", name = \"bob\" } );\n"
         "listen_tcp = [\"192.0.2.1\"]; listen_tls = [\"192.0.2.1:443\", \"::1\"];\n"
         "turn_names = [\"turn.example.org\"];\n"
         "certificates = ( { key = \"/k\"; certificate = \"/c\"; } );\n");
    assert_int_equal(conf.listen.n, 3);
    assert_string_equal(addr_format(&conf.listen.v[0], text), "192.0.2.1:3478");
    assert_string_equal(addr_format(&conf.listen.v[1], text), "[2001:db8::1]:443");
    assert_int_equal(conf.listen.v[2].port, 3478);
    assert_int_equal(conf.listen_tcp.v[0].port, 3478);
    assert_int_equal(conf.listen_tls.v[0].port, 443);
    assert_int_equal(conf.listen_tls.v[1].port, 5349);
    assert_string_equal(conf.turn_names.v[0], "turn.example.org");
    assert_int_equal(conf.certificates.n, 1);
    assert_string_equal(conf.certificates.v[0].certificate, "/c");
    assert_string_equal(conf.certificates.v[0].key, "/k");
    assert_int_equal(conf.threads, 2);
    assert_true(conf.copy_tos);
    assert_int_equal(conf.relay_ports.first, 2000);
    assert_int_equal(conf.relay_ports.last, 3000);
    assert_string_equal(conf.realm, "a \"b\\");
    assert_int_equal(conf.bytes_per_account, INT64_C(8000000000));
    assert_int_equal(conf.bytes_per_prefix, INT64_C(10000000000));
    assert_int_equal(conf.allow_peers.n, 3);
    assert_int_equal(conf.allow_peers.v[0].bits, 8);
    assert_int_equal(conf.allow_peers.v[2].bits, 32);
    assert_int_equal(conf.deny_peer_ports.n, 3);
    assert_int_equal(conf.deny_peer_ports.v[1].first, 80);
    assert_int_equal(conf.deny_peer_ports.v[1].last, 80);
    assert_int_equal(conf.deny_peer_ports.v[2].last, 139);
    assert_int_equal(conf.users.n, 2);
    assert_string_equal(conf.users.v[0].password, "p # \"");
    assert_string_equal(conf.users.v[1].name, "bob");
    assert_string_equal(conf.secrets_file, "/etc/drehkreuz/secrets");
    conf_wipe(&conf);
    static const char zero[sizeof(conf_text)];
    assert_memory_equal(conf.users.v[0].password, zero, sizeof(zero));
    assert_string_equal(conf.users.v[0].name, "alice");
}

static void t_empty_file_is_all_defaults(void **state)
{
    (void)state;
    static struct conf want;
    conf_defaults(&want);
    load("");
    assert_memory_equal(&conf, &want, offsetof(struct conf, files));
    load("# nothing\n");
    assert_memory_equal(&conf, &want, offsetof(struct conf, files));
}

#define INT_0_64 "expected a whole number from 0 to 64, e.g. threads = 0;"
#define LISTEN                                                                                     \
    "expected a list of 0 to 16 IP addresses with or without port, e.g. listen = "                 \
    "[\"0.0.0.0:3478\", \"[::]:3478\"];"
#define CIDRS                                                                                      \
    "expected a list of 0 to 64 networks without host bits, e.g. deny_peers = "                    \
    "[\"10.1.0.0/16\", \"2001:db8::1\"];"
#define RANGE                                                                                      \
    "relay_ports: expected a range of ports in quotation marks, from 1024 to 65535, e.g. "         \
    "relay_ports = \"49152-65535\";"
#define PORTS                                                                                      \
    "expected a list of 0 to 64 ports or port ranges, e.g. deny_peer_ports = "                     \
    "[\"53\", \"137-139\"];"
#define USERS                                                                                      \
    "expected a list of 0 to 64 groups of name and password, e.g. users = "                        \
    "( { name = \"alice\"; password = \"...\"; } );"
#define PAIRS                                                                                      \
    "expected a list of 0 to 64 groups of certificate and key, both absolute file names, e.g. "    \
    "certificates = ( { certificate = \"/etc/drehkreuz/fullchain.pem\"; "                          \
    "key = \"/etc/drehkreuz/privkey.pem\"; } );"
#define REALM "realm: expected a text in quotation marks, 1 to 127 bytes, e.g. realm = \"turn\";"
#define SYNTAX "expected `option = value;`, texts in quotation marks, e.g. realm = \"turn\";"

static const struct {
    const char *text;
    const char *said;
} mistakes[] = {
    /* names */
    {"\n\nrelm = \"x\";\n", "a.conf:3: \"relm\" is not an option; did you mean \"realm\"?"},
    {"Realm = \"x\";", "a.conf:1: \"Realm\" is not an option; did you mean \"realm\"?"},
    {"listen-port = 1;", "a.conf:1: \"listen-port\" is not an option; see drehkreuz.conf(5)"},
    {"zzzzzzzzz = 1;", "a.conf:1: \"zzzzzzzzz\" is not an option; see drehkreuz.conf(5)"},
    {"turn = { realm = \"x\"; };", "a.conf:1: \"turn\" is not an option; see drehkreuz.conf(5)"},
    {"realm = \"a\";\nrealm = \"b\";\n", "a.conf:2: an option is set for the second time"},
    /* options of coturn, which often stand alone on their line */
    {"use-auth-secret\nrealm = \"x\";\n",
     "a.conf:1: \"use-auth-secret\" is an option of coturn; here, leave it out, shared secrets "
     "always count"},
    {"realm = \"x\"\nstatic-auth-secret=hunter2\n",
     "a.conf:2: \"static-auth-secret\" is an option of coturn; here, use `drehkreuz secret add`, "
     "see secrets_file"},
    {"cert=/etc/turn.pem", "a.conf:1: \"cert\" is an option of coturn; here, use certificates"},
    {"listening-port=3478",
     "a.conf:1: \"listening-port\" is an option of coturn; here, use listen"},
    /* types and ranges */
    {"threads = \"2\";", "a.conf:1: threads: " INT_0_64},
    {"threads = 2.5;", "a.conf:1: threads: " INT_0_64},
    {"threads = 65;", "a.conf:1: threads: " INT_0_64},
    {"threads = -1;", "a.conf:1: threads: " INT_0_64},
    {"threads = 4294967297;", "a.conf:1: threads: " INT_0_64},
    {"threads = 18446744073709551617;", "a.conf:1: threads: " INT_0_64},
    {"threads = 0x10000000000000001;", "a.conf:1: threads: " INT_0_64},
    {"binding = 1;", "a.conf:1: binding: expected true or false, e.g. binding = true;"},
    {"realm = 5;", "a.conf:1: " REALM},
    {"realm = \"\";", "a.conf:1: " REALM},
    {"realm = \"a\tb\";", "a.conf:1: " REALM},
    {"realm = \"a\nb\";", "a.conf:1: " REALM},
    {"realm = north.example;", "a.conf:1: " REALM},
    {"relay_ports = \"1023-2000\";", "a.conf:1: " RANGE},
    {"relay_ports = \"3000-2000\";", "a.conf:1: " RANGE},
    {"relay_ports = \"2000-65536\";", "a.conf:1: " RANGE},
    {"relay_ports = \"2000-\";", "a.conf:1: " RANGE},
    {"relay_ports = \"2000 - 3000\";", "a.conf:1: " RANGE},
    {"relay_ports = 2000;", "a.conf:1: " RANGE},
    /* lists */
    {"listen = \"0.0.0.0\";", "a.conf:1: listen: " LISTEN},
    {"listen = [\"0.0.0.0\",\n\"localhost\"];", "a.conf:2: listen, entry 2: " LISTEN},
    {"deny_peers = [\"10.0.0.0/8\", \"10.0.0.1/8\"];", "a.conf:1: deny_peers, entry 2: " CIDRS},
    {"deny_peers = [\"10.0.0.0/33\"];", "a.conf:1: deny_peers, entry 1: " CIDRS},
    {"deny_peers = [10];", "a.conf:1: deny_peers, entry 1: " CIDRS},
    {"deny_peer_ports = [-1];", "a.conf:1: deny_peer_ports, entry 1: " PORTS},
    {"deny_peer_ports = [65536];", "a.conf:1: deny_peer_ports, entry 1: " PORTS},
    {"deny_peer_ports = [\"9-8\"];", "a.conf:1: deny_peer_ports, entry 1: " PORTS},
    {"turn_names = [\"a.example\", \"192.0.2.1\"];",
     "a.conf:1: turn_names, entry 2: expected a list of 0 to 64 host names, e.g. turn_names = "
     "[\"turn.example.org\"];"},
    {"certificates = ( { certificate = \"/a\"; key = \"b\"; } );",
     "a.conf:1: certificates, entry 1: " PAIRS},
    {"certificates = { certificate = \"/a\"; key = \"/b\"; };", "a.conf:1: certificates: " PAIRS},
    {"users = [\"alice\"];", "a.conf:1: users, entry 1: " USERS},
    {"users = ( { name = \"alice\"; } );", "a.conf:1: users, entry 1: " USERS},
    {"users = ( { name = \"\"; password = \"p\"; } );", "a.conf:1: users, entry 1: " USERS},
    {"users = ( { name = \"a\"; password = \"\"; } );", "a.conf:1: users, entry 1: " USERS},
    {"users = ( { name = \"a\"; password = 5; } );", "a.conf:1: users, entry 1: " USERS},
    {"users = ( { name = \"a\"; password = \"b\"; realm = \"c\"; } );",
     "a.conf:1: users, entry 1: " USERS},
    {"users = { name = \"a\"; password = \"b\"; };", "a.conf:1: users: " USERS},
    /* syntax */
    {"threads = 1;\n} \n", "a.conf:2: " SYNTAX},
    {"deny_peers = [\"10.0.0.0/8\"\nthreads = 1;\n", "a.conf:2: " SYNTAX},
    {"deny_peer_ports = [\"53\", 80];", "a.conf:1: " SYNTAX},
    {"realm = \"turn;\n", "a.conf:1: a text or comment is not closed"},
    {"/* open\n\n", "a.conf:2: a text or comment is not closed"},
};

static void t_mistakes(void **state)
{
    (void)state;
    static struct conf before;
    int64_t live = mem_live();
    memset(&conf, 0x5a, sizeof(conf));
    before = conf;
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
        assert_int_equal(conf_try(mistakes[i].text, &conf, &err), -EINVAL);
        assert_string_equal(conf_said(&err), mistakes[i].said);
        assert_memory_equal(&conf, &before, sizeof(conf));
    }
    assert_int_equal(mem_live(), live);
}

static void t_list_too_long(void **state)
{
    (void)state;
    char text[1024] = "deny_peers = [";
    for (int i = 0; i < CONF_LIST_MAX; i++)
        strcat(text, i ? ", \"10.0.0.1\"" : "\"10.0.0.1\"");
    size_t n = strlen(text);
    strcat(text, "];");
    load(text);
    assert_int_equal(conf.deny_peers.n, CONF_LIST_MAX);
    text[n] = '\0';
    strcat(text, ", \"10.0.0.1\"];");
    assert_int_equal(conf_try(text, &conf, &err), -EINVAL);
    assert_string_equal(conf_said(&err), "a.conf:1: deny_peers: " CIDRS);
}

/* A password must not come back in what is said, wherever the mistake is. */
static void t_values_stay_unsaid(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "users = ( { name = \"a\"; password = \"hunter2\"; x = 1; } );",
        "users = ( { name = \"a\"; password = \"hunter2; } );",
        "redis_password = \"hunter2;",
        "redis_password = hunter2;",
        "issuer_key = [\"hunter2\"];",
        "issuer_key = \"hunter2\" \"more\";",
        "users = ( { name = \"a\"; password = hunter2; } );",
        "users = ( { name = \"a\" password = \"hunter2\" } ;",
        "static-auth-secret = \"hunter2\";",
        "realm = hunter2;",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        assert_int_equal(conf_try(texts[i], &conf, &err), -EINVAL);
        assert_null(strstr(err.text, "hunter2"));
    }
}

static void t_missing_file(void **state)
{
    (void)state;
    assert_int_equal(conf_load("/nonexistent/a.conf", &conf, &err), -ENOENT);
    assert_string_equal(err.text, "/nonexistent/a.conf: cannot be read: No such file or directory");
    assert_int_equal(conf_load(conf_dir, &conf, &err), -EINVAL);
    assert_non_null(strstr(err.text, ": cannot be read: this is not a regular file"));
}

static void t_out_of_memory(void **state)
{
    (void)state;
    int64_t live = mem_live();
    int r = -ENOMEM;
    conf_write("a.conf", "realm = \"x\";\n");
    for (int64_t n = 0; r < 0 && n < 20; n++) {
        mem_fail_after(n);
        r = conf_load(conf_path, &conf, &err);
        mem_fail_after(-1);
        assert_true(r == 0 || r == -ENOMEM);
        assert_int_equal(mem_live(), live);
    }
    assert_int_equal(r, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_values),
        cmocka_unit_test(t_empty_file_is_all_defaults),
        cmocka_unit_test(t_mistakes),
        cmocka_unit_test(t_list_too_long),
        cmocka_unit_test(t_values_stay_unsaid),
        cmocka_unit_test(t_missing_file),
        cmocka_unit_test(t_out_of_memory),
    };
    return cmocka_run_group_tests(tests, conf_setup, conf_teardown);
}
