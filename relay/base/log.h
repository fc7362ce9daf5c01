/* The event log. Everything the process ever says stands in base/events.h as one row with a level,
 * a name and a sentence; arguments are numbers and texts of the operator's own (file, key, own
 * listen address), never anything a client sent. There is no free-form call. */
#ifndef RELAY_BASE_LOG_H
#define RELAY_BASE_LOG_H

#include "base/events.h"

enum event_id {
#define X(id, level, name, text) id,
    EVENTS(X)
#undef X
        EVENT_COUNT
};

struct event_arg {
    enum { EVENT_ARG_END, EVENT_ARG_NUM, EVENT_ARG_TEXT } kind;
    int64_t num;
    const char *text;
};

#define EV_NUM(v) ((struct event_arg){EVENT_ARG_NUM, (int64_t)(v), NULL})
#define EV_TEXT(v) ((struct event_arg){EVENT_ARG_TEXT, 0, (v)})

/* log_event(EVENT_STARTED, EV_NUM(2), EV_TEXT("0.0.0.0:3478")); at most four arguments, shown where
 * the row's sentence has %1 to %4. One line to standard error, written in one call. */
#define log_event(...) log_event_(__VA_ARGS__, (struct event_arg){EVENT_ARG_END, 0, NULL})
#define log_event_(id, ...) log_event_args((id), (const struct event_arg[]){__VA_ARGS__})

void log_event_args(enum event_id id, const struct event_arg *args);

/* The row's name, for documentation and tests. */
const char *event_name(enum event_id id);
const char *event_text(enum event_id id);
/* syslog's number: 3 error, 4 warning, 5 notice, 6 information. */
int event_level(enum event_id id);

#endif
