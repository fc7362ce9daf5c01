/* Long-term keys (RFC 8489 sections 9.2.2, 14.4, B.1) and time-limited passwords. */
#include "crypto/longterm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/crypto/hex.h"

static struct crypto *c;

static int setup(void **state)
{
    (void)state;
    c = crypto_new();
    return c ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    crypto_free(c);
    return 0;
}

static void t_A17_md5_key(void **state)
{
    (void)state;
    const struct longterm who = {span_text("user"), span_text("realm"), span_text("pass")};
    uint8_t key[DIGEST_MAX];
    char buf[129];
    assert_int_equal(longterm_key(c, DIGEST_MD5, &who, key), MD5_LEN);
    assert_string_equal(hex(key, MD5_LEN, buf), "8493fbc53ba582fb4c044c456bdc40eb");
}

static void t_A18_sha256_key(void **state)
{
    (void)state;
    const struct longterm who = {span_text("user"), span_text("realm"), span_text("pass")};
    uint8_t key[DIGEST_MAX];
    uint8_t want[DIGEST_MAX];
    struct span joined = span_text("user:realm:pass");
    assert_int_equal(longterm_key(c, DIGEST_SHA256, &who, key), SHA256_LEN);
    assert_int_equal(crypto_digest(c, DIGEST_SHA256, &joined, 1, want), SHA256_LEN);
    assert_memory_equal(key, want, SHA256_LEN);
}

static void t_A19_userhash(void **state)
{
    (void)state;
    struct span user = span_text("\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf"
                                 "\xe3\x82\xb9");
    uint8_t hash[SHA256_LEN];
    char buf[129];
    assert_int_equal(longterm_userhash(c, user, span_text("example.org"), hash), 0);
    assert_string_equal(hex(hash, SHA256_LEN, buf),
                        "4a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704");
}

static void t_U2_timed_password(void **state)
{
    (void)state;
    /* Computed with another implementation of HMAC and base64. */
    static const char *const table[][2] = {
        {"1433895918:guest", "DZ+3hnl8p0tAogyQOPwzx87LORs="},
        {"1700000000", "CWyHi3zCeWqXBir9thl4m+iZPRY="},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char password[TIMED_PASSWORD];
        assert_int_equal(timed_password(c, span_text("north"), span_text(table[i][0]), password),
                         0);
        assert_string_equal(password, table[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_A17_md5_key),
        cmocka_unit_test(t_A18_sha256_key),
        cmocka_unit_test(t_A19_userhash),
        cmocka_unit_test(t_U2_timed_password),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
