/* What is asked, checked; what is answered, written. Every text lies in a buffer of fixed size that
 * is wiped. */
#include "issuer/issuer_int.h"

#include <errno.h>

#include "local/local.h"

struct value {
    size_t n;
    char text[AUTH_NAME_MAX + 1];
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
static bool is_name(struct span text)
{
    for (size_t i = 0, n; i < text.n; i += n) {
        n = utf8_len(text.p + i, text.n - i);
        if (n == 0 || text.p[i] <= ' ' || text.p[i] == 0x7F)
            return false;
    }
    return true;
}

static enum local_status issue(const struct issuer_conf *conf, const struct value *name,
                               int64_t now, struct auth_credential *ret)
{
    const struct auth_issue want = {name->text, now + conf->ttl, now};
    if (!is_name(span_of(name->text, name->n)))
        return LOCAL_BAD_REQUEST;
    int r = auth_issue(conf->secrets, &want, ret);
    return r == 0 ? LOCAL_OK : r == -EINVAL ? LOCAL_BAD_REQUEST : LOCAL_UNAVAILABLE;
}

/* --- Requests --- */

/* The key has two names; draft-uberti-behave-turn-rest-00 says key, Janus says api. */
static bool read_query(const struct local_http *http, struct query *ret)
{
    const struct {
        const char *name;
        struct value *value;
    } known[] = {{"service", &ret->service},
                 {"username", &ret->username},
                 {"key", &ret->key},
                 {"api", &ret->key}};
    int n = 0;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]) && n != -EINVAL; i++) {
        struct value *v = known[i].value;
        if (v->n == 0)
            n = local_http_value(http, known[i].name, v->text, sizeof(v->text));
        if (v->n == 0 && n > 0)
            v->n = (size_t)n;
    }
    return n != -EINVAL;
}

/* The time it takes tells nothing of the key but its length. */
static bool is_key(const char *key, const struct value *given)
{
    size_t n = strlen(key);
    return n > 0 && given->n == n && crypto_equal(key, given->text, n);
}

static enum local_status read_request(struct span request, struct query *ret)
{
    struct local_http http;
    if (!local_http_read(request, &http))
        return LOCAL_BAD_REQUEST;
    if (!span_eq(http.method, span_text("GET")))
        return LOCAL_NOT_ALLOWED;
    if (!span_eq(http.path, span_text("/")))
        return LOCAL_NOT_FOUND;
    return read_query(&http, ret) ? LOCAL_OK : LOCAL_BAD_REQUEST;
}

static enum local_status judge(const struct issuer_conf *conf, struct span request, int64_t now,
                               struct auth_credential *ret)
{
    struct query q = {0};
    enum local_status status = read_request(request, &q);
    if (status == LOCAL_OK && !is_key(conf->key, &q.key))
        status = LOCAL_FORBIDDEN;
    if (status == LOCAL_OK && !span_eq(span_of(q.service.text, q.service.n), span_text("turn")))
        status = LOCAL_BAD_REQUEST;
    if (status == LOCAL_OK)
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

static void put_refusal(enum local_status status, struct writer *out)
{
    static const char *const says[] = {
        [LOCAL_BAD_REQUEST] = "expected GET /?service=turn&username=NAME&key=KEY\n",
        [LOCAL_FORBIDDEN] = "the key is wrong\n",
        [LOCAL_NOT_FOUND] = "there is nothing but /\n",
        [LOCAL_NOT_ALLOWED] = "GET is all there is\n",
        [LOCAL_TOO_LONG] = "the request is too long\n",
        [LOCAL_UNAVAILABLE] = "no shared secret is in force\n",
    };
    const struct local_reply reply = {.status = status,
                                      .type = "text/plain",
                                      .extra =
                                          status == LOCAL_NOT_ALLOWED ? "Allow: GET\r\n" : NULL,
                                      .body = span_text(says[status])};
    local_http_write(&reply, out);
}

void answer_http(const struct issuer_conf *conf, struct span request, int64_t now,
                 struct writer *out)
{
    uint8_t body[ANSWER_MAX];
    struct writer w = w_over(body, sizeof(body));
    struct auth_credential made;
    enum local_status status = judge(conf, request, now, &made);
    if (status != LOCAL_OK) {
        put_refusal(status, out);
        return;
    }
    put_body(conf, &made, &w);
    const struct local_reply reply = {
        .status = LOCAL_OK, .type = "application/json", .body = w_span(&w)};
    local_http_write(&reply, out);
    crypto_wipe(&made, sizeof(made));
    crypto_wipe(body, w.n);
}

void answer_http_too_long(struct writer *out)
{
    put_refusal(LOCAL_TOO_LONG, out);
}

void answer_line(const struct issuer_conf *conf, struct span line, int64_t now, struct writer *out)
{
    struct value name = {.n = line.n};
    struct auth_credential made;
    if (line.n >= sizeof(name.text))
        return;
    memcpy(name.text, line.p, line.n);
    if (issue(conf, &name, now, &made) == LOCAL_OK) {
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
