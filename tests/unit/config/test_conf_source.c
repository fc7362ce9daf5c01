/* The text behind the parser: includes, places, numbers, bounds. */
#include <errno.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "unit/config/conf_file.h"

static struct conf conf;
static struct conf_error err;

static void expect_refused(const char *text, const char *said)
{
    assert_int_equal(conf_try(text, &conf, &err), -EINVAL);
    assert_string_equal(conf_said(&err), said);
}

static void t_include(void **state)
{
    (void)state;
    char text[256];
    char sub[160];
    snprintf(sub, sizeof(sub), "%s/sub", conf_dir);
    assert_int_equal(mkdir(sub, 0700), 0);
    conf_write("sub/b.conf", "threads = 3;\n@include \"c.conf\"\nlifetime_max = 700;");
    conf_write("sub/c.conf", "realm = \"c\";");
    assert_int_equal(conf_try("@include \"sub/b.conf\"\nbinding = false;\n", &conf, &err), 0);
    assert_int_equal(conf.threads, 3);
    assert_string_equal(conf.realm, "c");
    assert_int_equal(conf.lifetime_max, 700);
    assert_false(conf.binding);

    snprintf(text, sizeof(text), " \t@include  \"%s/sub/c.conf\" # why\n", conf_dir);
    assert_int_equal(conf_try(text, &conf, &err), 0);
    assert_string_equal(conf.realm, "c");

    /* Mistakes are named where they stand, before, in and behind an included file. */
    conf_write("sub/c.conf", "\nrealm = 1;\n");
    expect_refused("@include \"sub/b.conf\"\n",
                   "sub/c.conf:2: realm: expected a text in quotation marks, 1 to 127 bytes, e.g. "
                   "realm = \"turn\";");
    conf_write("sub/c.conf", "");
    expect_refused("\n@include \"sub/b.conf\"\nrelm = 1;\n",
                   "a.conf:3: \"relm\" is not an option; did you mean \"realm\"?");
    conf_write("sub/c.conf", "relm = 1;");
    expect_refused("@include \"sub/b.conf\"\n",
                   "sub/c.conf:1: \"relm\" is not an option; did you mean \"realm\"?");
    conf_remove("sub/b.conf");
    conf_remove("sub/c.conf");
    rmdir(sub);
}

#define NO_INCLUDE "@include: expected a file that can be read: "

static void t_bad_includes(void **state)
{
    (void)state;
    expect_refused("\n@include \"none.conf\"\n",
                   "a.conf:2: " NO_INCLUDE "No such file or directory");
    expect_refused("@include \".\"\n", "a.conf:1: " NO_INCLUDE "this is not a regular file");
    expect_refused("@include \"/dev/zero\"\n",
                   "a.conf:1: " NO_INCLUDE "this is not a regular file");
    expect_refused("@include \"a.conf\"\n",
                   "a.conf:1: " NO_INCLUDE "includes are too many or too deep; does a file "
                   "include itself?");
    expect_refused("@include none.conf\n", "a.conf:1: expected `option = value;`, texts in "
                                           "quotation marks, e.g. realm = \"turn\";");
    char text[700];
    snprintf(text, sizeof(text), "@include \"%0600d\"\n", 0);
    expect_refused(text, "a.conf:1: " NO_INCLUDE "the name of the file is too long");
}

/* In comments and texts it is no directive. */
static void t_include_elsewhere(void **state)
{
    (void)state;
    assert_int_equal(conf_try("/*\n@include \"none\"\n*/\n# @include \"none\"\n", &conf, &err), 0);
    assert_int_equal(conf_try("realm = \"x\"; // @include \"none\"\n", &conf, &err), 0);
}

static void t_what_is_no_text(void **state)
{
    (void)state;
    conf_write_bytes("a.conf", "threads = 1;\0", 13);
    assert_int_equal(conf_load(conf_path, &conf, &err), -EINVAL);
    assert_non_null(strstr(err.text, "this is no text, or one of more than 256 KiB"));
    conf_write("a.conf", "");
    assert_int_equal(truncate(conf_path, 300000), 0);
    assert_int_equal(conf_load(conf_path, &conf, &err), -EINVAL);
    assert_non_null(strstr(err.text, "this is no text, or one of more than 256 KiB"));
}

static void t_too_many_lines(void **state)
{
    (void)state;
    static char text[8193];
    memset(text, '\n', sizeof(text));
    conf_write_bytes("a.conf", text, 8192);
    assert_int_equal(conf_load(conf_path, &conf, &err), 0);
    conf_write_bytes("a.conf", text, 8193);
    assert_int_equal(conf_load(conf_path, &conf, &err), -E2BIG);
    assert_string_equal(conf_said(&err), "a.conf:8193: the configuration is too long");
}

