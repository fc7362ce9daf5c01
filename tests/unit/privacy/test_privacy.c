/* Both languages say the same, every number comes from the facts, and what a warning undoes is not
 * claimed. */
#include "privacy/privacy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "privacy/papers_int.h"

static const struct papers *const BOTH[] = {&PAPERS_EN, &PAPERS_DE};

static struct privacy_facts facts(void)
{
    struct privacy_facts f = {
        .version = "9.8.7",
        .host = "turn.example.org",
        .operator_name = "Town of Sample",
        .officer = "dpo@example.org",
        .authority = "The Authority",
        .platform = "Nextcloud Talk",
        .provider = "",
        .listen = "0.0.0.0:3478 (UDP)",
        .redis = "",
        .web = "",
        .basis = "e",
        .has_tls = true,
        .publishes = true,
        .profile = "standard",
        .window = 86400,
        .epsilon_milli = 1250,
        .volume_unit = 16 << 20,
        .group = 17,
        .uses = {{"relay_allocations", "shape-of-it", 1, 41, 390},
                 {"novel", "new-shape", 7, 93, 860}},
        .n_uses = 2,
        .windows_kept = 61,
        .permission_s = 301,
        .channel_s = 660,
        .lifetime_max_s = 7200,
        .trace_s = 1740,
        .forget_s = 3,
    };
    return f;
}

static char *printed(const struct privacy_facts *f, enum privacy_lang lang)
{
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);
    privacy_print(f, lang, to);
    fclose(to);
    return text;
}

static char *json(const struct privacy_facts *f)
{
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);
    privacy_print_json(f, to);
    fclose(to);
    return text;
}

static size_t count(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        n++;
    return n;
}

/* Appends the slots of a text to a list in the order of the alphabet, "{a}{b}". */
static void slots_of(const char *text, char *ret, size_t cap)
{
    char names[16][32];
    size_t n = 0;
    for (const char *at = text; (at = strchr(at, '{'));) {
        size_t len = strcspn(at, "}") + 1;
        assert_true(n < 16 && len < sizeof(names[0]));
        snprintf(names[n++], sizeof(names[0]), "%.*s", (int)len, at);
        assert_true(papers_has_slot(at + 1, len - 2));
        at += len;
    }
    qsort(names, n, sizeof(names[0]), (int (*)(const void *, const void *))strcmp);
    ret[0] = 0;
    for (size_t i = 0; i < n; i++)
        strncat(ret, names[i], cap - strlen(ret) - 1);
}

static size_t cells_of(const char *text)
{
    return 1 + count(text, " | ");
}

static void test_languages_have_one_structure(void **state)
{
    (void)state;
    assert_int_equal(PAPERS_EN.n, PAPERS_DE.n);
    for (size_t i = 0; i < PAPERS_EN.n; i++) {
        const struct para *en = &PAPERS_EN.paras[i];
        const struct para *de = &PAPERS_DE.paras[i];
        char a[512];
        char b[512];
        assert_int_equal(en->kind, de->kind);
        assert_int_equal(en->any, de->any);
        assert_int_equal(en->none, de->none);
        assert_int_equal(en->undone, de->undone);
        slots_of(en->text, a, sizeof(a));
        slots_of(de->text, b, sizeof(b));
        assert_string_equal(a, b);
        assert_int_equal(cells_of(en->text), cells_of(de->text));
    }
}

static void test_every_warning_and_use_is_worded(void **state)
{
    (void)state;
    for (unsigned w = 0; w < PRIVACY_WARNINGS; w++) {
        assert_non_null(privacy_warning_name((enum privacy_warning)w));
        for (unsigned l = 0; l < 2; l++)
            assert_true(strlen(privacy_warning_text((enum privacy_warning)w, l)) > 40);
    }
    for (size_t i = 0; PAPERS_EN.uses[i].name || PAPERS_DE.uses[i].name; i++)
        assert_string_equal(PAPERS_EN.uses[i].name, PAPERS_DE.uses[i].name);
}

/* A number in a table of texts is a law's, a section's or a protocol's. */
static bool is_fine(const char *text, const char *at)
{
    static const char *const before[] = {"Art. ",    "(",        "Art. 33 and ", "Art. 33 und ",
                                         "Abs. ",    "section ", "Abschnitt ",   "§ ",
                                         "Section ", "SHA-",     "TLS ",         "TLS 1."};
    static const char *const after[] = {"72 hours of becoming", "72 Stunden nach Bekannt", "50 %"};
    size_t n = (size_t)(at - text);
    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        size_t len = strlen(before[i]);
        if (n >= len && memcmp(at - len, before[i], len) == 0)
            return true;
    }
    for (size_t i = 0; i < sizeof(after) / sizeof(after[0]); i++)
        if (strncmp(at, after[i], strlen(after[i])) == 0)
            return true;
    return false;
}

