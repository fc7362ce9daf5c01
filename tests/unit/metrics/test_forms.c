/* The forms for programs and terminals, byte by byte. */
#include "metrics/metrics.h"

#include <ctype.h>
#include <stdio.h>

#include "metrics/show.h"
#include "metrics/text.h"

#include "sample.h"

struct form {
    char text[METRICS_PAGE_MAX + 1];
    struct writer w;
};

static struct writer *blank(struct form *f, size_t cap)
{
    memset(f->text, 0, sizeof f->text);
    f->w = w_over(f->text, cap);
    return &f->w;
}

static struct bed two_windows(void)
{
    struct bed b = sample_bed(METRICS_STANDARD, true);
    bed_start(&b);
    sample_window(&b, 1728000000, -12, 6400, 1000);
    sample_window(&b, 1728086400, 1234, -64, 0);
    return b;
}

#define HEALTH_LINES                                                                               \
    "# HELP drehkreuz_start_time_seconds When the server began, Unix time.\n"                      \
    "# TYPE drehkreuz_start_time_seconds gauge\n"                                                  \
    "drehkreuz_start_time_seconds 1728000060\n"

#define WINDOW_LINES                                                                               \
    "# HELP drehkreuz_capacity_alarm 1 if about four fifths of all possible allocations are in "   \
    "use, with noise.\n"                                                                           \
    "# TYPE drehkreuz_capacity_alarm gauge\n"                                                      \
    "drehkreuz_capacity_alarm 0\n"                                                                 \
    "# HELP drehkreuz_window_begin_timestamp_seconds Begin of the last released window, Unix "     \
    "time.\n"                                                                                      \
    "# TYPE drehkreuz_window_begin_timestamp_seconds gauge\n"                                      \
    "drehkreuz_window_begin_timestamp_seconds 1728086400\n"                                        \
    "# HELP drehkreuz_window_end_timestamp_seconds End of the last released window, Unix time.\n"  \
    "# TYPE drehkreuz_window_end_timestamp_seconds gauge\n"                                        \
    "drehkreuz_window_end_timestamp_seconds 1728172800\n"                                          \
    "# HELP drehkreuz_relay_allocations Allocations begun in the window, with noise; may be "      \
    "negative.\n"                                                                                  \
    "# TYPE drehkreuz_relay_allocations gauge\n"                                                   \
    "drehkreuz_relay_allocations 1234\n"                                                           \
    "# HELP drehkreuz_relay_volume_bytes Relayed by allocations that ended in the window, with "   \
    "noise; may be negative.\n"                                                                    \
    "# TYPE drehkreuz_relay_volume_bytes gauge\n"                                                  \
    "drehkreuz_relay_volume_bytes -1073741824\n"                                                   \
    "# HELP drehkreuz_auth_rejected Refused logins in the window, with noise: 0, 1000, 10000 or "  \
    "100000 or more.\n"                                                                            \
    "# TYPE drehkreuz_auth_rejected gauge\n"                                                       \
    "drehkreuz_auth_rejected 0\n"

