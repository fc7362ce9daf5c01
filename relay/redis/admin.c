/* For commands: one connection on a loop of its own, a few questions, an end. */
#include "redis/redis_int.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>

#include "base/mem.h"

struct admin;

/* What a command asks and does with the answers. */
struct task {
    void (*start)(struct admin *a);
    /* 0 = more answers are to come, 1 = done, or -errno with a->err filled. */
    int (*answer)(struct admin *a, struct redis_reply *r);
};

struct admin {
    const struct redis_conf *conf;
    const struct task *task;
    struct auth_error *err;
    struct redis_base common;
    struct event_base *base;
    struct redis_sentinel *sentinel;
    struct redis_link *link;
    bool is_over;
    int result;

    struct redis_read read;
    struct redis_part none;
    struct auth_revocations nobody;
    struct auth_secrets *ret;
    struct auth_revocations *ret_revoked;
    const struct auth_secret *one;
    const char *id;
    const struct auth_revocations *put;
    const struct auth_revocations *drop;
    unsigned answers;
    unsigned queued; /* commands of the transaction */
};

static void end(struct admin *a, int result)
{
    a->is_over = true;
    a->result = result < 0 ? result : 0;
    (void)event_base_loopbreak(a->base);
}

/* --- What went wrong --- */

static int explain(struct auth_error *err, struct redis_trouble why)
{
    static const struct {
        int code;
        const char *text;
    } rows[] = {
        [REDIS_LOST] = {-ENOTCONN, "Redis cannot be used; see the option redis"},
        [REDIS_DENIED] = {-EACCES, "Redis lets nobody in; see redis_user and redis_password"},
        [REDIS_NOPERM] = {-EPERM, "Redis does not allow this user to do that; use one whose ACL "
                                  "rules do"},
        [REDIS_LOADING] = {-EAGAIN, "Redis is not ready; try again in some seconds"},
        [REDIS_WRONG_TYPE] = {-EINVAL, "a key of ours holds something else in Redis; see its "
                                       "schema, and remove it"},
        [REDIS_TOO_LARGE] = {-EMSGSIZE, "Redis holds more than is taken; remove secrets that are "
                                        "over"},
        [REDIS_MALFORMED] = {-EPROTO, "what answers does not say what Redis should; see the "
                                      "option redis"},
        [REDIS_CLUSTER] = {-EXDEV, "this node of a Redis Cluster does not hold our keys; name "
                                   "another"},
        [REDIS_NO_MASTER] = {-ENOTCONN, "no sentinel knows the master; see redis_sentinels and "
                                        "redis_master"},
    };
    bool known = (size_t)why.news < sizeof(rows) / sizeof(rows[0]) && rows[why.news].text;
    const char *text = known ? rows[why.news].text : rows[REDIS_LOST].text;
    int code = known ? rows[why.news].code : -EIO;
    return redis_fail(err, code, "%s%s%s%s", text, why.text[0] ? " (" : "", why.text,
                      why.text[0] ? ")" : "");
}

static void on_down(void *ctx, struct redis_trouble why)
{
    struct admin *a = ctx;
    end(a, explain(a->err, why));
}

/* --- Reading --- */

static void load_start(struct admin *a)
{
    a->read = (struct redis_read){.conf = a->conf,
                                  .names = &a->common.names,
                                  .named_before = &a->none,
                                  .revoked_before = &a->nobody};
    redis_read_start(&a->read, a->link);
}

static int load_end(struct admin *a)
{
    const struct redis_part *named = &a->read.named;
    if (named->malformed)
        return redis_fail(a->err, -EBADMSG,
                          "secret %s: expected `not-before not-after secret` as its value, "
                          "e.g. `0 0 SECRET`; add it anew or remove it",
                          named->bad_id[0] ? named->bad_id : "with a bad id");
    if (a->read.revoked.malformed)
        return redis_fail(
            a->err, -EBADMSG,
            "revoked names: expected 64 digits of 0-9 and a-f as a field, Unix seconds "
            "as its value; remove with HDEL what is something else");
    if (redis_schema_union(named, &a->read.coturn, a->ret) < 0)
        return explain(a->err, (struct redis_trouble){REDIS_TOO_LARGE, ""});
    *a->ret_revoked = a->read.revoked.list;
    a->read.revoked.list = a->nobody;
    return 1;
}

