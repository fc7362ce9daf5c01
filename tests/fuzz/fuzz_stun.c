/* The STUN parser, its getters and walks, and the integrity check, on any bytes. */
#include "fuzz/fuzz.h"
#include "wire/stun_auth.h"

static void check_inside(const struct stun_msg *m, struct span s)
{
    FUZZ_CHECK(s.n == 0 || (s.p >= m->raw.p && s.p + s.n <= m->raw.p + m->raw.n));
    volatile uint8_t sum = 0;
    for (size_t i = 0; i < s.n; i++)
        sum = (uint8_t)(sum + s.p[i]);
}

/* What was read as an address must be written as the same bytes, the ignored first one aside. */
static void check_addr(const struct stun_msg *m, enum stun_attr a, struct span value,
                       const struct addr *addr)
{
    uint8_t buf[64];
    struct writer w = w_over(buf, sizeof buf);
    stun_begin(&w, m->cls, m->method, m->tid);
    stun_put_addr(&w, a, addr);
    FUZZ_CHECK(!w.bad && w.n == STUN_HEADER_LEN + STUN_ATTR_HEADER_LEN + value.n);
    FUZZ_CHECK(memcmp(buf + 25, value.p + 1, value.n - 1) == 0);
}

static size_t walk(const struct stun_msg *m, enum stun_attr a)
{
    struct span s;
    struct addr addr;
    size_t cursor = 0;
    size_t n = 0;
    while (stun_next(m, a, &cursor, &s)) {
        check_inside(m, s);
        stun_addr_value(m, s, &addr);
        FUZZ_CHECK(n > 0 || s.p == m->value[a].p);
        FUZZ_CHECK(++n <= m->raw.n / STUN_ATTR_HEADER_LEN);
    }
    return n;
}

static void check_attr(const struct stun_msg *m, enum stun_attr a)
{
    struct span s;
    struct addr addr;
    uint32_t number;
    bool good = stun_has(m, a) && !stun_bad(m, a);
    FUZZ_CHECK(stun_has(m, a) || !stun_bad(m, a));
    FUZZ_CHECK(stun_get_bytes(m, a, &s) == good);
    FUZZ_CHECK((walk(m, a) > 0) == stun_has(m, a));
    if (stun_get_number(m, a, &number))
        FUZZ_CHECK(good);
    if (good)
        check_inside(m, s);
    if (stun_get_addr(m, a, &addr))
        check_addr(m, a, s, &addr);
}

static void check_unknown(const struct stun_msg *m)
{
    size_t cursor = 0;
    size_t n = 0;
    uint16_t type;
    while (stun_next_unknown(m, &cursor, &type)) {
        FUZZ_CHECK(type < 0x8000 && stun_attr_find(type) == STUN_ATTR_COUNT);
        FUZZ_CHECK(++n <= m->raw.n / STUN_ATTR_HEADER_LEN);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct crypto *c; /* kept over all runs */
    struct stun_msg m;
    if (!c)
        c = crypto_new();
    if (!c || stun_parse(span_of(data, n), &m) != 0)
        return 0;
    FUZZ_CHECK(m.raw.n == n && m.end <= n && m.method < 0x1000);
    for (int a = 0; a < STUN_ATTR_COUNT; a++)
        check_attr(&m, (enum stun_attr)a);
    check_unknown(&m);
    struct span key = span_text("key");
    stun_verify(&m, c, STUN_ATTR_MESSAGE_INTEGRITY, key);
    stun_verify(&m, c, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, key);
    return 0;
}
