/* The running source: one connection that reads, one that listens, and what follows from both. */
#include "redis/redis_int.h"

#include <event2/event.h>

#include "base/clock.h"
#include "base/mem.h"

struct redis_source {
    struct event_base *base;
    struct redis_conf conf;
    struct redis_listener to;
    struct redis_pace pace;
    struct redis_base common;
    struct crypto *crypto;
    struct redis_sentinel *sentinel; /* NULL = the address is fixed */
    char address[REDIS_ADDRESS_MAX];

    struct redis_link *link; /* reads */
    struct redis_link *ear;  /* is told of changes */
    struct event *retry;
    struct event *ear_retry;
    struct event *due; /* the next read */
    struct event *ping;
    struct redis_backoff backoff;
    struct redis_backoff ear_backoff;
    struct redis_backoff missing_backoff;

    struct redis_read read;
    bool reading;
    bool again; /* something was published while reading */
    bool asked_role;
    unsigned pings;    /* unanswered ones of the link that reads */
    bool removed;      /* the deletion was published, and not read yet */
    bool read_removed; /* ... before the read that is going on */
    usec_t began;      /* the last read */

    struct redis_state state; /* in force */
    usec_t seen;              /* 0 = never */

    bool ear_failed;
    struct redis_trouble ear_why;
    bool has_told;
    enum redis_news told;
};

static void arm(struct event *e, unsigned ms)
{
    const struct timeval in = {ms / 1000, (ms % 1000) * 1000};
    (void)event_add(e, &in);
}

static void tell(struct redis_source *s, struct redis_trouble what)
{
    if (s->has_told && s->told == what.news)
        return;
    s->has_told = true;
    s->told = what.news;
    s->to.news(s->to.ctx, what.news, what.text);
}

/* --- Reading --- */

/* true when the next read should not wait for a minute. */
static bool settle(struct redis_source *s)
{
    struct redis_settled now;
    redis_state_take(&s->state, &s->read, s->read_removed, &now);
    const struct redis_found found = {s->state.secrets, s->state.users.v, s->state.users.n,
                                      &s->state.revoked};
    if (now.confirmed)
        s->seen = clock_monotonic();
    if (now.changed)
        s->to.found(s->to.ctx, &found);
    tell(s, now.verdict.news == REDIS_READY && s->ear_failed ? s->ear_why : now.verdict);
    return now.soon;
}

static void start_read(struct redis_source *s)
{
    redis_read_clear(&s->read);
    s->read = (struct redis_read){
        .conf = &s->conf,
        .names = &s->common.names,
        .named_before = &s->state.named,
        .revoked_before = &s->state.revoked,
        .users_before = s->conf.users ? &s->state.users : NULL,
        .crypto = s->crypto,
    };
    s->reading = true;
    s->again = false;
    s->read_removed = s->removed;
    s->removed = false;
    s->began = clock_monotonic();
    (void)event_del(s->due);
    redis_read_start(&s->read, s->link);
}

static void stop_read(struct redis_source *s)
{
    s->removed = s->removed || (s->reading && s->read_removed);
    s->reading = false;
    s->asked_role = false;
    s->pings = 0;
    (void)event_del(s->due);
    redis_read_clear(&s->read);
}

/* At most one read in a while, however many publications there are. */
static void read_soon(struct redis_source *s)
{
    int64_t gone = (clock_monotonic() - s->began) / 1000;
    unsigned wait = s->began && gone < s->pace.gather_ms ? s->pace.gather_ms - (unsigned)gone : 0;
    s->again = s->reading;
    if (!s->reading && redis_link_is_ready(s->link))
        arm(s->due, wait);
}

static void end_read(struct redis_source *s)
{
    bool again = s->again;
    s->reading = false;
    s->backoff.ms = 0;
    if (settle(s)) {
        arm(s->due, redis_backoff_next(&s->missing_backoff, &s->pace));
    } else {
        s->missing_backoff.ms = 0;
        arm(s->due, s->pace.read_ms);
    }
    redis_read_clear(&s->read);
    if (again)
        read_soon(s);
}

static void on_due(evutil_socket_t fd, short events, void *ctx)
{
    struct redis_source *s = ctx;
    (void)fd;
    (void)events;
    if (redis_link_is_ready(s->link) && !s->reading && !s->asked_role)
        start_read(s);
}

/* --- The connection that listens --- */

static void open_ear(struct redis_source *s)
{
    if (redis_link_open(s->ear, s->address) < 0)
        arm(s->ear_retry, redis_backoff_next(&s->ear_backoff, &s->pace));
}

static void on_ear_retry(evutil_socket_t fd, short events, void *ctx)
{
    struct redis_source *s = ctx;
    (void)fd;
    (void)events;
    if (redis_link_is_ready(s->link) && redis_link_is_down(s->ear))
        open_ear(s);
}

static void on_ear_ready(void *ctx)
{
    struct redis_source *s = ctx;
    redis_link_subscribe(s->ear, REDIS_CHANNEL);
}

