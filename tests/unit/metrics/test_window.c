/* Windows by an injected clock: what is released, when, and what is never. */
#include "metrics/metrics.h"

#include "base/mem.h"
#include "metrics/ledger.h"

#include "bed.h"

/* Far more than any noise of a test. */
enum { MANY = 1000000, NEAR = 20000 };

static void assert_near(int64_t v, int64_t to)
{
    assert_true(v > to - NEAR && v < to + NEAR);
}

static void a_whole_window_is_released_once(void **state)
{
    (void)state;
    struct bed b = bed_of(METRICS_STANDARD);
    bed_start(&b);
    bed_add(&b, MANY, 2 * MANY, 0);
    for (int i = 0; i < 24; i++)
        assert_false(bed_pass(&b, i < 23 ? 3600 : 3599));
    assert_int_equal(bed_count(&b), 0);
    assert_true(bed_pass(&b, 1));
    assert_int_equal(bed_count(&b), 1);
    assert_near(bed_last(&b, METRICS_ALLOCATIONS), MANY);
    assert_near(bed_last(&b, METRICS_VOLUME), 2 * MANY);
    assert_int_equal(bed_last(&b, METRICS_REJECTED), 0);
    assert_false(bed_pass(&b, 0));
    assert_false(bed_pass(&b, 1));
    assert_int_equal(bed_count(&b), 1);
    metrics_free(b.m);
}

static void windows_lie_on_multiples_of_their_length(void **state)
{
    (void)state;
    struct bed b = bed_of(METRICS_FLEET);
    const struct metrics_window *v;
    bed_start(&b);
    for (int i = 0; i < 5; i++)
        assert_true(bed_pass(&b, 3600 + (i == 0 ? 7 : 0)));
    assert_int_equal(metrics_windows(b.m, &v), 5);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(v[i].begin, MIDNIGHT + 3600 * i);
        assert_int_equal(v[i].end, MIDNIGHT + 3600 * (i + 1));
    }
    metrics_free(b.m);
}

static void the_sum_begins_at_its_noise(void **state)
{
    (void)state;
    struct bed b = bed_of(METRICS_STANDARD);
    bed_start(&b);
    int64_t noise[METRICS_USES];
    memcpy(noise, b.m->open.sum, sizeof noise);
    assert_true(noise[0] || noise[1] || noise[2]);
    bed_add(&b, 5, 7, 0);
    bed_add(&b, 1, 0, 0);
    bed_pass(&b, DAY);
    assert_int_equal(bed_last(&b, METRICS_ALLOCATIONS), noise[METRICS_ALLOCATIONS] + 6);
    assert_int_equal(bed_last(&b, METRICS_VOLUME), noise[METRICS_VOLUME] + 7);
    metrics_free(b.m);
}

static void what_comes_after_the_end_is_of_the_next(void **state)
{
    (void)state;
    struct bed b = bed_of(METRICS_STANDARD);
    bed_start(&b);
    bed_pass(&b, DAY + 30);
    bed_add(&b, MANY, 0, 0);
    assert_near(bed_last(&b, METRICS_ALLOCATIONS), 0);
    assert_true(bed_pass(&b, DAY - 30));
    assert_near(bed_last(&b, METRICS_ALLOCATIONS), MANY);
    assert_true(bed_pass(&b, DAY));
    assert_near(bed_last(&b, METRICS_ALLOCATIONS), 0);
    metrics_free(b.m);
}

static void the_window_of_the_start_is_not_whole(void **state)
{
    (void)state;
    struct bed b = bed_of(METRICS_STANDARD);
    b.wall += 1;
    bed_start(&b);
    bed_add(&b, MANY, MANY, MANY);
    for (size_t i = 0; i < METRICS_USES; i++)
        assert_int_equal(b.m->open.sum[i], 0); /* without noise nothing is kept in mind */
    assert_false(bed_pass(&b, DAY - 1));
    assert_true(bed_pass(&b, DAY));
    assert_int_equal(bed_count(&b), 1);
    assert_near(bed_last(&b, METRICS_ALLOCATIONS), 0);
    metrics_free(b.m);
}

static void a_restart_is_no_way_to_look(void **state)
{
    (void)state;
    struct bed b = bed_of(METRICS_STANDARD);
    for (int i = 0; i < 20; i++) {
        bed_start(&b);
        bed_add(&b, MANY, MANY, MANY);
        assert_false(bed_pass(&b, DAY / 20));
        assert_int_equal(bed_count(&b), 0);
        metrics_free(b.m);
    }
}

/* --- Clocks --- */

