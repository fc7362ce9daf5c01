/* What we speak: TLS 1.2 and 1.3, DTLS 1.2, after BSI TR-02102-2. Where the library can, key
 * agreement is hybrid with ML-KEM. Nothing is kept of a session for the next one: a ticket would
 * name a client again. */
#include "net/dtls_int.h"
#include "net/tls_int.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

static const char suites12[] = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                               "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256";
static const char suites13[] = "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256";

/* Ed25519 and PKCS #1 are last: the first for those who have such a certificate, the second for
 * TLS 1.2 clients without PSS. */
static const char signatures[] =
    "ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ecdsa_secp521r1_sha512:"
    "rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512:"
    "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:ed25519:"
    "rsa_pkcs1_sha256:rsa_pkcs1_sha384:rsa_pkcs1_sha512";

/* The first list that the library knows all of. X25519 is for clients that offer nothing else. */
static const char *const groups[] = {
    ("X25519MLKEM768:SecP256r1MLKEM768:P-256:P-384:P-521:brainpoolP256r1:brainpoolP384r1:"
     "brainpoolP512r1:X25519"),
    "X25519MLKEM768:SecP256r1MLKEM768:P-256:P-384:P-521:X25519",
    "P-256:P-384:P-521:brainpoolP256r1:brainpoolP384r1:brainpoolP512r1:X25519",
    "P-256:P-384:P-521:X25519",
};

/* In the order we like best. RFC 7443 section 3. */
static const uint8_t protocols[] = "\x09stun.turn"
                                   "\x12stun.nat-discovery";

static int on_protocols(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                        const unsigned char *in, unsigned in_n, void *arg)
{
    unsigned char *chosen;

    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, out_n, protocols, sizeof protocols - 1, in, in_n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static bool set_groups(SSL_CTX *ctx)
{
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        if (SSL_CTX_set1_groups_list(ctx, groups[i]) == 1)
            return true;
    }
    return false;
}

static bool set_algorithms(SSL_CTX *ctx)
{
    SSL_CTX_set_security_level(ctx, 2);
    return SSL_CTX_set_cipher_list(ctx, suites12) == 1 &&
           SSL_CTX_set_ciphersuites(ctx, suites13) == 1 &&
           SSL_CTX_set1_sigalgs_list(ctx, signatures) == 1 && set_groups(ctx);
}

static bool set_versions(SSL_CTX *ctx, bool datagram, bool only_tls13)
{
    int first = datagram ? DTLS1_2_VERSION : only_tls13 ? TLS1_3_VERSION : TLS1_2_VERSION;
    int last = datagram ? DTLS1_2_VERSION : TLS1_3_VERSION;

    return SSL_CTX_set_min_proto_version(ctx, first) == 1 &&
           SSL_CTX_set_max_proto_version(ctx, last) == 1;
}

static void set_habits(SSL_CTX *ctx)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_QUERY_MTU |
                                 SSL_OP_CLEANSE_PLAINTEXT);
    SSL_CTX_set_num_tickets(ctx, 0);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_alpn_select_cb(ctx, on_protocols, NULL);
    SSL_CTX_set_cookie_generate_cb(ctx, dtls_cookie_make);
    SSL_CTX_set_cookie_verify_cb(ctx, dtls_cookie_check);
}

SSL_CTX *tls_policy_new(bool datagram, bool only_tls13)
{
    SSL_CTX *ctx = SSL_CTX_new(datagram ? DTLS_server_method() : TLS_server_method());

    if (!ctx)
        return NULL;
    if (!set_algorithms(ctx) || !set_versions(ctx, datagram, only_tls13)) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    set_habits(ctx);
    /* What a list above did not know has left its trace there. */
    ERR_clear_error();
    return ctx;
}
