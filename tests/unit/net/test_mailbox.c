/* The way into a worker: order, bounds, orders, room around a datagram, two threads at once. */
#include "loopback.h"

#include <errno.h>
#include <pthread.h>

#include "base/mem.h"
#include "net/mailbox_int.h"
#include "net/stream_int.h"

static bool readable(const struct mailbox *m)
{
    struct pollfd p = {.fd = m->wake, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static bool post(struct mailbox *m, const char *text)
{
    struct mail mail = {.from = loopback_addr(1), .to = loopback_addr(2), .tos = 3};
    return mailbox_post(m, &mail, span_text(text));
}

static void expect_mail(struct mailbox *m, const char *text)
{
    struct mail mail;
    struct turn_pkt pkt;
    struct addr from = loopback_addr(1);
    struct addr to = loopback_addr(2);

    assert_true(mailbox_read(m, &mail, &pkt));
    assert_int_equal(pkt.n, strlen(text));
    assert_memory_equal(pkt.p, text, pkt.n);
    assert_true(addr_eq(&mail.from, &from));
    assert_true(addr_eq(&mail.to, &to));
    assert_int_equal(mail.tos, 3);
    /* The engine's room is there, and belongs to nobody else. */
    memset(pkt.p - TURN_HEADROOM, 0xff, TURN_HEADROOM);
    memset(pkt.p + pkt.n, 0xff, TURN_TAILROOM);
}

static void expect_end(struct mailbox *m)
{
    struct mail mail;
    struct turn_pkt pkt;
    assert_false(mailbox_read(m, &mail, &pkt));
}

static void t_mail_comes_in_order(void **state)
{
    struct mailbox m;

    (void)state;
    assert_int_equal(mailbox_init(&m), 0);
    assert_false(readable(&m));
    expect_end(&m);
    assert_true(post(&m, "one"));
    assert_true(post(&m, ""));
    assert_true(post(&m, "three"));
    assert_true(readable(&m));
    expect_end(&m);
    mailbox_take(&m);
    assert_false(readable(&m));
    expect_mail(&m, "one");
    assert_true(post(&m, "four"));
    expect_mail(&m, "");
    expect_mail(&m, "three");
    expect_end(&m);
    mailbox_take(&m);
    expect_mail(&m, "four");
    expect_end(&m);
    assert_null(mailbox_free(&m).world);
    assert_int_equal(mem_live(), 0);
}

static void t_full_mailbox_drops(void **state)
{
    static uint8_t big[65535];
    struct mail mail = {.to = loopback_addr(2)};
    struct turn_pkt pkt;
    struct mailbox m;
    unsigned posted = 0;
    unsigned seen = 0;

    (void)state;
    assert_int_equal(mailbox_init(&m), 0);
    while (mailbox_post(&m, &mail, span_of(big, sizeof big)))
        posted++;
    assert_int_equal(posted, MAILBOX_BYTES / (sizeof big + 200));
    assert_false(mailbox_post(&m, &mail, span_of(big, sizeof big)));
    mailbox_take(&m);
    while (mailbox_read(&m, &mail, &pkt))
        seen += pkt.n == sizeof big;
    assert_int_equal(seen, posted);
    assert_true(mailbox_post(&m, &mail, span_of(big, sizeof big)));
    mailbox_free(&m);
}

static void t_orders_are_kept_until_taken(void **state)
{
    struct net_world first = {0};
    struct net_world second = {0};
    struct mailbox m;

    (void)state;
    assert_int_equal(mailbox_init(&m), 0);
    assert_null(mailbox_order(&m, &(struct mail_orders){.world = &first}).world);
    assert_ptr_equal(mailbox_order(&m, &(struct mail_orders){.world = &second}).world, &first);
    assert_null(mailbox_order(&m, &(struct mail_orders){.drain = true}).world);
    assert_true(readable(&m));
    struct mail_orders got = mailbox_take(&m);
    assert_ptr_equal(got.world, &second);
    assert_true(got.drain);
    assert_false(got.stop);
    got = mailbox_take(&m);
    assert_null(got.world);
    assert_false(got.drain);
    mailbox_order(&m, &(struct mail_orders){.world = &first});
    assert_ptr_equal(mailbox_free(&m).world, &first);
}

static void t_no_kill_is_lost(void **state)
{
    struct mailbox m;

    (void)state;
    assert_int_equal(mailbox_init(&m), 0);
    assert_int_equal(mailbox_kill(&m), 0);
    for (unsigned port = 65535; port <= 65535; port -= 2) {
        for (int twice = 0; twice < 2; twice++)
            mailbox_order(&m, &(struct mail_orders){.kill = (uint16_t)port});
    }
    assert_int_not_equal(mailbox_take(&m).kill, 0);
    assert_int_equal(mailbox_take(&m).kill, 0);
    for (unsigned port = 1; port < 65536; port += 2)
        assert_int_equal(mailbox_kill(&m), port);
    assert_int_equal(mailbox_kill(&m), 0);
    mailbox_free(&m);
}

static struct mail_orders trace(struct mailbox *m, int to, const char *user)
{
    struct mail_orders orders = {.set_trace = true, .trace = {.to = to}};
    strcpy(orders.trace.user, user);
    return mailbox_order(m, &orders);
}

static void t_replaced_trace_comes_back(void **state)
{
    struct mailbox m;

    (void)state;
    assert_int_equal(mailbox_init(&m), 0);
    assert_false(trace(&m, 7, "first").set_trace);
    assert_false(mailbox_order(&m, &(struct mail_orders){.drain = true}).set_trace);
    struct mail_orders got = trace(&m, 8, "second");
    assert_true(got.set_trace);
    assert_int_equal(got.trace.to, 7);
    got = mailbox_take(&m);
    assert_true(got.set_trace);
    assert_int_equal(got.trace.to, 8);
    assert_string_equal(got.trace.user, "second");
    assert_false(trace(&m, -1, "").set_trace);
    got = mailbox_free(&m);
    assert_true(got.set_trace);
    assert_int_equal(got.trace.to, -1);
}

static void t_connections_are_few(void **state)
{
    static struct conn conns[MAILBOX_MOVES + 1];
    struct mailbox m;
    unsigned n = 0;

    (void)state;
    assert_int_equal(mailbox_init(&m), 0);
    for (unsigned i = 0; i < MAILBOX_MOVES; i++)
        assert_true(mailbox_move(&m, &conns[i]));
    assert_false(mailbox_move(&m, &conns[MAILBOX_MOVES]));
    assert_true(readable(&m));
    struct mail_orders got = mailbox_take(&m);
    for (const struct conn *c = got.moved; c; c = c->next)
        n++;
    assert_int_equal(n, MAILBOX_MOVES);
    assert_true(mailbox_move(&m, &conns[MAILBOX_MOVES]));
    got = mailbox_free(&m);
    assert_ptr_equal(got.moved, &conns[MAILBOX_MOVES]);
    assert_null(got.moved->next);
}

static void t_no_memory(void **state)
{
    struct mailbox m;

    (void)state;
    for (int i = 0; i < 2; i++) {
        mem_fail_after(i);
        assert_int_equal(mailbox_init(&m), -ENOMEM);
        mem_fail_after(-1);
        assert_null(mailbox_free(&m).world);
        assert_int_equal(mem_live(), 0);
    }
}

enum { POSTS = 20000 };

static void *poster(void *arg)
{
    struct mail mail = {.to = loopback_addr(2)};
    for (uint32_t i = 0; i < POSTS;) {
        if (mailbox_post(arg, &mail, span_of(&i, sizeof i)))
            i++;
    }
    return NULL;
}

static void t_two_threads(void **state)
{
    struct mailbox m;
    struct mail mail;
    struct turn_pkt pkt;
    pthread_t thread;
    uint32_t next = 0;

    (void)state;
    assert_int_equal(mailbox_init(&m), 0);
    assert_int_equal(pthread_create(&thread, NULL, poster, &m), 0);
    while (next < POSTS) {
        struct pollfd p = {.fd = m.wake, .events = POLLIN};
        assert_int_equal(poll(&p, 1, LOOPBACK_WAIT_MS), 1);
        mailbox_take(&m);
        while (mailbox_read(&m, &mail, &pkt))
            assert_memory_equal(pkt.p, &(uint32_t){next++}, sizeof next);
    }
    pthread_join(thread, NULL);
    mailbox_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_mail_comes_in_order),
        cmocka_unit_test(t_full_mailbox_drops),
        cmocka_unit_test(t_orders_are_kept_until_taken),
        cmocka_unit_test(t_no_kill_is_lost),
        cmocka_unit_test(t_replaced_trace_comes_back),
        cmocka_unit_test(t_connections_are_few),
        cmocka_unit_test(t_no_memory),
        cmocka_unit_test(t_two_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
