/* The limits of the loader by their numbers: what lies just within is taken, what lies just beyond
 * is refused with its sentence. And what is said of each option of coturn. */
#include <errno.h>
#include <sys/stat.h>

#include "unit/config/conf_file.h"

static struct conf conf;
static struct conf_error err;

static void expect(const char *text, const char *said)
{
    int r = conf_try(text, &conf, &err);
    assert_string_equal(r < 0 ? conf_said(&err) : "", said ? said : "");
    assert_int_equal(r, said ? -EINVAL : 0);
}

/* n times the letter, in one of a few rooms. */
static const char *letters(size_t n)
{
    static char rooms[4][800];
    static unsigned next;
    char *text = rooms[next++ % 4];
    assert_true(n < sizeof(rooms[0]));
    memset(text, 'x', n);
    text[n] = '\0';
    return text;
}

/* --- Files --- */

enum { KIB_256 = 262144 };

static int load_blanks(const char *name, size_t n)
{
    static char text[KIB_256 + 1];
    memset(text, ' ', n);
    conf_write_bytes(name, text, n);
    return conf_load(conf_path, &conf, &err);
}

/* A line's end is added where the last line has none. */
static void t_bytes_of_a_file(void **state)
{
    (void)state;
    assert_int_equal(load_blanks("a.conf", KIB_256 - 1), 0);
    assert_int_equal(load_blanks("a.conf", KIB_256), -EINVAL);
    assert_string_equal(conf_said(&err),
                        "a.conf: cannot be read: this is no text, or one of more than 256 KiB");
}

static void t_bytes_together(void **state)
{
    (void)state;
    conf_write("a.conf", "@include \"b.conf\"\nthreads = 1;\n");
    /* "threads = 1;" gets a letter behind its number. */
    size_t rest = strlen("threads = 1L;\n") + strlen("\n");
    assert_int_equal(load_blanks("b.conf", KIB_256 - rest), 0);
    assert_int_equal(conf.threads, 1);
    assert_int_equal(load_blanks("b.conf", KIB_256 - rest + 1), -E2BIG);
    assert_string_equal(conf_said(&err), "a.conf:2: the configuration is too long");
    conf_remove("b.conf");
}

#define TOO_MANY                                                                                   \
    "@include: expected a file that can be read: includes are too many or too deep; does a file "  \
    "include itself?"

static void t_number_of_files(void **state)
{
    (void)state;
    char text[512] = "";
    conf_write("b.conf", "");
    for (int i = 0; i < 15; i++)
        strcat(text, "@include \"b.conf\"\n");
    expect(text, NULL);
    strcat(text, "@include \"b.conf\"\n");
    expect(text, "a.conf:16: " TOO_MANY);
    conf_remove("b.conf");
}

/* 1.conf includes 2.conf, and so on; a.conf is the first of n. */
static void write_chain(int n)
{
    for (int i = 1; i < n; i++) {
        char name[16];
        char text[64];
        snprintf(name, sizeof(name), i == 1 ? "a.conf" : "%d.conf", i);
        snprintf(text, sizeof(text), "@include \"%d.conf\"\n", i + 1);
        conf_write(name, text);
    }
}

static void t_depth_of_files(void **state)
{
    (void)state;
    write_chain(8);
    conf_write("8.conf", "threads = 3;");
    conf_write("9.conf", "");
    assert_int_equal(conf_load(conf_path, &conf, &err), 0);
    assert_int_equal(conf.threads, 3);
    write_chain(9);
    assert_int_equal(conf_load(conf_path, &conf, &err), -EINVAL);
    assert_string_equal(conf_said(&err), "8.conf:1: " TOO_MANY);
    for (int i = 2; i <= 9; i++) {
        char name[16];
        snprintf(name, sizeof(name), "%d.conf", i);
        conf_remove(name);
    }
}

/* Names of any length: "./" says nothing. */
static void include_of_length(size_t n, const char *said)
{
    char text[800] = "@include \"";
    size_t dir = strlen(conf_dir) + 1;
    size_t name = n - dir;
    for (size_t i = strlen("b.conf"); i + 1 < name; i += 2)
        strcat(text, "./");
    strcat(text, (name - strlen("b.conf")) % 2 ? "/b.conf\"\n" : "b.conf\"\n");
    expect(text, said);
}

static void t_length_of_an_included_name(void **state)
{
    (void)state;
    conf_write("b.conf", "");
    include_of_length(510, NULL);
    include_of_length(511, NULL);
    include_of_length(512, "a.conf:1: @include: expected a file that can be read: the name of the "
                           "file is too long");
    conf_remove("b.conf");
}

/* --- Values --- */

