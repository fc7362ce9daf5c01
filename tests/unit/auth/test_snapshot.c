/* Look-ups of static users, and what a snapshot refuses. */
#include "unit/auth/snapshot.h"
#include "vectors/vectors.h"

#define MATRIX                                                                                     \
    "\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf"                                 \
    "\xe3\x82\xb9"

static void t_R5_static_beside_secret(void **state)
{
    (void)state;
    const struct auth_user users[] = {{"user", "pass"}, {"2000000000", "other"}, {"5", "over"}};
    struct auth_snapshot *s = make(users, 3, true);
    struct auth_found f;
    char buf[129];
    assert_int_equal(auth_snapshot_users(s), 3);

    struct auth_query q = ask("user");
    struct longterm who = {span_text("user"), span_text(REALM), span_text("pass")};
    uint8_t key[DIGEST_MAX];
    assert_int_equal(longterm_key(c, DIGEST_MD5, &who, key), MD5_LEN);
    assert_int_equal(auth_find(s, c, &q, &f), 0);
    assert_memory_equal(f.key, key, MD5_LEN);
    assert_true(span_eq(f.account, span_text("user")));
    q.nth = 1;
    assert_int_equal(find(s, &q), -ENOENT);

    /* A static name of digits comes first, the secret behind it. */
    q = ask("2000000000");
    who = (struct longterm){q.user, span_text(REALM), span_text("other")};
    expect_hex(s, &q, hex(key, longterm_key(c, DIGEST_MD5, &who, key), buf));
    q.nth = 1;
    expect_hex(s, &q, "8083d8a10fd1e7f0cce160d89fd290c8");
    q.nth = 2;
    assert_int_equal(find(s, &q), -ENOENT);

    /* Expired as a time-limited name, and yet known. */
    q = ask("5");
    assert_int_equal(find(s, &q), 0);
    q.nth = 1;
    assert_int_equal(find(s, &q), -ENOENT);
    auth_snapshot_free(s);
}

static void t_A17_A18_keys(void **state)
{
    (void)state;
    const struct auth_user users[] = {{"user", "pass"}, {MATRIX, "TheMatrIX"}};
    struct auth_conf conf = {"realm", users, 1, 0, NULL, NULL, 0, NULL};
    struct auth_snapshot *s = auth_snapshot_new(&conf, NULL, NULL);
    struct auth_query q = ask("user");
    expect_hex(s, &q, "8493fbc53ba582fb4c044c456bdc40eb");
    auth_snapshot_free(s);

    conf = (struct auth_conf){"example.org", users, 2, 0, NULL, NULL, 0, NULL};
    s = auth_snapshot_new(&conf, NULL, NULL);
    q = ask(MATRIX);
    q.sha256 = true;
    expect_hex(s, &q, "dd295a613b9058c3c23d6dc7165bda072304d989c9d0af3a8c7e184b4f9bb4a1");
    auth_snapshot_free(s);
}

static void t_A19_userhash(void **state)
{
    (void)state;
    static const uint8_t hash[SHA256_LEN] = {0x4a, 0x3c, 0xf3, 0x8f, 0xef, 0x69, 0x92, 0xbd,
                                             0xa9, 0x52, 0xc6, 0x78, 0x04, 0x17, 0xda, 0x0f,
                                             0x24, 0x81, 0x94, 0x15, 0x56, 0x9e, 0x60, 0xb2,
                                             0x05, 0xc4, 0x6e, 0x41, 0x40, 0x7f, 0x17, 0x04};
    const struct auth_user users[] = {{"somebody", "else"}, {MATRIX, "TheMatrIX"}};
    struct auth_conf conf = {"example.org", users, 2, 0, NULL, NULL, 0, NULL};
    struct auth_snapshot *s = auth_snapshot_new(&conf, NULL, NULL);
    struct auth_query q = {.user = span_of(hash, sizeof(hash)), .is_hash = true, .sha256 = true};
    struct auth_found f;
    expect_hex(s, &q, "dd295a613b9058c3c23d6dc7165bda072304d989c9d0af3a8c7e184b4f9bb4a1");
    assert_int_equal(auth_find(s, c, &q, &f), 0);
    assert_true(span_eq(f.account, span_text(MATRIX)));

    /* The bytes of a hash are no name, and the other way round. */
    q.is_hash = false;
    assert_int_equal(find(s, &q), -ENOENT);
    q = ask(MATRIX);
    q.is_hash = true;
    assert_int_equal(find(s, &q), -ENOENT);
    auth_snapshot_free(s);
}

