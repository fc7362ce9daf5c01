/* The sink: the same sections, lines and notes as text for people or as JSON. */
#include "setup/setup_int.h"

#include <stdarg.h>
#include <string.h>

#include "crypto/crypto.h"

enum { COLUMNS = 96 };

static void put_json(FILE *to, const char *text)
{
    (void)fputc('"', to);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            (void)fprintf(to, "\\%c", *p);
        else if (*p < ' ')
            (void)fprintf(to, "\\u%04x", *p);
        else
            (void)fputc(*p, to);
    }
    (void)fputc('"', to);
}

/* Broken between words; the mark stands before the first line. */
static void put_wrapped(FILE *to, const char *mark, const char *text)
{
    size_t column = strlen(mark);
    (void)fputs(mark, to);
    for (bool is_first = true; *text; is_first = false) {
        size_t n = strcspn(text, " ");
        bool is_over = column + 1 + n > COLUMNS;
        if (is_over)
            column = strlen(mark);
        if (is_over)
            (void)fprintf(to, "\n%*s", (int)column, "");
        else if (!is_first)
            (void)fputc(' ', to);
        (void)fprintf(to, "%.*s", (int)n, text);
        column += n + 1;
        text += n + (text[n] == ' ');
    }
    (void)fputc('\n', to);
}

static void end_section(struct out *o)
{
    if (o->json && o->n_sections)
        (void)fputs("]}", o->to);
}

void out_begin(struct out *o)
{
    if (o->json)
        (void)fputc('{', o->to);
}

void out_pair(struct out *o, const char *key, const char *value)
{
    if (!o->json)
        return;
    put_json(o->to, key);
    (void)fputs(": ", o->to);
    put_json(o->to, value);
    (void)fputs(", ", o->to);
}

void out_section(struct out *o, const char *key, const char *title)
{
    if (o->bare)
        return;
    end_section(o);
    if (o->json) {
        (void)fputs(o->n_sections ? ",\n{\"key\": " : "\"sections\": [\n{\"key\": ", o->to);
        put_json(o->to, key);
        (void)fputs(", \"title\": ", o->to);
        put_json(o->to, title);
        (void)fputs(", \"lines\": [", o->to);
    } else {
        (void)fputc('\n', o->to);
        put_wrapped(o->to, "", title);
        (void)fputc('\n', o->to);
    }
    o->n_sections++;
    o->n_lines = 0;
}

void out_line(struct out *o, const char *format, ...)
{
    char text[SETUP_LINE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (o->json) {
        (void)fputs(o->n_lines ? ", " : "", o->to);
        put_json(o->to, text);
    } else {
        (void)fprintf(o->to, o->bare ? "%s\n" : "    %s\n", text);
    }
    o->n_lines++;
    crypto_wipe(text, sizeof(text));
}

void out_notes(struct out *o, const char *title)
{
    end_section(o);
    if (o->json)
        (void)fputs("],\n\"notes\": [", o->to);
    else
        (void)fprintf(o->to, "\n%s\n\n", title);
}

void out_note(struct out *o, bool must, const char *format, ...)
{
    char text[1024];
    va_list args;
    o->n_notes++;
    o->n_musts += must;
    if (o->quiet)
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (o->json) {
        (void)fprintf(o->to, "%s\n{\"must\": %s, \"text\": ", o->n_notes > 1 ? "," : "",
                      must ? "true" : "false");
        put_json(o->to, text);
        (void)fputc('}', o->to);
    } else {
        put_wrapped(o->to, must ? "  ! " : "  - ", text);
    }
}

void out_end(struct out *o)
{
    if (o->json)
        (void)fputs("]}\n", o->to);
}
