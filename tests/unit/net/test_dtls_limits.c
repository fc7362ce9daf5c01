/* The limits of DTLS sessions by their numbers: what lies just within is served, what lies just
 * beyond is not. */
#include "dtls_bench.h"

static void open_bench(struct bench *b, struct net_stream_conf conf)
{
    bench_begin(b, 0);
    dtls_free(b->w.dtls);
    b->conf.stream = conf;
    b->w.dtls = dtls_new(&b->w, &conf);
    assert_non_null(b->w.dtls);
}

static struct net_stream_conf streams(uint32_t connections, uint32_t handshake_s)
{
    return (struct net_stream_conf){.connections = connections,
                                    .prefix_v4 = 32,
                                    .prefix_v6 = 56,
                                    .handshake_s = handshake_s,
                                    .idle_s = 60};
}

static void t_number_of_sessions(void **state)
{
    struct bench b;
    struct peer p[3];

    (void)state;
    open_bench(&b, streams(2, 20));
    for (int i = 0; i < 3; i++) {
        peer_open(&p[i], &b);
        assert_true(peer_shake(&p[i], &b) == (i < 2));
    }
    assert_int_equal(bench_sessions(&b), 2);
    assert_true(peer_talks(&p[0], &b));
    assert_true(peer_talks(&p[1], &b));
    SSL_shutdown(p[0].ssl);
    bench_turn(&b);
    peer_leave(&p[2]);
    peer_join(&p[2]);
    assert_true(peer_shake(&p[2], &b));
    for (int i = 0; i < 3; i++)
        peer_close(&p[i]);
    bench_end(&b);
}

static void t_number_of_handshakes(void **state)
{
    static struct peer peers[257];
    struct bench b;

    (void)state;
    open_bench(&b, streams(400, 20));
    for (int i = 0; i < 256; i++)
        peer_half_open(&b, &peers[i]);
    assert_int_equal(bench_sessions(&b), 256);
    peer_half_open(&b, &peers[256]);
    assert_int_equal(bench_sessions(&b), 256);
    /* One that gets through its handshake makes room. */
    assert_true(peer_shake(&peers[0], &b));
    peer_leave(&peers[256]);
    peer_join(&peers[256]);
    assert_true(peer_shake(&peers[256], &b));
    for (int i = 0; i < 257; i++)
        peer_close(&peers[i]);
    bench_end(&b);
}

/* Timers go off with the clock's seconds, so this long before such a one. */
static void near_a_second(struct bench *b)
{
    usec_t now = clock_monotonic();

    put_forward += 2 * USEC_PER_SEC - now % USEC_PER_SEC - 300000;
    bench_turn(b);
}

/* Half a second early all is there, half a second late it is not. */
static void ends_after(struct bench *b, int seconds)
{
    assert_int_equal(bench_sessions(b), 1);
    bench_wait(b, seconds - 1);
    put_forward += USEC_PER_SEC / 2;
    bench_turn(b);
    assert_int_equal(bench_sessions(b), 1);
    put_forward += USEC_PER_SEC;
    bench_turn(b);
    assert_int_equal(bench_sessions(b), 0);
}

static void t_time_of_a_handshake(void **state)
{
    static const struct {
        uint32_t handshake_s;
        int seconds;
    } rows[] = {{20, 10}, {11, 10}, {9, 9}};
    struct bench b;

    (void)state;
    open_bench(&b, streams(10, 20));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct peer p;
        b.w.dtls->conf.handshake_s = rows[i].handshake_s;
        near_a_second(&b);
        peer_half_open(&b, &p);
        ends_after(&b, rows[i].seconds);
        peer_close(&p);
    }
    bench_end(&b);
}

/* Of one that has shaken hands and then says nothing, and of one that has spoken. */
static void t_time_of_silence(void **state)
{
    static const int seconds[] = {20, 60};
    struct bench b;

    (void)state;
    open_bench(&b, streams(10, 20));
    for (int spoken = 0; spoken < 2; spoken++) {
        struct peer p;
        near_a_second(&b);
        peer_open(&p, &b);
        assert_true(peer_shake(&p, &b));
        assert_true(!spoken || peer_talks(&p, &b));
        ends_after(&b, seconds[spoken]);
        peer_close(&p);
    }
    bench_end(&b);
}

/* The clock to just behind the start of a minute, and so many seconds on. */
static void set_clock(struct bench *b, int seconds)
{
    usec_t minute = 60 * USEC_PER_SEC;

    put_forward += minute - clock_monotonic() % minute + seconds * USEC_PER_SEC;
    bench_turn(b);
}

/* A cookie is good until the end of the minute behind that it was made in. */
static void t_age_of_a_cookie(void **state)
{
    static const struct {
        int made;
        int shown;
        size_t sessions;
    } rows[] = {{0, 118, 1}, {0, 121, 0}, {58, 118, 1}, {58, 121, 0}};

    struct bench b;

    (void)state;
    open_bench(&b, streams(10, 20));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct peer p;
        uint8_t hello[HELLO_BYTES];
        set_clock(&b, rows[i].made);
        peer_open(&p, &b);
        size_t n = peer_hello(&p, &b, 1, hello);
        put_forward += (rows[i].shown - rows[i].made) * USEC_PER_SEC;
        assert_int_equal(send(p.fd, hello, n, 0), (ssize_t)n);
        bench_turn(&b);
        assert_int_equal(bench_sessions(&b), rows[i].sessions);
        bench_wait(&b, 12);
        peer_close(&p);
    }
    bench_end(&b);
}

/* What no record can carry is dropped, and the session goes on. */
static void t_longest_message(void **state)
{
    static const struct {
        size_t n;
        int got;
    } rows[] = {{16384, 16384}, {16385, -1}};
    static uint8_t bytes[16385];
    static uint8_t got[16385];
    struct bench b;
    struct peer p;

    (void)state;
    open_bench(&b, streams(1, 20));
    peer_open(&p, &b);
    assert_true(peer_shake(&p, &b));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dtls_output(b.w.dtls, 0, span_of(bytes, rows[i].n), 0);
        bench_turn(&b);
        assert_int_equal(SSL_read(p.ssl, got, sizeof got), rows[i].got);
        ERR_clear_error();
        assert_true(peer_talks(&p, &b));
    }
    peer_close(&p);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_number_of_sessions),  cmocka_unit_test(t_number_of_handshakes),
        cmocka_unit_test(t_time_of_a_handshake), cmocka_unit_test(t_time_of_silence),
        cmocka_unit_test(t_age_of_a_cookie),     cmocka_unit_test(t_longest_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
