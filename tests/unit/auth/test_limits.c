/* The limits of this room by their numbers: what lies just within is taken, what lies just beyond
 * is refused with its sentence. */
#include "unit/auth/snapshot.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[96];

static int make_path(void **state)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(path, sizeof(path), "%.40s/limits-XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(path) ? setup(state) : -1;
}

static int remove_path(void **state)
{
    return rmdir(path) | teardown(state);
}

/* n times the letter, in one of a few rooms. */
static const char *letters(size_t n)
{
    static char rooms[4][70000];
    static unsigned next;
    char *text = rooms[next++ % 4];
    assert_true(n < sizeof(rooms[0]));
    memset(text, 'x', n);
    text[n] = '\0';
    return text;
}

/* --- The file --- */

static int load(const char *text, struct auth_secrets *ret, struct auth_error *err)
{
    char name[128];
    snprintf(name, sizeof(name), "%s/secrets", path);
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fchmod(fileno(f), 0600), 0);
    fclose(f);
    int r = auth_file_load(name, ret, NULL, err);
    unlink(name);
    return r;
}

static void t_bytes_of_the_file(void **state)
{
    (void)state;
    static char text[397314];
    struct auth_secrets s;
    struct auth_error err = {""};
    memset(text, '\n', sizeof(text) - 1);
    memcpy(text, "# ", 2);
    memcpy(text + 397312 - 25, "main 0 0 0123456789abcdef", 25);
    text[397312] = '\0';
    assert_int_equal(load(text, &s, &err), 0);
    assert_int_equal(s.n, 1);
    text[397312] = '\n';
    assert_int_equal(load(text, &s, &err), -EFBIG);
    assert_non_null(strstr(err.text, ": is larger than 397312 bytes"));
}

static void t_length_of_an_id(void **state)
{
    (void)state;
    char text[128];
    struct auth_secrets s;
    struct auth_error err = {""};
    snprintf(text, sizeof(text), "%s 0 0 0123456789abcdef", letters(32));
    assert_int_equal(load(text, &s, &err), 0);
    assert_string_equal(s.v[0].id, letters(32));
    snprintf(text, sizeof(text), "%s 0 0 0123456789abcdef", letters(33));
    assert_int_equal(load(text, &s, &err), -EINVAL);
    assert_non_null(strstr(err.text, ":1: the id must be 1 to 32 characters of a-z, 0-9 and -"));
}

static void t_length_of_a_secret(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        int code;
    } rows[] = {{15, -EINVAL}, {16, 0}, {512, 0}, {513, -EINVAL}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char text[600];
        struct auth_secrets s;
        struct auth_error err = {""};
        snprintf(text, sizeof(text), "main 0 0 %s\n", letters(rows[i].n));
        assert_int_equal(load(text, &s, &err), rows[i].code);
        if (rows[i].code)
            assert_non_null(strstr(err.text, ":1: the secret must be 16 to 512 bytes long"));
    }
}

static void t_number_of_secrets(void **state)
{
    (void)state;
    char text[1024] = "";
    struct auth_secrets s;
    struct auth_error err = {""};
    for (int i = 0; i < 16; i++)
        sprintf(text + strlen(text), "s%d 0 0 0123456789abcdef\n", i);
    assert_int_equal(load(text, &s, &err), 0);
    assert_int_equal(s.n, 16);
    strcat(text, "more 0 0 0123456789abcdef\n");
    assert_int_equal(load(text, &s, &err), -EINVAL);
    assert_non_null(strstr(err.text, ":17: there is room for 16 secrets, remove one that is over"));
}

