#include "main/check_print.h"

#include <stdio.h>

#include "main/text.h"

/* A line that wraps could not be taken back. */
enum { WAY_TEXT = 48, WAIT_TEXT = 70 };

static const char *const MARKS[] = {[MARK_OK] = "ok", [MARK_WARN] = "warn", [MARK_FAIL] = "FAIL"};
static const char *const JSON_MARKS[] = {
    [MARK_OK] = "ok", [MARK_WARN] = "warn", [MARK_FAIL] = "fail"};

static void print_pair(const char *name, const char *value)
{
    if (!value[0])
        return;
    printf(", \"%s\": ", name);
    text_json(value);
}

static const char *way_text(const struct check *c, char ret[WAY_TEXT])
{
    snprintf(ret, WAY_TEXT, "%s port %u, %s", check_over_name(c->over), c->server.port,
             c->family == CHECK_V6 ? "IPv6" : "IPv4");
    return ret;
}

/* --- One step --- */

/* Takes back what check_print_wait has shown. */
static void clear_line(const struct check_out *o)
{
    if (o->is_terminal)
        printf("\r\033[K");
}

void check_print_wait(const struct check_out *o, const struct check *c, const char *title)
{
    char way[WAY_TEXT];
    char line[CHECK_TEXT];
    if (!o->is_terminal)
        return;
    snprintf(line, sizeof(line), "%s%s%s", c ? way_text(c, way) : "", c ? ": " : "", title);
    clear_line(o);
    printf("...   %.*s", WAIT_TEXT, line);
    fflush(stdout);
}

static void print_sentences(enum check_mark mark, const struct finding *f)
{
    if (mark == MARK_OK && f->note[0])
        printf("      note: %s\n", f->note);
    if (mark != MARK_OK)
        printf("      why: %s\n      do:  %s\n", f->cause, f->remedy);
}

static void print_text(struct check_out *o, const struct check_line *line, enum check_mark mark)
{
    char way[WAY_TEXT];
    if (o->is_short && mark == MARK_OK) {
        size_t n = strlen(o->notes);
        if (line->said->note[0])
            snprintf(o->notes + n, sizeof(o->notes) - n, "%s%s", n ? ", " : "", line->said->note);
        return;
    }
    clear_line(o);
    if (o->is_short)
        printf("%-5s %s: %s\n", MARKS[mark], way_text(line->check, way), line->title);
    else
        printf("%-5s %s\n", MARKS[mark], line->title);
    print_sentences(mark, line->said);
}

/* The steps over UDP keep their plain names. */
static void print_json(const struct check_out *o, const struct check_line *line,
                       enum check_mark mark)
{
    const struct check *c = line->check;
    bool is_plain = !c || c->over == OVER_UDP;
    printf("%s{\"step\": \"%s%s%s%s\"", o->any ? ", " : "", o->is_second ? "ipv6-" : "",
           is_plain ? "" : check_over_id(c->over), is_plain ? "" : "-", line->name);
    if (c)
        printf(", \"transport\": \"%s\", \"family\": \"%s\"", check_over_id(c->over),
               c->family == CHECK_V6 ? "ipv6" : "ipv4");
    printf(", \"ok\": %s, \"mark\": \"%s\"", line->ok ? "true" : "false", JSON_MARKS[mark]);
    if (mark == MARK_OK)
        print_pair("note", line->said->note);
    print_pair("cause", line->said->cause);
    print_pair("remedy", line->said->remedy);
    printf("}");
}

void check_print_step(struct check_out *o, const struct check_line *line)
{
    enum check_mark mark = !line->ok ? MARK_FAIL : line->said->cause[0] ? MARK_WARN : MARK_OK;
    if (o->json)
        print_json(o, line, mark);
    else
        print_text(o, line, mark);
    o->worst = mark > o->worst ? mark : o->worst;
    o->any = true;
    fflush(stdout);
}

/* --- Around them --- */

void check_print_head(const struct check_out *o, const struct check *c)
{
    if (!o->json && c->where[0])
        printf("checking %s, %s port %u\n", c->where, check_over_name(c->over), c->server.port);
    if (!o->json)
        return;
    printf("{\"server\": ");
    text_json(c->where);
    printf(", \"port\": %u, \"steps\": [", c->server.port);
}

void check_print_way_end(struct check_out *o, const struct check *c, const char *what)
{
    char way[WAY_TEXT];
    if (o->json || !o->is_short)
        return;
    clear_line(o);
    printf("%-5s %s: %s\n", MARKS[MARK_OK], way_text(c, way), what);
    if (o->notes[0] && !o->is_second)
        printf("      note: %s\n", o->notes);
    o->notes[0] = 0;
}

void check_print_end(const struct check_out *o)
{
    static const char *const ends[] = {
        [MARK_OK] = "all is well\n",
        [MARK_WARN] = "all is well, but for what is marked\n",
        [MARK_FAIL] = "the check has failed\n",
    };
    if (o->json)
        printf("], \"ok\": %s}\n", o->worst == MARK_FAIL ? "false" : "true");
    else
        printf("%s", ends[o->worst]);
}

/* --- This host --- */

static void print_host_text(enum host_step s, const struct host_finding *f)
{
    printf("%-5s %s\n", MARKS[f->mark], host_step_title(s));
    if (f->said.note[0])
        printf("      note: %s\n", f->said.note);
    if (f->mark != HOST_OK)
        printf("      why: %s\n      do:  %s\n", f->said.cause, f->said.remedy);
    if (f->paste[0])
        printf("\n%s\n", f->paste);
}

static void print_host_json(enum host_step s, const struct host_finding *f)
{
    printf("%s{\"step\": \"%s\", \"mark\": \"%s\", \"ok\": %s", s ? ", " : "", host_step_name(s),
           JSON_MARKS[f->mark], f->mark == HOST_FAIL ? "false" : "true");
    print_pair("note", f->said.note);
    print_pair("cause", f->said.cause);
    print_pair("remedy", f->said.remedy);
    print_pair("paste", f->paste);
    printf("}");
}

bool check_print_host(const struct host_finding *found, bool json)
{
    enum host_mark worst = HOST_OK;
    if (json)
        printf("{\"steps\": [");
    for (unsigned i = 0; i < HOST_STEPS; i++) {
        (json ? print_host_json : print_host_text)((enum host_step)i, &found[i]);
        worst = found[i].mark > worst ? found[i].mark : worst;
    }
    if (json)
        printf("], \"ok\": %s}\n", worst == HOST_FAIL ? "false" : "true");
    else
        printf(worst == HOST_OK     ? "nothing on this host undoes the promise\n"
               : worst == HOST_WARN ? "something on this host may undo the promise\n"
                                    : "something on this host undoes the promise\n");
    return worst != HOST_FAIL;
}
