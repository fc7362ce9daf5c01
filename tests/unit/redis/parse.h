/* Replies out of bytes, for the tests of this room. */
#ifndef TESTS_UNIT_REDIS_PARSE_H
#define TESTS_UNIT_REDIS_PARSE_H

#include "redis/redis_int.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"

/* The one reply that the text is. */
static inline struct redis_reply *parse(const char *text)
{
    struct redis_parser *p = redis_parser_new();
    struct redis_reply *r = NULL;
    assert_non_null(p);
    assert_int_equal(redis_parser_feed(p, span_text(text)), 0);
    assert_int_equal(redis_parser_next(p, &r), 0);
    redis_parser_free(p);
    return r;
}

/* An array of bulk strings. */
static inline struct redis_reply *parse_words(const char *const *words, size_t n)
{
    static char text[65536];
    int at = snprintf(text, sizeof(text), "*%zu\r\n", n);
    for (size_t i = 0; i < n; i++)
        at += snprintf(text + at, sizeof(text) - (size_t)at, "$%zu\r\n%s\r\n", strlen(words[i]),
                       words[i]);
    return parse(text);
}

#define PARSE_WORDS(...)                                                                           \
    parse_words((const char *const[]){__VA_ARGS__},                                                \
                sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

#endif
