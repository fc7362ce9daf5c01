/* Shared secrets as values, and the credentials issued from them. */
#include "auth/auth_int.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"

static struct auth_secret secret(const char *id, const char *value)
{
    struct auth_secret one = {0};
    size_t n = strlen(value);
    memcpy(one.id, id, strnlen(id, AUTH_ID_MAX + 1));
    memcpy(one.bytes, value, n < AUTH_SECRET_MAX ? n : AUTH_SECRET_MAX);
    one.len = (uint16_t)n;
    return one;
}

static void expect_refused(struct auth_secret one, int code, const char *why)
{
    static struct auth_secrets all;
    struct auth_error err = {""};
    memset(&all, 0, sizeof(all));
    assert_int_equal(auth_secrets_add(&all, &one, &err), code);
    assert_string_equal(err.text, why);
    assert_int_equal(all.n, 0);
}

static void t_bad_secrets(void **state)
{
    (void)state;
    static const char id[] = "the id must be 1 to 32 characters of a-z, 0-9 and -";
    static const char size[] = "the secret must be 16 to 512 bytes long";
    static const char blank[] = "the secret must not hold blanks or control characters";
    static const char window[] = "not-before and not-after must be Unix seconds, not-after 0 or "
                                 "the later";
    static const char good[] = "0123456789abcdef";
    char text[AUTH_SECRET_MAX + 2];
    memset(text, 'x', sizeof(text));
    text[AUTH_SECRET_MAX + 1] = '\0';
    expect_refused(secret("", good), -EINVAL, id);
    expect_refused(secret("A", good), -EINVAL, id);
    expect_refused(secret("a b", good), -EINVAL, id);
    expect_refused(secret("012345678901234567890123456789012", good), -EINVAL, id);
    expect_refused(secret("a", "0123456789abcde"), -EINVAL, size);
    expect_refused(secret("a", text), -EINVAL, size);
    expect_refused(secret("a", "0123456789 abcdef"), -EINVAL, blank);
    expect_refused(secret("a", "0123456789abcdef\n"), -EINVAL, blank);
    struct auth_secret one = secret("a", good);
    one.not_before = 2;
    one.not_after = 1;
    expect_refused(one, -EINVAL, window);
    one.not_before = -1;
    expect_refused(one, -EINVAL, window);
    one.not_before = 0;
    one.not_after = -1;
    expect_refused(one, -EINVAL, window);
    one.not_after = AUTH_TIME_MAX + 1;
    expect_refused(one, -EINVAL, window);
}

static void t_add_and_find(void **state)
{
    (void)state;
    struct auth_secrets all = {0};
    struct auth_error err = {""};
    char id[8];
    for (int i = 0; i < AUTH_SECRETS_MAX; i++) {
        snprintf(id, sizeof(id), "s-%d", i);
        struct auth_secret one = secret(id, "0123456789abcdef");
        assert_int_equal(auth_secrets_add(&all, &one, &err), 0);
    }
    assert_ptr_equal(auth_secrets_find(&all, "s-3"), &all.v[3]);
    assert_null(auth_secrets_find(&all, "s-16"));
    struct auth_secret one = secret("s-3", "0123456789abcdef");
    assert_int_equal(auth_secrets_add(&all, &one, &err), -EEXIST);
    assert_string_equal(err.text, "the id is taken by another secret");
    one = secret("more", "0123456789abcdef");
    assert_int_equal(auth_secrets_add(&all, &one, &err), -ENOSPC);
    assert_string_equal(err.text, "there is room for 16 secrets, remove one that is over");
    auth_secrets_wipe(&all);
    static const struct auth_secrets nothing;
    assert_memory_equal(&all, &nothing, sizeof(all));
}