/* Sixteen files of a quarter of a mebibyte in sum are too long as one text, too. */
static void t_too_long_together(void **state)
{
    (void)state;
    static char text[200001];
    memset(text, ' ', sizeof(text) - 1);
    text[sizeof(text) - 2] = '\n';
    conf_write("b.conf", text);
    assert_int_equal(conf_try("@include \"b.conf\"\n", &conf, &err), 0);
    assert_int_equal(conf_try("@include \"b.conf\"\n@include \"b.conf\"\n", &conf, &err), -E2BIG);
    assert_string_equal(conf_said(&err), "b.conf:1: the configuration is too long");
    conf_remove("b.conf");
}

static void expect_text(const char *in, const char *want)
{
    struct conf_source *s = NULL;
    conf_write("a.conf", in);
    assert_int_equal(conf_source_read(conf_path, &s, &err), 0);
    assert_string_equal(conf_source_text(s), want);
    conf_source_free(s);
}

static void t_numbers(void **state)
{
    (void)state;
    expect_text("a=5;", "a=5L;\n");
    expect_text("a = -5L; b=0x1F", "a = -5L; b=0x1FL\n");
    expect_text("a = 5LL", "a = 5L\n");
    expect_text("a = 5.25; b = 5e-3;", "a = 5.25; b = 5e-3;\n");
    expect_text("prefix_ipv4 = 8", "prefix_ipv4 = 8L\n");
    expect_text("a-5 = 1", "a-5 = 1L\n");
    expect_text("a = \"5 \\\" 6\"; # 7", "a = \"5 \\\" 6\"; # 7\n");
    expect_text("/* 5 \" */ 6", "/* 5 \" */ 6L\n");
    expect_text("a = 1234567890123456789", "a = 9223372036854775807L\n");
    expect_text("a = 0xFFFFFFFFFFFFFFFFF", "a = 9223372036854775807L\n");
    expect_text("a\r\nb", "a\r\nb\n");
}

/* Passwords do not reach the parser, which would leave them in freed memory. */
static void t_passwords_are_kept_back(void **state)
{
    (void)state;
    struct conf_source *s = NULL;
    conf_write("a.conf",
               "password = \"p\\\"\\x41\\q\\n\", name=\"password\"; password:\n # x\n\"two\";"
               "password = 5 \"no\"; passwords = \"no\"");
    assert_int_equal(conf_source_read(conf_path, &s, &err), 0);
    assert_string_equal(conf_source_text(s),
                        "password = \"0\", name=\"password\"; password:\n # x\n"
                        "\"1\";password = 5L \"2\"; passwords = \"no\"\n");
    assert_string_equal(conf_source_secret(s, "0"), "p\"A\\q\n");
    assert_string_equal(conf_source_secret(s, "1"), "two");
    assert_null(conf_source_secret(s, "3"));
    assert_null(conf_source_secret(s, ""));
    assert_null(conf_source_secret(s, "1x"));
    conf_source_free(s);

    conf_write("a.conf", "redis_password = \"one\"; issuer_key = \"two\"; issuer_keys = \"no\"");
    assert_int_equal(conf_source_read(conf_path, &s, &err), 0);
    assert_string_equal(conf_source_text(s),
                        "redis_password = \"0\"; issuer_key = \"1\"; issuer_keys = \"no\"\n");
    assert_string_equal(conf_source_secret(s, "1"), "two");
    conf_source_free(s);

    char text[700];
    snprintf(text, sizeof(text), "password = \"%0255d\" password = \"%0256d\" password=\"a\\x00b\"",
             0, 0);
    conf_write("a.conf", text);
    assert_int_equal(conf_source_read(conf_path, &s, &err), 0);
    assert_null(conf_source_secret(s, "1"));
    assert_null(conf_source_secret(s, "2"));
    assert_int_equal(strlen(conf_source_secret(s, "0")), 255);
    conf_source_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_include),           cmocka_unit_test(t_bad_includes),
        cmocka_unit_test(t_include_elsewhere), cmocka_unit_test(t_what_is_no_text),
        cmocka_unit_test(t_too_many_lines),    cmocka_unit_test(t_too_long_together),
        cmocka_unit_test(t_numbers),           cmocka_unit_test(t_passwords_are_kept_back),
    };
    return cmocka_run_group_tests(tests, conf_setup, conf_teardown);
}
