/* Loading certificates: how long they last, and what the operator is told when they are no good. */
#include "certificates.h"

#include <sys/stat.h>

static void t_the_first_to_end_counts(void **state)
{
    static const int days[] = {90, 30, -3}; /* and half a day, see certificate.h */
    struct net_tls_pair pairs[] = {pair_of(1, 1), pair_of(0, 0), pair_of(2, 2)};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct net_tls *tls = load(&(struct net_tls_conf){pairs, i + 1, false});
        int64_t left = net_tls_ends(tls) - time(NULL);
        assert_in_range(left + 10 * CERTIFICATE_DAY,
                        (days[i] + 10) * CERTIFICATE_DAY + CERTIFICATE_DAY / 2 - 100,
                        (days[i] + 10) * CERTIFICATE_DAY + CERTIFICATE_DAY / 2);
        net_tls_free(tls);
    }
    net_tls_free(NULL);
}

static void refused(struct net_tls_pair second, const char *file, const char *why)
{
    struct net_tls_pair pairs[] = {pair_of(0, 0), second};
    struct net_error err = {""};

    assert_null(net_tls_load(&(struct net_tls_conf){pairs, 2, false}, &err));
    assert_int_equal(strncmp(err.text, file, strlen(file)), 0);
    assert_non_null(strstr(err.text, why));
    assert_int_equal(ERR_peek_error(), 0);
    assert_int_equal(mem_live(), 0);
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    fputs(text, f);
    fclose(f);
}

/* The first certificate, and after it half of another one: a renewal that is being written. */
static void write_torn(const char *path)
{
    char text[8192];
    FILE *f = fopen(certs[0].pem, "r");
    size_t n = fread(text, 1, sizeof text / 2 - 1, f);
    fclose(f);
    memcpy(text + n, text, n / 2);
    text[n + n / 2] = '\0';
    write_text(path, text);
}

static void t_what_is_wrong_with_the_files(void **state)
{
    struct certificate extra;

    (void)state;
    certificate_make(&extra, EVP_EC_gen("P-256"), NULL, 1);
    refused((struct net_tls_pair){"/nonexistent/pem", extra.key}, "/nonexistent/pem",
            "no such file");
    refused((struct net_tls_pair){extra.pem, "/nonexistent/key"}, "/nonexistent/key",
            "no such file");
    refused((struct net_tls_pair){extra.pem, certs[0].key}, certs[0].key,
            "does not belong to the certificate in");
    refused((struct net_tls_pair){extra.key, extra.key}, extra.key, "no whole certificate");
    refused((struct net_tls_pair){extra.pem, extra.pem}, extra.pem, "no private key");
    refused((struct net_tls_pair){extra.folder, extra.key}, extra.folder, "no whole certificate");
    write_torn(extra.pem);
    refused((struct net_tls_pair){extra.pem, extra.key}, extra.pem, "no whole certificate");
    write_text(extra.key, "");
    refused((struct net_tls_pair){certs[0].pem, extra.key}, extra.key, "no private key");
    certificate_remove(&extra);
}

static void t_encrypted_key_asks_nobody(void **state)
{
    struct certificate extra;
    EVP_PKEY *key = EVP_EC_gen("P-256");

    (void)state;
    EVP_PKEY_up_ref(key);
    certificate_make(&extra, key, NULL, 1);
    FILE *f = fopen(extra.key, "w");
    PEM_write_PKCS8PrivateKey(f, key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL);
    fclose(f);
    EVP_PKEY_free(key);
    refused((struct net_tls_pair){extra.pem, extra.key}, extra.key, "passphrase");
    certificate_remove(&extra);
}

static void t_unreadable_names_the_user(void **state)
{
    struct certificate extra;

    (void)state;
    certificate_make(&extra, EVP_EC_gen("P-256"), NULL, 1);
    chmod(extra.key, 0);
    bool root = geteuid() == 0;
    chmod(extra.folder, 0755);
    if (root)
        assert_int_equal(seteuid(65533), 0);
    struct net_tls_pair pair = {extra.pem, extra.key};
    struct net_error err = {""};
    assert_null(net_tls_load(&(struct net_tls_conf){&pair, 1, false}, &err));
    if (root) {
        assert_int_equal(seteuid(0), 0);
        assert_non_null(strstr(err.text, "user number 65533 may not read it"));
    }
    assert_non_null(strstr(err.text, "after privileges are dropped"));
    assert_int_equal(strncmp(err.text, extra.key, strlen(extra.key)), 0);
    certificate_remove(&extra);
}

static void t_none_configured(void **state)
{
    struct net_error err = {""};

    (void)state;
    assert_null(net_tls_load(&(struct net_tls_conf){NULL, 0, false}, &err));
    assert_non_null(strstr(err.text, "no certificate"));
}

static void t_out_of_memory(void **state)
{
    struct net_tls_pair pair = pair_of(0, 0);
    struct net_tls_conf conf = {&pair, 1, false};
    struct net_error err = {""};

    (void)state;
    mem_fail_after(0);
    assert_null(net_tls_load(&conf, &err));
    assert_non_null(strstr(err.text, "out of memory"));
    struct net_tls *tls = load(&conf);
    mem_fail_after(0);
    assert_null(tls_conn_new(tls, 0));
    mem_fail_after(-1);
    net_tls_free(tls);
    assert_int_equal(mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_the_first_to_end_counts),
        cmocka_unit_test(t_what_is_wrong_with_the_files),
        cmocka_unit_test(t_encrypted_key_asks_nobody),
        cmocka_unit_test(t_unreadable_names_the_user),
        cmocka_unit_test(t_none_configured),
        cmocka_unit_test(t_out_of_memory),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
