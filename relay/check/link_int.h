/* One way to a server for drehkreuz check: UDP, TCP, TLS or DTLS, message by message. */
#ifndef RELAY_CHECK_LINK_INT_H
#define RELAY_CHECK_LINK_INT_H

#include "check/tls_int.h"

enum link_over { OVER_UDP, OVER_TCP, OVER_TLS, OVER_DTLS, OVER_COUNT };
enum link_size { LINK_BUFFER = 4096 };

static inline bool link_is_stream(enum link_over over)
{
    return over == OVER_TCP || over == OVER_TLS;
}

static inline bool link_is_tls(enum link_over over)
{
    return over == OVER_TLS || over == OVER_DTLS;
}

struct link {
    int fd; /* 0 = closed */
    enum link_over over;
    struct addr server;
    struct tls_client *tls;
    uint8_t in[LINK_BUFFER];
    size_t n;     /* bytes in `in` */
    size_t taken; /* of them handed out already */
};

/* Connects. 0, -ETIMEDOUT, -ECONNREFUSED or another -errno. */
int link_open(struct link *l, const struct addr *server, enum link_over over);
/* Safe on a zeroed link. */
void link_close(struct link *l);

/* For TLS and DTLS; as tls_client_handshake, or -ENOMEM. */
int link_handshake(struct link *l, const char *name);

/* A whole message; padded by the caller where a stream wants it. 0 or -errno. */
int link_send(struct link *l, struct span message);
/* The next message, borrowed until the next call. 0, -ETIMEDOUT, -ECONNREFUSED, -EHOSTUNREACH,
 * -ENETUNREACH, -ECONNRESET (also for what is no message). */
int link_receive(struct link *l, usec_t until, struct span *ret);

/* The first bytes of what comes within a second, whatever they are; how many. */
size_t link_peek(struct link *l, uint8_t *ret, size_t cap);
/* The address it has on this machine. */
bool link_own(const struct link *l, struct addr *ret);

/* --- Plain datagrams --- */

/* From now on the socket talks to anyone, from the same port. */
bool link_unconnect(struct link *l);
void link_send_to(struct link *l, const struct addr *to, struct span data);
/* Cut to cap. */
bool link_receive_from(struct link *l, usec_t until, struct addr *ret_from, struct span *ret);

#endif
