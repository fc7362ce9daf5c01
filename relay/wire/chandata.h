/* ChannelData (RFC 8656 section 12.4): channel number, length, data. */
#ifndef RELAY_WIRE_CHANDATA_H
#define RELAY_WIRE_CHANDATA_H

#include "base/span.h"

enum chandata_size { CHANDATA_HEADER_LEN = 4 };
enum channel_range {
    CHANNEL_FIRST = 0x4000,
    CHANNEL_LAST = 0x4FFF,         /* RFC 8656 section 12 */
    CHANNEL_LAST_RFC5766 = 0x7FFF, /* what clients before it may pick */
};

/* A datagram: longer than claimed is cut to the claim, shorter is false (RFC 8656 section 12.6). */
static inline bool chandata_parse(struct span datagram, uint16_t *ret_number, struct span *ret_data)
{
    if (datagram.n < CHANDATA_HEADER_LEN)
        return false;
    uint16_t number = (uint16_t)(datagram.p[0] << 8 | datagram.p[1]);
    size_t len = (size_t)(datagram.p[2] << 8 | datagram.p[3]);
    if (number < CHANNEL_FIRST || number > CHANNEL_LAST_RFC5766 ||
        len > datagram.n - CHANDATA_HEADER_LEN)
        return false;
    *ret_number = number;
    *ret_data = span_of(datagram.p + CHANDATA_HEADER_LEN, len);
    return true;
}

/* Writes the four bytes in front of payload. */
static inline void chandata_header(uint8_t *payload, uint16_t number, uint16_t len)
{
    payload[-4] = (uint8_t)(number >> 8);
    payload[-3] = (uint8_t)number;
    payload[-2] = (uint8_t)(len >> 8);
    payload[-1] = (uint8_t)len;
}

#endif