static int load_answer(struct admin *a, struct redis_reply *r)
{
    struct redis_trouble why;
    int e = redis_read_answer(&a->read, a->link, r, &why);
    if (e < 0)
        return explain(a->err, why);
    return e > 0 ? load_end(a) : 0;
}

/* --- Writing --- */

static void ask_named(struct admin *a, const char *command, const char *id)
{
    const char *words[] = {command, a->common.names.named, id, NULL};
    redis_link_say(a->link, words);
}

/* Whatever is written, the hash never becomes empty: without fields Redis would drop the key. */
static void transaction(struct admin *a, const struct span *args, size_t n)
{
    const char *multi[] = {"MULTI", NULL};
    const char *schema[] = {"HSET", a->common.names.named, REDIS_SCHEMA_FIELD, REDIS_SCHEMA, NULL};
    const char *publish[] = {"PUBLISH", REDIS_CHANNEL, a->conf->realm, NULL};
    const char *exec[] = {"EXEC", NULL};
    a->queued = 3;
    redis_link_say(a->link, multi);
    redis_link_say(a->link, schema);
    redis_link_ask(a->link, args, n);
    redis_link_say(a->link, publish);
    redis_link_say(a->link, exec);
}

/* MULTI, for each command QUEUED, and EXEC's array. */
static int transaction_answer(struct admin *a, unsigned nth, const struct redis_reply *r)
{
    if (r->type == REDIS_ERROR)
        return explain(a->err, redis_trouble_of(r));
    if (nth <= a->queued)
        return 0;
    if (r->type != REDIS_ARRAY || r->n != a->queued)
        return explain(a->err, (struct redis_trouble){REDIS_MALFORMED, ""});
    for (size_t i = 0; i < r->n; i++)
        if (r->v[i].type == REDIS_ERROR)
            return explain(a->err, redis_trouble_of(&r->v[i]));
    return 1;
}

static void put_start(struct admin *a)
{
    const char *what[] = {"HMGET", a->common.names.named, REDIS_SCHEMA_FIELD, a->one->id, NULL};
    redis_link_say(a->link, what);
    ask_named(a, "HLEN", NULL);
}

static void put_write(struct admin *a)
{
    char words[AUTH_WORDS_MAX];
    int n = auth_secret_words(a->one, words);
    const struct span args[] = {span_text("HSET"), span_text(a->common.names.named),
                                span_text(a->one->id), span_of(words, (size_t)n)};
    transaction(a, args, sizeof(args) / sizeof(args[0]));
    crypto_wipe(words, sizeof(words));
}

static int check_schema(struct admin *a, const struct redis_reply *r)
{
    if (r->type != REDIS_ARRAY || r->n != 2)
        return explain(a->err, (struct redis_trouble){REDIS_MALFORMED, ""});
    if (r->v[0].type != REDIS_NIL && !redis_reply_is(&r->v[0], REDIS_SCHEMA))
        return redis_fail(a->err, -EPROTONOSUPPORT,
                          "the secrets in Redis are of a later schema; update Drehkreuz");
    /* What is replaced needs no room. */
    a->id = r->v[1].type == REDIS_NIL ? NULL : a->one->id;
    return 0;
}

static int check_room(struct admin *a, const struct redis_reply *r)
{
    if (r->type != REDIS_NUMBER)
        return explain(a->err, (struct redis_trouble){REDIS_MALFORMED, ""});
    if (!a->id && r->num > AUTH_SECRETS_MAX)
        return redis_fail(a->err, -ENOSPC, "there is room for %d secrets, remove one that is over",
                          AUTH_SECRETS_MAX);
    put_write(a);
    return 0;
}

