/* ClientHellos, from our own pen and from the library's: what they say, how they may be cut into
 * records and segments, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include <openssl/ssl.h>

#include "base/writer.h"
#include "net/hello_int.h"

enum { ROOM = 1 << 15 };

struct want {
    const char *name;
    struct span alpn;
    size_t padding; /* bytes of an extension that nobody knows */
};

static void put_extensions(struct writer *w, const struct want *c)
{
    size_t name = c->name ? strlen(c->name) : 0;

    if (c->name) {
        w_u16(w, 0);
        w_u16(w, (uint16_t)(name + 5));
        w_u16(w, (uint16_t)(name + 3));
        w_u8(w, 0);
        w_u16(w, (uint16_t)name);
        w_bytes(w, span_text(c->name));
    }
    w_u16(w, 0x0a0a);
    w_u16(w, (uint16_t)c->padding);
    w_zero(w, c->padding);
    if (c->alpn.n == 0)
        return;
    w_u16(w, 16);
    w_u16(w, (uint16_t)(c->alpn.n + 2));
    w_u16(w, (uint16_t)c->alpn.n);
    w_bytes(w, c->alpn);
}

/* The handshake message, without records. */
static size_t message(const struct want *c, uint8_t ret[ROOM])
{
    uint8_t ext[ROOM];
    struct writer e = w_over(ext, sizeof ext);
    struct writer w = w_over(ret, ROOM);

    put_extensions(&e, c);
    w_u8(&w, 1);
    w_uint(&w, 3, 34 + 1 + 32 + 2 + 4 + 2 + 2 + e.n);
    w_u16(&w, 0x0303);
    w_zero(&w, 32);
    w_u8(&w, 32);
    w_zero(&w, 32);
    w_u16(&w, 4);
    w_u32(&w, 0x13011302);
    w_u16(&w, 0x0100);
    w_u16(&w, (uint16_t)e.n);
    w_bytes(&w, w_span(&e));
    assert_false(w.bad || e.bad);
    return w.n;
}

/* The message in records of this many bytes. */
static size_t records(struct span m, size_t each, uint8_t ret[ROOM])
{
    struct writer w = w_over(ret, ROOM);

    for (size_t at = 0; at < m.n; at += each) {
        size_t n = m.n - at < each ? m.n - at : each;
        w_u8(&w, 22);
        w_u16(&w, 0x0301);
        w_u16(&w, (uint16_t)n);
        w_bytes(&w, span_of(m.p + at, n));
    }
    assert_false(w.bad);
    return w.n;
}

static size_t hello_of(const struct want *c, size_t each, uint8_t ret[ROOM])
{
    uint8_t m[ROOM];
    size_t n = message(c, m);
    return records(span_of(m, n), each, ret);
}

/* Each input gets memory of just its size, so that a sanitizer sees a step too far. */
struct parsed {
    enum hello_state state;
    struct hello hello;
    uint8_t *copy;
};

static void parse(struct parsed *p, const uint8_t *bytes, size_t n)
{
    p->copy = malloc(n ? n : 1);
    memcpy(p->copy, bytes, n);
    p->state = hello_parse(span_of(p->copy, n), &p->hello);
}

static enum hello_state state_of(const uint8_t *bytes, size_t n)
{
    struct parsed p;
    parse(&p, bytes, n);
    free(p.copy);
    return p.state;
}

static struct span text(const char *t)
{
    return span_of(t, strlen(t));
}

static void t_says_name_and_protocols(void **state)
{
    static const struct want wants[] = {
        {NULL, {NULL, 0}, 0},
        {"turn.example.org", {NULL, 0}, 0},
        {"a", {(const uint8_t *)"\x02h2\x08http/1.1", 12}, 10},
        {NULL, {(const uint8_t *)"\x09stun.turn", 10}, 700},
        {"turn.example.org", {(const uint8_t *)"\x02h2\x12stun.nat-discovery", 22}, 1900},
    };
    static const size_t cuts[] = {1, 2, 3, 5, 7, 16, 100, 500, 16384};

    (void)state;
    for (size_t i = 0; i < sizeof wants / sizeof *wants; i++) {
        for (size_t k = 0; k < sizeof cuts / sizeof *cuts; k++) {
            uint8_t bytes[ROOM];
            struct parsed p;
            size_t n = hello_of(&wants[i], cuts[k], bytes);
            memset(bytes + n, 0x5a, 100); /* what may follow */
            parse(&p, bytes, n + 100);
            assert_int_equal(p.state, HELLO_FOUND);
            assert_true(span_eq(p.hello.name, text(wants[i].name ? wants[i].name : "")));
            assert_true(span_eq(p.hello.alpn, wants[i].alpn));
            free(p.copy);
        }
    }
}

