/* Requests and answers over one UDP socket; what comes in is as untrusted as on the server. */
#include "main/check_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/reader.h"
#include "crypto/longterm.h"
#include "wire/chandata.h"
#include "wire/stun_auth.h"
#include "wire/stun_build.h"

enum { TRIES = 3, FIRST_WAIT_MS = 200, PROTOCOL_UDP = 17, FAMILY_IPV6 = 2 };

union name {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

static socklen_t to_name(const struct addr *a, union name *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (a->family == ADDR_V6) {
        ret->in6.sin6_family = AF_INET6;
        ret->in6.sin6_port = htons(a->port);
        memcpy(&ret->in6.sin6_addr, a->ip, 16);
        return sizeof(ret->in6);
    }
    ret->in.sin_family = AF_INET;
    ret->in.sin_port = htons(a->port);
    memcpy(&ret->in.sin_addr, a->ip, 4);
    return sizeof(ret->in);
}

static struct addr from_name(const union name *name)
{
    if (name->sa.sa_family == AF_INET6)
        return addr_make(ADDR_V6, &name->in6.sin6_addr, ntohs(name->in6.sin6_port));
    return addr_make(ADDR_V4, &name->in.sin_addr, ntohs(name->in.sin_port));
}

int client_open(struct client *c, const struct addr *server, const struct client_login *login)
{
    union name name;
    socklen_t n = to_name(server, &name);
    memset(c, 0, sizeof(*c));
    c->server = *server;
    c->login = login;
    c->fd = socket(name.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    c->crypto = crypto_new();
    if (c->fd > 0 && c->crypto && connect(c->fd, &name.sa, n) == 0)
        return 0;
    int r = c->crypto ? -errno : -ENOMEM;
    client_close(c);
    return r;
}

void client_close(struct client *c)
{
    if (c->crypto)
        crypto_free(c->crypto);
    if (c->fd > 0)
        close(c->fd);
    crypto_wipe(c, sizeof(*c));
}

static bool wait_readable(int fd, usec_t until)
{
    usec_t left = until - clock_monotonic();
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return left > 0 && poll(&p, 1, (int)(left / 1000) + 1) > 0;
}

static bool key(struct client *c, uint8_t ret[DIGEST_MAX])
{
    const struct longterm who = {span_text(c->login->user), span_text(c->realm),
                                 span_text(c->login->password)};
    return longterm_key(c->crypto, DIGEST_MD5, &who, ret) == MD5_LEN;
}

static void put_login(struct client *c, struct writer *w)
{
    uint8_t k[DIGEST_MAX];
    stun_put_bytes(w, STUN_ATTR_USERNAME, span_text(c->login->user));
    stun_put_bytes(w, STUN_ATTR_REALM, span_text(c->realm));
    stun_put_bytes(w, STUN_ATTR_NONCE, span_text(c->nonce));
    if (key(c, k))
        stun_sign(w, c->crypto, STUN_ATTR_MESSAGE_INTEGRITY, span_of(k, MD5_LEN));
    crypto_wipe(k, sizeof(k));
}

static struct span build(struct client *c, const struct client_request *r,
                         const uint8_t tid[STUN_TID_LEN])
{
    struct writer w = w_over(c->out, sizeof(c->out));
    stun_begin(&w, STUN_REQUEST, r->method, tid);
    if (r->transport)
        stun_put_number(&w, STUN_ATTR_REQUESTED_TRANSPORT, PROTOCOL_UDP);
    if (r->ipv6)
        stun_put_number(&w, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, FAMILY_IPV6);
    if (r->end)
        stun_put_number(&w, STUN_ATTR_LIFETIME, 0);
    if (r->channel)
        stun_put_number(&w, STUN_ATTR_CHANNEL_NUMBER, r->channel);
    if (r->peer)
        stun_put_addr(&w, STUN_ATTR_XOR_PEER_ADDRESS, r->peer);
    if (r->login)
        put_login(c, &w);
    stun_fingerprint(&w);
    stun_end(&w);
    return w_span(&w);
}

static bool is_answer(struct client *c, ssize_t n, const uint8_t tid[STUN_TID_LEN])
{
    if (n <= 0 || stun_parse(span_of(c->in, (size_t)n), &c->reply) < 0)
        return false;
    bool cls = c->reply.cls == STUN_SUCCESS || c->reply.cls == STUN_ERROR;
    return cls && memcmp(c->reply.tid, tid, STUN_TID_LEN) == 0;
}

/* Until the answer to tid, or the end of time. */
static int await(struct client *c, const uint8_t tid[STUN_TID_LEN], usec_t until)
{
    while (wait_readable(c->fd, until)) {
        ssize_t n = recv(c->fd, c->in, sizeof(c->in), MSG_DONTWAIT);
        if (n < 0 && errno == ECONNREFUSED)
            return -ECONNREFUSED;
        if (is_answer(c, n, tid))
            return 0;
    }
    return -ETIMEDOUT;
}

static int exchange(struct client *c, const struct client_request *r)
{
    uint8_t tid[STUN_TID_LEN];
    int got = -ETIMEDOUT;
    int refused = 0;
    crypto_random(tid, sizeof(tid));
    struct span out = build(c, r, tid);
    for (int i = 0; i < TRIES && got == -ETIMEDOUT; i++) {
        usec_t until = clock_monotonic() + (usec_t)(FIRST_WAIT_MS << i) * 1000;
        if (send(c->fd, out.p, out.n, 0) < 0 && errno == ECONNREFUSED)
            refused = -ECONNREFUSED;
        got = await(c, tid, until);
    }
    return got == -ETIMEDOUT && refused ? refused : got;
}

static void take_text(const struct client *c, enum stun_attr a, char ret[CLIENT_TEXT])
{
    struct span s;
    if (!stun_get_bytes(&c->reply, a, &s) || s.n >= CLIENT_TEXT || memchr(s.p, 0, s.n))
        return;
    memcpy(ret, s.p, s.n);
    ret[s.n] = 0;
}

static int code_of(struct client *c)
{
    struct span s;
    if (!stun_get_bytes(&c->reply, STUN_ATTR_ERROR_CODE, &s) || s.n < 4)
        return -EBADMSG;
    take_text(c, STUN_ATTR_REALM, c->realm);
    take_text(c, STUN_ATTR_NONCE, c->nonce);
    struct reader r = r_from(s);
    r_u16(&r);
    int hundreds = r_u8(&r) & 7;
    return hundreds * 100 + r_u8(&r);
}

static int judge(struct client *c, const struct client_request *r)
{
    uint8_t k[DIGEST_MAX];
    if (c->reply.cls == STUN_ERROR)
        return code_of(c);
    if (!r->login)
        return 0;
    bool ok = key(c, k) &&
              stun_verify(&c->reply, c->crypto, STUN_ATTR_MESSAGE_INTEGRITY, span_of(k, MD5_LEN));
    crypto_wipe(k, sizeof(k));
    return ok ? 0 : -EBADMSG;
}

int client_call(struct client *c, const struct client_request *r)
{
    int got = exchange(c, r);
    if (got == 0)
        got = judge(c, r);
    if (got == STUN_STALE_NONCE && r->login) {
        got = exchange(c, r);
        if (got == 0)
            got = judge(c, r);
    }
    return got;
}

void client_send(struct client *c, uint16_t channel, const struct addr *peer, struct span data)
{
    uint8_t tid[STUN_TID_LEN];
    struct writer w = w_over(c->out, sizeof(c->out));
    if (channel) {
        w_u16(&w, channel);
        w_u16(&w, (uint16_t)data.n);
        w_bytes(&w, data);
    } else {
        crypto_random(tid, sizeof(tid));
        stun_begin(&w, STUN_INDICATION, STUN_SEND, tid);
        stun_put_addr(&w, STUN_ATTR_XOR_PEER_ADDRESS, peer);
        stun_put_bytes(&w, STUN_ATTR_DATA, data);
        stun_end(&w);
    }
    struct span out = w_span(&w);
    (void)send(c->fd, out.p, out.n, 0);
}

static bool keep(struct span data, struct client_data *ret)
{
    if (data.n > sizeof(ret->bytes))
        return false;
    memcpy(ret->bytes, data.p, data.n);
    ret->n = data.n;
    return true;
}

static bool take_data(struct client *c, struct span datagram, struct client_data *ret)
{
    uint16_t channel;
    struct span data;
    if (chandata_parse(datagram, &channel, &data))
        return keep(data, ret);
    if (stun_parse(datagram, &c->reply) < 0 || c->reply.method != STUN_DATA)
        return false;
    return stun_get_addr(&c->reply, STUN_ATTR_XOR_PEER_ADDRESS, &ret->from) &&
           stun_get_bytes(&c->reply, STUN_ATTR_DATA, &data) && keep(data, ret);
}

bool client_receive(struct client *c, int wait_ms, struct client_data *ret)
{
    usec_t until = clock_monotonic() + (usec_t)wait_ms * 1000;
    while (wait_readable(c->fd, until)) {
        ssize_t n = recv(c->fd, c->in, sizeof(c->in), MSG_DONTWAIT);
        if (n > 0 && take_data(c, span_of(c->in, (size_t)n), ret))
            return true;
    }
    return false;
}

/* The kernel forgets the port together with the other end, so it is bound again. */
bool client_unconnect(struct client *c)
{
    const struct sockaddr none = {.sa_family = AF_UNSPEC};
    union name name;
    socklen_t n = sizeof(name);
    if (getsockname(c->fd, &name.sa, &n) < 0 || connect(c->fd, &none, sizeof(none)) < 0)
        return false;
    return bind(c->fd, &name.sa, n) == 0;
}

void client_plain_send(struct client *c, const struct addr *to, struct span data)
{
    union name name;
    socklen_t n = to_name(to, &name);
    (void)sendto(c->fd, data.p, data.n, 0, &name.sa, n);
}

bool client_plain_receive(struct client *c, int wait_ms, struct client_data *ret)
{
    union name name;
    socklen_t len = sizeof(name);
    if (!wait_readable(c->fd, clock_monotonic() + (usec_t)wait_ms * 1000))
        return false;
    ssize_t n = recvfrom(c->fd, ret->bytes, sizeof(ret->bytes), MSG_DONTWAIT, &name.sa, &len);
    if (n < 0)
        return false;
    ret->n = (size_t)n;
    ret->from = from_name(&name);
    return true;
}
