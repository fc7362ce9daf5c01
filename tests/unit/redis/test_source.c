/* The running source against a server that does as it is told. */
#include "unit/redis/source.h"

static void t_reads_at_start(void **state)
{
    (void)state;
    fake_say(&fake, "HGETALL", ONE);
    start();
    assert_int_equal(redis_source_age(source), -1);
    WAIT_FOR(base, fake_count(&fake, "SMEMBERS") == 2);
    turn(base, 40);
    assert_int_equal(seen.n_secrets, 1);
    assert_int_equal(seen.n_found, 1);
    assert_int_equal(seen.n_news, 1);
    assert_int_equal(seen.news, REDIS_READY);
    assert_in_range(redis_source_age(source), 0, 3);
    /* Once at start, and once since something may have been published before the subscription. */
    assert_string_equal(fake.log, "HGETALL SMEMBERS REVOKED SUBSCRIBE HGETALL SMEMBERS REVOKED ");
}

static void t_logs_in(void **state)
{
    (void)state;
    struct redis_conf conf = plain();
    conf.user = "turn";
    conf.password = "pass word";
    conf.db = 7;
    fake_say(&fake, "SELECT", "-ERR DB index is out of range\r\n");
    start_as(&conf, &quick);
    WAIT_FOR(base, seen.n_news);
    assert_int_equal(strncmp(fake.log, "AUTH SELECT ", 12), 0);
    assert_string_equal(fake.args, "SELECT 7 ");
    assert_int_equal(seen.news, REDIS_LOST);
    assert_non_null(strstr(seen.text, "number of the database"));
    fake_say(&fake, "AUTH", "-WRONGPASS invalid\r\n");
    WAIT_FOR(base, seen.news == REDIS_DENIED);
    fake_say(&fake, "AUTH", "+QUEUED\r\n");
    WAIT_FOR(base, seen.news == REDIS_MALFORMED);
    fake_say(&fake, "AUTH", "-ERR Client sent AUTH, but no password is set\r\n");
    WAIT_FOR(base, seen.news == REDIS_DENIED);
    fake_say(&fake, "AUTH", "+OK\r\n");
    fake_say(&fake, "SELECT", "+OK\r\n");
    fake_say(&fake, "HGETALL", ONE);
    WAIT_FOR(base, seen.news == REDIS_READY);
}

static void t_publication(void **state)
{
    (void)state;
    fake_say(&fake, "HGETALL", ONE);
    start();
    WAIT_FOR(base, fake_count(&fake, "HGETALL") == 2 && seen.n_secrets == 1);
    fake_say(&fake, "HGETALL", TWO);
    fake_publish(&fake, "turn:secret", "realm");
    WAIT_FOR(base, seen.n_secrets == 2);
    size_t before = fake_count(&fake, "HGETALL");
    /* A flood of them is a few reads. */
    usec_t began = clock_monotonic();
    for (int i = 0; i < 100; i++) {
        fake_publish(&fake, "turn:secret", "realm");
        turn(base, 1);
    }
    turn(base, 2 * quick.gather_ms);
    size_t at_most = (size_t)((clock_monotonic() - began) / 1000 / quick.gather_ms) + 2;
    assert_in_range(fake_count(&fake, "HGETALL") - before, 1, at_most);
    assert_int_equal(seen.n_found, 2);
}

static void t_by_the_clock(void **state)
{
    (void)state;
    struct redis_conf conf = plain();
    struct redis_pace pace = quick;
    pace.read_ms = 15;
    fake_say(&fake, "HGETALL", ONE);
    start_as(&conf, &pace);
    WAIT_FOR(base, fake_count(&fake, "HGETALL") == 8);
    assert_int_equal(seen.n_found, 1);
    assert_int_equal(seen.n_news, 1);
}

static void t_restart_without_data(void **state)
{
    (void)state;
    fake_say(&fake, "HGETALL", ONE);
    start();
    WAIT_FOR(base, seen.news == REDIS_READY && seen.n_news);
    fake_stop(&fake);
    WAIT_FOR(base, seen.news == REDIS_LOST);
    fake_say(&fake, "HGETALL", "*0\r\n");
    fake_start(&fake, base);
    WAIT_FOR(base, seen.news == REDIS_MISSING);
    assert_int_equal(seen.n_found, 1);
    assert_int_equal(seen.n_secrets, 1);
    /* Back soon, without waiting for the clock. */
    fake_say(&fake, "HGETALL", TWO);
    WAIT_FOR(base, seen.news == REDIS_READY && seen.n_secrets == 2);
    fake_say(&fake, "HGETALL", EMPTY);
    fake_publish(&fake, "turn:secret", "realm");
    WAIT_FOR(base, seen.n_secrets == 0);
    assert_int_equal(seen.news, REDIS_READY);
}