static void t_digits_of_a_number(void **state)
{
    (void)state;
    static const char said[] = "a.conf:1: bytes_per_prefix: expected a whole number from 0 to "
                               "1000000000000, e.g. bytes_per_prefix = 0;";
    expect("bytes_per_prefix = 000000000000000007;", NULL); /* 18 */
    assert_int_equal(conf.bytes_per_prefix, 7);
    expect("bytes_per_prefix = 0000000000000000007;", said); /* 19 */
    expect("bytes_per_prefix = 0x0000000000000007;", NULL);
    assert_int_equal(conf.bytes_per_prefix, 7);
    expect("bytes_per_prefix = 0x00000000000000007;", said);
    expect("bytes_per_prefix = 1000000000000;", NULL);
    expect("bytes_per_prefix = 1000000000001;", said);
}

#define USERS                                                                                      \
    "a.conf:1: users, entry 1: expected a list of 0 to 64 groups of name and password, e.g. "      \
    "users = ( { name = \"alice\"; password = \"...\"; } );"
#define PAIRS                                                                                      \
    "a.conf:1: certificates, entry 1: expected a list of 0 to 64 groups of certificate and key, "  \
    "both absolute file names, e.g. certificates = ( { certificate = "                             \
    "\"/etc/drehkreuz/fullchain.pem\"; key = \"/etc/drehkreuz/privkey.pem\"; } );"
#define NAMES                                                                                      \
    "a.conf:1: turn_names, entry 1: expected a list of 0 to 64 host names, e.g. turn_names = "     \
    "[\"turn.example.org\"];"

/* Texts inside of lists, which are of 1 to 255 bytes. */
static void t_lengths_of_texts(void **state)
{
    (void)state;
    static const struct {
        const char *format;
        size_t one;
        size_t two;
        const char *said;
    } rows[] = {
        {"users = ( { name = \"%s\"; password = \"%s\"; } );", 255, 255, NULL},
        {"users = ( { name = \"%s\"; password = \"%s\"; } );", 256, 255, USERS},
        {"users = ( { name = \"%s\"; password = \"%s\"; } );", 255, 256, USERS},
        {"users = ( { name = \"%s\"; password = \"%s\"; } );", 1, 1, NULL},
        {"users = ( { name = \"%s\"; password = \"%s\"; } );", 0, 1, USERS},
        {"users = ( { name = \"%s\"; password = \"%s\"; } );", 1, 0, USERS},
        {"certificates = ( { certificate = \"/%s\"; key = \"/%s\"; } );", 254, 254, NULL},
        {"certificates = ( { certificate = \"/%s\"; key = \"/%s\"; } );", 255, 254, PAIRS},
        {"certificates = ( { certificate = \"/%s\"; key = \"/%s\"; } );", 254, 255, PAIRS},
        {"turn_names = [\"%s\"]; realm = \"%s\";", 255, 127, NULL},
        {"turn_names = [\"%s\"]; realm = \"%s\";", 256, 127, NAMES},
        {"turn_names = [\"%s\"]; realm = \"%s\";", 0, 127, NAMES},
        {"turn_names = [\"%s\"]; realm = \"%s\";", 1, 128,
         "a.conf:1: realm: expected a text in quotation marks, 1 to 127 bytes, e.g. realm = "
         "\"turn\";"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char text[800];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, sizeof(text), rows[i].format, letters(rows[i].one), letters(rows[i].two));
#pragma GCC diagnostic pop
        expect(text, rows[i].said);
    }
}

static void t_edges_of_ports(void **state)
{
    (void)state;
    expect("deny_peer_ports = ( 0, 65535, \"0-65535\", \"65535\" );", NULL);
    assert_int_equal(conf.deny_peer_ports.v[0].first, 0);
    assert_int_equal(conf.deny_peer_ports.v[1].last, 65535);
    assert_int_equal(conf.deny_peer_ports.v[2].last, 65535);
    expect("relay_ports = \"1024-65535\";", NULL);
}

/* --- Rules between options --- */

static void check(const char *text, const char *said)
{
    expect(text, NULL);
    int r = conf_check(&conf, &err);
    assert_string_equal(r < 0 ? err.text : "", said ? said : "");
}

static void t_number_of_listeners(void **state)
{
    (void)state;
    char text[1024] = "listen = [ ]; listen_tcp = [";
    for (int i = 0; i < 16; i++)
        sprintf(text + strlen(text), "%s\"10.0.0.%d\"", i ? ", " : "", i + 1);
    strcat(text, "];");
    check(text, NULL);
    strcat(text, "listen_udp = [\"10.0.0.1\"];");
    check(text, "listen: expected 1 to 16 addresses, those of listen_udp, listen_tcp, listen_tls "
                "and listen_dtls included");
}

