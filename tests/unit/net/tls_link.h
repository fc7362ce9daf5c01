/* A TLS connection over a pair of sockets. */
#ifndef TESTS_UNIT_NET_TLS_LINK_H
#define TESTS_UNIT_NET_TLS_LINK_H

#include "certificates.h"

#include <sys/socket.h>

/* Both ends of a connection in one thread: each is asked in turn. */
struct link {
    int fds[2];
    struct net_tls *tls;
    struct tls_conn *server;
    enum tls_io server_is; /* after the last step of the handshake */
    SSL_CTX *ctx;
    SSL *client;
};

static inline void open_with(struct link *l, bool only_tls13)
{
    struct net_tls_pair pairs[] = {pair_of(0, 0), pair_of(1, 1)};

    *l = (struct link){.server_is = TLS_WANT_READ};
    l->tls = load(&(struct net_tls_conf){pairs, 2, only_tls13});
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, l->fds), 0);
    l->server = tls_conn_new(l->tls, l->fds[0]);
    assert_non_null(l->server);
    l->ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(l->ctx, 0);
    l->client = SSL_new(l->ctx);
    SSL_set_fd(l->client, l->fds[1]);
    SSL_set_connect_state(l->client);
}

static inline void open_link(struct link *l)
{
    open_with(l, false);
}

static inline void close_client(struct link *l)
{
    SSL_free(l->client);
    SSL_CTX_free(l->ctx);
    if (l->fds[1] >= 0)
        close(l->fds[1]);
    l->client = NULL;
    l->ctx = NULL;
    l->fds[1] = -1;
}

static inline void close_link(struct link *l)
{
    close_client(l);
    tls_conn_free(l->server);
    net_tls_free(l->tls);
    close(l->fds[0]);
    assert_int_equal(ERR_peek_error(), 0);
    assert_int_equal(mem_live(), 0);
}

/* Whether the handshake comes to its end. */
static inline bool shake(struct link *l)
{
    for (int i = 0; i < 20; i++) {
        int r = SSL_do_handshake(l->client);
        ERR_clear_error();
        if (l->server_is == TLS_WANT_READ)
            l->server_is = tls_conn_handshake(l->server);
        if (r == 1 && l->server_is == TLS_OK)
            return true;
    }
    return false;
}

#endif
