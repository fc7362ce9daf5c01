/* What drehkreuz check prints of its steps: lines for people, or JSON. */
#ifndef RELAY_MAIN_CHECK_PRINT_H
#define RELAY_MAIN_CHECK_PRINT_H

#include "check/host.h"

enum check_mark { MARK_OK, MARK_WARN, MARK_FAIL };

struct check_out {
    bool json;
    bool is_terminal;       /* shows what it is waiting for */
    bool any;               /* printed a step, already */
    bool is_short;          /* a line for the whole transport, unless a step has something to say */
    bool is_second;         /* the transport has been tested over the other family before */
    char notes[CHECK_TEXT]; /* of a whole transport */
    enum check_mark worst;
};

struct check_line {
    const char *name;
    const char *title;
    const struct check *check; /* NULL = before any transport */
    const struct finding *said;
    bool ok;
};

void check_print_head(const struct check_out *o, const struct check *c);
/* What is waited for, until the next line. */
void check_print_wait(const struct check_out *o, const struct check *c, const char *title);
void check_print_step(struct check_out *o, const struct check_line *line);
/* After the last step of a transport with is_short. */
void check_print_way_end(struct check_out *o, const struct check *c, const char *what);
void check_print_end(const struct check_out *o);

/* check --host; false if something undoes the promise. */
bool check_print_host(const struct host_finding *found, bool json);

#endif