static void prometheus_gets_the_last_window(void **state)
{
    (void)state;
    static struct form f;
    struct bed b = two_windows();
    struct metrics_health h = sample_health();
    metrics_print_prometheus(b.m, &h, false, blank(&f, METRICS_TEXT_MAX));
    assert_false(f.w.bad);
    assert_non_null(strstr(f.text, HEALTH_LINES));
    const char *end = f.text + f.w.n - strlen(WINDOW_LINES);
    assert_string_equal(end, WINDOW_LINES);
    static const char *const lines[] = {
        "\ndrehkreuz_build_info{version=\"1.2.3\"} 1\n",
        "\ndrehkreuz_ready 1\n",
        "\ndrehkreuz_draining 0\n",
        "\ndrehkreuz_credentials_loaded 1\n",
        "\ndrehkreuz_relay_address_known 1\n",
        "\ndrehkreuz_config_generation 7\n",
        "\ndrehkreuz_workers 4\n",
        "\ndrehkreuz_udp_segment_enabled 1\n",
        "\ndrehkreuz_certificate_remaining_seconds 6134400\n",
        "\ndrehkreuz_redis_up 1\n",
        "\ndrehkreuz_redis_age_seconds 12\n",
        "\ndrehkreuz_statistics_info{profile=\"standard\"} 1\n",
        "\ndrehkreuz_window_duration_seconds 86400\n",
        "\ndrehkreuz_privacy_group 16\n",
        "\ndrehkreuz_privacy_noise_scale{metric=\"relay_allocations\"} 40\n",
        "\ndrehkreuz_privacy_noise_scale{metric=\"relay_volume_bytes\"} 10737418240\n",
        "\ndrehkreuz_privacy_noise_scale{metric=\"auth_rejected\"} 80\n",
        "\ndrehkreuz_privacy_noise_scale{metric=\"capacity_alarm\"} 512\n",
        "\ndrehkreuz_privacy_epsilon{metric=\"relay_volume_bytes\"} 0.4\n",
        "\ndrehkreuz_privacy_epsilon{metric=\"capacity_alarm\"} 0.25\n",
        "\ndrehkreuz_privacy_epsilon_overall 1.25\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        assert_non_null(strstr(f.text, lines[i]));
    metrics_free(b.m);
}

/* --- The grammar of the text format, line by line --- */

static const char *name_end(const char *p)
{
    while (islower((unsigned char)*p) || *p == '_')
        p++;
    return p;
}

static const char *number_end(const char *p)
{
    p += *p == '-';
    assert_true(isdigit((unsigned char)*p));
    while (isdigit((unsigned char)*p) || *p == '.')
        p++;
    return p;
}

static const char *label_end(const char *p)
{
    assert_true(*p == '{');
    p = name_end(p + 1);
    assert_memory_equal(p, "=\"", 2);
    for (p += 2; *p != '"'; p++) {
        assert_true(*p && *p != '\n');
        p += *p == '\\';
    }
    assert_true(p[1] == '}');
    return p + 2;
}

/* What the family of the lines read so far is called. */
struct family {
    const char *name;
    size_t n;
};

static const char *comment_end(const char *p, struct family *f)
{
    bool is_help = strncmp(p, "# HELP ", 7) == 0;
    assert_true(is_help || strncmp(p, "# TYPE ", 7) == 0 || strncmp(p, "# UNIT ", 7) == 0);
    const char *end = name_end(p + 7);
    if (is_help)
        *f = (struct family){p + 7, (size_t)(end - p - 7)};
    assert_int_equal(end - p - 7, f->n);
    assert_memory_equal(p + 7, f->name, f->n);
    assert_true(*end == ' ');
    while (*end != '\n')
        assert_true(*end++);
    return end;
}

static const char *line_end(const char *p, struct family *f)
{
    if (*p == '#')
        return comment_end(p, f);
    assert_memory_equal(p, f->name, f->n);
    p = name_end(p);
    if (*p == '{')
        p = label_end(p);
    assert_true(*p == ' ');
    return number_end(p + 1);
}

static void assert_grammar(const struct form *f)
{
    struct family family = {"", 0};
    const char *p = f->text;
    while (*p && strcmp(p, "# EOF\n") != 0) {
        p = line_end(p, &family);
        assert_true(*p++ == '\n');
    }
}

static void prometheus_has_the_right_grammar_always(void **state)
{
    (void)state;
    static struct form f;
    struct metrics_health healths[] = {sample_health(), worst_health(), {.version = ""}};
    for (int i = 0; i < 3 * 2 * 3 * 2; i++) {
        struct bed b = sample_bed((enum metrics_profile)(i % 3), true);
        bed_start(&b);
        if (i / 3 % 2)
            fill_worst(&b, -METRICS_VALUE_MAX);
        bool is_openmetrics = i / 18;
        metrics_print_prometheus(b.m, &healths[i / 6 % 3], is_openmetrics,
                                 blank(&f, METRICS_TEXT_MAX));
        assert_false(f.w.bad);
        assert_grammar(&f);
        assert_int_equal(!!strstr(f.text, "# EOF\n"), is_openmetrics);
        metrics_free(b.m);
    }
}

static void openmetrics_has_units_infos_and_an_end(void **state)
{
    (void)state;
    static struct form f;
    struct bed b = two_windows();
    struct metrics_health h = sample_health();
    metrics_print_prometheus(b.m, &h, true, blank(&f, METRICS_TEXT_MAX));
    assert_non_null(strstr(f.text, "# TYPE drehkreuz_build info\ndrehkreuz_build_info{"));
    assert_non_null(strstr(f.text, "\n# UNIT drehkreuz_relay_volume_bytes bytes\n"));
    assert_non_null(strstr(f.text, "\n# UNIT drehkreuz_redis_age_seconds seconds\n"));
    assert_string_equal(f.text + f.w.n - 6, "# EOF\n");
    metrics_free(b.m);
}

static void what_does_not_exist_is_left_out(void **state)
{
    (void)state;
    static struct form f;
    struct bed b = sample_bed(METRICS_STRICT, true);
    struct metrics_health h = {.version = "1", .redis_age = -1};
    bed_start(&b);
    metrics_print_prometheus(b.m, &h, false, blank(&f, METRICS_TEXT_MAX));
    static const char *const absent[] = {"redis",   "certificate",       "capacity", "window",
                                         "privacy", "relay_allocations", "volume",   "rejected"};
    for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++)
        assert_null(strstr(f.text, absent[i]));
    assert_non_null(strstr(f.text, "drehkreuz_ready 0\n"));
    metrics_free(b.m);
}