/* A20: a hash cannot be turned back into a time-limited name. */
static void t_A20_userhash_of_a_timed_name(void **state)
{
    (void)state;
    struct auth_snapshot *s = make(NULL, 0, true);
    uint8_t hash[SHA256_LEN];
    assert_int_equal(longterm_userhash(c, span_text("2000000000"), span_text(REALM), hash), 0);
    struct auth_query q = {.user = span_of(hash, sizeof(hash)), .is_hash = true, .now = NOW};
    assert_int_equal(find(s, &q), -ENOENT);
    q.user = span_text("2000000000");
    assert_int_equal(find(s, &q), -ENOENT);
    auth_snapshot_free(s);
}

/* The message's integrity, as the sample client computed it from the prepared password. */
static bool signs_rfc5769_2_4(const struct auth_found *f)
{
    struct vector v = vector_load("rfc5769_2_4");
    uint8_t mac[DIGEST_MAX];
    struct span covered = span_of(v.bytes, v.n - 24);
    struct hmac_job job = {DIGEST_SHA1, span_of(f->key, f->key_len), &covered, 1};
    assert_int_equal(crypto_hmac(c, &job, mac), SHA1_LEN);
    return memcmp(mac, v.bytes + v.n - SHA1_LEN, SHA1_LEN) == 0;
}

static void t_A22_rfc5769_password_as_typed(void **state)
{
    (void)state;
    const struct auth_user users[] = {{MATRIX, "The\xc2\xadM\xc2\xaatr\xe2\x85\xa8"}};
    struct auth_conf conf = {"example.org", users, 1, 0, NULL, NULL, 0, NULL};
    struct auth_snapshot *s = auth_snapshot_new(&conf, NULL, NULL);
    struct auth_query q = ask(MATRIX);
    struct auth_found f;
    assert_int_equal(auth_find(s, c, &q, &f), 0);
    assert_false(signs_rfc5769_2_4(&f));
    q.nth = 1;
    assert_int_equal(auth_find(s, c, &q, &f), 0);
    assert_true(signs_rfc5769_2_4(&f));
    q.nth = 2;
    assert_int_equal(find(s, &q), -ENOENT);
    auth_snapshot_free(s);
}

static void t_A22_configured_name_is_normalised(void **state)
{
    (void)state;
    const struct auth_user users[] = {{"u\xcc\x88", "p\xcc\x88"}};
    struct auth_snapshot *s = make(users, 1, false);
    struct auth_query q = ask("\xc3\xbc");
    assert_int_equal(find(s, &q), 0);
    q.user = span_text("u\xcc\x88");
    assert_int_equal(find(s, &q), -ENOENT);
    auth_snapshot_free(s);
}

/* --- Refusals --- */

static void refuse(const char *realm, const struct auth_user *users, size_t n, const char *why)
{
    struct auth_conf conf = {realm, users, n, 0, NULL, NULL, 0, NULL};
    struct auth_error err = {""};
    int64_t live = mem_live();
    assert_null(auth_snapshot_new(&conf, NULL, &err));
    assert_string_equal(err.text, why);
    assert_int_equal(mem_live(), live);
}

static void t_refused_configurations(void **state)
{
    (void)state;
    const struct auth_user ok = {"a", "p"};
    const struct auth_user bad_name[] = {ok, {"\xff", "p"}};
    const struct auth_user bad_password[] = {ok, {"b", "\xff"}};
    const struct auth_user no_name[] = {{"", "p"}};
    const struct auth_user no_password[] = {{"a", ""}};
    const struct auth_user twice[] = {{"\xc3\xbc", "p"}, {"u\xcc\x88", "q"}};
    refuse("", NULL, 0, "the realm must not be empty");
    refuse("\xff", NULL, 0, "the realm must be UTF-8");
    refuse("u\xcc\x88", NULL, 0, "the realm must be in Unicode normal form C");
    refuse("r", bad_name, 2, "static user 2: the name must be UTF-8");
    refuse("r", bad_password, 2, "static user 2: the password must be UTF-8");
    refuse("r", no_name, 1, "static user 1: the name must not be empty");
    refuse("r", no_password, 1, "static user 1: the password must not be empty");
    refuse("r", twice, 2, "static user 2: the name stands there twice");
}

