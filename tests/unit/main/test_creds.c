/* The secrets file and Redis together: what is in force when either changes, fails or grows old. */
#include "main/creds.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "main/settings.h"

/* --- A Redis that says what the test wants --- */

struct redis_source {
    struct redis_listener to;
    int64_t age;
    const char *address;
};

static struct redis_source sources[2];
static int made;
static int freed;

struct redis_source *redis_source_new(struct event_base *base, const struct redis_conf *conf,
                                      const struct redis_listener *to, struct auth_error *err)
{
    (void)base;
    if (strcmp(conf->address, "bad:1") == 0) {
        snprintf(err->text, sizeof(err->text), "it cannot work");
        return NULL;
    }
    struct redis_source *s = &sources[made++ % 2];
    *s = (struct redis_source){*to, -1, conf->address};
    return s;
}

void redis_source_free(struct redis_source *s)
{
    freed += s != NULL;
}

int64_t redis_source_age(const struct redis_source *s)
{
    return s->age;
}

const char *redis_source_address(const struct redis_source *s)
{
    return s->address;
}

int settings_secrets(const char *path, struct auth_secrets *ret, struct auth_revocations *revoked,
                     struct auth_error *err)
{
    int r = auth_file_load(path, ret, revoked, err);
    if (r == -ENOENT)
        *ret = (struct auth_secrets){0};
    return r == -ENOENT ? 0 : r;
}

/* --- --- */

static struct creds creds;
static struct conf conf;
static struct auth_error err;
static struct auth_revocations file_revoked;  /* what the next in_file writes */
static struct auth_revocations redis_revoked; /* what the next in_redis gives */
static char dir[64];
static int told;

static void on_changed(void *ctx)
{
    assert_ptr_equal(ctx, &told);
    told++;
}

static void on_heard(void *ctx)
{
    (void)ctx;
}

static struct auth_secrets some(const char *prefix, int n)
{
    struct auth_secrets all = {0};
    for (int i = 0; i < n; i++) {
        struct auth_secret one = {.len = 16};
        snprintf(one.id, sizeof(one.id), "%.20s%d", prefix, i);
        memset(one.bytes, 'a' + i, 16);
        assert_int_equal(auth_secrets_add(&all, &one, NULL), 0);
    }
    return all;
}

static void in_file(const char *prefix, int n)
{
    const struct auth_secrets all = some(prefix, n);
    assert_int_equal(auth_file_save(conf.secrets_file, &all, &file_revoked, &err), 0);
}

static void in_redis(struct redis_source *s, const char *prefix, int n)
{
    struct auth_keyed_user user = {.name = "ann", .has_md5 = true};
    const struct redis_found found = {some(prefix, n), &user, 1, &redis_revoked};
    s->age = 0;
    s->to.found(s->to.ctx, &found);
}

static struct redis_source *start(const char *address)
{
    struct redis_source *s = &sources[made % 2];
    snprintf(conf.redis, sizeof(conf.redis), "%s", address);
    assert_int_equal(creds_prepare(&creds, &conf, NULL, &err), 0);
    creds_settle(&creds, &conf);
    assert_ptr_equal(creds.source, s);
    return s;
}

static void t_both(void **state)
{
    (void)state;
    in_file("f", 2);
    assert_true(creds_watch(&creds, &conf));
    assert_false(creds_watch(&creds, &conf));
    struct redis_source *s = start("a:1");
    assert_int_equal(creds.all.n, 2);
    in_redis(s, "r", 3);
    assert_int_equal(told, 1);
    assert_int_equal(creds.all.n, 5);
    assert_string_equal(creds.all.v[0].id, "f0");
    assert_int_equal(creds.n_users, 1);
    in_file("r", 1); /* the same id as one of Redis': the file's counts */
    assert_true(creds_watch(&creds, &conf));
    assert_int_equal(creds.all.n, 3);
    in_redis(s, "r", 0);
    assert_int_equal(creds.all.n, 1);
    assert_true(creds_any(&creds));
    assert_int_equal(unlink(conf.secrets_file), 0);
    assert_true(creds_watch(&creds, &conf));
    assert_int_equal(creds.all.n, 0);
    assert_true(creds_any(&creds)); /* a user is left */
}

static void t_too_many(void **state)
{
    (void)state;
    struct redis_source *s = start("a:1");
    in_redis(s, "r", 10);
    in_file("f", 7);
    assert_true(creds_watch(&creds, &conf));
    assert_int_equal(creds.all.n, 10); /* as it was */
    in_file("f", 6);
    assert_true(creds_watch(&creds, &conf));
    assert_int_equal(creds.all.n, 16);
}

static void t_a_bad_file_keeps_all(void **state)
{
    (void)state;
    struct redis_source *s = start("a:1");
    in_redis(s, "r", 1);
    in_file("f", 1);
    assert_true(creds_watch(&creds, &conf));
    FILE *f = fopen(conf.secrets_file, "w");
    fputs("f0 0 0\n", f);
    fclose(f);
    assert_false(creds_watch(&creds, &conf));
    assert_int_equal(creds.all.n, 2);
    in_redis(s, "r", 2);
    assert_int_equal(creds.all.n, 3);
}

static void t_age(void **state)
{
    (void)state;
    conf.redis_max_age = 120;
    struct redis_source *s = start("a:1");
    in_redis(s, "r", 1);
    s->age = 120;
    assert_false(creds_watch(&creds, &conf));
    assert_int_equal(creds.all.n, 1);
    s->age = 121;
    assert_true(creds_watch(&creds, &conf));
    assert_false(creds_any(&creds));
    assert_false(creds_watch(&creds, &conf));
    s->age = 0; /* the same is there again, so nobody tells */
    assert_true(creds_watch(&creds, &conf));
    assert_int_equal(creds.all.n, 1);
    assert_int_equal(creds.n_users, 1);
    s->age = 100000;
    assert_true(creds_watch(&creds, &conf));
    conf.redis_max_age = 0;
    creds_settle(&creds, &conf);
    assert_true(creds_watch(&creds, &conf));
    assert_int_equal(creds.all.n, 1);
}

