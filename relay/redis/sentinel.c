/* Who is the master: the sentinels are asked in turn. The one that knew is listened to, so that a
 * failover is heard of at once. */
#include "redis/redis_int.h"

#include <event2/event.h>

#include "base/mem.h"

#define SWITCHED "+switch-master"

struct redis_sentinel {
    struct redis_sentinel_conf conf;
    struct redis_link *link;
    struct event *step;
    struct event *ping;
    struct redis_backoff backoff;
    size_t at;    /* the one that is asked or listened to */
    size_t tried; /* in vain, one after the other */
    bool asked;   /* where the master is, and not answered yet */
    enum login {
        LOGIN_NONE,
        LOGIN_PASSWORD, /* of the default user, as sentinels mostly are set up */
        LOGIN_USER,
    } login;
};

static void later(struct redis_sentinel *s, unsigned ms)
{
    const struct timeval in = {ms / 1000, (ms % 1000) * 1000};
    (void)event_add(s->step, &in);
}

static void next_one(struct redis_sentinel *s, const char *text)
{
    const struct redis_trouble why = {REDIS_NO_MASTER, text};
    s->asked = false;
    s->at = (s->at + 1) % s->conf.redis->n_sentinels;
    if (++s->tried < s->conf.redis->n_sentinels) {
        later(s, 0);
        return;
    }
    s->tried = 0;
    if (s->conf.follow)
        later(s, redis_backoff_next(&s->backoff, s->conf.pace));
    s->conf.nobody(s->conf.ctx, why);
}

/* The password goes to a sentinel only when it asks for one. What works with one is tried first
 * with the others. */
static void refused(struct redis_sentinel *s, struct redis_trouble why)
{
    const struct redis_conf *redis = s->conf.redis;
    enum login last = !redis->password[0] ? LOGIN_NONE
                      : redis->user[0]    ? LOGIN_USER
                                          : LOGIN_PASSWORD;
    s->asked = false;
    if (why.news == REDIS_DENIED && s->login < last) {
        s->login++;
        later(s, 0);
        return;
    }
    s->login = why.news == REDIS_DENIED ? LOGIN_NONE : s->login;
    next_one(s, why.text);
}

static void on_down(void *ctx, struct redis_trouble why)
{
    refused(ctx, why);
}

static void on_ready(void *ctx)
{
    struct redis_sentinel *s = ctx;
    const char *words[] = {"SENTINEL", "get-master-addr-by-name", s->conf.redis->master, NULL};
    s->asked = true;
    redis_link_say(s->link, words);
}

/* Only what can stand in an address is taken. */
static bool is_word(const struct redis_reply *r, const char *allowed)
{
    struct span text = redis_reply_span(r);
    if (r->type != REDIS_TEXT || text.n == 0 || memchr(text.p, '\0', text.n))
        return false;
    return strspn((const char *)text.p, allowed) == text.n;
}

static bool read_address(const struct redis_reply *r, char ret[REDIS_ADDRESS_MAX])
{
    if (r->type != REDIS_ARRAY || r->n != 2 || !is_word(&r->v[1], "0123456789") ||
        !is_word(&r->v[0], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:"))
        return false;
    const char *host = (const char *)r->v[0].p;
    bool v6 = strchr(host, ':');
    const char *parts[] = {v6 ? "[" : "", host, v6 ? "]:" : ":", (const char *)r->v[1].p};
    return redis_join(ret, REDIS_ADDRESS_MAX, parts, 4) > 0;
}

static void on_master(struct redis_sentinel *s, const char *address)
{
    s->tried = 0;
    s->asked = false;
    s->backoff.ms = 0;
    if (s->conf.follow)
        redis_link_subscribe(s->link, SWITCHED);
    s->conf.master(s->conf.ctx, address);
}

static void on_answer(struct redis_sentinel *s, const struct redis_reply *r)
{
    char address[REDIS_ADDRESS_MAX];
    struct redis_trouble why = {REDIS_NO_MASTER, "they do not know a master of this name"};
    if (read_address(r, address)) {
        on_master(s, address);
        return;
    }
    if (r->type == REDIS_ERROR)
        why = redis_trouble_of(r);
    redis_link_close(s->link);
    refused(s, why);
}

/* "<master> <old address> <old port> <new address> <new port>" */
static bool is_about(const struct redis_sentinel *s, const struct redis_reply *message)
{
    struct span text = redis_reply_span(&message->v[2]);
    struct span name = span_text(s->conf.redis->master);
    return text.n > name.n && text.p[name.n] == ' ' && span_eq(span_of(text.p, name.n), name);
}

static void on_reply(void *ctx, struct redis_reply *r, bool is_push)
{
    struct redis_sentinel *s = ctx;
    if (s->asked)
        on_answer(s, r);
    else if (is_push && is_about(s, r))
        later(s, 0);
    redis_reply_free(r);
}

static void on_step(evutil_socket_t fd, short events, void *ctx)
{
    struct redis_sentinel *s = ctx;
    const struct redis_conf *redis = s->conf.redis;
    const struct redis_link_conf conf = {
        .base = s->conf.base,
        .tls = s->conf.tls,
        .user = s->login == LOGIN_USER ? redis->user : "",
        .password = s->login == LOGIN_NONE ? "" : redis->password,
        .port = REDIS_SENTINEL_PORT,
        .answer_ms = s->conf.pace->answer_ms,
        .ctx = s,
        .ready = on_ready,
        .reply = on_reply,
        .down = on_down,
    };
    (void)fd;
    (void)events;
    redis_link_free(s->link);
    s->asked = false;
    s->link = redis_link_new(&conf);
    if (!s->link || redis_link_open(s->link, redis->sentinels[s->at]) < 0)
        next_one(s, "out of memory");
}

/* One that is gone without a word would never tell of a failover. */
static void on_ping(evutil_socket_t fd, short events, void *ctx)
{
    struct redis_sentinel *s = ctx;
    const char *words[] = {"PING", NULL};
    (void)fd;
    (void)events;
    if (s->link && !s->asked)
        redis_link_say(s->link, words);
}

struct redis_sentinel *redis_sentinel_new(const struct redis_sentinel_conf *conf)
{
    struct redis_sentinel *s = mem_zalloc(sizeof(*s));
    const struct timeval each = {conf->pace->ping_ms / 1000, (conf->pace->ping_ms % 1000) * 1000};
    if (!s)
        return NULL;
    s->conf = *conf;
    s->step = evtimer_new(conf->base, on_step, s);
    s->ping = event_new(conf->base, -1, EV_PERSIST, on_ping, s);
    if (!s->step || !s->ping || event_add(s->ping, &each) < 0) {
        redis_sentinel_free(s);
        return NULL;
    }
    later(s, 0);
    return s;
}

void redis_sentinel_free(struct redis_sentinel *s)
{
    if (!s)
        return;
    redis_link_free(s->link);
    if (s->step)
        event_free(s->step);
    if (s->ping)
        event_free(s->ping);
    mem_free(s);
}

void redis_sentinel_ask(struct redis_sentinel *s)
{
    bool on_its_way = s->asked || evtimer_pending(s->step, NULL) ||
                      (s->link && !redis_link_is_down(s->link) && !redis_link_is_ready(s->link));
    if (!on_its_way)
        later(s, 0);
}
