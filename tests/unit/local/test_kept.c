/* Connections that stay: until whom, for how long, and how much waits for them. */
#include "unit/local/scene.h"

static int kept(void)
{
    scene_open(false);
    scene.keeps = true;
    int fd = call();
    say(fd, "go\n", 3);
    expect_hear(fd, "yes");
    assert_int_equal(scene.n_asked, 1);
    return fd;
}

static void finish(int fd)
{
    close(fd);
    local_free(scene.local);
}

static void t_it_stays_until_it_is_ended(void **state)
{
    (void)state;
    char got[16];
    int fd = kept();
    scene.now += 100 * LOCAL_SECONDS * USEC_PER_SEC;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hear(fd, got, sizeof(got)), -1);
        local_send(scene.client, span_text("more"));
        local_send(scene.client, span_text(" and\n"));
        local_send(scene.client, span_of(NULL, 0));
        expect_hear(fd, "more and\n");
    }
    local_send(scene.client, span_text("the last"));
    local_end(scene.client);
    local_send(scene.client, span_text("too late"));
    expect_hear(fd, "the last");
    assert_int_equal(hear(fd, got, sizeof(got)), 0);
    assert_int_equal(scene.n_gone, 0);
    assert_true(turn_until_alone());
    finish(fd);
}

static void t_ended_with_nothing_to_say(void **state)
{
    (void)state;
    char got[16];
    int fd = kept();
    local_end(scene.client);
    local_end(scene.client);
    assert_int_equal(hear(fd, got, sizeof(got)), 0);
    assert_int_equal(scene.n_gone, 0);
    finish(fd);
}

static void t_the_other_side_goes(void **state)
{
    (void)state;
    int fd = kept();
    close(fd);
    turn(4);
    assert_int_equal(scene.n_gone, 1);
    assert_int_equal(mem_live(), scene.alone);
    fd = call();
    say(fd, "go\n", 3);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    turn(4);
    assert_int_equal(scene.n_gone, 2);
    assert_int_equal(mem_live(), scene.alone);
    close(fd);
    fd = call(); /* noticed by sending */
    say(fd, "go\n", 3);
    local_send(scene.client, span_text("x"));
    close(fd);
    turn(4);
    assert_int_equal(scene.n_gone, 3);
    local_free(scene.local);
    assert_int_equal(scene.n_gone, 3);
}

static void t_what_it_says_is_thrown_away(void **state)
{
    (void)state;
    static char noise[3 * LOCAL_REQUEST_MAX];
    char got[16];
    int fd = kept();
    memset(noise, '\n', sizeof(noise));
    say(fd, noise, sizeof(noise));
    say(fd, noise, sizeof(noise));
    assert_int_equal(hear(fd, got, sizeof(got)), -1);
    assert_int_equal(scene.n_asked, 1);
    assert_int_equal(scene.n_gone, 0);
    finish(fd);
    assert_int_equal(scene.n_gone, 1);
}

static void t_the_queue_has_an_end(void **state)
{
    (void)state;
    static uint8_t part[LOCAL_QUEUE_MAX];
    static char got[LOCAL_QUEUE_MAX + 2];
    int fd = kept();
    local_send(scene.client, span_of(part, 1));
    local_send(scene.client, span_of(part, sizeof(part) - 1));
    size_t n = 0;
    for (ssize_t more; (more = hear(fd, got + n, sizeof(got) - n)) > 0;)
        n += (size_t)more;
    assert_int_equal(n, LOCAL_QUEUE_MAX);
    assert_int_equal(mem_live(), scene.alone + 1); /* the queue is gone */
    assert_int_equal(scene.n_gone, 0);
    local_send(scene.client, span_of(part, 1));
    local_send(scene.client, span_of(part, sizeof(part)));
    assert_int_equal(scene.n_gone, 0); /* nobody is called back out of local_send */
    local_send(scene.client, span_of(part, 1));
    turn(2);
    assert_int_equal(scene.n_gone, 1);
    assert_int_equal(mem_live(), scene.alone);
    finish(fd);
}

enum { PART = 4096 };

/* The next part of a text in which every byte knows its place. */
static void send_part(size_t at)
{
    uint8_t part[PART];
    for (size_t i = 0; i < PART; i++)
        part[i] = (uint8_t)((at + i) % 251);
    local_send(scene.client, span_of(part, PART));
    turn(2);
}

/* So much that the kernel takes no more of it, and something waits. */
static size_t flood(void)
{
    size_t n = 0;
    for (int64_t still = 0; still < 3; n += PART) {
        send_part(n);
        still = mem_live() > scene.alone + 1 ? still + 1 : 0;
    }
    return n;
}

