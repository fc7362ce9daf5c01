/* The commands against a server in another process; what reached it comes back by a pipe. */
#include "unit/redis/fake.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#define LONG "0123456789abcdef"
#define QUEUED "+QUEUED\r\n"

static struct redis_conf conf;
static struct auth_error err;
static pid_t server;
static int back;

static void on_told_to_end(evutil_socket_t fd, short events, void *ctx)
{
    (void)fd;
    (void)events;
    (void)event_base_loopbreak(ctx);
}

/* Runs until the process that asked closes its end. */
static void serve(struct fake *f, int from, int to)
{
    struct event_base *base = event_base_new();
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    fake_start(f, base);
    assert_int_equal(write(to, f->address, sizeof(f->address)), sizeof(f->address));
    struct event *end = event_new(base, from, EV_READ, on_told_to_end, base);
    (void)event_add(end, NULL);
    (void)event_base_dispatch(base);
    (void)!write(to, f->log, strlen(f->log) + 1);
    _exit(0);
}

static int ctl;
static char address[32];

static void start(struct fake *f)
{
    int to[2];
    int from[2];
    assert_true(pipe(to) == 0 && pipe(from) == 0);
    server = fork();
    if (server == 0) {
        (void)close(to[1]);
        (void)close(from[0]);
        serve(f, to[0], from[1]);
    }
    (void)close(to[0]);
    (void)close(from[1]);
    ctl = to[1];
    back = from[0];
    assert_int_equal(read(back, address, sizeof(address)), sizeof(address));
    conf = (struct redis_conf){
        .address = address, .master = "", .user = "", .password = "", .ca = "", .realm = "realm"};
    err.text[0] = '\0';
}

/* What the server was asked. */
static const char *stop(void)
{
    static char log[4096];
    (void)close(ctl);
    ssize_t n = read(back, log, sizeof(log) - 1);
    log[n > 0 ? n : 0] = '\0';
    (void)close(back);
    (void)waitpid(server, NULL, 0);
    return log;
}

static struct auth_secret secret(const char *id)
{
    struct auth_secret one = {.len = 16};
    memcpy(one.bytes, LONG, 16);
    (void)snprintf(one.id, sizeof(one.id), "%s", id);
    return one;
}

static void t_load(void **state)
{
    (void)state;
    struct fake f = {.n_rows = 0};
    struct auth_secrets got = {.n = 9};
    fake_say(&f, "HGETALL", "*2\r\n$3\r\none\r\n$20\r\n0 0 " LONG "\r\n");
    fake_say(&f, "SMEMBERS", "*1\r\n$16\r\n" LONG "\r\n");
    start(&f);
    assert_int_equal(redis_secrets_load(&conf, &got, NULL, &err), 0);
    assert_int_equal(got.n, 2);
    assert_string_equal(got.v[1].id, "coturn-1");
    conf.users = true; /* users are not read for a command */
    assert_int_equal(redis_secrets_load(&conf, &got, NULL, &err), 0);
    assert_string_equal(stop(), "HGETALL SMEMBERS REVOKED HGETALL SMEMBERS REVOKED ");
    conf.address = address;
    assert_int_equal(redis_secrets_load(&conf, &got, NULL, &err), -ENOTCONN);
    assert_non_null(strstr(err.text, "nobody listens"));
    assert_int_equal(mem_live(), 0);
}

static void t_load_malformed(void **state)
{
    (void)state;
    struct fake f = {.n_rows = 0};
    struct auth_secrets got = {.n = 9};
    fake_say(&f, "HGETALL", "*2\r\n$3\r\none\r\n$13\r\n0 0 sEcReTsEc\r\n");
    start(&f);
    assert_int_equal(redis_secrets_load(&conf, &got, NULL, &err), -EBADMSG);
    assert_non_null(strstr(err.text, "secret one:"));
    assert_null(strstr(err.text, "sEcReT"));
    assert_int_equal(got.n, 9);
    (void)stop();
}

