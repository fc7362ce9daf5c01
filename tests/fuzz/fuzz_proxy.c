/* A PROXY header out of any bytes: judged early as judged late, and written again it says the same.
 */
#include "fuzz/fuzz.h"

#include "net/proxy_int.h"

/* Memory of just the right size, so that a sanitizer sees a step too far. */
static enum proxy_state parse(const uint8_t *data, size_t n, struct proxy *ret)
{
    uint8_t *copy = malloc(n ? n : 1);
    if (n)
        memcpy(copy, data, n);
    enum proxy_state s = proxy_parse(span_of(copy, n), ret);
    free(copy);
    return s;
}

static void write_again(const struct proxy *p)
{
    uint8_t header[PROXY_WRITE_MAX];
    struct proxy again;
    size_t n = proxy_write(&p->from, &p->to, header);
    FUZZ_CHECK(parse(header, n, &again) == PROXY_FOUND && again.len == n);
    FUZZ_CHECK(p->from.family != p->to.family ||
               (addr_eq(&p->from, &again.from) && addr_eq(&p->to, &again.to)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2)
        return 0;
    struct proxy early_is;
    struct proxy is;
    size_t some = ((size_t)data[0] << 8 | data[1]) % (n - 1);
    data += 2;
    n -= 2;
    enum proxy_state early = parse(data, some < n ? some : n, &early_is);
    enum proxy_state whole = parse(data, n, &is);
    FUZZ_CHECK(early == PROXY_MORE || early == whole);
    if (whole != PROXY_FOUND)
        return 0;
    FUZZ_CHECK(is.len > 0 && is.len <= n && is.len <= PROXY_V2_MAX);
    FUZZ_CHECK((is.from.family == ADDR_NONE) == (is.to.family == ADDR_NONE));
    FUZZ_CHECK(early == PROXY_MORE || early_is.len == is.len);
    write_again(&is);
    return 0;
}
