/* A ClientHello out of any bytes: what is judged early is judged the same when more has come. */
#include "fuzz/fuzz.h"

#include "net/hello_int.h"

static int within(struct span s, const struct hello *h, const uint8_t *p, size_t n)
{
    uintptr_t at = (uintptr_t)s.p;
    if (s.n == 0)
        return 1;
    return (at >= (uintptr_t)p && at + s.n <= (uintptr_t)p + n) ||
           (at >= (uintptr_t)h->split && at + s.n <= (uintptr_t)h->split + sizeof h->split);
}

/* Memory of just the right size, so that a sanitizer sees a step too far. */
static enum hello_state parse(const uint8_t *data, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    if (n)
        memcpy(copy, data, n);
    struct hello h;
    enum hello_state s = hello_parse(span_of(copy, n), &h);
    if (s == HELLO_FOUND) {
        FUZZ_CHECK(within(h.name, &h, copy, n) && within(h.alpn, &h, copy, n));
        FUZZ_CHECK(h.name.n <= HELLO_NAME_MAX);
        hello_offers(&h, "stun.turn");
    }
    free(copy);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2)
        return 0;
    size_t some = ((size_t)data[0] << 8 | data[1]) % (n - 1);
    data += 2;
    n -= 2;
    enum hello_state early = parse(data, some < n ? some : n);
    enum hello_state whole = parse(data, n);
    FUZZ_CHECK(early == HELLO_MORE || early == whole);
    return 0;
}
