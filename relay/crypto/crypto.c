/* Digests and HMAC over contexts that are fetched once: looking an algorithm up costs more than
 * hashing a STUN message. */
#include "crypto/crypto.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "base/mem.h"

enum { ALGS = DIGEST_SHA256 + 1 };

static const char *const names[ALGS] = {
    [DIGEST_MD5] = "MD5",
    [DIGEST_SHA1] = "SHA1",
    [DIGEST_SHA256] = "SHA256",
};

struct crypto {
    EVP_MD *md[ALGS];
    EVP_MD_CTX *digest;
    EVP_MAC *mac;
    EVP_MAC_CTX *hmac[ALGS];
};

/* A context that knows its digest; only the key is missing. */
static EVP_MAC_CTX *hmac_new(EVP_MAC *mac, const char *name)
{
    char digest[16];
    strncpy(digest, name, sizeof digest - 1);
    digest[sizeof digest - 1] = '\0';
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
    if (ctx && EVP_MAC_CTX_set_params(ctx, params))
        return ctx;
    EVP_MAC_CTX_free(ctx);
    return NULL;
}

static bool fetch(struct crypto *c)
{
    c->digest = EVP_MD_CTX_new();
    c->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    bool ok = c->digest && c->mac;
    for (size_t i = 0; ok && i < ALGS; i++) {
        c->md[i] = EVP_MD_fetch(NULL, names[i], NULL);
        c->hmac[i] = hmac_new(c->mac, names[i]);
        ok = c->md[i] && c->hmac[i];
    }
    return ok;
}

struct crypto *crypto_new(void)
{
    struct crypto *c = mem_zalloc(sizeof *c);
    if (!c || fetch(c))
        return c;
    crypto_free(c);
    return NULL;
}

void crypto_free(struct crypto *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < ALGS; i++) {
        EVP_MAC_CTX_free(c->hmac[i]);
        EVP_MD_free(c->md[i]);
    }
    EVP_MAC_free(c->mac);
    EVP_MD_CTX_free(c->digest);
    mem_free(c);
}

int crypto_digest(struct crypto *c, enum digest_alg alg, const struct span *parts, size_t n_parts,
                  uint8_t ret[DIGEST_MAX])
{
    uint8_t out[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    bool ok = EVP_DigestInit_ex2(c->digest, c->md[alg], NULL);
    for (size_t i = 0; ok && i < n_parts; i++)
        ok = EVP_DigestUpdate(c->digest, parts[i].p, parts[i].n);
    if (!ok || !EVP_DigestFinal_ex(c->digest, out, &n) || n > DIGEST_MAX)
        return -EIO;
    memcpy(ret, out, n);
    crypto_wipe(out, sizeof out); /* may be a key */
    return (int)n;
}

int crypto_hmac(struct crypto *c, const struct hmac_job *job, uint8_t ret[DIGEST_MAX])
{
    static const uint8_t none[1];
    EVP_MAC_CTX *ctx = c->hmac[job->alg];
    uint8_t out[EVP_MAX_MD_SIZE];
    size_t n = 0;
    /* A null key would mean: the key of the job before. */
    bool ok = EVP_MAC_init(ctx, job->key.n ? job->key.p : none, job->key.n, NULL);
    for (size_t i = 0; ok && i < job->n_parts; i++)
        ok = job->parts[i].n == 0 || EVP_MAC_update(ctx, job->parts[i].p, job->parts[i].n);
    if (!ok || !EVP_MAC_final(ctx, out, &n, sizeof out) || n > DIGEST_MAX)
        return -EIO;
    memcpy(ret, out, n);
    return (int)n;
}