/* While the other one is down this one waits for it. */
static void on_ear_down(void *ctx, struct redis_trouble why)
{
    struct redis_source *s = ctx;
    s->ear_failed = true;
    s->ear_why = why;
    arm(s->ear_retry, redis_backoff_next(&s->ear_backoff, &s->pace));
    if (redis_link_is_ready(s->link))
        tell(s, why);
}

static bool is_confirmation(const struct redis_reply *r)
{
    return r->type == REDIS_ARRAY && r->n == 3 && redis_reply_is(&r->v[0], "subscribe");
}

static bool is_pong(const struct redis_reply *r)
{
    return r->type == REDIS_ARRAY && r->n == 2 && redis_reply_is(&r->v[0], "pong");
}

static void on_published(struct redis_source *s, const struct redis_reply *r)
{
    if (redis_reply_is(&r->v[2], s->common.names.removed))
        s->removed = true;
    if (redis_link_is_down(s->link)) {
        s->backoff.ms = 0;
        arm(s->retry, s->pace.gather_ms);
    }
    read_soon(s);
}

static void on_ear_reply(void *ctx, struct redis_reply *r, bool is_push)
{
    struct redis_source *s = ctx;
    if (is_push) {
        on_published(s, r);
    } else if (is_confirmation(r)) {
        /* Something may have been published before. */
        s->ear_failed = false;
        s->ear_backoff.ms = 0;
        read_soon(s);
    } else if (r->type == REDIS_ERROR) {
        redis_link_give_up(s->ear, redis_trouble_of(r));
    } else if (!is_pong(r)) {
        redis_link_give_up(s->ear, (struct redis_trouble){
                                       REDIS_MALFORMED, "an answer is not of the kind it must be"});
    }
    redis_reply_free(r);
}

/* --- The connection that reads --- */

/* What is too large costs both sides much, so it is asked for a tenth of the time at most. */
static unsigned until_retry(struct redis_source *s, struct redis_trouble why)
{
    enum { SHARE = 10 };
    unsigned ms = redis_backoff_next(&s->backoff, &s->pace);
    int64_t took = (clock_monotonic() - s->began) / 1000;
    if (why.news != REDIS_TOO_LARGE || took * SHARE <= ms)
        return ms;
    return took * SHARE < s->pace.read_ms ? (unsigned)took * SHARE : s->pace.read_ms;
}

static void on_down(void *ctx, struct redis_trouble why)
{
    struct redis_source *s = ctx;
    stop_read(s);
    arm(s->retry, until_retry(s, why));
    tell(s, why);
}

static void on_retry(evutil_socket_t fd, short events, void *ctx)
{
    struct redis_source *s = ctx;
    (void)fd;
    (void)events;
    if (!redis_link_is_down(s->link))
        return;
    if (s->sentinel)
        redis_sentinel_ask(s->sentinel);
    else if (redis_link_open(s->link, s->address) < 0)
        on_down(s, (struct redis_trouble){REDIS_LOST, "out of memory"});
}

static void begin(struct redis_source *s)
{
    start_read(s);
    if (redis_link_is_down(s->ear))
        open_ear(s);
}

static void on_ready(void *ctx)
{
    struct redis_source *s = ctx;
    const char *words[] = {"ROLE", NULL};
    if (!s->sentinel) {
        begin(s);
        return;
    }
    s->asked_role = true;
    redis_link_say(s->link, words);
}

static void on_role(struct redis_source *s, const struct redis_reply *r)
{
    struct redis_trouble why = {REDIS_NO_MASTER, "the one that the sentinels name is none"};
    s->asked_role = false;
    if (r->type == REDIS_ARRAY && r->n && redis_reply_is(&r->v[0], "master")) {
        begin(s);
        return;
    }
    if (r->type == REDIS_ERROR)
        why = redis_trouble_of(r);
    redis_link_give_up(s->link, why);
}

static void on_reply(void *ctx, struct redis_reply *r, bool is_push)
{
    struct redis_source *s = ctx;
    struct redis_trouble why = {REDIS_MALFORMED, "it answers what was not asked"};
    (void)is_push;
    if (s->asked_role || s->pings || !s->reading) {
        if (s->asked_role)
            on_role(s, r);
        else if (s->pings)
            s->pings--;
        else
            redis_link_give_up(s->link, why);
        redis_reply_free(r);
        return;
    }
    int e = redis_read_answer(&s->read, s->link, r, &why);
    if (e < 0)
        redis_link_give_up(s->link, why);
    else if (e > 0)
        end_read(s);
}

/* A server may close idle connections, and one that is gone without a word must be noticed. */
static void on_ping(evutil_socket_t fd, short events, void *ctx)
{
    struct redis_source *s = ctx;
    const char *words[] = {"PING", NULL};
    (void)fd;
    (void)events;
    redis_link_say(s->ear, words);
    if (!redis_link_is_ready(s->link) || s->reading || s->asked_role)
        return;
    s->pings++;
    redis_link_say(s->link, words);
}

