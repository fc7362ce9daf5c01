/* Shared secrets, users, Redis. */
#include "unit/import/imported.h"

#define SECRET "0123456789abcdef"

static const struct import_case users[] = {
    {"user=ann:pass\n", "users = ( { name = \"ann\"; password = \"pass\"; } );\n", "taken"},
    {"user=ann:a:b\n", "users = ( { name = \"ann\"; password = \"a:b\"; } );\n", "taken"},
    {"user=ann:a\"b\\c\n", "users = ( { name = \"ann\"; password = \"a\\\"b\\\\c\"; } );\n",
     "taken"},
    {"user=\"ann:pa ss\"\n", "users = ( { name = \"ann\"; password = \"pa ss\"; } );\n", "taken"},
    {"user=ann:a\nuser=bob:b\n",
     "users = ( { name = \"ann\"; password = \"a\"; }, { name = \"bob\"; password = \"b\"; } );\n",
     "taken"},
    {"user=ann:a\nuser=ann:b\n", "users = ( { name = \"ann\"; password = \"b\"; } );\n", "taken"},
    {"user=ann:0xbc807ee29df3c9ffa736523fb2c4e8ee\n", "", "no counterpart!"},
    {"user=ann\n", "", "not understood!"},
    {"user=:pass\n", "", "not understood!"},
    {"user=ann:\n", "", "not understood!"},
    {"user=ann:\xff\n", "", "not understood!"},
    {"user=ann:\xed\xa0\x80\n", "", "not understood!"},
    {"user=ann:\xc3\xbc\n", "users = ( { name = \"ann\"; password = \"\xc3\xbc\"; } );\n", "taken"},
    {"use-auth-secret\nuser=ann:a\n", "", "no counterpart"},
    {"static-auth-secret=" SECRET "\nuser=ann:a\n", "", "no counterpart"},
    {"realm=a\"b\n", "", "not understood!"},
    {"realm=a\\b\n", "", "not understood!"},
    {"realm=a\x01\x62\n", "", "not understood!"},
    {"userdb=/var/db/turndb\n", "", "no counterpart!"},
    {"mysql-userdb=\"host=h password=geheim\"\n", "", "no counterpart!"},
    /* Redis */
    {"redis-userdb=\"\"\n", "", "not understood!"},
    {"redis-userdb=ip=10.0.0.1\n", "redis = \"10.0.0.1:6379\";\nredis_users = true;\n", "taken"},
    {"redis-userdb=\"ip=127.0.0.1 dbname=2 password=turn port=6380 connect_timeout=30\"\n",
     "redis = \"127.0.0.1:6380\";\nredis_password = \"turn\";\nredis_db = 2;\n"
     "redis_users = true;\n",
     "taken"},
    {"redis-userdb=\"host=r.example.org user=u tls=1 ca=/ca\"\n",
     "redis = \"r.example.org:6379\";\nredis_user = \"u\";\nredis_tls = true;\n"
     "redis_ca = \"/ca\";\nredis_users = true;\n",
     "taken"},
    {"redis-userdb=\"host=/run/redis.sock\"\n",
     "redis = \"/run/redis.sock\";\nredis_users = true;\n", "taken"},
    {"redis-userdb=\"host=::1\"\n", "redis = \"[::1]:6379\";\nredis_users = true;\n", "taken"},
    {"redis-userdb=\"port=6379 verify=0\"\n", "redis = \"127.0.0.1:6379\";\nredis_users = true;\n",
     "changed!"},
    {"use-auth-secret\nredis-userdb=port=6379\n", "redis = \"127.0.0.1:6379\";\n", "taken"},
    {"redis-userdb=\"ip=a b\"\n", "", "not understood!"},
    {"redis-userdb=\"port=x\"\n", "", "not understood!"},
    {"redis-userdb=\"dbname=x\"\n", "", "not understood!"},
    {"redis-userdb=\"dbname=65536\"\n", "", "not understood!"},
    {"redis-statsdb=\"ip=127.0.0.1\"\n", "", "no counterpart"},
};

static void test_users(void **state)
{
    (void)state;
    IMPORT_EXPECT_ALL(users);
}

