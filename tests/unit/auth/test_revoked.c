/* Revoked names: the list, look-ups under it, its rows in the file. */
#include "unit/auth/snapshot.h"

#include <sys/stat.h>
#include <unistd.h>

#define ANN "2000000000:ann"
#define BOB "2000000000:bob"

static struct auth_revocations list;
static char path[96];

static struct auth_revoked of(const char *name, int64_t until)
{
    uint8_t hash[AUTH_REVOKED_FORMS][SHA256_LEN];
    struct auth_revoked one = {.until = until};
    assert_int_equal(auth_revoked_names(name, hash), 1);
    memcpy(one.name, hash[0], sizeof(one.name));
    return one;
}

static void take_out(const char *name, int64_t until)
{
    struct auth_revoked one = of(name, until);
    assert_int_equal(auth_revocations_add(&list, &one), 0);
    auth_revocations_sort(&list);
}

static int fresh(void **state)
{
    (void)state;
    auth_revocations_clear(&list);
    unlink(path);
    return 0;
}

/* --- Look-ups --- */

static struct auth_snapshot *snapshot(bool with_secret)
{
    static const struct auth_user users[] = {{"static", "password"}, {"\xc3\xa4rger", "other"}};
    struct auth_secrets secrets = {0};
    struct auth_conf conf = {
        .realm = REALM, .users = users, .n_users = with_secret ? 0 : 2, .revoked = &list};
    if (with_secret)
        add(&secrets, "main", SECRET, 0, 0);
    struct auth_snapshot *s = auth_snapshot_new(&conf, &secrets, NULL);
    assert_non_null(s);
    return s;
}

static void t_timed_names(void **state)
{
    (void)state;
    take_out(ANN, NOW + 10);
    take_out("somebody else, and longer", NOW + 1000);
    struct auth_snapshot *s = snapshot(true);
    assert_int_equal(auth_snapshot_revoked(s), 2);
    struct auth_query ann = ask(ANN);
    struct auth_query bob = ask(BOB);
    assert_int_equal(find(s, &ann), -EKEYREVOKED);
    assert_int_equal(find(s, &bob), 0);
    ann.nth = 64;
    bob.nth = 64;
    assert_int_equal(find(s, &ann), -EKEYREVOKED);
    assert_int_equal(find(s, &bob), -ENOENT);
    ann.nth = 0;
    ann.ignore_expiry = true;
    ann.sha256 = true;
    assert_int_equal(find(s, &ann), -EKEYREVOKED);
    ann.now = NOW + 10;
    assert_int_equal(find(s, &ann), -EKEYREVOKED);
    ann.now = NOW + 11;
    assert_int_equal(find(s, &ann), 0);
    /* Another name, even if it means the same. */
    struct auth_query zero = ask("0" ANN);
    assert_int_equal(find(s, &zero), 0);
    auth_snapshot_free(s);
}

static void t_static_users(void **state)
{
    (void)state;
    struct crypto *crypto = c;
    uint8_t hash[DIGEST_MAX] = {0};
    uint8_t unknown[DIGEST_MAX] = {1};
    take_out("static", NOW);
    struct auth_snapshot *s = snapshot(false);
    struct auth_query q = ask("static");
    assert_int_equal(find(s, &q), -EKEYREVOKED);
    longterm_userhash(crypto, span_text("static"), span_text(REALM), hash);
    q = (struct auth_query){.user = span_of(hash, SHA256_LEN), .is_hash = true, .now = NOW};
    assert_int_equal(find(s, &q), -EKEYREVOKED);
    q.now = NOW + 1;
    assert_int_equal(find(s, &q), 0);
    longterm_userhash(crypto, span_text("\xc3\xa4rger"), span_text(REALM), hash);
    q.now = NOW;
    assert_int_equal(find(s, &q), 0);
    /* Nobody's hash may be that of a revoked name. */
    q.user = span_of(unknown, SHA256_LEN);
    assert_int_equal(find(s, &q), -EKEYREVOKED);
    q.now = NOW + 1;
    assert_int_equal(find(s, &q), -ENOENT);
    auth_snapshot_free(s);
}

static void t_an_empty_list(void **state)
{
    (void)state;
    struct auth_snapshot *s = snapshot(true);
    struct auth_query q = ask(ANN);
    assert_int_equal(auth_snapshot_revoked(s), 0);
    assert_int_equal(find(s, &q), 0);
    auth_snapshot_free(s);
}

static void t_no_memory_for_the_list(void **state)
{
    (void)state;
    int64_t live = mem_live();
    take_out(ANN, NOW);
    for (int i = 0; i < 6; i++) {
        struct auth_conf conf = {.realm = REALM, .revoked = &list};
        mem_fail_after(i);
        struct auth_snapshot *s = auth_snapshot_new(&conf, NULL, NULL);
        mem_fail_after(-1);
        auth_snapshot_free(s);
    }
    auth_revocations_clear(&list);
    assert_int_equal(mem_live(), live);
}

/* --- The list --- */