/* --- JSON --- */

static void json_is_exact(void **state)
{
    (void)state;
    static struct form f;
    struct bed b = two_windows();
    struct metrics_health h = sample_health();
    metrics_print_json(b.m, &h, blank(&f, METRICS_TEXT_MAX));
    assert_string_equal(
        f.text,
        "{\"health\":{\"version\":\"1.2.3\",\"started\":1728000060,\"ready\":true,"
        "\"draining\":false,\"credentials_loaded\":true,\"relay_address_known\":true,"
        "\"config_generation\":7,\"workers\":4,\"udp_segment\":true,\"certificate_days\":71,"
        "\"redis\":\"up\",\"redis_age\":12},\"usage\":{\"profile\":\"standard\",\"window\":86400,"
        "\"volume_unit\":16777216,\"group\":16,\"epsilon\":1.25,\"ledger\":["
        "{\"name\":\"relay_allocations\",\"contribution\":\"1 for each allocation, in the window "
        "of its birth\",\"clip\":1,\"noise_scale\":40,\"epsilon\":0.4},"
        "{\"name\":\"relay_volume\",\"contribution\":\"bytes relayed by an allocation in units of "
        "16 MiB, 16 at most, in the window of its end\",\"clip\":16,\"noise_scale\":640,"
        "\"epsilon\":0.4},"
        "{\"name\":\"auth_rejected\",\"contribution\":\"1 for each nonce under which a login was "
        "refused, then a band\",\"clip\":1,\"noise_scale\":80,\"epsilon\":0.2},"
        "{\"name\":\"capacity_alarm\",\"contribution\":\"1 for each living allocation, in a "
        "comparison once an hour, 2 answers per window at most\",\"clip\":1,\"noise_scale\":512,"
        "\"epsilon\":0.25}],\"capacity_alarm\":false,\"windows\":["
        "{\"begin\":1728000000,\"end\":1728086400,\"relay_allocations\":-12,\"relay_volume\":6400,"
        "\"auth_rejected\":1000},"
        "{\"begin\":1728086400,\"end\":1728172800,\"relay_allocations\":1234,"
        "\"relay_volume\":-64,\"auth_rejected\":0}]}}\n");
    metrics_free(b.m);
}

static void json_without_anything_and_with_hostile_text(void **state)
{
    (void)state;
    static struct form f;
    struct bed b = sample_bed(METRICS_STRICT, false);
    struct metrics_health h = {.version = "a\"b\\c\n\x1f", .redis_age = -1};
    bed_start(&b);
    metrics_print_json(b.m, &h, blank(&f, METRICS_TEXT_MAX));
    assert_string_equal(
        f.text,
        "{\"health\":{\"version\":\"a\\\"b\\\\c\\u000a\\u001f\",\"started\":0,\"ready\":false,"
        "\"draining\":false,\"credentials_loaded\":false,\"relay_address_known\":false,"
        "\"config_generation\":0,\"workers\":0,\"udp_segment\":false,\"certificate_days\":null,"
        "\"redis\":\"none\",\"redis_age\":null},\"usage\":{\"profile\":\"strict\","
        "\"window\":86400,\"volume_unit\":16777216,\"group\":16,\"epsilon\":0,\"ledger\":[],"
        "\"capacity_alarm\":null,\"windows\":[]}}\n");
    metrics_free(b.m);
}

