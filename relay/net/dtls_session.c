/* One DTLS session: its handshake, its messages, its end. */
#include "net/dtls_int.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/mem.h"
#include "net/tls_int.h"

static bool connect_io(struct session *s)
{
    BIO *bio = dtls_io_open(s->dtls->method, s);

    if (!bio)
        return false;
    SSL_set_bio(s->ssl, bio, bio);
    return DTLS_set_link_mtu(s->ssl, DTLS_MTU) == 1;
}

struct session *session_new(struct dtls *d)
{
    struct session *s = d->worker->tls ? mem_zalloc(sizeof *s) : NULL;

    if (!s)
        return NULL;
    s->dtls = d;
    s->flow.transport = TURN_DTLS;
    wheel_node_init(&s->timer);
    s->tls = tls_retain(d->worker->tls);
    s->ssl = SSL_new(s->tls->pairs[0].datagram);
    if (s->ssl && connect_io(s)) {
        SSL_set_accept_state(s->ssl);
        return s;
    }
    session_free(s);
    return NULL;
}

void session_free(struct session *s)
{
    if (!s)
        return;
    SSL_free(s->ssl);
    ERR_clear_error();
    net_tls_free(s->tls);
    mem_free_wiped(s, sizeof *s);
}

bool session_greet(struct session *s, struct span datagram)
{
    BIO_ADDR *unused = BIO_ADDR_new();

    if (!unused)
        return false;
    s->in = datagram;
    int r = DTLSv1_listen(s->ssl, unused);
    s->in = span_of(NULL, 0);
    BIO_ADDR_free(unused);
    ERR_clear_error();
    return r == 1;
}

/* After a call that gave r: whether there is just nothing more to be had now. */
static bool goes_on(struct session *s, int r)
{
    int error = SSL_get_error(s->ssl, r);

    ERR_clear_error();
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static bool shake(struct session *s)
{
    ERR_clear_error();
    int r = SSL_do_handshake(s->ssl);
    if (r != 1)
        return goes_on(s, r);
    s->is_open = true;
    s->dtls->n_half_open--;
    return true;
}

/* Every message gets a slot of its own, because it may be on its way to a peer until the flush. */
static bool receive(struct session *s)
{
    struct worker *w = s->dtls->worker;
    size_t n = 0;

    do {
        uint8_t *slot = arena_take(&w->arena, 0);
        if (!slot)
            break;
        ERR_clear_error();
        int r = SSL_read_ex(s->ssl, slot, ARENA_BODY, &n);
        if (r != 1)
            return goes_on(s, r);
        arena_hold(&w->arena, n);
        s->has_spoken = true;
        s->since = worker_now(w);
        dispatch_session(w, &s->flow, (struct turn_pkt){slot, n}, s->in_tos);
    } while (SSL_has_pending(s->ssl) && !s->is_broken);
    return true;
}

bool session_step(struct session *s)
{
    bool alive = s->is_open || shake(s);

    if (alive && s->is_open && (s->in.n > 0 || SSL_has_pending(s->ssl)))
        alive = receive(s);
    s->in = span_of(NULL, 0);
    return alive;
}

void session_write(struct session *s, struct span data)
{
    size_t n;

    ERR_clear_error();
    int r = SSL_write_ex(s->ssl, data.p, data.n, &n);
    if (r != 1 && !goes_on(s, r))
        s->is_broken = true;
}

bool session_repeat(struct session *s)
{
    bool alive = DTLSv1_handle_timeout(s->ssl) >= 0;

    ERR_clear_error();
    return alive;
}

usec_t session_patience(const struct session *s)
{
    struct timeval tv;

    if (DTLSv1_get_timeout(s->ssl, &tv) != 1)
        return USEC_NEVER;
    return tv.tv_sec * USEC_PER_SEC + tv.tv_usec;
}

void session_bye(struct session *s)
{
    if (s->is_open && !s->is_broken) {
        SSL_shutdown(s->ssl);
        ERR_clear_error();
    }
}
