/* The purse for sources that have proven nothing: how much it holds after a flood of requests. */
#include "turn/limiter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool takes(struct limiter *l, size_t bytes)
{
    struct limiter_ask ask = {.prefix = {.family = ADDR_V4}, .bytes_out = bytes};
    return limiter_allows(l, &ask);
}

static void t_at_most_1_mib(void **state)
{
    static const uint8_t key[16] = {7};
    struct limiter *l = limiter_new(key);

    (void)state;
    limiter_note_in(l, 491520 - 1); /* twice that and the start's 64 KiB */
    assert_false(takes(l, 1048576 - 1));
    assert_true(takes(l, 1048576 - 2));
    for (int i = 0; i < 100; i++)
        limiter_note_in(l, 65535);
    assert_false(takes(l, 1048576 + 1));
    assert_true(takes(l, 1048576));
    assert_false(takes(l, 1));
    limiter_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_at_most_1_mib),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
