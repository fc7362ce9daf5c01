/* From a certificate's and a key's file to contexts that serve them. Files are read once, for TLS
 * and DTLS together, so both always show the same certificate. */
#include "net/net_error_int.h"
#include "net/tls_int.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

struct material {
    X509 *own;
    STACK_OF(X509) * chain; /* the rest of the certificate file */
    EVP_PKEY *key;
};

/* Without this the library would ask at the terminal. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static bool complain(struct net_error *err, struct tls_trouble trouble)
{
    ERR_clear_error();
    net_error_tls(err, &trouble);
    return false;
}

static FILE *open_file(const char *path, struct net_error *err)
{
    FILE *f = fopen(path, "re");

    if (!f)
        complain(err, (struct tls_trouble){TLS_UNREADABLE, path, NULL, errno});
    return f;
}

static bool read_chain(FILE *f, struct material *m)
{
    m->own = PEM_read_X509_AUX(f, NULL, no_passphrase, NULL);
    m->chain = sk_X509_new_null();
    if (!m->own || !m->chain)
        return false;
    X509 *next;
    while ((next = PEM_read_X509(f, NULL, no_passphrase, NULL))) {
        if (sk_X509_push(m->chain, next) <= 0) {
            X509_free(next);
            return false;
        }
    }
    /* The end of the file is the only good reason to stop; half a renewal is not. */
    return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
}

static bool read_certificate(const char *path, struct material *m, struct net_error *err)
{
    FILE *f = open_file(path, err);

    if (!f)
        return false;
    ERR_clear_error();
    bool good = read_chain(f, m);
    fclose(f);
    ERR_clear_error();
    return good || complain(err, (struct tls_trouble){TLS_NO_CERTIFICATE, path, NULL, 0});
}

static bool read_key(const char *path, struct material *m, struct net_error *err)
{
    FILE *f = open_file(path, err);

    if (!f)
        return false;
    m->key = PEM_read_PrivateKey(f, NULL, no_passphrase, NULL);
    fclose(f);
    return m->key || complain(err, (struct tls_trouble){TLS_NO_KEY, path, NULL, 0});
}

static void forget(struct material *m)
{
    X509_free(m->own);
    sk_X509_pop_free(m->chain, X509_free);
    EVP_PKEY_free(m->key);
}

static int64_t end_of(const X509 *certificate)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1)
        return 0; /* as if it had ended long ago: nobody will accept it */
    return timegm(&tm);
}

static SSL_CTX *make(const struct material *m, bool datagram, bool only_tls13)
{
    SSL_CTX *ctx = tls_policy_new(datagram, only_tls13);

    if (!ctx)
        return NULL;
    if (SSL_CTX_use_cert_and_key(ctx, m->own, m->key, m->chain, 1) == 1)
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

static bool serve(const struct material *m, const struct net_tls_conf *conf, struct tls_pair *ret)
{
    ret->stream = make(m, false, conf->only_tls13);
    ret->datagram = make(m, true, false);
    ret->ends = end_of(m->own);
    ERR_clear_error();
    return ret->stream && ret->datagram;
}

bool tls_pair_load(const struct net_tls_pair *files, const struct net_tls_conf *conf,
                   struct tls_pair *ret, struct net_error *err)
{
    struct material m = {0};
    bool good = read_certificate(files->certificate, &m, err) && read_key(files->key, &m, err);

    if (good && X509_check_private_key(m.own, m.key) != 1)
        good = complain(err, (struct tls_trouble){TLS_MISMATCH, files->key, files->certificate, 0});
    if (good && !serve(&m, conf, ret))
        good = complain(err, (struct tls_trouble){TLS_REFUSED, files->certificate, NULL, 0});
    forget(&m);
    return good;
}

void tls_pair_free(struct tls_pair *pair)
{
    SSL_CTX_free(pair->stream);
    SSL_CTX_free(pair->datagram);
}
