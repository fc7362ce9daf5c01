/* The library's view of the network: a session reads the one datagram that it was handed, and what
 * it writes is a datagram each, into the batch. And the cookies, which need no memory because they
 * are made again from the address when they come back. */
#include "net/dtls_int.h"

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "base/writer.h"

/* A cookie is good in the period it was made in and in the next. */
enum { COOKIE_PERIOD_S = 60, IP_AND_UDP = 48 };

static int io_read(BIO *bio, char *buf, int cap)
{
    struct session *s = BIO_get_data(bio);
    size_t n = s->in.n;

    BIO_clear_retry_flags(bio);
    if (n == 0 || cap <= 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    if (n > (size_t)cap)
        n = (size_t)cap;
    memcpy(buf, s->in.p, n);
    s->in = span_of(NULL, 0);
    return (int)n;
}

/* What finds no room is lost, as on any network. */
static int io_write(BIO *bio, const char *buf, int n)
{
    struct session *s = BIO_get_data(bio);
    struct worker *w = s->dtls->worker;
    uint8_t *slot = n > 0 && n <= ARENA_BODY ? arena_take(&w->arena, (size_t)n) : NULL;

    BIO_clear_retry_flags(bio);
    if (!slot)
        return n;
    memcpy(slot, buf, (size_t)n);
    struct out_pkt pkt = {.data = span_of(slot, (size_t)n),
                          .to = s->flow.client,
                          .from = s->flow.server,
                          .tos = s->out_tos};
    batch_push(&w->batch, &w->listeners[s->listener->index].out, &pkt);
    return n;
}

static long io_ctrl(BIO *bio, int command, long number, void *arg)
{
    (void)bio;
    (void)number;
    (void)arg;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_DGRAM_GET_MTU_OVERHEAD:
        return IP_AND_UDP;
    default:
        return 0;
    }
}

static int io_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

struct bio_method_st *dtls_io_new(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagrams");

    if (!m)
        return NULL;
    BIO_meth_set_read(m, io_read);
    BIO_meth_set_write(m, io_write);
    BIO_meth_set_ctrl(m, io_ctrl);
    BIO_meth_set_create(m, io_create);
    return m;
}

void dtls_io_free(struct bio_method_st *method)
{
    BIO_meth_free(method);
}

struct bio_st *dtls_io_open(const struct bio_method_st *method, struct session *s)
{
    BIO *bio = BIO_new(method);

    if (bio)
        BIO_set_data(bio, s);
    return bio;
}

static void make_cookie(const struct session *s, uint64_t period, uint8_t ret[DTLS_COOKIE])
{
    uint8_t text[2 * sizeof(struct addr) + sizeof period];
    struct writer w = w_over(text, sizeof text);
    struct writer out = w_over(ret, DTLS_COOKIE);

    w_bytes(&w, span_of(&s->flow.client, sizeof s->flow.client));
    w_bytes(&w, span_of(&s->flow.server, sizeof s->flow.server));
    w_u64(&w, period);
    for (size_t i = 0; i < 2; i++)
        w_u64(&out, siphash(s->dtls->cookie_keys[i], text, sizeof text));
}

static struct session *session_of(SSL *ssl)
{
    return BIO_get_data(SSL_get_rbio(ssl));
}

static uint64_t period_now(const struct session *s)
{
    return (uint64_t)worker_now(s->dtls->worker) / (COOKIE_PERIOD_S * USEC_PER_SEC);
}

int dtls_cookie_make(struct ssl_st *ssl, unsigned char *ret, unsigned *ret_n)
{
    const struct session *s = session_of(ssl);

    make_cookie(s, period_now(s), ret);
    *ret_n = DTLS_COOKIE;
    return 1;
}

int dtls_cookie_check(struct ssl_st *ssl, const unsigned char *cookie, unsigned n)
{
    const struct session *s = session_of(ssl);
    uint8_t want[DTLS_COOKIE];
    int good = 0;

    if (n != sizeof want)
        return 0;
    for (uint64_t back = 0; back < 2; back++) {
        make_cookie(s, period_now(s) - back, want);
        good |= CRYPTO_memcmp(want, cookie, n) == 0;
    }
    return good;
}
