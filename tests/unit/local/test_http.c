/* Requests taken apart, answers put together. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "local/local.h"

#define HEADERS                                                                                    \
    "Host: localhost:9641\r\nAccept:text/html , */* \t\r\nX-Empty:\r\naccept: second\r\n"          \
    "Accept-Language : de\r\n folded: no\r\nnothing\r\nLast: a: b\r\n\r\n"

static bool eq(struct span got, const char *want)
{
    return span_eq(got, span_text(want));
}

static void t_requests(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        const char *method; /* NULL = refused */
        const char *path;
        const char *query;
    } rows[] = {
        {"GET / HTTP/1.1\r\n\r\n", "GET", "/", ""},
        {"GET / HTTP/1.0\r\n\r\n", "GET", "/", ""},
        {"GET / HTTP/1.1\n\r\n\r\n", "GET", "/", ""},
        {"GET / HTTP/1.1", "GET", "/", ""},
        {"POST /a/b?c=d&e HTTP/1.1\r\n\r\n", "POST", "/a/b", "c=d&e"},
        {"GET /? HTTP/1.1\r\n\r\n", "GET", "/", ""},
        {"GET /a??b?c HTTP/1.1\r\n\r\n", "GET", "/a", "?b?c"},
        {"GET ?a HTTP/1.1\r\n\r\n", "GET", "", "a"},
        {"GET /%2e%2e/x%00 HTTP/1.1\r\n\r\n", "GET", "/%2e%2e/x%00", ""},
        {"GET http://x/ HTTP/1.1\r\n\r\n", "GET", "http://x/", ""},
        {"get / HTTP/1.1\r\n\r\n", "get", "/", ""},
        {"GET / HTTP/2\r\n\r\n", NULL, NULL, NULL},
        {"GET / HTTP/1.\r\n\r\n", NULL, NULL, NULL},
        {"GET / HTTP/1.x\r\n\r\n", NULL, NULL, NULL},
        {"GET / HTTP/1.11\r\n\r\n", NULL, NULL, NULL},
        {"GET / HTTP/1.1 \r\n\r\n", NULL, NULL, NULL},
        {"GET / HTTP/1.1x\n\r\n\r\n", NULL, NULL, NULL},
        {"GET / http/1.1\r\n\r\n", NULL, NULL, NULL},
        {"GET / /b HTTP/1.1\r\n\r\n", NULL, NULL, NULL},
        {"GET  / HTTP/1.1\r\n\r\n", NULL, NULL, NULL},
        {"GET /a\tb HTTP/1.1\r\n\r\n", NULL, NULL, NULL},
        {"GET /a\x7f HTTP/1.1\r\n\r\n", NULL, NULL, NULL},
        {"G\rT / HTTP/1.1\r\n\r\n", NULL, NULL, NULL},
        {" / HTTP/1.1\r\n\r\n", NULL, NULL, NULL},
        {"GET  HTTP/1.1\r\n\r\n", NULL, NULL, NULL},
        {"GET /\r\n\r\n", NULL, NULL, NULL},
        {"GET", NULL, NULL, NULL},
        {"\r\nGET / HTTP/1.1\r\n\r\n", NULL, NULL, NULL},
        {"\r\n\r\n", NULL, NULL, NULL},
        {"   ", NULL, NULL, NULL},
        {"", NULL, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct local_http h = {.method = span_text("untouched")};
        size_t n = strlen(rows[i].raw);
        uint8_t *copy = malloc(n ? n : 1); /* so that a byte too far is noticed */
        memcpy(copy, rows[i].raw, n);
        bool ok = local_http_read(span_of(copy, n), &h);
        if (ok != !!rows[i].method)
            fail_msg("row %zu: %d", i, ok);
        assert_true(eq(h.method, ok ? rows[i].method : "untouched"));
        if (ok && (!eq(h.path, rows[i].path) || !eq(h.query, rows[i].query)))
            fail_msg("row %zu", i);
        free(copy);
    }
    struct local_http h;
    assert_false(local_http_read(span_of(NULL, 0), &h));
    assert_false(local_http_read(span_of("GET /\0 HTTP/1.1\r\n\r\n", 19), &h));
}

static void t_headers(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *value;
    } rows[] = {
        {"Host", "localhost:9641"},
        {"hOST", "localhost:9641"},
        {"Accept", "text/html , */*"}, /* the first one counts */
        {"X-Empty", ""},
        {"Last", "a: b"},
        {"nothing", ""},
        {"Accept-Language", ""}, /* RFC 9112 section 5.1: no blank before the colon */
        {"folded", ""},
        {"Hos", ""},
        {"Host:", ""},
        {"", ""},
    };
    struct local_http h;
    assert_true(local_http_read(span_text("GET / HTTP/1.1\r\n" HEADERS), &h));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (!eq(local_http_header(&h, rows[i].name), rows[i].value))
            fail_msg("%s", rows[i].name);
    assert_true(local_http_read(span_text("GET / HTTP/1.1"), &h));
    assert_true(eq(local_http_header(&h, "Host"), ""));
    assert_true(local_http_read(span_text("GET / HTTP/1.1\r\nHost: x"), &h)); /* no end */
    assert_true(eq(local_http_header(&h, "Host"), "x"));
}

