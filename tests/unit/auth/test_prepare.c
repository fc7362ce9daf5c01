/* Preparation of names and passwords: OpaqueString (RFC 8265) and SASLprep (RFC 4013). */
#include "auth/auth_int.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct row {
    const char *in;
    const char *opaque;
    const char *sasl;
};

/* clang-format off */
static const struct row rows[] = {
    {"plain pass", "plain pass", "plain pass"},
    {"\xc3\xbc", "\xc3\xbc", "\xc3\xbc"},                         /* u-umlaut, composed */
    {"u\xcc\x88", "\xc3\xbc", "\xc3\xbc"},                        /* decomposed: NFC */
    {"a\xc2\xa0z", "a z", "a z"},                                 /* no-break space */
    {"a\xe3\x80\x80z", "a z", "a z"},                             /* ideographic space */
    {"I\xc2\xadX", "I\xc2\xadX", "IX"},                           /* RFC 4013 section 3, row 1 */
    {"user", "user", "user"},                                     /* row 2 */
    {"USER", "USER", "USER"},                                     /* row 3: no case folding */
    {"\xc2\xaa", "\xc2\xaa", "a"},                                /* row 4 */
    {"\xe2\x85\xa8", "\xe2\x85\xa8", "IX"},                       /* row 5 */
    {"The\xc2\xadM\xc2\xaatr\xe2\x85\xa8", "The\xc2\xadM\xc2\xaatr\xe2\x85\xa8", "TheMatrIX"},
};
/* clang-format on */

static void expect(enum auth_profile profile, const char *in, const char *want)
{
    struct auth_prepared p;
    assert_int_equal(auth_prepare(profile, in, &p), 0);
    assert_int_equal(p.n, strlen(want));
    assert_memory_equal(p.bytes, want, p.n);
}

static void t_A22_profiles(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        expect(AUTH_OPAQUE, rows[i].in, rows[i].opaque);
        expect(AUTH_SASLPREP, rows[i].in, rows[i].sasl);
    }
}

static void t_refused(void **state)
{
    (void)state;
    struct auth_prepared p;
    char text[AUTH_PASSWORD_MAX + 2];
    memset(text, 'x', sizeof(text));
    text[AUTH_PASSWORD_MAX + 1] = '\0';
    assert_int_equal(auth_prepare(AUTH_OPAQUE, "", &p), -EINVAL);
    assert_int_equal(auth_prepare(AUTH_OPAQUE, "\xff", &p), -EILSEQ);
    assert_int_equal(auth_prepare(AUTH_OPAQUE, "a\xc3", &p), -EILSEQ);
    assert_int_equal(auth_prepare(AUTH_OPAQUE, "\xed\xa0\x80", &p), -EILSEQ); /* surrogate */
    assert_int_equal(auth_prepare(AUTH_OPAQUE, text, &p), -E2BIG);
    text[AUTH_PASSWORD_MAX] = '\0';
    assert_int_equal(auth_prepare(AUTH_OPAQUE, text, &p), 0);
    assert_int_equal(auth_prepare(AUTH_SASLPREP, "\xc2\xad", &p), -EINVAL); /* nothing left */
}

/* U+FDFA grows elevenfold in NFKC: more than the buffer holds must be noticed. */
static void t_growth_is_bounded(void **state)
{
    (void)state;
    struct auth_prepared p;
    char text[AUTH_PASSWORD_MAX + 1] = "";
    for (size_t i = 0; i + 3 <= AUTH_PASSWORD_MAX; i += 3)
        memcpy(text + i, "\xef\xb7\xba", 3);
    assert_int_equal(auth_prepare(AUTH_SASLPREP, text, &p), -E2BIG);
    text[30] = '\0';
    assert_int_equal(auth_prepare(AUTH_SASLPREP, text, &p), 0);
    assert_int_equal(p.n, 330);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_A22_profiles),
        cmocka_unit_test(t_refused),
        cmocka_unit_test(t_growth_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
