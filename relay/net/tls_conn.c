/* One TLS connection over a non-blocking socket. */
#include "base/mem.h"
#include "net/tls_int.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

struct tls_conn {
    SSL *ssl;
    struct net_tls *tls; /* its contexts call back into it */
    struct tls_socket socket;
    bool lost; /* the library must not be asked to write any more */
};

struct tls_conn *tls_conn_new(struct net_tls *tls, int fd)
{
    struct tls_conn *c = mem_zalloc(sizeof *c);

    if (!c)
        return NULL;
    c->tls = tls_retain(tls);
    c->socket.fd = fd;
    c->ssl = SSL_new(tls->pairs[0].stream);
    BIO *io = tls_io_open(tls->io, &c->socket);
    if (!c->ssl || !io) {
        BIO_free(io);
        tls_conn_free(c);
        return NULL;
    }
    SSL_set_bio(c->ssl, io, io);
    SSL_set_accept_state(c->ssl);
    return c;
}

void tls_conn_free(struct tls_conn *c)
{
    if (!c)
        return;
    SSL_free(c->ssl);
    tls_socket_free(&c->socket);
    ERR_clear_error();
    net_tls_free(c->tls);
    mem_free(c);
}

static enum tls_io outcome(struct tls_conn *c, int r)
{
    static const struct row {
        int error;
        enum tls_io is;
    } rows[] = {
        {SSL_ERROR_NONE, TLS_OK},
        {SSL_ERROR_WANT_READ, TLS_WANT_READ},
        {SSL_ERROR_WANT_WRITE, TLS_WANT_WRITE},
        {SSL_ERROR_ZERO_RETURN, TLS_CLOSED},
    };
    int error = SSL_get_error(c->ssl, r);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].error == error)
            return rows[i].is;
    }
    /* A connection that just ends, as many clients end theirs, is nothing special. */
    bool gone = error == SSL_ERROR_SYSCALL ||
                ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
    c->lost = true;
    ERR_clear_error();
    return gone ? TLS_CLOSED : TLS_FAILED;
}

enum tls_io tls_conn_handshake(struct tls_conn *c)
{
    ERR_clear_error();
    return outcome(c, SSL_do_handshake(c->ssl));
}

enum tls_io tls_conn_read(struct tls_conn *c, uint8_t *buf, size_t cap, size_t *ret_n)
{
    ERR_clear_error();
    return outcome(c, SSL_read_ex(c->ssl, buf, cap, ret_n));
}

enum tls_io tls_conn_write(struct tls_conn *c, struct span data, size_t *ret_n)
{
    ERR_clear_error();
    return outcome(c, SSL_write_ex(c->ssl, data.p, data.n, ret_n));
}

void tls_conn_gather(struct tls_conn *c, struct tls_stage *stage)
{
    stage->n = 0;
    c->socket.out.stage = stage;
}

enum tls_io tls_conn_push(struct tls_conn *c)
{
    if (!tls_socket_push(&c->socket)) {
        c->lost = true;
        return TLS_CLOSED;
    }
    return c->socket.out.rest ? TLS_WANT_WRITE : TLS_OK;
}

bool tls_conn_unsent(const struct tls_conn *c)
{
    return c->socket.out.rest != NULL;
}

void tls_conn_intake(struct tls_conn *c, struct tls_stage *stage)
{
    if (stage)
        stage->n = 0;
    c->socket.in = (struct tls_in){.stage = stage};
}

bool tls_conn_pending(const struct tls_conn *c)
{
    const struct tls_in *in = &c->socket.in;
    return SSL_pending(c->ssl) > 0 || (in->stage && in->at < in->stage->n);
}

bool tls_conn_ended(const struct tls_conn *c)
{
    return SSL_get_shutdown(c->ssl) & SSL_RECEIVED_SHUTDOWN;
}

bool tls_conn_lost(const struct tls_conn *c)
{
    return c->lost;
}

void tls_conn_bye(struct tls_conn *c)
{
    if (c->lost || SSL_in_init(c->ssl))
        return;
    ERR_clear_error();
    SSL_shutdown(c->ssl);
    ERR_clear_error();
}
