/* Messages in a byte stream (RFC 8489 section 6.2.2, RFC 8656 section 12.5): their own lengths are
 * the only framing there is. */
#ifndef RELAY_WIRE_FRAME_H
#define RELAY_WIRE_FRAME_H

#include "base/span.h"

enum frame_state {
    FRAME_MORE,    /* not all of it is there yet */
    FRAME_MESSAGE, /* a STUN message or ChannelData */
    FRAME_BAD,     /* no message can start like this: the stream is lost */
};

enum frame_size { FRAME_MAX = 20 + 65532 }; /* the longest there is: a STUN message */

struct frame {
    size_t len;    /* of the message, as the engine wants it */
    size_t padded; /* what it takes in the stream; the next message starts behind it */
};

/* Looks at the start of what has been received. *ret is filled for FRAME_MESSAGE, and for
 * FRAME_MORE as soon as the lengths are known (0 before). */
enum frame_state frame_next(struct span received, struct frame *ret);

#endif
