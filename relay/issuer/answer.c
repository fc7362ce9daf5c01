/* What is asked, checked; what is answered, written. Every text lies in a buffer of fixed size that
 * is wiped. */
#include "issuer/issuer_int.h"

#include <errno.h>

enum { VALUE_MAX = AUTH_NAME_MAX };

enum status { OK, BAD_REQUEST, FORBIDDEN, NOT_FOUND, NOT_ALLOWED, TOO_LONG, UNAVAILABLE };

static const struct {
    const char *line;
    const char *says;
} statuses[] = {
    [OK] = {"200 OK", ""},
    [BAD_REQUEST] = {"400 Bad Request", "expected GET /?service=turn&username=NAME&key=KEY\n"},
    [FORBIDDEN] = {"403 Forbidden", "the key is wrong\n"},
    [NOT_FOUND] = {"404 Not Found", "there is nothing but /\n"},
    [NOT_ALLOWED] = {"405 Method Not Allowed", "GET is all there is\n"},
    [TOO_LONG] = {"431 Request Header Fields Too Large", "the request is too long\n"},
    [UNAVAILABLE] = {"503 Service Unavailable", "no shared secret is in force\n"},
};

struct value {
    size_t n;
    uint8_t bytes[VALUE_MAX + 1]; /* with a NUL behind them */
};

struct query {
    struct value service;
    struct value username;
    struct value key;
};

static void put(struct writer *w, const char *text)
{
    w_bytes(w, span_text(text));
}

static void put_number(struct writer *w, uint64_t v)
{
    uint8_t digits[20];
    size_t n = 0;
    do
        digits[sizeof(digits) - ++n] = (uint8_t)('0' + v % 10);
    while (v /= 10);
    w_bytes(w, span_of(digits + sizeof(digits) - n, n));
}

/* --- Names --- */

/* One code point of UTF-8 (RFC 3629); its length, 0 = none. */
static size_t utf8_len(const uint8_t *p, size_t n)
{
    static const struct {
        uint8_t mask, lead;
        uint32_t least;
    } rows[] = {{0x80, 0, 0}, {0xE0, 0xC0, 0x80}, {0xF0, 0xE0, 0x800}, {0xF8, 0xF0, 0x10000}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if ((p[0] & rows[i].mask) != rows[i].lead || n <= i)
            continue;
        uint32_t code = p[0] & (uint8_t)~rows[i].mask;
        size_t k = 1;
        for (; k <= i && (p[k] & 0xC0) == 0x80; k++)
            code = code << 6 | (p[k] & 0x3F);
        bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;
        return k > i && code >= rows[i].least && code <= 0x10FFFF && !is_surrogate ? k : 0;
    }
    return 0;
}

/* UTF-8 without blanks and control characters: fit for JSON, and for a line of words. */
static bool is_name(const struct value *v)
{
    for (size_t i = 0, n; i < v->n; i += n) {
        n = utf8_len(v->bytes + i, v->n - i);
        if (n == 0 || v->bytes[i] <= ' ' || v->bytes[i] == 0x7F)
            return false;
    }
    return true;
}

static enum status issue(const struct issuer_conf *conf, const struct value *name, int64_t now,
                         struct auth_credential *ret)
{
    const struct auth_issue want = {(const char *)name->bytes, now + conf->ttl, now};
    if (!is_name(name))
        return BAD_REQUEST;
    int r = auth_issue(conf->secrets, &want, ret);
    return r == 0 ? OK : r == -EINVAL ? BAD_REQUEST : UNAVAILABLE;
}

/* --- Requests --- */

