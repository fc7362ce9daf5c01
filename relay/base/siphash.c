/* SipHash-2-4 after the paper's section 2: two rounds per word, four to finish, words little-endian
 * with the length in the last one. */
#include "base/siphash.h"

#include <endian.h>
#include <string.h>

enum rounds { COMPRESS = 2, FINISH = 4 };

struct state {
    uint64_t v0;
    uint64_t v1;
    uint64_t v2;
    uint64_t v3;
};

/* A little-endian word. */
static uint64_t load(const uint8_t p[8])
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return le64toh(word);
}

static uint64_t rotl(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

static void mix(struct state *s, int rounds)
{
    for (int i = 0; i < rounds; i++) {
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = rotl(s->v1, 13) ^ s->v0;
        s->v3 = rotl(s->v3, 16) ^ s->v2;
        s->v0 = rotl(s->v0, 32) + s->v3;
        s->v2 += s->v1;
        s->v3 = rotl(s->v3, 21) ^ s->v0;
        s->v1 = rotl(s->v1, 17) ^ s->v2;
        s->v2 = rotl(s->v2, 32);
    }
}

static void absorb(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    mix(s, COMPRESS);
    s->v0 ^= word;
}

uint64_t siphash(const uint8_t key[SIPHASH_KEY_LEN], const void *data, size_t n)
{
    const uint8_t *p = data;
    uint64_t k0 = load(key);
    uint64_t k1 = load(key + 8);
    struct state s = {k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
                      k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573)};
    size_t whole = n & ~(size_t)7;
    uint8_t last[8] = {0};
    for (size_t i = 0; i < whole; i += 8)
        absorb(&s, load(p + i));
    if (n > whole)
        memcpy(last, p + whole, n - whole);
    absorb(&s, (uint64_t)n << 56 | load(last));
    s.v2 ^= 0xff;
    mix(&s, FINISH);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
