/* The least that the relay's own user needs: to read its keys and to hear its channel. */
#include "redis/redis_int.h"

#include <errno.h>

/* A pattern in which every byte that would end the word, or mean something, matches any byte. */
static int as_pattern(const char *realm, char *ret, size_t cap)
{
    size_t n = strlen(realm);
    if (n >= cap)
        return -ENAMETOOLONG;
    for (size_t i = 0; i <= n; i++)
        ret[i] = realm[i] && ((uint8_t)realm[i] <= ' ' || strchr("*?[]^\\\"'", realm[i]))
                     ? '?'
                     : realm[i];
    return 0;
}

int redis_acl(const struct redis_conf *conf, char *ret, size_t cap)
{
    char realm[REDIS_KEY_MAX];
    const char *name = conf->user[0] ? conf->user : "drehkreuz";
    const char *parts[] = {
        "user ",
        name,
        " on >PASSWORD resetkeys %R~turn:secret:",
        realm,
        " %R~turn/realm/",
        realm,
        "/secret",
        " %R~turn:revoked:",
        realm,
        conf->users ? " %R~turn/realm/" : "",
        conf->users ? realm : "",
        conf->users ? "/user/*/key" : "",
        " resetchannels &" REDIS_CHANNEL " -@all +auth +select +ping +hgetall +smembers +subscribe",
        conf->users ? " +scan +getrange" : "",
        conf->n_sentinels ? " +role" : "",
    };
    int r = as_pattern(conf->realm, realm, sizeof(realm));
    if (r == 0)
        r = redis_join(ret, cap, parts, sizeof(parts) / sizeof(parts[0]));
    return r < 0 ? r : 0;
}
