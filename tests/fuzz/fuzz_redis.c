/* Any bytes as what a Redis says: the parser, whole and in pieces, and what is made of its
 * replies. */
#include <errno.h>

#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "redis/redis_int.h"

/* How many values there are, and that none is out of bounds. */
static size_t walk(const struct redis_reply *r, unsigned depth)
{
    size_t n = 1;
    FUZZ_CHECK(depth < 10 && r->type <= REDIS_ARRAY);
    FUZZ_CHECK(r->type == REDIS_ARRAY || !r->v);
    if (r->p)
        FUZZ_CHECK(r->p[r->n] == '\0' && r->n <= REDIS_REPLY_MAX);
    if (r->type == REDIS_ARRAY)
        FUZZ_CHECK(r->n <= REDIS_ARRAY_MAX && !r->p);
    for (size_t i = 0; r->type == REDIS_ARRAY && i < r->n; i++)
        n += walk(&r->v[i], depth + 1);
    return n;
}

static void read_schema(const struct redis_reply *r)
{
    static struct redis_part before;
    static struct redis_part named;
    static struct redis_part coturn;
    static struct auth_secrets all;
    struct span name;
    memset(&named, 0, sizeof(named));
    memset(&coturn, 0, sizeof(coturn));
    if (redis_schema_named(r, &before, &named) == 0) {
        FUZZ_CHECK(named.secrets.n <= AUTH_SECRETS_MAX);
        before = named;
    }
    (void)redis_schema_coturn(r, &coturn);
    if (redis_schema_union(&named, &coturn, &all) == 0)
        FUZZ_CHECK(all.n == named.secrets.n + coturn.secrets.n);
    if (redis_schema_user("realm", redis_reply_span(r), &name))
        FUZZ_CHECK(name.n && name.n < r->n);
    (void)redis_trouble_of(r);
}

static void read_revoked(const struct redis_reply *r)
{
    static struct auth_revocations before;
    struct redis_revoked got = {.malformed = false};
    if (redis_schema_revoked(r, &before, &got) < 0)
        return;
    FUZZ_CHECK(got.list.n <= AUTH_REVOKED_MAX && got.list.n <= r->n / 2);
    for (size_t i = 1; i < got.list.n; i++)
        FUZZ_CHECK(memcmp(got.list.v[i - 1].name, got.list.v[i].name, SHA256_LEN) < 0);
    auth_revocations_clear(&before);
    before = got.list;
}

/* Returns the number of replies, and the last verdict. */
static size_t run(struct span bytes, size_t step, int *ret)
{
    struct redis_parser *p = redis_parser_new();
    size_t n = 0;
    int e = p ? 0 : -ENOMEM;
    for (size_t at = 0; e == 0 && at < bytes.n; at += step) {
        size_t some = bytes.n - at < step ? bytes.n - at : step;
        e = redis_parser_feed(p, span_of(bytes.p + at, some));
        while (e == 0) {
            struct redis_reply *r = NULL;
            e = redis_parser_next(p, &r);
            if (e < 0)
                break;
            FUZZ_CHECK(walk(r, 0) <= REDIS_NODES_MAX);
            if (step == bytes.n)
                read_schema(r);
            if (step == bytes.n)
                read_revoked(r);
            redis_reply_free(r);
            n++;
        }
        e = e == -EAGAIN ? 0 : e;
    }
    redis_parser_free(p);
    *ret = e;
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    int whole;
    int parts;
    if (n < 2 || n > 65536)
        return 0;
    int64_t live = mem_live();
    struct span bytes = span_of(data + 1, n - 1);
    size_t a = run(bytes, bytes.n, &whole);
    size_t b = run(bytes, (size_t)data[0] % 16 + 1, &parts);
    FUZZ_CHECK(a == b && whole == parts && mem_live() == live);
    return 0;
}
