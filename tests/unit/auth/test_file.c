/* The file of shared secrets: what is read, what is refused and how, what is written. */
#include "auth/auth_int.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"

static char dir[64];
static char path[96];

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "%s/secrets-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/secrets", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

static void write_file(const char *text, mode_t mode)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fputs(text, f) < 0, 0);
    fclose(f);
    assert_int_equal(chmod(path, mode), 0);
}

static void t_reads(void **state)
{
    (void)state;
    struct auth_secrets s = {0};
    struct auth_error err = {""};
    write_file("# comment\n"
               "\n"
               "main 0 0 n0rth-secret#0123456789abcdef\n"
               "  \t # indented comment\r\n"
               "\told\t5   6 \t 0123456789abcdef  \r\n"
               "last 0 0 fedcba9876543210",
               0600);
    assert_int_equal(auth_file_load(path, &s, NULL, &err), 0);
    assert_int_equal(s.n, 3);
    assert_string_equal(s.v[0].id, "main");
    assert_int_equal(s.v[0].len, 29);
    assert_memory_equal(s.v[0].bytes, "n0rth-secret#0123456789abcdef", 29);
    assert_string_equal(s.v[1].id, "old");
    assert_int_equal(s.v[1].not_before, 5);
    assert_int_equal(s.v[1].not_after, 6);
    assert_int_equal(s.v[1].len, 16);
    assert_memory_equal(s.v[2].bytes, "fedcba9876543210", 16);
    write_file("", 0400);
    assert_int_equal(auth_file_load(path, &s, NULL, &err), 0);
    assert_int_equal(s.n, 0);
    unlink(path);
}

static void expect_refused(int code, const char *why)
{
    static struct auth_secrets s;
    struct auth_error err = {""};
    char want[AUTH_ERROR_TEXT];
    int64_t live = mem_live();
    s.n = 7;
    assert_int_equal(auth_file_load(path, &s, NULL, &err), code);
    snprintf(want, sizeof(want), "%s%s", path, why);
    assert_string_equal(err.text, want);
    assert_int_equal(s.n, 7);
    assert_int_equal(mem_live(), live);
}

#define WORDS                                                                                      \
    ": expected the four words `id not-before not-after secret`, "                                 \
    "e.g. `main 0 0 SECRET`"

static const struct {
    const char *text;
    const char *why;
} bad[] = {
    {"main 0123456789abcdef\n", ":1" WORDS},
    {"\n#\nmain 0 0\n", ":3" WORDS},
    {"main 0 0 0123456789abcdef more\n", ":1" WORDS},
    {"Main 0 0 0123456789abcdef\n", ":1: the id must be 1 to 32 characters of a-z, 0-9 and -"},
    {"a-much-too-long-id-for-a-secret-in-here 0 0 0123456789abcdef\n",
     ":1: the id must be 1 to 32 characters of a-z, 0-9 and -"},
    {"main x 0 0123456789abcdef\n", ":1: expected Unix seconds as second and third word, e.g. 0"},
    {"main 0 -1 0123456789abcdef\n", ":1: expected Unix seconds as second and third word, e.g. 0"},
    {"main 0 1234567890123 0123456789abcdef\n",
     ":1: expected Unix seconds as second and third word, e.g. 0"},
    {"main 9 8 0123456789abcdef\n",
     ":1: not-before and not-after must be Unix seconds, not-after 0 or the later"},
    {"main 0 0 0123456789abcde\n", ":1: the secret must be 16 to 512 bytes long"},
    {"main 0 0 0123456789abcdef\nmain 0 0 0123456789abcdef\n",
     ":2: the id is taken by another secret"},
    {"main 0 0 0123456789abcdef\x01\n",
     ":1: the secret must not hold blanks or control characters"},
};

static void t_refused_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        write_file(bad[i].text, 0600);
        expect_refused(-EINVAL, bad[i].why);
    }
    char text[700];
    snprintf(text, sizeof(text), "main 0 0 %0600d\n", 0);
    write_file(text, 0600);
    expect_refused(-EINVAL, ":1: the secret must be 16 to 512 bytes long");
    unlink(path);
}

