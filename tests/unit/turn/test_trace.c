/* A trace tells of the one user who has agreed to it, all that was promised, and of nobody else. */
#include "unit/turn/bench.h"

#include "crypto/longterm.h"
#include "turn/turn_int.h"

#define NAME "1999999999:trace-0123456789abcdef"

enum { NOTES = 64, USERS = 50, TRACED = 17 };

/* As the engine's host there is one bench at a time. */
static struct turn_note notes[NOTES];
static unsigned n_notes;

static void note(struct turn_host *host, const struct turn_note *n)
{
    (void)host;
    assert_true(n_notes < NOTES);
    notes[n_notes++] = *n;
}

static void begin_trace(struct bench *b)
{
    bench_begin(b, (struct turn_limits){0});
    b->host.note = note;
    memset(notes, 0, sizeof notes);
    n_notes = 0;
    turn_set_trace(b->turn, span_text(NAME));
}

static struct addr relayed_of(struct bench *b)
{
    struct addr a;
    assert_true(stun_get_addr(&b->reply, STUN_ATTR_XOR_RELAYED_ADDRESS, &a));
    return a;
}

struct expected {
    uint8_t kind;
    uint16_t method;
    uint16_t code;
    bool is_silent;
    bool has_relayed;
    bool has_peer;
    uint64_t bytes;
};

static void expect(const struct bench *b, const struct addr *relayed, const struct expected *want,
                   unsigned n)
{
    const struct addr none = {0};
    const struct addr at = peer(1);

    assert_int_equal(n_notes, n);
    for (unsigned i = 0; i < n; i++) {
        const struct expected *w = &want[i];
        const struct turn_note *got = &notes[i];
        assert_int_equal(got->kind, w->kind);
        assert_int_equal(got->transport, b->flow.transport);
        assert_int_equal(got->method, w->method);
        assert_int_equal(got->code, w->code);
        assert_int_equal(got->is_answered, w->kind == TURN_NOTE_REQUEST && !w->is_silent);
        assert_int_equal(got->bytes, w->bytes);
        assert_true(addr_eq(&got->client, &b->flow.client));
        assert_true(addr_eq(&got->relayed, w->has_relayed ? relayed : &none));
        assert_true(addr_eq(&got->peer, w->has_peer ? &at : &none));
    }
    n_notes = 0;
}

static void session(struct bench *b, struct addr *ret_relayed)
{
    assert_int_equal(allocates(b), 0);
    *ret_relayed = relayed_of(b);
    assert_int_equal(permits(b, 1, 2), 0);
    assert_int_equal(binds(b, 0x4000, 1), 0);
    assert_true(sends(b, 1, 1000));
    assert_true(channels(b, 0x4000));
    assert_int_equal(refreshes(b, 600), 0);
    assert_int_equal(refreshes(b, 0), 0);
}

/* The challenges in between are by connection: they belong to its allocation. */
static const struct expected whole[] = {
    {.method = STUN_ALLOCATE, .has_relayed = true},
    {.method = STUN_REFRESH, .code = 401, .has_relayed = true},
    {.method = STUN_CREATE_PERMISSION, .has_relayed = true, .has_peer = true},
    {.method = STUN_REFRESH, .code = 401, .has_relayed = true},
    {.method = STUN_CHANNEL_BIND, .has_relayed = true, .has_peer = true},
    {.method = STUN_REFRESH, .code = 401, .has_relayed = true, .bytes = 1004},
    {.method = STUN_REFRESH, .has_relayed = true, .bytes = 1004},
    {.method = STUN_REFRESH, .code = 401, .has_relayed = true, .bytes = 1004},
    {.kind = TURN_NOTE_ENDED, .has_relayed = true, .bytes = 1004},
    {.method = STUN_REFRESH},
};
enum { WHOLE = sizeof whole / sizeof *whole };

static void t_one_of_fifty(void **state)
{
    static struct bench b;
    char user[64];
    struct addr relayed;

    (void)state;
    begin_trace(&b);
    for (uint8_t i = 0; i < USERS; i++) {
        snprintf(user, sizeof user, i == TRACED ? NAME : "1999999999:user-%u", i);
        b.user = user;
        from_client(&b, v4(40, 0, 0, i, 4000));
        session(&b, &relayed);
        expect(&b, &relayed, whole, i == TRACED ? WHOLE : 0);
    }
    bench_end(&b);
}

static void t_like_names(void **state)
{
    static struct bench b;
    static const char *const names[] = {NAME "0", "1999999999:trace-0123456789abcde",
                                        "1999999999:TRACE-0123456789abcdef", "trace", ":"};
    struct addr relayed;

    (void)state;
    begin_trace(&b);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        b.user = names[i];
        session(&b, &relayed);
        expect(&b, &relayed, NULL, 0);
    }
    bench_end(&b);
}

static void t_refused(void **state)
{
    static struct bench b;
    struct addr relayed = {0};

    (void)state;
    begin_trace(&b);
    b.user = NAME;
    b.good = NEVER_GOOD;
    assert_int_equal(allocates(&b), 401);
    expect(&b, &relayed, &(struct expected){.method = STUN_ALLOCATE, .code = 401}, 1);
    b.good = 0;
    assert_int_equal(permits(&b, 1, 1), 437);
    expect(&b, &relayed,
           &(struct expected){.method = STUN_CREATE_PERMISSION, .code = 437, .has_peer = true}, 1);
    b.conf.limits.unproven_per_prefix = 1;
    b.good = NEVER_GOOD;
    assert_int_equal(allocates(&b), -1);
    expect(&b, &relayed,
           &(struct expected){.method = STUN_ALLOCATE, .code = 401, .is_silent = true}, 1);
    bench_end(&b);
}

