/* The page: well-formed, quiet towards the outside, the same numbers as everywhere, and never too
 * long. */
#include "metrics/page_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "metrics/show.h"
#include "metrics/text.h"

#include "sample.h"
#include "sha256.h"

enum { TAGS_MAX = 32 };

static char text[METRICS_PAGE_MAX + 1];

static size_t print(const struct bed *b, const struct metrics_health *h, enum metrics_lang lang)
{
    memset(text, 0, sizeof text);
    struct writer w = w_over(text, METRICS_PAGE_MAX);
    metrics_print_page(b->m, h, lang, &w);
    assert_false(w.bad);
    return w.n;
}

static size_t occurrences(const char *what)
{
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, what)); p++)
        n++;
    return n;
}

/* --- Well-formed: each tag closed in its order, attributes in quotes, no bare & or < --- */

struct nest {
    const char *name[TAGS_MAX];
    size_t length[TAGS_MAX];
    size_t n;
};

static bool is_void(const char *name, size_t n)
{
    return (n == 4 && memcmp(name, "meta", 4) == 0) || *name == '!';
}

static const char *attributes_end(const char *p)
{
    while (*p != '>' && *p != '/') {
        assert_true(*p == ' ' || *p == '\n');
        p++;
        p += strcspn(p, "=> ");
        if (*p != '=')
            continue; /* <!DOCTYPE html> */
        assert_true(p[1] == '"');
        p = strchr(p + 2, '"');
        assert_non_null(p);
        p++;
    }
    return p;
}

static const char *close_tag(const char *p, struct nest *nest)
{
    assert_true(nest->n > 0);
    nest->n--;
    assert_memory_equal(p, nest->name[nest->n], nest->length[nest->n]);
    p += nest->length[nest->n];
    assert_true(*p == '>');
    return p + 1;
}

static const char *open_tag(const char *p, struct nest *nest)
{
    size_t n = strcspn(p, " >/\n");
    const char *end = attributes_end(p + n);
    if (*end == '/') {
        assert_true(end[1] == '>');
        return end + 2;
    }
    if (!is_void(p, n)) {
        assert_true(nest->n < TAGS_MAX);
        nest->name[nest->n] = p;
        nest->length[nest->n++] = n;
    }
    return end + 1;
}

static void assert_well_formed(void)
{
    struct nest nest = {.n = 0};
    for (const char *p = text; *p;) {
        assert_true(*p != '>');
        assert_true(*p != '&' || strncmp(p, "&#", 2) == 0);
        if (*p != '<')
            p++;
        else
            p = p[1] == '/' ? close_tag(p + 2, &nest) : open_tag(p + 1, &nest);
    }
    assert_int_equal(nest.n, 0);
}

/* Nothing that the policy forbids, and nothing that leads away. */
static void assert_quiet(void)
{
    static const char *const forbidden[] = {"<script", "style=", "http:",   "https:", "url(",
                                            "@import", "onload", "onclick", "src=",   "<form",
                                            "<iframe", "<base",  "<link",   "<img",   "data:"};
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(*forbidden); i++)
        assert_null(strstr(text, forbidden[i]));
    assert_int_equal(occurrences("<style>"), 1);
    assert_int_equal(occurrences("href="), 3);
}

static void every_page_is_well_formed_and_quiet(void **state)
{
    (void)state;
    const struct metrics_health healths[] = {sample_health(), worst_health(), {.version = ""}};
    static const int64_t values[] = {-METRICS_VALUE_MAX, -1, 0, 1, 7777, METRICS_VALUE_MAX};
    for (size_t i = 0; i < 3 * 3 * 7; i++) {
        struct bed b = sample_bed((enum metrics_profile)(i % 3), true);
        bed_start(&b);
        if (i / 9 < 6 && i % 3 != METRICS_STRICT)
            fill_worst(&b, values[i / 9]);
        for (enum metrics_lang lang = METRICS_EN; lang <= METRICS_DE; lang++) {
            print(&b, &healths[i / 3 % 3], lang);
            assert_well_formed();
            assert_quiet();
        }
        metrics_free(b.m);
    }
}

