/* What a datagram is, by its first byte (RFC 7983 section 7, RFC 9443 section 3), as seen by a TURN
 * server: everything that is not for us is dropped without an answer. */
#ifndef RELAY_WIRE_DEMUX_H
#define RELAY_WIRE_DEMUX_H

#include <stdint.h>

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
