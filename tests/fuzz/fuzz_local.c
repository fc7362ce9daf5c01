/* What any bytes are to the reader of HTTP: no request, or one whose parts lie inside it. */
#include "fuzz/fuzz.h"

#include <errno.h>

#include "local/local.h"

static void inside(struct span part, struct span whole)
{
    if (part.n)
        FUZZ_CHECK(part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void judge_value(const struct local_http *h, const char *name, size_t cap)
{
    char *value = malloc(cap ? cap : 1);
    memset(value, '#', cap ? cap : 1);
    int n = local_http_value(h, name, value, cap);
    FUZZ_CHECK(n >= 0 || n == -ENOENT || n == -EINVAL);
    if (n >= 0)
        FUZZ_CHECK((size_t)n < cap && strlen(value) == (size_t)n && (size_t)n <= h->query.n);
    else
        FUZZ_CHECK(value[0] == '#');
    free(value);
}

static void judge(struct span raw)
{
    struct local_http h;
    if (!local_http_read(raw, &h))
        return;
    FUZZ_CHECK(h.method.n > 0);
    inside(h.method, raw);
    inside(h.path, raw);
    inside(h.query, raw);
    inside(h.headers, raw);
    FUZZ_CHECK(!memchr(h.method.p, ' ', h.method.n));
    FUZZ_CHECK(h.path.n == 0 || !memchr(h.path.p, '?', h.path.n));
    static const char *const names[] = {"Host", "accept", ""};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct span value = local_http_header(&h, names[i]);
        inside(value, raw);
        FUZZ_CHECK(value.n == 0 || (!memchr(value.p, '\n', value.n) && value.p[0] != ' '));
    }
    judge_value(&h, "key", 64);
    judge_value(&h, "a", 4);
    judge_value(&h, "a", 0);
    judge_value(&h, "", 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1); /* just the size, so that a sanitizer sees a step too far */
    if (n)
        memcpy(copy, data, n);
    judge(span_of(copy, n));
    free(copy);
    return 0;
}