static int hex(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The value of a pair, its escapes resolved. false: too long, or none. */
static bool decode(struct span from, struct value *ret)
{
    ret->n = 0;
    for (size_t i = 0; i < from.n; i++) {
        uint8_t c = from.p[i] == '+' ? ' ' : from.p[i];
        if (c == '%') {
            int high = i + 2 < from.n ? hex(from.p[i + 1]) : -1;
            int low = high < 0 ? -1 : hex(from.p[i + 2]);
            if (low < 0)
                return false;
            c = (uint8_t)(high << 4 | low);
            i += 2;
        }
        if (c == 0 || ret->n == VALUE_MAX)
            return false;
        ret->bytes[ret->n++] = c;
    }
    ret->bytes[ret->n] = 0;
    return true;
}

/* Takes what is before the mark off *text; all of it if there is no mark. */
static struct span cut(struct span *text, char mark)
{
    const uint8_t *at = text->n ? memchr(text->p, mark, text->n) : NULL;
    size_t n = at ? (size_t)(at - text->p) : text->n;
    struct span before = span_of(text->p, n);
    size_t skip = at ? n + 1 : n;
    *text = span_of(text->p + skip, text->n - skip);
    return before;
}

static bool read_query(struct span text, struct query *ret)
{
    const struct {
        const char *name;
        struct value *value;
    } known[] = {{"service", &ret->service},
                 {"username", &ret->username},
                 {"key", &ret->key},
                 {"api", &ret->key}};
    bool ok = true;
    while (text.n && ok) {
        struct span pair = cut(&text, '&');
        struct span name = cut(&pair, '=');
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            if (span_eq(name, span_text(known[i].name)))
                ok = ok && decode(pair, known[i].value);
    }
    return ok;
}

/* The time it takes tells nothing of the key but its length. */
static bool is_key(const char *key, const struct value *given)
{
    size_t n = strlen(key);
    return n > 0 && given->n == n && crypto_equal(key, given->bytes, n);
}

static enum status read_request(struct span request, struct query *ret)
{
    struct span line = cut(&request, '\n');
    struct span method = cut(&line, ' ');
    struct span query = cut(&line, ' ');
    if (line.n < 8 || memcmp(line.p, "HTTP/1.", 7) != 0 || query.n == 0)
        return BAD_REQUEST;
    if (!span_eq(method, span_text("GET")))
        return NOT_ALLOWED;
    if (!span_eq(cut(&query, '?'), span_text("/")))
        return NOT_FOUND;
    return read_query(query, ret) ? OK : BAD_REQUEST;
}

static enum status judge(const struct issuer_conf *conf, struct span request, int64_t now,
                         struct auth_credential *ret)
{
    struct query q = {0};
    enum status status = read_request(request, &q);
    if (status == OK && !is_key(conf->key, &q.key))
        status = FORBIDDEN;
    if (status == OK && !span_eq(span_of(q.service.bytes, q.service.n), span_text("turn")))
        status = BAD_REQUEST;
    if (status == OK)
        status = issue(conf, &q.username, now, ret);
    crypto_wipe(&q, sizeof(q));
    return status;
}

/* --- Answers --- */

static void put_json_text(struct writer *w, const char *text)
{
    put(w, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            put(w, "\\");
        w_u8(w, (uint8_t)*text);
    }
    put(w, "\"");
}

static void put_body(const struct issuer_conf *conf, const struct auth_credential *made,
                     struct writer *w)
{
    put(w, "{\"username\": ");
    put_json_text(w, made->user);
    put(w, ", \"password\": ");
    put_json_text(w, made->password);
    put(w, ", \"ttl\": ");
    put_number(w, (uint64_t)conf->ttl);
    put(w, ", \"uris\": [");
    for (size_t i = 0; i < conf->n_uris; i++) {
        put(w, i ? ", " : "");
        put_json_text(w, conf->uris[i]);
    }
    put(w, "]}\n");
}

static void put_head(enum status status, const char *type, size_t length, struct writer *w)
{
    put(w, "HTTP/1.1 ");
    put(w, statuses[status].line);
    put(w, status == NOT_ALLOWED ? "\r\nAllow: GET" : "");
    put(w, "\r\nCache-Control: no-store\r\nConnection: close\r\nContent-Type: ");
    put(w, type);
    put(w, "\r\nContent-Length: ");
    put_number(w, length);
    put(w, "\r\n\r\n");
}

static void put_refusal(enum status status, struct writer *out)
{
    put_head(status, "text/plain", strlen(statuses[status].says), out);
    put(out, statuses[status].says);
}

void answer_http(const struct issuer_conf *conf, struct span request, int64_t now,
                 struct writer *out)
{
    uint8_t body[ANSWER_MAX];
    struct writer w = w_over(body, sizeof(body));
    struct auth_credential made;
    enum status status = judge(conf, request, now, &made);
    if (status == OK) {
        put_body(conf, &made, &w);
        put_head(OK, "application/json", w_span(&w).n, out);
        w_bytes(out, w_span(&w));
        crypto_wipe(&made, sizeof(made));
        crypto_wipe(body, w.n);
    } else {
        put_refusal(status, out);
    }
}

void answer_http_too_long(struct writer *out)
{
    put_refusal(TOO_LONG, out);
}

void answer_line(const struct issuer_conf *conf, struct span line, int64_t now, struct writer *out)
{
    struct value name = {.n = line.n};
    struct auth_credential made;
    if (line.n > VALUE_MAX)
        return;
    memcpy(name.bytes, line.p, line.n);
    if (issue(conf, &name, now, &made) == OK) {
        put(out, made.user);
        put(out, " ");
        put(out, made.password);
        put(out, " ");
        put_number(out, (uint64_t)conf->ttl);
        put(out, "\n");
        crypto_wipe(&made, sizeof(made));
    }
    crypto_wipe(&name, sizeof(name));
}
