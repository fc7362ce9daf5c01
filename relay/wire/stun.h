/* Numbers of STUN and TURN (RFC 8489, RFC 8656, RFC 6062). */
#ifndef RELAY_WIRE_STUN_H
#define RELAY_WIRE_STUN_H

#include <stdint.h>

enum stun_size { STUN_HEADER_LEN = 20, STUN_TID_LEN = 12, STUN_ATTR_HEADER_LEN = 4 };

#define STUN_MAGIC UINT32_C(0x2112A442)
#define STUN_FINGERPRINT_XOR UINT32_C(0x5354554E) /* RFC 8489 14.7 */

enum stun_class { STUN_REQUEST = 0, STUN_INDICATION = 1, STUN_SUCCESS = 2, STUN_ERROR = 3 };

enum stun_method {
    STUN_BINDING = 0x001,
    STUN_ALLOCATE = 0x003,
    STUN_REFRESH = 0x004,
    STUN_SEND = 0x006,
    STUN_DATA = 0x007,
    STUN_CREATE_PERMISSION = 0x008,
    STUN_CHANNEL_BIND = 0x009,
    STUN_CONNECT = 0x00a,
    STUN_CONNECTION_BIND = 0x00b,
    STUN_CONNECTION_ATTEMPT = 0x00c,
};

/* Error codes as handlers return them; 0 = success. */
enum stun_code {
    STUN_OK = 0,
    STUN_TRY_ALTERNATE = 300,
    STUN_BAD_REQUEST = 400,
    STUN_UNAUTHENTICATED = 401,
    STUN_FORBIDDEN = 403,
    STUN_UNKNOWN_ATTRIBUTE = 420,
    STUN_ALLOCATION_MISMATCH = 437,
    STUN_STALE_NONCE = 438,
    STUN_FAMILY_UNSUPPORTED = 440,
    STUN_WRONG_CREDENTIALS = 441,
    STUN_TRANSPORT_UNSUPPORTED = 442,
    STUN_FAMILY_MISMATCH = 443,
    STUN_CONNECTION_EXISTS = 446,
    STUN_CONNECTION_FAILED = 447,
    STUN_QUOTA_REACHED = 486,
    STUN_SERVER_ERROR = 500,
    STUN_NO_CAPACITY = 508,
};

enum stun_password_algorithm { STUN_ALG_MD5 = 1, STUN_ALG_SHA256 = 2 };

/* First 14 bits interleave class and method (RFC 8489 section 5, figure 3). */
uint16_t stun_type(enum stun_class cls, uint16_t method);
enum stun_class stun_type_class(uint16_t type);
uint16_t stun_type_method(uint16_t type);

#endif
