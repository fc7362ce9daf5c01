/* MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256 (RFC 8489 14.5, 14.6) and FINGERPRINT (14.7).
 *
 *   header | attributes ... | MI | MI-SHA256 | FINGERPRINT
 *   |<- covered by MI ---->|
 *   |<- covered by MI-SHA256 -->|
 *   |<- covered by FINGERPRINT ------------->|      each with the header length up to its own end
 */
#ifndef RELAY_WIRE_STUN_AUTH_H
#define RELAY_WIRE_STUN_AUTH_H

#include "crypto/crypto.h"
#include "wire/stun_build.h"
#include "wire/stun_parse.h"

/* attr is STUN_ATTR_MESSAGE_INTEGRITY or STUN_ATTR_MESSAGE_INTEGRITY_SHA256; absent, truncated or
 * wrong is false. Constant time in the MAC; the message is not modified. */
bool stun_verify(const struct stun_msg *m, struct crypto *c, enum stun_attr attr, struct span key);

/* Appends the attribute over all that is written so far. */
void stun_sign(struct writer *w, struct crypto *c, enum stun_attr attr, struct span key);

/* Appends FINGERPRINT. */
void stun_fingerprint(struct writer *w);

/* CRC-32 of ITU V.42 over the parts joined, as FINGERPRINT uses it, before the XOR. */
uint32_t stun_crc32(const struct span *parts, size_t n_parts);

#endif
