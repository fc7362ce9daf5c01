/* Finding the master, and following it. */
#include "unit/redis/fake.h"

#define ONE "*4\r\n$6\r\nschema\r\n$1\r\n1\r\n$3\r\none\r\n$20\r\n0 0 0123456789abcdef\r\n"
#define MASTER "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"
#define REPLICA "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:1\r\n$9\r\nconnected\r\n:0\r\n"
#define UNKNOWN "*-1\r\n"

static const struct redis_pace quick = {.answer_ms = 400,
                                        .retry_first_ms = 4,
                                        .retry_last_ms = 16,
                                        .read_ms = 100000,
                                        .gather_ms = 10,
                                        .ping_ms = 25};

enum { SENTINELS = 3 };

static struct event_base *base;
static struct fake sentinel[SENTINELS];
static struct fake master[2];
static char points_to[2][64];
static struct redis_source *source;
static struct {
    size_t n_found;
    size_t n_news;
    enum redis_news news;
    size_t of[REDIS_NEW_MASTER + 1];
} seen;

static void on_found(void *ctx, const struct redis_found *f)
{
    (void)ctx;
    (void)f;
    seen.n_found++;
}

static void on_news(void *ctx, enum redis_news news, const char *text)
{
    (void)ctx;
    (void)text;
    seen.n_news++;
    seen.news = news;
    seen.of[news]++;
}

static void point(size_t s, size_t m)
{
    fake_say(&sentinel[s], "SENTINEL", points_to[m]);
}

static int setup(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof(seen));
    memset(sentinel, 0, sizeof(sentinel));
    memset(master, 0, sizeof(master));
    base = event_base_new();
    for (size_t i = 0; i < SENTINELS; i++)
        fake_start(&sentinel[i], base);
    for (size_t i = 0; i < 2; i++) {
        char port[8];
        fake_start(&master[i], base);
        int n = snprintf(port, sizeof(port), "%u", master[i].port);
        (void)snprintf(points_to[i], sizeof(points_to[i]), "*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%s\r\n",
                       n, port);
        fake_say(&master[i], "ROLE", MASTER);
        fake_say(&master[i], "HGETALL", ONE);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    redis_source_free(source);
    for (size_t i = 0; i < SENTINELS; i++)
        fake_stop(&sentinel[i]);
    fake_stop(&master[0]);
    fake_stop(&master[1]);
    event_base_free(base);
    return mem_live() == 0 ? 0 : -1;
}

static void start(const char *user, const char *password)
{
    static const char *addresses[SENTINELS];
    static const struct redis_listener listener = {NULL, on_found, on_news};
    struct auth_error err = {""};
    for (size_t i = 0; i < SENTINELS; i++)
        addresses[i] = sentinel[i].address;
    struct redis_conf conf = {.address = "",
                              .sentinels = addresses,
                              .n_sentinels = SENTINELS,
                              .master = "mymaster",
                              .user = user,
                              .password = password,
                              .ca = "",
                              .realm = "realm"};
    source = redis_source_paced(base, &conf, &listener, &quick, &err);
    if (!source)
        fail_msg("%s", err.text);
}

static void t_asks_in_turn(void **state)
{
    (void)state;
    fake_say(&sentinel[0], "SENTINEL", UNKNOWN);
    fake_say(&sentinel[1], "SENTINEL", SILENCE);
    point(2, 0);
    start("", "");
    WAIT_FOR(base, seen.news == REDIS_READY && seen.n_news);
    assert_int_equal(seen.n_news, 1);
    assert_int_equal(strncmp(master[0].log, "ROLE HGETALL ", 13), 0);
    assert_int_equal(strncmp(sentinel[2].log, "SENTINEL SUBSCRIBE ", 19), 0);
}

static void t_nobody_knows(void **state)
{
    (void)state;
    fake_say(&sentinel[0], "SENTINEL", UNKNOWN);
    fake_say(&sentinel[1], "SENTINEL", "-IDONTKNOW\r\n");
    fake_stop(&sentinel[2]);
    start("", "");
    WAIT_FOR(base, fake_count(&sentinel[0], "SENTINEL") == 3);
    assert_int_equal(seen.n_news, 1);
    assert_int_equal(seen.news, REDIS_NO_MASTER);
    point(1, 1);
    WAIT_FOR(base, seen.news == REDIS_READY);
}

static void t_failover_is_published(void **state)
{
    (void)state;
    point(0, 0);
    start("", "");
    WAIT_FOR(base, seen.news == REDIS_READY && fake_count(&sentinel[0], "SUBSCRIBE"));
    turn(base, 10);
    fake_publish(&sentinel[0], "+switch-master", "other 127.0.0.1 1 127.0.0.1 2");
    turn(base, 20);
    assert_int_equal(fake_count(&sentinel[0], "SENTINEL"), 1);
    point(0, 1);
    fake_publish(&sentinel[0], "+switch-master", "mymaster 127.0.0.1 1 127.0.0.1 2");
    WAIT_FOR(base, fake_count(&master[1], "SUBSCRIBE") && fake_count(&master[1], "HGETALL"));
    assert_int_equal(seen.of[REDIS_NEW_MASTER], 1);
    assert_int_equal(seen.n_found, 1);
    /* Nothing goes to the old one any more. */
    size_t before = strlen(master[0].log);
    turn(base, 60);
    assert_int_equal(strlen(master[0].log), before);
}

