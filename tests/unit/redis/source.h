/* A source, the server it talks to, and what it has told so far. */
#ifndef TESTS_UNIT_REDIS_SOURCE_H
#define TESTS_UNIT_REDIS_SOURCE_H

#include "unit/redis/fake.h"

#define LONG "0123456789abcdef"
#define ONE "*4\r\n$6\r\nschema\r\n$1\r\n1\r\n$3\r\none\r\n$20\r\n0 0 " LONG "\r\n"
#define TWO                                                                                        \
    "*6\r\n$6\r\nschema\r\n$1\r\n1\r\n$3\r\none\r\n$20\r\n0 0 " LONG                               \
    "\r\n$3\r\ntwo\r\n$20\r\n0 0 " LONG "\r\n"
#define EMPTY "*2\r\n$6\r\nschema\r\n$1\r\n1\r\n"

static const struct redis_pace quick = {.answer_ms = 400,
                                        .retry_first_ms = 4,
                                        .retry_last_ms = 16,
                                        .read_ms = 100000,
                                        .gather_ms = 20,
                                        .ping_ms = 100000};

static struct event_base *base;
static struct fake fake;
static struct redis_source *source;
static struct {
    size_t n_found;
    size_t n_secrets;
    size_t n_users;
    size_t n_revoked;
    char user[64];
    bool md5;
    bool sha256;
    size_t n_news;
    enum redis_news news;
    size_t of[REDIS_NEW_MASTER + 1];
    char text[128];
} seen;

static void on_found(void *ctx, const struct redis_found *f)
{
    (void)ctx;
    seen.n_found++;
    seen.n_secrets = f->secrets.n;
    seen.n_users = f->n_users;
    seen.n_revoked = f->revoked->n;
    if (f->n_users) {
        (void)snprintf(seen.user, sizeof(seen.user), "%.60s", f->users[0].name);
        seen.md5 = f->users[0].has_md5;
        seen.sha256 = f->users[0].has_sha256;
    }
}

static void on_news(void *ctx, enum redis_news news, const char *text)
{
    (void)ctx;
    seen.n_news++;
    seen.news = news;
    seen.of[news]++;
    (void)snprintf(seen.text, sizeof(seen.text), "%s", text);
}

static const struct redis_listener listener = {NULL, on_found, on_news};

static inline struct redis_conf plain(void)
{
    return (struct redis_conf){.address = fake.address,
                               .master = "",
                               .user = "",
                               .password = "",
                               .ca = "",
                               .realm = "realm"};
}

static inline void start_as(const struct redis_conf *conf, const struct redis_pace *pace)
{
    struct auth_error err = {""};
    source = redis_source_paced(base, conf, &listener, pace, &err);
    if (!source)
        fail_msg("%s", err.text);
}

static inline void start(void)
{
    struct redis_conf conf = plain();
    start_as(&conf, &quick);
}

static inline int setup(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof(seen));
    memset(&fake, 0, sizeof(fake));
    base = event_base_new();
    fake_start(&fake, base);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    redis_source_free(source);
    source = NULL;
    fake_stop(&fake);
    (void)event_base_loop(base, EVLOOP_NONBLOCK);
    event_base_free(base);
    return mem_live() == 0 ? 0 : -1;
}

#endif
