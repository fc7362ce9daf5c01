/* What a datagram is, by its first byte (RFC 7983 section 7, RFC 9443 section 3), as seen by a TURN
 * server: everything that is not for us is dropped without an answer. */
#ifndef RELAY_WIRE_DEMUX_H
#define RELAY_WIRE_DEMUX_H

#include "wire/stun.h"

/* For a filter that sees no more than bytes: what media looks like, and where STUN has its cookie.
 * The two highest bits take in the channels that RFC 5766 had. */
enum demux_bytes {
    DEMUX_CHANNEL_MASK = 0xC0,
    DEMUX_CHANNEL_BITS = 0x40,
    DEMUX_DTLS_DATA = 23,
    DEMUX_SEND = STUN_SEND | STUN_INDICATION << 4, /* type of a Send indication */
    DEMUX_COOKIE_AT = 4,
};
#define DEMUX_COOKIE STUN_MAGIC

enum demux { DEMUX_STUN, DEMUX_DTLS, DEMUX_CHANNEL, DEMUX_OTHER };

static inline enum demux demux_first_byte(uint8_t b)
{
    if (b <= 3)
        return DEMUX_STUN;
    if (b >= 20 && b <= 63)
        return DEMUX_DTLS;
    if (b >= 64 && b <= 79)
        return DEMUX_CHANNEL;
    return DEMUX_OTHER;
}

#endif
