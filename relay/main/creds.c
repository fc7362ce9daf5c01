/* Joins the sources of credentials, and says in the log what is the matter with Redis. */
#include "main/creds.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "main/settings.h"

/* --- Together --- */

/* Same id twice: the file is this host's own word. False when they are too many. */
static bool join(const struct creds *c, struct auth_secrets *ret, size_t *ret_hidden)
{
    *ret = c->file;
    *ret_hidden = 0;
    for (size_t i = 0; !c->is_too_old && i < c->redis.n; i++) {
        int r = auth_secrets_add(ret, &c->redis.v[i], NULL);
        if (r == -EEXIST)
            (*ret_hidden)++;
        else if (r < 0)
            return false;
    }
    return true;
}

static void join_revoked(struct creds *c)
{
    int r = auth_revocations_join(&c->file_revoked, &c->redis_revoked, clock_wall(), &c->revoked);
    if (r == -ENOSPC)
        log_event(EVENT_REVOKED_TOO_MANY, EV_NUM(AUTH_REVOKED_MAX));
    else if (r < 0)
        log_event(EVENT_SECRETS_REFUSED, EV_TEXT("out of memory"));
}

static void put_in_force(struct creds *c)
{
    size_t hidden;
    struct auth_secrets joined;
    c->users = c->is_too_old ? NULL : c->redis_users;
    c->n_users = c->is_too_old ? 0 : c->n_redis_users;
    if (!join(c, &joined, &hidden))
        log_event(EVENT_SECRETS_TOO_MANY, EV_NUM(AUTH_SECRETS_MAX));
    else
        c->all = joined;
    if (hidden)
        log_event(EVENT_SECRETS_TWICE, EV_NUM(hidden));
    auth_secrets_wipe(&joined);
    join_revoked(c);
}

bool creds_any(const struct creds *c)
{
    return c->all.n > 0 || c->n_users > 0;
}

/* --- The file --- */

static void look_at(const char *path, struct stat *ret)
{
    if (!path[0] || stat(path, ret) < 0)
        memset(ret, 0, sizeof(*ret));
}

int creds_read_file(struct creds *c, const struct conf *conf, struct auth_error *err)
{
    look_at(conf->secrets_file, &c->seen);
    int r = settings_secrets(conf->secrets_file, &c->file, &c->file_revoked, err);
    if (r == 0)
        put_in_force(c);
    return r;
}

static bool file_changed(const struct creds *c, const struct conf *conf)
{
    struct stat now;
    const struct stat *seen = &c->seen;
    look_at(conf->secrets_file, &now);
    return now.st_ino != seen->st_ino || now.st_size != seen->st_size ||
           now.st_mtim.tv_sec != seen->st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != seen->st_mtim.tv_nsec || now.st_uid != seen->st_uid ||
           now.st_mode != seen->st_mode;
}

static bool watch_file(struct creds *c, const struct conf *conf)
{
    struct auth_error err = {0};
    if (!file_changed(c, conf))
        return false;
    if (creds_read_file(c, conf, &err) == 0)
        return true;
    log_event(EVENT_SECRETS_REFUSED, EV_TEXT(err.text));
    return false;
}

/* --- Redis --- */

static void forget_redis(struct creds *c)
{
    auth_secrets_wipe(&c->redis);
    auth_revocations_clear(&c->redis_revoked);
    mem_free_wiped(c->redis_users, c->n_redis_users * sizeof(*c->redis_users));
    c->redis_users = NULL;
    c->n_redis_users = 0;
    c->is_too_old = false;
}

static void on_found(void *ctx, const struct redis_found *found)
{
    struct creds *c = ctx;
    size_t bytes = found->n_users * sizeof(*found->users);
    struct auth_keyed_user *users = bytes ? mem_zalloc(bytes) : NULL;
    struct auth_revocations revoked = {NULL, 0, 0};
    const struct auth_revocations nobody = {NULL, 0, 0};
    if ((bytes && !users) ||
        auth_revocations_join(found->revoked, &nobody, INT64_MIN, &revoked) < 0) {
        mem_free_wiped(users, bytes);
        log_event(EVENT_SECRETS_REFUSED, EV_TEXT("out of memory"));
        return;
    }
    if (bytes)
        memcpy(users, found->users, bytes);
    forget_redis(c);
    c->redis = found->secrets;
    c->redis_revoked = revoked;
    c->redis_users = users;
    c->n_redis_users = found->n_users;
    c->seen_at = clock_monotonic() / USEC_PER_SEC;
    put_in_force(c);
    c->changed(c->ctx);
}

