/* Look-ups of time-limited names: vectors, ends, several secrets (U1 to U8). */
#include "unit/auth/snapshot.h"

static const struct {
    const char *name;
    const char *account;
    const char *md5;
    const char *sha256;
} timed[] = {
    {"2000000000:turn-test-user", "turn-test-user", "e267dc12273da4b71b3d02fc4a96cc55",
     "50d002a5a52f721a44298b7e76dce5544ed4981e801540dd632395f40fd6add4"},
    {"2000000000:Ab3dEf6hIj9kLm2n", "Ab3dEf6hIj9kLm2n", "9b5c0eff2213eaffc362a7beff45d3e8",
     "4bd993d27497f73e7466cf4b248fda76935b8a55f0a89e582d684380b9c4409d"},
    {"2000000000", "", "8083d8a10fd1e7f0cce160d89fd290c8",
     "0534156bec5212ef1af87aa42b04adc1dd48ab603140bc3b82887fa183f60f4d"},
    {"2000000000:@alice:matrix.example", "@alice:matrix.example",
     "d5433ab4a59fdae8a88c647cff047b02",
     "e1d73eccbd37f9aa4cbf25a7bec88a8a98f698ee412fdc241aea52c49cf077c0"},
    {"2000000000:jitsi", "jitsi", "03b48a7cfa88165ec1122ba30f743a8f",
     "1d3df079ff703ddf9b8a5ab638f466309850d438cda9fc7c01c497a592dfc843"},
    {"2000000000:", "", "1b654e6782987de66ba8f9562ba7619c",
     "125d7bae89028cf487dca98ade584ce1b21c9e918b9ecc43612987eabe72a162"},
    {"2000000000:\xc3\xbcn\xc3\xaf"
     "code",
     "\xc3\xbcn\xc3\xaf"
     "code",
     "7ba900fd13e179def5717131eee5afed",
     "93b551bcd8f6e4434c3b9c742654e9e5abc8d791edc4b5da54b0b8a6a04a68bc"},
};

static void t_U2_U3_vectors(void **state)
{
    (void)state;
    struct auth_snapshot *s = make(NULL, 0, true);
    assert_int_equal(auth_snapshot_users(s), 0);
    assert_int_equal(auth_snapshot_secrets(s), 1);
    for (size_t i = 0; i < sizeof(timed) / sizeof(*timed); i++) {
        struct auth_query q = ask(timed[i].name);
        struct auth_found f;
        expect_hex(s, &q, timed[i].md5);
        assert_int_equal(auth_find(s, c, &q, &f), 0);
        assert_int_equal(f.key_len, MD5_LEN);
        assert_true(span_eq(f.account, span_text(timed[i].account)));
        q.sha256 = true;
        expect_hex(s, &q, timed[i].sha256);
        q.nth = 1;
        assert_int_equal(find(s, &q), -ENOENT);
    }
    auth_snapshot_free(s);
}

/* The reversed form is ambiguous and not taken. */
static void t_other_forms_are_unknown(void **state)
{
    (void)state;
    static const char *const names[] = {
        "alice:2000000000", "alice",       "",          ":", "-2000000000", "+2000000000",
        " 2000000000",      "2000000000 ", "0x77359400"};
    struct auth_snapshot *s = make(NULL, 0, true);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct auth_query q = ask(names[i]);
        assert_int_equal(find(s, &q), -ENOENT);
    }
    auth_snapshot_free(s);
}

static void t_U1_expiry_edge(void **state)
{
    (void)state;
    struct auth_snapshot *s = make(NULL, 0, true);
    struct auth_query q = ask("2000000000:u");
    q.now = 2000000000 - 1;
    assert_int_equal(find(s, &q), 0);
    q.now = 2000000000;
    assert_int_equal(find(s, &q), 0);
    q.now = 2000000000 + 1;
    assert_int_equal(find(s, &q), -EKEYEXPIRED);
    q.ignore_expiry = true;
    assert_int_equal(find(s, &q), 0);
    auth_snapshot_free(s);
}

static void t_R14_max_ttl(void **state)
{
    (void)state;
    struct auth_secrets secrets = {0};
    add(&secrets, "main", SECRET, 0, 0);
    struct auth_conf conf = {REALM, NULL, 0, 3600, NULL, NULL, 0, NULL};
    struct auth_snapshot *s = auth_snapshot_new(&conf, &secrets, NULL);
    struct auth_query q = ask("1700003600:u");
    assert_int_equal(find(s, &q), 0);
    q.user = span_text("1700003601:u");
    assert_int_equal(find(s, &q), -ENOENT);
    q.user = span_text("9223372036854775807");
    assert_int_equal(find(s, &q), -ENOENT);
    q.ignore_expiry = true;
    assert_int_equal(find(s, &q), 0);
    auth_snapshot_free(s);
    s = make(NULL, 0, true);
    q.ignore_expiry = false;
    assert_int_equal(find(s, &q), 0);
    auth_snapshot_free(s);
}

