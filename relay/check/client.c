/* Requests and answers; what comes in is as untrusted as on the server. */
#include "check/client_int.h"

#include <errno.h>

#include "base/reader.h"
#include "crypto/longterm.h"
#include "wire/chandata.h"
#include "wire/stun_auth.h"
#include "wire/stun_build.h"

enum { TRIES = 3, FIRST_WAIT_MS = 200, STREAM_WAIT_MS = 3000, PROTOCOL_UDP = 17, FAMILY_IPV6 = 2 };

int client_open(struct client *c, const struct addr *server, enum link_over over,
                const struct client_login *login)
{
    memset(c, 0, sizeof(*c));
    c->login = login;
    c->crypto = crypto_new();
    int r = c->crypto ? link_open(&c->link, server, over) : -ENOMEM;
    if (r < 0)
        client_close(c);
    return r;
}

void client_close(struct client *c)
{
    link_close(&c->link);
    if (c->crypto)
        crypto_free(c->crypto);
    crypto_wipe(c, sizeof(*c));
}

static usec_t after_ms(int64_t ms)
{
    return clock_monotonic() + ms * 1000;
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

static bool is_answer(struct client *c, struct span message, const uint8_t tid[STUN_TID_LEN])
{
    if (stun_parse(message, &c->reply) < 0)
        return false;
    bool cls = c->reply.cls == STUN_SUCCESS || c->reply.cls == STUN_ERROR;
    return cls && memcmp(c->reply.tid, tid, STUN_TID_LEN) == 0;
}

/* Until the answer to tid, or the end of time. */
static int await(struct client *c, const uint8_t tid[STUN_TID_LEN], usec_t until)
{
    struct span message;
    int r;
    while ((r = link_receive(&c->link, until, &message)) == 0)
        if (is_answer(c, message, tid))
            return 0;
    return r;
}

static int exchange(struct client *c, const struct client_request *r)
{
    uint8_t tid[STUN_TID_LEN];
    int got = -ETIMEDOUT;
    int refused = 0;
    crypto_random(tid, sizeof(tid));
    struct span out = build(c, r, tid);
    if (link_is_stream(c->link.over)) {
        got = link_send(&c->link, out);
        return got < 0 ? -ECONNRESET : await(c, tid, after_ms(STREAM_WAIT_MS));
    }
    for (int i = 0; i < TRIES && got == -ETIMEDOUT; i++) {
        usec_t until = after_ms(FIRST_WAIT_MS << i);
        int sent = link_send(&c->link, out);
        if (sent == -ECONNREFUSED || sent == -EHOSTUNREACH || sent == -ENETUNREACH)
            refused = sent;
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
    static const uint8_t padding[3];
    uint8_t tid[STUN_TID_LEN];
    struct writer w = w_over(c->out, sizeof(c->out));
    if (channel) {
        w_u16(&w, channel);
        w_u16(&w, (uint16_t)data.n);
        w_bytes(&w, data);
        w_bytes(&w, span_of(padding, link_is_stream(c->link.over) ? (4 - data.n % 4) % 4 : 0));
    } else {
        crypto_random(tid, sizeof(tid));
        stun_begin(&w, STUN_INDICATION, STUN_SEND, tid);
        stun_put_addr(&w, STUN_ATTR_XOR_PEER_ADDRESS, peer);
        stun_put_bytes(&w, STUN_ATTR_DATA, data);
        stun_end(&w);
    }
    (void)link_send(&c->link, w_span(&w));
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
    usec_t until = after_ms(wait_ms);
    struct span message;
    while (link_receive(&c->link, until, &message) == 0)
        if (take_data(c, message, ret))
            return true;
    return false;
}

bool client_unconnect(struct client *c)
{
    return link_unconnect(&c->link);
}

void client_plain_send(struct client *c, const struct addr *to, struct span data)
{
    link_send_to(&c->link, to, data);
}

bool client_plain_receive(struct client *c, int wait_ms, struct client_data *ret)
{
    struct span data;
    return link_receive_from(&c->link, after_ms(wait_ms), &ret->from, &data) && keep(data, ret);
}