/* What the old Redis gave stays until the new one has been read. */
static void t_another_redis(void **state)
{
    (void)state;
    struct redis_source *one = start("a:1");
    in_redis(one, "r", 1);
    assert_int_equal(creds_prepare(&creds, &conf, NULL, &err), 0);
    creds_settle(&creds, &conf);
    assert_ptr_equal(creds.source, one); /* nothing has changed */
    snprintf(conf.redis, sizeof(conf.redis), "bad:1");
    assert_int_equal(creds_prepare(&creds, &conf, NULL, &err), -EINVAL);
    assert_string_equal(err.text, "it cannot work");
    creds_drop(&creds);
    assert_ptr_equal(creds.source, one);
    conf.redis_max_age = 120;
    struct redis_source *two = start("192.0.2.1:2");
    assert_int_equal(freed, 1);
    assert_int_equal(creds.all.n, 1);
    assert_false(creds_watch(&creds, &conf)); /* never read, but the old one was just now */
    assert_int_equal(creds.all.n, 1);
    assert_int_equal(creds.at.port, 2);
    in_redis(two, "n", 2);
    assert_string_equal(creds.all.v[1].id, "n1");
    two->address = "192.0.2.2:2"; /* a failover */
    assert_true(creds_watch(&creds, &conf));
    assert_int_equal(creds.at.ip[3], 2);
    conf.redis[0] = 0;
    assert_int_equal(creds_prepare(&creds, &conf, NULL, &err), 0);
    creds_settle(&creds, &conf);
    assert_null(creds.source);
    assert_false(creds_any(&creds));
}

static void revoked_names(struct auth_revocations *list, int first, int n, int64_t until)
{
    auth_revocations_clear(list);
    for (int i = 0; i < n; i++) {
        struct auth_revoked one = {.until = until};
        one.name[0] = (uint8_t)((first + i) >> 8);
        one.name[1] = (uint8_t)(first + i);
        assert_int_equal(auth_revocations_add(list, &one), 0);
    }
}

/* Both lists together, without what is over; Redis' goes on counting when its secrets do not. */
static void t_revoked(void **state)
{
    (void)state;
    const int64_t later = clock_wall() + 1000;
    revoked_names(&file_revoked, 0, 2, later);
    in_file("f", 1);
    assert_true(creds_watch(&creds, &conf));
    assert_int_equal(creds.revoked.n, 2);
    conf.redis_max_age = 120;
    struct redis_source *s = start("a:1");
    revoked_names(&redis_revoked, 1, 4, later);
    redis_revoked.v[3].until = 1;
    in_redis(s, "r", 1);
    assert_int_equal(creds.revoked.n, 4);
    s->age = 121;
    assert_true(creds_watch(&creds, &conf));
    assert_int_equal(creds.all.n, 1);
    assert_int_equal(creds.revoked.n, 4);
    s->age = 0;
    revoked_names(&redis_revoked, 1, AUTH_REVOKED_MAX, later);
    in_redis(s, "r", 1); /* one too many */
    assert_int_equal(creds.revoked.n, 4);
    revoked_names(&redis_revoked, 0, AUTH_REVOKED_MAX, later);
    in_redis(s, "r", 1);
    assert_int_equal(creds.revoked.n, AUTH_REVOKED_MAX);
    FILE *f = fopen(conf.secrets_file, "w");
    fputs("f0 0 0 0123456789abcdef\n!00 7\n", f);
    fclose(f);
    assert_false(creds_watch(&creds, &conf)); /* refused */
    assert_int_equal(creds.revoked.n, AUTH_REVOKED_MAX);
    conf.redis[0] = 0;
    assert_int_equal(creds_prepare(&creds, &conf, NULL, &err), 0);
    creds_settle(&creds, &conf);
    assert_int_equal(creds.revoked.n, 2);
    auth_revocations_clear(&file_revoked);
    auth_revocations_clear(&redis_revoked);
}

static void t_out_of_memory(void **state)
{
    (void)state;
    struct redis_source *s = start("a:1");
    in_redis(s, "r", 1);
    mem_fail_after(0);
    in_redis(s, "r", 2);
    mem_fail_after(-1);
    assert_int_equal(creds.all.n, 1);
    assert_int_equal(creds.n_users, 1);
    snprintf(conf.redis, sizeof(conf.redis), "b:1");
    mem_fail_after(0);
    assert_int_equal(creds_prepare(&creds, &conf, NULL, &err), -ENOMEM);
    mem_fail_after(-1);
    creds_drop(&creds);
}

static int each(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    conf_defaults(&conf);
    snprintf(dir, sizeof(dir), "%.40s/creds-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(dir))
        return -1;
    snprintf(conf.secrets_file, sizeof(conf.secrets_file), "%s/secrets", dir);
    made = freed = told = 0;
    creds.changed = on_changed;
    creds.heard = on_heard;
    creds.ctx = &told;
    return creds_read_file(&creds, &conf, &err);
}

static int after_each(void **state)
{
    (void)state;
    creds_end(&creds);
    (void)unlink(conf.secrets_file);
    assert_int_equal(mem_live(), 0);
    return rmdir(dir);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, each, after_each)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(t_both),    TEST(t_too_many),      TEST(t_a_bad_file_keeps_all),
        TEST(t_age),     TEST(t_another_redis), TEST(t_out_of_memory),
        TEST(t_revoked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