static void t_U7_expiry_parse(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        bool ok;
        int64_t expiry;
        const char *account;
    } rows[] = {
        {"0", true, 0, ""},
        {"1:", true, 1, ""},
        {"1::x", true, 1, ":x"},
        {"00000000000000000012:a", true, 12, "a"},
        {"000000000000000000012:a", false, 0, ""},
        {"9223372036854775807", true, INT64_MAX, ""},
        {"9223372036854775808", false, 0, ""},
        {"99999999999999999999", false, 0, ""},
        {"", false, 0, ""},
        {":1", false, 0, ""},
        {"1a", false, 0, ""},
        {"1 :a", false, 0, ""},
        {"\xd9\xa1", false, 0, ""}, /* ARABIC-INDIC DIGIT ONE */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        int64_t expiry = -7;
        struct span account = span_of(NULL, 0);
        assert_int_equal(auth_expiry(span_text(rows[i].in), &expiry, &account), rows[i].ok);
        assert_int_equal(expiry, rows[i].ok ? rows[i].expiry : -7);
        assert_true(span_eq(account, span_text(rows[i].account)));
    }
}

static void t_U8_realm_is_part_of_the_key(void **state)
{
    (void)state;
    struct auth_secrets secrets = {0};
    add(&secrets, "main", SECRET, 0, 0);
    struct auth_conf conf = {"other", NULL, 0, 0, NULL, NULL, 0, NULL};
    struct auth_snapshot *one = make(NULL, 0, true);
    struct auth_snapshot *two = auth_snapshot_new(&conf, &secrets, NULL);
    struct auth_query q = ask("2000000000");
    struct auth_found a;
    struct auth_found b;
    assert_int_equal(auth_find(one, c, &q, &a), 0);
    assert_int_equal(auth_find(two, c, &q, &b), 0);
    assert_memory_not_equal(a.key, b.key, MD5_LEN);
    auth_snapshot_free(one);
    auth_snapshot_free(two);
}

/* --- Several secrets --- */

static void expect_secret(const struct auth_snapshot *s, const struct auth_query *q,
                          const char *secret)
{
    char password[TIMED_PASSWORD];
    uint8_t key[DIGEST_MAX];
    struct auth_found f;
    assert_int_equal(timed_password(c, span_text(secret), q->user, password), 0);
    struct longterm who = {q->user, span_text(REALM), span_text(password)};
    assert_int_equal(longterm_key(c, DIGEST_MD5, &who, key), MD5_LEN);
    assert_int_equal(auth_find(s, c, q, &f), 0);
    assert_memory_equal(f.key, key, MD5_LEN);
}

static void t_U5_R4_windows(void **state)
{
    (void)state;
    struct auth_secrets secrets = {0};
    add(&secrets, "old", "old-secret-old-secret", 0, NOW);
    add(&secrets, "future", "future-secret-future", NOW + 1, 0);
    add(&secrets, "new", "new-secret-new-secret", NOW, 0);
    struct auth_conf conf = {REALM, NULL, 0, 0, NULL, NULL, 0, NULL};
    struct auth_snapshot *s = auth_snapshot_new(&conf, &secrets, NULL);
    assert_int_equal(auth_snapshot_secrets(s), 3);

    struct auth_query q = ask("2000000000:u");
    expect_secret(s, &q, "old-secret-old-secret");
    q.nth = 1;
    expect_secret(s, &q, "new-secret-new-secret");
    q.nth = 2;
    assert_int_equal(find(s, &q), -ENOENT);

    q.now = NOW + 1;
    q.nth = 0;
    expect_secret(s, &q, "future-secret-future");
    q.nth = 1;
    expect_secret(s, &q, "new-secret-new-secret");
    q.nth = 2;
    assert_int_equal(find(s, &q), -ENOENT);

    /* A living allocation goes on under the secret that has ended. */
    q.ignore_expiry = true;
    q.nth = 0;
    expect_secret(s, &q, "old-secret-old-secret");
    auth_snapshot_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_U2_U3_vectors),   cmocka_unit_test(t_other_forms_are_unknown),
        cmocka_unit_test(t_U1_expiry_edge),  cmocka_unit_test(t_R14_max_ttl),
        cmocka_unit_test(t_U7_expiry_parse), cmocka_unit_test(t_U8_realm_is_part_of_the_key),
        cmocka_unit_test(t_U5_R4_windows),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
