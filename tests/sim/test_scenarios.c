/* Every scenario as it stands, and once with late timers. */
#include "scenario.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void run(void **state)
{
    const struct scenario *s = *state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        int64_t before = mem_live();
        struct world *w = world_new(seed);
        w->late = seed == 5 ? 1500000 : 0;
        scenario_run(s, w, true);
        world_free(w);
        assert_int_equal(mem_live(), before);
    }
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
    int failed = _cmocka_run_group_tests("scenarios", tests, n, NULL, NULL);
    free(tests);
    return failed;
}
