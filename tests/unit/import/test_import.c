/* Lines as coturn reads them, and files that are none. */
#include "unit/import/imported.h"

static const struct import_case lines[] = {
    {"realm=a.example\n", "realm = \"a.example\";\n", "taken"},
    {"  realm = a.example  \r\n", "realm = \"a.example\";\n", "taken"},
    {"realm\t \"a example\"\n", "realm = \"a example\";\n", "taken"},
    {"realm==a\n", "realm = \"a\";\n", "taken"},
    {"--realm=a\n", "realm = \"a\";\n", "taken"},
    {"-r a\n", "realm = \"a\";\n", "taken"},
    {"realm=a\nrealm=b\n", "realm = \"b\";\n", "taken"},
    {"realm\n", "", "not understood!"},
    {"realm=a\nRealm=b\n", "realm = \"a\";\n", "not understood!"},
    {"realm=a\nrealmx=b\n", "realm = \"a\";\n", "not understood!"},
    {"realm=a\n-realm=b\n", "realm = \"a\";\n", "not understood!"},
    {"listening-port=3479 # ours\n", "listen = [ \"0.0.0.0:3479\", \"[::]:3479\" ];\n", "taken"},
    {"listening-port=3479x\n", "", "not understood!"},
    {"listening-port\n", "", "not understood!"},
    {"no-stun\n", "binding = false;\n", "taken"},
    {"no-stun=yes\n", "binding = false;\n", "taken"},
    {"no-stun=on\n", "binding = false;\n", "taken"},
    {"no-stun=1\n", "binding = false;\n", "taken"},
    {"no-stun=0\n", "", "taken"},
    {"no-stun=off\n", "", "taken"},
    {"no-stun=False\n", "", "taken"},
    {"no-stun=maybe\n", "", "not understood!"},
    {"udp-gso=0\n", "udp_segment = false;\n", "taken"},
    {"no-multicast-peers=0\n", "", "changed"},
    {"verbose=0\n", "", "taken"},
    {"verbose\n", "", "changed"},
    /* numbers */
    {"user-quota=12\n", "allocations_per_account = 12;\n", "taken"},
    {"total-quota=1200\n", "max_allocations = 1200;\n", "taken"},
    {"total-quota=99999999999\n", "max_allocations = 10000000;\n", "changed"},
    {"max-bps=1000\n", "bytes_per_allocation = 2000;\n", "taken"},
    {"max-bps=0\n", "bytes_per_allocation = 0;\n", "taken"},
    {"max-bps=999999999999999999\n", "bytes_per_allocation = 1000000000000;\n", "taken"},
    {"bps-capacity=0\n", "", "taken"},
    {"bps-capacity=1\n", "", "no counterpart!"},
    {"stale-nonce\n", "nonce_lifetime = 600;\n", "taken"},
    {"stale-nonce=900\n", "nonce_lifetime = 900;\n", "taken"},
    {"stale-nonce=0\n", "nonce_lifetime = 3600;\n", "changed"},
    {"stale-nonce=59\n", "nonce_lifetime = 60;\n", "changed"},
    {"stale-nonce=x\n", "", "not understood!"},
    {"max-allocate-lifetime=60\n", "lifetime_max = 600;\n", "changed"},
    {"channel-lifetime=600\n", "", "taken"},
    {"channel-lifetime=601\n", "", "changed"},
    {"permission-lifetime=300\n", "", "taken"},
    {"permission-lifetime=600\n", "", "changed"},
    {"relay-threads=0\n", "threads = 1;\n", "changed"},
    {"relay-threads=4\n", "threads = 4;\n", "taken"},
    {"rest-api-separator=:\n", "", "taken"},
    {"rest-api-separator=|\n", "", "no counterpart!"},
    {"no-tcp-relay\n", "", "taken"},
    {"no-tcp-relay=0\n", "tcp_allocations = true;\n", "taken"},
    {"secure-stun\n", "binding = false;\n", "changed"},
    {"secure-stun=0\n", "", "taken"},
    {"no-tlsv1_2\n", "only_tls13 = true;\n", "taken"},
    {"no-auth\n", "", "no counterpart!"},
    {"no-auth=0\n", "", "taken"},
    {"allow-loopback-peers\n", "", "no counterpart!"},
    {"prometheus\n", "metrics_listen = \"127.0.0.1:9641\";\n", "changed"},
    {"prometheus=0\n", "", "taken"},
    {"prometheus\nprometheus=0\n", "", "taken"},
    {"prometheus-port=9000\nprometheus\n", "metrics_listen = \"127.0.0.1:9000\";\n", "changed"},
    {"prometheus-port=9000\n", "", "no counterpart"},
    {"prometheus\nprometheus-port=0\n", "metrics_listen = \"127.0.0.1:9641\";\n",
     "not understood!"},
    {"prometheus\nprometheus-port=65536\n", "metrics_listen = \"127.0.0.1:9641\";\n",
     "not understood!"},
    {"prometheus-port=3478\nprometheus\n", "", "no counterpart!"},
    {"prometheus\nprometheus-address=0.0.0.0\n", "metrics_listen = \"127.0.0.1:9641\";\n",
     "changed"},
    {"prometheus\nprometheus-address=::1\n", "metrics_listen = \"[::1]:9641\";\n", "taken"},
    {"prometheus\nprometheus-address=127.0.0.1\n", "metrics_listen = \"127.0.0.1:9641\";\n",
     "taken"},
    {"prometheus-path=/metrics\n", "", "taken"},
    {"prometheus-path=/x\n", "", "changed"},
};

