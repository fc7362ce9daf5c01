/* The certificates that the tests of TLS serve: one for first.example, one for two other names, and
 * one that has ended. */
#ifndef TESTS_UNIT_NET_CERTIFICATES_H
#define TESTS_UNIT_NET_CERTIFICATES_H

#include "certificate.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/mem.h"
#include "net/tls_int.h"

enum { CERTIFICATES = 3 };

static struct certificate certs[CERTIFICATES];

static inline int make_certificates(void **state)
{
    (void)state;
    certificate_make(&certs[0], EVP_EC_gen("P-256"), "DNS:first.example", 30);
    certificate_make(&certs[1], EVP_RSA_gen(2048), "DNS:turn.example.org,DNS:*.wild.example", 90);
    certificate_make(&certs[2], EVP_EC_gen("P-384"), NULL, -3);
    return 0;
}

static inline int remove_certificates(void **state)
{
    (void)state;
    for (int i = 0; i < CERTIFICATES; i++)
        certificate_remove(&certs[i]);
    return 0;
}

static inline struct net_tls_pair pair_of(int pem, int key)
{
    return (struct net_tls_pair){certs[pem].pem, certs[key].key};
}

static inline struct net_tls *load(const struct net_tls_conf *conf)
{
    struct net_error err = {""};
    struct net_tls *tls = net_tls_load(conf, &err);
    assert_string_equal(err.text, "");
    assert_non_null(tls);
    return tls;
}

#endif
