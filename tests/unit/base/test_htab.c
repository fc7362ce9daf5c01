/* The hash table against a plain array, with hashes that collide on purpose. */
#include "base/htab.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"

enum { NODES = 300, ROUNDS = 20000 };

static const uint8_t KEY[SIPHASH_KEY_LEN] = {7};

struct model {
    struct htab_node node[NODES];
    bool in[NODES];
    uint64_t hash[NODES];
};

static uint64_t rnd(uint64_t *seed)
{
    *seed += 1;
    return siphash(KEY, seed, sizeof *seed);
}

/* How often the table shows the node among those of its hash; checks that all of them fit. */
static int times_found(const struct htab *h, uint64_t hash, const struct htab_node *node)
{
    int n = 0;
    for (struct htab_node *it = htab_first(h, hash); it; it = htab_next(it)) {
        assert_true(it->hash == hash);
        n += it == node;
    }
    return n;
}

static void check_all(const struct htab *h, const struct model *m)
{
    size_t n = 0;
    for (int i = 0; i < NODES; i++) {
        assert_int_equal(times_found(h, m->hash[i], &m->node[i]), m->in[i]);
        n += m->in[i] ? 1U : 0U;
    }
    assert_int_equal(h->n, n);
}

static void test_against_model(void **state)
{
    (void)state;
    struct htab h;
    static struct model m;
    uint64_t seed = 1;
    assert_int_equal(htab_init(&h, 50, KEY), 0);
    assert_int_equal(h.mask, 63);
    for (int i = 0; i < NODES; i++)
        m.hash[i] = rnd(&seed) % 40 * (i % 3 ? 1 : 64); /* few hashes, fewer buckets */
    for (int round = 0; round < ROUNDS; round++) {
        size_t i = rnd(&seed) % NODES;
        if (m.in[i])
            htab_remove(&h, &m.node[i]);
        else
            htab_insert(&h, &m.node[i], m.hash[i]);
        m.in[i] = !m.in[i];
        if (round % 500 == 0)
            check_all(&h, &m);
    }
    check_all(&h, &m);
    htab_free(&h);
    assert_int_equal(mem_live(), 0);
}

static void test_remove_of_a_stranger(void **state)
{
    (void)state;
    struct htab h;
    struct htab_node in = {0};
    struct htab_node out = {0};
    assert_int_equal(htab_init(&h, 1, KEY), 0);
    htab_remove(&h, &out);
    htab_insert(&h, &in, 5);
    htab_remove(&h, &out);
    assert_ptr_equal(htab_first(&h, 5), &in);
    htab_remove(&h, &in);
    htab_remove(&h, &in);
    assert_null(htab_first(&h, 5));
    assert_int_equal(h.n, 0);
    htab_free(&h);
}

static void test_sizes(void **state)
{
    (void)state;
    const struct {
        size_t want;
        size_t mask;
    } table[] = {{0, 0}, {1, 0}, {2, 1}, {3, 3}, {4, 3}, {5, 7}, {1000, 1023}, {1024, 1023}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct htab h;
        assert_int_equal(htab_init(&h, table[i].want, KEY), 0);
        assert_int_equal(h.mask, table[i].mask);
        htab_free(&h);
        htab_free(&h);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    struct htab h;
    mem_fail_after(0);
    assert_int_equal(htab_init(&h, 8, KEY), -ENOMEM);
    assert_int_equal(htab_init(&h, SIZE_MAX, KEY), -ENOMEM);
    assert_int_equal(htab_init(&h, SIZE_MAX / 16, KEY), -ENOMEM);
    struct htab zero = {0};
    htab_free(&zero);
    assert_int_equal(mem_live(), 0);
}

static void test_hash_is_keyed(void **state)
{
    (void)state;
    struct htab a;
    struct htab b;
    const uint8_t other[SIPHASH_KEY_LEN] = {8};
    assert_int_equal(htab_init(&a, 1, KEY), 0);
    assert_int_equal(htab_init(&b, 1, other), 0);
    assert_true(htab_hash(&a, "abc", 3) == siphash(KEY, "abc", 3));
    assert_true(htab_hash(&a, "abc", 3) != htab_hash(&b, "abc", 3));
    htab_free(&a);
    htab_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model), cmocka_unit_test(test_remove_of_a_stranger),
        cmocka_unit_test(test_sizes),         cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_hash_is_keyed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