/* --- Text --- */

static void text_is_one_screen(void **state)
{
    (void)state;
    static struct form f;
    struct bed b = sample_bed(METRICS_STANDARD, true);
    struct metrics_health h = sample_health();
    bed_start(&b);
    fill_worst(&b, 123456);
    metrics_print_text(b.m, &h, blank(&f, METRICS_TEXT_MAX));
    assert_false(f.w.bad);
    size_t lines = 0;
    size_t column = 0;
    for (const char *p = f.text; *p; p++) {
        column = *p == '\n' ? 0 : column + 1;
        lines += *p == '\n';
        assert_true(column <= 80);
    }
    assert_true(lines <= 23);
    assert_non_null(strstr(f.text, "  about 123,460       about 1,930         at least 100,000\n"));
    metrics_free(b.m);
}

static void text_explains_what_is_not_there(void **state)
{
    (void)state;
    static struct form f;
    struct metrics_health h = worst_health();
    struct bed b = sample_bed(METRICS_STANDARD, false);
    b.wall += 5;
    bed_start(&b);
    metrics_print_text(b.m, &h, blank(&f, METRICS_TEXT_MAX));
    assert_non_null(strstr(f.text, "no; neither secrets nor users; no address to relay from; "
                                   "draining\n"));
    assert_non_null(strstr(f.text, "The first one ends\non 2024-10-06 00:00 (UTC).\n"));
    metrics_free(b.m);
    b = sample_bed(METRICS_STRICT, false);
    bed_start(&b);
    metrics_print_text(b.m, &h, blank(&f, METRICS_TEXT_MAX));
    assert_non_null(strstr(f.text, "Usage is not counted: the profile is strict.\n"));
    metrics_free(b.m);
}

/* --- The report --- */

static const char *report(struct form *f, const struct bed *b)
{
    metrics_print_report(b->m, blank(f, 255));
    assert_false(f->w.bad);
    return f->text;
}

static void reports_are_coarse(void **state)
{
    (void)state;
    static struct form f;
    struct bed b = sample_bed(METRICS_STANDARD, false);
    bed_start(&b);
    assert_string_equal(report(&f, &b), "");
    sample_window(&b, 1728000000, 19, 20 * 64 - 1, 0);
    assert_string_equal(report(&f, &b),
                        "2024-10-04 (UTC): fewer than 20 allocations, less than 20 GiB relayed, "
                        "fewer than 1,000 refused logins");
    sample_window(&b, 1728086400, 20, 20 * 64, 1000);
    assert_string_equal(report(&f, &b), "2024-10-05 (UTC): about 20 allocations, about 20 GiB "
                                        "relayed, at least 1,000 refused logins");
    sample_window(&b, 1728172800, 1235, 25 * 64, 100000);
    assert_string_equal(report(&f, &b), "2024-10-06 (UTC): about 1,240 allocations, about 30 GiB "
                                        "relayed, at least 100,000 refused logins");
    sample_window(&b, 1728259200, -METRICS_VALUE_MAX, -1, 0);
    assert_non_null(strstr(report(&f, &b), "fewer than 20 allocations, less than 20 GiB"));
    metrics_free(b.m);
    b = sample_bed(METRICS_FLEET, false);
    bed_start(&b);
    sample_window(&b, 1728000000 + 23 * 3600, METRICS_VALUE_MAX, METRICS_VALUE_MAX, 10000);
    assert_string_equal(report(&f, &b),
                        "2024-10-04 23:00 to 2024-10-05 00:00 (UTC): about 100,000,000,000 "
                        "allocations, about 1,562,500,000 GiB relayed, at least 10,000 refused "
                        "logins");
    metrics_free(b.m);
}

