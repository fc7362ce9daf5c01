/* A server that says what the test tells it to, on the loop that is tested. */
#ifndef TESTS_UNIT_REDIS_FAKE_H
#define TESTS_UNIT_REDIS_FAKE_H

#include "unit/redis/parse.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"

enum { FAKE_CONNS = 64, FAKE_ROWS = 32, FAKE_WAIT_MS = 3000 };

#define SILENCE ""
#define HANG_UP "\1"

struct fake_conn {
    struct fake *fake;
    struct bufferevent *bev;
    struct redis_parser *parser; /* commands are arrays, as replies are */
    bool subscribed;
};

struct fake {
    struct event_base *base;
    struct evconnlistener *listener;
    uint16_t port;
    char address[32];
    struct fake_row { /* the last one with this command counts */
        const char *command;
        const char *answer;
    } rows[FAKE_ROWS];
    size_t n_rows;
    struct fake_conn conns[FAKE_CONNS];
    size_t n_conns;
    char log[65536]; /* "AUTH SELECT ..." */
    char args[4096]; /* of the last command, each followed by a blank */
    const char *greeting;
    SSL_CTX *tls; /* NULL = none */
};

static inline void fake_say(struct fake *f, const char *command, const char *answer)
{
    assert_true(f->n_rows < FAKE_ROWS);
    f->rows[f->n_rows++] = (struct fake_row){command, answer};
}

static inline void fake_hang_up(struct fake_conn *c)
{
    if (c->bev)
        bufferevent_free(c->bev);
    redis_parser_free(c->parser);
    c->bev = NULL;
    c->parser = NULL;
    c->subscribed = false;
}

static inline void fake_hang_up_all(struct fake *f)
{
    for (size_t i = 0; i < f->n_conns; i++)
        fake_hang_up(&f->conns[i]);
}

static inline const char *fake_answer(struct fake_conn *c, const char *command)
{
    const char *answer = NULL;
    for (size_t i = 0; i < c->fake->n_rows; i++)
        if (strcmp(c->fake->rows[i].command, command) == 0)
            answer = c->fake->rows[i].answer;
    if (answer)
        return answer;
    if (strcmp(command, "PING") == 0)
        return c->subscribed ? "*2\r\n$4\r\npong\r\n$0\r\n\r\n" : "+PONG\r\n";
    if (strcmp(command, "HGETALL") == 0 || strcmp(command, "SMEMBERS") == 0 ||
        strcmp(command, "REVOKED") == 0)
        return "*0\r\n";
    return "+OK\r\n";
}

static inline void fake_subscribe(struct fake_conn *c, const struct redis_reply *r)
{
    char text[128];
    c->subscribed = true;
    (void)snprintf(text, sizeof(text), "*3\r\n$9\r\nsubscribe\r\n$%zu\r\n%s\r\n:1\r\n", r->v[1].n,
                   (const char *)r->v[1].p);
    (void)bufferevent_write(c->bev, text, strlen(text));
}

static inline void fake_command(struct fake_conn *c, const struct redis_reply *r)
{
    struct fake *f = c->fake;
    assert_true(r->type == REDIS_ARRAY && r->n >= 1 && r->v[0].p);
    const char *command = (const char *)r->v[0].p;
    if (r->n > 1 && strcmp(command, "HGETALL") == 0 &&
        strncmp((const char *)r->v[1].p, "turn:revoked:", 13) == 0)
        command = "REVOKED";
    f->args[0] = '\0';
    for (size_t i = 0; i < r->n; i++) {
        assert_true(strlen(f->args) + r->v[i].n + 2 < sizeof(f->args));
        strcat(strcat(f->args, (const char *)r->v[i].p), " ");
    }
    assert_true(strlen(f->log) + strlen(command) + 2 < sizeof(f->log));
    strcat(strcat(f->log, command), " ");
    const char *answer = fake_answer(c, command);
    if (strcmp(command, "SUBSCRIBE") == 0 && strcmp(answer, "+OK\r\n") == 0)
        fake_subscribe(c, r);
    else if (strcmp(answer, HANG_UP) == 0)
        fake_hang_up(c);
    else
        (void)bufferevent_write(c->bev, answer, strlen(answer));
}