static void t_published_deletion(void **state)
{
    (void)state;
    fake_say(&fake, "HGETALL", ONE);
    start();
    WAIT_FOR(base, fake_count(&fake, "HGETALL") == 2 && seen.n_secrets == 1);
    fake_say(&fake, "HGETALL", "*0\r\n");
    fake_publish(&fake, "turn:secret", "removed other");
    WAIT_FOR(base, seen.news == REDIS_MISSING);
    assert_int_equal(seen.n_found, 1);
    fake_publish(&fake, "turn:secret", "removed realm");
    WAIT_FOR(base, seen.n_found == 2);
    assert_int_equal(seen.n_secrets, 0);
    assert_int_equal(seen.news, REDIS_READY);
}

/* A deletion that was published is not forgotten with the connection. */
static void t_deletion_before_a_break(void **state)
{
    (void)state;
    fake_say(&fake, "HGETALL", ONE);
    start();
    WAIT_FOR(base, fake_count(&fake, "HGETALL") == 2 && seen.n_secrets == 1);
    fake_say(&fake, "HGETALL", HANG_UP);
    fake_publish(&fake, "turn:secret", "removed realm");
    WAIT_FOR(base, seen.news == REDIS_LOST);
    assert_int_equal(seen.n_secrets, 1);
    fake_say(&fake, "HGETALL", "*0\r\n");
    WAIT_FOR(base, seen.n_found == 2);
    assert_int_equal(seen.n_secrets, 0);
}

static void t_publication_while_reading(void **state)
{
    (void)state;
    fake_say(&fake, "HGETALL", ONE);
    start();
    WAIT_FOR(base, fake_count(&fake, "HGETALL") == 2 && seen.n_secrets == 1);
    fake_say(&fake, "SMEMBERS", SILENCE);
    fake_publish(&fake, "turn:secret", "realm");
    WAIT_FOR(base, fake_count(&fake, "SMEMBERS") == 3);
    fake_say(&fake, "HGETALL", TWO);
    fake_say(&fake, "SMEMBERS", "*0\r\n");
    fake_publish(&fake, "turn:secret", "realm");
    turn(base, 10);
    (void)bufferevent_write(fake.conns[0].bev, "*0\r\n", 4);
    WAIT_FOR(base, seen.n_secrets == 2);
    assert_int_equal(seen.of[REDIS_LOST], 0);
}

/* Each of them leaves in force what was, is told once, and is over when the server is well. */
static void t_faults(void **state)
{
    (void)state;
    static char flood[REDIS_REPLY_MAX + 100];
    memset(flood, 'x', sizeof(flood) - 1);
    memcpy(flood, "$1073741824\r\n", 13);
    static const struct {
        const char *command;
        const char *answer;
        enum redis_news news;
    } rows[] = {
        {"HGETALL", SILENCE, REDIS_LOST},
        {"HGETALL", HANG_UP, REDIS_LOST},
        {"HGETALL", "*4\r\n$6\r\nsche", REDIS_LOST},
        {"HGETALL", "-NOAUTH Authentication required.\r\n", REDIS_DENIED},
        {"HGETALL", "-NOPERM this user has no permissions\r\n", REDIS_NOPERM},
        {"SMEMBERS", "-NOPERM this user has no permissions\r\n", REDIS_NOPERM},
        {"HGETALL", "-LOADING Redis is loading\r\n", REDIS_LOADING},
        {"HGETALL", "-WRONGTYPE Operation against\r\n", REDIS_WRONG_TYPE},
        {"HGETALL", "-MOVED 1 127.0.0.1:1\r\n", REDIS_CLUSTER},
        {"HGETALL", "*1000000\r\n", REDIS_TOO_LARGE},
        {"SMEMBERS", "*1000000\r\n$1\r\nx\r\n", REDIS_TOO_LARGE},
        {"HGETALL", flood, REDIS_TOO_LARGE},
        {"HGETALL", "HTTP/1.1 200 OK\r\n", REDIS_MALFORMED},
        {"HGETALL", ":1\r\n", REDIS_MALFORMED},
        {"HGETALL", "$-2\r\n", REDIS_MALFORMED},
        {"HGETALL", "*0\r\n+extra\r\n+extra\r\n", REDIS_MALFORMED},
        {"HGETALL", "*2\r\n$6\r\nschema\r\n$1\r\n2\r\n", REDIS_MALFORMED},
        {"HGETALL", "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n", REDIS_MALFORMED},
        {"HGETALL", "-ERR unknown command\r\n", REDIS_LOST},
    };
    fake_say(&fake, "HGETALL", ONE);
    start();
    WAIT_FOR(base, seen.news == REDIS_READY && seen.n_news);
    size_t given = fake.n_rows;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t before = seen.of[rows[i].news];
        fake.n_rows = given;
        fake.log[0] = '\0';
        fake_say(&fake, rows[i].command, rows[i].answer);
        fake_publish(&fake, "turn:secret", "realm");
        WAIT_FOR(base, seen.of[rows[i].news] > before);
        if (seen.of[rows[i].news] != before + 1 || seen.n_secrets != 1)
            fail_msg("row %zu", i);
        fake.n_rows = given;
        WAIT_FOR(base, seen.news == REDIS_READY);
    }
    assert_int_equal(seen.n_found, 1);
}

