/* A thin skin over libcrypto: digests, HMAC with cached contexts, randomness, constant-time
 * comparison, wiping, base64. The only room that includes openssl/evp.h; knows no packets. */
#ifndef RELAY_CRYPTO_CRYPTO_H
#define RELAY_CRYPTO_CRYPTO_H

#include "base/span.h"

enum digest_alg { DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA256 };
enum digest_size { MD5_LEN = 16, SHA1_LEN = 20, SHA256_LEN = 32, DIGEST_MAX = 32 };

/* From now on the library's memory is base/mem.h's. False when it has taken some already: first of
 * all, in main. */
bool crypto_use_heap(void);

/* One per thread; holds the fetched algorithms and their contexts. */
struct crypto;

/* NULL when out of memory or when libcrypto lacks an algorithm (MD5 in a FIPS provider). */
struct crypto *crypto_new(void);
void crypto_free(struct crypto *c);

/* Digest of the parts joined. Returns its length, or -EIO. */
int crypto_digest(struct crypto *c, enum digest_alg alg, const struct span *parts, size_t n_parts,
                  uint8_t ret[DIGEST_MAX]);

/* What one HMAC call needs; alg is DIGEST_SHA1 or DIGEST_SHA256. */
struct hmac_job {
    enum digest_alg alg;
    struct span key;
    const struct span *parts;
    size_t n_parts;
};

/* HMAC of the parts joined. Returns its length, or -EIO. An empty key is allowed. */
int crypto_hmac(struct crypto *c, const struct hmac_job *job, uint8_t ret[DIGEST_MAX]);

/* Uniform bytes from the kernel; aborts the process if there are none, since nothing safe is left
 * to do then. */
void crypto_random(void *ret, size_t n);

/* Time depends on n only. */
bool crypto_equal(const void *a, const void *b, size_t n);

/* Not optimised away. */
void crypto_wipe(void *p, size_t n);

/* Standard alphabet with padding (RFC 4648 section 4). cap counts the NUL that is written. Returns
 * the text's length, or -ENOSPC. */
int crypto_base64(struct span data, char *ret, size_t cap);

#endif