/* Neither is told what the other has, on whosever connection they are. */
static void t_two_users_of_one_connection(void **state)
{
    static struct bench b;
    struct addr none = {0};
    struct expected wrong = {.method = STUN_CREATE_PERMISSION, .code = 441, .has_peer = true};

    (void)state;
    begin_trace(&b);
    b.user = "bert";
    assert_int_equal(allocates(&b), 0);
    assert_int_equal(permits(&b, 1, 1), 0);
    assert_true(sends(&b, 1, 100));
    assert_int_equal(n_notes, 0);
    b.user = NAME;
    assert_int_equal(permits(&b, 1, 1), 441);
    expect(&b, &none, &wrong, 1);
    turn_flow_closed(b.turn, &b.flow);
    assert_int_equal(n_notes, 0);
    bench_end(&b);
}

static int finish_hashed(struct bench *b, struct writer *w)
{
    uint8_t hash[SHA256_LEN];
    longterm_userhash(b->crypto, span_text(b->user), span_text("r"), hash);
    stun_put_bytes(w, STUN_ATTR_USERHASH, span_of(hash, sizeof hash));
    stun_put_bytes(w, STUN_ATTR_REALM, span_text("r"));
    stun_put_bytes(w, STUN_ATTR_NONCE, span_of(b->nonce, b->nonce_n));
    stun_sign(w, b->crypto, STUN_ATTR_MESSAGE_INTEGRITY, span_of(key, sizeof key));
    return answer_to(b, w);
}

static void t_user_who_hides_the_name(void **state)
{
    static struct bench b;

    (void)state;
    begin_trace(&b);
    b.user = NAME "0";
    struct writer w = allocate(&b);
    assert_int_equal(finish_hashed(&b, &w), 0);
    turn_flow_closed(b.turn, &b.flow);
    assert_int_equal(n_notes, 0);
    b.user = NAME;
    w = allocate(&b);
    assert_int_equal(finish_hashed(&b, &w), 0);
    struct addr relayed = relayed_of(&b);
    expect(&b, &relayed, &(struct expected){.method = STUN_ALLOCATE, .has_relayed = true}, 1);
    bench_end(&b);
}

static const struct expected over = {.kind = TURN_NOTE_ENDED, .has_relayed = true};

static void t_every_end(void **state)
{
    static struct bench b;

    (void)state;
    begin_trace(&b);
    b.user = NAME;
    for (int how = 0; how < 3; how++) {
        assert_int_equal(allocates(&b), 0);
        struct addr relayed = relayed_of(&b);
        n_notes = 0;
        b.now += how == 0 ? 601 * S : 0;
        if (how == 1)
            turn_flow_closed(b.turn, &b.flow);
        if (how == 2)
            turn_kill(b.turn, relayed.port);
        turn_expire(b.turn, b.now);
        expect(&b, &relayed, &over, 1);
    }
    assert_int_equal(allocates(&b), 0);
    n_notes = 0;
    bench_end(&b); /* at the engine's own end nobody listens any more */
    assert_int_equal(n_notes, 0);
}

static void t_trace_ends(void **state)
{
    static struct bench b;
    static const char too_long[TURN_TRACE_USER + 1] = "the host has no room for this";
    const struct span next[] = {span_of(NULL, 0), span_text("another"),
                                span_of(too_long, sizeof too_long)};
    struct addr relayed;

    (void)state;
    for (size_t i = 0; i < sizeof next / sizeof *next; i++) {
        begin_trace(&b);
        b.user = NAME;
        assert_int_equal(allocates(&b), 0);
        assert_int_equal(n_notes, 1);
        turn_set_trace(b.turn, next[i]);
        assert_int_equal(refreshes(&b, 0), 0);
        session(&b, &relayed);
        assert_int_equal(n_notes, 1);
        bench_end(&b);
    }
}

static void t_another_realm(void **state)
{
    static struct bench b;
    static struct turn_conf next;

    (void)state;
    begin_trace(&b);
    next = b.conf;
    next.realm = "other";
    turn_set_conf(b.turn, &next);
    turn_set_conf(b.turn, &b.conf);
    b.user = NAME;
    assert_int_equal(allocates(&b), 0);
    turn_flow_closed(b.turn, &b.flow);
    assert_int_equal(n_notes, 2);
    bench_end(&b);
}

static bool is_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != 0)
            return false;
    }
    return true;
}

static void t_forgets(void **state)
{
    static struct bench b;

    (void)state;
    bench_begin(&b, (struct turn_limits){0});
    assert_int_equal(allocates(&b), 0);
    struct turn *t = b.turn;
    assert_false(is_zero(t->reply, sizeof t->reply));
    assert_true(t->pool_left > 0 && t->pool_left < sizeof t->pool);
    assert_false(is_zero(t->pool + t->pool_left, sizeof t->pool - t->pool_left));
    turn_forget(t);
    assert_true(is_zero(t->reply, sizeof t->reply));
    assert_true(is_zero(t->pool + t->pool_left, sizeof t->pool - t->pool_left));
    assert_false(is_zero(t->pool, t->pool_left));
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(permits(&b, 1, 3), 0);
        turn_forget(t);
    }
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_one_of_fifty),
        cmocka_unit_test(t_like_names),
        cmocka_unit_test(t_refused),
        cmocka_unit_test(t_two_users_of_one_connection),
        cmocka_unit_test(t_user_who_hides_the_name),
        cmocka_unit_test(t_every_end),
        cmocka_unit_test(t_trace_ends),
        cmocka_unit_test(t_another_realm),
        cmocka_unit_test(t_forgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