static void t_put(void **state)
{
    (void)state;
    struct fake f = {.n_rows = 0};
    struct auth_secret one = secret("one");
    fake_say(&f, "HMGET", "*2\r\n$1\r\n1\r\n$-1\r\n");
    fake_say(&f, "HLEN", ":16\r\n");
    fake_say(&f, "HSET", QUEUED);
    fake_say(&f, "PUBLISH", QUEUED);
    fake_say(&f, "EXEC", "*3\r\n:0\r\n:1\r\n:0\r\n");
    start(&f);
    assert_int_equal(redis_secret_put(&conf, &one, &err), 0);
    assert_string_equal(stop(), "HMGET HLEN MULTI HSET HSET PUBLISH EXEC ");
    /* The seventeenth; but replacing one needs no room. */
    fake_say(&f, "HLEN", ":17\r\n");
    start(&f);
    assert_int_equal(redis_secret_put(&conf, &one, &err), -ENOSPC);
    assert_string_equal(stop(), "HMGET HLEN ");
    fake_say(&f, "HMGET", "*2\r\n$1\r\n1\r\n$1\r\nx\r\n");
    start(&f);
    assert_int_equal(redis_secret_put(&conf, &one, &err), 0);
    (void)stop();
    assert_int_equal(mem_live(), 0);
}

static void t_put_refused(void **state)
{
    (void)state;
    static const struct {
        const char *command;
        const char *answer;
        int code;
    } rows[] = {
        {"HMGET", "-NOPERM no\r\n", -EPERM},
        {"HMGET", "-NOAUTH no\r\n", -EACCES},
        {"HMGET", "*1\r\n:1\r\n", -EPROTO},
        {"HMGET", "*2\r\n$1\r\n2\r\n$-1\r\n", -EPROTONOSUPPORT},
        {"HMGET", "-WRONGTYPE no\r\n", -EINVAL},
        {"HMGET", "-MOVED 1 x:1\r\n", -EXDEV},
        {"HLEN", "+OK\r\n", -EPROTO},
        {"HLEN", HANG_UP, -ENOTCONN},
        {"HSET", "-NOPERM no\r\n", -EPERM},
        {"HSET", "-READONLY no\r\n", -EAGAIN},
        {"PUBLISH", "-NOPERM no\r\n", -EPERM},
        {"EXEC", "-EXECABORT no\r\n", -ENOTCONN},
        {"EXEC", "*-1\r\n", -EPROTO},
        {"EXEC", "*3\r\n-WRONGTYPE no\r\n:1\r\n:0\r\n", -EINVAL},
        {"EXEC", "*1000000\r\n", -EMSGSIZE},
    };
    struct auth_secret one = secret("one");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fake f = {.n_rows = 0};
        fake_say(&f, "HMGET", "*2\r\n$-1\r\n$-1\r\n");
        fake_say(&f, "HLEN", ":0\r\n");
        fake_say(&f, "EXEC", "*3\r\n:0\r\n:1\r\n:0\r\n");
        fake_say(&f, rows[i].command, rows[i].answer);
        start(&f);
        int e = redis_secret_put(&conf, &one, &err);
        if (e != rows[i].code || !err.text[0])
            fail_msg("row %zu: %d %s", i, e, err.text);
        (void)stop();
    }
    assert_int_equal(mem_live(), 0);
}

static void t_put_bad(void **state)
{
    (void)state;
    struct auth_secret one = secret("schema");
    conf.address = "127.0.0.1:1";
    assert_int_equal(redis_secret_put(&conf, &one, &err), -EINVAL);
    one = secret("UPPER");
    assert_int_equal(redis_secret_put(&conf, &one, &err), -EINVAL);
    one = secret("one");
    one.len = 3;
    assert_int_equal(redis_secret_put(&conf, &one, &err), -EINVAL);
    assert_int_equal(redis_secret_remove(&conf, "schema", &err), -ENOENT);
}

static void t_remove(void **state)
{
    (void)state;
    struct fake f = {.n_rows = 0};
    fake_say(&f, "HEXISTS", ":1\r\n");
    fake_say(&f, "EXEC", "*3\r\n:0\r\n:1\r\n:0\r\n");
    start(&f);
    assert_int_equal(redis_secret_remove(&conf, "one", &err), 0);
    assert_string_equal(stop(), "HEXISTS MULTI HSET HDEL PUBLISH EXEC ");
    /* Nothing is written for one that is not there: a set that nobody knows must not appear. */
    fake_say(&f, "HEXISTS", ":0\r\n");
    start(&f);
    assert_int_equal(redis_secret_remove(&conf, "one", &err), -ENOENT);
    assert_string_equal(stop(), "HEXISTS ");
    assert_int_equal(mem_live(), 0);
}

