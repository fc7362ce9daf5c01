/* What is printed loads again, and what is shipped is what the table generates. */
#include <errno.h>

#include "unit/config/conf_file.h"

#include "base/mem.h"

static char printed[65536];

static void print_to_text(void (*print)(FILE *))
{
    printed[0] = '\0'; /* which an empty text leaves as it is */
    FILE *f = fmemopen(printed, sizeof(printed), "w");
    assert_non_null(f);
    print(f);
    assert_int_equal(fclose(f), 0);
}

static struct conf shown;

static void print_shown(FILE *to)
{
    conf_print(&shown, to);
}

static void load(struct conf *ret, const char *text)
{
    struct conf_error err;
    if (conf_try(text, ret, &err) < 0)
        fail_msg("%s", err.text);
}

static void t_round_trip(void **state)
{
    (void)state;
    static struct conf back;
    static const char *const texts[] = {
        "",
        "listen = [\"192.0.2.1:1\"]; realm = \"a\\\\b \\\"c\\\"\"; bytes_per_prefix = "
        "1000000000000;"
        "allow_peers = [\"10.0.0.0/8\", \"2001:db8::/32\", \"::1\"]; deny_peer_ports = [ ];"
        "users = ( { name = \"al\\\"ice\"; password = \"(set)\"; } ); relay_ports = \"2000-2001\";"
        "listen_tls = [\"0.0.0.0:443\"]; turn_names = [\"a.example\", \"b\"]; proxy_from = "
        "[\"10.0.0.0/8\"]; certificates = ( { certificate = \"/a b\"; key = \"/\\\"k\"; } );"
        "redis_sentinels = [\"a:1\", \"[::1]:2\"]; redis_password = \"(set)\"; redis_db = 3;"
        "issuer_key = \"(set)\"; issuer_uris = [\"turns:a?transport=tcp\"];"
        "binding = false; software = true; user = \"nobody\"; secrets_file = \"\";",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        load(&shown, texts[i]);
        print_to_text(print_shown);
        load(&back, printed);
        assert_null(conf_needs_restart(&shown, &back));
        assert_memory_equal(&shown, &back, sizeof(back));
    }
}

/* The padding behind a network must not make two equal files differ. */
static void t_equal_networks_need_no_restart(void **state)
{
    (void)state;
    static struct conf again;
    static const char text[] = "proxy_from = [\"10.0.0.0/8\", \"2001:db8::/32\"];";
    load(&shown, text);
    memset(&again, 0x5a, sizeof(again));
    load(&again, text);
    assert_null(conf_needs_restart(&shown, &again));
}

static void t_passwords_are_not_printed(void **state)
{
    (void)state;
    load(&shown, "users = ( { name = \"alice\"; password = \"hunter2\"; } );"
                 "redis_password = \"hunter2\"; issuer_key = \"hunter2\";");
    assert_string_equal(shown.redis_password, "hunter2");
    assert_string_equal(shown.issuer_key, "hunter2");
    print_to_text(print_shown);
    assert_null(strstr(printed, "hunter2"));
    assert_non_null(strstr(printed, "users = ( { name = \"alice\"; password = \"(set)\"; } );"));
    assert_non_null(strstr(printed, "\nredis_password = \"(set)\";\n"));
    assert_non_null(strstr(printed, "\nissuer_key = \"(set)\";\n"));
    conf_wipe_users(&shown);
    assert_string_equal(shown.users.v[0].password, "");
    assert_string_equal(shown.redis_password, "hunter2");
    conf_wipe(&shown);
    assert_string_equal(shown.redis_password, "");
    assert_string_equal(shown.issuer_key, "");
    print_to_text(print_shown);
    assert_non_null(strstr(printed, "\nredis_password = \"\";\n"));
}

static void print_changed(FILE *to)
{
    assert_int_equal(conf_print_changed(&shown, to), 0);
}

static void t_changes_are_printed_with_passwords(void **state)
{
    (void)state;
    static struct conf back;
    static const char text[] = "listen = [ ];\nlisten_udp = [ \"192.0.2.1:1\" ];\n"
                               "users = ( { name = \"ann\"; password = \"a\\\"b\\\\c\"; } );\n"
                               "redis_password = \"hunter2\";\nbinding = false;\n";
    load(&shown, text);
    print_to_text(print_changed);
    assert_string_equal(printed, text);
    load(&back, printed);
    assert_memory_equal(&shown, &back, sizeof(back));
    conf_defaults(&shown);
    print_to_text(print_changed);
    assert_string_equal(printed, "");
    mem_fail_after(0);
    assert_int_equal(conf_print_changed(&shown, stdout), -ENOMEM);
    mem_fail_after(-1);
}

static const char *read_shipped(const char *name)
{
    static char text[65536];
    char path[512];
    snprintf(path, sizeof(path), "%s/../conf/%s", TESTS_DIR, name);
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("%s is missing", name);
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[n] = '\0';
    return text;
}

/* Print it anew with `drehkreuz config reference`. */
static void t_shipped_reference(void **state)
{
    (void)state;
    print_to_text(conf_print_reference);
    assert_string_equal(read_shipped("drehkreuz.reference.conf"), printed);
}

/* The part from OPTIONS up to FILES; print it anew with `drehkreuz config man`. */
static void t_shipped_manual(void **state)
{
    (void)state;
    print_to_text(conf_print_man);
    const char *manual = read_shipped("drehkreuz.conf.5");
    const char *from = strstr(manual, ".SH OPTIONS\n");
    const char *to = strstr(manual, ".SH FILES\n");
    assert_true(from && to && from < to);
    assert_int_equal(to - from, strlen(printed));
    assert_memory_equal(from, printed, strlen(printed));
}

static void t_shipped_files_are_right(void **state)
{
    (void)state;
    static struct conf c;
    static struct conf defaults;
    struct conf_error err;
    conf_defaults(&defaults);
    assert_int_equal(conf_check(&defaults, &err), 0);
    load(&c, read_shipped("drehkreuz.reference.conf"));
    assert_memory_equal(&c, &defaults, offsetof(struct conf, files));
    load(&c, read_shipped("drehkreuz.conf"));
    snprintf(defaults.metrics_listen, sizeof(defaults.metrics_listen), "127.0.0.1:9641");
    assert_memory_equal(&c, &defaults, offsetof(struct conf, files));
}

static void t_widths(void **state)
{
    (void)state;
    print_to_text(conf_print_reference);
    for (const char *line = printed; *line; line += strcspn(line, "\n") + 1)
        assert_true(line[0] != '#' || strcspn(line, "\n") <= 78);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_round_trip),
        cmocka_unit_test(t_equal_networks_need_no_restart),
        cmocka_unit_test(t_passwords_are_not_printed),
        cmocka_unit_test(t_changes_are_printed_with_passwords),
        cmocka_unit_test(t_shipped_reference),
        cmocka_unit_test(t_shipped_manual),
        cmocka_unit_test(t_widths),
        cmocka_unit_test(t_shipped_files_are_right),
    };
    return cmocka_run_group_tests(tests, conf_setup, conf_teardown);
}
