/* The schema: replies become secrets and names of users, and what is not one of them does not. */
#include "unit/redis/parse.h"

#define LONG "0123456789abcdef"

static struct redis_part none;

static int named(struct redis_reply *r, const struct redis_part *before, struct redis_part *ret)
{
    int e = redis_schema_named(r, before, ret);
    redis_reply_free(r);
    return e;
}

static int coturn(struct redis_reply *r, struct redis_part *ret)
{
    int e = redis_schema_coturn(r, ret);
    redis_reply_free(r);
    return e;
}

static void t_named(void **state)
{
    (void)state;
    struct redis_part p;
    assert_int_equal(named(PARSE_WORDS("old", "0 200 " LONG "old", "schema", "1", "new",
                                       "100 0 " LONG "new", "older", "0 100 " LONG "older"),
                           &none, &p),
                     0);
    assert_true(p.exists && !p.malformed);
    assert_int_equal(p.secrets.n, 3);
    /* The one that lasts longest first, since credentials are issued with it. */
    assert_string_equal(p.secrets.v[0].id, "new");
    assert_string_equal(p.secrets.v[1].id, "old");
    assert_string_equal(p.secrets.v[2].id, "older");
    assert_int_equal(p.secrets.v[0].not_before, 100);
    assert_int_equal(p.secrets.v[0].not_after, 0);
    assert_int_equal(p.secrets.v[1].not_after, 200);
    assert_int_equal(p.secrets.v[0].len, 19);
    assert_memory_equal(p.secrets.v[0].bytes, LONG "new", 19);
}

static void t_empty_is_not_missing(void **state)
{
    (void)state;
    struct redis_part p;
    assert_int_equal(named(PARSE_WORDS("schema", "1"), &none, &p), 0);
    assert_true(p.exists);
    assert_int_equal(p.secrets.n, 0);
    assert_int_equal(named(parse("*0\r\n"), &none, &p), 0);
    assert_false(p.exists);
    assert_int_equal(coturn(parse("*0\r\n"), &p), 0);
    assert_false(p.exists);
}

static void t_malformed_stays_as_it_was(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "0 0",
                                      "0 0 short",
                                      "x 0 " LONG,
                                      "0 0 " LONG " more",
                                      "5 4 " LONG,
                                      "-1 0 " LONG,
                                      LONG,
                                      "0 0 0123456789abcdef\x7f"};
    struct redis_part before;
    struct redis_part p;
    assert_int_equal(named(PARSE_WORDS("main", "0 0 " LONG), &none, &before), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(named(PARSE_WORDS("main", bad[i], "two", "0 0 " LONG), &before, &p), 0);
        assert_true(p.malformed);
        assert_string_equal(p.bad_id, "main");
        assert_int_equal(p.secrets.n, 2);
        assert_int_equal(named(PARSE_WORDS("main", bad[i], "two", "0 0 " LONG), &none, &p), 0);
        assert_true(p.malformed);
        assert_int_equal(p.secrets.n, 1);
        assert_string_equal(p.secrets.v[0].id, "two");
    }
}

static void t_bad_ids_are_not_shown(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     "UPPER", "a b",
                                      "../x", "x\ny",  "a23456789-123456789-123456789-123"};
    struct redis_part p;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(named(PARSE_WORDS(bad[i], "0 0 " LONG), &none, &p), 0);
        assert_true(p.malformed && p.exists);
        assert_string_equal(p.bad_id, "");
        assert_int_equal(p.secrets.n, 0);
    }
    static const char nul[] = "*2\r\n$4\r\nab\0c\r\n$20\r\n0 0 0123456789abcdef\r\n";
    struct redis_parser *parser = redis_parser_new();
    struct redis_reply *r = NULL;
    assert_int_equal(redis_parser_feed(parser, span_of(nul, sizeof(nul) - 1)), 0);
    assert_int_equal(redis_parser_next(parser, &r), 0);
    redis_parser_free(parser);
    assert_int_equal(named(r, &none, &p), 0);
    assert_true(p.malformed && p.secrets.n == 0);
}

