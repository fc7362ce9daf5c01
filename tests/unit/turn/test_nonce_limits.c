/* How long a nonce is good at the longest and at the least, whatever the lifetime says. */
#include "turn/nonce.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct nonce_key KEY = {{1, 2, 3}};
static const struct addr CLIENT = {ADDR_V4, 0, 4711, {192, 0, 2, 7}};

/* Of a nonce that was made when the count of 16 s began. */
static enum nonce_state state_after(uint32_t lifetime_s, usec_t age)
{
    static const usec_t born = 16 * 1000 * USEC_PER_SEC;
    char text[NONCE_MAX];
    bool full;
    bool userhash;
    struct nonce_want w = {.client = &CLIENT, .transport = TURN_UDP, .now = born};
    size_t n = nonce_make(&KEY, &w, text);
    struct nonce_seen s = {&CLIENT, TURN_UDP, span_of(text, n), born + age, lifetime_s};
    return nonce_check(&KEY, &s, &full, &userhash);
}

static void t_lifetimes(void **state)
{
    static const struct {
        uint32_t lifetime_s;
        usec_t good_s; /* for so long */
    } rows[] = {
        {0, 32},      {15, 32},     {31, 32},     {32, 32},       {47, 32},           {48, 48},
        {60, 48},     {600, 592},   {1800, 1792}, {3583, 3568},   {3584, 3584},       {3599, 3584},
        {3600, 3600}, {3601, 3600}, {3616, 3600}, {100000, 3600}, {UINT32_MAX, 3600},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        usec_t end = rows[i].good_s * USEC_PER_SEC;
        assert_int_equal(state_after(rows[i].lifetime_s, 0), NONCE_GOOD);
        assert_int_equal(state_after(rows[i].lifetime_s, end - 1), NONCE_GOOD);
        assert_int_equal(state_after(rows[i].lifetime_s, end), NONCE_STALE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_lifetimes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