static void t_latest_times(void **state)
{
    (void)state;
    static const int64_t latest = INT64_C(999999999999);
    static const struct {
        int64_t from;
        int64_t to;
        int code;
    } rows[] = {
        {latest, 0, 0},
        {latest + 1, 0, -EINVAL},
        {latest, latest, 0},
        {latest - 1, latest, 0},
        {0, latest + 1, -EINVAL},
        {latest, latest - 1, -EINVAL},
        {latest + 1, latest + 1, -EINVAL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct auth_secrets all = {0};
        struct auth_error err = {""};
        struct auth_secret one = {.id = "a", .not_before = rows[i].from, .not_after = rows[i].to};
        auth_secret_generate(&one);
        assert_int_equal(auth_secrets_add(&all, &one, &err), rows[i].code);
        assert_string_equal(err.text, rows[i].code ? "not-before and not-after must be Unix "
                                                     "seconds, not-after 0 or the later"
                                                   : "");
    }
}

/* The new file's name is longer than that of the one it replaces. */
static void t_length_of_the_files_name(void **state)
{
    (void)state;
    static char name[PATH_MAX + 1];
    struct auth_secrets s = {0};
    struct auth_error err = {""};
    memset(name, '/', sizeof(name));
    memcpy(name + PATH_MAX - 8, "secrets", 8);
    assert_int_equal(strlen(name), PATH_MAX - 1);
    assert_int_equal(auth_file_save(name, &s, NULL, &err), -ENAMETOOLONG);
}

/* --- Names and passwords --- */

static struct auth_snapshot *try(const char *realm, const char *name, const char *password,
                                 struct auth_error *err)
{
    const struct auth_user user = {name, password};
    const struct auth_conf conf = {.realm = realm, .users = &user, .n_users = 1};
    return auth_snapshot_new(&conf, NULL, err);
}

static void t_lengths_of_texts(void **state)
{
    (void)state;
    static const struct {
        size_t realm;
        size_t name;
        size_t password;
        const char *said; /* NULL = right */
    } rows[] = {
        {508, 508, 1024, NULL},
        {509, 508, 1024, "the realm is too long"},
        {508, 509, 1024, "static user 1: the name is too long"},
        {508, 508, 1025, "static user 1: the password is too long"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct auth_error err = {""};
        struct auth_snapshot *s =
            try(letters(rows[i].realm), letters(rows[i].name), letters(rows[i].password), &err);
        assert_int_equal(s == NULL, rows[i].said != NULL);
        assert_string_equal(err.text, rows[i].said ? rows[i].said : "");
        if (s) {
            struct auth_query q = ask(letters(508));
            assert_int_equal(find(s, &q), 0);
        }
        auth_snapshot_free(s);
    }
}

/* U+FDFA is 3 bytes, and 33 in NFKC. */
static void t_length_of_a_prepared_text(void **state)
{
    (void)state;
    struct auth_prepared p;
    char text[512] = "";
    for (int i = 0; i < 124; i++)
        memcpy(text + (size_t)i * 3, "\xef\xb7\xba", 3);
    strcat(text, "abcd");
    assert_int_equal(auth_prepare(AUTH_SASLPREP, text, &p), 0);
    assert_int_equal(p.n, 4096);
    strcat(text, "e");
    assert_int_equal(auth_prepare(AUTH_SASLPREP, text, &p), -E2BIG);
}

static void t_length_of_an_issued_name(void **state)
{
    (void)state;
    struct auth_secrets all = {0};
    struct auth_credential made;
    add(&all, "main", SECRET, 0, 0);
    struct auth_issue want = {letters(508 - 11), 2000000000, NOW};
    assert_int_equal(auth_issue(&all, &want, &made), 0);
    assert_int_equal(strlen(made.user), 508);
    want.name = letters(508 - 10);
    assert_int_equal(auth_issue(&all, &want, &made), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_bytes_of_the_file),
        cmocka_unit_test(t_length_of_an_id),
        cmocka_unit_test(t_length_of_a_secret),
        cmocka_unit_test(t_number_of_secrets),
        cmocka_unit_test(t_latest_times),
        cmocka_unit_test(t_length_of_the_files_name),
        cmocka_unit_test(t_lengths_of_texts),
        cmocka_unit_test(t_length_of_a_prepared_text),
        cmocka_unit_test(t_length_of_an_issued_name),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