static void test_numbers_are_not_written_down(void **state)
{
    static const char digits[] = "0123456789";
    (void)state;
    for (size_t i = 0; i < 2 * PAPERS_EN.n; i++) {
        const struct para *p = &BOTH[i % 2]->paras[i / 2];
        if (p->kind == PARA_HEADING || strstr(p->text, "59 %")) /* the model's */
            continue;
        for (const char *at = p->text; (at = strpbrk(at, digits)); at += strspn(at, digits))
            if (!is_fine(p->text, at))
                fail_msg("%s", at);
    }
}

static void test_all_facts_are_told(void **state)
{
    static const char *const en[] = {"9.8.7",
                                     "turn.example.org",
                                     "Town of Sample",
                                     "dpo@example.org",
                                     "The Authority",
                                     "Nextcloud Talk",
                                     "0.0.0.0:3478 (UDP)",
                                     "24 hours",
                                     "1.25",
                                     "77.7 %",
                                     " 17 allocations",
                                     "| 41 ",
                                     "0.39",
                                     "| 93 ",
                                     "new-shape",
                                     "61 windows",
                                     "301 seconds",
                                     "11 minutes",
                                     "2 hours",
                                     "29 minutes",
                                     "3 seconds",
                                     "point (e)"};
    static const char *const de[] = {"24 Stunden",   "1,25",       "77,7 %",    "0,39",
                                     "301 Sekunden", "11 Minuten", "2 Stunden", "29 Minuten",
                                     "3 Sekunden",   "Buchst. e"};
    const struct privacy_facts f = facts();
    char *text = printed(&f, PRIVACY_EN);
    (void)state;
    for (size_t i = 0; i < sizeof(en) / sizeof(en[0]); i++)
        if (!strstr(text, en[i]))
            fail_msg("%s is missing", en[i]);
    free(text);
    text = printed(&f, PRIVACY_DE);
    for (size_t i = 0; i < sizeof(de) / sizeof(de[0]); i++)
        if (!strstr(text, de[i]))
            fail_msg("%s is missing", de[i]);
    assert_null(strstr(text, "shape-of-it"));
    free(text);
}

static void test_nothing_is_left_open(void **state)
{
    struct privacy_facts f = facts();
    (void)state;
    f.provider = "The Provider";
    for (unsigned l = 0; l < 2; l++) {
        char *text = printed(&f, l);
        assert_null(strpbrk(text, "{}"));
        assert_null(strstr(text, "privacy_"));
        assert_null(strstr(text, "operator_name"));
        free(text);
    }
    f.officer = "";
    f.basis = "";
    char *text = printed(&f, PRIVACY_EN);
    assert_non_null(strstr(text, "[to be filled in: privacy_officer]"));
    assert_non_null(strstr(text, "- privacy_basis: "));
    assert_null(strstr(text, "privacy_authority"));
    free(text);
}

static void test_one_hour_and_none(void **state)
{
    struct privacy_facts f = facts();
    (void)state;
    f.window = 3600;
    f.epsilon_milli = 1000;
    char *text = printed(&f, PRIVACY_DE);
    assert_non_null(strstr(text, "1 Stunde heraus"));
    assert_non_null(strstr(text, "ε = 1,0 "));
    assert_non_null(strstr(text, "73,1 %"));
    free(text);
    f.publishes = false;
    f.n_uses = 0;
    f.profile = "strict";
    text = printed(&f, PRIVACY_DE);
    assert_non_null(strstr(text, "„strict“"));
    assert_null(strstr(text, "Rauschmaß"));
    assert_null(strstr(text, "Gewohnheiten"));
    assert_null(strstr(text, "Summen"));
    free(text);
}