static void t_master_dies(void **state)
{
    (void)state;
    point(0, 0);
    start("", "");
    WAIT_FOR(base, seen.news == REDIS_READY && seen.n_news);
    fake_stop(&master[0]);
    WAIT_FOR(base, seen.news == REDIS_LOST);
    turn(base, 30);
    point(0, 1);
    WAIT_FOR(base, seen.news == REDIS_READY);
    assert_int_equal(seen.of[REDIS_NEW_MASTER], 1);
    assert_int_equal(seen.of[REDIS_LOST], 1);
}

static void t_replica_is_no_master(void **state)
{
    (void)state;
    fake_say(&master[0], "ROLE", REPLICA);
    point(0, 0);
    start("", "");
    WAIT_FOR(base, fake_count(&master[0], "ROLE") == 3);
    assert_int_equal(seen.news, REDIS_NO_MASTER);
    assert_int_equal(fake_count(&master[0], "HGETALL"), 0);
    fake_say(&master[0], "ROLE", MASTER);
    WAIT_FOR(base, seen.news == REDIS_READY);
    assert_int_equal(seen.of[REDIS_NEW_MASTER], 0);
}

/* The master lives on when the one that told of it does not. */
static void t_sentinel_dies(void **state)
{
    (void)state;
    point(0, 0);
    point(1, 0);
    start("", "");
    WAIT_FOR(base, seen.news == REDIS_READY && fake_count(&sentinel[0], "SUBSCRIBE"));
    fake_say(&sentinel[0], "PING", SILENCE);
    WAIT_FOR(base, fake_count(&sentinel[1], "SUBSCRIBE"));
    fake_stop(&sentinel[1]);
    fake_stop(&sentinel[2]);
    fake_stop(&sentinel[0]);
    turn(base, 60);
    assert_int_equal(seen.n_news, 1);
    assert_int_equal(fake_count(&master[0], "ROLE"), 1);
}

static void t_password_only_when_asked(void **state)
{
    (void)state;
    fake_say(&sentinel[0], "SENTINEL", "-NOAUTH Authentication required.\r\n");
    start("", "secret");
    WAIT_FOR(base, fake_count(&sentinel[0], "AUTH"));
    point(0, 0);
    WAIT_FOR(base, seen.news == REDIS_READY && seen.n_news);
    assert_int_equal(strncmp(sentinel[0].log, "SENTINEL AUTH ", 14), 0);
    assert_int_equal(fake_count(&master[0], "AUTH"), 2);
}

/* First for the default user, then for the one of Redis, then the next sentinel, from the start. */
static void t_logins_in_turn(void **state)
{
    (void)state;
    for (size_t i = 0; i < SENTINELS; i++) {
        fake_say(&sentinel[i], "SENTINEL", "-NOAUTH Authentication required.\r\n");
        fake_say(&sentinel[i], "AUTH", "-WRONGPASS invalid\r\n");
    }
    start("turn", "secret");
    WAIT_FOR(base, seen.n_news);
    assert_int_equal(seen.news, REDIS_NO_MASTER);
    for (size_t i = 0; i < SENTINELS; i++)
        assert_string_equal(sentinel[i].log, "SENTINEL AUTH AUTH ");
    assert_string_equal(sentinel[2].args, "AUTH turn secret ");
    point(0, 0);
    fake_say(&sentinel[0], "AUTH", "+OK\r\n");
    WAIT_FOR(base, seen.news == REDIS_READY);
}

static void t_strange_addresses(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "*2\r\n$9\r\n127.0.0.1\r\n$0\r\n\r\n",
        "*2\r\n$0\r\n\r\n$1\r\n1\r\n",
        "*2\r\n$9\r\n/tmp/sock\r\n$1\r\n1\r\n",
        "*2\r\n$3\r\na b\r\n$1\r\n1\r\n",
        "*2\r\n$4\r\nhost\r\n$2\r\nx1\r\n",
        "*1\r\n$4\r\nhost\r\n",
        "*2\r\n:1\r\n:2\r\n",
        "+OK\r\n",
        "*2\r\n$9\r\n127.0.0.1\r\n$5\r\n70000\r\n",
        "*2\r\n$3\r\n:::\r\n$1\r\n1\r\n",
    };
    fake_say(&sentinel[1], "SENTINEL", UNKNOWN);
    fake_say(&sentinel[2], "SENTINEL", UNKNOWN);
    start("", "");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake_say(&sentinel[0], "SENTINEL", rows[i]);
        size_t before = fake_count(&sentinel[0], "SENTINEL");
        WAIT_FOR(base, fake_count(&sentinel[0], "SENTINEL") > before + 1);
        assert_int_not_equal(seen.news, REDIS_READY);
    }
    point(0, 0);
    WAIT_FOR(base, seen.news == REDIS_READY);
}

static void t_bad_conf(void **state)
{
    (void)state;
    static const char *const addresses[] = {"127.0.0.1:26379"};
    static const struct redis_listener listener = {NULL, on_found, on_news};
    struct redis_conf conf = {.address = "",
                              .sentinels = addresses,
                              .n_sentinels = 1,
                              .master = "",
                              .user = "",
                              .password = "",
                              .ca = "",
                              .realm = "realm"};
    struct auth_error err;
    source = NULL;
    assert_null(redis_source_new(base, &conf, &listener, &err));
    assert_non_null(strstr(err.text, "master"));
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(t_asks_in_turn),
        T(t_nobody_knows),
        T(t_failover_is_published),
        T(t_master_dies),
        T(t_replica_is_no_master),
        T(t_sentinel_dies),
        T(t_password_only_when_asked),
        T(t_logins_in_turn),
        T(t_strange_addresses),
        T(t_bad_conf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
