/* Reads a ClientHello (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2) through the TLS records
 * that carry it, however they are cut. */
#include "net/hello_int.h"

enum code {
    CODE_RECORD_HANDSHAKE = 22,
    CODE_CLIENT_HELLO = 1,
    CODE_EXT_SERVER_NAME = 0,
    CODE_EXT_ALPN = 16,
    CODE_NAME_HOST = 0,
};

enum length {
    LENGTH_RECORD_HEADER = 5,
    LENGTH_RECORD_MAX = 16384,
    LENGTH_VERSION_AND_RANDOM = 34,
    LENGTH_SESSION_MAX = 32,
};

/* Where the reading is. Once `end` is not HELLO_FOUND, every read returns nothing. */
struct cursor {
    struct span bytes;
    size_t at;
    size_t in_record;  /* bytes left of the current record */
    size_t in_message; /* bytes left of the handshake message */
    size_t split;      /* used of hello.split */
    enum hello_state end;
};

static void stop(struct cursor *c, enum hello_state why)
{
    if (c->end == HELLO_FOUND)
        c->end = why;
}

static size_t left(const struct cursor *c)
{
    return c->bytes.n - c->at;
}

static bool next_record(struct cursor *c)
{
    const uint8_t *head = c->bytes.p + c->at;
    size_t n = left(c);

    /* What is there is judged at once, so that other protocols need not fill a header first. */
    if ((n > 0 && head[0] != CODE_RECORD_HANDSHAKE) || (n > 1 && head[1] != 3))
        stop(c, HELLO_BAD);
    if (n < LENGTH_RECORD_HEADER)
        stop(c, HELLO_MORE);
    if (c->end != HELLO_FOUND)
        return false;
    c->in_record = (size_t)head[3] << 8 | head[4];
    c->at += LENGTH_RECORD_HEADER;
    if (c->in_record == 0 || c->in_record > LENGTH_RECORD_MAX)
        stop(c, HELLO_BAD);
    return c->end == HELLO_FOUND;
}

/* Up to n bytes that lie together; empty when the reading has ended. */
static struct span piece(struct cursor *c, size_t n)
{
    if (n > c->in_message)
        stop(c, HELLO_BAD);
    if (c->end != HELLO_FOUND || (c->in_record == 0 && !next_record(c)))
        return span_of(NULL, 0);
    if (n > c->in_record)
        n = c->in_record;
    if (n > left(c)) {
        stop(c, HELLO_MORE);
        return span_of(NULL, 0);
    }
    struct span s = span_of(c->bytes.p + c->at, n);
    c->at += n;
    c->in_record -= n;
    c->in_message -= n;
    return s;
}

static void skip(struct cursor *c, size_t n)
{
    while (n > 0) {
        size_t got = piece(c, n).n;
        if (got == 0)
            return;
        n -= got;
    }
}

static size_t number(struct cursor *c, size_t width)
{
    size_t v = 0;

    for (size_t i = 0; i < width; i++) {
        struct span s = piece(c, 1);
        if (s.n == 0)
            return 0;
        v = v << 8 | *s.p;
    }
    return v;
}

/* n bytes in one place: where they are, or, when records cut them, in the caller's split. */
static struct span bytes(struct cursor *c, size_t n, struct hello *keep)
{
    struct span first = n ? piece(c, n) : span_of(NULL, 0);
    uint8_t *to = keep->split + c->split;

    if (first.n == n)
        return first;
    if (n > HELLO_SPLIT_MAX - c->split)
        stop(c, HELLO_BAD);
    if (c->end != HELLO_FOUND)
        return span_of(NULL, 0);
    c->split += n;
    for (size_t done = 0; done < n;) {
        memcpy(to + done, first.p, first.n);
        done += first.n;
        first = done < n ? piece(c, n - done) : first;
        if (first.n == 0)
            return span_of(NULL, 0);
    }
    return span_of(to, n);
}