static void test_a_warning_takes_the_place_of_what_it_undoes(void **state)
{
    static const struct {
        enum privacy_warning w;
        const char *claim;
    } rows[] = {
        {PRIVACY_CORES, "held in memory only and overwritten"},
        {PRIVACY_CORES, "The process is excluded from memory dumps"},
        {PRIVACY_SWAP, "held in memory only and overwritten"},
        {PRIVACY_SWAP, "blocked names; no connections"},
        {PRIVACY_CONNTRACK, "we hold nothing about it"},
        {PRIVACY_EXPORTER, "hides what a single call contributes"},
        {PRIVACY_NO_TLS, "are offered"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct privacy_facts f = facts();
        char start[32];
        snprintf(start, sizeof(start), "%.24s", privacy_warning_text(rows[i].w, PRIVACY_EN));
        char *text = printed(&f, PRIVACY_EN);
        assert_true(privacy_holds(&f));
        assert_null(strstr(text, start));
        if (!strstr(text, rows[i].claim))
            fail_msg("\"%s\" is not claimed at all", rows[i].claim);
        free(text);
        f.warning[rows[i].w] = true;
        text = printed(&f, PRIVACY_EN);
        assert_false(privacy_holds(&f));
        assert_true(count(text, start) >= 2);
        assert_null(strstr(text, rows[i].claim));
        free(text);
    }
}

static void test_what_there_is_not_is_not_told(void **state)
{
    static const char *const words[] = {"Redis (", "web server", "fixed account", "Program →",
                                        "processor"};
    struct privacy_facts f = facts();
    char *text = printed(&f, PRIVACY_EN);
    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        assert_null(strstr(text, words[i]));
    free(text);
    f.redis = "redis.example.org:6379";
    f.web = "127.0.0.1:8443";
    f.has_fixed_users = f.has_issuer = true;
    f.provider = "Hoster|Ltd\n";
    text = printed(&f, PRIVACY_EN);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (!strstr(text, words[i]))
            fail_msg("%s is missing", words[i]);
    assert_non_null(strstr(text, "Hoster/Ltd "));
    free(text);
}

static size_t widest(const char *text)
{
    size_t most = 0;
    size_t at = 0;
    for (; *text; text++) {
        at = *text == '\n' ? 0 : at + (((unsigned char)*text & 0xc0) != 0x80);
        most = at > most ? at : most;
    }
    return most;
}

static void test_it_reads_well(void **state)
{
    struct privacy_facts f = facts();
    (void)state;
    for (unsigned l = 0; l < 2; l++) {
        char *text = printed(&f, l);
        assert_true(strncmp(text, "# ", 2) == 0);
        assert_int_equal(count(text, "\n## "), 6);
        assert_null(strstr(text, "\n\n\n"));
        assert_null(strstr(text, " \n"));
        assert_null(strstr(text, "Art.\n"));
        assert_true(widest(text) <= 120);
        free(text);
    }
}

static void test_json(void **state)
{
    struct privacy_facts f = facts();
    (void)state;
    f.operator_name = "A \"quoted\" \\ name\x01";
    f.warning[PRIVACY_SWAP] = true;
    char *text = json(&f);
    assert_non_null(strstr(text, "\"operator\": \"A \\\"quoted\\\" \\\\ name\\u0001\""));
    assert_non_null(strstr(text, "\"window_seconds\": 86400"));
    assert_non_null(strstr(text, "\"epsilon_milli\": 1250"));
    assert_non_null(strstr(text, "{\"name\": \"novel\", \"clip\": 7, \"scale\": 93, "
                                 "\"epsilon_milli\": 860}"));
    assert_non_null(strstr(text, "\"swap\": true"));
    assert_non_null(strstr(text, "\"cores\": false"));
    assert_non_null(strstr(text, "\"holds\": false"));
    free(text);
}

static void test_longest_texts_fit(void **state)
{
    char longest[256];
    struct privacy_facts f = facts();
    (void)state;
    memset(longest, 'x', sizeof(longest) - 1);
    longest[255] = 0;
    f.operator_name = f.officer = f.authority = f.platform = f.provider = longest;
    f.redis = f.web = f.host = longest;
    for (unsigned l = 0; l < 2; l++) {
        char *text = printed(&f, l);
        assert_true(strlen(text) > 10000);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_languages_have_one_structure),
        cmocka_unit_test(test_every_warning_and_use_is_worded),
        cmocka_unit_test(test_numbers_are_not_written_down),
        cmocka_unit_test(test_all_facts_are_told),
        cmocka_unit_test(test_nothing_is_left_open),
        cmocka_unit_test(test_one_hour_and_none),
        cmocka_unit_test(test_a_warning_takes_the_place_of_what_it_undoes),
        cmocka_unit_test(test_what_there_is_not_is_not_told),
        cmocka_unit_test(test_it_reads_well),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_longest_texts_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
