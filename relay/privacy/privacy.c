/* The papers, written from tables: which paragraphs apply, what takes their place, line breaks and
 * tables that read well in a terminal and in Markdown. */
#include "privacy/privacy.h"

#include <string.h>

#include "privacy/papers_int.h"

enum { WIDTH = 80, ROWS_MAX = 24, CELLS_MAX = 6, ROW_TEXT = 1024 };

static const struct papers *const LANGS[] = {[PRIVACY_EN] = &PAPERS_EN, [PRIVACY_DE] = &PAPERS_DE};

static const char *const NAMES[PRIVACY_WARNINGS] = {
    [PRIVACY_CORES] = "cores",         [PRIVACY_SWAP] = "swap",
    [PRIVACY_CONNTRACK] = "conntrack", [PRIVACY_EXPORTER] = "exporter",
    [PRIVACY_NO_TLS] = "no-tls",       [PRIVACY_REDIS_CLEAR] = "redis-clear",
};

struct paper {
    struct para_from from;
    FILE *to;
    uint32_t state;
    bool in_list; /* the last thing printed was an item */
};

struct row {
    char text[ROW_TEXT];
    char *cell[CELLS_MAX];
    size_t n;
};

struct table {
    struct row rows[ROWS_MAX];
    size_t n;
    size_t wide[CELLS_MAX];
};

bool privacy_holds(const struct privacy_facts *f)
{
    for (size_t i = 0; i < PRIVACY_WARNINGS; i++)
        if (f->warning[i])
            return false;
    return true;
}

const char *privacy_warning_name(enum privacy_warning w)
{
    return NAMES[w];
}

const char *privacy_warning_text(enum privacy_warning w, enum privacy_lang lang)
{
    return LANGS[lang]->warning[w];
}

uint32_t papers_state(const struct privacy_facts *f)
{
    const struct {
        bool holds;
        uint32_t bit;
    } states[] = {
        {f->has_tls, HAS_TLS},
        {f->has_tls && f->only_tls13, ONLY_TLS13},
        {f->redis[0], HAS_REDIS},
        {f->has_fixed_users, HAS_FIXED_USERS},
        {f->has_issuer, HAS_ISSUER},
        {f->web[0], HAS_WEB},
        {f->web[0] && f->tells_web, TELLS_WEB},
        {f->provider[0], HAS_PROVIDER},
        {f->credential_s > 0, HAS_CREDENTIAL_END},
        {f->publishes, PUBLISHES},
        {f->publishes && f->has_alarm, HAS_ALARM},
        {f->publishes && f->windows_on_disk, ON_DISK},
        {f->basis[0] == 'b', BASIS_B},
        {f->basis[0] == 'e', BASIS_E},
        {f->basis[0] == 'f', BASIS_F},
        {!f->operator_name[0], NO_OPERATOR},
        {!f->officer[0], NO_OFFICER},
        {!f->authority[0], NO_AUTHORITY},
        {!f->platform[0], NO_PLATFORM},
        {!f->basis[0], NO_BASIS},
        {!privacy_holds(f), WARNED},
    };
    uint32_t state = 0;
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        state |= states[i].holds ? states[i].bit : 0;
    for (uint32_t w = 0; w < PRIVACY_WARNINGS; w++)
        state |= f->warning[w] ? (uint32_t)WARNING_FIRST << w : 0;
    return state;
}

static bool applies(const struct paper *p, const struct para *para)
{
    return (!para->any || (para->any & p->state)) && !(para->none & p->state);
}

/* Characters, not bytes. */
static size_t width(const char *text, size_t n)
{
    size_t wide = 0;
    for (size_t i = 0; i < n; i++)
        wide += ((unsigned char)text[i] & 0xc0) != 0x80;
    return wide;
}

/* Up to the next blank at which a line may end: "Art. 15" and "50 %" stay together. */
static size_t word(const char *text)
{
    static const char *const before[] = {"Art.", "Abs.", "Buchst.", "§"};
    size_t n = strcspn(text, " ");
    if (text[n] && text[n + 1] == '%')
        return n + 1 + word(text + n + 1);
    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        size_t len = strlen(before[i]);
        if (text[n] && n >= len && memcmp(text + n - len, before[i], len) == 0)
            return n + 1 + word(text + n + 1);
    }
    return n;
}

/* Breaks at blanks; `lead` stands before the first line, blanks of its length before the others. */
static void print_wrapped(const struct paper *p, const char *lead, const char *text)
{
    size_t indent = strlen(lead);
    size_t at = indent;
    fputs(lead, p->to);
    for (bool is_first = true; *text; is_first = false) {
        size_t n = word(text);
        size_t wide = width(text, n);
        bool breaks = !is_first && at + 1 + wide > WIDTH;
        if (breaks)
            fprintf(p->to, "\n%*s", (int)indent, "");
        else if (!is_first)
            fputc(' ', p->to);
        at = (breaks ? indent : at + !is_first) + wide;
        fwrite(text, 1, n, p->to);
        text += n + strspn(text + n, " ");
    }
    fputc('\n', p->to);
}

static void print_part(struct paper *p, const struct para *para, const char *text)
{
    static const char *const leads[] = {
        [PARA_TITLE] = "# ", [PARA_HEADING] = "## ", [PARA_TEXT] = "", [PARA_ITEM] = "- "};
    struct para_line line;
    bool is_item = para->kind == PARA_ITEM || para->kind == PARA_WARNINGS;
    papers_fill(&p->from, text, &line);
    if (para->kind != PARA_TITLE && !(is_item && p->in_list))
        fputc('\n', p->to);
    p->in_list = is_item;
    if (para->kind == PARA_TITLE || para->kind == PARA_HEADING)
        fprintf(p->to, "%s%s\n", leads[para->kind], line.s); /* a heading is one line */
    else
        print_wrapped(p, leads[is_item ? PARA_ITEM : para->kind], line.s);
}

