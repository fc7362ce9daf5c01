/* HTTP as bytes: a request taken apart, an answer put together. No sockets. */
#include "local/local.h"

#include <errno.h>
#include <strings.h>

static const char *const status_lines[] = {
    [LOCAL_OK] = "200 OK",
    [LOCAL_BAD_REQUEST] = "400 Bad Request",
    [LOCAL_FORBIDDEN] = "403 Forbidden",
    [LOCAL_NOT_FOUND] = "404 Not Found",
    [LOCAL_NOT_ALLOWED] = "405 Method Not Allowed",
    [LOCAL_TOO_LONG] = "431 Request Header Fields Too Large",
    [LOCAL_UNAVAILABLE] = "503 Service Unavailable",
};

/* Takes what is before the mark off *text; all of it if there is no mark. */
static struct span cut(struct span *text, char mark)
{
    struct span whole = *text;
    const uint8_t *at = whole.n ? memchr(whole.p, mark, whole.n) : NULL;
    if (!at) {
        text->n = 0;
        return whole;
    }
    size_t n = (size_t)(at - whole.p);
    *text = span_of(at + 1, whole.n - n - 1);
    return span_of(whole.p, n);
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct span trim(struct span text)
{
    while (text.n && is_blank(text.p[text.n - 1]))
        text.n--;
    while (text.n && is_blank(text.p[0]))
        text = span_of(text.p + 1, text.n - 1);
    return text;
}

/* --- Requests --- */

/* RFC 9112 section 2.3; which minor version it is makes no difference here. */
static bool is_version(struct span v)
{
    if (v.n == 9 && v.p[8] == '\r')
        v.n--;
    return v.n == 8 && memcmp(v.p, "HTTP/1.", 7) == 0 && v.p[7] >= '0' && v.p[7] <= '9';
}

/* Bytes that belong into a method or a target; others may hide things from whoever compares. */
static bool is_visible(struct span text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] == 0x7F)
            return false;
    return text.n > 0;
}

bool local_http_read(struct span raw, struct local_http *ret)
{
    struct span headers = raw;
    struct span line = cut(&headers, '\n');
    struct span method = cut(&line, ' ');
    struct span target = cut(&line, ' ');
    if (!is_visible(method) || !is_visible(target) || !is_version(line))
        return false;
    struct span path = cut(&target, '?');
    *ret = (struct local_http){method, path, target, headers};
    return true;
}

struct span local_http_header(const struct local_http *h, const char *name)
{
    struct span rest = h->headers;
    size_t n = strlen(name);
    while (rest.n) {
        struct span value = cut(&rest, '\n');
        struct span key = cut(&value, ':');
        if (key.n == n && strncasecmp((const char *)key.p, name, n) == 0)
            return trim(value);
    }
    return span_of("", 0);
}

/* --- Queries --- */

static int hex(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Takes the first byte off, escaped or not. -1 = a broken escape. */
static int take_byte(struct span *text)
{
    int c = text->p[0];
    size_t n = 1;
    if (c == '+') {
        c = ' ';
    } else if (c == '%') {
        int high = text->n > 2 ? hex(text->p[1]) : -1;
        int low = high < 0 ? -1 : hex(text->p[2]);
        if (low < 0)
            return -1;
        c = high << 4 | low;
        n = 3;
    }
    *text = span_of(text->p + n, text->n - n);
    return c;
}

/* Bytes of the value without its escapes, or -EINVAL. */
static int length_of(struct span value, size_t cap)
{
    size_t n = 0;
    for (; value.n && n < cap; n++)
        if (take_byte(&value) <= 0)
            return -EINVAL;
    return n < cap ? (int)n : -EINVAL;
}

int local_http_value(const struct local_http *h, const char *name, char *ret, size_t cap)
{
    struct span rest = h->query;
    struct span found = {0};
    int n = -ENOENT;
    while (rest.n) {
        struct span value = cut(&rest, '&');
        struct span key = cut(&value, '=');
        if (!span_eq(key, span_text(name)))
            continue;
        found = value;
        n = length_of(value, cap);
        if (n < 0)
            return n;
    }
    if (n < 0)
        return n;
    for (int i = 0; i < n; i++)
        ret[i] = (char)take_byte(&found);
    ret[n] = 0;
    return n;
}

/* --- Answers --- */

static void put(struct writer *w, const char *text)
{
    w_bytes(w, span_text(text));
}

static void put_number(struct writer *w, size_t v)
{
    uint8_t digits[20];
    size_t n = 0;
    do
        digits[sizeof(digits) - ++n] = (uint8_t)('0' + v % 10);
    while (v /= 10);
    w_bytes(w, span_of(digits + sizeof(digits) - n, n));
}

void local_http_write(const struct local_reply *r, struct writer *out)
{
    put(out, "HTTP/1.1 ");
    put(out, status_lines[r->status]);
    put(out, "\r\nCache-Control: no-store\r\nConnection: close\r\nContent-Type: ");
    put(out, r->type);
    put(out, "\r\nContent-Length: ");
    put_number(out, r->body.n);
    put(out, "\r\n");
    put(out, r->extra ? r->extra : "");
    put(out, "\r\n");
    w_bytes(out, r->body);
}
