/* What is in force after a read: never emptied by accident, always emptied on purpose. */
#include "unit/redis/parse.h"

#define LONG "0123456789abcdef"
#define HASH(...) hash_of(PARSE_WORDS("schema", "1", __VA_ARGS__))

static struct redis_state now;
static struct redis_settled got;

static struct redis_part hash_of(struct redis_reply *r)
{
    struct redis_part p;
    assert_int_equal(redis_schema_named(r, &now.named, &p), 0);
    redis_reply_free(r);
    return p;
}

static struct redis_part set_of(struct redis_reply *r)
{
    struct redis_part p;
    assert_int_equal(redis_schema_coturn(r, &p), 0);
    redis_reply_free(r);
    return p;
}

static struct redis_part gone(void)
{
    return (struct redis_part){.exists = false};
}

static struct redis_users users(size_t n)
{
    struct redis_users u = {NULL, 0, 0};
    for (size_t i = 0; i < n; i++) {
        struct auth_keyed_user one = {.has_md5 = true};
        (void)snprintf(one.name, sizeof(one.name), "user-%zu", i);
        assert_int_equal(redis_users_add(&u, &one), 0);
    }
    redis_users_sort(&u);
    return u;
}

static void take(struct redis_part named, struct redis_part coturn, size_t n_users, bool removed)
{
    struct redis_read r = {.named = named, .coturn = coturn, .users = users(n_users)};
    redis_state_take(&now, &r, removed, &got);
    redis_read_clear(&r);
}

static int fresh(void **state)
{
    (void)state;
    redis_state_clear(&now);
    return 0;
}

static void expect(enum redis_news news, bool changed, size_t n)
{
    assert_int_equal(got.verdict.news, news);
    assert_int_equal(got.changed, changed);
    assert_int_equal(got.confirmed, news != REDIS_MISSING && news != REDIS_TOO_LARGE);
    assert_int_equal(got.soon, news == REDIS_MISSING || news == REDIS_TOO_LARGE);
    assert_int_equal(now.secrets.n, n);
}

static void t_only_changes_are_told(void **state)
{
    (void)state;
    take(HASH("a", "0 0 " LONG), gone(), 0, false);
    expect(REDIS_READY, true, 1);
    take(HASH("a", "0 0 " LONG), gone(), 0, false);
    expect(REDIS_READY, false, 1);
    take(HASH("a", "0 9 " LONG), gone(), 0, false);
    expect(REDIS_READY, true, 1);
    take(HASH("a", "1 9 " LONG), gone(), 0, false);
    expect(REDIS_READY, true, 1);
    take(HASH("a", "1 9 " LONG "x"), gone(), 0, false);
    expect(REDIS_READY, true, 1);
    take(HASH("b", "1 9 " LONG "x"), gone(), 0, false);
    expect(REDIS_READY, true, 1);
    take(HASH("b", "1 9 " LONG "x"), gone(), 2, false);
    expect(REDIS_READY, true, 1);
    take(HASH("b", "1 9 " LONG "x"), gone(), 2, false);
    expect(REDIS_READY, false, 1);
}

static void t_empty_set_is_applied(void **state)
{
    (void)state;
    take(HASH("a", "0 0 " LONG), gone(), 0, false);
    take(hash_of(PARSE_WORDS("schema", "1")), gone(), 0, false);
    expect(REDIS_READY, true, 0);
}

static void t_missing_stays(void **state)
{
    (void)state;
    take(HASH("a", "0 0 " LONG), set_of(PARSE_WORDS(LONG "c")), 3, false);
    expect(REDIS_READY, true, 2);
    take(gone(), gone(), 0, false);
    expect(REDIS_MISSING, false, 2);
    assert_int_equal(now.users.n, 3);
    /* The set alone is back: the hash still counts as lost. */
    take(gone(), set_of(PARSE_WORDS(LONG "c", LONG "d")), 3, false);
    expect(REDIS_MISSING, true, 3);
    take(HASH("a", "0 0 " LONG), set_of(PARSE_WORDS(LONG "c", LONG "d")), 3, false);
    expect(REDIS_READY, false, 3);
}

static void t_removed_is_applied(void **state)
{
    (void)state;
    take(HASH("a", "0 0 " LONG), set_of(PARSE_WORDS(LONG "c")), 3, false);
    take(gone(), gone(), 0, true);
    expect(REDIS_READY, true, 0);
    assert_int_equal(now.users.n, 0);
    /* And goes on being so a minute later. */
    take(gone(), gone(), 0, false);
    expect(REDIS_READY, false, 0);
    take(HASH("a", "0 0 " LONG), gone(), 0, false);
    expect(REDIS_READY, true, 1);
    take(gone(), gone(), 0, false);
    expect(REDIS_MISSING, false, 1);
}

/* What is there all the same is taken. */
static void t_removed_and_there(void **state)
{
    (void)state;
    take(HASH("a", "0 0 " LONG), gone(), 0, true);
    expect(REDIS_READY, true, 1);
    take(gone(), gone(), 0, false);
    expect(REDIS_MISSING, false, 1);
}

