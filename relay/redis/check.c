/* What can be said of a configuration before anybody is asked. */
#include "redis/redis_int.h"

#include <errno.h>

static int check_address(const struct redis_conf *conf, const char *address, struct auth_error *err)
{
    char host[REDIS_ADDRESS_MAX];
    uint16_t port = 0;
    if (!redis_address_split(address, host, sizeof(host), &port))
        return redis_fail(err, -EINVAL,
                          "the address of Redis must be host:port, [v6]:port or a path");
    if (conf->tls && !host[0])
        return redis_fail(err, -EINVAL,
                          "TLS needs a host whose name the certificate can bear, not a path");
    return 0;
}

static int check_addresses(const struct redis_conf *conf, struct auth_error *err)
{
    int r = conf->n_sentinels ? 0 : check_address(conf, conf->address, err);
    for (size_t i = 0; r == 0 && i < conf->n_sentinels; i++)
        r = check_address(conf, conf->sentinels[i], err);
    if (r == 0 && conf->n_sentinels && !conf->master[0])
        r = redis_fail(err, -EINVAL, "the sentinels must be told the name of the master");
    return r;
}

int redis_base_make(const struct redis_conf *conf, struct redis_base *ret, struct auth_error *err)
{
    struct redis_base made = {.tls = NULL};
    int r = check_addresses(conf, err);
    if (r < 0)
        return r;
    if (redis_names_make(conf->realm, &made.names) < 0)
        return redis_fail(err, -ENAMETOOLONG, "the realm is too long for a key in Redis");
    if (conf->tls)
        made.tls = redis_tls_new(conf->ca, err);
    if (conf->tls && !made.tls)
        return -EINVAL;
    *ret = made;
    return 0;
}

void redis_base_clear(struct redis_base *b)
{
    redis_tls_free(b->tls);
    b->tls = NULL;
}
