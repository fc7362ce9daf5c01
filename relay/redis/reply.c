/* RESP2 as a tree of values. The library finds the ends, the objects are ours, so that nothing a
 * server says makes us allocate more than the bounds. */
#include "redis/redis_int.h"

#include <errno.h>
#include <hiredis/hiredis.h>

#include "base/mem.h"

#if HIREDIS_MAJOR >= 1
typedef size_t array_size;
#else
typedef int array_size;
#endif

struct redis_parser {
    redisReader *reader;
    size_t bytes; /* of the reply that is not whole yet, taken by the reader */
    size_t nodes;
    bool too_large;
    bool foreign; /* a type that RESP2 does not have */
};

/* --- Objects --- */

static struct redis_parser *parser_of(const redisReadTask *task)
{
    return task->privdata;
}

static struct redis_reply *place(const redisReadTask *task)
{
    struct redis_parser *p = parser_of(task);
    if (task->parent) {
        struct redis_reply *parent = task->parent->obj;
        return &parent->v[task->idx];
    }
    p->nodes = 1;
    return mem_zalloc(sizeof(struct redis_reply));
}

static void *make_text(const redisReadTask *task, char *text, size_t n)
{
    struct redis_reply *r = place(task);
    if (!r)
        return NULL;
    r->p = mem_zalloc(n + 1);
    if (r->p) {
        r->type = task->type == REDIS_REPLY_STATUS  ? REDIS_STATUS
                  : task->type == REDIS_REPLY_ERROR ? REDIS_ERROR
                                                    : REDIS_TEXT;
        r->n = n;
        memcpy(r->p, text, n);
        return r;
    }
    if (!task->parent)
        mem_free(r);
    return NULL;
}

static void *make_array(const redisReadTask *task, array_size elements)
{
    struct redis_parser *p = parser_of(task);
    size_t n = (size_t)elements;
    if (n > REDIS_ARRAY_MAX || p->nodes + n > REDIS_NODES_MAX) {
        p->too_large = true;
        return NULL;
    }
    struct redis_reply *r = place(task);
    if (!r)
        return NULL;
    r->type = REDIS_ARRAY;
    r->v = n ? mem_zalloc(n * sizeof(*r->v)) : NULL;
    if (n && !r->v) {
        if (!task->parent)
            mem_free(r);
        return NULL;
    }
    r->n = n;
    p->nodes += n;
    return r;
}

static void *make_number(const redisReadTask *task, long long v)
{
    struct redis_reply *r = place(task);
    if (!r)
        return NULL;
    r->type = REDIS_NUMBER;
    r->num = v;
    return r;
}

static void *make_nil(const redisReadTask *task)
{
    return place(task);
}

#if HIREDIS_MAJOR >= 1
/* RESP3 only, which is never asked for. */
static void *make_double(const redisReadTask *task, double v, char *text, size_t n)
{
    (void)v;
    (void)text;
    (void)n;
    parser_of(task)->foreign = true;
    return NULL;
}

static void *make_bool(const redisReadTask *task, int v)
{
    (void)v;
    parser_of(task)->foreign = true;
    return NULL;
}
#endif

static void release(struct redis_reply *r)
{
    for (size_t i = 0; r->v && i < r->n; i++)
        release(&r->v[i]);
    mem_free(r->v);
    mem_free_wiped(r->p, r->n);
}

static void release_object(void *object)
{
    redis_reply_free(object);
}

void redis_reply_free(struct redis_reply *r)
{
    if (!r)
        return;
    release(r);
    mem_free(r);
}

struct span redis_reply_span(const struct redis_reply *r)
{
    return r->p ? span_of(r->p, r->n) : span_of("", 0);
}

bool redis_reply_is(const struct redis_reply *r, const char *text)
{
    return r->p && span_eq(redis_reply_span(r), span_text(text));
}

/* --- Parsing --- */

/* The library asks for a pointer to something it could change, and never does. */
static redisReplyObjectFunctions *functions(void)
{
    static const redisReplyObjectFunctions all = {
        .createString = make_text,
        .createArray = make_array,
        .createInteger = make_number,
        .createNil = make_nil,
        .freeObject = release_object,
#if HIREDIS_MAJOR >= 1
        .createDouble = make_double,
        .createBool = make_bool,
#endif
    };
    return (redisReplyObjectFunctions *)(uintptr_t)&all;
}

struct redis_parser *redis_parser_new(void)
{
    struct redis_parser *p = mem_zalloc(sizeof(*p));
    if (!p)
        return NULL;
    p->reader = redisReaderCreateWithFunctions(functions());
    if (!p->reader) {
        mem_free(p);
        return NULL;
    }
    p->reader->privdata = p;
    return p;
}

void redis_parser_free(struct redis_parser *p)
{
    if (!p)
        return;
    if (p->reader->buf)
        crypto_wipe(p->reader->buf, p->reader->len);
    redisReaderFree(p->reader);
    mem_free(p);
}

static size_t left(const struct redis_parser *p)
{
    return p->reader->len - p->reader->pos;
}

static int failure(const struct redis_parser *p)
{
    if (p->too_large)
        return -EMSGSIZE;
    return p->reader->err == REDIS_ERR_OOM && !p->foreign ? -ENOMEM : -EPROTO;
}

int redis_parser_feed(struct redis_parser *p, struct span bytes)
{
    bool ok =
        !p->too_large && redisReaderFeed(p->reader, (const char *)bytes.p, bytes.n) == REDIS_OK;
    return ok ? 0 : failure(p);
}

int redis_parser_next(struct redis_parser *p, struct redis_reply **ret)
{
    void *reply = NULL;
    size_t before = left(p);
    if (p->too_large || redisReaderGetReply(p->reader, &reply) != REDIS_OK)
        return failure(p);
    p->bytes += before - left(p);
    size_t bytes = reply ? p->bytes : p->bytes + left(p);
    if (reply)
        p->bytes = 0;
    if (bytes > REDIS_REPLY_MAX) {
        redis_reply_free(reply);
        p->too_large = true;
        return -EMSGSIZE;
    }
    if (!reply)
        return -EAGAIN;
    *ret = reply;
    return 0;
}
