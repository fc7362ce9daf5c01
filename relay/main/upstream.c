/* From the options to the redis room's configuration. */
#include "main/upstream.h"

#include <string.h>

#include "base/mem.h"

enum { FLAG_TLS = 1, FLAG_USERS = 2 };

static void copy_texts(const struct conf *c, struct upstream_texts *ret)
{
    ret->sentinels = c->redis_sentinels;
    memcpy(ret->address, c->redis, sizeof(conf_text));
    memcpy(ret->master, c->redis_master, sizeof(conf_text));
    memcpy(ret->user, c->redis_user, sizeof(conf_text));
    memcpy(ret->password, c->redis_password, sizeof(conf_text));
    memcpy(ret->ca, c->redis_ca, sizeof(conf_text));
    memcpy(ret->realm, c->realm, sizeof(conf_text));
    ret->db = c->redis_db;
    ret->flags = (c->redis_tls ? FLAG_TLS : 0) | (c->redis_users ? FLAG_USERS : 0);
}

struct upstream *upstream_new(const struct conf *c)
{
    struct upstream *u = mem_zalloc(sizeof(*u));
    if (!u)
        return NULL;
    struct upstream_texts *t = &u->texts;
    copy_texts(c, t);
    for (size_t i = 0; i < t->sentinels.n; i++)
        u->sentinel[i] = t->sentinels.v[i];
    u->redis = (struct redis_conf){
        .address = t->address,
        .sentinels = u->sentinel,
        .n_sentinels = t->sentinels.n,
        .master = t->master,
        .user = t->user,
        .password = t->password,
        .db = (unsigned)t->db,
        .tls = t->flags & FLAG_TLS,
        .ca = t->ca,
        .realm = t->realm,
        .users = t->flags & FLAG_USERS,
    };
    return u;
}

void upstream_free(struct upstream *u)
{
    mem_free_wiped(u, sizeof(*u));
}

bool upstream_eq(const struct upstream *a, const struct upstream *b)
{
    if (!a || !b)
        return a == b;
    return memcmp(&a->texts, &b->texts, sizeof(a->texts)) == 0;
}
