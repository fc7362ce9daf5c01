/* Writes configurations and the table's own documentation: the file's syntax, the reference file,
 * the manual page. */
#include "config/conf_int.h"

#include <errno.h>

#include "base/mem.h"

/* --- Values in the file's own syntax --- */

static void print_quoted(const char *text, FILE *to)
{
    (void)fputc('"', to);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            (void)fputc('\\', to);
        (void)fputc(*text, to);
    }
    (void)fputc('"', to);
}

static void print_bool(const void *v, FILE *to)
{
    (void)fputs(*(const bool *)v ? "true" : "false", to);
}

static void print_int(const void *v, FILE *to)
{
    (void)fprintf(to, "%lld", (long long)*(const int64_t *)v);
}

static void print_text(const void *v, FILE *to)
{
    print_quoted(v, to);
}

static void print_secret(const void *v, FILE *to)
{
    print_quoted(*(const char *)v ? "(set)" : "", to);
}

static void print_range(const void *v, FILE *to)
{
    const struct conf_port_range *r = v;
    if (r->first == r->last)
        (void)fprintf(to, "\"%u\"", r->first);
    else
        (void)fprintf(to, "\"%u-%u\"", r->first, r->last);
}

static void print_addr(const void *v, FILE *to)
{
    char text[ADDR_TEXT];
    print_quoted(addr_format(v, text), to);
}

static void print_cidr(const void *v, FILE *to)
{
    const struct cidr *c = v;
    char text[ADDR_TEXT];
    (void)fprintf(to, "\"%s/%u\"", addr_format(&c->net, text), c->bits);
}

static void print_name(const struct conf_user *user, const char *password, FILE *to)
{
    (void)fputs("{ name = ", to);
    print_quoted(user->name, to);
    (void)fputs("; password = ", to);
    print_quoted(password, to);
    (void)fputs("; }", to);
}

static void print_user(const void *v, FILE *to)
{
    print_name(v, "(set)", to);
}

static void print_open_user(const void *v, FILE *to)
{
    const struct conf_user *user = v;
    print_name(user, user->password, to);
}

static void print_pair(const void *v, FILE *to)
{
    const struct conf_pair *pair = v;
    (void)fputs("{ certificate = ", to);
    print_quoted(pair->certificate, to);
    (void)fputs("; key = ", to);
    print_quoted(pair->key, to);
    (void)fputs("; }", to);
}

typedef void (*print_fn)(const void *v, FILE *to);

static const print_fn printers[CONF_KINDS] = {
    [CONF_BOOL] = print_bool,   [CONF_INT] = print_int,       [CONF_TEXT] = print_text,
    [CONF_RANGE] = print_range, [CONF_ADDRS] = print_addr,    [CONF_CIDRS] = print_cidr,
    [CONF_PORTS] = print_range, [CONF_USERS] = print_user,    [CONF_NAMES] = print_text,
    [CONF_PAIRS] = print_pair,  [CONF_SECRET] = print_secret, [CONF_HOSTS] = print_text,
    [CONF_URIS] = print_text,
};

/* With the passwords themselves. */
static print_fn open_printer(enum conf_kind kind)
{
    return kind == CONF_USERS ? print_open_user : kind == CONF_SECRET ? print_text : printers[kind];
}

static void print_list(const struct conf_option *o, const char *field, print_fn print, FILE *to)
{
    const struct conf_shape *shape = conf_shape_of(o->kind);
    size_t n;
    memcpy(&n, field + shape->n_at, sizeof(n));
    bool is_group = o->kind == CONF_USERS || o->kind == CONF_PAIRS;
    const char *brackets = is_group ? "()" : "[]"; /* arrays hold no groups */
    (void)fputc(brackets[0], to);
    for (size_t i = 0; i < n; i++) {
        (void)fputs(i ? ", " : " ", to);
        print(field + i * shape->elem_size, to);
    }
    (void)fprintf(to, " %c", brackets[1]);
}