/* server_name: exactly one list, which holds at most one host name (RFC 6066 section 3). */
static void read_name(struct cursor *c, size_t n, struct hello *ret)
{
    size_t list = number(c, 2);

    if (n < 2 || list != n - 2)
        stop(c, HELLO_BAD);
    while (list > 0 && c->end == HELLO_FOUND) {
        size_t type = number(c, 1);
        size_t length = number(c, 2);
        if (list < 3 || length > list - 3 || (type == CODE_NAME_HOST && length > HELLO_NAME_MAX))
            stop(c, HELLO_BAD);
        else if (type == CODE_NAME_HOST)
            ret->name = bytes(c, length, ret);
        else
            skip(c, length);
        list -= c->end == HELLO_FOUND ? 3 + length : 0;
    }
}

/* The first entry of a ProtocolNameList; empty for one that is none. */
static struct span entry(struct span list)
{
    if (list.n == 0 || *list.p == 0 || *list.p > list.n - 1)
        return span_of(NULL, 0);
    return span_of(list.p + 1, *list.p);
}

static struct span after(struct span list, struct span e)
{
    return span_of(e.p + e.n, list.n - 1 - e.n);
}

static bool is_list(struct span list)
{
    while (list.n > 0) {
        struct span e = entry(list);
        if (e.n == 0)
            return false;
        list = after(list, e);
    }
    return true;
}

static void read_alpn(struct cursor *c, size_t n, struct hello *ret)
{
    size_t list = number(c, 2);

    if (n < 3 || list != n - 2) {
        stop(c, HELLO_BAD);
        return;
    }
    struct span names = bytes(c, list, ret);
    if (c->end == HELLO_FOUND && !is_list(names))
        stop(c, HELLO_BAD);
    ret->alpn = names;
}

static void read_extensions(struct cursor *c, struct hello *ret)
{
    if (c->in_message == 0)
        return; /* TLS 1.2 allows a ClientHello without any */
    if (number(c, 2) != c->in_message)
        stop(c, HELLO_BAD);
    while (c->in_message > 0 && c->end == HELLO_FOUND) {
        size_t type = number(c, 2);
        size_t n = number(c, 2);
        if (n > c->in_message)
            stop(c, HELLO_BAD);
        else if (type == CODE_EXT_SERVER_NAME)
            read_name(c, n, ret);
        else if (type == CODE_EXT_ALPN)
            read_alpn(c, n, ret);
        else
            skip(c, n);
    }
}

static void read_hello(struct cursor *c, struct hello *ret)
{
    c->in_message = 4;
    if (number(c, 1) != CODE_CLIENT_HELLO)
        stop(c, HELLO_BAD);
    c->in_message = number(c, 3);
    if (c->in_message > HELLO_MAX)
        stop(c, HELLO_BAD);
    skip(c, LENGTH_VERSION_AND_RANDOM);
    size_t session = number(c, 1);
    if (session > LENGTH_SESSION_MAX)
        stop(c, HELLO_BAD);
    skip(c, session);
    size_t ciphers = number(c, 2);
    if (ciphers < 2 || ciphers % 2 != 0)
        stop(c, HELLO_BAD);
    skip(c, ciphers);
    size_t compressions = number(c, 1);
    if (compressions == 0)
        stop(c, HELLO_BAD);
    skip(c, compressions);
    read_extensions(c, ret);
}

enum hello_state hello_parse(struct span bytes_so_far, struct hello *ret)
{
    struct cursor c = {.bytes = bytes_so_far, .end = HELLO_FOUND};
    struct span none = span_of(NULL, 0);

    if (c.bytes.n == 0)
        return HELLO_MORE;
    if (c.bytes.n > HELLO_MAX)
        c.bytes.n = HELLO_MAX;
    ret->name = none;
    ret->alpn = none;
    read_hello(&c, ret);
    if (c.end == HELLO_MORE && c.bytes.n == HELLO_MAX)
        return HELLO_BAD;
    return c.end;
}

bool hello_offers(const struct hello *hello, const char *protocol)
{
    struct span want = span_text(protocol);
    struct span list = hello->alpn;

    while (list.n > 0) {
        struct span e = entry(list);
        if (e.n == 0 || span_eq(e, want))
            return e.n > 0;
        list = after(list, e);
    }
    return false;
}
