/* Users of whom only keys are known. */
#include "unit/auth/snapshot.h"

#define MD5_OF "8493fbc53ba582fb4c044c456bdc40eb" /* user:realm:pass */
#define SHA256_OF "07b8d7a5a3e1fd3ac2aed2b83d0c5dd0cb04d7a9ca6cb91fbbc4ac5b3c30c0a2"

static struct auth_keyed_user read_user(const char *name, const char *value)
{
    struct auth_keyed_user u;
    memset(&u, 0x55, sizeof(u));
    assert_int_equal(auth_keyed_user_read(c, "realm", span_text(name), span_text(value), &u), 0);
    return u;
}

static struct auth_snapshot *make_keyed(const struct auth_keyed_user *keyed, size_t n)
{
    const struct auth_user config[] = {{"admin", "config"}};
    struct auth_conf conf = {"realm", config, 1, 0, NULL, keyed, n, NULL};
    struct auth_secrets secrets = {0};
    struct auth_error err = {""};
    add(&secrets, "main", SECRET, 0, 0);
    struct auth_snapshot *s = auth_snapshot_new(&conf, &secrets, &err);
    if (!s)
        fail_msg("%s", err.text);
    return s;
}

static void t_read(void **state)
{
    (void)state;
    char buf[129];
    struct auth_keyed_user u = read_user("user", MD5_OF);
    assert_true(u.has_md5 && !u.has_sha256);
    assert_string_equal(hex(u.md5, MD5_LEN, buf), MD5_OF);
    u = read_user("user", "8493FBC53BA582FB4C044C456BDC40EB");
    assert_string_equal(hex(u.md5, MD5_LEN, buf), MD5_OF);
    u = read_user("user", SHA256_OF);
    assert_true(!u.has_md5 && u.has_sha256);
    assert_string_equal(hex(u.sha256, SHA256_LEN, buf), SHA256_OF);
    u = read_user("user", "pass");
    assert_true(u.has_md5 && u.has_sha256);
    assert_string_equal(hex(u.md5, MD5_LEN, buf), MD5_OF);
    struct longterm who = {span_text("user"), span_text("realm"), span_text("pass")};
    uint8_t key[DIGEST_MAX];
    assert_int_equal(longterm_key(c, DIGEST_SHA256, &who, key), SHA256_LEN);
    assert_memory_equal(u.sha256, key, SHA256_LEN);
    /* As long as a key, and none. */
    u = read_user("user", "8493fbc53ba582fb4c044c456bdc40eg");
    assert_true(u.has_md5 && u.has_sha256);
    assert_string_not_equal(hex(u.md5, MD5_LEN, buf), MD5_OF);
    assert_string_equal(u.name, "user");
}

/* Equal reads are equal bytes, so that they can be compared. */
static void t_read_is_clean(void **state)
{
    (void)state;
    struct auth_keyed_user a = read_user("user", MD5_OF);
    struct auth_keyed_user b = read_user("user", MD5_OF);
    assert_memory_equal(&a, &b, sizeof(a));
    for (size_t i = strlen(a.name); i < sizeof(a.name); i++)
        assert_int_equal(a.name[i], 0);
    for (size_t i = 0; i < SHA256_LEN; i++)
        assert_int_equal(a.sha256[i], 0);
}

static void t_read_refuses(void **state)
{
    (void)state;
    static char longest[2000];
    struct auth_keyed_user u;
    struct span ok = span_text("ok");
    memset(longest, 'x', sizeof(longest));
    assert_int_equal(auth_keyed_user_read(c, "r", span_of("", 0), ok, &u), -EINVAL);
    assert_int_equal(auth_keyed_user_read(c, "r", ok, span_of("", 0), &u), -EINVAL);
    assert_int_equal(auth_keyed_user_read(c, "r", span_of("a\0b", 3), ok, &u), -EINVAL);
    assert_int_equal(auth_keyed_user_read(c, "r", ok, span_of("a\0b", 3), &u), -EINVAL);
    assert_int_equal(auth_keyed_user_read(c, "r", span_of("\xff", 1), ok, &u), -EILSEQ);
    assert_int_equal(auth_keyed_user_read(c, "r", ok, span_of("\xff", 1), &u), -EILSEQ);
    assert_int_equal(auth_keyed_user_read(c, "r", span_of(longest, 509), ok, &u), -E2BIG);
    assert_int_equal(auth_keyed_user_read(c, "r", ok, span_of(longest, 1025), &u), -E2BIG);
    assert_int_equal(auth_keyed_user_read(c, "r", span_of(longest, 508), ok, &u), 0);
    assert_int_equal(strlen(u.name), 508);
}

static void t_find(void **state)
{
    (void)state;
    const struct auth_keyed_user keyed[] = {read_user("user", MD5_OF), read_user("safe", SHA256_OF),
                                            read_user("both", "pass")};
    struct auth_snapshot *s = make_keyed(keyed, 3);
    assert_int_equal(auth_snapshot_users(s), 4);
    assert_true(auth_snapshot_md5_only(s));

    struct auth_query q = ask("user");
    expect_hex(s, &q, MD5_OF);
    q.nth = 1;
    assert_int_equal(find(s, &q), -ENOENT);
    q.nth = 0;
    q.sha256 = true;
    assert_int_equal(find(s, &q), -ENOENT);
    q = ask("safe");
    assert_int_equal(find(s, &q), -ENOENT);
    q.sha256 = true;
    expect_hex(s, &q, SHA256_OF);
    q = ask("both");
    assert_int_equal(find(s, &q), 0);
    q.sha256 = true;
    assert_int_equal(find(s, &q), 0);
    q = ask("admin");
    q.sha256 = true;
    assert_int_equal(find(s, &q), 0);
    auth_snapshot_free(s);
}

