/* A worker without a thread, whose loop is turned by the test, around an engine that does as it is
 * told; and DTLS clients of it on loopback. Time stands still unless it is put forward. */
#ifndef TESTS_UNIT_NET_DTLS_BENCH_H
#define TESTS_UNIT_NET_DTLS_BENCH_H

#include "certificate.h"
#include "fake_engine.h"

#include <fcntl.h>
#include <string.h>
#include <sys/time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "net/dtls_int.h"

enum { BENCH_HANDSHAKE_S = 20, BENCH_IDLE_S = 60, BENCH_CONNECTIONS = 400, HELLO_BYTES = 2048 };

/* In place of the system's: the library's timers go with the worker's clock. */
int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    usec_t now = clock_monotonic();
    (void)zone;
    *tv = (struct timeval){.tv_sec = now / USEC_PER_SEC, .tv_usec = now % USEC_PER_SEC};
    return 0;
}

struct bench {
    struct worker w;
    struct turn_shared *shared;
    struct counted_world world;
    struct net_conf conf;
    struct certificate certs[2];
    struct net_tls *tls;
};

static inline void bench_begin(struct bench *b, uint32_t per_prefix)
{
    struct net_error err = {""};

    put_forward = 0;
    memset(b, 0, sizeof *b);
    b->world.world.release = count_release;
    b->conf = (struct net_conf){
        .listen = {{free_addr(), NET_UDP | NET_DTLS}},
        .n_listen = 1,
        .workers = 1,
        .max_relays = 4,
        .socket_bytes = 1 << 20,
        .stream = {.connections = BENCH_CONNECTIONS,
                   .connections_per_prefix = per_prefix,
                   .prefix_v4 = 32,
                   .prefix_v6 = 56,
                   .handshake_s = BENCH_HANDSHAKE_S,
                   .idle_s = BENCH_IDLE_S},
    };
    certificate_make(&b->certs[0], EVP_RSA_gen(2048), "DNS:first.example", 30);
    certificate_make(&b->certs[1], EVP_EC_gen("P-256"), "DNS:second.example", 30);
    struct net_tls_pair pairs[] = {{b->certs[0].pem, b->certs[0].key},
                                   {b->certs[1].pem, b->certs[1].key}};
    b->tls = net_tls_load(&(struct net_tls_conf){pairs, 2, false}, &err);
    assert_string_equal(err.text, "");
    b->shared = turn_shared_new(NULL);
    world_retain(&b->world.world, 1);
    struct worker_setup setup = {.conf = &b->conf,
                                 .shared = b->shared,
                                 .world = &b->world.world,
                                 .all = &b->w,
                                 .n_workers = 1};
    assert_int_equal(worker_init(&b->w, &setup), 0);
    b->w.tls = b->tls;
    assert_int_equal(listener_open(&b->w.listeners[0], &b->conf.listen[0], &b->conf), 0);
    b->w.n_listeners = 1;
    assert_int_equal(listener_listen(&b->w.listeners[0], &b->w), 0);
}

static inline void bench_end(struct bench *b)
{
    worker_free(&b->w);
    turn_shared_free(b->shared);
    for (int i = 0; i < 2; i++)
        certificate_remove(&b->certs[i]);
    assert_int_equal(ERR_peek_error(), 0);
    assert_int_equal(mem_live(), 0);
}

/* Turns the loop until nothing has come. */
static inline void bench_turn(struct bench *b)
{
    struct pollfd p = {.fd = b->w.listeners[0].out.fd, .events = POLLIN};
    do {
        b->w.now = 0;
        b->w.turn++;
        event_base_loop(b->w.base, EVLOOP_NONBLOCK);
        worker_flush(&b->w);
        if (worker_now(&b->w) >= dtls_deadline(b->w.dtls))
            dtls_expire(b->w.dtls, worker_now(&b->w));
        worker_flush(&b->w);
    } while (poll(&p, 1, 0) == 1);
}

static inline void bench_wait(struct bench *b, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        put_forward += USEC_PER_SEC;
        bench_turn(b);
    }
}