static void t_told_once(void **state)
{
    (void)state;
    fake_say(&fake, "HGETALL", SILENCE);
    start();
    WAIT_FOR(base, fake_count(&fake, "HGETALL") == 4);
    assert_int_equal(seen.n_news, 1);
    assert_int_equal(seen.news, REDIS_LOST);
    fake_stop(&fake);
    turn(base, 60);
    assert_int_equal(seen.n_news, 1);
    fake_say(&fake, "HGETALL", ONE);
    fake_start(&fake, base);
    WAIT_FOR(base, seen.news == REDIS_READY);
    assert_int_equal(seen.n_secrets, 1);
}

/* A server that is gone without a word is noticed between two reads. */
static void t_half_open(void **state)
{
    (void)state;
    struct redis_conf conf = plain();
    struct redis_pace pace = quick;
    pace.ping_ms = 25;
    fake_say(&fake, "HGETALL", ONE);
    start_as(&conf, &pace);
    WAIT_FOR(base, fake_count(&fake, "PING") > 4);
    assert_int_equal(seen.n_news, 1);
    fake_say(&fake, "PING", SILENCE);
    WAIT_FOR(base, seen.news == REDIS_LOST);
    fake_say(&fake, "PING", "+PONG\r\n");
}

static void t_without_subscription(void **state)
{
    (void)state;
    struct redis_conf conf = plain();
    struct redis_pace pace = quick;
    pace.read_ms = 30;
    fake_say(&fake, "HGETALL", ONE);
    fake_say(&fake, "SUBSCRIBE", "-NOPERM No permissions to access a channel\r\n");
    start_as(&conf, &pace);
    WAIT_FOR(base, seen.news == REDIS_NOPERM);
    assert_int_equal(seen.n_secrets, 1);
    fake_say(&fake, "HGETALL", TWO);
    WAIT_FOR(base, seen.n_secrets == 2);
    assert_int_equal(seen.of[REDIS_NOPERM], 1);
    assert_int_equal(seen.news, REDIS_NOPERM);
}

static void t_strangers_on_the_subscription(void **state)
{
    (void)state;
    fake_say(&fake, "HGETALL", ONE);
    fake_say(&fake, "SUBSCRIBE", "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n:5\r\n+strange\r\n");
    start();
    WAIT_FOR(base, seen.news == REDIS_MALFORMED);
    assert_int_equal(seen.n_secrets, 1);
}

static void t_speaks_first(void **state)
{
    (void)state;
    fake.greeting = "-ERR max number of clients reached\r\n";
    fake_say(&fake, "HGETALL", SILENCE);
    struct redis_conf conf = plain();
    start_as(&conf, &quick);
    WAIT_FOR(base, seen.news == REDIS_LOST && seen.n_news);
    fake.greeting = "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n";
    WAIT_FOR(base, seen.news == REDIS_MALFORMED);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(t_reads_at_start),
        T(t_logs_in),
        T(t_publication),
        T(t_by_the_clock),
        T(t_restart_without_data),
        T(t_published_deletion),
        T(t_deletion_before_a_break),
        T(t_publication_while_reading),
        T(t_faults),
        T(t_told_once),
        T(t_half_open),
        T(t_without_subscription),
        T(t_strangers_on_the_subscription),
        T(t_speaks_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