static int put_read(struct admin *a, const struct redis_reply *r)
{
    unsigned nth = a->answers++;
    if (nth >= 2)
        return transaction_answer(a, nth - 2, r);
    if (r->type == REDIS_ERROR)
        return explain(a->err, redis_trouble_of(r));
    return nth == 0 ? check_schema(a, r) : check_room(a, r);
}

static int put_answer(struct admin *a, struct redis_reply *r)
{
    int e = put_read(a, r);
    redis_reply_free(r);
    return e;
}

static void remove_start(struct admin *a)
{
    ask_named(a, "HEXISTS", a->id);
}

static int remove_write(struct admin *a, const struct redis_reply *r)
{
    const struct span args[] = {span_text("HDEL"), span_text(a->common.names.named),
                                span_text(a->id)};
    if (r->type == REDIS_ERROR)
        return explain(a->err, redis_trouble_of(r));
    if (r->type != REDIS_NUMBER)
        return explain(a->err, (struct redis_trouble){REDIS_MALFORMED, ""});
    if (r->num == 0)
        return redis_fail(a->err, -ENOENT, "there is no such secret in Redis");
    transaction(a, args, sizeof(args) / sizeof(args[0]));
    return 0;
}

static int remove_read(struct admin *a, const struct redis_reply *r)
{
    unsigned nth = a->answers++;
    return nth == 0 ? remove_write(a, r) : transaction_answer(a, nth - 1, r);
}

static int remove_answer(struct admin *a, struct redis_reply *r)
{
    int e = remove_read(a, r);
    redis_reply_free(r);
    return e;
}

/* --- Revoked names --- */

static void change_start(struct admin *a)
{
    char name[AUTH_REVOKED_TEXT];
    char until[24];
    const char *multi[] = {"MULTI", NULL};
    const char *put[] = {"HSET", a->common.names.revoked, name, until, NULL};
    const char *drop[] = {"HDEL", a->common.names.revoked, name, NULL};
    const char *publish[] = {"PUBLISH", REDIS_CHANNEL, a->conf->realm, NULL};
    const char *exec[] = {"EXEC", NULL};
    size_t n_drops = a->drop->n < REDIS_DROPS_MAX ? a->drop->n : REDIS_DROPS_MAX;
    redis_link_say(a->link, multi);
    for (size_t i = 0; i < n_drops; i++) {
        auth_revoked_text(&a->drop->v[i], name);
        redis_link_say(a->link, drop);
    }
    for (size_t i = 0; i < a->put->n; i++) {
        auth_revoked_text(&a->put->v[i], name);
        (void)redis_digits((uint64_t)a->put->v[i].until, until);
        redis_link_say(a->link, put);
    }
    redis_link_say(a->link, publish);
    redis_link_say(a->link, exec);
    a->queued = (unsigned)(n_drops + a->put->n + 1);
}

static int change_answer(struct admin *a, struct redis_reply *r)
{
    int e = transaction_answer(a, a->answers++, r);
    redis_reply_free(r);
    return e;
}

/* --- The connection --- */

static void on_ready(void *ctx)
{
    struct admin *a = ctx;
    a->task->start(a);
}

static void on_reply(void *ctx, struct redis_reply *r, bool is_push)
{
    struct admin *a = ctx;
    (void)is_push;
    if (a->is_over) {
        redis_reply_free(r);
        return;
    }
    int e = a->task->answer(a, r);
    if (e != 0)
        end(a, e);
}

static void open_link(struct admin *a, const char *address)
{
    if (redis_link_open(a->link, address) < 0)
        end(a, redis_fail(a->err, -EINVAL, "the address of Redis cannot be used"));
}

static void on_master(void *ctx, const char *address)
{
    open_link(ctx, address);
}

static int make_link(struct admin *a)
{
    const struct redis_link_conf conf = {
        .base = a->base,
        .tls = a->common.tls,
        .user = a->conf->user,
        .password = a->conf->password,
        .db = a->conf->db,
        .port = REDIS_PORT,
        .answer_ms = redis_usual_pace.answer_ms,
        .ctx = a,
        .ready = on_ready,
        .reply = on_reply,
        .down = on_down,
    };
    a->link = redis_link_new(&conf);
    return a->link ? 0 : -ENOMEM;
}

