/* The limits of a ClientHello by their numbers: what lies just within is read, what lies just
 * beyond is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/writer.h"
#include "net/hello_int.h"

enum { ROOM = 40000 };

struct want {
    size_t session;
    size_t name;    /* bytes of the host name, 0 = none */
    size_t alpn;    /* bytes of the list of protocols, 0 = none */
    size_t padding; /* bytes of an extension that nobody knows */
};

static void put_extension(struct writer *w, uint16_t type, size_t n)
{
    w_u16(w, type);
    w_u16(w, (uint16_t)n);
}

static void put_name(struct writer *w, size_t n)
{
    put_extension(w, 0, n + 5);
    w_u16(w, (uint16_t)(n + 3));
    w_u8(w, 0);
    w_u16(w, (uint16_t)n);
    for (size_t i = 0; i < n; i++)
        w_u8(w, 'n');
}

/* Protocols of one letter, the last one of two where the number is odd. */
static void put_alpn(struct writer *w, size_t n)
{
    put_extension(w, 16, n + 2);
    w_u16(w, (uint16_t)n);
    while (n > 0) {
        size_t one = n == 3 ? 2 : 1;
        w_u8(w, (uint8_t)one);
        for (size_t i = 0; i < one; i++)
            w_u8(w, 'p');
        n -= one + 1;
    }
}

/* The handshake message, without records. */
static size_t message(const struct want *c, uint8_t ret[ROOM])
{
    static uint8_t ext[ROOM];
    struct writer e = w_over(ext, sizeof ext);
    struct writer w = w_over(ret, ROOM);

    put_extension(&e, 0x0a0a, c->padding);
    w_zero(&e, c->padding);
    if (c->name)
        put_name(&e, c->name);
    if (c->alpn)
        put_alpn(&e, c->alpn);
    w_u8(&w, 1);
    w_uint(&w, 3, (uint32_t)(34 + 1 + c->session + 2 + 2 + 2 + 2 + e.n));
    w_u16(&w, 0x0303);
    w_zero(&w, 32);
    w_u8(&w, (uint8_t)c->session);
    w_zero(&w, c->session);
    w_u16(&w, 2);
    w_u16(&w, 0x1301);
    w_u16(&w, 0x0100);
    w_u16(&w, (uint16_t)e.n);
    w_bytes(&w, w_span(&e));
    assert_false(w.bad || e.bad);
    return w.n;
}

static void put_record(struct writer *w, size_t says, struct span bytes)
{
    w_u8(w, 22);
    w_u16(w, 0x0301);
    w_u16(w, (uint16_t)says);
    w_bytes(w, bytes);
}

/* What is made of it, cut into records of this many bytes. */
static enum hello_state state_of(const struct want *c, size_t each)
{
    static uint8_t m[ROOM];
    static uint8_t bytes[ROOM];
    struct writer w = w_over(bytes, sizeof bytes);
    struct hello hello;

    size_t n = message(c, m);
    for (size_t at = 0; at < n; at += each) {
        size_t part = n - at < each ? n - at : each;
        put_record(&w, part, span_of(m + at, part));
    }
    assert_false(w.bad);
    return hello_parse(w_span(&w), &hello);
}

/* Bytes of one in a single record, without padding. */
static size_t least(void)
{
    static uint8_t m[ROOM];
    return 5 + message(&(struct want){0}, m);
}

static void t_bytes(void **state)
{
    (void)state;
    size_t n = least();
    assert_int_equal(state_of(&(struct want){.padding = 16384 - n}, 16384), HELLO_FOUND);
    assert_int_equal(state_of(&(struct want){.padding = 16385 - n}, 16384), HELLO_BAD);
}

/* What a length says is judged before the bytes are there. */
static void t_length_of_the_message(void **state)
{
    uint8_t bytes[64];
    struct hello hello;

    (void)state;
    for (uint32_t n = 16384; n <= 16385; n++) {
        struct writer m = w_over(bytes + 5, 4);
        struct writer w = w_over(bytes, 5);
        w_u8(&m, 1);
        w_uint(&m, 3, n);
        put_record(&w, 16384, span_of(NULL, 0));
        assert_int_equal(hello_parse(span_of(bytes, 9), &hello),
                         n == 16384 ? HELLO_MORE : HELLO_BAD);
    }
}

/* Other messages may stand behind it in its record. */
static void t_length_of_a_record(void **state)
{
    static uint8_t m[ROOM];
    static uint8_t bytes[ROOM];
    struct hello hello;

    (void)state;
    size_t n = message(&(struct want){0}, m);
    for (size_t says = 16384; says <= 16385; says++) {
        struct writer w = w_over(bytes, sizeof bytes);
        put_record(&w, says, span_of(m, n));
        assert_int_equal(hello_parse(w_span(&w), &hello), says == 16384 ? HELLO_FOUND : HELLO_BAD);
        assert_int_equal(hello_parse(span_of(bytes, 5), &hello),
                         says == 16384 ? HELLO_MORE : HELLO_BAD);
    }
}

static void t_length_of_the_session(void **state)
{
    (void)state;
    assert_int_equal(state_of(&(struct want){.session = 32}, 16384), HELLO_FOUND);
    assert_int_equal(state_of(&(struct want){.session = 33}, 16384), HELLO_BAD);
}

static void t_length_of_the_name(void **state)
{
    (void)state;
    for (size_t each = 100; each <= 10000; each *= 100) {
        assert_int_equal(state_of(&(struct want){.name = 255}, each), HELLO_FOUND);
        assert_int_equal(state_of(&(struct want){.name = 256}, each), HELLO_BAD);
    }
}

/* Fields that records cut have room for 512 bytes together. */
static void t_what_records_may_cut(void **state)
{
    (void)state;
    assert_int_equal(state_of(&(struct want){.alpn = 512}, 100), HELLO_FOUND);
    assert_int_equal(state_of(&(struct want){.alpn = 513}, 100), HELLO_BAD);
    assert_int_equal(state_of(&(struct want){.alpn = 513}, 16384), HELLO_FOUND);
    assert_int_equal(state_of(&(struct want){.name = 255, .alpn = 257}, 100), HELLO_FOUND);
    assert_int_equal(state_of(&(struct want){.name = 255, .alpn = 258}, 100), HELLO_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_bytes),
        cmocka_unit_test(t_length_of_the_message),
        cmocka_unit_test(t_length_of_a_record),
        cmocka_unit_test(t_length_of_the_session),
        cmocka_unit_test(t_length_of_the_name),
        cmocka_unit_test(t_what_records_may_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
