/* The certificates in force: loaded all or not at all, counted, and chosen by the name that a
 * client asks for (RFC 6066 section 3). */
#include "base/mem.h"
#include "net/net_error_int.h"
#include "net/tls_int.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

static bool is_for(SSL_CTX *ctx, const char *name)
{
    X509 *own = SSL_CTX_get0_certificate(ctx);
    return X509_check_host(own, name, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
}

static int on_server_name(SSL *ssl, int *alert, void *arg)
{
    const struct net_tls *tls = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    (void)alert;
    for (size_t i = 0; name && i < tls->n; i++) {
        const struct tls_pair *pair = &tls->pairs[i];
        SSL_CTX *ctx = SSL_is_dtls(ssl) ? pair->datagram : pair->stream;
        if (is_for(ctx, name)) {
            SSL_set_SSL_CTX(ssl, ctx);
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_NOACK; /* not refused: TURN clients often have an address only */
}

static bool fill(struct net_tls *tls, const struct net_tls_conf *conf, struct net_error *err)
{
    for (size_t i = 0; i < conf->n_pairs; i++) {
        struct tls_pair *pair = &tls->pairs[i];
        tls->n++;
        if (!tls_pair_load(&conf->pairs[i], conf, pair, err))
            return false;
    }
    SSL_CTX *first[] = {tls->pairs[0].stream, tls->pairs[0].datagram};
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        SSL_CTX_set_tlsext_servername_callback(first[i], on_server_name);
        SSL_CTX_set_tlsext_servername_arg(first[i], tls);
    }
    return true;
}

struct net_tls *net_tls_load(const struct net_tls_conf *conf, struct net_error *err)
{
    if (conf->n_pairs == 0) {
        net_error_tls(err, &(struct tls_trouble){.fault = TLS_NO_PAIRS});
        return NULL;
    }
    struct net_tls *tls = mem_zalloc(sizeof *tls + conf->n_pairs * sizeof *tls->pairs);
    if (!tls) {
        net_error_tls(err, &(struct tls_trouble){.fault = TLS_NO_MEMORY});
        return NULL;
    }
    tls->refs = 1;
    tls->io = tls_io_new();
    if (!tls->io)
        net_error_tls(err, &(struct tls_trouble){.fault = TLS_NO_MEMORY});
    if (!tls->io || !fill(tls, conf, err)) {
        net_tls_free(tls);
        return NULL;
    }
    return tls;
}

struct net_tls *tls_retain(struct net_tls *tls)
{
    if (tls)
        atomic_fetch_add_explicit(&tls->refs, 1, memory_order_relaxed);
    return tls;
}

void net_tls_free(struct net_tls *tls)
{
    if (!tls || atomic_fetch_sub_explicit(&tls->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < tls->n; i++)
        tls_pair_free(&tls->pairs[i]);
    tls_io_free(tls->io);
    mem_free(tls);
}

int64_t net_tls_ends(const struct net_tls *tls)
{
    int64_t ends = tls->pairs[0].ends;

    for (size_t i = 1; i < tls->n; i++)
        ends = tls->pairs[i].ends < ends ? tls->pairs[i].ends : ends;
    return ends;
}