static void t_every_prefix_wants_more(void **state)
{
    struct want c = {"turn.example.org", text("\x02h2\x09stun.turn"), 100};
    static const size_t cuts[] = {1, 9, 16384};

    (void)state;
    for (size_t k = 0; k < sizeof cuts / sizeof *cuts; k++) {
        uint8_t bytes[ROOM];
        size_t n = hello_of(&c, cuts[k], bytes);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(state_of(bytes, i), HELLO_MORE);
        assert_int_equal(state_of(bytes, n), HELLO_FOUND);
    }
}

static void t_flipped_bits(void **state)
{
    struct want c = {"turn.example.org", text("\x02h2\x09stun.turn"), 4};
    static const size_t cuts[] = {3, 50, 16384};

    (void)state;
    for (size_t k = 0; k < sizeof cuts / sizeof *cuts; k++) {
        uint8_t bytes[ROOM];
        size_t n = hello_of(&c, cuts[k], bytes);
        for (size_t bit = 0; bit < 8 * n; bit++) {
            struct parsed p;
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            parse(&p, bytes, n);
            if (p.state == HELLO_FOUND)
                hello_offers(&p.hello, "stun.turn");
            free(p.copy);
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
}

/* R8: as the library writes it, with as much in it as it can. */
static void t_from_the_library(void **state)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    BIO *out = BIO_new(BIO_s_mem());
    uint8_t bytes[ROOM];
    struct parsed p;

    (void)state;
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
    SSL_set_connect_state(ssl);
    SSL_set_options(ssl, SSL_OP_TLSEXT_PADDING);
    SSL_set_tlsext_host_name(ssl, "turn.example.org");
    SSL_set_alpn_protos(ssl, (const uint8_t *)"\x09stun.turn", 10);
    SSL_do_handshake(ssl);
    size_t n = (size_t)BIO_read(out, bytes, sizeof bytes);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(state_of(bytes, i), HELLO_MORE);
    parse(&p, bytes, n);
    assert_int_equal(p.state, HELLO_FOUND);
    assert_true(span_eq(p.hello.name, text("turn.example.org")));
    assert_true(hello_offers(&p.hello, "stun.turn"));
    assert_false(hello_offers(&p.hello, "stun.tur"));
    assert_false(hello_offers(&p.hello, ""));
    free(p.copy);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

static void t_offers(void **state)
{
    struct hello h = {.alpn = text("\x02h2\x12stun.nat-discovery\x09stun.turn")};

    (void)state;
    assert_true(hello_offers(&h, "h2"));
    assert_true(hello_offers(&h, "stun.nat-discovery"));
    assert_true(hello_offers(&h, "stun.turn"));
    assert_false(hello_offers(&h, "http/1.1"));
    assert_false(hello_offers(&(struct hello){.alpn = {NULL, 0}}, "h2"));
}

/* Overwrites some bytes of a good one. */
static void expect_bad(size_t at, const char *with, size_t n)
{
    struct want c = {"turn.example.org", text("\x02h2"), 0};
    uint8_t bytes[ROOM];
    size_t len = hello_of(&c, 16384, bytes);

    memcpy(bytes + at, with, n);
    assert_int_equal(state_of(bytes, len), HELLO_BAD);
}

static void t_what_is_none(void **state)
{
    enum { BODY = 5 + 4, CIPHERS = BODY + 34 + 33, EXTENSIONS = CIPHERS + 8 };

    (void)state;
    assert_int_equal(state_of((const uint8_t *)"GET / HTTP/1.1\r\n", 16), HELLO_BAD);
    assert_int_equal(state_of((const uint8_t *)"\x80", 1), HELLO_BAD);
    assert_int_equal(state_of((const uint8_t *)"\x16\x02", 2), HELLO_BAD);
    expect_bad(0, "\x17", 1);                  /* not a handshake record */
    expect_bad(1, "\x02", 1);                  /* SSL 2 */
    expect_bad(3, "\0\0", 2);                  /* an empty record */
    expect_bad(3, "\x40\x01", 2);              /* one longer than any */
    expect_bad(5, "\x02", 1);                  /* a ServerHello */
    expect_bad(6, "\x01", 1);                  /* a message longer than any */
    expect_bad(6, "\0\0\x20", 3);              /* one that ends within itself */
    expect_bad(BODY + 34, "\x21", 1);          /* session id */
    expect_bad(CIPHERS, "\0\0", 2);            /* no cipher suites */
    expect_bad(CIPHERS, "\0\x03", 2);          /* half a suite */
    expect_bad(CIPHERS + 6, "\0", 1);          /* no compression, not even "none" */
    expect_bad(EXTENSIONS, "\0\x01", 2);       /* fewer than there are */
    expect_bad(EXTENSIONS, "\x10\0", 2);       /* more than there are */
    expect_bad(EXTENSIONS + 4, "\x01\x00", 2); /* server_name beyond the end */
    expect_bad(EXTENSIONS + 6, "\0\x12", 2);   /* its list not the extension */
    expect_bad(EXTENSIONS + 9, "\0\x11", 2);   /* its name beyond the list */
}

static void expect_bad_alpn(const char *list, size_t n)
{
    struct want c = {NULL, span_of(list, n), 0};
    uint8_t bytes[ROOM];
    assert_int_equal(state_of(bytes, hello_of(&c, 16384, bytes)), HELLO_BAD);
}

static void t_broken_protocol_lists(void **state)
{
    (void)state;
    expect_bad_alpn("\0", 1);
    expect_bad_alpn("\x03h2", 3);
    expect_bad_alpn("\x02h2\0", 4);
    expect_bad_alpn("\x02h2\x01", 4);
}

static void t_long_names(void **state)
{
    char name[300];
    uint8_t bytes[ROOM];

    (void)state;
    memset(name, 'a', sizeof name);
    name[255] = '\0';
    assert_int_equal(state_of(bytes, hello_of(&(struct want){.name = name}, 100, bytes)),
                     HELLO_FOUND);
    name[255] = 'a';
    name[256] = '\0';
    assert_int_equal(state_of(bytes, hello_of(&(struct want){.name = name}, 16384, bytes)),
                     HELLO_BAD);
}

/* It ends somewhere: a client that goes on for ever is not one of TLS. */
static void t_is_bounded(void **state)
{
    struct want c = {.padding = 16000};
    uint8_t bytes[ROOM];
    uint8_t list[600] = {0};

    (void)state;
    size_t n = hello_of(&c, 16384, bytes);
    assert_int_equal(state_of(bytes, n), HELLO_FOUND);
    n = hello_of(&c, 100, bytes); /* the records' headers make it too long */
    assert_true(n > HELLO_MAX);
    assert_int_equal(state_of(bytes, HELLO_MAX - 1), HELLO_MORE);
    assert_int_equal(state_of(bytes, HELLO_MAX), HELLO_BAD);
    assert_int_equal(state_of(bytes, n), HELLO_BAD);
    for (size_t i = 0; i < sizeof list; i += 2) {
        list[i] = 1;
        list[i + 1] = 'x';
    }
    c = (struct want){.alpn = {list, sizeof list}};
    assert_int_equal(state_of(bytes, hello_of(&c, 16384, bytes)), HELLO_FOUND);
    assert_int_equal(state_of(bytes, hello_of(&c, 100, bytes)), HELLO_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_says_name_and_protocols),
        cmocka_unit_test(t_every_prefix_wants_more),
        cmocka_unit_test(t_flipped_bits),
        cmocka_unit_test(t_from_the_library),
        cmocka_unit_test(t_offers),
        cmocka_unit_test(t_what_is_none),
        cmocka_unit_test(t_broken_protocol_lists),
        cmocka_unit_test(t_long_names),
        cmocka_unit_test(t_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