static void t_other_shapes(void **state)
{
    (void)state;
    static const char *const bad[] = {"+OK\r\n",
                                      ":1\r\n",
                                      "$1\r\nx\r\n",
                                      "$-1\r\n",
                                      "*1\r\n$1\r\nx\r\n",
                                      "*2\r\n:1\r\n$1\r\nx\r\n",
                                      "*2\r\n$1\r\nx\r\n*0\r\n",
                                      "*2\r\n$1\r\nx\r\n$-1\r\n"};
    struct redis_part p = {.exists = true};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(named(parse(bad[i]), &none, &p), -EPROTO);
    assert_int_equal(coturn(parse("*1\r\n:1\r\n"), &p), -EPROTO);
    assert_int_equal(coturn(parse("+OK\r\n"), &p), -EPROTO);
    assert_int_equal(named(PARSE_WORDS("schema", "2", "main", "0 0 " LONG), &none, &p),
                     -EPROTONOSUPPORT);
    assert_true(p.exists);
}

static void t_too_many(void **state)
{
    (void)state;
    char text[AUTH_SECRETS_MAX + 1][AUTH_ID_MAX];
    const char *words[2 * (AUTH_SECRETS_MAX + 1)];
    struct redis_part p;
    for (size_t i = 0; i <= AUTH_SECRETS_MAX; i++) {
        (void)snprintf(text[i], sizeof(text[i]), "id-%zu-0123456789ab", i);
        words[2 * i] = text[i];
        words[2 * i + 1] = "0 0 " LONG;
    }
    assert_int_equal(named(parse_words(words, (size_t)2 * AUTH_SECRETS_MAX), &none, &p), 0);
    assert_int_equal(p.secrets.n, AUTH_SECRETS_MAX);
    assert_int_equal(named(parse_words(words, (size_t)2 * AUTH_SECRETS_MAX + 2), &none, &p),
                     -EMSGSIZE);
    for (size_t i = 0; i <= AUTH_SECRETS_MAX; i++)
        words[i] = text[i];
    assert_int_equal(coturn(parse_words(words, AUTH_SECRETS_MAX), &p), 0);
    assert_int_equal(p.secrets.n, AUTH_SECRETS_MAX);
    assert_int_equal(coturn(parse_words(words, AUTH_SECRETS_MAX + 1), &p), -EMSGSIZE);
}

static void t_coturn(void **state)
{
    (void)state;
    struct redis_part p;
    assert_int_equal(
        coturn(PARSE_WORDS("zzzzzzzzzzzzzzzz1", "short", "aaaaaaaaaaaaaaaa2", "a blank in it 0123"),
               &p),
        0);
    assert_true(p.exists && p.malformed);
    assert_int_equal(p.secrets.n, 2);
    assert_string_equal(p.secrets.v[0].id, "coturn-1");
    assert_memory_equal(p.secrets.v[0].bytes, "aaaaaaaaaaaaaaaa2", 17);
    assert_string_equal(p.secrets.v[1].id, "coturn-2");
    assert_int_equal(p.secrets.v[1].not_before, 0);
    assert_int_equal(p.secrets.v[1].not_after, 0);
}

static void t_union(void **state)
{
    (void)state;
    struct redis_part a;
    struct redis_part b;
    struct auth_secrets all;
    assert_int_equal(named(PARSE_WORDS("coturn-1", "0 5 " LONG, "main", "0 0 " LONG), &none, &a),
                     0);
    assert_int_equal(coturn(PARSE_WORDS(LONG "x", LONG "y"), &b), 0);
    assert_int_equal(redis_schema_union(&a, &b, &all), 0);
    assert_int_equal(all.n, 4);
    assert_string_equal(all.v[0].id, "main");
    assert_string_equal(all.v[1].id, "coturn-1");
    assert_int_equal(all.v[1].not_after, 5);
    assert_string_equal(all.v[2].id, "coturn-2");
    assert_string_equal(all.v[3].id, "coturn-3");
    b.secrets.n = 0;
    while (b.secrets.n < AUTH_SECRETS_MAX - 2)
        b.secrets.v[b.secrets.n++] = a.secrets.v[0];
    assert_int_equal(redis_schema_union(&a, &b, &all), 0);
    assert_int_equal(all.n, AUTH_SECRETS_MAX);
    b.secrets.v[b.secrets.n++] = a.secrets.v[0];
    assert_int_equal(redis_schema_union(&a, &b, &all), -EMSGSIZE);
}

