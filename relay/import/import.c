/* Goes through the lines of coturn's configuration as coturn does, and asks the table about each.
 */
#include "import/import.h"

#include "import/import_int.h"

#include <errno.h>

static const char UNKNOWN[] = "No option of coturn that is known here; look at the line.";
static const char LONG_LINE[] = "Longer than coturn reads a line, so it cannot be told apart.";
static const char NO_VALUE[] = "Something must follow the option; look at the line.";
static const char NO_NUMBER[] = "A number must follow the option; look at the line.";
static const char NO_FLAG[] = "Neither on nor off; look at the line.";
static const char OFF[] = "Switched off, so there is nothing to take.";

/* --- One line --- */

/* What isspace() takes for blank in the C locale, the end of the line included. */
static bool is_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct span trim(struct span line)
{
    while (line.n && is_blank(line.p[0]))
        line = span_of(line.p + 1, line.n - 1);
    while (line.n && is_blank(line.p[line.n - 1]))
        line.n--;
    return line;
}

static struct span next_line(struct span *file)
{
    const uint8_t *end = memchr(file->p, '\n', file->n);
    size_t n = end ? (size_t)(end - file->p) : file->n;
    struct span line = span_of(file->p, n);
    n += end ? 1 : 0;
    *file = span_of(file->p + n, file->n - n);
    return line;
}

static bool separates(char c)
{
    return c == ' ' || c == '=' || c == '\t';
}

/* Ends the key, and gives what follows it; quotation marks around that are taken off. */
static char *split(char *line)
{
    char *p = line;
    while (*p && !separates(*p))
        p++;
    char *value = p;
    while (separates(*value))
        value++;
    *p = '\0';
    if (*value != '"')
        return value;
    value++;
    size_t n = strlen(value);
    if (n && value[n - 1] == '"')
        value[n - 1] = '\0';
    return value;
}

/* As in the file, or as on the command line: --realm=..., -r .... */
static const struct import_row *row_of(const char *key)
{
    if (key[0] == '-' && key[1] && !key[2])
        return import_row_of_letter(key[1]);
    if (key[0] == '-' && key[1] == '-')
        key += 2;
    return import_row_find(key);
}

/* Coturn goes by the first letter. */
static bool read_flag(const char *text, bool *ret)
{
    static const char on[] = "yYtT123456789";
    static const char off[] = "0nNfF";
    bool is_on = !*text || strchr(on, *text) || strcasecmp(text, "on") == 0;
    if (!is_on && !strchr(off, *text) && strcasecmp(text, "off") != 0)
        return false;
    *ret = is_on;
    return true;
}

static void import_flag(struct work *w)
{
    if (!read_flag(w->value, &w->is_on)) {
        import_say(w, IMPORT_WRONG, true, NO_FLAG);
        return;
    }
    if (!w->is_on)
        import_say(w, w->row->off ? IMPORT_CHANGED : IMPORT_TAKEN, false,
                   w->row->off ? w->row->off : OFF);
    if (w->row->take)
        w->row->take(w);
}

static void import_value(struct work *w)
{
    bool needs_number = w->row->kind == IMPORT_NUMBER;
    if (needs_number && !import_number(w->value, &w->number))
        import_say(w, IMPORT_WRONG, true, NO_NUMBER);
    else if (w->row->kind == IMPORT_TEXT && !*w->value)
        import_say(w, IMPORT_WRONG, true, NO_VALUE);
    else if (w->row->take)
        w->row->take(w);
}

/* true when the line is an option. */
static bool import_line(struct work *w, char *line)
{
    w->value = split(line);
    w->row = row_of(line);
    if (!w->row) {
        import_say(w, IMPORT_WRONG, true, UNKNOWN);
        return false;
    }
    w->entry->key = w->row->name;
    w->entry->option = w->row->option;
    import_say(w, w->row->verdict, w->row->by_hand, w->row->text);
    if (w->row->kind == IMPORT_FLAG)
        import_flag(w);
    else
        import_value(w);
    return true;
}

/* --- All of them --- */

static void wipe(void *p, size_t n)
{
    memset(p, 0, n);
    __asm__ volatile("" : : "r"(p) : "memory");
}

struct counts {
    unsigned line;
    size_t known;
};

static int import_lines(struct work *w, struct span file, struct counts *ret)
{
    struct import *i = w->out;
    char copy[IMPORT_LINE_MAX + 1];
    while (file.n) {
        struct span line = trim(next_line(&file));
        ret->line++;
        if (line.n == 0 || line.p[0] == '#')
            continue;
        if (memchr(line.p, '\0', line.n))
            return -EINVAL;
        if (i->n_entries == IMPORT_LINES_MAX)
            return -E2BIG;
        w->entry = &i->entries[i->n_entries++];
        *w->entry = (struct import_entry){.line = ret->line, .key = ""};
        if (line.n > IMPORT_LINE_MAX) {
            import_say(w, IMPORT_WRONG, true, LONG_LINE);
            continue;
        }
        memcpy(copy, line.p, line.n);
        copy[line.n] = '\0';
        ret->known += import_line(w, copy);
        wipe(copy, line.n);
    }
    return 0;
}

static void finish(struct work *w)
{
    static void (*const steps[])(struct work *) = {
        import_finish_certificates, import_finish_listeners, import_finish_relays,
        import_finish_ports,        import_finish_peers,     import_finish_credentials,
        import_finish_metrics,
    };
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
        steps[i](w);
}

int import_read(struct span file, struct import *ret)
{
    struct work w = {
        .out = ret, .port = PORT_PLAIN, .tls_port = PORT_TLS, .min_port = -1, .max_port = -1};
    struct counts counts = {0, 0};
    memset(ret, 0, sizeof(*ret));
    conf_defaults(&ret->conf);
    int r = file.n ? import_lines(&w, file, &counts) : 0;
    if (r == 0 && counts.known == 0 && ret->n_entries)
        r = -EINVAL;
    if (r == 0)
        finish(&w);
    wipe(&w, sizeof(w));
    return r;
}

void import_secrets_kept(struct import *i)
{
    for (size_t n = 0; n < i->n_entries; n++)
        if (i->entries[n].is_secret)
            import_amend(&i->entries[n], IMPORT_TAKEN, false,
                         "Added to the secrets file; the platforms keep theirs.");
}

size_t import_by_hand(const struct import *i)
{
    size_t n = 0;
    for (size_t k = 0; k < i->n_entries; k++)
        n += i->entries[k].by_hand;
    return n;
}

const char *import_verdict_name(enum import_verdict v)
{
    static const char *const names[IMPORT_VERDICTS] = {
        [IMPORT_TAKEN] = "taken",
        [IMPORT_CHANGED] = "changed",
        [IMPORT_NONE] = "no counterpart",
        [IMPORT_WRONG] = "not understood",
    };
    return names[v];
}