static void t_names(void **state)
{
    (void)state;
    uint8_t hash[AUTH_REVOKED_FORMS][SHA256_LEN];
    char text[AUTH_REVOKED_TEXT];
    static char much[AUTH_NAME_MAX + 2];
    struct auth_revoked one = of("1763900000:ann", 5);
    auth_revoked_text(&one, text);
    assert_string_equal(text, "5820de59a6bec6c077bbd773eabdadac720f9849f70f4ad4a4ea81aff3f18d85");
    /* a, then a combining diaeresis: the client may send it so, or as one letter. */
    assert_int_equal(auth_revoked_names("a\xcc\x88rger", hash), 2);
    memcpy(one.name, hash[1], SHA256_LEN);
    assert_memory_equal(of("\xc3\xa4rger", 5).name, hash[1], SHA256_LEN);
    assert_int_equal(auth_revoked_names("", hash), -EINVAL);
    assert_int_equal(auth_revoked_names("\xff not UTF-8", hash), 1);
    memset(much, 'x', AUTH_NAME_MAX);
    assert_int_equal(auth_revoked_names(much, hash), 1);
    much[AUTH_NAME_MAX] = 'x';
    assert_int_equal(auth_revoked_names(much, hash), -E2BIG);
}

static void t_sorted(void **state)
{
    (void)state;
    static const char *const names[] = {"b", "a", "c", "a", "b"};
    for (int i = 0; i < 5; i++) {
        struct auth_revoked one = of(names[i], i == 3 ? 1 : 10 + i);
        assert_int_equal(auth_revocations_add(&list, &one), 0);
    }
    auth_revocations_sort(&list);
    assert_int_equal(list.n, 3);
    assert_int_equal(auth_revocations_find(&list, of("a", 0).name)->until, 11);
    assert_int_equal(auth_revocations_find(&list, of("b", 0).name)->until, 14);
    assert_null(auth_revocations_find(&list, of("d", 0).name));
    assert_true(auth_revocations_remove(&list, of("a", 0).name));
    assert_false(auth_revocations_remove(&list, of("a", 0).name));
    assert_int_equal(list.n, 2);
    assert_non_null(auth_revocations_find(&list, of("b", 0).name));
    assert_non_null(auth_revocations_find(&list, of("c", 0).name));
}

static void fill(struct auth_revocations *to, unsigned first, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct auth_revoked one = {.until = 10};
        one.name[0] = (uint8_t)((first + i) >> 8);
        one.name[1] = (uint8_t)(first + i);
        assert_int_equal(auth_revocations_add(to, &one), 0);
    }
    auth_revocations_sort(to);
}

static void t_limit(void **state)
{
    (void)state;
    struct auth_revoked one = of("a", 1);
    fill(&list, 0, AUTH_REVOKED_MAX);
    assert_int_equal(auth_revocations_add(&list, &one), -ENOSPC);
    struct auth_snapshot *s = snapshot(true);
    assert_int_equal(auth_snapshot_revoked(s), AUTH_REVOKED_MAX);
    auth_snapshot_free(s);
}

static void t_joined(void **state)
{
    (void)state;
    struct auth_revocations more = {NULL, 0, 0};
    struct auth_revocations both = {NULL, 0, 0};
    int64_t live = mem_live();
    fill(&list, 0, 3);
    fill(&more, 2, 3);
    list.v[2].until = 12;
    assert_int_equal(auth_revocations_join(&list, &more, 10, &both), 0);
    assert_int_equal(both.n, 5);
    assert_int_equal(both.v[2].until, 12);
    assert_int_equal(auth_revocations_join(&more, &list, 11, &both), 0);
    assert_int_equal(both.n, 1);
    assert_int_equal(both.v[0].until, 12);
    assert_false(auth_revocations_equal(&both, &list));
    /* Too many together, unless they are the same. */
    auth_revocations_clear(&list);
    auth_revocations_clear(&more);
    fill(&list, 0, AUTH_REVOKED_MAX);
    fill(&more, 0, AUTH_REVOKED_MAX);
    assert_int_equal(auth_revocations_join(&list, &more, 0, &both), 0);
    assert_true(auth_revocations_equal(&both, &list));
    struct auth_revoked one = of("a", 10);
    more.v[0] = one;
    auth_revocations_sort(&more);
    assert_int_equal(auth_revocations_join(&list, &more, 0, &both), -ENOSPC);
    assert_true(auth_revocations_equal(&both, &list));
    mem_fail_after(0);
    assert_int_equal(auth_revocations_join(&list, &more, 0, &both), -ENOMEM);
    mem_fail_after(-1);
    auth_revocations_clear(&more);
    auth_revocations_clear(&both);
    auth_revocations_clear(&list);
    assert_int_equal(mem_live(), live);
}

/* --- The file --- */

#define HEX "5820de59a6bec6c077bbd773eabdadac720f9849f70f4ad4a4ea81aff3f18d85"
#define ZERO "0000000000000000000000000000000000000000000000000000000000000000"

