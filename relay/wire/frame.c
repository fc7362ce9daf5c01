/* Where messages end in a byte stream. */
#include "wire/frame.h"

#include "base/reader.h"
#include "wire/chandata.h"
#include "wire/demux.h"
#include "wire/stun.h"

/* What the lengths say; false while too little is there to tell. */
static bool lengths(struct span received, enum demux kind, struct frame *ret)
{
    struct reader r = r_from(received);

    r_u16(&r);
    size_t len = r_u16(&r);
    if (r.bad)
        return false;
    ret->len = len + (kind == DEMUX_STUN ? (size_t)STUN_HEADER_LEN : (size_t)CHANDATA_HEADER_LEN);
    ret->padded = (ret->len + 3) / 4 * 4;
    return true;
}

/* RFC 8489 section 5: the length is a multiple of four, then the cookie. Judged byte by byte, as
 * far as they are there. */
static bool is_lost(struct span received)
{
    static const uint8_t cookie[] = {0x21, 0x12, 0xa4, 0x42};
    enum { LENGTH_LOW = 3, COOKIE_AT = 4 };

    if (received.n > LENGTH_LOW && received.p[LENGTH_LOW] % 4 != 0)
        return true;
    if (received.n <= COOKIE_AT)
        return false;
    size_t n = received.n - COOKIE_AT;
    return memcmp(received.p + COOKIE_AT, cookie, n < sizeof cookie ? n : sizeof cookie) != 0;
}

/* Numbers of RFC 5766 that RFC 8656 gave back are framed like the others: whether they mean
 * anything is for the engine to say, and the stream is not lost by them. */
static enum demux kind_of(uint8_t first)
{
    return first >= CHANNEL_FIRST >> 8 && first <= CHANNEL_LAST_RFC5766 >> 8
               ? DEMUX_CHANNEL
               : demux_first_byte(first);
}

enum frame_state frame_next(struct span received, struct frame *ret)
{
    struct frame f = {0, 0};

    if (received.n > 0) {
        enum demux kind = kind_of(*received.p);
        bool stun = kind == DEMUX_STUN;
        if ((!stun && kind != DEMUX_CHANNEL) || (stun && is_lost(received)))
            return FRAME_BAD;
        lengths(received, kind, &f);
    }
    *ret = f;
    return f.padded > 0 && received.n >= f.padded ? FRAME_MESSAGE : FRAME_MORE;
}