static void t_many_users(void **state)
{
    (void)state;
    enum { MANY = 500 };
    static char names[MANY][16];
    static struct auth_user users[MANY];
    for (size_t i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof(names[i]), "user-%zu", i);
        users[i] = (struct auth_user){names[i], names[MANY - 1 - i]};
    }
    struct auth_snapshot *s = make(users, MANY, false);
    for (size_t i = 0; i < MANY; i++) {
        struct auth_query q = ask(names[i]);
        assert_int_equal(find(s, &q), 0);
    }
    struct auth_query q = ask("user-500");
    assert_int_equal(find(s, &q), -ENOENT);
    auth_snapshot_free(s);
}

static void t_users_are_kept_without_passwords(void **state)
{
    (void)state;
    const struct auth_user users[] = {{"user", "pass"},
                                      {MATRIX, "The\xc2\xadM\xc2\xaatr\xe2\x85\xa8"}};
    struct auth_conf conf = {"example.org", users, 2, 0, NULL, NULL, 0, NULL};
    struct auth_snapshot *old = auth_snapshot_new(&conf, NULL, NULL);
    struct auth_secrets secrets = {0};
    add(&secrets, "main", SECRET, 0, 0);
    conf = (struct auth_conf){"example.org", NULL, 0, 0, old, NULL, 0, NULL};
    struct auth_snapshot *s = auth_snapshot_new(&conf, &secrets, NULL);
    struct auth_error err = {""};
    conf.realm = "other";
    assert_null(auth_snapshot_new(&conf, NULL, &err));
    assert_string_equal(err.text, "the realm differs from that of the users' keys");

    struct auth_query q = ask(MATRIX);
    struct auth_found a;
    struct auth_found b;
    q.nth = 1;
    assert_int_equal(auth_find(old, c, &q, &a), 0);
    auth_snapshot_free(old);
    assert_int_equal(auth_find(s, c, &q, &b), 0);
    assert_memory_equal(a.key, b.key, MD5_LEN);
    q = ask("user");
    assert_int_equal(find(s, &q), 0);
    q = ask("2000000000");
    assert_int_equal(find(s, &q), 0);
    assert_int_equal(auth_snapshot_users(s), 2);
    auth_snapshot_free(s);
}

static void t_out_of_memory(void **state)
{
    (void)state;
    const struct auth_user users[] = {{"a", "p"}, {"b", "\xc2\xaa"}};
    struct auth_conf conf = {REALM, users, 2, 0, NULL, NULL, 0, NULL};
    int64_t live = mem_live();
    struct auth_snapshot *s = NULL;
    int64_t n = 0;
    for (; !s && n < 100; n++) {
        struct auth_error err = {""};
        mem_fail_after(n);
        s = auth_snapshot_new(&conf, NULL, &err);
        mem_fail_after(-1);
        assert_true(s || strstr(err.text, "out of memory"));
        assert_true(s || mem_live() == live);
    }
    assert_true(n > 3);
    assert_non_null(s);
    auth_snapshot_free(s);
    auth_snapshot_free(NULL);
    assert_int_equal(mem_live(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_R5_static_beside_secret),
        cmocka_unit_test(t_A17_A18_keys),
        cmocka_unit_test(t_A19_userhash),
        cmocka_unit_test(t_A20_userhash_of_a_timed_name),
        cmocka_unit_test(t_A22_rfc5769_password_as_typed),
        cmocka_unit_test(t_A22_configured_name_is_normalised),
        cmocka_unit_test(t_refused_configurations),
        cmocka_unit_test(t_many_users),
        cmocka_unit_test(t_users_are_kept_without_passwords),
        cmocka_unit_test(t_out_of_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
