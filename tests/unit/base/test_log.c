/* The event log as it arrives at the other end of standard error. */
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE = 512 };

struct capture {
    int saved;
    int from;
    char text[4096];
};

static void capture_start(struct capture *c)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    c->saved = dup(STDERR_FILENO);
    c->from = fds[0];
    assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
    close(fds[1]);
}

static size_t capture_end(struct capture *c)
{
    assert_true(dup2(c->saved, STDERR_FILENO) >= 0);
    close(c->saved);
    size_t n = 0;
    ssize_t got;
    while ((got = read(c->from, c->text + n, sizeof c->text - 1 - n)) > 0)
        n += (size_t)got;
    close(c->from);
    c->text[n] = '\0';
    return n;
}

static void test_plain(void **state)
{
    (void)state;
    struct capture c;
    unsetenv("JOURNAL_STREAM");
    capture_start(&c);
    log_event(EVENT_STOPPING);
    log_event(EVENT_RELOAD_REFUSED, EV_TEXT("line 3 is wrong"));
    log_event(EVENT_RELAY_ADDRESS, EV_TEXT("a"), EV_TEXT("b"), EV_NUM(-1), EV_NUM(INT64_MIN));
    capture_end(&c);
    assert_string_equal(c.text,
                        "drehkreuz: stopping: stop requested, closing\n"
                        "drehkreuz: reload-refused: kept the old configuration: line 3 is wrong\n"
                        "drehkreuz: relay-address: relays on a, announced as b, ports -1 to "
                        "-9223372036854775808\n");
}

static void test_journal_levels(void **state)
{
    (void)state;
    struct capture c;
    setenv("JOURNAL_STREAM", "1:2", 1);
    capture_start(&c);
    log_event(EVENT_STOPPED);
    log_event(EVENT_FATAL, EV_TEXT("no"));
    capture_end(&c);
    unsetenv("JOURNAL_STREAM");
    assert_string_equal(c.text,
                        "<6>drehkreuz: stopped: stopped cleanly\n<3>drehkreuz: fatal: no\n");
}

static void test_control_bytes(void **state)
{
    (void)state;
    struct capture c;
    capture_start(&c);
    log_event(EVENT_FATAL, EV_TEXT("a\nb\r\t\x1b[1m\x7f %1 \xc3\xbc"));
    capture_end(&c);
    assert_string_equal(c.text, "drehkreuz: fatal: a?b???[1m? %1 \xc3\xbc\n");
}

static void test_long_text_is_cut(void **state)
{
    (void)state;
    for (size_t n = LINE - 40; n < LINE + 40; n++) {
        struct capture c;
        char text[LINE + 41];
        memset(text, 'x', sizeof text);
        text[n] = '\0';
        capture_start(&c);
        log_event(EVENT_FATAL, EV_TEXT(text));
        size_t got = capture_end(&c);
        size_t whole = strlen("drehkreuz: fatal: ") + n + 1;
        assert_int_equal(got, whole < LINE ? whole : LINE);
        assert_int_equal(c.text[got - 1], '\n');
        assert_ptr_equal(strchr(c.text, '\n'), c.text + got - 1);
    }
}

static void test_missing_arguments(void **state)
{
    (void)state;
    struct capture c;
    capture_start(&c);
    log_event(EVENT_FATAL, EV_TEXT(NULL));
    log_event(EVENT_STARTED, EV_TEXT("1"));
    log_event(EVENT_STARTED, EV_TEXT("1"), EV_NUM(2), EV_NUM(3), EV_NUM(4), EV_NUM(5));
    capture_end(&c);
    assert_string_equal(c.text,
                        "drehkreuz: fatal: \n"
                        "drehkreuz: started: version 1 serves  listeners with  workers\n"
                        "drehkreuz: started: version 1 serves 2 listeners with 3 workers\n");
}

static void test_catalogue(void **state)
{
    (void)state;
    for (int id = 0; id < EVENT_COUNT; id++) {
        const char *name = event_name((enum event_id)id);
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
        assert_true(strlen(event_text((enum event_id)id)) > 0);
        for (int other = 0; other < id; other++)
            assert_string_not_equal(name, event_name((enum event_id)other));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_journal_levels),
        cmocka_unit_test(test_control_bytes),
        cmocka_unit_test(test_long_text_is_cut),
        cmocka_unit_test(test_missing_arguments),
        cmocka_unit_test(test_catalogue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
