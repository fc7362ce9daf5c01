/* Every scenario again and again, with the first, the second, the third ... allocation of memory
 * failing, until there is none left to fail: no invariant breaks, nothing leaks, no port is lost.
 */
#include "scenario.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Whether the failure is still to come: then it is one of the next `within` + 1 calls. */
static bool failure_is_left(int64_t within)
{
    bool left = false;
    for (int64_t i = 0; i <= within && !left; i++) {
        void *p = mem_zalloc(1);
        left = p == NULL;
        mem_free(p);
    }
    mem_fail_after(-1);
    return left;
}

/* True when the failure came. */
static bool run_failing(const struct scenario *s, int64_t nth)
{
    mem_fail_after(nth);
    struct world *w = world_new(7);
    bool complete = w->engine[0] && w->engine[1];
    if (complete)
        scenario_run(s, w, false);
    bool came = !failure_is_left(nth);
    bool draining = strcmp(s->name, "DRAINING") == 0;
    if (complete && !draining)
        scenario_nothing_lost(w);
    world_free(w);
    return came;
}

static void run(void **state)
{
    const struct scenario *s = *state;
    int64_t before = mem_live();
    int64_t nth = 0;
    while (run_failing(s, nth)) {
        assert_int_equal(mem_live(), before);
        nth++;
    }
    assert_int_equal(mem_live(), before);
    /* The engines alone take more than this. */
    assert_true(nth > 15);
}

int main(void)
{
    size_t n = 0;
    const struct scenario *all = scenarios(&n);
    struct CMUnitTest *tests = calloc(n, sizeof(*tests));
    if (!tests)
        return 1;
    for (size_t i = 0; i < n; i++)
        tests[i] = (struct CMUnitTest){all[i].name, run, NULL, NULL, (void *)(uintptr_t)&all[i]};
    int failed = _cmocka_run_group_tests("out of memory", tests, n, NULL, NULL);
    free(tests);
    return failed;
}
