/* Internationalised strings. Wraps GNU libunistring, and is the only file that frees what another
 * library allocated. */
#include "auth/auth_int.h"

#include <errno.h>
#include <stdlib.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

struct code_range {
    ucs4_t first;
    ucs4_t last;
};

/* RFC 3454 table B.1, commonly mapped to nothing. */
static const struct code_range to_nothing[] = {
    {0x00AD, 0x00AD}, {0x034F, 0x034F}, {0x1806, 0x1806}, {0x180B, 0x180D},
    {0x200B, 0x200D}, {0x2060, 0x2060}, {0xFE00, 0xFE0F}, {0xFEFF, 0xFEFF},
};

static ucs4_t map_opaque(ucs4_t c)
{
    return uc_is_general_category(c, UC_SPACE_SEPARATOR) ? ' ' : c;
}

/* 0 = leave out. U+200B stands in table C.1.2 as well; nothing is what implementations make of it
 * today, since it is no space in current Unicode. */
static ucs4_t map_saslprep(ucs4_t c)
{
    for (size_t i = 0; i < sizeof(to_nothing) / sizeof(*to_nothing); i++)
        if (c >= to_nothing[i].first && c <= to_nothing[i].last)
            return 0;
    return map_opaque(c);
}

typedef ucs4_t (*map_fn)(ucs4_t c);

/* No mapping makes a text longer, so ret needs n bytes. */
static size_t map_all(map_fn map, const uint8_t *text, size_t n, uint8_t *ret)
{
    size_t len = 0;
    for (size_t at = 0; at < n;) {
        ucs4_t c = 0;
        at += (size_t)u8_mbtouc(&c, text + at, n - at);
        c = map(c);
        if (c)
            len += (size_t)u8_uctomb(ret + len, c, (int)(n - len));
    }
    return len;
}

static int normalise(uninorm_t form, struct span text, struct auth_prepared *ret)
{
    size_t n = sizeof(ret->bytes);
    uint8_t *out = u8_normalize(form, text.p, text.n, ret->bytes, &n);
    if (!out)
        return -ENOMEM;
    if (out != ret->bytes) {
        crypto_wipe(out, n);
        free(out);
        return -E2BIG;
    }
    ret->n = n;
    return n ? 0 : -EINVAL;
}

int auth_prepare(enum auth_profile profile, const char *text, struct auth_prepared *ret)
{
    static const map_fn maps[AUTH_PROFILES] = {
        [AUTH_OPAQUE] = map_opaque,
        [AUTH_SASLPREP] = map_saslprep,
    };
    size_t n = strlen(text);
    if (n == 0)
        return -EINVAL;
    if (n > AUTH_PASSWORD_MAX)
        return -E2BIG;
    if (u8_check((const uint8_t *)text, n))
        return -EILSEQ;
    uint8_t mapped[AUTH_PASSWORD_MAX];
    size_t len = map_all(maps[profile], (const uint8_t *)text, n, mapped);
    uninorm_t form = profile == AUTH_OPAQUE ? UNINORM_NFC : UNINORM_NFKC;
    int r = len ? normalise(form, span_of(mapped, len), ret) : -EINVAL;
    crypto_wipe(mapped, sizeof(mapped));
    return r;
}
