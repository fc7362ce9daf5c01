/* Long-term keys, USERHASH, and the password of a time-limited user name. */
#include "crypto/longterm.h"

#include <errno.h>

static const struct span COLON = {(const uint8_t *)":", 1};

int longterm_key(struct crypto *c, enum digest_alg alg, const struct longterm *who,
                 uint8_t ret[DIGEST_MAX])
{
    const struct span parts[] = {who->user, COLON, who->realm, COLON, who->password};
    return crypto_digest(c, alg, parts, sizeof parts / sizeof *parts, ret);
}

int longterm_userhash(struct crypto *c, struct span user, struct span realm,
                      uint8_t ret[SHA256_LEN])
{
    const struct span parts[] = {user, COLON, realm};
    int n = crypto_digest(c, DIGEST_SHA256, parts, sizeof parts / sizeof *parts, ret);
    return n < 0 ? n : 0;
}

int timed_password(struct crypto *c, struct span secret, struct span user, char ret[TIMED_PASSWORD])
{
    uint8_t mac[DIGEST_MAX];
    const struct hmac_job job = {DIGEST_SHA1, secret, &user, 1};
    int n = crypto_hmac(c, &job, mac);
    if (n < 0)
        return n;
    int len = crypto_base64(span_of(mac, (size_t)n), ret, TIMED_PASSWORD);
    crypto_wipe(mac, sizeof mac);
    return len < 0 ? -EIO : 0;
}
