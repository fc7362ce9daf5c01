/* The attribute table as data, and the way from a type to its row. */
#include "wire/stun_attr.h"

static const struct stun_attr_row rows[STUN_ATTR_COUNT] = {
#define X(name, type, kind, min, max) [STUN_ATTR_##name] = {#name, type, kind, min, max},
    STUN_ATTRS(X)
#undef X
};

/* Unique for all rows: two rows of one key would not compile (-Woverride-init). */
#define KEY(type) ((type) % 64 + ((type) >= 0x8000) * 64)
enum { KEYS = 0x80 };

/* Row + 1; 0 = no row. */
static const uint8_t by_key[KEYS] = {
#define X(name, type, kind, min, max) [KEY(type)] = STUN_ATTR_##name + 1,
    STUN_ATTRS(X)
#undef X
};

const struct stun_attr_row *stun_attr_row(enum stun_attr a)
{
    return &rows[a];
}

enum stun_attr stun_attr_find(uint16_t type)
{
    unsigned found = by_key[KEY(type)];
    if (found == 0 || rows[found - 1].type != type)
        return STUN_ATTR_COUNT;
    return (enum stun_attr)(found - 1);
}

size_t stun_kind_width(enum stun_kind kind)
{
    static const uint8_t width[] = {
        [STUN_KIND_U8] = 1,
        [STUN_KIND_U8PAD] = 1,
        [STUN_KIND_U16PAD] = 2,
        [STUN_KIND_U32] = 4,
    };
    return kind < sizeof width ? width[kind] : 0;
}
