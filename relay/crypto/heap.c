/* The library's memory comes from our heap, which overwrites what is freed: keys, and the plain
 * text of TLS. */
#include "crypto/crypto.h"

#include <openssl/crypto.h>

#include "base/mem.h"

static void *take(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return n ? mem_zalloc(n) : NULL;
}

static void *resize(void *p, size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return mem_realloc(p, n);
}

static void give(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    mem_free(p);
}

bool crypto_use_heap(void)
{
    return CRYPTO_set_mem_functions(take, resize, give) == 1;
}