static void t_user_keys(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        const char *user;
    } rows[] = {
        {"turn/realm/r/user/alice/key", "alice"},
        {"turn/realm/r/user/a/key/key", "a/key"},
        {"turn/realm/r/user/1700000000:x/key", "1700000000:x"},
        {"turn/realm/r/user//key", NULL},
        {"turn/realm/r/user/key", NULL},
        {"turn/realm/r2/user/alice/key", NULL},
        {"turn/realm/r/user/alice/keys", NULL},
        {"turn/realm/r/secret", NULL},
        {"x", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct span user;
        bool is = redis_schema_user("r", span_text(rows[i].key), &user);
        assert_int_equal(is, rows[i].user != NULL);
        if (is)
            assert_true(span_eq(user, span_text(rows[i].user)));
    }
}

static void t_names(void **state)
{
    (void)state;
    struct redis_names n;
    static char realm[1400];
    assert_int_equal(redis_names_make("turn.example", &n), 0);
    assert_string_equal(n.named, "turn:secret:turn.example");
    assert_string_equal(n.coturn, "turn/realm/turn.example/secret");
    assert_string_equal(n.users, "turn/realm/turn.example/user/*/key");
    assert_string_equal(n.revoked, "turn:revoked:turn.example");
    assert_string_equal(n.removed, "removed turn.example");
    assert_int_equal(redis_names_make("a*?[^-]\\b", &n), 0);
    assert_string_equal(n.users, "turn/realm/a\\*\\?\\[\\^\\-\\]\\\\b/user/*/key");
    assert_string_equal(n.named, "turn:secret:a*?[^-]\\b");
    memset(realm, '*', sizeof(realm) - 1);
    assert_int_equal(redis_names_make(realm, &n), -ENAMETOOLONG);
    realm[508] = '\0';
    assert_int_equal(redis_names_make(realm, &n), 0);
}

static void t_acl(void **state)
{
    (void)state;
    char line[2000];
    struct redis_conf conf = {.user = "turn", .password = "not-to-be-seen", .realm = "my realm"};
    assert_int_equal(redis_acl(&conf, line, sizeof(line)), 0);
    assert_string_equal(line, "user turn on >PASSWORD resetkeys %R~turn:secret:my?realm "
                              "%R~turn/realm/my?realm/secret %R~turn:revoked:my?realm "
                              "resetchannels &turn:secret -@all +auth "
                              "+select +ping +hgetall +smembers +subscribe");
    conf.users = true;
    conf.user = "";
    conf.n_sentinels = 1;
    assert_int_equal(redis_acl(&conf, line, sizeof(line)), 0);
    assert_non_null(strstr(line, "user drehkreuz on "));
    assert_non_null(strstr(line, " %R~turn/realm/my?realm/user/*/key "));
    assert_non_null(strstr(line, " +scan +getrange +role"));
    assert_null(strstr(line, "not-to-be-seen"));
    assert_int_equal(redis_acl(&conf, line, 50), -ENAMETOOLONG);
}

static void t_pace(void **state)
{
    (void)state;
    struct redis_backoff b = {0};
    unsigned want = REDIS_RETRY_FIRST_MS;
    for (int i = 0; i < 12; i++) {
        unsigned ms = redis_backoff_next(&b, &redis_usual_pace);
        assert_in_range(ms, want / 2, want);
        want = want * 2 < REDIS_RETRY_LAST_MS ? want * 2 : REDIS_RETRY_LAST_MS;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_named),
        cmocka_unit_test(t_empty_is_not_missing),
        cmocka_unit_test(t_malformed_stays_as_it_was),
        cmocka_unit_test(t_bad_ids_are_not_shown),
        cmocka_unit_test(t_other_shapes),
        cmocka_unit_test(t_too_many),
        cmocka_unit_test(t_coturn),
        cmocka_unit_test(t_union),
        cmocka_unit_test(t_user_keys),
        cmocka_unit_test(t_names),
        cmocka_unit_test(t_acl),
        cmocka_unit_test(t_pace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
