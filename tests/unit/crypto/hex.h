/* Bytes of a test against their hex digits. */
#ifndef TESTS_UNIT_CRYPTO_HEX_H
#define TESTS_UNIT_CRYPTO_HEX_H

#include <stdio.h>

static inline const char *hex(const uint8_t *p, int n, char buf[129])
{
    buf[0] = '\0';
    for (int i = 0; i < n && i < 64; i++)
        snprintf(buf + 2 * i, 3, "%02x", p[i]);
    return buf;
}

#endif