static void t_listeners_beside_the_relay_range(void **state)
{
    (void)state;
    static const struct {
        unsigned port;
        const char *said;
    } rows[] = {
        {1999, NULL},
        {2000, "listen_udp: expected ports outside relay_ports"},
        {3000, "listen_udp: expected ports outside relay_ports"},
        {3001, NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char text[128];
        snprintf(text, sizeof(text),
                 "relay_ports = \"2000-3000\"; listen_udp = [\"192.0.2.1:%u\"];", rows[i].port);
        check(text, rows[i].said);
    }
}

static void t_every_control_character_of_a_realm(void **state)
{
    (void)state;
    for (int c = 1; c < 256; c++) {
        bool is_bad = c < ' ' || c == 0x7f || c == '"' || c == '\\';
        conf_defaults(&conf);
        conf.realm[1] = (char)c;
        assert_int_equal(conf_check(&conf, &err), is_bad ? -EINVAL : 0);
        if (is_bad)
            assert_string_equal(err.text, "realm: expected no quotation marks, backslashes or "
                                          "control characters, e.g. realm = \"turn\";");
    }
}

/* --- Names --- */

/* A guess may be a third of the name's length and two away. */
static void t_how_far_a_guess_may_be(void **state)
{
    (void)state;
    expect("realxyz = 1;", "a.conf:1: \"realxyz\" is not an option; did you mean \"realm\"?");
    expect("reaxyzw = 1;", "a.conf:1: \"reaxyzw\" is not an option; see drehkreuz.conf(5)");
    char name[64] = "permissions_per_allocation_xxxxxxxxx";
    char text[256];
    snprintf(text, sizeof(text), "%s = 1;", name);
    expect(text, "a.conf:1: \"permissions_per_allocation_xxxxxxxxx\" is not an option; did you "
                 "mean \"permissions_per_allocation\"?");
    strcat(name, "xxxx"); /* 40, which is too long for a guess */
    snprintf(text, sizeof(text), "%s = 1;", name);
    expect(text, "a.conf:1: \"permissions_per_allocation_xxxxxxxxxxxxx\" is not an option; see "
                 "drehkreuz.conf(5)");
}

static void t_every_option_of_coturn(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *advice;
    } rows[] = {
        {"static-auth-secret", "use `drehkreuz secret add`, see secrets_file"},
        {"use-auth-secret", "leave it out, shared secrets always count"},
        {"lt-cred-mech", "leave it out, credentials are always asked for"},
        {"no-auth", "there is no mode without credentials"},
        {"fingerprint", "leave it out, answers carry it where it is wanted"},
        {"listening-port", "use listen"},
        {"listening-ip", "use listen"},
        {"external-ip", "use external_ipv4 and external_ipv6"},
        {"relay-ip", "use relay_ipv4 and relay_ipv6"},
        {"min-port", "use relay_ports"},
        {"max-port", "use relay_ports"},
        {"total-quota", "use max_allocations"},
        {"user-quota", "use allocations_per_account"},
        {"max-bps", "use bytes_per_allocation"},
        {"bps-capacity", "use bytes_per_allocation"},
        {"denied-peer-ip", "use deny_peers"},
        {"allowed-peer-ip", "use allow_peers"},
        {"no-multicast-peers", "leave it out, multicast is never relayed to"},
        {"stale-nonce", "use nonce_lifetime"},
        {"max-allocate-lifetime", "use lifetime_max"},
        {"server-name", "use realm"},
        {"proc-user", "use user"},
        {"tls-listening-port", "use listen, which speaks TLS as well, or listen_tls"},
        {"cert", "use certificates"},
        {"pkey", "use certificates"},
        {"tcp-proxy-port", "use proxy_from"},
        {"no-cli", "leave it out, there is no such door"},
        {"verbose", "leave it out, nothing is recorded of single clients"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char text[64];
        char said[256];
        snprintf(text, sizeof(text), "%s=1\n", rows[i].name);
        snprintf(said, sizeof(said), "a.conf:1: \"%s\" is an option of coturn; here, %s",
                 rows[i].name, rows[i].advice);
        expect(text, said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_bytes_of_a_file),
        cmocka_unit_test(t_bytes_together),
        cmocka_unit_test(t_number_of_files),
        cmocka_unit_test(t_depth_of_files),
        cmocka_unit_test(t_length_of_an_included_name),
        cmocka_unit_test(t_digits_of_a_number),
        cmocka_unit_test(t_lengths_of_texts),
        cmocka_unit_test(t_edges_of_ports),
        cmocka_unit_test(t_number_of_listeners),
        cmocka_unit_test(t_listeners_beside_the_relay_range),
        cmocka_unit_test(t_every_control_character_of_a_realm),
        cmocka_unit_test(t_how_far_a_guess_may_be),
        cmocka_unit_test(t_every_option_of_coturn),
    };
    return cmocka_run_group_tests(tests, conf_setup, conf_teardown);
}
