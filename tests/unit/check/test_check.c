/* Spans of time as the self-test says them. */
#include "check/check.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_span(void **state)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } rows[] = {{0, "0 s"},       {119, "119 s"},     {120, "2 min"},
                {5399, "90 min"}, {7170, "2 h"},      {7230, "2 h"},
                {172799, "48 h"}, {172800, "2 days"}, {34560020, "400 days"}};
    char text[CHECK_SPAN];
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(check_span(rows[i].seconds, text), rows[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_span)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