static void print_option(const struct conf_option *o, const char *field, print_fn print, FILE *to)
{
    (void)fprintf(to, "%s = ", o->name);
    if (conf_shape_of(o->kind)->elem_size)
        print_list(o, field, print, to);
    else
        print(field, to);
    (void)fputs(";\n", to);
}

void conf_print(const struct conf *c, FILE *to)
{
    const struct conf_option *o;
    for (size_t i = 0; (o = conf_option_at(i)); i++)
        print_option(o, (const char *)c + o->offset, printers[o->kind], to);
}

/* Unused bytes are zero in both. */
int conf_print_changed(const struct conf *c, FILE *to)
{
    struct conf *defaults = mem_zalloc(sizeof(*defaults));
    const struct conf_option *o;
    if (!defaults)
        return -ENOMEM;
    conf_defaults(defaults);
    for (size_t i = 0; (o = conf_option_at(i)); i++) {
        const char *field = (const char *)c + o->offset;
        size_t size = conf_shape_of(o->kind)->size;
        if (memcmp(field, (const char *)defaults + o->offset, size) != 0)
            print_option(o, field, open_printer(o->kind), to);
    }
    mem_free(defaults);
    return 0;
}

/* --- Documentation --- */

enum { WIDTH = 78, WHAT_TEXT = 128, NOTE_TEXT = 512 };

/* "Sentence. A whole number from 1 to 2. A change needs a restart." */
static void describe(const struct conf_option *o, char *buf, size_t n)
{
    char what[WHAT_TEXT];
    conf_describe(o, what, sizeof(what));
    (void)snprintf(buf, n, "%s Expects %s.%s", o->sentence, what,
                   o->restart ? " A change needs a restart." : "");
}

static void print_comment(const char *text, FILE *to)
{
    int column = 0;
    while (*text) {
        int word = (int)strcspn(text, " ");
        if (column == 0 || column + 1 + word > WIDTH)
            column = fprintf(to, "%s#", column ? "\n" : "") - (column ? 1 : 0);
        column += fprintf(to, " %.*s", word, text);
        text += word;
        text += strspn(text, " ");
    }
    (void)fputc('\n', to);
}

void conf_print_reference(FILE *to)
{
    (void)fputs("# All options of Drehkreuz with their defaults: this file as it is changes\n"
                "# nothing. Copy what you want to change to /etc/drehkreuz/drehkreuz.conf.\n",
                to);
    const struct conf_option *o;
    for (size_t i = 0; (o = conf_option_at(i)); i++) {
        char note[NOTE_TEXT];
        describe(o, note, sizeof(note));
        if (o->group)
            (void)fprintf(to, "\n# --- %s ---\n", o->group);
        (void)fputc('\n', to);
        print_comment(note, to);
        (void)fprintf(to, "%s = %s;\n", o->name, o->fallback);
    }
}

/* Text for man(7): what the formatter would take for its own is escaped. */
static void print_roff(const char *text, FILE *to)
{
    if (*text == '.' || *text == '\'')
        (void)fputs("\\&", to);
    for (; *text; text++) {
        if (*text == '\\')
            (void)fputs("\\e", to);
        else if (*text == '"')
            (void)fputs("\\(dq", to);
        else if (*text == '-')
            (void)fputs("\\-", to);
        else if (*text == '`')
            (void)fputs("\\(ga", to);
        else
            (void)fputc(*text, to);
    }
}

void conf_print_man(FILE *to)
{
    (void)fputs(".SH OPTIONS\n", to);
    const struct conf_option *o;
    for (size_t i = 0; (o = conf_option_at(i)); i++) {
        char note[NOTE_TEXT];
        describe(o, note, sizeof(note));
        if (o->group)
            (void)fprintf(to, ".SS %s\n", o->group);
        (void)fprintf(to, ".TP\n\\fB%s\\fR = ", o->name);
        print_roff(o->fallback, to);
        (void)fputc('\n', to);
        print_roff(note, to);
        (void)fputc('\n', to);
    }
}