static inline size_t bench_sessions(const struct bench *b)
{
    return b->conf.stream.connections - b->w.dtls->n_free;
}

/* --- Clients --- */

struct peer {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
};

static inline void peer_join(struct peer *p)
{
    BIO *bio = BIO_new_dgram(p->fd, BIO_NOCLOSE);
    BIO_ADDR *server = BIO_ADDR_new();
    union sock_name name;
    socklen_t n = sizeof name;
    assert_int_equal(getpeername(p->fd, &name.sa, &n), 0);
    BIO_ADDR_rawmake(server, AF_INET, &name.in.sin_addr, 4, name.in.sin_port);
    BIO_ctrl_set_connected(bio, server);
    BIO_ADDR_free(server);
    p->ctx = SSL_CTX_new(DTLS_client_method());
    p->ssl = SSL_new(p->ctx);
    SSL_set_bio(p->ssl, bio, bio);
    SSL_set_options(p->ssl, SSL_OP_NO_QUERY_MTU);
    SSL_set_mtu(p->ssl, 1400);
    SSL_set_connect_state(p->ssl);
}

static inline void peer_open(struct peer *p, const struct bench *b)
{
    union sock_name name;
    socklen_t n = sockaddr_from_addr(&b->conf.listen[0].addr, &name);
    p->fd = loopback_socket();
    assert_int_equal(fcntl(p->fd, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(connect(p->fd, &name.sa, n), 0);
    peer_join(p);
}

static inline void peer_leave(struct peer *p)
{
    SSL_free(p->ssl);
    SSL_CTX_free(p->ctx);
    ERR_clear_error();
}

static inline void peer_close(struct peer *p)
{
    peer_leave(p);
    close(p->fd);
}

static inline bool peer_shake(struct peer *p, struct bench *b)
{
    for (int i = 0; i < 10; i++) {
        int r = SSL_do_handshake(p->ssl);
        ERR_clear_error();
        bench_turn(b);
        if (r == 1)
            return true;
    }
    return false;
}

/* Whether the server still answers through the session. */
static inline bool peer_talks(struct peer *p, struct bench *b)
{
    char got[16];
    SSL_write(p->ssl, "Aha", 3);
    bench_turn(b);
    int n = SSL_read(p->ssl, got, sizeof got);
    ERR_clear_error();
    return n == 3 && memcmp(got, "0ha", 3) == 0;
}

/* The n-th datagram (0, 1) that the client says hello with; to be sent by the caller. */
static inline size_t peer_hello(struct peer *p, struct bench *b, int nth, uint8_t ret[HELLO_BYTES])
{
    size_t n = 0;
    for (int i = 0; i <= nth; i++) {
        BIO *mem = BIO_new(BIO_s_mem());
        BIO *wire = SSL_get_wbio(p->ssl);
        BIO_up_ref(wire);
        SSL_set0_wbio(p->ssl, mem);
        SSL_do_handshake(p->ssl);
        ERR_clear_error();
        n = (size_t)BIO_read(mem, ret, HELLO_BYTES);
        SSL_set0_wbio(p->ssl, wire);
        if (i < nth) {
            assert_int_equal(send(p->fd, ret, n, 0), (ssize_t)n);
            bench_turn(b);
        }
    }
    return n;
}

/* The next datagram that came for the client; 0 = none. */
static inline size_t peer_receive(int fd, uint8_t *got, size_t cap)
{
    ssize_t n = recv(fd, got, cap, MSG_DONTWAIT);
    return n > 0 ? (size_t)n : 0;
}

/* Up to the server's first flight, which is left where it is. */
static inline void peer_half_open(struct bench *b, struct peer *p)
{
    uint8_t hello[HELLO_BYTES];

    peer_open(p, b);
    size_t n = peer_hello(p, b, 1, hello);
    if (n <= HELLO_BYTES)
        assert_int_equal(send(p->fd, hello, n, 0), (ssize_t)n);
    bench_turn(b);
}

#endif
