/* TLS: who is let in, and what is said of the others. */
#include "unit/redis/fake.h"

#include "unit/net/certificate.h"

#define ONE "*4\r\n$6\r\nschema\r\n$1\r\n1\r\n$3\r\none\r\n$20\r\n0 0 0123456789abcdef\r\n"

static const struct redis_pace quick = {.answer_ms = 300,
                                        .retry_first_ms = 4,
                                        .retry_last_ms = 16,
                                        .read_ms = 100000,
                                        .gather_ms = 10,
                                        .ping_ms = 25};

enum { NAMED, NUMBERED, OTHER, ENDED, CERTIFICATES };

static struct certificate certs[CERTIFICATES];
static struct event_base *base;
static struct fake fake;
static struct redis_source *source;
static size_t n_found;
static size_t n_news;
static enum redis_news last;
static char last_text[128];

static void on_found(void *ctx, const struct redis_found *f)
{
    (void)ctx;
    n_found += f->secrets.n;
}

static void on_news(void *ctx, enum redis_news news, const char *text)
{
    (void)ctx;
    n_news++;
    last = news;
    (void)snprintf(last_text, sizeof(last_text), "%s", text);
}

static int make_certificates(void **state)
{
    (void)state;
    certificate_make(&certs[NAMED], EVP_EC_gen("P-256"), "DNS:localhost", 30);
    certificate_make(&certs[NUMBERED], EVP_EC_gen("P-256"), "IP:127.0.0.1", 30);
    certificate_make(&certs[OTHER], EVP_EC_gen("P-256"), "DNS:other.example", 30);
    certificate_make(&certs[ENDED], EVP_EC_gen("P-256"), "DNS:localhost,IP:127.0.0.1", -3);
    return 0;
}

static int remove_certificates(void **state)
{
    (void)state;
    for (int i = 0; i < CERTIFICATES; i++)
        certificate_remove(&certs[i]);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    n_found = n_news = 0;
    memset(&fake, 0, sizeof(fake));
    base = event_base_new();
    fake_start(&fake, base);
    fake_say(&fake, "HGETALL", ONE);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    redis_source_free(source);
    source = NULL;
    fake_stop(&fake);
    SSL_CTX_free(fake.tls);
    (void)event_base_loop(base, EVLOOP_NONBLOCK);
    event_base_free(base);
    return mem_live() == 0 ? 0 : -1;
}

static void serve(int which)
{
    fake.tls = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate_chain_file(fake.tls, certs[which].pem), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(fake.tls, certs[which].key, SSL_FILETYPE_PEM), 1);
}

static void start(const char *host, int ca)
{
    static const struct redis_listener listener = {NULL, on_found, on_news};
    static char address[64];
    struct auth_error err = {""};
    (void)snprintf(address, sizeof(address), "%s:%u", host, fake.port);
    struct redis_conf conf = {.address = address,
                              .master = "",
                              .user = "",
                              .password = "secret",
                              .ca = certs[ca].pem,
                              .tls = true,
                              .realm = "realm"};
    source = redis_source_paced(base, &conf, &listener, &quick, &err);
    if (!source)
        fail_msg("%s", err.text);
}

static void expect_refusal(const char *text)
{
    WAIT_FOR(base, n_news);
    assert_int_equal(last, REDIS_LOST);
    assert_non_null(strstr(last_text, text));
    /* Not a byte of the password has left. */
    assert_string_equal(fake.log, "");
    assert_int_equal(n_found, 0);
}

static void t_name(void **state)
{
    (void)state;
    serve(NAMED);
    start("localhost", NAMED);
    WAIT_FOR(base, n_news && fake_count(&fake, "SUBSCRIBE") && fake_count(&fake, "PING"));
    assert_int_equal(last, REDIS_READY);
    assert_int_equal(n_found, 1);
}

static void t_address(void **state)
{
    (void)state;
    serve(NUMBERED);
    start("127.0.0.1", NUMBERED);
    WAIT_FOR(base, n_news);
    assert_int_equal(last, REDIS_READY);
}

static void t_wrong_name(void **state)
{
    (void)state;
    serve(OTHER);
    start("localhost", OTHER);
    expect_refusal("another name");
}

static void t_wrong_address(void **state)
{
    (void)state;
    serve(NAMED);
    start("127.0.0.1", NAMED);
    expect_refusal("another name");
}

static void t_unknown_authority(void **state)
{
    (void)state;
    serve(NAMED);
    start("localhost", OTHER);
    expect_refusal("authority");
}

static void t_ended(void **state)
{
    (void)state;
    serve(ENDED);
    start("localhost", ENDED);
    expect_refusal("expired");
}

static void t_no_tls_there(void **state)
{
    (void)state;
    fake.greeting = "-ERR protocol\r\n";
    start("127.0.0.1", NAMED);
    WAIT_FOR(base, n_news);
    assert_int_equal(last, REDIS_LOST);
}

/* Breaks and comes back. */
static void t_again(void **state)
{
    (void)state;
    serve(NAMED);
    start("localhost", NAMED);
    WAIT_FOR(base, n_news && last == REDIS_READY);
    for (size_t i = 0; i < 3; i++) {
        fake_hang_up_all(&fake);
        WAIT_FOR(base, last == REDIS_LOST);
        WAIT_FOR(base, last == REDIS_READY);
    }
    assert_int_equal(n_found, 1);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(t_name),  T(t_address),      T(t_wrong_name), T(t_wrong_address), T(t_unknown_authority),
        T(t_ended), T(t_no_tls_there), T(t_again),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
