/* Orders to look and to end, and what comes back: kills, traces, usage, by workers around an engine
 * that does as it is told. */
#include "fake_engine.h"

#include <fcntl.h>
#include <stdio.h>

#include "net/batch_int.h"

static void expect_killed(const struct fixture *f, const uint16_t *ports, size_t n)
{
    uint16_t got[2 * FAKE_KILLS] = {0};
    ssize_t bytes = 0;

    for (int i = 0; i < 100 && bytes != (ssize_t)(n * sizeof *ports); i++) {
        say(f, f->client, "K", 1);
        bytes = receive_within(f->client, LOOPBACK_WAIT_MS, got, sizeof got);
    }
    assert_int_equal(bytes, n * sizeof *ports);
    assert_memory_equal(got, ports, n * sizeof *ports);
}

static void t_kill(void **state)
{
    static const uint16_t ports[] = {1, 1024, 50001, 50002, 65535};
    struct fixture f;

    (void)state;
    begin(&f, 1);
    net_kill(f.net, 0);
    for (size_t i = 0; i < 5; i++) /* all before the worker looks */
        net_kill(f.net, ports[4 - i]);
    start(&f);
    expect_killed(&f, ports, 5);
    end(&f);
}

static void open_pipe(int ends[2])
{
    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
}

static void set_trace(const struct fixture *f, const char *user, int to)
{
    struct net_trace trace = {.to = to};

    snprintf(trace.user, sizeof trace.user, "%s", user);
    net_set_trace(f->net, &trace);
}

static void wait_for(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, LOOPBACK_WAIT_MS), 1);
}

/* Nobody holds the other end any more, once ours is closed. */
static void expect_closed(int ends[2])
{
    struct turn_note note;

    close(ends[1]);
    do
        wait_for(ends[0]);
    while (read(ends[0], &note, sizeof note) != 0);
    close(ends[0]);
}

static void t_every_worker_notes(void **state)
{
    struct fixture f;
    struct turn_note note;
    unsigned seen = 0;
    int ends[2];

    (void)state;
    begin(&f, 3);
    start(&f);
    open_pipe(ends);
    set_trace(&f, "1999999999:trace-abc", ends[1]);
    for (int i = 0; i < 3; i++) {
        wait_for(ends[0]);
        assert_int_equal(read(ends[0], &note, sizeof note), sizeof note);
        assert_int_equal(note.code, strlen("1999999999:trace-abc"));
        seen |= 1U << note.bytes;
    }
    assert_int_equal(seen, 7);
    set_trace(&f, "", -1);
    expect_closed(ends);
    end(&f);
}

static void t_name_of_every_length(void **state)
{
    struct fixture f;
    struct turn_note note;
    char name[TURN_TRACE_USER + 2] = {0};
    int ends[2];

    (void)state;
    begin(&f, 1);
    start(&f);
    open_pipe(ends);
    for (unsigned n = 1; n <= TURN_TRACE_USER; n++) {
        name[n - 1] = 'n';
        set_trace(&f, name, ends[1]);
        wait_for(ends[0]);
        assert_int_equal(read(ends[0], &note, sizeof note), sizeof note);
        assert_int_equal(note.code, n);
    }
    end(&f);
    expect_closed(ends);
}

/* What does not fit is lost, whole, and the worker goes on. */
static void t_slow_reader(void **state)
{
    struct fixture f;
    struct turn_note note = {.code = 7};
    unsigned notes = 0;
    unsigned own = 0;
    int ends[2];

    (void)state;
    begin(&f, 1);
    start(&f);
    open_pipe(ends);
    while (write(ends[1], &note, sizeof note) == (ssize_t)sizeof note)
        notes++;
    set_trace(&f, "ann", ends[1]);
    for (int i = 0; i < 2; i++) {
        say(&f, f.client, "A", 1);
        expect_bytes(f.client, "0", 1);
    }
    set_trace(&f, "", -1);
    close(ends[1]);
    for (ssize_t n = 1; n != 0;) {
        wait_for(ends[0]);
        n = read(ends[0], &note, sizeof note);
        assert_true(n == 0 || n == (ssize_t)sizeof note);
        own += n > 0 && note.code == 7;
    }
    assert_int_equal(own, notes);
    close(ends[0]);
    end(&f);
}

static void t_gone_reader(void **state)
{
    struct fixture f;
    int ends[2];

    (void)state;
    begin(&f, 1);
    start(&f);
    open_pipe(ends);
    close(ends[0]);
    for (int i = 0; i < 10; i++) {
        set_trace(&f, "ann", ends[1]);
        say(&f, f.client, "A", 1);
        expect_bytes(f.client, "0", 1);
    }
    close(ends[1]);
    end(&f);
}

/* Never taken up, replaced before it was taken up, still there at the end. */
static void t_descriptors_are_closed(void **state)
{
    struct fixture f;
    int first[2];
    int second[2];

    (void)state;
    begin(&f, 2);
    open_pipe(first);
    open_pipe(second);
    set_trace(&f, "ann", first[1]);
    set_trace(&f, "bert", second[1]);
    expect_closed(first);
    end(&f);
    expect_closed(second);

    begin(&f, 2);
    start(&f);
    open_pipe(first);
    set_trace(&f, "ann", first[1]);
    set_trace(&f, "bert", -1); /* no pipe: traced for nobody */
    expect_closed(first);
    end(&f);
}

static void t_usage(void **state)
{
    struct fixture f;
    uint64_t got[TURN_USES];

    (void)state;
    begin(&f, 2);
    for (unsigned i = 0; i < 3; i++) {
        net_take_usage(f.net, got);
        assert_int_equal(got[TURN_USE_ALLOCATIONS], i);
        assert_int_equal(got[TURN_USE_VOLUME], 10 + i);
        assert_int_equal(got[TURN_USE_REJECTED], 20 + i);
    }
    end(&f);
}

static void t_trains(void **state)
{
    static struct batch b;
    struct fixture f;

    (void)state;
    begin(&f, 2);
    assert_false(net_has_trains(f.net));
    f.conf.udp_segment = true;
    begin_again(&f);
    batch_init(&b, true);
    assert_int_equal(net_has_trains(f.net), b.trains);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_kill),
        cmocka_unit_test(t_every_worker_notes),
        cmocka_unit_test(t_name_of_every_length),
        cmocka_unit_test(t_slow_reader),
        cmocka_unit_test(t_gone_reader),
        cmocka_unit_test(t_descriptors_are_closed),
        cmocka_unit_test(t_usage),
        cmocka_unit_test(t_trains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