/* Reads so many bytes of that text from there on. */
static void read_on(int fd, size_t at, size_t n)
{
    static char got[PART + 1];
    while (n > 0) {
        ssize_t more = hear_soon(fd, got, n < PART ? n + 1 : sizeof(got));
        assert_true(more > 0);
        for (ssize_t i = 0; i < more; i++)
            assert_int_equal((uint8_t)got[i], at++ % 251);
        n -= (size_t)more;
    }
}

/* On a port, where the kernel takes some of what is given to it. */
static void t_a_slow_reader(void **state)
{
    (void)state;
    char text[32];
    uint16_t port = scene_port(text);
    scene_open_at(text, false);
    scene.keeps = true;
    int fd = call_port(port);
    say(fd, "\n", 1);
    expect_hear(fd, "yes");
    size_t n = flood();
    size_t at = 0;
    for (; at < n; n += PART, at += PART + PART / 2) { /* it falls behind, and yet keeps up */
        send_part(n);
        read_on(fd, at, PART + PART / 2);
    }
    assert_int_equal(scene.n_gone, 0);
    for (n = flood(); scene.n_gone == 0 && n < 64 << 20; n += PART)
        send_part(n);
    assert_int_equal(scene.n_gone, 1);
    assert_int_equal(mem_live(), scene.alone);
    finish(fd);
}

static void t_the_end_has_its_seconds(void **state)
{
    (void)state;
    int fd = kept();
    size_t n = flood();
    local_end(scene.client);
    turn(4);
    assert_true(mem_live() > scene.alone); /* still trying */
    assert_int_equal(send(fd, "go\n", 3, 0), 3);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    read_on(fd, 0, n); /* whatever is said to it now */
    assert_int_equal(scene.n_asked, 1);
    assert_true(turn_until_alone());
    finish(fd);

    fd = kept();
    (void)flood();
    scene.step = LOCAL_SECONDS * USEC_PER_SEC - 20000;
    local_end(scene.client);
    assert_true(turn_until_alone());
    assert_int_equal(scene.n_gone, 0);
    finish(fd);
}

static void send_two(struct local_client *c)
{
    local_send(c, span_text(" one"));
    local_send(c, span_text(" two"));
}

static void send_and_end(struct local_client *c)
{
    local_send(c, span_text(" one"));
    local_end(c);
}

static void send_too_much(struct local_client *c)
{
    static const uint8_t all[LOCAL_QUEUE_MAX + 1];
    local_send(c, span_of(all, sizeof(all)));
}

static void t_from_inside_the_answer(void **state)
{
    (void)state;
    char got[64];
    scene_open(false);
    scene.keeps = true;
    scene.also = send_two;
    int fd = call();
    say(fd, "go\n", 3);
    expect_hear(fd, "yes one two");
    close(fd);
    turn(4);
    assert_int_equal(scene.n_gone, 1);
    scene.also = send_and_end;
    fd = call();
    say(fd, "go\n", 3);
    expect_hear(fd, "yes one");
    expect_over(fd);
    assert_int_equal(scene.n_gone, 1);
    scene.also = send_too_much;
    fd = call();
    say(fd, "go\n", 3);
    assert_true(hear(fd, got, sizeof(got)) <= 3);
    turn(4);
    assert_int_equal(scene.n_gone, 2);
    close(fd);
    scene.keeps = false;
    scene.also = send_and_end; /* of one that is not kept: nothing */
    fd = call();
    say(fd, "go\n", 3);
    expect_hear(fd, "yes");
    expect_over(fd);
    assert_int_equal(scene.n_gone, 2);
    local_free(scene.local);
}

static void t_without_memory(void **state)
{
    (void)state;
    int fd = kept();
    mem_fail_after(0);
    local_send(scene.client, span_text("x"));
    mem_fail_after(-1);
    assert_int_equal(scene.n_gone, 0);
    turn(2);
    assert_int_equal(scene.n_gone, 1);
    finish(fd);
}

static void t_its_request_is_wiped(void **state)
{
    (void)state;
    static const uint8_t zeroes[8];
    scene_open(false);
    scene.keeps = true;
    int fd = call();
    say(fd, "password\n", 9);
    assert_memory_equal(scene.raw, "password", 8);
    assert_memory_equal(scene.raw_at, zeroes, 8);
    say(fd, "password\n", 9);
    assert_memory_equal(scene.raw_at, zeroes, 8);
    finish(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_it_stays_until_it_is_ended),
        cmocka_unit_test(t_ended_with_nothing_to_say),
        cmocka_unit_test(t_the_other_side_goes),
        cmocka_unit_test(t_what_it_says_is_thrown_away),
        cmocka_unit_test(t_the_queue_has_an_end),
        cmocka_unit_test(t_a_slow_reader),
        cmocka_unit_test(t_the_end_has_its_seconds),
        cmocka_unit_test(t_from_inside_the_answer),
        cmocka_unit_test(t_without_memory),
        cmocka_unit_test(t_its_request_is_wiped),
    };
    return cmocka_run_group_tests(tests, scene_set_up, scene_tear_down);
}
