/* Words as a shell, Lua, YAML, our own configuration and a URL want them. */
#include "setup/setup_int.h"

#include <string.h>

#define PLAIN "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._"

static const char URL[] = PLAIN "~";
static const char SHELL[] = PLAIN "/+=:@,";

struct buffer {
    char *p;
    size_t n;
};

static void put(struct buffer *b, const char *text, size_t n)
{
    if (b->n + n >= SETUP_TEXT)
        n = 0;
    memcpy(b->p + b->n, text, n);
    b->n += n;
    b->p[b->n] = 0;
}

const char *text_at(const struct setup_facts *f, enum setup_way way, char buf[SETUP_AT])
{
    bool brackets = strchr(f->host, ':') != NULL;
    snprintf(buf, SETUP_AT, brackets ? "[%.253s]:%u" : "%.253s:%u", f->host, f->port[way]);
    return buf;
}

const char *text_shell(const char *text, char buf[SETUP_TEXT])
{
    struct buffer b = {buf, 0};
    size_t n = strlen(text);
    if (n && strspn(text, SHELL) == n) {
        put(&b, text, n);
        return buf;
    }
    put(&b, "'", 1);
    for (; *text; text++)
        *text == '\'' ? put(&b, "'\\''", 4) : put(&b, text, 1);
    put(&b, "'", 1);
    return buf;
}

const char *text_quoted(const char *text, char buf[SETUP_TEXT])
{
    struct buffer b = {buf, 0};
    put(&b, "\"", 1);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            put(&b, "\\", 1);
        put(&b, text, 1);
    }
    put(&b, "\"", 1);
    return buf;
}

const char *text_percent(const char *text, char buf[SETUP_TEXT])
{
    struct buffer b = {buf, 0};
    char hex[4];
    buf[0] = 0;
    for (; *text; text++) {
        if (strchr(URL, *text)) {
            put(&b, text, 1);
        } else {
            snprintf(hex, sizeof(hex), "%%%02X", (unsigned char)*text);
            put(&b, hex, 3);
        }
    }
    return buf;
}