static void a_week_has_two_dates(void **state)
{
    (void)state;
    static struct form f;
    struct bed b = sample_bed(METRICS_STANDARD, false);
    b.conf.window = METRICS_WINDOW_MAX;
    bed_start(&b);
    sample_window(&b, INT64_C(1728000000) / 604800 * 604800, 100, 6400, 0);
    assert_string_equal(report(&f, &b), "2024-10-03 to 2024-10-09 (UTC): about 100 allocations, "
                                        "about 100 GiB relayed, fewer than 1,000 refused logins");
    metrics_free(b.m);
}

/* --- Numbers and days --- */

static void days_are_right(void **state)
{
    (void)state;
    static const struct {
        int64_t at;
        const char *text;
    } days[] = {
        {0, "1970-01-01"},
        {68169599, "1972-02-28"},
        {68169600, "1972-02-29"},
        {951782400, "2000-02-29"},
        {951868800, "2000-03-01"},
        {1767225599, "2025-12-31"},
        {INT64_C(4107542399), "2100-02-28"},
        {INT64_C(4107542400), "2100-03-01"},
        {TEXT_TIME_MAX, "9999-12-31"},
    };
    for (size_t i = 0; i < sizeof(days) / sizeof(*days); i++) {
        char text[16] = "";
        struct writer w = w_over(text, sizeof text);
        text_date(&w, days[i].at);
        assert_string_equal(text, days[i].text);
    }
}

static void numbers_are_right(void **state)
{
    (void)state;
    char text[128] = "";
    struct writer w = w_over(text, sizeof text);
    text_int(&w, INT64_MIN);
    text_put(&w, " ");
    text_grouped(&w, -1234567, '.');
    text_put(&w, " ");
    text_grouped(&w, 999, ',');
    static const uint32_t millis[] = {0, 5, 40, 400, 1000, 1250, 123456};
    for (size_t i = 0; i < sizeof(millis) / sizeof(*millis); i++) {
        text_put(&w, " ");
        text_milli(&w, millis[i]);
    }
    assert_string_equal(text, "-9223372036854775808 \u22121.234.567 999 0 0.005 0.04 0.4 1 1.25 "
                              "123.456");
}

static void what_does_not_fit_is_bad_and_stays_inside(void **state)
{
    (void)state;
    static struct form f;
    struct bed b = two_windows();
    struct metrics_health h = sample_health();
    for (size_t cap = 0; cap < 600; cap++) {
        metrics_print_json(b.m, &h, blank(&f, cap));
        assert_true(f.w.bad);
        assert_int_equal(strlen(f.text + cap), 0);
        metrics_print_text(b.m, &h, blank(&f, cap));
        assert_true(f.w.bad || f.w.n <= cap);
        metrics_print_prometheus(b.m, &h, false, blank(&f, cap));
        assert_true(f.w.bad);
    }
    metrics_free(b.m);
}

static void the_worst_fits(void **state)
{
    (void)state;
    static struct form f;
    struct metrics_health h = worst_health();
    for (int sign = -1; sign <= 1; sign += 2) {
        struct bed b = sample_bed(METRICS_STANDARD, true);
        bed_start(&b);
        fill_worst(&b, sign * METRICS_VALUE_MAX);
        metrics_print_json(b.m, &h, blank(&f, METRICS_TEXT_MAX));
        assert_false(f.w.bad);
        metrics_print_text(b.m, &h, blank(&f, METRICS_TEXT_MAX));
        assert_false(f.w.bad);
        metrics_print_prometheus(b.m, &h, true, blank(&f, METRICS_TEXT_MAX));
        assert_false(f.w.bad);
        metrics_free(b.m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prometheus_gets_the_last_window),
        cmocka_unit_test(prometheus_has_the_right_grammar_always),
        cmocka_unit_test(openmetrics_has_units_infos_and_an_end),
        cmocka_unit_test(what_does_not_exist_is_left_out),
        cmocka_unit_test(json_is_exact),
        cmocka_unit_test(json_without_anything_and_with_hostile_text),
        cmocka_unit_test(text_is_one_screen),
        cmocka_unit_test(text_explains_what_is_not_there),
        cmocka_unit_test(reports_are_coarse),
        cmocka_unit_test(a_week_has_two_dates),
        cmocka_unit_test(days_are_right),
        cmocka_unit_test(numbers_are_right),
        cmocka_unit_test(what_does_not_fit_is_bad_and_stays_inside),
        cmocka_unit_test(the_worst_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
