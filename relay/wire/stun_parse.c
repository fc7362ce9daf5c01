/* Reads STUN messages (RFC 8489 sections 5, 6.3 and 14). */
#include "wire/stun_parse.h"

#include <errno.h>

#include "base/reader.h"
#include "wire/stun_auth.h"

enum { FAMILY_V4 = 1, FAMILY_V6 = 2 };

/* One attribute as it stands in the message. */
struct tlv {
    uint16_t type;
    struct span value;
};

static size_t pad4(size_t n)
{
    return (n + 3) & ~(size_t)3;
}

static uint64_t bit(enum stun_attr a)
{
    return UINT64_C(1) << a;
}

static bool read_tlv(struct reader *r, struct tlv *ret)
{
    uint16_t type = r_u16(r);
    uint16_t n = r_u16(r);
    struct span padded = r_bytes(r, pad4(n));
    if (r->bad)
        return false;
    *ret = (struct tlv){type, span_of(padded.p, n)};
    return true;
}

/* --- Values against their rows --- */

/* RFC 3629 section 4: how many bytes follow a lead byte, and what the first of them may be. */
struct utf8_lead {
    uint8_t first;
    uint8_t last;
    uint8_t follow;
    uint8_t low;
    uint8_t high;
};

static const struct utf8_lead utf8_leads[] = {
    {0xc2, 0xdf, 1, 0x80, 0xbf}, {0xe0, 0xe0, 2, 0xa0, 0xbf}, {0xe1, 0xec, 2, 0x80, 0xbf},
    {0xed, 0xed, 2, 0x80, 0x9f}, {0xee, 0xef, 2, 0x80, 0xbf}, {0xf0, 0xf0, 3, 0x90, 0xbf},
    {0xf1, 0xf3, 3, 0x80, 0xbf}, {0xf4, 0xf4, 3, 0x80, 0x8f},
};

/* Length of the character of two bytes or more that starts here; 0 if there is none. */
static size_t utf8_char(const uint8_t *p, size_t left)
{
    for (size_t i = 0; i < sizeof utf8_leads / sizeof *utf8_leads; i++) {
        const struct utf8_lead *lead = &utf8_leads[i];
        if (*p < lead->first || *p > lead->last)
            continue;
        if (left <= lead->follow || p[1] < lead->low || p[1] > lead->high)
            return 0;
        for (size_t k = 2; k <= lead->follow; k++)
            if ((p[k] & 0xc0) != 0x80)
                return 0;
        return lead->follow + (size_t)1;
    }
    return 0;
}

static bool utf8_ok(struct span s)
{
    size_t i = 0;
    while (i < s.n) {
        size_t step = s.p[i] < 0x80 ? 1 : utf8_char(s.p + i, s.n - i);
        if (step == 0)
            return false;
        i += step;
    }
    return true;
}

static bool addr_ok(struct span s)
{
    return (s.p[1] == FAMILY_V4 && s.n == 8) || (s.p[1] == FAMILY_V6 && s.n == 20);
}

static bool types_ok(struct span s)
{
    return s.n % 2 == 0;
}

/* RFC 8489 14.11, 14.12: algorithm, length, parameters padded to 4, the last padding optional. */
static bool algs_ok(struct span s)
{
    struct reader r = r_from(s);
    while (r_left(&r) > 0) {
        r_u16(&r);
        size_t n = r_u16(&r);
        size_t padded = pad4(n);
        r_bytes(&r, n == r_left(&r) ? n : padded);
    }
    return !r.bad;
}

static bool any_ok(struct span s)
{
    (void)s;
    return true;
}

static bool (*const kind_ok[])(struct span) = {
    [STUN_KIND_BYTES] = any_ok,   [STUN_KIND_TEXT] = utf8_ok,   [STUN_KIND_FLAG] = any_ok,
    [STUN_KIND_U8] = any_ok,      [STUN_KIND_U8PAD] = any_ok,   [STUN_KIND_U16PAD] = any_ok,
    [STUN_KIND_U32] = any_ok,     [STUN_KIND_ADDR] = addr_ok,   [STUN_KIND_XADDR] = addr_ok,
    [STUN_KIND_ERROR] = any_ok,   [STUN_KIND_TYPES] = types_ok, [STUN_KIND_ALGS] = algs_ok,
    [STUN_KIND_ADDRERR] = any_ok, [STUN_KIND_ICMP] = any_ok,
};

static bool value_ok(enum stun_attr a, struct span value)
{
    const struct stun_attr_row *row = stun_attr_row(a);
    /* RFC 8489 14.6 lets a usage allow truncation; TURN does not. */
    size_t min = a == STUN_ATTR_MESSAGE_INTEGRITY_SHA256 ? row->max : row->min;
    return value.n >= min && value.n <= row->max && kind_ok[row->kind](value);
}

/* --- The message --- */

static int read_header(struct span datagram, struct stun_msg *m)
{
    struct reader r = r_from(datagram);
    uint16_t type = r_u16(&r);
    uint16_t len = r_u16(&r);
    uint32_t cookie = r_u32(&r);
    struct span tid = r_bytes(&r, STUN_TID_LEN);
    if (r.bad || type >> 14 || cookie != STUN_MAGIC || len % 4 || len != r_left(&r))
        return -EBADMSG;
    *m = (struct stun_msg){
        .raw = datagram,
        .cls = stun_type_class(type),
        .method = stun_type_method(type),
        .end = datagram.n,
    };
    memcpy(m->tid, tid.p, sizeof m->tid);
    return 0;
}