static inline void fake_readable(struct bufferevent *bev, void *ctx)
{
    struct fake_conn *c = ctx;
    uint8_t some[4096];
    size_t n;
    while (c->bev && (n = bufferevent_read(bev, some, sizeof(some))) > 0) {
        struct redis_reply *r = NULL;
        if (redis_parser_feed(c->parser, span_of(some, n)) < 0)
            fake_hang_up(c);
        while (c->bev && redis_parser_next(c->parser, &r) == 0) {
            fake_command(c, r);
            redis_reply_free(r);
        }
    }
}

static inline void fake_event(struct bufferevent *bev, short events, void *ctx)
{
    (void)bev;
    if (!(events & BEV_EVENT_CONNECTED))
        fake_hang_up(ctx);
}

static inline void fake_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa,
                               int n, void *ctx)
{
    struct fake *f = ctx;
    (void)l;
    (void)sa;
    (void)n;
    size_t i = 0;
    while (i < f->n_conns && f->conns[i].bev)
        i++;
    assert_true(i < FAKE_CONNS);
    f->n_conns += i == f->n_conns;
    struct fake_conn *c = &f->conns[i];
    c->fake = f;
    c->bev = f->tls
                 ? bufferevent_openssl_socket_new(f->base, fd, SSL_new(f->tls),
                                                  BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE)
                 : bufferevent_socket_new(f->base, fd, BEV_OPT_CLOSE_ON_FREE);
    c->parser = redis_parser_new();
    if (!c->parser) { /* a test takes the memory away */
        fake_hang_up(c);
        return;
    }
    bufferevent_setcb(c->bev, fake_readable, NULL, fake_event, c);
    (void)bufferevent_enable(c->bev, EV_READ | EV_WRITE);
    if (f->greeting)
        (void)bufferevent_write(c->bev, f->greeting, strlen(f->greeting));
}

/* port 0 = any; the same one again after fake_stop. */
static inline void fake_start(struct fake *f, struct event_base *base)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(f->port)};
    socklen_t n = sizeof(in);
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    f->base = base;
    f->listener =
        evconnlistener_new_bind(base, fake_accept, f, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 16,
                                (struct sockaddr *)&in, sizeof(in));
    assert_non_null(f->listener);
    assert_int_equal(getsockname(evconnlistener_get_fd(f->listener), (struct sockaddr *)&in, &n),
                     0);
    f->port = ntohs(in.sin_port);
    (void)snprintf(f->address, sizeof(f->address), "127.0.0.1:%u", f->port);
    (void)signal(SIGPIPE, SIG_IGN);
}

static inline void fake_stop(struct fake *f)
{
    if (f->listener)
        evconnlistener_free(f->listener);
    f->listener = NULL;
    fake_hang_up_all(f);
}

static inline void fake_publish(struct fake *f, const char *channel, const char *payload)
{
    char text[512];
    int n = snprintf(text, sizeof(text), "*3\r\n$7\r\nmessage\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n",
                     strlen(channel), channel, strlen(payload), payload);
    for (size_t i = 0; i < f->n_conns; i++)
        if (f->conns[i].subscribed)
            (void)bufferevent_write(f->conns[i].bev, text, (size_t)n);
}

static inline size_t fake_count(const struct fake *f, const char *command)
{
    char word[64];
    size_t n = 0;
    (void)snprintf(word, sizeof(word), "%s ", command);
    for (const char *at = f->log; (at = strstr(at, word)); at++)
        n += at == f->log || at[-1] == ' ';
    return n;
}

/* Turns the loop until the condition holds; the limit is for what is broken only. */
#define WAIT_FOR(base, condition)                                                                  \
    do {                                                                                           \
        usec_t until_ = clock_monotonic() + FAKE_WAIT_MS * 1000;                                   \
        const struct timeval tick_ = {0, 5000};                                                    \
        while (!(condition)) {                                                                     \
            if (clock_monotonic() > until_)                                                        \
                fail_msg("%s:%d: never: %s", __FILE__, __LINE__, #condition);                      \
            (void)event_base_loopexit(base, &tick_);                                               \
            (void)event_base_loop(base, EVLOOP_ONCE);                                              \
        }                                                                                          \
    } while (0)

/* Turns the loop for some time. */
static inline void turn(struct event_base *base, unsigned ms)
{
    usec_t until = clock_monotonic() + (usec_t)ms * 1000;
    const struct timeval tick = {0, 2000};
    while (clock_monotonic() < until) {
        (void)event_base_loopexit(base, &tick);
        (void)event_base_loop(base, EVLOOP_ONCE);
    }
}

#endif
