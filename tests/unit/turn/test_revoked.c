/* Names that the host lets in no more: refused, and what they have ends with the next request that
 * proves to be theirs. */
#include "unit/turn/bench.h"

static const uint8_t other[16] = "a stranger's key";
static bool is_revoked;
static unsigned asked;

static int ask(struct turn_host *host, const struct turn_cred_query *q, struct turn_cred *ret)
{
    asked++;
    return is_revoked ? -EKEYREVOKED : credential(host, q, ret);
}

static void begin_with(struct bench *b, bool revocations)
{
    is_revoked = false;
    bench_begin(b, (struct turn_limits){.allocations = 10});
    b->host.credential = ask;
    b->conf.revocations = revocations;
    allocate_long(b);
    asked = 0;
}

static size_t alive(const struct bench *b)
{
    struct turn_stats s;
    turn_stats(b->turn, &s);
    return s.allocations;
}

static int refreshes_as(struct bench *b, const uint8_t *with)
{
    struct writer w = request(b, STUN_REFRESH);
    stun_put_bytes(&w, STUN_ATTR_USERNAME, span_text("ann"));
    stun_put_bytes(&w, STUN_ATTR_REALM, span_text("r"));
    stun_put_bytes(&w, STUN_ATTR_NONCE, span_of(b->nonce, b->nonce_n));
    stun_sign(&w, b->crypto, STUN_ATTR_MESSAGE_INTEGRITY, span_of(with, sizeof key));
    return answer_to(b, &w);
}

static void t_a_living_one_ends(void **state)
{
    struct bench *b = *state;
    begin_with(b, true);
    assert_int_equal(permits(b, 1, 1), 0);
    is_revoked = true;
    assert_true(sends(b, 1, 4)); /* data is not asked about */
    assert_int_equal(refreshes_as(b, other), 401);
    assert_int_equal(alive(b), 1);
    assert_true(sends(b, 1, 4));
    assert_int_equal(refreshes_as(b, key), 401);
    assert_int_equal(alive(b), 0);
    assert_false(sends(b, 1, 4));
    assert_int_equal(allocates(b), 401);
    is_revoked = false;
    assert_int_equal(allocates(b), 0);
    bench_end(b);
}

/* Whatever the request is, and whatever is asked of credentials otherwise. */
static void t_each_request_ends_it(void **state)
{
    struct bench *b = *state;
    for (int i = 0; i < 6; i++) {
        begin_with(b, true);
        b->conf.strict_expiry = i >= 3;
        is_revoked = true;
        int code = i % 3 == 0 ? permits(b, 1, 1) : i % 3 == 1 ? binds(b, 0x4000, 1) : allocates(b);
        assert_int_equal(code, 401);
        assert_int_equal(alive(b), 0);
        bench_end(b);
    }
}

/* A change of the configuration takes it up; without it nobody is asked about a living one. */
static void t_nobody_is_asked(void **state)
{
    struct bench *b = *state;
    begin_with(b, false);
    is_revoked = true;
    assert_int_equal(refreshes_as(b, key), 0);
    assert_int_equal(permits(b, 1, 1), 0);
    assert_int_equal(asked, 0);
    struct turn_conf next = b->conf;
    next.revocations = true;
    next.generation++;
    turn_set_conf(b->turn, &next);
    is_revoked = false;
    assert_int_equal(refreshes_as(b, key), 0);
    assert_int_equal(asked, 1);
    is_revoked = true;
    assert_int_equal(refreshes_as(b, key), 401);
    assert_int_equal(alive(b), 0);
    bench_end(b);
}

int main(void)
{
    static struct bench b;
    void *state = &b;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(t_a_living_one_ends, state),
        cmocka_unit_test_prestate(t_each_request_ends_it, state),
        cmocka_unit_test_prestate(t_nobody_is_asked, state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