static bool fingerprint_ok(const struct stun_msg *m, struct span value)
{
    size_t covered = (size_t)(value.p - m->raw.p) - STUN_ATTR_HEADER_LEN;
    if (value.n != 4 || covered + STUN_ATTR_HEADER_LEN + value.n != m->raw.n)
        return false;
    struct span part = span_of(m->raw.p, covered);
    struct reader r = r_from(value);
    return r_u32(&r) == (stun_crc32(&part, 1) ^ STUN_FINGERPRINT_XOR);
}

/* RFC 8489 sections 14.5 and 14.6: what still counts behind the first integrity attribute. */
static bool counts(const struct stun_msg *m, enum stun_attr a)
{
    if (a == STUN_ATTR_FINGERPRINT)
        return true;
    if (stun_has(m, STUN_ATTR_MESSAGE_INTEGRITY_SHA256))
        return false;
    return !stun_has(m, STUN_ATTR_MESSAGE_INTEGRITY) || a == STUN_ATTR_MESSAGE_INTEGRITY_SHA256;
}

static void index_attr(struct stun_msg *m, enum stun_attr a, struct span value)
{
    m->present |= bit(a);
    m->value[a] = value;
    if (!value_ok(a, value))
        m->bad |= bit(a);
    bool seals = a == STUN_ATTR_MESSAGE_INTEGRITY || a == STUN_ATTR_MESSAGE_INTEGRITY_SHA256;
    if (seals && m->end == m->raw.n)
        m->end = (size_t)(value.p - m->raw.p) + pad4(value.n);
}

int stun_parse(struct span datagram, struct stun_msg *ret)
{
    int err = read_header(datagram, ret);
    if (err)
        return err;
    struct reader r = r_from(span_of(datagram.p + STUN_HEADER_LEN, datagram.n - STUN_HEADER_LEN));
    struct tlv t;
    while (r_left(&r) > 0) {
        if (!read_tlv(&r, &t))
            return -EBADMSG;
        enum stun_attr a = stun_attr_find(t.type);
        if (a == STUN_ATTR_FINGERPRINT && !fingerprint_ok(ret, t.value))
            return -EBADMSG;
        if (a != STUN_ATTR_COUNT && !stun_has(ret, a) && counts(ret, a))
            index_attr(ret, a, t.value);
    }
    return 0;
}

/* --- Getters --- */

static struct addr addr_of(const struct stun_msg *m, struct span value, bool xored)
{
    uint8_t plain[20];
    memcpy(plain, value.p, value.n);
    if (xored) {
        const uint8_t *mask = m->raw.p + 4; /* cookie and transaction id, RFC 8489 14.2 */
        plain[2] ^= mask[0];
        plain[3] ^= mask[1];
        for (size_t i = 4; i < value.n; i++)
            plain[i] ^= mask[i - 4];
    }
    uint16_t port = (uint16_t)(plain[2] << 8 | plain[3]);
    return addr_make(plain[1] == FAMILY_V4 ? ADDR_V4 : ADDR_V6, plain + 4, port);
}

bool stun_get_bytes(const struct stun_msg *m, enum stun_attr a, struct span *ret)
{
    if (!stun_has(m, a) || stun_bad(m, a))
        return false;
    *ret = m->value[a];
    return true;
}

bool stun_get_number(const struct stun_msg *m, enum stun_attr a, uint32_t *ret)
{
    size_t width = stun_kind_width(stun_attr_row(a)->kind);
    struct span value;
    if (width == 0 || !stun_get_bytes(m, a, &value))
        return false;
    struct reader r = r_from(value);
    *ret = (uint32_t)r_uint(&r, width);
    return true;
}

bool stun_get_addr(const struct stun_msg *m, enum stun_attr a, struct addr *ret)
{
    enum stun_kind kind = stun_attr_row(a)->kind;
    struct span value;
    if ((kind != STUN_KIND_ADDR && kind != STUN_KIND_XADDR) || !stun_get_bytes(m, a, &value))
        return false;
    *ret = addr_of(m, value, kind == STUN_KIND_XADDR);
    return true;
}

bool stun_addr_value(const struct stun_msg *m, struct span value, struct addr *ret)
{
    if (value.n < 8 || !addr_ok(value))
        return false;
    *ret = addr_of(m, value, true);
    return true;
}

/* The next attribute among those up to `end`; *cursor is an offset behind the header. */
static bool walk(const struct stun_msg *m, size_t *cursor, struct tlv *ret)
{
    size_t at = STUN_HEADER_LEN + *cursor;
    if (at >= m->end)
        return false;
    struct reader r = r_from(span_of(m->raw.p + at, m->end - at));
    if (!read_tlv(&r, ret))
        return false;
    *cursor = (size_t)(r.p - m->raw.p) - STUN_HEADER_LEN;
    return true;
}

bool stun_next(const struct stun_msg *m, enum stun_attr a, size_t *cursor, struct span *ret)
{
    struct tlv t;
    while (walk(m, cursor, &t)) {
        if (t.type == stun_attr_row(a)->type) {
            *ret = t.value;
            return true;
        }
    }
    /* What counts behind the first integrity attribute occurs there once. */
    if (!stun_has(m, a) || m->value[a].p < m->raw.p + m->end || *cursor == m->raw.n)
        return false;
    *cursor = m->raw.n;
    *ret = m->value[a];
    return true;
}

bool stun_next_unknown(const struct stun_msg *m, size_t *cursor, uint16_t *ret_type)
{
    struct tlv t;
    while (walk(m, cursor, &t)) {
        if (stun_attr_is_required(t.type) && stun_attr_find(t.type) == STUN_ATTR_COUNT) {
            *ret_type = t.type;
            return true;
        }
    }
    return false;
}