static void t_values(void **state)
{
    (void)state;
    enum { CAP = 8 };
    static const struct {
        const char *query;
        int n;
        const char *value;
    } rows[] = {
        {"a=1", 1, "1"},
        {"b=2&a=1&c=3", 1, "1"},
        {"a", 0, ""},
        {"a=", 0, ""},
        {"&&a=1&", 1, "1"},
        {"a=1&a=2", 1, "2"}, /* the last one counts */
        {"a=1=2", 3, "1=2"},
        {"a=%41%7a%C3%a4+", 5, "Az\xc3\xa4 "},
        {"a=%2b%26%3d", 3, "+&="},
        {"a=1234567", 7, "1234567"},
        {"a=%31234567", 7, "1234567"},
        {"b=%4&a=1", 1, "1"}, /* another's business */
        {"", -ENOENT, NULL},
        {"b=a", -ENOENT, NULL},
        {"A=1", -ENOENT, NULL},
        {"aa=1", -ENOENT, NULL},
        {"%61=1", -ENOENT, NULL},
        {"=1", -ENOENT, NULL},
        {"a=12345678", -EINVAL, NULL},
        {"a=%00", -EINVAL, NULL},
        {"a=%", -EINVAL, NULL},
        {"a=%4", -EINVAL, NULL},
        {"a=%4&b", -EINVAL, NULL},
        {"a=%4g", -EINVAL, NULL},
        {"a=%g4", -EINVAL, NULL},
        {"a=%-1", -EINVAL, NULL},
        {"a=%&a=1", -EINVAL, NULL},
        {"a=1&a=%", -EINVAL, NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t n = strlen(rows[i].query);
        uint8_t *copy = malloc(n ? n : 1);
        char *got = malloc(CAP);
        memcpy(copy, rows[i].query, n);
        memset(got, '#', CAP);
        const struct local_http h = {.query = span_of(copy, n)};
        int r = local_http_value(&h, "a", got, CAP);
        if (r != rows[i].n)
            fail_msg("%s: %d", rows[i].query, r);
        if (r >= 0)
            assert_string_equal(got, rows[i].value);
        else
            assert_memory_equal(got, "########", CAP); /* written only on success */
        free(got);
        free(copy);
    }
    char none[1];
    const struct local_http h = {.query = span_text("a=1&b=")};
    assert_int_equal(local_http_value(&h, "a", none, 0), -EINVAL);
    assert_int_equal(local_http_value(&h, "a", none, 1), -EINVAL);
    assert_int_equal(local_http_value(&h, "b", none, 1), 0);
    assert_int_equal(local_http_value(&h, "b", none, 0), -EINVAL);
}

static void t_answers(void **state)
{
    (void)state;
    static const struct {
        enum local_status status;
        const char *line;
    } rows[] = {
        {LOCAL_OK, "HTTP/1.1 200 OK\r\n"},
        {LOCAL_BAD_REQUEST, "HTTP/1.1 400 Bad Request\r\n"},
        {LOCAL_FORBIDDEN, "HTTP/1.1 403 Forbidden\r\n"},
        {LOCAL_NOT_FOUND, "HTTP/1.1 404 Not Found\r\n"},
        {LOCAL_NOT_ALLOWED, "HTTP/1.1 405 Method Not Allowed\r\n"},
        {LOCAL_TOO_LONG, "HTTP/1.1 431 Request Header Fields Too Large\r\n"},
        {LOCAL_UNAVAILABLE, "HTTP/1.1 503 Service Unavailable\r\n"},
    };
    char got[1024];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct local_reply r = {rows[i].status, "text/plain", NULL, span_text("")};
        struct writer w = w_over(got, sizeof(got) - 1);
        local_http_write(&r, &w);
        got[w.n] = 0;
        assert_memory_equal(got, rows[i].line, strlen(rows[i].line));
        assert_string_equal(got + strlen(rows[i].line),
                            "Cache-Control: no-store\r\nConnection: close\r\nContent-Type: "
                            "text/plain\r\nContent-Length: 0\r\n\r\n");
    }
    const struct local_reply r = {LOCAL_OK, "text/html", "A: b\r\nC: d\r\n",
                                  span_text("0123456789")};
    struct writer w = w_over(got, sizeof(got) - 1);
    local_http_write(&r, &w);
    got[w.n] = 0;
    assert_non_null(strstr(got, "\r\nContent-Length: 10\r\nA: b\r\nC: d\r\n\r\n0123456789"));
    struct writer small = w_over(got, w.n - 1);
    local_http_write(&r, &small);
    assert_true(small.bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_requests),
        cmocka_unit_test(t_headers),
        cmocka_unit_test(t_values),
        cmocka_unit_test(t_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
