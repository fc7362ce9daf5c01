/* The message type's bits (RFC 8489 section 5, figure 3): M11-M7 C1 M6-M4 C0 M3-M0. */
#include "wire/stun.h"

uint16_t stun_type(enum stun_class cls, uint16_t method)
{
    unsigned c = cls;
    return (uint16_t)((method & 0x00fU) | (method & 0x070U) << 1 | (method & 0xf80U) << 2 |
                      (c & 1) << 4 | (c & 2) << 7);
}

enum stun_class stun_type_class(uint16_t type)
{
    return (enum stun_class)((type >> 4 & 1) | (type >> 7 & 2));
}

uint16_t stun_type_method(uint16_t type)
{
    return (uint16_t)((type & 0x000f) | (type >> 1 & 0x0070) | (type >> 2 & 0x0f80));
}