static void test_secrets(void **state)
{
    (void)state;
    struct import *i = import_file("use-auth-secret\nstatic-auth-secret=" SECRET "\n"
                                   "static-auth-secret=\"" SECRET "-2=\"\n"
                                   "static-auth-secret=" SECRET "\n");
    assert_int_equal(i->n_secrets, 2);
    assert_int_equal(i->secrets[1].len, 19);
    assert_memory_equal(i->secrets[1].bytes, SECRET "-2=", 19);
    assert_int_equal(import_by_hand(i), 2);
    char *text = import_print(i);
    assert_null(strstr(text, SECRET));
    free(text);
    import_secrets_kept(i);
    assert_int_equal(import_by_hand(i), 0);
    import_done(i);
}

static void test_secrets_that_cannot_be_kept(void **state)
{
    (void)state;
    static const char *const rows[] = {"north", "0123456789abcde", "0123456789 abcdef",
                                       "0123456789\001abcdef"};
    for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++) {
        char file[128];
        snprintf(file, sizeof(file), "static-auth-secret=%s\n", rows[k]);
        struct import *i = import_file(file);
        assert_int_equal(i->n_secrets, 0);
        assert_int_equal(i->entries[0].verdict, IMPORT_NONE);
        assert_non_null(import_entry_at(i, 0, "static-auth-secret"));
        import_done(i);
    }
}

static void test_lengths_of_secrets(void **state)
{
    (void)state;
    static const struct {
        int n;
        size_t taken;
    } rows[] = {{15, 0}, {16, 1}, {512, 1}, {513, 0}};
    for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++) {
        char file[600];
        snprintf(file, sizeof(file), "static-auth-secret=%0*d\n", rows[k].n, 1);
        struct import *i = import_file(file);
        assert_int_equal(i->n_secrets, rows[k].taken);
        import_done(i);
    }
}

static void test_sixteen_secrets_and_sixty_four_users(void **state)
{
    (void)state;
    char file[8192] = "";
    size_t n = 0;
    for (int k = 0; k < 17; k++)
        n += (size_t)snprintf(file + n, sizeof(file) - n, "static-auth-secret=%016d\n", k);
    struct import *i = import_file(file);
    assert_int_equal(i->n_secrets, 16);
    assert_int_equal(import_entry_at(i, 17, NULL)->verdict, IMPORT_NONE);
    import_done(i);
    n = 0;
    for (int k = 0; k < 65; k++)
        n += (size_t)snprintf(file + n, sizeof(file) - n, "user=u%d:p\n", k);
    i = import_file(file);
    assert_int_equal(i->conf.users.n, 64);
    assert_int_equal(import_entry_at(i, 65, NULL)->verdict, IMPORT_NONE);
    import_done(i);
}

/* That nobody would be served is said, and whose hand it needs. */
static void test_nobody(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        bool told;
    } rows[] = {{"use-auth-secret\n", true},
                {"lt-cred-mech\n", true},
                {"user=a:0x00\n", true},
                {"user=a:b\n", false},
                {"static-auth-secret=" SECRET "\n", false},
                {"redis-userdb=port=1\n", false}};
    for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++) {
        struct import *i = import_file(rows[k].file);
        const struct import_entry *e = import_entry_at(i, 0, "static-auth-secret");
        assert_int_equal(e != NULL, rows[k].told);
        if (e)
            assert_true(e->by_hand);
        import_done(i);
    }
}

/* Keys of users in Redis carry the realm. */
static void test_a_realm_that_is_not_said(void **state)
{
    (void)state;
    struct import *i = import_file("redis-userdb=port=6379\n");
    assert_true(import_entry_at(i, 0, "realm")->by_hand);
    import_done(i);
    i = import_file("user=a:b\n");
    assert_false(import_entry_at(i, 0, "realm")->by_hand);
    import_done(i);
    i = import_file("realm=x\n");
    assert_null(import_entry_at(i, 0, "realm"));
    import_done(i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_users),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_secrets_that_cannot_be_kept),
        cmocka_unit_test(test_lengths_of_secrets),
        cmocka_unit_test(test_sixteen_secrets_and_sixty_four_users),
        cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_a_realm_that_is_not_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
