/* Randomness, constant-time comparison, wiping and base64. */
#include "crypto/crypto.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/random.h>

void crypto_random(void *ret, size_t n)
{
    uint8_t *p = ret;
    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            abort();
        p += got;
        n -= (size_t)got;
    }
}

bool crypto_equal(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}

void crypto_wipe(void *p, size_t n)
{
    OPENSSL_cleanse(p, n);
}

int crypto_base64(struct span data, char *ret, size_t cap)
{
    if (data.n > INT_MAX / 2 || (data.n + 2) / 3 * 4 >= cap)
        return -ENOSPC;
    return EVP_EncodeBlock((unsigned char *)ret, data.p, (int)data.n);
}