static void t_generate(void **state)
{
    (void)state;
    struct auth_secret a = {0};
    struct auth_secret b = {0};
    auth_secret_generate(&a);
    auth_secret_generate(&b);
    assert_int_equal(a.len, 64);
    assert_memory_not_equal(a.bytes, b.bytes, 64);
    for (size_t i = 0; i < a.len; i++)
        assert_non_null(strchr("0123456789abcdef", a.bytes[i]));
    memcpy(a.id, "a", 2);
    struct auth_secrets all = {0};
    assert_int_equal(auth_secrets_add(&all, &a, NULL), 0);
}

static void t_issue(void **state)
{
    (void)state;
    struct auth_secrets all = {0};
    struct auth_credential made;
    struct auth_issue want = {"turn-test-user", 2000000000, 1000};
    assert_int_equal(auth_issue(&all, &want, &made), -ENOENT);

    struct auth_secret over = secret("over", "another-secret-that-ended");
    over.not_after = 999;
    struct auth_secret one = secret("main", "n0rth-secret-0123456789abcdef");
    one.not_before = 1000;
    assert_int_equal(auth_secrets_add(&all, &over, NULL), 0);
    assert_int_equal(auth_secrets_add(&all, &one, NULL), 0);
    assert_int_equal(auth_issue(&all, &want, &made), 0);
    assert_string_equal(made.user, "2000000000:turn-test-user");
    assert_string_equal(made.password, "k9wg5RpEGX8AL0e/09TLBR9Oru8=");

    want.name = "";
    assert_int_equal(auth_issue(&all, &want, &made), 0);
    assert_string_equal(made.user, "2000000000");
    assert_string_equal(made.password, "caszuAaUwGYGThdUgDIEBRJFG+E=");

    /* The first one would end before the credential. */
    all.v[0].not_after = 1999999999;
    assert_int_equal(auth_issue(&all, &want, &made), 0);
    assert_string_equal(made.password, "caszuAaUwGYGThdUgDIEBRJFG+E=");
    all.v[0].not_after = 2000000000;
    assert_int_equal(auth_issue(&all, &want, &made), 0);
    assert_string_not_equal(made.password, "caszuAaUwGYGThdUgDIEBRJFG+E=");

    all.v[0].not_after = 999;
    want.now = 999;
    assert_int_equal(auth_issue(&all, &want, &made), 0);
    assert_string_not_equal(made.password, "caszuAaUwGYGThdUgDIEBRJFG+E=");
    all.v[0].not_after = 998;
    assert_int_equal(auth_issue(&all, &want, &made), -ENOENT);
}

static void t_issue_limits(void **state)
{
    (void)state;
    struct auth_secrets all = {0};
    struct auth_credential made;
    struct auth_secret one = secret("main", "n0rth-secret-0123456789abcdef");
    char name[AUTH_NAME_MAX] = "";
    assert_int_equal(auth_secrets_add(&all, &one, NULL), 0);
    memset(name, 'x', AUTH_NAME_MAX - 11);
    struct auth_issue want = {name, 2000000000, 0};
    assert_int_equal(auth_issue(&all, &want, &made), 0);
    assert_int_equal(strlen(made.user), AUTH_NAME_MAX);
    name[AUTH_NAME_MAX - 11] = 'x';
    assert_int_equal(auth_issue(&all, &want, &made), -EINVAL);
    want = (struct auth_issue){"", -1, 0};
    assert_int_equal(auth_issue(&all, &want, &made), -EINVAL);

    want.expiry = 1;
    int64_t live = mem_live();
    int r = -ENOMEM;
    for (int64_t n = 0; r < 0 && n < 20; n++) {
        mem_fail_after(n);
        r = auth_issue(&all, &want, &made);
        mem_fail_after(-1);
        assert_true(r == 0 || r == -ENOMEM);
        assert_int_equal(mem_live(), live);
    }
    assert_int_equal(r, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_bad_secrets),  cmocka_unit_test(t_add_and_find),
        cmocka_unit_test(t_generate),     cmocka_unit_test(t_issue),
        cmocka_unit_test(t_issue_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