static void on_news(void *ctx, enum redis_news news, const char *text)
{
    static const enum event_id events[] = {
        [REDIS_READY] = EVENT_REDIS_READY,         [REDIS_LOST] = EVENT_REDIS_LOST,
        [REDIS_DENIED] = EVENT_REDIS_DENIED,       [REDIS_NOPERM] = EVENT_REDIS_NOPERM,
        [REDIS_LOADING] = EVENT_REDIS_LOADING,     [REDIS_WRONG_TYPE] = EVENT_REDIS_WRONG_TYPE,
        [REDIS_TOO_LARGE] = EVENT_REDIS_TOO_LARGE, [REDIS_MALFORMED] = EVENT_REDIS_MALFORMED,
        [REDIS_MISSING] = EVENT_REDIS_MISSING,     [REDIS_CLUSTER] = EVENT_REDIS_CLUSTER,
        [REDIS_NO_MASTER] = EVENT_REDIS_NO_MASTER, [REDIS_NEW_MASTER] = EVENT_REDIS_NEW_MASTER,
    };
    struct creds *c = ctx;
    log_event(events[news], EV_TEXT(text[0] ? text : "nothing more is known"));
    c->heard(c->ctx);
}

/* What has not been seen for too long goes out of force, and comes back when it is seen again. */
static bool watch_age(struct creds *c)
{
    int64_t age = c->source ? redis_source_age(c->source) : 0;
    int64_t now = clock_monotonic() / USEC_PER_SEC;
    bool holds = c->redis.n > 0 || c->n_redis_users > 0;
    if (age >= 0)
        c->seen_at = now - age;
    bool is_too_old = holds && c->max_age > 0 && now - c->seen_at > c->max_age;
    if (is_too_old == c->is_too_old)
        return false;
    c->is_too_old = is_too_old;
    if (is_too_old)
        log_event(EVENT_REDIS_TOO_OLD, EV_NUM(c->max_age));
    put_in_force(c);
    return true;
}

/* After a failover it is another one, whom peers must not reach either. */
static bool watch_address(struct creds *c)
{
    struct addr at = {0};
    if (!c->source || !addr_parse(redis_source_address(c->source), &at) || addr_eq(&at, &c->at))
        return false;
    c->at = at;
    return true;
}

bool creds_watch(struct creds *c, const struct conf *conf)
{
    bool file = watch_file(c, conf);
    bool age = watch_age(c);
    return watch_address(c) || age || file;
}

int creds_prepare(struct creds *c, const struct conf *conf, struct event_base *base,
                  struct auth_error *err)
{
    const struct redis_listener to = {c, on_found, on_news};
    struct upstream *fresh = conf_has_redis(conf) ? upstream_new(conf) : NULL;
    if (conf_has_redis(conf) && !fresh) {
        snprintf(err->text, sizeof(err->text), "out of memory");
        return -ENOMEM;
    }
    c->is_changed = !upstream_eq(fresh, c->upstream);
    if (!c->is_changed || !fresh) {
        upstream_free(fresh);
        return 0;
    }
    c->next = redis_source_new(base, &fresh->redis, &to, err);
    if (!c->next) {
        upstream_free(fresh);
        return -EINVAL;
    }
    c->next_upstream = fresh;
    return 0;
}

void creds_drop(struct creds *c)
{
    redis_source_free(c->next);
    upstream_free(c->next_upstream);
    c->next = NULL;
    c->next_upstream = NULL;
    c->is_changed = false;
}

void creds_settle(struct creds *c, const struct conf *conf)
{
    c->max_age = conf->redis_max_age;
    if (!c->is_changed)
        return;
    redis_source_free(c->source);
    upstream_free(c->upstream);
    c->source = c->next;
    c->upstream = c->next_upstream;
    c->next = NULL;
    c->next_upstream = NULL;
    c->is_changed = false;
    (void)watch_address(c);
    if (c->source)
        return;
    forget_redis(c);
    put_in_force(c);
}

void creds_end(struct creds *c)
{
    creds_drop(c);
    redis_source_free(c->source);
    upstream_free(c->upstream);
    forget_redis(c);
    auth_revocations_clear(&c->file_revoked);
    auth_revocations_clear(&c->revoked);
    crypto_wipe(c, sizeof(*c));
}
