/* Revoked names in Redis: replies become lists, reads follow each other, commands write. */
#include "unit/redis/source.h"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ROW_A "*2\r\n$64\r\n" HEX_A "\r\n$2\r\n77\r\n"
#define ROWS_AB "*4\r\n$64\r\n" HEX_A "\r\n$2\r\n77\r\n$64\r\n" HEX_B "\r\n$2\r\n88\r\n"

static const struct auth_revocations nobody;

static int schema(struct redis_reply *r, const struct auth_revocations *before,
                  struct redis_revoked *ret)
{
    int e = redis_schema_revoked(r, before, ret);
    redis_reply_free(r);
    return e;
}

/* --- Replies --- */

static void t_rows(void **state)
{
    (void)state;
    struct redis_revoked got = {.malformed = true};
    assert_int_equal(schema(PARSE_WORDS(HEX_B, "88", HEX_A, "0"), &nobody, &got), 0);
    assert_false(got.malformed);
    assert_int_equal(got.list.n, 2);
    assert_int_equal(got.list.v[0].name[0], 0xaa);
    assert_int_equal(got.list.v[1].until, 88);
    assert_int_equal(schema(parse("*0\r\n"), &nobody, &got), 0);
    assert_int_equal(got.list.n, 0);
    auth_revocations_clear(&got.list);
}

static void t_malformed_rows(void **state)
{
    (void)state;
    struct redis_revoked was = {.malformed = false};
    struct redis_revoked got = {.malformed = false};
    assert_int_equal(schema(PARSE_WORDS(HEX_A, "77"), &nobody, &was), 0);
    /* A bad end: as it was, if it was. */
    assert_int_equal(schema(PARSE_WORDS(HEX_A, "soon", HEX_B, "88"), &was.list, &got), 0);
    assert_true(got.malformed);
    assert_int_equal(got.list.n, 2);
    assert_int_equal(got.list.v[0].until, 77);
    assert_int_equal(schema(PARSE_WORDS(HEX_B, "-88"), &was.list, &got), 0);
    assert_true(got.malformed);
    assert_int_equal(got.list.n, 0);
    assert_int_equal(schema(PARSE_WORDS("schema", "1", HEX_B, "88"), &was.list, &got), 0);
    assert_true(got.malformed);
    assert_int_equal(got.list.n, 1);
    auth_revocations_clear(&was.list);
    auth_revocations_clear(&got.list);
}

static void t_other_shapes(void **state)
{
    (void)state;
    static const char *const bad[] = {"+OK\r\n", ":1\r\n", "*1\r\n$1\r\na\r\n",
                                      "*2\r\n:1\r\n:2\r\n", "*2\r\n$1\r\na\r\n*0\r\n"};
    struct redis_revoked got = {.malformed = false};
    assert_int_equal(schema(PARSE_WORDS(HEX_A, "77"), &nobody, &got), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(schema(parse(bad[i]), &nobody, &got), -EPROTO);
    struct redis_reply *r = PARSE_WORDS(HEX_B, "77");
    mem_fail_after(0);
    assert_int_equal(redis_schema_revoked(r, &nobody, &got), -ENOMEM);
    mem_fail_after(-1);
    redis_reply_free(r);
    assert_int_equal(got.list.n, 1);
    assert_int_equal(got.list.v[0].name[0], 0xaa);
    auth_revocations_clear(&got.list);
    assert_int_equal(mem_live(), 0);
}

/* --- Reads --- */

static void again(const char *answer, size_t n_revoked)
{
    size_t n = seen.n_found;
    fake_say(&fake, "REVOKED", answer);
    fake_publish(&fake, "turn:secret", "realm");
    WAIT_FOR(base, seen.n_found == n + 1);
    assert_int_equal(seen.n_revoked, n_revoked);
    assert_int_equal(seen.n_secrets, 1);
}

static void t_read_with_the_secrets(void **state)
{
    (void)state;
    fake_say(&fake, "HGETALL", ONE);
    fake_say(&fake, "REVOKED", ROW_A);
    start();
    WAIT_FOR(base, seen.n_found == 1);
    assert_int_equal(seen.n_revoked, 1);
    WAIT_FOR(base, fake_count(&fake, "REVOKED") == 2);
    again(ROWS_AB, 2);
    assert_int_equal(seen.news, REDIS_READY);
    again("*0\r\n", 0); /* a missing key is nobody */
    assert_int_equal(seen.news, REDIS_READY);
    assert_int_equal(seen.of[REDIS_MISSING], 0);
}

static void expect_kept(const char *answer, enum redis_news news)
{
    size_t n = seen.n_found;
    fake_say(&fake, "REVOKED", answer);
    fake_publish(&fake, "turn:secret", "realm");
    WAIT_FOR(base, seen.news == news);
    assert_int_equal(seen.n_found, n);
    fake_say(&fake, "REVOKED", ROWS_AB);
    WAIT_FOR(base, seen.news == REDIS_READY);
    assert_int_equal(seen.n_found, n);
    fake.n_rows = 2;
}

static void t_kept_in_trouble(void **state)
{
    (void)state;
    fake_say(&fake, "HGETALL", ONE);
    fake_say(&fake, "REVOKED", ROWS_AB);
    start();
    WAIT_FOR(base, fake_count(&fake, "REVOKED") == 2 && seen.news == REDIS_READY);
    assert_int_equal(seen.n_revoked, 2);
    expect_kept("-WRONGTYPE Operation against\r\n", REDIS_WRONG_TYPE);
    expect_kept("-NOPERM this user has no permissions\r\n", REDIS_NOPERM);
    expect_kept("*8194\r\n", REDIS_TOO_LARGE);
    expect_kept("$-1\r\n", REDIS_MALFORMED);
    expect_kept(HANG_UP, REDIS_LOST);
}

static void t_bad_rows_are_told(void **state)
{
    (void)state;
    fake_say(&fake, "HGETALL", ONE);
    fake_say(&fake, "REVOKED", "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
    start();
    WAIT_FOR(base, seen.news == REDIS_MALFORMED);
    assert_int_equal(seen.n_secrets, 1);
    assert_int_equal(seen.n_revoked, 0);
    assert_string_equal(seen.text, "one or more of the revoked names");
}

/* Redis has lost all: what was revoked stays so. */
static void t_lost_with_the_secrets(void **state)
{
    (void)state;
    fake_say(&fake, "HGETALL", ONE);
    fake_say(&fake, "REVOKED", ROW_A);
    start();
    WAIT_FOR(base, fake_count(&fake, "REVOKED") == 2 && seen.n_found == 1);
    fake_say(&fake, "HGETALL", "*0\r\n");
    fake_say(&fake, "REVOKED", "*0\r\n");
    fake_publish(&fake, "turn:secret", "realm");
    WAIT_FOR(base, seen.news == REDIS_MISSING);
    assert_int_equal(seen.n_found, 1);
    fake_publish(&fake, "turn:secret", "removed realm");
    WAIT_FOR(base, seen.n_found == 2);
    assert_int_equal(seen.n_revoked, 0);
    assert_int_equal(seen.n_secrets, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_rows),
        cmocka_unit_test(t_malformed_rows),
        cmocka_unit_test(t_other_shapes),
        cmocka_unit_test_setup_teardown(t_read_with_the_secrets, setup, teardown),
        cmocka_unit_test_setup_teardown(t_kept_in_trouble, setup, teardown),
        cmocka_unit_test_setup_teardown(t_bad_rows_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(t_lost_with_the_secrets, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