static void the_policy_knows_the_style_sheet(void **state)
{
    (void)state;
    uint8_t hash[32];
    char base64[45];
    sha256("abc", 3, hash); /* FIPS 180-4's own example */
    base64_of_32(hash, base64);
    assert_string_equal(base64, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    struct bed b = sample_bed(METRICS_STRICT, false);
    struct metrics_health h = sample_health();
    bed_start(&b);
    print(&b, &h, METRICS_EN);
    const char *begin = strstr(text, "<style>") + 7;
    sha256(begin, (size_t)(strstr(text, "</style>") - begin), hash);
    base64_of_32(hash, base64);
    assert_string_equal(base64, METRICS_PAGE_STYLE_HASH);
    assert_non_null(strstr(METRICS_PAGE_CSP, base64));
    metrics_free(b.m);
}

static void the_longest_page_fits(void **state)
{
    (void)state;
    const struct metrics_health h = worst_health();
    size_t most = 0;
    for (int i = 0; i < 4; i++) {
        struct bed b = sample_bed(METRICS_STANDARD, true);
        b.conf.window = i < 2 ? 0 : 86400 + 3600; /* no whole days: times beside the dates */
        bed_start(&b);
        fill_worst(&b, METRICS_VALUE_MAX);
        for (int64_t n = 0; n < METRICS_WINDOWS_KEPT; n++)
            b.m->kept[n].value[METRICS_ALLOCATIONS] -= n;
        size_t n = print(&b, &h, i % 2 ? METRICS_DE : METRICS_EN);
        most = n > most ? n : most;
        metrics_free(b.m);
    }
    print_message("the longest page has %zu of %d bytes\n", most, METRICS_PAGE_MAX);
    assert_true(most < METRICS_PAGE_MAX * 3 / 4);
}

static void too_small_a_buffer_is_bad_and_stays_whole(void **state)
{
    (void)state;
    struct bed b = sample_bed(METRICS_STANDARD, true);
    const struct metrics_health h = sample_health();
    bed_start(&b);
    fill_worst(&b, 100);
    for (size_t cap = 0; cap < 20000; cap += 97) {
        memset(text, 0, sizeof text);
        struct writer w = w_over(text, cap);
        metrics_print_page(b.m, &h, METRICS_DE, &w);
        assert_true(w.bad);
        assert_int_equal(text[cap], 0);
    }
    metrics_free(b.m);
}

static void hostile_text_stays_text(void **state)
{
    (void)state;
    struct bed b = sample_bed(METRICS_STRICT, false);
    struct metrics_health h = sample_health();
    h.version = "<b>&\"";
    bed_start(&b);
    print(&b, &h, METRICS_EN);
    assert_non_null(strstr(text, "<dd>&#60;b&#62;&#38;&#34;</dd>"));
    metrics_free(b.m);
}

/* --- Charts --- */

/* The n-th path of class c: where it begins and how far up or down it goes. */
struct line {
    long x;
    long from;
    long to;
};

static struct line path(const char *p, const char *class, size_t n)
{
    char mark[40];
    snprintf(mark, sizeof mark, "<path class=\"%s\" d=\"M", class);
    for (p = strstr(p, mark); p && n; n--)
        p = strstr(p + 1, mark);
    assert_non_null(p);
    char *end;
    struct line l;
    l.x = strtol(p + strlen(mark), &end, 10);
    l.from = strtol(end, &end, 10);
    assert_true(*end == 'V');
    l.to = strtol(end + 1, NULL, 10);
    return l;
}

static const char *chart(size_t n)
{
    const char *p = strstr(text, "<figure>");
    while (n-- && p)
        p = strstr(p + 1, "<figure>");
    assert_non_null(p);
    return p;
}

static void assert_line(struct line l, long x, long from, long to)
{
    assert_int_equal(l.x, x);
    assert_int_equal(l.from, from);
    assert_int_equal(l.to, to);
}

static void bars_and_errors_are_to_scale(void **state)
{
    (void)state;
    struct bed b = sample_bed(METRICS_STANDARD, false);
    const struct metrics_health h = sample_health();
    bed_start(&b);
    sample_window(&b, MIDNIGHT, 500, 40 * 64, 0);
    sample_window(&b, MIDNIGHT + 2 * DAY, 50, -4000, 10000); /* a gap before it */
    print(&b, &h, METRICS_EN);
    assert_non_null(strstr(chart(0), "<span>800</span><span>400</span><span>0</span>"));
    assert_line(path(chart(0), "b", 0), 122, 1000, 375);
    assert_line(path(chart(0), "e", 0), 125, 525, 225); /* 380 to 620 */
    assert_line(path(chart(0), "b", 1), 142, 1000, 938);
    assert_line(path(chart(0), "e", 1), 145, 1000, 788); /* below zero nothing is drawn */
    assert_non_null(strstr(chart(1), "<span>80</span><span>40</span><span>0</span>"));
    assert_line(path(chart(1), "b", 0), 122, 1000, 500);
    assert_null(strstr(strstr(chart(1), "<title>2024-10-06"), "class=\"e\""));
    assert_line(path(chart(2), "b", 0), 142, 1000, 334);
    assert_int_equal(occurrences("<title>2024"), 6);
    assert_int_equal(occurrences(": about 500</title>"), 1);
    metrics_free(b.m);
}

static void windows_of_another_length_are_in_the_table_only(void **state)
{
    (void)state;
    struct bed b = sample_bed(METRICS_STANDARD, false);
    const struct metrics_health h = sample_health();
    bed_start(&b);
    b.m->length = 3600;
    sample_window(&b, MIDNIGHT, 1000000, 0, 0);
    b.m->length = DAY;
    sample_window(&b, MIDNIGHT + DAY, 100, 0, 0);
    print(&b, &h, METRICS_DE);
    assert_int_equal(occurrences("etwa 1.000.000"), 1);
    assert_int_equal(occurrences("etwa 100<"), 2);
    assert_non_null(strstr(chart(0), "<span>400</span><span>200</span>"));
    metrics_free(b.m);
}

/* --- Words --- */

static void both_languages_say_everything(void **state)
{
    (void)state;
    for (enum metrics_lang lang = METRICS_EN; lang <= METRICS_DE; lang++) {
        const struct page_words *words = page_words(lang);
        for (size_t i = 0; i < sizeof(*words); i += sizeof(char *)) {
            const char *word;
            memcpy(&word, (const char *)words + i, sizeof word);
            if (i != offsetof(struct page_words, separator))
                assert_true(word && word[0]);
        }
    }
}

static void the_language_can_be_switched(void **state)
{
    (void)state;
    struct bed b = sample_bed(METRICS_STRICT, false);
    const struct metrics_health h = sample_health();
    bed_start(&b);
    print(&b, &h, METRICS_EN);
    assert_non_null(strstr(text, "<html lang=\"en\">"));
    assert_non_null(strstr(text, "<a href=\"?lang=de\" hreflang=\"de\" lang=\"de\">Deutsch</a>"));
    assert_non_null(strstr(text, "<dd>2024-10-04 00:01</dd>"));
    print(&b, &h, METRICS_DE);
    assert_non_null(strstr(text, "<html lang=\"de\">"));
    assert_non_null(strstr(text, "<a href=\"?lang=en\" hreflang=\"en\" lang=\"en\">English</a>"));
    assert_non_null(strstr(text, "<dd>04.10.2024 00:01</dd>"));
    metrics_free(b.m);
}

static void what_is_not_there_is_explained(void **state)
{
    (void)state;
    const struct metrics_health h = worst_health();
    struct bed b = sample_bed(METRICS_STRICT, false);
    bed_start(&b);
    print(&b, &h, METRICS_DE);
    assert_non_null(strstr(text, page_words(METRICS_DE)->strict));
    assert_null(strstr(text, "<svg"));
    assert_null(strstr(text, "<table"));
    assert_non_null(strstr(text, "Nicht bereit: Es gilt weder ein Geheimnis noch ein Benutzer. Es "
                                 "gibt keine Adresse"));
    metrics_free(b.m);
    b = sample_bed(METRICS_STANDARD, false);
    b.wall += 9;
    bed_start(&b);
    print(&b, &h, METRICS_EN);
    assert_non_null(strstr(text, "The first can be there at (UTC): 2024-10-06 00:00</p>"));
    assert_null(strstr(text, "<svg"));
    metrics_free(b.m);
}

struct spell {
    int64_t window;
    const char *english;
    const char *german;
};

static void lengths_are_spelled_out(void **state)
{
    (void)state;
    static const struct spell spells[] = {
        {3600, "its window of one hour is over", "Zeitraum von einer Stunde vorbei"},
        {86400, "its window of 24 hours is over", "Zeitraum von 24 Stunden vorbei"},
        {5400, "its window of 90 minutes is over", "Zeitraum von 90 Minuten vorbei"},
    };
    const struct metrics_health h = sample_health();
    for (size_t i = 0; i < sizeof(spells) / sizeof(*spells); i++) {
        struct bed b = sample_bed(METRICS_STANDARD, false);
        b.conf.window = spells[i].window;
        bed_start(&b);
        print(&b, &h, METRICS_EN);
        assert_non_null(strstr(text, spells[i].english));
        print(&b, &h, METRICS_DE);
        assert_non_null(strstr(text, spells[i].german));
        metrics_free(b.m);
    }
}

static void table_and_charts_round_alike(void **state)
{
    (void)state;
    struct bed b = sample_bed(METRICS_STANDARD, false);
    const struct metrics_health h = sample_health();
    bed_start(&b);
    sample_window(&b, MIDNIGHT, 19, 64 * 1234, 1000);
    print(&b, &h, METRICS_EN);
    assert_int_equal(occurrences("fewer than 20<"), 2);
    assert_int_equal(occurrences("about 1,230<"), 2);
    assert_int_equal(occurrences("1,000 or more<"), 2);
    metrics_free(b.m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_page_is_well_formed_and_quiet),
        cmocka_unit_test(the_policy_knows_the_style_sheet),
        cmocka_unit_test(the_longest_page_fits),
        cmocka_unit_test(too_small_a_buffer_is_bad_and_stays_whole),
        cmocka_unit_test(hostile_text_stays_text),
        cmocka_unit_test(bars_and_errors_are_to_scale),
        cmocka_unit_test(windows_of_another_length_are_in_the_table_only),
        cmocka_unit_test(both_languages_say_everything),
        cmocka_unit_test(the_language_can_be_switched),
        cmocka_unit_test(what_is_not_there_is_explained),
        cmocka_unit_test(lengths_are_spelled_out),
        cmocka_unit_test(table_and_charts_round_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
