/* The running source: coturn's users, configurations that cannot work, and the ways to end. */
#include "unit/redis/source.h"

#define ALICE "$27\r\nturn/realm/realm/user/a/key\r\n"
#define BOB "$27\r\nturn/realm/realm/user/b/key\r\n"

static void start_with_users(void)
{
    struct redis_conf conf = plain();
    conf.users = true;
    start_as(&conf, &quick);
}

static void t_users(void **state)
{
    (void)state;
    fake_say(&fake, "HGETALL", ONE);
    fake_say(&fake, "SCAN", "*2\r\n$1\r\n0\r\n*3\r\n" ALICE "$5\r\nother\r\n" BOB);
    fake_say(&fake, "GETRANGE", "$32\r\n0123456789abcdef0123456789ABCDEF\r\n");
    start_with_users();
    WAIT_FOR(base, seen.n_found == 1);
    assert_string_equal(fake.args, "GETRANGE turn/realm/realm/user/b/key 0 1024 ");
    assert_int_equal(seen.n_users, 2);
    assert_int_equal(seen.n_secrets, 1);
    assert_string_equal(seen.user, "a");
    assert_true(seen.md5 && !seen.sha256);
    assert_int_equal(fake_count(&fake, "GETRANGE"), 2);
    WAIT_FOR(base, fake_count(&fake, "SUBSCRIBE"));
    fake_say(&fake, "GETRANGE", "$8\r\npassword\r\n");
    fake_publish(&fake, "turn:secret", "realm");
    WAIT_FOR(base, seen.n_found == 2);
    assert_true(seen.md5 && seen.sha256);
    /* Neither a wrong type nor what is no key or password takes a user away. */
    fake_say(&fake, "GETRANGE", "-WRONGTYPE Operation against\r\n");
    fake_publish(&fake, "turn:secret", "realm");
    WAIT_FOR(base, seen.news == REDIS_MALFORMED);
    fake_say(&fake, "GETRANGE", "$2\r\n\xff\xff\r\n");
    fake_publish(&fake, "turn:secret", "realm");
    turn(base, 60);
    assert_int_equal(seen.n_found, 2);
    /* Nor does a value that is longer than any password. */
    char long_value[1100];
    snprintf(long_value, sizeof(long_value), "$1025\r\n%01025d\r\n", 0);
    fake_say(&fake, "GETRANGE", long_value);
    fake_publish(&fake, "turn:secret", "realm");
    turn(base, 60);
    assert_int_equal(seen.n_found, 2);
    /* A key that is gone between the two questions reads as an empty one; so all are missing. */
    fake_say(&fake, "GETRANGE", "$0\r\n\r\n");
    fake_publish(&fake, "turn:secret", "realm");
    WAIT_FOR(base, seen.news == REDIS_MISSING);
    assert_int_equal(seen.n_found, 2);
    /* One that is gone is no user any more. */
    fake_say(&fake, "GETRANGE", "$8\r\npassword\r\n");
    fake_say(&fake, "SCAN", "*2\r\n$1\r\n0\r\n*1\r\n" ALICE);
    fake_publish(&fake, "turn:secret", "realm");
    WAIT_FOR(base, seen.n_found == 3);
    assert_int_equal(seen.n_users, 1);
}

static void t_scan_goes_on(void **state)
{
    (void)state;
    fake_say(&fake, "SCAN", "*2\r\n$2\r\n17\r\n*0\r\n");
    start_with_users();
    WAIT_FOR(base, fake_count(&fake, "SCAN") == 5);
    assert_string_equal(fake.args, "SCAN 17 MATCH turn/realm/realm/user/*/key COUNT 512 ");
    fake_say(&fake, "SCAN", "*2\r\n$1\r\n0\r\n*1\r\n" ALICE);
    fake_say(&fake, "GETRANGE", "$4\r\npass\r\n");
    WAIT_FOR(base, seen.n_users == 1);
}

