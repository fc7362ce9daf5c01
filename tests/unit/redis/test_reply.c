/* The reply parser: what it takes, and every bound that a server could break. */
#include "unit/redis/parse.h"

static int feed(struct redis_parser *p, const char *text)
{
    struct redis_reply *r = NULL;
    int e = redis_parser_feed(p, span_text(text));
    if (e == 0)
        e = redis_parser_next(p, &r);
    redis_reply_free(r);
    return e;
}

static int verdict(const char *text)
{
    struct redis_parser *p = redis_parser_new();
    int e = feed(p, text);
    /* Whatever is wrong stays wrong. */
    if (e != 0 && e != -EAGAIN)
        assert_int_equal(feed(p, "+OK\r\n"), e);
    redis_parser_free(p);
    return e;
}

static void t_values(void **state)
{
    (void)state;
    struct redis_reply *r = parse("*7\r\n+OK\r\n-ERR no\r\n:-12\r\n$2\r\n\r\n\r\n$-1\r\n*-1\r\n"
                                  "*2\r\n$0\r\n\r\n*0\r\n");
    assert_int_equal(r->type, REDIS_ARRAY);
    assert_int_equal(r->n, 7);
    assert_true(r->v[0].type == REDIS_STATUS && redis_reply_is(&r->v[0], "OK"));
    assert_true(r->v[1].type == REDIS_ERROR && redis_reply_is(&r->v[1], "ERR no"));
    assert_true(r->v[2].type == REDIS_NUMBER && r->v[2].num == -12);
    assert_true(r->v[3].type == REDIS_TEXT && redis_reply_is(&r->v[3], "\r\n"));
    assert_int_equal(r->v[4].type, REDIS_NIL);
    assert_int_equal(r->v[5].type, REDIS_NIL);
    assert_false(redis_reply_is(&r->v[5], ""));
    assert_int_equal(redis_reply_span(&r->v[5]).n, 0);
    assert_int_equal(r->v[6].n, 2);
    assert_true(redis_reply_is(&r->v[6].v[0], ""));
    assert_int_equal(r->v[6].v[1].n, 0);
    redis_reply_free(r);
    assert_int_equal(mem_live(), 0);
}

/* The same bytes one by one, twice, and both at once. */
static void t_in_pieces(void **state)
{
    (void)state;
    static const char text[] = "*2\r\n$3\r\nabc\r\n:7\r\n";
    struct redis_parser *p = redis_parser_new();
    struct redis_reply *r = NULL;
    for (size_t i = 0; i < 2 * (sizeof(text) - 1); i++) {
        bool last = i % (sizeof(text) - 1) == sizeof(text) - 2;
        assert_int_equal(redis_parser_feed(p, span_of(&text[i % (sizeof(text) - 1)], 1)), 0);
        assert_int_equal(redis_parser_next(p, &r), last ? 0 : -EAGAIN);
        if (last)
            redis_reply_free(r);
    }
    assert_int_equal(redis_parser_feed(p, span_text("+a\r\n+b\r\n+c")), 0);
    assert_int_equal(redis_parser_next(p, &r), 0);
    assert_true(redis_reply_is(r, "a"));
    redis_reply_free(r);
    assert_int_equal(redis_parser_next(p, &r), 0);
    assert_true(redis_reply_is(r, "b"));
    redis_reply_free(r);
    assert_int_equal(redis_parser_next(p, &r), -EAGAIN);
    redis_parser_free(p);
    assert_int_equal(mem_live(), 0);
}

static void t_broken(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "HTTP/1.1 400 Bad Request\r\n",
        "\r\n",
        "$-2\r\n",
        "*-2\r\n",
        "$x\r\n",
        "*1x\r\n",
        ":1x\r\n",
        ":99999999999999999999\r\n",
        "$99999999999999999999\r\n",
        "*99999999999999999999\r\n",
        /* RESP3, which nobody asked for. */
        "%1\r\n+a\r\n+b\r\n",
        "_\r\n",
        ",1.5\r\n",
        "#t\r\n",
        ">1\r\n+a\r\n",
        "~1\r\n+a\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n+deep\r\n",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (verdict(rows[i]) == 0 || verdict(rows[i]) == -EAGAIN)
            fail_msg("row %zu", i);
    assert_int_equal(mem_live(), 0);
}

static void t_headers_allocate_nothing(void **state)
{
    (void)state;
    int64_t before = mem_live();
    struct redis_parser *p = redis_parser_new();
    assert_int_equal(feed(p, "*1000000\r\n"), -EMSGSIZE);
    redis_parser_free(p);
    assert_int_equal(verdict("*2147483647\r\n"), -EMSGSIZE);
    assert_int_equal(verdict("*8193\r\n"), -EMSGSIZE);
    assert_int_equal(verdict("*8192\r\n"), -EAGAIN);
    /* Three of the largest arrays are more values than a reply may have. */
    assert_int_equal(verdict("*5\r\n*8192\r\n"), -EAGAIN);
    assert_int_equal(verdict("*8192\r\n*8192\r\n*8192\r\n"), -EMSGSIZE);
    /* Announced, and never sent: waits, and holds nothing. */
    assert_int_equal(verdict("$1073741824\r\nx"), -EAGAIN);
    assert_int_not_equal(verdict("$9223372036854775807\r\nx"), 0);
    assert_int_equal(mem_live(), before);
}