/* The sentences of these warnings, as far as they are given. */
static void print_warnings(struct paper *p, const struct para *para, uint32_t which)
{
    for (uint32_t w = 0; w < PRIVACY_WARNINGS; w++)
        if (which & p->state & (uint32_t)WARNING_FIRST << w)
            print_part(p, para, p->from.words->warning[w]);
}

/* --- Tables --- */

static void add_row(struct table *t, const struct para_from *from, const char *text)
{
    struct para_line line;
    if (t->n == ROWS_MAX)
        return;
    struct row *r = &t->rows[t->n++];
    papers_fill(from, text, &line);
    snprintf(r->text, sizeof(r->text), "%.*s", (int)sizeof(r->text) - 1, line.s);
    r->n = 0;
    for (char *at = r->text; at && r->n < CELLS_MAX;) {
        r->cell[r->n++] = at;
        at = strstr(at, " | ");
        if (at) {
            *at = 0;
            at += 3;
        }
    }
    for (size_t i = 0; i < r->n; i++) {
        size_t wide = width(r->cell[i], strlen(r->cell[i]));
        t->wide[i] = wide > t->wide[i] ? wide : t->wide[i];
    }
}

static void add_uses(struct table *t, const struct para_from *from, const char *text)
{
    struct para_from one = *from;
    for (size_t i = 0; i < from->f->n_uses; i++) {
        one.use = &from->f->uses[i];
        add_row(t, &one, text);
    }
}

static void print_row(const struct table *t, const struct row *r, FILE *to)
{
    for (size_t i = 0; i < r->n; i++) {
        size_t pad = t->wide[i] - width(r->cell[i], strlen(r->cell[i]));
        fprintf(to, "| %s%*s ", r->cell[i], (int)pad, "");
    }
    fputs("|\n", to);
}

static void print_rule(const struct table *t, FILE *to)
{
    for (size_t i = 0; i < t->rows[0].n; i++) {
        fputs("|", to);
        for (size_t j = 0; j < t->wide[i] + 2; j++)
            fputc('-', to);
    }
    fputs("|\n", to);
}

/* Prints the table that begins at paragraph i and returns the paragraph behind it. */
static size_t print_table(struct paper *p, size_t i)
{
    const struct papers *w = p->from.words;
    struct table t = {.n = 0};
    bool is_on = applies(p, &w->paras[i]);
    do {
        const struct para *para = &w->paras[i];
        if (applies(p, para) && para->kind == PARA_USES)
            add_uses(&t, &p->from, para->text);
        else if (applies(p, para))
            add_row(&t, &p->from, para->text);
        i++;
    } while (i < w->n && (w->paras[i].kind == PARA_ROW || w->paras[i].kind == PARA_USES));
    if (!is_on)
        return i;
    fputc('\n', p->to);
    p->in_list = false;
    for (size_t r = 0; r < t.n; r++) {
        print_row(&t, &t.rows[r], p->to);
        if (r == 0)
            print_rule(&t, p->to);
    }
    return i;
}

void privacy_print(const struct privacy_facts *f, enum privacy_lang lang, FILE *to)
{
    struct paper p = {{f, LANGS[lang], NULL}, to, papers_state(f), false};
    for (size_t i = 0; i < LANGS[lang]->n;) {
        const struct para *para = &LANGS[lang]->paras[i];
        if (para->kind == PARA_COLUMNS) {
            i = print_table(&p, i);
            continue;
        }
        i++;
        if (!applies(&p, para))
            continue;
        if (para->kind == PARA_WARNINGS)
            print_warnings(&p, para, UINT32_MAX);
        else if (para->undone & p.state)
            print_warnings(&p, para, para->undone);
        else
            print_part(&p, para, para->text);
    }
}

/* --- For programs --- */

static void print_uses_json(const struct privacy_facts *f, FILE *to)
{
    fprintf(to, ", \"released\": [");
    for (size_t i = 0; i < f->n_uses; i++) {
        const struct privacy_use *u = &f->uses[i];
        fprintf(to, "%s{\"name\": ", i ? ", " : "");
        papers_json_text(u->name, to);
        fprintf(to, ", \"clip\": %u, \"scale\": %u, \"epsilon_milli\": %u}", u->clip, u->scale,
                u->epsilon_milli);
    }
    fprintf(to, "]");
}

void privacy_print_json(const struct privacy_facts *f, FILE *to)
{
    const struct {
        const char *name;
        bool holds;
    } flags[] = {
        {"tls", f->has_tls},
        {"only_tls13", f->only_tls13},
        {"fixed_users", f->has_fixed_users},
        {"issuer", f->has_issuer},
        {"tells_web_server", f->tells_web},
        {"publishes", f->publishes},
        {"windows_on_disk", f->windows_on_disk},
    };
    fprintf(to, "{");
    papers_slots_json(f, to);
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        fprintf(to, ", \"%s\": %s", flags[i].name, flags[i].holds ? "true" : "false");
    print_uses_json(f, to);
    fprintf(to, ", \"warnings\": {");
    for (size_t i = 0; i < PRIVACY_WARNINGS; i++)
        fprintf(to, "%s\"%s\": %s", i ? ", " : "", NAMES[i], f->warning[i] ? "true" : "false");
    fprintf(to, "}, \"holds\": %s}\n", privacy_holds(f) ? "true" : "false");
}
