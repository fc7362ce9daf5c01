/* SipHash-2-4 (Aumasson, Bernstein 2012): keyed, so strangers cannot choose collisions. */
#ifndef RELAY_BASE_SIPHASH_H
#define RELAY_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

enum siphash_size { SIPHASH_KEY_LEN = 16 };

uint64_t siphash(const uint8_t key[SIPHASH_KEY_LEN], const void *data, size_t n);

#endif
