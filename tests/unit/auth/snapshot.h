/* Snapshots to ask, for the tests of this room. */
#ifndef TESTS_UNIT_AUTH_SNAPSHOT_H
#define TESTS_UNIT_AUTH_SNAPSHOT_H

#include "auth/auth_int.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "crypto/longterm.h"

#include "unit/crypto/hex.h"
#define SECRET "n0rth-secret-0123456789abcdef"
#define REALM "turn.test.example"
#define NOW INT64_C(1700000000)

static struct crypto *c;

static inline int setup(void **state)
{
    (void)state;
    c = crypto_new();
    return c ? 0 : -1;
}

static inline int teardown(void **state)
{
    (void)state;
    crypto_free(c);
    return 0;
}

static inline void add(struct auth_secrets *s, const char *id, const char *value, int64_t from,
                       int64_t to)
{
    struct auth_secret one = {.not_before = from, .not_after = to};
    one.len = (uint16_t)strlen(value);
    memcpy(one.bytes, value, one.len);
    snprintf(one.id, sizeof(one.id), "%s", id);
    assert_int_equal(auth_secrets_add(s, &one, NULL), 0);
}

static inline struct auth_snapshot *make(const struct auth_user *users, size_t n, bool with_secret)
{
    struct auth_secrets secrets = {0};
    struct auth_conf conf = {REALM, users, n, 0, NULL, NULL, 0, NULL};
    struct auth_error err = {""};
    if (with_secret)
        add(&secrets, "main", SECRET, 0, 0);
    struct auth_snapshot *s = auth_snapshot_new(&conf, &secrets, &err);
    if (!s)
        fail_msg("%s", err.text);
    return s;
}

static inline struct auth_query ask(const char *name)
{
    return (struct auth_query){.user = span_text(name), .now = NOW};
}

static inline void expect_hex(const struct auth_snapshot *s, const struct auth_query *q,
                              const char *want)
{
    struct auth_found f;
    char buf[129];
    assert_int_equal(auth_find(s, c, q, &f), 0);
    assert_string_equal(hex(f.key, (int)f.key_len, buf), want);
}

static inline int find(const struct auth_snapshot *s, const struct auth_query *q)
{
    struct auth_found f;
    return auth_find(s, c, q, &f);
}

#endif
