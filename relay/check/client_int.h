/* A small blocking TURN client for drehkreuz check. */
#ifndef RELAY_CHECK_CLIENT_INT_H
#define RELAY_CHECK_CLIENT_INT_H

#include "check/link_int.h"
#include "crypto/crypto.h"
#include "wire/stun_parse.h"

enum client_limit { CLIENT_TEXT = 768, CLIENT_BUFFER = 2048, CLIENT_DATA = 64 };

struct client_login {
    char user[CLIENT_TEXT];
    char password[CLIENT_TEXT];
};

/* Data that came by the allocation: its source and its bytes. */
struct client_data {
    struct addr from;
    uint8_t bytes[CLIENT_DATA];
    size_t n;
};

struct client {
    struct link link;
    struct crypto *crypto;
    const struct client_login *login;
    char realm[CLIENT_TEXT]; /* of the last challenge; "" = none yet */
    char nonce[CLIENT_TEXT];
    uint8_t out[CLIENT_BUFFER];
    struct stun_msg reply; /* points into the link's bytes */
};

struct client_request {
    uint16_t method;
    bool login;              /* with credential; needs a challenge before */
    bool transport;          /* REQUESTED-TRANSPORT: UDP */
    bool ipv6;               /* REQUESTED-ADDRESS-FAMILY: IPv6 */
    bool end;                /* LIFETIME 0 */
    uint16_t channel;        /* 0 = none */
    const struct addr *peer; /* NULL = none */
};

/* As link_open, or -ENOMEM. The login is borrowed and may be changed between calls. */
int client_open(struct client *c, const struct addr *server, enum link_over over,
                const struct client_login *login);
/* Safe on a zeroed client. */
void client_close(struct client *c);

/* Sends until an answer comes, three times within 1.4 s; in a stream once, and waits 3 s. 0 =
 * success, > 0 = STUN error code, else -ETIMEDOUT, -ECONNREFUSED (the host said that nobody
 * listens), -EHOSTUNREACH or -ENETUNREACH (a router or firewall did), -ECONNRESET (the server ended
 * the connection), -EBADMSG (the answer is not signed as it must be). A new nonce is taken up and
 * tried once. */
int client_call(struct client *c, const struct client_request *r);

/* Data to a peer: by ChannelData, or by Send indication when channel is 0. */
void client_send(struct client *c, uint16_t channel, const struct addr *peer, struct span data);
/* Waits for data by Data indication or ChannelData. */
bool client_receive(struct client *c, int wait_ms, struct client_data *ret);

/* --- The peer's side: plain datagrams --- */

/* From now on the socket talks to anyone, from the same port. */
bool client_unconnect(struct client *c);
void client_plain_send(struct client *c, const struct addr *to, struct span data);
bool client_plain_receive(struct client *c, int wait_ms, struct client_data *ret);

#endif