static void write_file(const char *text)
{
    snprintf(path, sizeof(path), "%s/revoked-test-%d", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp",
             (int)getpid());
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    fclose(f);
    assert_int_equal(chmod(path, 0600), 0);
}

static void expect_file(const char *want)
{
    char text[2048];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    assert_string_equal(text, want);
}

static void t_rows(void **state)
{
    (void)state;
    struct auth_secrets s = {0};
    struct auth_error err = {""};
    write_file("# mine\n"
               "main 0 0 0123456789abcdef\n"
               "!" HEX " 7\n"
               "  # and mine\n"
               " \t!" ZERO " \t 999999999999 \r\n"
               "!" HEX " 9");
    assert_int_equal(auth_file_load(path, &s, &list, &err), 0);
    assert_int_equal(s.n, 1);
    assert_int_equal(list.n, 2);
    assert_int_equal(list.v[0].until, 999999999999);
    assert_int_equal(auth_revocations_find(&list, of("1763900000:ann", 0).name)->until, 9);
    for (int i = 0; i < 2; i++) { /* the second time it stays the same */
        assert_int_equal(auth_file_save(path, &s, &list, &err), 0);
        expect_file("# id not-before not-after secret; see drehkreuz(8)\n"
                    "# mine\n"
                    "  # and mine\n"
                    "main 0 0 0123456789abcdef\n"
                    "!" ZERO " 999999999999\n"
                    "!" HEX " 9\n");
    }
    /* Rows are checked even if nobody wants them. */
    assert_int_equal(auth_file_load(path, &s, NULL, &err), 0);
    write_file("");
    assert_int_equal(auth_file_load(path, &s, &list, &err), 0);
    assert_int_equal(list.n, 0);
}

#define EXPECTED                                                                                   \
    ": expected `!`, 64 digits of 0-9 and a-f, and Unix seconds, as "                              \
    "`drehkreuz secret revoke` writes them"

static void t_bad_rows(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "!",
        "! " HEX " 7",
        "!" HEX,
        "!" HEX " ",
        "!" HEX "0 7",
        "!0" HEX " 7",
        "!" HEX " 7 8",
        "!" HEX " -7",
        "!" HEX " +7",
        "!" HEX " 7x",
        "!" HEX " 1234567890123",
        "!5820DE59A6BEC6C077BBD773EABDADAC720F9849F70F4AD4A4EA81AFF3F18D85 7",
        "!g820de59a6bec6c077bbd773eabdadac720f9849f70f4ad4a4ea81aff3f18d85 7",
        "!1763900000:ann 7",
    };
    struct auth_secrets s = {.n = 7};
    struct auth_error err = {""};
    char text[512];
    take_out("kept", 1);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        snprintf(text, sizeof(text), "main 0 0 0123456789abcdef\n!" HEX " 7\n%s\n", bad[i]);
        write_file(text);
        assert_int_equal(auth_file_load(path, &s, &list, &err), -EINVAL);
        snprintf(text, sizeof(text), "%s:3" EXPECTED, path);
        assert_string_equal(err.text, text);
        assert_int_equal(auth_file_load(path, &s, NULL, &err), -EINVAL);
        assert_int_equal(s.n, 7);
        assert_int_equal(list.n, 1);
    }
}

static void t_a_full_file(void **state)
{
    (void)state;
    struct auth_secrets s = {0};
    struct auth_error err = {""};
    struct auth_revocations back = {NULL, 0, 0};
    char last[32];
    add(&s, "main", SECRET, 0, 0);
    fill(&list, 0, AUTH_REVOKED_MAX);
    for (size_t i = 0; i < list.n; i++)
        list.v[i].until = AUTH_TIME_MAX;
    write_file("");
    assert_int_equal(auth_file_save(path, &s, &list, &err), 0);
    assert_int_equal(auth_file_load(path, &s, &back, &err), 0);
    assert_true(auth_revocations_equal(&back, &list));
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    fputs("!" HEX " 7\n", f);
    fclose(f);
    assert_int_equal(auth_file_load(path, &s, &back, &err), -EINVAL);
    snprintf(last, sizeof(last), ":%d: there is room for 4096", AUTH_REVOKED_MAX + 3);
    assert_non_null(strstr(err.text, last));
    assert_int_equal(back.n, AUTH_REVOKED_MAX);
    auth_revocations_clear(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(t_timed_names, fresh),
        cmocka_unit_test_teardown(t_static_users, fresh),
        cmocka_unit_test_teardown(t_an_empty_list, fresh),
        cmocka_unit_test_teardown(t_no_memory_for_the_list, fresh),
        cmocka_unit_test_teardown(t_names, fresh),
        cmocka_unit_test_teardown(t_sorted, fresh),
        cmocka_unit_test_teardown(t_limit, fresh),
        cmocka_unit_test_teardown(t_joined, fresh),
        cmocka_unit_test_teardown(t_rows, fresh),
        cmocka_unit_test_teardown(t_bad_rows, fresh),
        cmocka_unit_test_teardown(t_a_full_file, fresh),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
