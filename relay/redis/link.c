/* One connection: it connects, logs in, and then asks; answers come in order, and each in time. */
#include "redis/redis_int.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <unistd.h>

#include "base/mem.h"

enum {
    READ_SOME = 16384,
    READ_WAITING_MAX = 1 << 18, /* bytes that wait in the buffer */
    HOST_MAX = 256,
};

enum state {
    DOWN,
    CONNECTING,
    HANDSHAKE,
    LOGIN,
    READY,
};

struct redis_link {
    struct redis_link_conf conf;
    enum state state;
    unsigned generation; /* another one after each close */
    struct redis_connect *connect;
    struct bufferevent *bev;
    struct redis_parser *parser;
    struct event *deadline;
    unsigned waiting; /* answers that must come */
    bool is_auth;     /* the next one is AUTH's */
    bool subscribed;
    char host[HOST_MAX];
};

/* --- Closing --- */

void redis_link_close(struct redis_link *l)
{
    l->generation++;
    l->state = DOWN;
    redis_connect_free(l->connect);
    if (l->bev)
        bufferevent_free(l->bev);
    redis_parser_free(l->parser);
    (void)event_del(l->deadline);
    l->connect = NULL;
    l->bev = NULL;
    l->parser = NULL;
    l->waiting = 0;
    l->is_auth = l->subscribed = false;
}

void redis_link_give_up(struct redis_link *l, struct redis_trouble why)
{
    redis_link_close(l);
    l->conf.down(l->conf.ctx, why);
}

static void lose(struct redis_link *l, enum redis_news news, const char *text)
{
    redis_link_give_up(l, (struct redis_trouble){news, text});
}

static void on_deadline(evutil_socket_t fd, short events, void *ctx)
{
    struct redis_link *l = ctx;
    (void)fd;
    (void)events;
    lose(l, REDIS_LOST,
         l->state == CONNECTING ? "no connection comes about" : "it does not answer");
}

static void set_deadline(struct redis_link *l)
{
    const struct timeval in = {l->conf.answer_ms / 1000, (l->conf.answer_ms % 1000) * 1000};
    (void)event_add(l->deadline, &in);
}

/* --- Asking --- */

static void put_number(struct evbuffer *out, char kind, size_t n)
{
    char digits[24];
    (void)evbuffer_add(out, &kind, 1);
    (void)redis_digits(n, digits);
    (void)evbuffer_add(out, digits, strlen(digits));
    (void)evbuffer_add(out, "\r\n", 2);
}

static void put_command(struct redis_link *l, const struct span *args, size_t n)
{
    struct evbuffer *out = bufferevent_get_output(l->bev);
    put_number(out, '*', n);
    for (size_t i = 0; i < n; i++) {
        put_number(out, '$', args[i].n);
        (void)evbuffer_add(out, args[i].p, args[i].n);
        (void)evbuffer_add(out, "\r\n", 2);
    }
    if (l->waiting++ == 0)
        set_deadline(l);
}

void redis_link_ask(struct redis_link *l, const struct span *args, size_t n)
{
    if (l->state == READY)
        put_command(l, args, n);
}

static void put_words(struct redis_link *l, const char *const *words)
{
    struct span args[REDIS_ARGS_MAX];
    size_t n = 0;
    for (; n < REDIS_ARGS_MAX && words[n]; n++)
        args[n] = span_text(words[n]);
    put_command(l, args, n);
}

void redis_link_say(struct redis_link *l, const char *const *words)
{
    if (l->state == READY)
        put_words(l, words);
}

void redis_link_subscribe(struct redis_link *l, const char *channel)
{
    const char *words[] = {"SUBSCRIBE", channel, NULL};
    l->subscribed = true;
    redis_link_say(l, words);
}

bool redis_link_is_ready(const struct redis_link *l)
{
    return l->state == READY;
}

bool redis_link_is_down(const struct redis_link *l)
{
    return l->state == DOWN;
}

/* --- Answers --- */

static void become_ready(struct redis_link *l)
{
    l->state = READY;
    l->conf.ready(l->conf.ctx);
}

static void log_in(struct redis_link *l)
{
    char digits[24];
    bool as_user = l->conf.user[0];
    const char *auth[] = {"AUTH", as_user ? l->conf.user : l->conf.password,
                          as_user ? l->conf.password : NULL, NULL};
    const char *select[] = {"SELECT", redis_digits(l->conf.db, digits), NULL};
    l->state = LOGIN;
    l->is_auth = l->conf.password[0];
    if (l->is_auth)
        put_words(l, auth);
    if (l->conf.db)
        put_words(l, select);
    if (l->waiting == 0) {
        (void)event_del(l->deadline);
        become_ready(l);
    }
}

/* A server without a password, or before the sixth version, has no word for it. */
static struct redis_trouble login_trouble(const struct redis_link *l, const struct redis_reply *r)
{
    struct redis_trouble why = redis_trouble_of(r);
    if (why.news != REDIS_LOST)
        return why;
    if (!l->is_auth)
        return (struct redis_trouble){REDIS_LOST, "it refuses the number of the database"};
    return (struct redis_trouble){REDIS_DENIED, "it refuses the password, or wants none"};
}

static void on_login(struct redis_link *l, struct redis_reply *r)
{
    struct redis_trouble why = {REDIS_MALFORMED, "it does not speak the protocol of Redis"};
    bool ok = redis_reply_is(r, "OK") && r->type == REDIS_STATUS;
    if (r->type == REDIS_ERROR)
        why = login_trouble(l, r);
    redis_reply_free(r);
    if (!ok) {
        redis_link_give_up(l, why);
        return;
    }
    l->is_auth = false;
    if (l->waiting == 0)
        become_ready(l);
}