static int find_master(struct admin *a)
{
    const struct redis_sentinel_conf conf = {
        .base = a->base,
        .tls = a->common.tls,
        .redis = a->conf,
        .pace = &redis_usual_pace,
        .ctx = a,
        .master = on_master,
        .nobody = on_down,
    };
    a->sentinel = redis_sentinel_new(&conf);
    return a->sentinel ? 0 : -ENOMEM;
}

static int converse(struct admin *a)
{
    a->base = event_base_new();
    int r = a->base ? make_link(a) : -ENOMEM;
    if (r == 0 && a->conf->n_sentinels)
        r = find_master(a);
    else if (r == 0)
        open_link(a, a->conf->address);
    if (r < 0)
        return redis_fail(a->err, r, "out of memory");
    if (!a->is_over)
        (void)event_base_dispatch(a->base);
    return a->is_over ? a->result : redis_fail(a->err, -EIO, "the event loop failed");
}

/* A connection that breaks while it is written to must not end the process. */
static int run(struct admin *a)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction was;
    int r = redis_base_make(a->conf, &a->common, a->err);
    if (r < 0)
        return r;
    (void)sigaction(SIGPIPE, &ignore, &was);
    r = converse(a);
    redis_sentinel_free(a->sentinel);
    redis_link_free(a->link);
    redis_read_clear(&a->read);
    if (a->base) /* what was given up lets go of its memory on a turn of the loop */
        (void)event_base_loop(a->base, EVLOOP_NONBLOCK);
    if (a->base)
        event_base_free(a->base);
    redis_base_clear(&a->common);
    (void)sigaction(SIGPIPE, &was, NULL);
    return r;
}

int redis_secrets_load(const struct redis_conf *conf, struct auth_secrets *ret,
                       struct auth_revocations *ret_revoked, struct auth_error *err)
{
    static const struct task task = {load_start, load_answer};
    struct auth_secrets found = {0};
    struct auth_revocations revoked = {NULL, 0, 0};
    struct admin a = {
        .conf = conf, .task = &task, .err = err, .ret = &found, .ret_revoked = &revoked};
    int r = run(&a);
    if (r == 0)
        *ret = found;
    if (r == 0 && ret_revoked) {
        auth_revocations_clear(ret_revoked);
        *ret_revoked = revoked;
        revoked = a.nobody;
    }
    auth_revocations_clear(&revoked);
    auth_secrets_wipe(&found);
    return r;
}

int redis_secret_put(const struct redis_conf *conf, const struct auth_secret *one,
                     struct auth_error *err)
{
    static const struct task task = {put_start, put_answer};
    struct admin a = {.conf = conf, .task = &task, .err = err, .one = one};
    struct auth_secrets alone = {0};
    if (redis_schema_reserved(one->id))
        return redis_fail(err, -EINVAL, "the id %s has a meaning of its own, choose another",
                          REDIS_SCHEMA_FIELD);
    int r = auth_secrets_add(&alone, one, err);
    auth_secrets_wipe(&alone);
    return r < 0 ? r : run(&a);
}

int redis_secret_remove(const struct redis_conf *conf, const char *id, struct auth_error *err)
{
    static const struct task task = {remove_start, remove_answer};
    struct admin a = {.conf = conf, .task = &task, .err = err, .id = id};
    if (redis_schema_reserved(id))
        return redis_fail(err, -ENOENT, "there is no such secret in Redis");
    return run(&a);
}

int redis_revoked_change(const struct redis_conf *conf, const struct auth_revocations *put,
                         const struct auth_revocations *drop, struct auth_error *err)
{
    static const struct task task = {change_start, change_answer};
    struct admin a = {.conf = conf, .task = &task, .err = err, .put = put, .drop = drop};
    return run(&a);
}
