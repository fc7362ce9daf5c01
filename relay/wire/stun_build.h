/* Writes STUN messages into a caller's buffer; padding is always zero. Overflow turns the writer
 * `bad` and is tested once, at the end. */
#ifndef RELAY_WIRE_STUN_BUILD_H
#define RELAY_WIRE_STUN_BUILD_H

#include "base/addr.h"
#include "base/writer.h"
#include "wire/stun.h"
#include "wire/stun_attr.h"

/* The message must start at the writer's first byte. */
void stun_begin(struct writer *w, enum stun_class cls, uint16_t method,
                const uint8_t tid[STUN_TID_LEN]);
/* Patches the header's length. Every stun_put_* leaves it right already for MACs; call last. */
void stun_end(struct writer *w);

/* BYTES, TEXT, FLAG, TYPES, ALGS kinds: the value as it is. */
void stun_put_bytes(struct writer *w, enum stun_attr a, struct span value);
/* U8, U8PAD, U16PAD, U32 kinds. */
void stun_put_number(struct writer *w, enum stun_attr a, uint32_t value);
/* ADDR and XADDR kinds; XADDR uses the transaction id already in the header. */
void stun_put_addr(struct writer *w, enum stun_attr a, const struct addr *addr);
/* ERROR-CODE without a reason phrase (RFC 8489 14.8 allows an empty one). */
void stun_put_error(struct writer *w, enum stun_code code);
/* ADDRESS-ERROR-CODE, RFC 8656 18.12; family is 1 or 2. */
void stun_put_address_error(struct writer *w, uint8_t family, enum stun_code code);
/* PASSWORD-ALGORITHMS {SHA-256, MD5}, our only offer. */
void stun_put_algorithms(struct writer *w);

struct stun_icmp {
    uint8_t type;
    uint8_t code;
    uint32_t data;
};

/* RFC 8656 18.13. */
void stun_put_icmp(struct writer *w, const struct stun_icmp *icmp);

/* Header and attribute headers of a Data indication, to be put in front of payload bytes that are
 * in place already: writes exactly the returned number of bytes, ending where the payload starts
 * (36 for IPv4, 48 for IPv6), or returns 0 if n is too large for STUN. The payload's padding bytes
 * (0 to 3) are the caller's to write as zero. */
size_t stun_data_header(uint8_t *payload, size_t n, const uint8_t tid[STUN_TID_LEN],
                        const struct addr *peer);

enum stun_headroom { STUN_HEADROOM = 48 };

#endif
