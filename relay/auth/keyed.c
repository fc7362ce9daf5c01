/* Users whose keys are kept elsewhere, in the form that coturn gave them. */
#include "auth/auth_int.h"

#include "crypto/longterm.h"

#include <errno.h>

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool auth_read_hex(struct span text, uint8_t *ret, size_t n)
{
    if (text.n != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int high = hex_digit(text.p[2 * i]);
        int low = hex_digit(text.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        ret[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool is_text(struct span s)
{
    return s.n && !memchr(s.p, '\0', s.n);
}

static int prepare(struct span text, size_t max, struct auth_prepared *ret)
{
    char copy[AUTH_PASSWORD_MAX + 1];
    if (!is_text(text))
        return -EINVAL;
    if (text.n > max)
        return -E2BIG;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    int r = auth_prepare(AUTH_OPAQUE, copy, ret);
    crypto_wipe(copy, sizeof(copy));
    return r;
}

static int derive(struct crypto *crypto, const struct longterm *who, struct auth_keyed_user *ret)
{
    uint8_t key[DIGEST_MAX];
    int a = longterm_key(crypto, DIGEST_MD5, who, key);
    memcpy(ret->md5, key, MD5_LEN);
    int b = longterm_key(crypto, DIGEST_SHA256, who, key);
    memcpy(ret->sha256, key, SHA256_LEN);
    crypto_wipe(key, sizeof(key));
    ret->has_md5 = ret->has_sha256 = true;
    return a == MD5_LEN && b == SHA256_LEN ? 0 : -EIO;
}

int auth_keyed_user_read(struct crypto *crypto, const char *realm, struct span name,
                         struct span value, struct auth_keyed_user *ret)
{
    struct auth_keyed_user made = {0};
    struct auth_prepared p;
    int r = prepare(name, AUTH_NAME_MAX, &p);
    if (r < 0)
        return r;
    memcpy(made.name, name.p, name.n);
    made.has_md5 = auth_read_hex(value, made.md5, MD5_LEN);
    made.has_sha256 = auth_read_hex(value, made.sha256, SHA256_LEN);
    if (!made.has_md5 && !made.has_sha256) {
        r = prepare(value, AUTH_PASSWORD_MAX, &p);
        struct longterm who = {name, span_text(realm), span_of(p.bytes, p.n)};
        if (r == 0)
            r = derive(crypto, &who, &made);
        crypto_wipe(&p, sizeof(p));
    }
    if (r == 0)
        *ret = made;
    crypto_wipe(&made, sizeof(made));
    return r;
}