/* --- Sentinels --- */

static void on_master(void *ctx, const char *address)
{
    struct redis_source *s = ctx;
    const char *parts[] = {address};
    bool same = strcmp(s->address, address) == 0;
    if (same && !redis_link_is_down(s->link))
        return;
    if (s->address[0] && !same)
        s->to.news(s->to.ctx, REDIS_NEW_MASTER, "named by a sentinel");
    if (!same)
        redis_link_close(s->ear);
    stop_read(s);
    (void)redis_join(s->address, sizeof(s->address), parts, 1);
    (void)event_del(s->retry);
    if (redis_link_open(s->link, s->address) < 0)
        on_down(s,
                (struct redis_trouble){REDIS_LOST, "the address that the sentinels name is bad"});
}

/* They go on asking; a master that still answers stays. */
static void on_nobody(void *ctx, struct redis_trouble why)
{
    struct redis_source *s = ctx;
    if (redis_link_is_down(s->link))
        tell(s, why);
}

/* --- Coming and going --- */

static int make_links(struct redis_source *s)
{
    struct redis_link_conf conf = {
        .base = s->base,
        .tls = s->common.tls,
        .user = s->conf.user,
        .password = s->conf.password,
        .db = s->conf.db,
        .port = REDIS_PORT,
        .answer_ms = s->pace.answer_ms,
        .ctx = s,
        .ready = on_ready,
        .reply = on_reply,
        .down = on_down,
    };
    s->link = redis_link_new(&conf);
    conf.ready = on_ear_ready;
    conf.reply = on_ear_reply;
    conf.down = on_ear_down;
    conf.db = 0; /* channels know no databases */
    s->ear = redis_link_new(&conf);
    return s->link && s->ear ? 0 : -1;
}

static int make_events(struct redis_source *s)
{
    const struct timeval each = {s->pace.ping_ms / 1000, (s->pace.ping_ms % 1000) * 1000};
    s->retry = evtimer_new(s->base, on_retry, s);
    s->ear_retry = evtimer_new(s->base, on_ear_retry, s);
    s->due = evtimer_new(s->base, on_due, s);
    s->ping = event_new(s->base, -1, EV_PERSIST, on_ping, s);
    if (!s->retry || !s->ear_retry || !s->due || !s->ping)
        return -1;
    return event_add(s->ping, &each);
}

static int begin_to_connect(struct redis_source *s)
{
    const struct redis_sentinel_conf conf = {
        .base = s->base,
        .tls = s->common.tls,
        .redis = &s->conf,
        .pace = &s->pace,
        .follow = true,
        .ctx = s,
        .master = on_master,
        .nobody = on_nobody,
    };
    const char *parts[] = {s->conf.address};
    if (s->conf.n_sentinels) {
        s->sentinel = redis_sentinel_new(&conf);
        return s->sentinel ? 0 : -1;
    }
    arm(s->retry, 0);
    return redis_join(s->address, sizeof(s->address), parts, 1);
}

struct redis_source *redis_source_paced(struct event_base *base, const struct redis_conf *conf,
                                        const struct redis_listener *to,
                                        const struct redis_pace *pace, struct auth_error *err)
{
    struct redis_base common;
    if (redis_base_make(conf, &common, err) < 0)
        return NULL;
    struct redis_source *s = mem_zalloc(sizeof(*s));
    if (!s) {
        redis_base_clear(&common);
        (void)redis_fail(err, -1, "out of memory");
        return NULL;
    }
    s->base = base;
    s->conf = *conf;
    s->to = *to;
    s->pace = *pace;
    s->common = common;
    s->crypto = crypto_new();
    if (s->crypto && make_links(s) == 0 && make_events(s) == 0 && begin_to_connect(s) >= 0)
        return s;
    redis_source_free(s);
    (void)redis_fail(err, -1, "out of memory");
    return NULL;
}

struct redis_source *redis_source_new(struct event_base *base, const struct redis_conf *conf,
                                      const struct redis_listener *to, struct auth_error *err)
{
    return redis_source_paced(base, conf, to, &redis_usual_pace, err);
}

void redis_source_free(struct redis_source *s)
{
    if (!s)
        return;
    struct event *events[] = {s->retry, s->ear_retry, s->due, s->ping};
    redis_sentinel_free(s->sentinel);
    redis_link_free(s->link);
    redis_link_free(s->ear);
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
        if (events[i])
            event_free(events[i]);
    redis_read_clear(&s->read);
    redis_state_clear(&s->state);
    redis_base_clear(&s->common);
    crypto_free(s->crypto);
    mem_free_wiped(s, sizeof(*s));
}

const char *redis_source_address(const struct redis_source *s)
{
    return s->address;
}

int64_t redis_source_age(const struct redis_source *s)
{
    return s->seen ? (clock_monotonic() - s->seen) / USEC_PER_SEC : -1;
}
