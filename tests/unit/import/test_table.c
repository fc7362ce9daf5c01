/* The table of coturn's options, as a whole. */
#include "unit/import/imported.h"

#include "import/import_int.h"

static void test_names_and_letters_are_there_once(void **state)
{
    (void)state;
    const struct import_row *row;
    size_t n = 0;
    for (; (row = import_row_at(n)); n++) {
        assert_ptr_equal(import_row_find(row->name), row);
        if (row->letter)
            assert_ptr_equal(import_row_of_letter(row->letter), row);
    }
    assert_true(n > 130);
    assert_null(import_row_find("turn"));
    assert_null(import_row_of_letter('!'));
}

static void assert_sentence(const char *text)
{
    size_t n = strlen(text);
    assert_true(n > 3 && strchr(".;", text[n - 1]) && text[0] >= 'A' && text[0] <= 'Z');
}

static void test_every_row_says_something(void **state)
{
    (void)state;
    const struct import_row *row;
    for (size_t n = 0; (row = import_row_at(n)); n++) {
        assert_sentence(row->text);
        if (row->off)
            assert_sentence(row->off);
        assert_true(row->verdict != IMPORT_WRONG);
        if (row->verdict == IMPORT_NONE && !row->take)
            assert_null(row->option);
    }
}

static void test_our_options_exist(void **state)
{
    (void)state;
    char *reference = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&reference, &len);
    assert_non_null(f);
    conf_print_reference(f);
    (void)fclose(f);
    const struct import_row *row;
    for (size_t n = 0; (row = import_row_at(n)); n++) {
        char copy[64];
        snprintf(copy, sizeof(copy), "%s", row->option ? row->option : "");
        char *rest = NULL;
        for (char *w = strtok_r(copy, ", ", &rest); w; w = strtok_r(NULL, ", ", &rest)) {
            char line[80];
            snprintf(line, sizeof(line), "\n%s = ", w);
            assert_non_null(strstr(reference, line));
        }
    }
    free(reference);
}

/* Whatever follows an option, something is said of it and nothing breaks. */
static void test_every_option_with_every_kind_of_value(void **state)
{
    (void)state;
    static const char *const values[] = {
        "",
        "=",
        "=0",
        "=1",
        "=off",
        "=maybe",
        "=-1",
        "=65535",
        "=65536",
        "=1000000000",
        "=/a",
        "=a:b",
        "=1.2.3.4",
        "=::1",
        "=1.2.3.4/5.6.7.8",
        "=a=b c=d",
        "=0.0.0.0-255.255.255.255",
        "=\xff\xfe",
        "=\"quoted\"",
        "=999999999999999999999999999999999999999999",
    };
    const struct import_row *row;
    for (size_t n = 0; (row = import_row_at(n)); n++)
        for (size_t v = 0; v < sizeof(values) / sizeof(*values); v++) {
            char file[160];
            snprintf(file, sizeof(file), "%s%s\n", row->name, values[v]);
            struct import *i = import_file(file);
            assert_string_equal(i->entries[0].key, row->name);
            assert_sentence(i->entries[0].text);
            if (i->entries[0].verdict == IMPORT_WRONG)
                assert_true(i->entries[0].by_hand);
            import_done(i);
        }
}

static void test_verdicts_have_names(void **state)
{
    (void)state;
    for (int v = 0; v < IMPORT_VERDICTS; v++)
        assert_non_null(import_verdict_name((enum import_verdict)v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_letters_are_there_once),
        cmocka_unit_test(test_every_row_says_something),
        cmocka_unit_test(test_our_options_exist),
        cmocka_unit_test(test_every_option_with_every_kind_of_value),
        cmocka_unit_test(test_verdicts_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