#define HEX "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void t_revoked(void **state)
{
    (void)state;
    struct fake f = {.n_rows = 0};
    struct auth_secrets got;
    struct auth_revocations list = {NULL, 0, 0};
    fake_say(&f, "REVOKED", "*2\r\n$64\r\n" HEX "\r\n$2\r\n77\r\n");
    start(&f);
    assert_int_equal(redis_secrets_load(&conf, &got, &list, &err), 0);
    assert_int_equal(redis_secrets_load(&conf, &got, &list, &err), 0);
    assert_int_equal(list.n, 1);
    assert_int_equal(list.v[0].until, 77);
    (void)stop();
    fake_say(&f, "REVOKED", "*2\r\n$64\r\n" HEX "\r\n$3\r\nsoo\r\n");
    start(&f);
    assert_int_equal(redis_secrets_load(&conf, &got, &list, &err), -EBADMSG);
    assert_non_null(strstr(err.text, "HDEL"));
    assert_int_equal(list.n, 1);
    (void)stop();
    auth_revocations_clear(&list);
    assert_int_equal(mem_live(), 0);
}

static void t_revoked_change(void **state)
{
    (void)state;
    struct fake f = {.n_rows = 0};
    struct auth_revocations put = {NULL, 0, 0};
    struct auth_revocations drop = {NULL, 0, 0};
    struct auth_revoked one = {.until = 77};
    assert_int_equal(auth_revocations_add(&put, &one), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(auth_revocations_add(&drop, &one), 0);
    fake_say(&f, "HSET", QUEUED);
    fake_say(&f, "HDEL", QUEUED);
    fake_say(&f, "PUBLISH", QUEUED);
    fake_say(&f, "EXEC", "*4\r\n:1\r\n:1\r\n:0\r\n:0\r\n");
    start(&f);
    assert_int_equal(redis_revoked_change(&conf, &put, &drop, &err), 0);
    assert_string_equal(stop(), "MULTI HDEL HDEL HSET PUBLISH EXEC ");
    fake_say(&f, "EXEC", "*4\r\n:1\r\n:1\r\n-WRONGTYPE no\r\n:0\r\n");
    start(&f);
    assert_int_equal(redis_revoked_change(&conf, &put, &drop, &err), -EINVAL);
    (void)stop();
    fake_say(&f, "HSET", "-NOPERM no\r\n");
    start(&f);
    assert_int_equal(redis_revoked_change(&conf, &put, &drop, &err), -EPERM);
    (void)stop();
    while (drop.n < REDIS_DROPS_MAX + 1)
        assert_int_equal(auth_revocations_add(&drop, &one), 0);
    fake_say(&f, "HSET", QUEUED);
    fake_say(&f, "EXEC", "*1\r\n:1\r\n");
    start(&f);
    assert_int_equal(redis_revoked_change(&conf, &put, &drop, &err), -EPROTO);
    assert_int_equal(strlen(stop()), strlen("MULTI HSET PUBLISH EXEC ") + 5 * REDIS_DROPS_MAX);
    auth_revocations_clear(&put);
    auth_revocations_clear(&drop);
    assert_int_equal(mem_live(), 0);
}

static void t_sentinels(void **state)
{
    (void)state;
    struct fake f = {.n_rows = 0};
    struct auth_secrets got;
    start(&f);
    const char *sentinels[] = {"127.0.0.1:1", address};
    conf.sentinels = sentinels;
    conf.n_sentinels = 2;
    conf.master = "mymaster";
    assert_int_equal(redis_secrets_load(&conf, &got, NULL, &err), -ENOTCONN);
    assert_non_null(strstr(err.text, "no sentinel"));
    assert_string_equal(stop(), "SENTINEL ");
    assert_int_equal(mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_load),      cmocka_unit_test(t_load_malformed),
        cmocka_unit_test(t_put),       cmocka_unit_test(t_put_refused),
        cmocka_unit_test(t_put_bad),   cmocka_unit_test(t_remove),
        cmocka_unit_test(t_revoked),   cmocka_unit_test(t_revoked_change),
        cmocka_unit_test(t_sentinels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