static void test_lines(void **state)
{
    (void)state;
    IMPORT_EXPECT_ALL(lines);
}

static void test_numbers_of_lines(void **state)
{
    (void)state;
    struct import *i = import_file("# a\n\n \t\r\nrealm=a\r\n#realm=b\n\x0b\nno-cli");
    assert_int_equal(i->entries[0].line, 4);
    assert_int_equal(i->entries[1].line, 7);
    import_done(i);
}

static int error_of(const void *p, size_t n)
{
    int r;
    struct import *i = import_bytes(p, n, &r);
    import_done(i);
    return r;
}

static void test_files_that_are_none(void **state)
{
    (void)state;
    static const char nul[] = "realm=a\nrealm\0=b\n";
    assert_int_equal(error_of("", 0), 0);
    assert_int_equal(error_of("# nothing\n", 10), 0);
    assert_int_equal(error_of("hello\nworld\n", 12), -EINVAL);
    assert_int_equal(error_of("\xff\xfe\x01", 3), -EINVAL);
    assert_int_equal(error_of(nul, sizeof(nul) - 1), -EINVAL);
    assert_int_equal(error_of("\0", 1), -EINVAL);
    assert_int_equal(error_of("# \0\nrealm=a\n", 12), 0);
}

static char *repeat(const char *line, size_t times, size_t *ret_n)
{
    size_t n = strlen(line);
    char *text = malloc(n * times + 1);
    assert_non_null(text);
    for (size_t i = 0; i < times; i++)
        memcpy(text + i * n, line, n);
    *ret_n = n * times;
    return text;
}

static void test_as_many_lines_as_there_are(void **state)
{
    (void)state;
    size_t n;
    char *text = repeat("no-cli\n", IMPORT_LINES_MAX, &n);
    assert_int_equal(error_of(text, n), 0);
    free(text);
    text = repeat("no-cli\n", IMPORT_LINES_MAX + 1, &n);
    assert_int_equal(error_of(text, n), -E2BIG);
    free(text);
    text = repeat("no-cli\n", 1000000, &n);
    assert_int_equal(error_of(text, n), -E2BIG);
    free(text);
    text = repeat("# no-cli\r\n", 1000000, &n);
    assert_int_equal(error_of(text, n), 0);
    free(text);
}

/* Notes have room behind as many lines as there may be. */
static void test_notes_come_last(void **state)
{
    (void)state;
    size_t n;
    int r;
    char *text = repeat("no-cli\n", IMPORT_LINES_MAX, &n);
    struct import *i = import_bytes(text, n, &r);
    assert_int_equal(r, 0);
    assert_non_null(import_entry_at(i, 0, "static-auth-secret"));
    assert_non_null(import_entry_at(i, 0, "no-tcp-relay"));
    assert_non_null(import_entry_at(i, 0, "denied-peer-ip"));
    assert_non_null(import_entry_at(i, 0, "realm"));
    import_done(i);
    free(text);
}

static void test_long_lines(void **state)
{
    (void)state;
    for (size_t extra = 0; extra < 2; extra++) {
        char line[IMPORT_LINE_MAX + 16];
        snprintf(line, sizeof(line), "realm=%0*d", (int)(IMPORT_LINE_MAX - 6 + extra), 0);
        struct import *i = import_file(strcat(line, "\nno-cli\n"));
        assert_int_equal(i->entries[0].verdict, IMPORT_WRONG);
        assert_string_equal(i->entries[0].key, extra ? "" : "realm");
        assert_string_equal(i->entries[1].key, "no-cli");
        import_done(i);
    }
    size_t n;
    char *text = repeat("0123456789", 500000, &n);
    memcpy(text, "no-cli\nrealm=", 13);
    int r;
    struct import *i = import_bytes(text, n, &r);
    assert_int_equal(r, 0);
    assert_int_equal(i->entries[1].verdict, IMPORT_WRONG);
    import_done(i);
    free(text);
}

/* What a line held that is not understood is not said. */
static void test_entries_hold_nothing_of_the_file(void **state)
{
    (void)state;
    struct import *i = import_file("no-cli\nstatic-auth-secretgeheim-geheim-geheim\n");
    assert_string_equal(i->entries[1].key, "");
    assert_null(i->entries[1].option);
    import_done(i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_numbers_of_lines),
        cmocka_unit_test(test_files_that_are_none),
        cmocka_unit_test(test_as_many_lines_as_there_are),
        cmocka_unit_test(test_notes_come_last),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_entries_hold_nothing_of_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
