/* Transport address as a value: 20 bytes, no padding, comparable and hashable as bytes. sockaddr
 * lives in net only. */
#ifndef RELAY_BASE_ADDR_H
#define RELAY_BASE_ADDR_H

#include "base/span.h"

enum addr_family { ADDR_NONE = 0, ADDR_V4 = 4, ADDR_V6 = 6 };
enum addr_size { ADDR_TEXT = 64 }; /* "[v6]:port" with its NUL */

struct addr {
    uint8_t family; /* enum addr_family */
    uint8_t zero;   /* always 0, so that equal addresses are equal bytes */
    uint16_t port;  /* host order */
    uint8_t ip[16]; /* network order; IPv4 uses the first 4 and zeroes the rest */
};

struct cidr {
    struct addr net; /* port 0, host bits 0 */
    uint8_t bits;
};

/* ip points to 4 bytes for ADDR_V4, to 16 for ADDR_V6. */
struct addr addr_make(enum addr_family family, const void *ip, uint16_t port);
bool addr_eq(const struct addr *a, const struct addr *b);
/* Families and addresses equal, ports ignored. */
bool addr_eq_ip(const struct addr *a, const struct addr *b);
/* IPv4-mapped IPv6 (::ffff:a.b.c.d) becomes IPv4; all else is returned as it is. */
struct addr addr_normalise(const struct addr *a);
/* The address cut to its first bits, port 0: v4_bits for IPv4, v6_bits for IPv6. */
struct addr addr_prefix(const struct addr *a, uint8_t v4_bits, uint8_t v6_bits);
bool addr_is_any(const struct addr *a);

/* "192.0.2.1", "192.0.2.1:3478", "2001:db8::1", "[2001:db8::1]:3478"; port 0 when none is given.
 * false leaves *ret untouched. */
bool addr_parse(const char *text, struct addr *ret);
/* For the operator's own addresses only: output lint allows it in the audited files. Writes the
 * port when it is not 0. Returns buf. */
const char *addr_format(const struct addr *a, char buf[ADDR_TEXT]);

/* "10.0.0.0/8", "2001:db8::/32", or a single address. Host bits must be 0. */
bool cidr_parse(const char *text, struct cidr *ret);
bool cidr_contains(const struct cidr *c, const struct addr *a);

#endif
