/* The option table and what the files of this room share. */
#ifndef RELAY_CONFIG_CONF_INT_H
#define RELAY_CONFIG_CONF_INT_H

#include "config/conf.h"

enum conf_kind {
    CONF_BOOL,
    CONF_INT,
    CONF_TEXT,
    CONF_RANGE,
    CONF_ADDRS,
    CONF_CIDRS,
    CONF_PORTS,
    CONF_USERS,
    CONF_NAMES,
    CONF_PAIRS,
    CONF_SECRET, /* a text that is never shown */
    CONF_HOSTS,
    CONF_URIS,
    CONF_KINDS,
};

/* One row describes one option wholly. */
struct conf_option {
    const char *name; /* in the file, and of the field in struct conf */
    enum conf_kind kind;
    size_t offset;
    int64_t min; /* of the number, of the text's bytes, of the list's entries */
    int64_t max;
    const char *fallback; /* the default, in the file's syntax */
    bool restart;         /* a change counts only after a restart */
    const char *sentence;
    const char *group; /* heading, where a group of options begins */
    uint16_t port;     /* of addresses that name none */
};

/* The i-th row, or NULL behind the last one. */
const struct conf_option *conf_option_at(size_t i);
const struct conf_option *conf_option_find(const char *name);
/* The option whose name is nearest to a mistyped one, or NULL when none is near. */
const struct conf_option *conf_option_nearest(const char *name);

/* How a kind lies in struct conf. Lists are an array of elem_size each, with its count behind. */
struct conf_shape {
    size_t size;
    size_t elem_size; /* 0 = not a list */
    size_t n_at;      /* offset of the count */
    const char *what; /* "a whole number from %lld to %lld" */
    const char *example;
};

const struct conf_shape *conf_shape_of(enum conf_kind kind);

/* Entries of the list at field, which has this shape. */
static inline size_t *conf_list_n(const struct conf_shape *shape, void *field)
{
    return (size_t *)(void *)((char *)field + shape->n_at);
}

/* "a whole number from 600 to 86400", into buf. */
void conf_describe(const struct conf_option *o, char *buf, size_t n);

/* Letters, digits, hyphens and dots, and no IPv4 address. */
bool conf_is_host_name(const char *text);

/* "redis.example:6379", "192.0.2.1:6379" or "[2001:db8::1]:6379". */
bool conf_is_host_port(const char *text);

/* "53" or "137-139"; also checks the order. false leaves *ret untouched. */
bool conf_range_parse(const char *text, struct conf_port_range *ret);

/* Fills err->text in the manner of printf; returns code. */
__attribute__((format(printf, 3, 4))) int conf_fail(struct conf_error *err, int code,
                                                    const char *format, ...);

/* --- conf_source.c: the file with its includes as one text --- */

struct conf_source;

/* Reads path and what it includes. 0, or -errno with *err filled. */
int conf_source_read(const char *path, struct conf_source **ret, struct conf_error *err);
/* Wipes the text. Accepts NULL. */
void conf_source_free(struct conf_source *s);
/* NUL-terminated; numbers have an L behind them, passwords are replaced by numbers of their own. */
const char *conf_source_text(const struct conf_source *s);

/* The files that were read, the first of them first; NULL behind the last. */
const char *conf_source_file(const struct conf_source *s, size_t i);

/* A password, by what stands in its place in the text; NULL when it is no number of one, or too
 * long or with a NUL inside. */
const char *conf_source_secret(const struct conf_source *s, const char *number);

struct conf_place {
    const char *file; /* borrowed from the source */
    unsigned line;
};

/* Where a line of the text stands in the operator's files. */
struct conf_place conf_source_place(const struct conf_source *s, unsigned line);

#endif