struct jump {
    int64_t wall;
    int64_t mono;
    bool is_released; /* the window in which it happens */
};

static bool survives(const struct jump *j)
{
    struct bed b = bed_of(METRICS_STANDARD);
    bed_start(&b);
    bed_add(&b, MANY, 0, 0);
    bed_pass(&b, DAY / 2);
    b.wall += j->wall;
    b.mono += j->mono * USEC_PER_SEC;
    bool is_released = metrics_tick(b.m, b.wall, b.mono, &b.err);
    assert_false(is_released);
    while (b.wall < MIDNIGHT + DAY)
        is_released = bed_pass(&b, 1);
    assert_int_equal(bed_count(&b), is_released);
    if (is_released)
        assert_near(bed_last(&b, METRICS_ALLOCATIONS), MANY);
    while (b.wall < MIDNIGHT + 2 * DAY)
        bed_pass(&b, 60 - b.wall % 60);
    assert_int_equal(bed_count(&b), is_released + 1);
    assert_near(bed_last(&b, METRICS_ALLOCATIONS), 0);
    metrics_free(b.m);
    return is_released;
}

static void a_clock_that_is_set_costs_the_window(void **state)
{
    (void)state;
    static const struct jump jumps[] = {
        {5, 0, true},       /* a correction */
        {-5, 0, true},      /* and back */
        {6, 0, false},      /* set forward */
        {-6, 0, false},     /* set back */
        {7200, 0, false},   /* an hour or two, or the host slept */
        {-7200, 0, false},  /* summer time in the wrong clock */
        {0, 7200, false},   /* the same from the other side */
        {7200, 7200, true}, /* nobody ticked, but within the window */
    };
    for (size_t i = 0; i < sizeof(jumps) / sizeof(*jumps); i++)
        assert_int_equal(survives(&jumps[i]), jumps[i].is_released);
}

static void small_corrections_add_up(void **state)
{
    (void)state;
    struct bed b = bed_of(METRICS_STANDARD);
    bed_start(&b);
    for (int i = 0; i < 4; i++) {
        b.wall += 3;
        bed_pass(&b, 3600);
    }
    b.wall = MIDNIGHT + DAY - 1;
    b.mono = (77 + DAY - 1 - 12) * USEC_PER_SEC;
    assert_false(bed_pass(&b, 1));
    assert_int_equal(bed_count(&b), 0);
    metrics_free(b.m);
}

/* Set back to before a release, time is lived through again: the new one takes the old one's
 * place, and the next is after it. */
static void a_day_lived_twice_is_kept_once(void **state)
{
    (void)state;
    struct bed b = bed_of(METRICS_STANDARD);
    const struct metrics_window *v;
    bed_start(&b);
    for (int i = 0; i < 4; i++)
        bed_pass(&b, DAY);
    b.wall -= 3 * DAY + 100;
    assert_false(bed_pass(&b, 0));
    assert_false(bed_pass(&b, 100));
    bed_add(&b, MANY, 0, 0);
    assert_true(bed_pass(&b, DAY));
    assert_int_equal(metrics_windows(b.m, &v), 2);
    assert_int_equal(v[0].begin, MIDNIGHT);
    assert_int_equal(v[1].begin, MIDNIGHT + DAY);
    assert_near(v[1].value[METRICS_ALLOCATIONS], MANY);
    metrics_free(b.m);
}

struct lateness {
    int64_t seconds;
    bool is_released;
};

static void a_missed_end_costs_both_sides(void **state)
{
    (void)state;
    static const struct lateness late[] = {{60, true}, {61, false}, {DAY, false}, {3 * DAY, false}};
    for (size_t i = 0; i < sizeof(late) / sizeof(*late); i++) {
        struct bed b = bed_of(METRICS_STANDARD);
        bed_start(&b);
        assert_int_equal(bed_pass(&b, DAY + late[i].seconds), late[i].is_released);
        bed_add(&b, MANY, 0, 0);
        int64_t rest = DAY - (b.wall - MIDNIGHT) % DAY;
        assert_int_equal(bed_pass(&b, rest), late[i].is_released);
        assert_int_equal(bed_count(&b), late[i].is_released ? 2 : 0);
        metrics_free(b.m);
    }
}

static void clocks_beyond_reason_release_nothing(void **state)
{
    (void)state;
    static const int64_t walls[] = {INT64_MIN, -1, INT64_C(253402300799), INT64_MAX};
    for (size_t i = 0; i < sizeof(walls) / sizeof(*walls); i++) {
        struct bed b = bed_of(METRICS_FLEET);
        b.wall = walls[i];
        bed_start(&b);
        for (int n = 0; n < 10; n++) {
            b.mono += 1800 * USEC_PER_SEC;
            assert_false(metrics_tick(b.m, walls[i], b.mono, &b.err));
        }
        metrics_free(b.m);
    }
}

