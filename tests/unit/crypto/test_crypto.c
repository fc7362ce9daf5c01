/* Digests and HMAC against RFC 1321, FIPS 180, RFC 2202 and RFC 4231. */
#include "crypto/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
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
    return mem_live() == 0 ? 0 : -1;
}

static void test_digests(void **state)
{
    (void)state;
    const struct {
        enum digest_alg alg;
        const char *text;
        const char *want;
    } table[] = {
        {DIGEST_MD5, "", "d41d8cd98f00b204e9800998ecf8427e"},
        {DIGEST_MD5, "message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
        {DIGEST_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {DIGEST_SHA256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {DIGEST_SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    };
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
            uint8_t out[DIGEST_MAX];
            char buf[129];
            struct span whole = span_text(table[i].text);
            int n = crypto_digest(c, table[i].alg, &whole, 1, out);
            assert_string_equal(hex(out, n, buf), table[i].want);
            /* The same bytes in parts, with empty ones between. */
            size_t cut = whole.n / 2;
            const struct span parts[] = {span_of(NULL, 0), span_of(whole.p, cut), span_of(NULL, 0),
                                         span_of(whole.p + cut, whole.n - cut)};
            n = crypto_digest(c, table[i].alg, parts, 4, out);
            assert_string_equal(hex(out, n, buf), table[i].want);
        }
    }
}

struct hmac_case {
    enum digest_alg alg;
    struct span key;
    const char *text;
    const char *want;
};

static void check_hmac(const struct hmac_case *h)
{
    uint8_t out[DIGEST_MAX];
    char buf[129];
    struct span whole = span_text(h->text);
    struct hmac_job job = {h->alg, h->key, &whole, 1};
    int n = crypto_hmac(c, &job, out);
    assert_string_equal(hex(out, n, buf), h->want);
    size_t cut = whole.n / 3;
    const struct span parts[] = {span_of(whole.p, cut), span_of(NULL, 0),
                                 span_of(whole.p + cut, whole.n - cut)};
    job.parts = parts;
    job.n_parts = 3;
    n = crypto_hmac(c, &job, out);
    assert_string_equal(hex(out, n, buf), h->want);
}

static void test_hmacs(void **state)
{
    (void)state;
    uint8_t aa[131];
    memset(aa, 0xaa, sizeof aa);
    const char *large_key = "Test Using Larger Than Block-Size Key - Hash Key First";
    const struct hmac_case table[] = {
        {DIGEST_SHA1, span_text("Jefe"), "what do ya want for nothing?",
         "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
        {DIGEST_SHA256, span_text("Jefe"), "what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {DIGEST_SHA1, span_of(aa, 80), large_key, "aa4ae5e15272d00e95705637ce8a3b55ed402112"},
        {DIGEST_SHA256, span_of(aa, 131), large_key,
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        /* An empty key must not mean the key of the job before. */
        {DIGEST_SHA1, {NULL, 0}, "", "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d"},
        {DIGEST_SHA256,
         {NULL, 0},
         "",
         "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
    };
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < sizeof table / sizeof *table; i++)
            check_hmac(&table[i]);
}

static void test_no_memory(void **state)
{
    (void)state;
    mem_fail_after(0);
    assert_null(crypto_new());
    crypto_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_hmacs),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
