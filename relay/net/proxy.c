/* Parses and writes PROXY headers as haproxy's proxy-protocol.txt has them: a line of text
 * (section 2.1) or a binary header (section 2.2). */
#include "net/proxy_int.h"

#include "base/reader.h"
#include "base/writer.h"

enum v2 {
    V2_SIGNATURE = 12,
    V2_HEADER = 16,
    V2_LOCAL = 0x20,
    V2_PROXY = 0x21,
    V2_UNSPEC = 0x00,
    V2_TCP4 = 0x11,
    V2_TCP6 = 0x21,
};

static const uint8_t signature[V2_SIGNATURE] = "\r\n\r\n\0\r\nQUIT\n";
static const char v1_start[] = "PROXY ";

/* Whether bytes are the start of whole, or begin with it. */
static bool starts(struct span bytes, struct span whole)
{
    size_t n = bytes.n < whole.n ? bytes.n : whole.n;
    return memcmp(bytes.p, whole.p, n) == 0;
}

/* The field up to the next blank, or to the end; *rest is what follows the blank. */
static struct span field(struct span *rest)
{
    const uint8_t *blank = rest->n ? memchr(rest->p, ' ', rest->n) : NULL;
    struct span f = span_of(rest->p, blank ? (size_t)(blank - rest->p) : rest->n);

    *rest = blank ? span_of(blank + 1, rest->n - f.n - 1) : span_of(NULL, 0);
    return f;
}

static bool read_ip(struct span text, uint8_t family, struct addr *ret)
{
    char z[ADDR_TEXT];

    if (text.n == 0 || text.n >= sizeof z || memchr(text.p, '[', text.n) ||
        memchr(text.p, '\0', text.n) || (family == ADDR_V4 && memchr(text.p, ':', text.n)))
        return false;
    memcpy(z, text.p, text.n);
    z[text.n] = '\0';
    return addr_parse(z, ret) && ret->family == family;
}

static bool read_port(struct span text, uint16_t *ret)
{
    uint32_t v = 0;

    if (text.n == 0 || text.n > 5 || (text.n > 1 && *text.p == '0'))
        return false;
    for (const uint8_t *at = text.p; at < text.p + text.n; at++) {
        if (*at < '0' || *at > '9')
            return false;
        v = v * 10 + (uint32_t)(*at - '0');
    }
    if (v > UINT16_MAX)
        return false;
    *ret = (uint16_t)v;
    return true;
}

/* line: what stands between "PROXY " and the line's end. */
static bool read_v1(struct span line, struct proxy *ret)
{
    struct span what = field(&line);
    uint8_t family = span_eq(what, span_text("TCP4"))   ? ADDR_V4
                     : span_eq(what, span_text("TCP6")) ? ADDR_V6
                                                        : ADDR_NONE;

    if (family == ADDR_NONE)
        return span_eq(what, span_text("UNKNOWN"));
    struct addr from;
    struct addr to;
    struct span from_ip = field(&line);
    struct span to_ip = field(&line);
    struct span from_port = field(&line);
    struct span to_port = line;
    if (!read_ip(from_ip, family, &from) || !read_ip(to_ip, family, &to) ||
        !read_port(from_port, &from.port) || !read_port(to_port, &to.port))
        return false;
    ret->from = addr_normalise(&from);
    ret->to = addr_normalise(&to);
    return true;
}

static enum proxy_state parse_v1(struct span bytes, struct proxy *ret)
{
    size_t start = sizeof v1_start - 1;
    size_t n = bytes.n < PROXY_V1_MAX ? bytes.n : PROXY_V1_MAX;
    const uint8_t *end = memchr(bytes.p, '\n', n);
    struct proxy found = {0};

    if (!end)
        return n == PROXY_V1_MAX ? PROXY_BAD : PROXY_MORE;
    found.len = (size_t)(end - bytes.p) + 1;
    if (found.len < start + 2 || end[-1] != '\r')
        return PROXY_BAD;
    if (!read_v1(span_of(bytes.p + start, found.len - start - 2), &found))
        return PROXY_BAD;
    *ret = found;
    return PROXY_FOUND;
}

static struct addr read_addr(struct reader *r, enum addr_family family)
{
    struct span ip = r_bytes(r, family == ADDR_V4 ? 4 : 16);
    return r->bad ? (struct addr){0} : addr_make(family, ip.p, 0);
}

/* r: the addresses and the extensions, which are nothing to us. */
static bool read_v2(struct reader *r, uint8_t kind, struct proxy *ret)
{
    if (kind == V2_UNSPEC)
        return true;
    if (kind != V2_TCP4 && kind != V2_TCP6)
        return false;
    enum addr_family family = kind == V2_TCP4 ? ADDR_V4 : ADDR_V6;
    struct addr from = read_addr(r, family);
    struct addr to = read_addr(r, family);
    from.port = r_u16(r);
    to.port = r_u16(r);
    if (r->bad)
        return false;
    ret->from = addr_normalise(&from);
    ret->to = addr_normalise(&to);
    return true;
}

static enum proxy_state parse_v2(struct span bytes, struct proxy *ret)
{
    struct reader r = r_from(bytes);
    struct proxy found = {0};

    r_bytes(&r, V2_SIGNATURE);
    uint8_t command = r_u8(&r);
    uint8_t kind = r_u8(&r);
    uint16_t n = r_u16(&r);
    if ((bytes.n > V2_SIGNATURE && command != V2_LOCAL && command != V2_PROXY) ||
        n > PROXY_V2_MAX - V2_HEADER)
        return PROXY_BAD;
    struct reader body = r_sub(&r, n);
    if (r.bad)
        return PROXY_MORE;
    if (command == V2_PROXY && !read_v2(&body, kind, &found))
        return PROXY_BAD;
    found.len = (size_t)V2_HEADER + n;
    *ret = found;
    return PROXY_FOUND;
}

enum proxy_state proxy_parse(struct span bytes, struct proxy *ret)
{
    if (bytes.n == 0)
        return PROXY_MORE;
    if (starts(bytes, span_of(signature, sizeof signature)))
        return parse_v2(bytes, ret);
    struct span text = span_text(v1_start);
    if (!starts(bytes, text))
        return PROXY_BAD;
    return bytes.n < text.n ? PROXY_MORE : parse_v1(bytes, ret);
}

size_t proxy_write(const struct addr *from, const struct addr *to, uint8_t ret[PROXY_WRITE_MAX])
{
    struct writer w = w_over(ret, PROXY_WRITE_MAX);
    bool known = from->family != ADDR_NONE && from->family == to->family;
    size_t ip = from->family == ADDR_V4 ? 4 : 16;

    w_bytes(&w, span_of(signature, sizeof signature));
    w_u8(&w, known ? V2_PROXY : V2_LOCAL);
    w_u8(&w, !known ? V2_UNSPEC : from->family == ADDR_V4 ? V2_TCP4 : V2_TCP6);
    w_u16(&w, (uint16_t)(known ? 2 * ip + 4 : 0));
    if (known) {
        w_bytes(&w, span_of(from->ip, ip));
        w_bytes(&w, span_of(to->ip, ip));
        w_u16(&w, from->port);
        w_u16(&w, to->port);
    }
    return w_span(&w).n;
}