static void t_scan_faults(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        enum redis_news news;
    } rows[] = {
        {"+OK\r\n", REDIS_MALFORMED},
        {"*2\r\n$0\r\n\r\n*0\r\n", REDIS_MALFORMED},
        {"*2\r\n$30\r\n111111111111111111111111111111\r\n*0\r\n", REDIS_MALFORMED},
        {"*2\r\n$1\r\n0\r\n$1\r\n0\r\n", REDIS_MALFORMED},
        {"*2\r\n$1\r\n0\r\n*8193\r\n", REDIS_TOO_LARGE},
        {"-NOPERM no\r\n", REDIS_NOPERM},
    };
    fake_say(&fake, "GETRANGE", "$4\r\npass\r\n");
    start_with_users();
    size_t given = fake.n_rows;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake.n_rows = given;
        fake_say(&fake, "SCAN", rows[i].answer);
        fake_publish(&fake, "turn:secret", "realm");
        WAIT_FOR(base, seen.n_news && seen.news == rows[i].news);
        fake_say(&fake, "SCAN", "*2\r\n$1\r\n0\r\n*1\r\n" ALICE);
        WAIT_FOR(base, seen.news == REDIS_READY);
    }
    assert_int_equal(seen.n_found, 1);
}

/* --- What cannot work --- */

static void t_bad_conf(void **state)
{
    (void)state;
    static const char *const bad[] = {"",       ":6379", "host:0", "host:65536",
                                      "host:x", "[::1",  "[::1]x", "host:1:2"};
    struct redis_conf conf = plain();
    struct auth_error err;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        conf.address = bad[i];
        err.text[0] = '\0';
        assert_null(redis_source_new(base, &conf, &listener, &err));
        assert_true(err.text[0]);
    }
    conf.address = "/run/redis.sock";
    conf.tls = true;
    assert_null(redis_source_new(base, &conf, &listener, &err));
    assert_non_null(strstr(err.text, "TLS"));
    conf.address = "host";
    conf.ca = "/nonexistent/ca.pem";
    assert_null(redis_source_new(base, &conf, &listener, &err));
    assert_non_null(strstr(err.text, "/nonexistent/ca.pem"));
}

static void t_names_and_paths(void **state)
{
    (void)state;
    struct redis_conf conf = plain();
    char name[32];
    (void)snprintf(name, sizeof(name), "localhost:%u", fake.port);
    conf.address = name;
    fake_say(&fake, "HGETALL", ONE);
    start_as(&conf, &quick);
    WAIT_FOR(base, seen.news == REDIS_READY && seen.n_news);
    redis_source_free(source);
    conf.address = "/nonexistent/redis.sock";
    start_as(&conf, &quick);
    WAIT_FOR(base, seen.news == REDIS_LOST);
}

/* Given up while names are looked up, while connecting, at any time. */
static void t_freed_at_any_time(void **state)
{
    (void)state;
    static const char *const addresses[] = {"no-such-host.invalid:1", "localhost:1", "192.0.2.1"};
    struct redis_conf conf = plain();
    conf.users = true;
    for (size_t i = 0; i < 3; i++) {
        conf.address = addresses[i];
        for (int turns = 0; turns < 4; turns++) {
            start_as(&conf, &quick);
            for (int k = 0; k < turns; k++)
                (void)event_base_loop(base, EVLOOP_NONBLOCK);
            redis_source_free(source);
            source = NULL;
            WAIT_FOR(base, mem_live() == 0);
        }
    }
    fake_say(&fake, "HGETALL", ONE);
    fake_say(&fake, "SCAN", "*2\r\n$1\r\n0\r\n*1\r\n" ALICE);
    for (size_t ms = 0; ms < 20; ms++) {
        start_with_users();
        turn(base, (unsigned)ms / 4);
        redis_source_free(source);
        source = NULL;
    }
}

static void t_out_of_memory(void **state)
{
    (void)state;
    struct redis_conf conf = plain();
    struct auth_error err;
    conf.users = true;
    fake_say(&fake, "HGETALL", ONE);
    fake_say(&fake, "SCAN", "*2\r\n$1\r\n0\r\n*1\r\n" ALICE);
    fake_say(&fake, "GETRANGE", "$4\r\npass\r\n");
    for (int64_t n = 0; n < 40; n++) {
        size_t before = seen.n_found;
        mem_fail_after(n);
        source = redis_source_paced(base, &conf, &listener, &quick, &err);
        WAIT_FOR(base, !source || seen.n_found > before);
        mem_fail_after(-1);
        assert_true(!source || (seen.n_users == 1 && seen.n_secrets == 1));
        redis_source_free(source);
        source = NULL;
    }
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(t_users),           T(t_scan_goes_on),      T(t_scan_faults),   T(t_bad_conf),
        T(t_names_and_paths), T(t_freed_at_any_time), T(t_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
