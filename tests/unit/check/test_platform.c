/* Talk's lists as occ prints them, whatever stands there, and the places that they name. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "check/platform.h"

static struct talk *read_list(enum talk_list which, const char *text, int expected)
{
    struct talk *t = mem_zalloc(sizeof(*t));
    assert_non_null(t);
    assert_int_equal(talk_read(which, text, t), expected);
    return t;
}

static void test_turn(void **state)
{
    (void)state;
    struct talk *t =
        read_list(TALK_TURN,
                  "A warning.\n[debug] x\n[{\"server\":\"a:1\",\"secret\":\"s\\/\\n\","
                  "\"protocols\":\"udp,tcp\"},{\"schemes\":\"turns\",\"server\":\"b:2\"}]\n",
                  0);
    assert_int_equal(t->n_turn, 2);
    assert_string_equal(t->turn[0].schemes, "turn");
    assert_string_equal(t->turn[0].secret, "s/\n");
    assert_int_equal(platform_ways(&t->turn[0]), PLATFORM_UDP | PLATFORM_TCP);
    assert_string_equal(t->turn[1].secret, "");
    assert_int_equal(platform_ways(&t->turn[1]), 0);
    mem_free(t);
    assert_int_equal(mem_live(), 0);
}

static void test_others(void **state)
{
    (void)state;
    struct talk *t = read_list(TALK_STUN, "[\"a:1\",5,null,\"\\u001b[2J\x7f\"]", 0);
    assert_int_equal(t->n_stun, 4);
    assert_string_equal(t->stun[1], "");
    assert_string_equal(t->stun[3], "?[2J?");
    mem_free(t);
    t = read_list(TALK_STUN, "[\"a;`$(id)`&\\u00fc'<:1\"]", 0);
    assert_string_equal(t->stun[0], "a????id???????:1");
    mem_free(t);
    t = read_list(TALK_SIGNALING,
                  "{\"servers\":[{\"server\":\"https:\\/\\/h\\/x\"},7],\"secret\":1}", 0);
    assert_string_equal(t->signaling[0], "https://h/x");
    mem_free(t);
    mem_free(read_list(TALK_SIGNALING, "[]", 0));
    mem_free(read_list(TALK_SIGNALING, "{}", 0));
    assert_int_equal(mem_live(), 0);
}

static void test_what_is_no_list(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",           "\n\n",  "hello\n", "[", "[1,", "{\"servers\":", "{}", "{\"servers\":{}}",
        "[\"\xff\"]", "\"x\"", "[] []"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        mem_free(read_list(TALK_TURN, texts[i], -EINVAL));
    mem_free(read_list(TALK_SIGNALING, "{\"servers\":\"x\"}", -EINVAL));
    assert_int_equal(mem_live(), 0);
}

static void test_too_much(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    char *deep = malloc(MANY + 1);
    assert_non_null(deep);
    memset(deep, '[', MANY);
    deep[MANY] = 0;
    mem_free(read_list(TALK_TURN, deep, -EINVAL));
    free(deep);
    char *many = malloc(4 * MANY + 2);
    assert_non_null(many);
    strcpy(many, "[{}");
    for (size_t i = 0; i < MANY; i++)
        memcpy(many + 3 + 3 * i, ",{}", 3);
    strcpy(many + 3 + 3 * MANY, "]");
    struct talk *t = read_list(TALK_TURN, many, 0);
    assert_int_equal(t->n_turn, PLATFORM_SERVERS);
    mem_free(t);
    free(many);
    assert_int_equal(mem_live(), 0);
}

static void test_memory_runs_out(void **state)
{
    (void)state;
    struct talk *t = mem_zalloc(sizeof(*t));
    for (int64_t n = 0; n < 40; n++) {
        mem_fail_after(n);
        (void)talk_read(TALK_TURN, "[{\"server\":\"a:1\",\"secret\":\"b\"}]", t);
    }
    mem_fail_after(-1);
    mem_free(t);
    assert_int_equal(mem_live(), 0);
}

static void test_places(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *host; /* NULL = none */
        uint16_t port;
    } rows[] = {
        {"turn.example.org:3478", "turn.example.org", 3478},
        {"turn.example.org", "turn.example.org", 0},
        {"[2001:db8::1]:443", "2001:db8::1", 443},
        {"[2001:db8::1]", "2001:db8::1", 0},
        {"https://hpb.example.org/standalone-signaling", "hpb.example.org", 0},
        {"wss://hpb.example.org:8443?x=/", "hpb.example.org", 8443},
        {"", NULL, 0},
        {":3478", NULL, 0},
        {"a:", NULL, 0},
        {"a:0", NULL, 0},
        {"a:65536", NULL, 0},
        {"a:+1", NULL, 0},
        {"a:1x", NULL, 0},
        {"[]:1", NULL, 0},
        {"https:///x", NULL, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char host[CHECK_HOST];
        uint16_t port = 0;
        assert_int_equal(talk_host(rows[i].text, host, &port), rows[i].host != NULL);
        if (rows[i].host)
            assert_string_equal(host, rows[i].host);
        assert_int_equal(port, rows[i].port);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turn),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_what_is_no_list),
        cmocka_unit_test(test_too_much),
        cmocka_unit_test(test_memory_runs_out),
        cmocka_unit_test(test_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