/* Feeds n bytes behind the head, in pieces; the verdict of the last one, or the first bad one. */
static int flood(const char *head, const char *piece, size_t n)
{
    struct redis_parser *p = redis_parser_new();
    int e = feed(p, head);
    for (size_t done = 0; e == -EAGAIN && done < n; done += strlen(piece))
        e = feed(p, piece);
    redis_parser_free(p);
    return e;
}

static void t_reply_max(void **state)
{
    (void)state;
    static char piece[8193];
    memset(piece, 'x', sizeof(piece) - 1);
    assert_int_equal(flood("$1073741824\r\n", piece, REDIS_REPLY_MAX / 2), -EAGAIN);
    assert_int_equal(flood("$1073741824\r\n", piece, REDIS_REPLY_MAX), -EMSGSIZE);
    assert_int_equal(flood("+", piece, REDIS_REPLY_MAX), -EMSGSIZE);
    assert_int_equal(flood("-ERR ", piece, REDIS_REPLY_MAX), -EMSGSIZE);
    assert_int_equal(mem_live(), 0);
}

/* Many small ones that are too much together, and one that is whole and a byte too large. */
static void t_reply_max_in_parts(void **state)
{
    (void)state;
    static char text[REDIS_REPLY_MAX + 64];
    static char element[1024];
    memset(element, 'y', sizeof(element));
    memcpy(element, "$1000\r\n", 7);
    memcpy(element + 1007, "\r\n", 3);
    assert_int_equal(flood("*2000\r\n", element, REDIS_REPLY_MAX), -EMSGSIZE);
    int head = snprintf(text, sizeof(text), "$%d\r\n", REDIS_REPLY_MAX - 12);
    memset(text + head, 'x', REDIS_REPLY_MAX - 12);
    memcpy(text + head + REDIS_REPLY_MAX - 12, "\r\n", 3);
    assert_int_equal(strlen(text), REDIS_REPLY_MAX);
    assert_int_equal(verdict(text), 0);
    (void)snprintf(text, sizeof(text), "$%d\r", REDIS_REPLY_MAX - 11);
    text[head - 1] = '\n';
    memset(text + head, 'x', REDIS_REPLY_MAX - 11);
    memcpy(text + head + REDIS_REPLY_MAX - 11, "\r\n", 3);
    assert_int_equal(verdict(text), -EMSGSIZE);
    assert_int_equal(mem_live(), 0);
}

/* One small reply after the other, without end: the count starts anew with each. */
static void t_many_replies(void **state)
{
    (void)state;
    static char element[1024];
    struct redis_parser *p = redis_parser_new();
    memset(element, 'y', sizeof(element));
    memcpy(element, "$1000\r\n", 7);
    memcpy(element + 1007, "\r\n", 3);
    for (size_t i = 0; i < 3000; i++)
        assert_int_equal(feed(p, element), 0);
    redis_parser_free(p);
}

static void t_out_of_memory(void **state)
{
    (void)state;
    static const char text[] = "*3\r\n$3\r\nabc\r\n*1\r\n:7\r\n$-1\r\n";
    int e = -ENOMEM;
    for (int64_t n = 0; e != 0; n++) {
        mem_fail_after(n);
        struct redis_parser *p = redis_parser_new();
        e = p ? feed(p, text) : -ENOMEM;
        redis_parser_free(p);
        mem_fail_after(-1);
        assert_true(e == 0 || e == -ENOMEM);
        assert_int_equal(mem_live(), 0);
        assert_true(n < 100);
    }
}

static void t_trouble(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum redis_news news;
    } rows[] = {
        {"-NOAUTH Authentication required.\r\n", REDIS_DENIED},
        {"-WRONGPASS invalid username-password pair\r\n", REDIS_DENIED},
        {"-DENIED Redis is running in protected mode\r\n", REDIS_DENIED},
        {"-NOPERM User x has no permissions\r\n", REDIS_NOPERM},
        {"-LOADING Redis is loading the dataset in memory\r\n", REDIS_LOADING},
        {"-MASTERDOWN Link with MASTER is down\r\n", REDIS_LOADING},
        {"-READONLY You can't write against a read only replica.\r\n", REDIS_LOADING},
        {"-WRONGTYPE Operation against a key\r\n", REDIS_WRONG_TYPE},
        {"-MOVED 3999 127.0.0.1:6381\r\n", REDIS_CLUSTER},
        {"-ERR unknown command\r\n", REDIS_LOST},
        {"-LOADINGX\r\n", REDIS_LOST},
        {"-\r\n", REDIS_LOST},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct redis_reply *r = parse(rows[i].text);
        struct redis_trouble why = redis_trouble_of(r);
        assert_int_equal(why.news, rows[i].news);
        assert_null(strstr(why.text, "127.0.0.1"));
        redis_reply_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_values),       cmocka_unit_test(t_in_pieces),
        cmocka_unit_test(t_broken),       cmocka_unit_test(t_headers_allocate_nothing),
        cmocka_unit_test(t_reply_max),    cmocka_unit_test(t_reply_max_in_parts),
        cmocka_unit_test(t_many_replies), cmocka_unit_test(t_out_of_memory),
        cmocka_unit_test(t_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