/* --- Limits --- */

static void the_oldest_go_first(void **state)
{
    (void)state;
    struct bed b = bed_of(METRICS_FLEET);
    const struct metrics_window *v;
    bed_start(&b);
    for (int i = 0; i < METRICS_WINDOWS_KEPT + 5; i++)
        assert_true(bed_pass(&b, 3600));
    assert_int_equal(metrics_windows(b.m, &v), METRICS_WINDOWS_KEPT);
    for (int i = 0; i < METRICS_WINDOWS_KEPT; i++)
        assert_int_equal(v[i].begin, MIDNIGHT + 3600 * (5 + i));
    metrics_free(b.m);
}

static void sums_stop_at_their_end(void **state)
{
    (void)state;
    struct bed b = bed_of(METRICS_STANDARD);
    bed_start(&b);
    for (int i = 0; i < 3; i++)
        bed_add(&b, UINT64_MAX, METRICS_VALUE_MAX - 5, UINT64_MAX / 2);
    bed_pass(&b, DAY);
    assert_int_equal(bed_last(&b, METRICS_ALLOCATIONS), METRICS_VALUE_MAX);
    assert_int_equal(bed_last(&b, METRICS_VOLUME), METRICS_VALUE_MAX);
    assert_int_equal(bed_last(&b, METRICS_REJECTED), 100000);
    metrics_free(b.m);
}

struct band {
    int64_t value;
    int64_t floor;
};

static void refused_logins_are_banded(void **state)
{
    (void)state;
    static const struct band bands[] = {
        {-METRICS_VALUE_MAX, 0},
        {-1, 0},
        {0, 0},
        {999, 0},
        {1000, 1000},
        {9999, 1000},
        {10000, 10000},
        {99999, 10000},
        {100000, 100000},
        {METRICS_VALUE_MAX, 100000},
    };
    for (size_t i = 0; i < sizeof(bands) / sizeof(*bands); i++)
        assert_int_equal(metrics_band(bands[i].value), bands[i].floor);
}

static void strict_counts_nothing(void **state)
{
    (void)state;
    struct bed b = bed_of(METRICS_STRICT);
    bed_start(&b);
    for (int i = 0; i < 4; i++) {
        bed_add(&b, MANY, MANY, MANY);
        assert_false(bed_pass(&b, DAY));
        assert_int_equal(b.m->open.sum[METRICS_ALLOCATIONS], 0);
    }
    assert_int_equal(bed_count(&b), 0);
    metrics_free(b.m);
}

static void out_of_memory_is_told(void **state)
{
    (void)state;
    struct bed b = bed_of(METRICS_STANDARD);
    b.conf.random_ctx = &b.seed;
    mem_fail_after(0);
    assert_null(metrics_new(&b.conf, b.wall, b.mono, &b.err));
    mem_fail_after(-1);
    metrics_free(NULL);
}

static void readiness_asks_for_no_calls(void **state)
{
    (void)state;
    struct metrics_health h = {.version = "1", .has_credentials = true, .has_relay_address = true};
    assert_true(metrics_ready(&h));
    h.is_draining = true;
    assert_false(metrics_ready(&h));
    h.is_draining = h.has_credentials = false;
    assert_false(metrics_ready(&h));
    h.has_credentials = true;
    h.has_relay_address = false;
    assert_false(metrics_ready(&h));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_window_is_released_once),
        cmocka_unit_test(windows_lie_on_multiples_of_their_length),
        cmocka_unit_test(the_sum_begins_at_its_noise),
        cmocka_unit_test(what_comes_after_the_end_is_of_the_next),
        cmocka_unit_test(the_window_of_the_start_is_not_whole),
        cmocka_unit_test(a_restart_is_no_way_to_look),
        cmocka_unit_test(a_clock_that_is_set_costs_the_window),
        cmocka_unit_test(small_corrections_add_up),
        cmocka_unit_test(a_day_lived_twice_is_kept_once),
        cmocka_unit_test(a_missed_end_costs_both_sides),
        cmocka_unit_test(clocks_beyond_reason_release_nothing),
        cmocka_unit_test(the_oldest_go_first),
        cmocka_unit_test(sums_stop_at_their_end),
        cmocka_unit_test(refused_logins_are_banded),
        cmocka_unit_test(strict_counts_nothing),
        cmocka_unit_test(out_of_memory_is_told),
        cmocka_unit_test(readiness_asks_for_no_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