static void t_md5_only(void **state)
{
    (void)state;
    const struct auth_keyed_user keyed[] = {read_user("safe", SHA256_OF),
                                            read_user("both", "pass")};
    struct auth_snapshot *s = make_keyed(keyed, 2);
    assert_false(auth_snapshot_md5_only(s));
    auth_snapshot_free(s);
    s = make_keyed(NULL, 0);
    assert_false(auth_snapshot_md5_only(s));
    auth_snapshot_free(s);
}

/* A name of digits is a time-limited one as well; a missing kind of key does not hide that. */
static void t_secret_behind(void **state)
{
    (void)state;
    const struct auth_keyed_user keyed[] = {read_user("2000000000", MD5_OF)};
    struct auth_snapshot *s = make_keyed(keyed, 1);
    struct auth_query q = ask("2000000000");
    expect_hex(s, &q, MD5_OF);
    q.nth = 1;
    assert_int_equal(find(s, &q), 0);
    q.nth = 2;
    assert_int_equal(find(s, &q), -ENOENT);
    q.sha256 = true;
    q.nth = 0;
    assert_int_equal(find(s, &q), 0);
    q.nth = 1;
    assert_int_equal(find(s, &q), -ENOENT);
    auth_snapshot_free(s);
}

static void t_userhash(void **state)
{
    (void)state;
    const struct auth_keyed_user keyed[] = {read_user("safe", SHA256_OF)};
    struct auth_snapshot *s = make_keyed(keyed, 1);
    uint8_t hash[SHA256_LEN];
    struct auth_found f;
    assert_int_equal(longterm_userhash(c, span_text("safe"), span_text("realm"), hash), 0);
    struct auth_query q = {
        .user = span_of(hash, sizeof(hash)), .is_hash = true, .sha256 = true, .now = NOW};
    assert_int_equal(auth_find(s, c, &q, &f), 0);
    assert_true(span_eq(f.account, span_text("safe")));
    auth_snapshot_free(s);
}

/* The configuration's user goes before one of the same name; of two the first stays. */
static void t_equal_names(void **state)
{
    (void)state;
    struct auth_keyed_user keyed[] = {read_user("admin", MD5_OF),
                                      read_user("user", MD5_OF),
                                      read_user("user", SHA256_OF),
                                      {.name = "none"},
                                      {.name = "", .has_md5 = true}};
    struct auth_snapshot *s = make_keyed(keyed, 5);
    assert_int_equal(auth_snapshot_users(s), 2);
    struct auth_query q = ask("admin");
    struct auth_found f;
    char buf[129];
    assert_int_equal(auth_find(s, c, &q, &f), 0);
    assert_string_not_equal(hex(f.key, MD5_LEN, buf), MD5_OF);
    q = ask("user");
    expect_hex(s, &q, MD5_OF);
    auth_snapshot_free(s);
}

/* What keep takes over are the configuration's users alone. */
static void t_keep(void **state)
{
    (void)state;
    const struct auth_keyed_user one[] = {read_user("gone", MD5_OF)};
    const struct auth_keyed_user two[] = {read_user("here", SHA256_OF)};
    struct auth_snapshot *old = make_keyed(one, 1);
    struct auth_conf conf = {"realm", NULL, 0, 0, old, two, 1, NULL};
    struct auth_snapshot *s = auth_snapshot_new(&conf, NULL, NULL);
    assert_non_null(s);
    auth_snapshot_free(old);
    assert_int_equal(auth_snapshot_users(s), 2);
    assert_false(auth_snapshot_md5_only(s));
    struct auth_query q = ask("gone");
    assert_int_equal(find(s, &q), -ENOENT);
    q = ask("admin");
    assert_int_equal(find(s, &q), 0);
    q = ask("here");
    q.sha256 = true;
    expect_hex(s, &q, SHA256_OF);
    auth_snapshot_free(s);
    assert_int_equal(mem_live(), 1);
}

static void t_words(void **state)
{
    (void)state;
    struct auth_secrets s = {0};
    struct auth_error err;
    char words[AUTH_WORDS_MAX];
    assert_int_equal(
        auth_secrets_read(&s, span_text("main"), span_text("5  900 0123456789abcdef "), &err), 0);
    assert_int_equal(auth_secret_words(&s.v[0], words), 22);
    assert_string_equal(words, "5 900 0123456789abcdef");
    assert_int_equal(
        auth_secrets_read(&s, span_text("main"), span_text("0 0 0123456789abcdef"), &err), -EEXIST);
    assert_int_equal(auth_secrets_read(&s, span_text("two"), span_text("0 0"), &err), -EINVAL);
    assert_int_equal(auth_secrets_read(&s, span_text("two"), span_of("", 0), &err), -EINVAL);
    s.v[0].len = AUTH_SECRET_MAX;
    s.v[0].not_before = s.v[0].not_after = AUTH_TIME_MAX;
    memset(s.v[0].bytes, 'x', AUTH_SECRET_MAX);
    assert_int_equal(auth_secret_words(&s.v[0], words), 12 + 1 + 12 + 1 + AUTH_SECRET_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_read),         cmocka_unit_test(t_read_is_clean),
        cmocka_unit_test(t_read_refuses), cmocka_unit_test(t_find),
        cmocka_unit_test(t_md5_only),     cmocka_unit_test(t_secret_behind),
        cmocka_unit_test(t_userhash),     cmocka_unit_test(t_equal_names),
        cmocka_unit_test(t_keep),         cmocka_unit_test(t_words),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
