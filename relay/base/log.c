/* Turns one row of the catalogue and its arguments into one line on standard error. */
#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum log_limit { LINE_MAX_BYTES = 512, ARGS_MAX = 4 };

struct event_row {
    uint8_t level;
    const char *name;
    const char *text;
};

static const struct event_row rows[EVENT_COUNT] = {
#define X(id, level, name, text) [id] = {level, name, text},
    EVENTS(X)
#undef X
};

struct line {
    char text[LINE_MAX_BYTES];
    size_t n;
};

/* The last byte is kept for the end of the line. */
static void put_char(struct line *l, char c)
{
    if (l->n < sizeof l->text - 1)
        l->text[l->n++] = c;
}

/* Whatever the text holds, it must not start a line or steer a terminal. */
static void put_text(struct line *l, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        put_char(l, c < ' ' || c == 0x7f ? '?' : *text);
    }
}

static void put_number(struct line *l, int64_t v)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%lld", (long long)v);
    put_text(l, digits);
}

static void put_arg(struct line *l, const struct event_arg *arg)
{
    if (arg->kind == EVENT_ARG_NUM)
        put_number(l, arg->num);
    else if (arg->kind == EVENT_ARG_TEXT && arg->text)
        put_text(l, arg->text);
}

static size_t count(const struct event_arg *args)
{
    size_t n = 0;
    while (n < ARGS_MAX && args[n].kind != EVENT_ARG_END)
        n++;
    return n;
}

static void put_sentence(struct line *l, const char *text, const struct event_arg *args)
{
    size_t n = count(args);
    for (; *text; text++) {
        if (text[0] != '%' || text[1] < '1' || text[1] > '0' + ARGS_MAX) {
            put_char(l, *text);
            continue;
        }
        text++;
        size_t which = (size_t)(*text - '1');
        if (which < n)
            put_arg(l, &args[which]);
    }
}

void log_event_args(enum event_id id, const struct event_arg *args)
{
    const struct event_row *row = &rows[id];
    struct line l = {.n = 0};
    if (getenv("JOURNAL_STREAM")) { /* the journal reads the level from here, sd-daemon(3) */
        put_char(&l, '<');
        put_number(&l, row->level);
        put_char(&l, '>');
    }
    put_text(&l, "drehkreuz: ");
    put_text(&l, row->name);
    put_text(&l, ": ");
    put_sentence(&l, row->text, args);
    l.text[l.n++] = '\n';
    if (write(STDERR_FILENO, l.text, l.n) < 0)
        return; /* nobody left to tell */
}

const char *event_name(enum event_id id)
{
    return rows[id].name;
}

const char *event_text(enum event_id id)
{
    return rows[id].text;
}

int event_level(enum event_id id)
{
    return rows[id].level;
}