static bool is_published(const struct redis_reply *r)
{
    return r->type == REDIS_ARRAY && r->n == 3 && redis_reply_is(&r->v[0], "message");
}

static void on_reply(struct redis_link *l, struct redis_reply *r)
{
    bool is_push = is_published(r);
    if (is_push ? !l->subscribed : l->waiting == 0) {
        /* A server that is full says so unasked. */
        bool is_error = r->type == REDIS_ERROR;
        redis_reply_free(r);
        lose(l, is_error ? REDIS_LOST : REDIS_MALFORMED,
             is_error ? "it refuses the connection" : "it answers what was not asked");
        return;
    }
    if (!is_push && --l->waiting > 0)
        set_deadline(l);
    if (!is_push && l->waiting == 0)
        (void)event_del(l->deadline);
    if (l->state == LOGIN)
        on_login(l, r);
    else
        l->conf.reply(l->conf.ctx, r, is_push);
}

static void on_broken(struct redis_link *l, int error)
{
    if (error == -EMSGSIZE)
        lose(l, REDIS_TOO_LARGE, "an answer is larger than is taken");
    else if (error == -ENOMEM)
        lose(l, REDIS_LOST, "out of memory");
    else
        lose(l, REDIS_MALFORMED, "it does not speak the protocol of Redis");
}

/* Handing a reply over may close the connection, or even open another one. */
static void parse(struct redis_link *l, struct span bytes)
{
    unsigned generation = l->generation;
    int r = redis_parser_feed(l->parser, bytes);
    while (r == 0) {
        struct redis_reply *reply = NULL;
        r = redis_parser_next(l->parser, &reply);
        if (r == 0)
            on_reply(l, reply);
        if (l->generation != generation)
            return;
    }
    if (r != -EAGAIN)
        on_broken(l, r);
}

static void on_readable(struct bufferevent *bev, void *ctx)
{
    struct redis_link *l = ctx;
    unsigned generation = l->generation;
    uint8_t some[READ_SOME];
    size_t n;
    while (l->generation == generation && (n = bufferevent_read(bev, some, sizeof(some))) > 0)
        parse(l, span_of(some, n));
    crypto_wipe(some, sizeof(some));
}

static void on_event(struct bufferevent *bev, short events, void *ctx)
{
    struct redis_link *l = ctx;
    if (events & BEV_EVENT_CONNECTED) {
        log_in(l);
        return;
    }
    lose(l, REDIS_LOST, l->state == HANDSHAKE ? redis_tls_why(bev) : "the connection broke");
}

/* --- Opening --- */

static const char *connect_text(int error)
{
    static const struct {
        int error;
        const char *text;
    } rows[] = {
        {-ECONNREFUSED, "nobody listens there"},
        {-ENOENT, "there is no such name, or no such socket"},
        {-EACCES, "the socket may not be opened"},
        {-ENETUNREACH, "there is no route to it"},
        {-EHOSTUNREACH, "there is no route to it"},
        {-ETIMEDOUT, "no connection comes about"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].error == error)
            return rows[i].text;
    return "no connection comes about";
}

static int wrap(struct redis_link *l, int fd)
{
    bool tls = l->conf.tls && l->host[0];
    l->parser = redis_parser_new();
    l->bev = tls ? redis_tls_wrap(l->conf.tls, l->conf.base, fd, l->host)
                 : bufferevent_socket_new(l->conf.base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!l->bev)
        (void)close(fd);
    if (!l->bev || !l->parser)
        return -ENOMEM;
    l->state = HANDSHAKE;
    bufferevent_setwatermark(l->bev, EV_READ, 0, READ_WAITING_MAX);
    bufferevent_setcb(l->bev, on_readable, NULL, on_event, l);
    if (bufferevent_enable(l->bev, EV_READ | EV_WRITE) < 0)
        return -ENOMEM;
    if (!tls)
        log_in(l);
    return 0;
}

static void on_connected(void *ctx, int fd)
{
    struct redis_link *l = ctx;
    redis_connect_free(l->connect);
    l->connect = NULL;
    if (fd < 0)
        lose(l, REDIS_LOST, connect_text(fd));
    else if (wrap(l, fd) < 0)
        lose(l, REDIS_LOST, "out of memory");
}

int redis_link_open(struct redis_link *l, const char *address)
{
    uint16_t port = l->conf.port;
    const struct redis_target to = {l->conf.base, address, port};
    redis_link_close(l);
    if (!redis_address_split(address, l->host, sizeof(l->host), &port))
        return -EINVAL;
    l->connect = redis_connect_new(&to, on_connected, l);
    if (!l->connect)
        return -ENOMEM;
    l->state = CONNECTING;
    set_deadline(l);
    return 0;
}

struct redis_link *redis_link_new(const struct redis_link_conf *conf)
{
    struct redis_link *l = mem_zalloc(sizeof(*l));
    if (!l)
        return NULL;
    l->conf = *conf;
    l->deadline = evtimer_new(conf->base, on_deadline, l);
    if (l->deadline)
        return l;
    mem_free(l);
    return NULL;
}

void redis_link_free(struct redis_link *l)
{
    if (!l)
        return;
    redis_link_close(l);
    event_free(l->deadline);
    mem_free(l);
}
