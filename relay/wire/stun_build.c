/* Writes STUN messages; the header's length is right after every attribute. */
#include "wire/stun_build.h"

enum { LENGTH_AT = 2, MASK_AT = 4, LENGTH_MAX = 65532 };

static uint8_t wire_family(const struct addr *a)
{
    return a->family == ADDR_V4 ? 1 : 2;
}

static size_t addr_value_len(const struct addr *a)
{
    return a->family == ADDR_V4 ? 8 : 20;
}

static void put_header(struct writer *w, enum stun_attr a, size_t n)
{
    const struct stun_attr_row *row = stun_attr_row(a);
    if (n < row->min || n > row->max)
        w->bad = true;
    w_u16(w, row->type);
    w_u16(w, (uint16_t)n);
}

void stun_begin(struct writer *w, enum stun_class cls, uint16_t method,
                const uint8_t tid[STUN_TID_LEN])
{
    w_u16(w, stun_type(cls, method));
    w_u16(w, 0);
    w_u32(w, STUN_MAGIC);
    w_bytes(w, span_of(tid, STUN_TID_LEN));
}

void stun_end(struct writer *w)
{
    if (w->n < STUN_HEADER_LEN || w->n - STUN_HEADER_LEN > LENGTH_MAX)
        w->bad = true;
    w_patch16(w, LENGTH_AT, (uint16_t)(w->n - STUN_HEADER_LEN));
}

void stun_put_bytes(struct writer *w, enum stun_attr a, struct span value)
{
    put_header(w, a, value.n);
    w_bytes(w, value);
    w_zero(w, -value.n & 3);
    stun_end(w);
}

void stun_put_number(struct writer *w, enum stun_attr a, uint32_t value)
{
    const struct stun_attr_row *row = stun_attr_row(a);
    size_t width = stun_kind_width(row->kind);
    if (width == 0)
        w->bad = true;
    put_header(w, a, row->max);
    w_uint(w, width, value);
    w_zero(w, 4 - width);
    stun_end(w);
}

void stun_put_addr(struct writer *w, enum stun_attr a, const struct addr *addr)
{
    bool xored = stun_attr_row(a)->kind == STUN_KIND_XADDR;
    size_t n = addr_value_len(addr);
    if (addr->family == ADDR_NONE)
        w->bad = true;
    put_header(w, a, n);
    size_t at = w->n;
    w_u8(w, 0);
    w_u8(w, wire_family(addr));
    w_u16(w, addr->port);
    w_bytes(w, span_of(addr->ip, n - 4));
    if (xored && !w->bad) {
        const uint8_t *mask = w->p + MASK_AT; /* RFC 8489 14.2 */
        uint8_t *value = w->p + at;
        value[2] ^= mask[0];
        value[3] ^= mask[1];
        for (size_t i = 4; i < n; i++)
            value[i] ^= mask[i - 4];
    }
    stun_end(w);
}

void stun_put_error(struct writer *w, enum stun_code code)
{
    put_header(w, STUN_ATTR_ERROR_CODE, 4);
    w_u16(w, 0);
    w_u8(w, (uint8_t)(code / 100));
    w_u8(w, (uint8_t)(code % 100));
    stun_end(w);
}

void stun_put_address_error(struct writer *w, uint8_t family, enum stun_code code)
{
    put_header(w, STUN_ATTR_ADDRESS_ERROR_CODE, 4);
    w_u8(w, family);
    w_u8(w, 0);
    w_u8(w, (uint8_t)(code / 100));
    w_u8(w, (uint8_t)(code % 100));
    stun_end(w);
}

void stun_put_algorithms(struct writer *w)
{
    static const uint8_t offer[] = {0, STUN_ALG_SHA256, 0, 0, 0, STUN_ALG_MD5, 0, 0};
    stun_put_bytes(w, STUN_ATTR_PASSWORD_ALGORITHMS, span_of(offer, sizeof offer));
}

void stun_put_icmp(struct writer *w, const struct stun_icmp *icmp)
{
    put_header(w, STUN_ATTR_ICMP, 8);
    w_u16(w, 0);
    /* The figure gives the type 7 bits and the code 9. */
    w_u16(w, (uint16_t)((icmp->type & 0x7f) << 9 | icmp->code));
    w_u32(w, icmp->data);
    stun_end(w);
}

size_t stun_data_header(uint8_t *payload, size_t n, const uint8_t tid[STUN_TID_LEN],
                        const struct addr *peer)
{
    size_t room = STUN_HEADER_LEN + 2 * STUN_ATTR_HEADER_LEN + addr_value_len(peer);
    if (n > LENGTH_MAX || room - STUN_HEADER_LEN + ((n + 3) & ~(size_t)3) > LENGTH_MAX)
        return 0;
    struct writer w = w_over(payload - room, room);
    stun_begin(&w, STUN_INDICATION, STUN_DATA, tid);
    stun_put_addr(&w, STUN_ATTR_XOR_PEER_ADDRESS, peer);
    put_header(&w, STUN_ATTR_DATA, n);
    w_patch16(&w, LENGTH_AT, (uint16_t)(room - STUN_HEADER_LEN + ((n + 3) & ~(size_t)3)));
    return w.bad ? 0 : room;
}