static void t_coturns_set(void **state)
{
    (void)state;
    /* Without a hash nothing tells an empty set from a lost one. */
    take(gone(), set_of(PARSE_WORDS(LONG "c")), 0, false);
    expect(REDIS_READY, true, 1);
    take(gone(), gone(), 0, false);
    expect(REDIS_MISSING, false, 1);
    /* With one, the set was emptied. */
    take(hash_of(PARSE_WORDS("schema", "1")), gone(), 0, false);
    expect(REDIS_READY, true, 0);
}

static void t_users(void **state)
{
    (void)state;
    take(gone(), gone(), 5, false);
    expect(REDIS_READY, true, 0);
    assert_int_equal(now.users.n, 5);
    take(gone(), gone(), 4, false);
    expect(REDIS_READY, true, 0);
    assert_int_equal(now.users.n, 4);
    take(gone(), gone(), 0, false);
    expect(REDIS_MISSING, false, 0);
    assert_int_equal(now.users.n, 4);
    take(gone(), gone(), 0, true);
    expect(REDIS_READY, true, 0);
    assert_int_equal(now.users.n, 0);
}

static void t_nothing_ever(void **state)
{
    (void)state;
    take(gone(), gone(), 0, false);
    expect(REDIS_MISSING, false, 0);
    take(hash_of(PARSE_WORDS("schema", "1")), gone(), 0, false);
    expect(REDIS_READY, false, 0);
}

static void t_too_many_together(void **state)
{
    (void)state;
    struct redis_part many = HASH("a", "0 0 " LONG);
    take(many, gone(), 1, false);
    while (many.secrets.n < AUTH_SECRETS_MAX)
        many.secrets.v[many.secrets.n++] = many.secrets.v[0];
    take(many, set_of(PARSE_WORDS(LONG "c")), 7, false);
    expect(REDIS_TOO_LARGE, false, 1);
    assert_int_equal(now.users.n, 1);
}

static void t_malformed(void **state)
{
    (void)state;
    take(HASH("a", "0 0 " LONG, "b", "0 0 " LONG), gone(), 0, false);
    take(HASH("a", "broken"), gone(), 0, false);
    assert_int_equal(got.verdict.news, REDIS_MALFORMED);
    assert_true(got.changed && got.confirmed && !got.soon);
    assert_int_equal(now.secrets.n, 1);
    assert_string_equal(now.secrets.v[0].id, "a");
    take(HASH("a", "broken"), gone(), 0, false);
    assert_false(got.changed);
    assert_int_equal(now.secrets.n, 1);
}

static void t_users_sorted(void **state)
{
    (void)state;
    static const char *const names[] = {"b", "a", "b", "ab", "", "a"};
    struct redis_users u = {NULL, 0, 0};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct auth_keyed_user one = {.has_md5 = true};
        (void)snprintf(one.name, sizeof(one.name), "%s", names[i]);
        assert_int_equal(redis_users_add(&u, &one), 0);
    }
    redis_users_sort(&u);
    assert_int_equal(u.n, 4);
    assert_string_equal(redis_users_find(&u, span_text("ab"))->name, "ab");
    assert_string_equal(redis_users_find(&u, span_text("b"))->name, "b");
    assert_null(redis_users_find(&u, span_text("abc")));
    assert_null(redis_users_find(&u, span_text("c")));
    redis_users_clear(&u);
    assert_null(redis_users_find(&u, span_text("a")));
}

static void t_users_max(void **state)
{
    (void)state;
    struct redis_users u = {NULL, 0, 0};
    struct auth_keyed_user one = {.has_md5 = true};
    /* Twice the same name takes no room. */
    for (size_t i = 0; i <= REDIS_USERS_MAX; i++) {
        (void)snprintf(one.name, sizeof(one.name), "%zu", i < REDIS_USERS_MAX ? i : 7);
        if (i == 5)
            (void)snprintf(one.name, sizeof(one.name), "4");
        assert_int_equal(redis_users_add(&u, &one), 0);
    }
    (void)snprintf(one.name, sizeof(one.name), "one");
    redis_users_sort(&u);
    while (u.n < REDIS_USERS_MAX) {
        assert_int_equal(redis_users_add(&u, &one), 0);
        one.name[0]++;
    }
    assert_int_equal(redis_users_add(&u, &one), -EMSGSIZE);
    redis_users_clear(&u);
    mem_fail_after(0);
    assert_int_equal(redis_users_add(&u, &one), -ENOMEM);
    assert_int_equal(mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(t_only_changes_are_told, NULL, fresh),
        cmocka_unit_test_setup_teardown(t_empty_set_is_applied, NULL, fresh),
        cmocka_unit_test_setup_teardown(t_missing_stays, NULL, fresh),
        cmocka_unit_test_setup_teardown(t_removed_is_applied, NULL, fresh),
        cmocka_unit_test_setup_teardown(t_removed_and_there, NULL, fresh),
        cmocka_unit_test_setup_teardown(t_coturns_set, NULL, fresh),
        cmocka_unit_test_setup_teardown(t_users, NULL, fresh),
        cmocka_unit_test_setup_teardown(t_nothing_ever, NULL, fresh),
        cmocka_unit_test_setup_teardown(t_too_many_together, NULL, fresh),
        cmocka_unit_test_setup_teardown(t_malformed, NULL, fresh),
        cmocka_unit_test(t_users_sorted),
        cmocka_unit_test(t_users_max),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
