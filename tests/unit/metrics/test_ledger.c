/* What is promised: every row's epsilon from its clip and scale, and their sum. */
#include "metrics/ledger.h"

#include "bed.h"

static uint32_t recomputed(size_t row)
{
    const struct metrics_entry *e = &ledger[row];
    uint32_t noises = row == METRICS_USES ? LEDGER_ALARM_NOISES : 1;
    return METRICS_GROUP * e->clip * noises * 1000 / e->scale;
}

static void every_row_costs_what_its_noise_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEDGER_ROWS; i++)
        assert_int_equal(ledger[i].epsilon_milli, recomputed(i));
}

static void usage_costs_one_and_the_alarm_a_quarter(void **state)
{
    (void)state;
    struct metrics_conf conf = {.profile = METRICS_STANDARD};
    assert_int_equal(metrics_epsilon_milli(&conf), 1000);
    conf.profile = METRICS_FLEET;
    assert_int_equal(metrics_epsilon_milli(&conf), 1000);
    conf = (struct metrics_conf){
        .profile = METRICS_STANDARD, .capacity_alarm = true, .capacity = METRICS_CAPACITY_MIN};
    assert_int_equal(metrics_epsilon_milli(&conf), 1250);
}

static void strict_promises_everything(void **state)
{
    (void)state;
    const struct metrics_entry *rows;
    struct metrics_conf conf = {
        .profile = METRICS_STRICT, .capacity_alarm = true, .capacity = 9999};
    assert_int_equal(metrics_ledger(&conf, &rows), 0);
    assert_int_equal(metrics_epsilon_milli(&conf), 0);
}

static void the_alarm_needs_room_and_long_windows(void **state)
{
    (void)state;
    const struct metrics_conf good = {
        .profile = METRICS_STANDARD, .capacity_alarm = true, .capacity = METRICS_CAPACITY_MIN};
    const struct metrics_entry *rows;
    assert_int_equal(metrics_ledger(&good, &rows), METRICS_USES + 1);
    assert_string_equal(rows[METRICS_USES].name, "capacity_alarm");
    struct metrics_conf c = good;
    c.capacity = METRICS_CAPACITY_MIN - 1;
    assert_false(ledger_has_alarm(&c));
    c = good;
    c.window = 86399;
    assert_false(ledger_has_alarm(&c));
    c = good;
    c.profile = METRICS_FLEET;
    assert_false(ledger_has_alarm(&c));
    c = good;
    c.capacity_alarm = false;
    assert_false(ledger_has_alarm(&c));
}

static void windows_have_a_least_and_a_greatest_length(void **state)
{
    (void)state;
    struct metrics_conf c = {.profile = METRICS_STANDARD};
    assert_int_equal(metrics_window_of(&c), DAY);
    c.profile = METRICS_FLEET;
    assert_int_equal(metrics_window_of(&c), 3600);
    c.window = 7200;
    assert_int_equal(metrics_window_of(&c), 7200);
    c.window = 1;
    assert_int_equal(metrics_window_of(&c), METRICS_WINDOW_MIN);
    c.window = INT64_MAX;
    assert_int_equal(metrics_window_of(&c), METRICS_WINDOW_MAX);
}

/* b ln 20 = 119.83, 1917.27, 239.66 */
static void the_error_holds_19_of_20(void **state)
{
    (void)state;
    assert_int_equal(ledger_error(METRICS_ALLOCATIONS), 120);
    assert_int_equal(ledger_error(METRICS_VOLUME), 1918);
    assert_int_equal(ledger_error(METRICS_REJECTED), 240);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_costs_what_its_noise_says),
        cmocka_unit_test(usage_costs_one_and_the_alarm_a_quarter),
        cmocka_unit_test(strict_promises_everything),
        cmocka_unit_test(the_alarm_needs_room_and_long_windows),
        cmocka_unit_test(windows_have_a_least_and_a_greatest_length),
        cmocka_unit_test(the_error_holds_19_of_20),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