static void t_refused_files(void **state)
{
    (void)state;
    static const mode_t modes[] = {0640, 0604, 0610, 0601, 0660, 0602};
    expect_refused(-ENOENT, ": cannot be opened: No such file or directory");
    for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
        write_file("main 0 0 0123456789abcdef\n", modes[i]);
        expect_refused(-EPERM, ": others than its owner may use this file of secrets; "
                               "run `chmod 600` on it");
    }
    write_file("", 0600);
    assert_int_equal(truncate(path, 397313), 0);
    expect_refused(-EFBIG, ": is larger than 397312 bytes");
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_refused(-EINVAL, ": is not a regular file");
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    expect_refused(-EINVAL, ": is not a regular file");
    assert_int_equal(rmdir(path), 0);
    write_file("main 0 0 0123456789abcdef\n", 0600);
    mem_fail_after(0);
    struct auth_secrets s;
    struct auth_error err;
    assert_int_equal(auth_file_load(path, &s, NULL, &err), -ENOMEM);
    mem_fail_after(-1);
    unlink(path);
}

static void fill(struct auth_secrets *s, int n)
{
    for (int i = 0; i < n; i++) {
        struct auth_secret one = {.not_before = i, .not_after = i ? AUTH_TIME_MAX : 0};
        snprintf(one.id, sizeof(one.id), "secret-%d", i);
        auth_secret_generate(&one);
        if (i == 1) {
            one.len = AUTH_SECRET_MAX;
            memset(one.bytes, '#', AUTH_SECRET_MAX);
        }
        assert_int_equal(auth_secrets_add(s, &one, NULL), 0);
    }
}

static void t_round_trip(void **state)
{
    (void)state;
    struct auth_secrets s = {0};
    struct auth_secrets back = {0};
    struct auth_error err = {""};
    struct stat st;
    fill(&s, AUTH_SECRETS_MAX);
    assert_int_equal(auth_file_save(path, &s, NULL, &err), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(auth_file_load(path, &back, NULL, &err), 0);
    assert_int_equal(back.n, s.n);
    for (size_t i = 0; i < s.n; i++) {
        assert_string_equal(back.v[i].id, s.v[i].id);
        assert_int_equal(back.v[i].not_before, s.v[i].not_before);
        assert_int_equal(back.v[i].not_after, s.v[i].not_after);
        assert_int_equal(back.v[i].len, s.v[i].len);
        assert_memory_equal(back.v[i].bytes, s.v[i].bytes, s.v[i].len);
    }
    unlink(path);
}

/* A link keeps pointing where it did, and its target keeps owner and group. */
static void t_save_keeps_owner_and_links(void **state)
{
    (void)state;
    struct auth_secrets s = {0};
    struct auth_error err = {""};
    char target[128];
    struct stat st;
    uid_t uid = geteuid() == 0 ? 12345 : geteuid();
    gid_t gid = geteuid() == 0 ? 23456 : getegid();
    snprintf(target, sizeof(target), "%s.target", path);
    fill(&s, 1);
    write_file("", 0644);
    assert_int_equal(chown(path, uid, gid), 0);
    assert_int_equal(rename(path, target), 0);
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(auth_file_save(path, &s, NULL, &err), 0);
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_uid, uid);
    assert_int_equal(st.st_gid, gid);
    assert_int_equal(st.st_mode & 07777, 0600);
    unlink(path);
    unlink(target);
}

static void t_save_fails_cleanly(void **state)
{
    (void)state;
    struct auth_secrets s = {0};
    struct auth_error err = {""};
    assert_int_equal(auth_file_save("/nonexistent/secrets", &s, NULL, &err), -ENOENT);
    assert_string_equal(err.text,
                        "/nonexistent/secrets: cannot be written: No such file or directory");
    /* A directory in its place: the rename fails, and nothing is left behind. */
    assert_int_equal(mkdir(path, 0700), 0);
    assert_true(auth_file_save(path, &s, NULL, &err) < 0);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(mkdir(dir, 0700), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_reads),
        cmocka_unit_test(t_refused_lines),
        cmocka_unit_test(t_refused_files),
        cmocka_unit_test(t_round_trip),
        cmocka_unit_test(t_save_keeps_owner_and_links),
        cmocka_unit_test(t_save_fails_cleanly),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
