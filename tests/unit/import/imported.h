/* One import, and what a test asks of it: our configuration as text, and the entries. */
#ifndef TESTS_UNIT_IMPORT_IMPORTED_H
#define TESTS_UNIT_IMPORT_IMPORTED_H

#include "import/import.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static inline struct import *import_bytes(const void *p, size_t n, int *ret)
{
    struct import *i = mem_zalloc(sizeof(*i));
    assert_non_null(i);
    *ret = import_read(span_of(p, n), i);
    return i;
}

/* Must go well, and end in a configuration that passes. */
static inline struct import *import_file(const char *text)
{
    struct conf_error err = {""};
    int r;
    struct import *i = import_bytes(text, strlen(text), &r);
    assert_int_equal(r, 0);
    if (conf_check(&i->conf, &err) < 0)
        fail_msg("%s\nof:\n%s", err.text, text);
    return i;
}

static inline void import_done(struct import *i)
{
    mem_free_wiped(i, sizeof(*i));
    assert_int_equal(mem_live(), 0);
}

/* The options that differ from their defaults; free it. */
static inline char *import_print(const struct import *i)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    assert_non_null(f);
    assert_int_equal(conf_print_changed(&i->conf, f), 0);
    (void)fclose(f);
    return text;
}

/* The entry of a line; 0 and a key: a note. */
static inline const struct import_entry *import_entry_at(const struct import *i, unsigned line,
                                                         const char *key)
{
    for (size_t n = 0; n < i->n_entries; n++)
        if (i->entries[n].line == line && (!key || strcmp(i->entries[n].key, key) == 0))
            return &i->entries[n];
    return NULL;
}

/* A file, what it becomes, and the verdict on its last line: "taken", or "taken!" when something is
 * left to the administrator. */
struct import_case {
    const char *file;
    const char *conf;
    const char *verdict;
};

static inline void import_expect(const struct import_case *c)
{
    struct import *i = import_file(c->file);
    unsigned lines = 0;
    for (const char *p = c->file; *p; p++)
        lines += *p == '\n';
    char *text = import_print(i);
    char verdict[32];
    const struct import_entry *e = import_entry_at(i, lines, NULL);
    assert_non_null(e);
    snprintf(verdict, sizeof(verdict), "%s%s", import_verdict_name(e->verdict),
             e->by_hand ? "!" : "");
    if (strcmp(text, c->conf) != 0 || strcmp(verdict, c->verdict) != 0)
        fail_msg("of:\n%swas: %s\n%s\nexpected: %s\n%s", c->file, verdict, text, c->verdict,
                 c->conf);
    free(text);
    import_done(i);
}

#define IMPORT_EXPECT_ALL(rows)                                                                    \
    for (size_t row = 0; row < sizeof(rows) / sizeof(*(rows)); row++)                              \
    import_expect(&(rows)[row])

#endif
