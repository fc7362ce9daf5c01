/* Certificates made on the spot, in a folder that goes away with the test. */
#ifndef TESTS_UNIT_NET_CERTIFICATE_H
#define TESTS_UNIT_NET_CERTIFICATE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum { CERTIFICATE_DAY = 86400, CERTIFICATE_PATH = 64 };

struct certificate {
    char folder[CERTIFICATE_PATH];
    char pem[CERTIFICATE_PATH + 8];
    char key[CERTIFICATE_PATH + 8];
};

static inline void certificate_name(X509 *x, const char *names)
{
    X509_NAME *subject = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1,
                               0);
    X509_set_issuer_name(x, subject);
    if (!names)
        return;
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    assert_non_null(san);
    X509_add_ext(x, san, -1);
    X509_EXTENSION_free(san);
}

static inline void certificate_write(const char *path, X509 *x, EVP_PKEY *key)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    if (x)
        assert_int_equal(PEM_write_X509(f, x), 1);
    if (key)
        assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
}

static inline void certificate_sign(struct certificate *c, EVP_PKEY *key, const char *names,
                                    long days)
{
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -400L * CERTIFICATE_DAY);
    /* Half a day more, so that whole days do not depend on the second. */
    X509_gmtime_adj(X509_getm_notAfter(x), days * CERTIFICATE_DAY + CERTIFICATE_DAY / 2);
    X509_set_pubkey(x, key);
    certificate_name(x, names);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    certificate_write(c->pem, x, NULL);
    certificate_write(c->key, NULL, key);
    X509_free(x);
}

/* names as the library writes them, "DNS:a.example,DNS:*.b.example", or NULL. */
static inline void certificate_make(struct certificate *c, EVP_PKEY *key, const char *names,
                                    long days)
{
    snprintf(c->folder, sizeof c->folder, "%s/certificate.XXXXXX",
             access(P_tmpdir, W_OK) == 0 ? P_tmpdir : ".");
    assert_non_null(mkdtemp(c->folder));
    strcat(strcpy(c->pem, c->folder), "/pem");
    strcat(strcpy(c->key, c->folder), "/key");
    assert_non_null(key);
    certificate_sign(c, key, names, days);
    EVP_PKEY_free(key);
}

static inline void certificate_remove(const struct certificate *c)
{
    unlink(c->pem);
    unlink(c->key);
    rmdir(c->folder);
}

#endif
