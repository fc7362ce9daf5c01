/* Where packets were, and their addresses, nothing is left afterwards; where none were, no page is
 * touched. */
#include "loopback.h"

#include <sys/mman.h>

#include "base/mem.h"
#include "net/arena_int.h"
#include "net/batch_int.h"
#include "net/mailbox_int.h"

enum { PAGE = 4096, LONG = 9000 };

static bool is_zero(const void *p, size_t n)
{
    const uint8_t *at = p;
    for (size_t i = 0; i < n; i++) {
        if (at[i] != 0)
            return false;
    }
    return true;
}

static void fill_room(uint8_t *body, size_t n)
{
    memset(body - TURN_HEADROOM, 0xee, TURN_HEADROOM + n + TURN_TAILROOM);
}

static bool room_is_zero(const uint8_t *body, size_t n)
{
    return is_zero(body - TURN_HEADROOM, TURN_HEADROOM + n + TURN_TAILROOM);
}

static void t_slots(void **state)
{
    static struct arena a;
    uint8_t *slots[3];

    (void)state;
    assert_int_equal(arena_init(&a), 0);
    slots[0] = arena_take(&a, LONG);
    slots[1] = arena_take(&a, 0);
    arena_hold(&a, 700);
    slots[2] = arena_take(&a, 5);
    fill_room(slots[0], LONG);
    fill_room(slots[1], 700);
    fill_room(slots[2], 5);
    /* The same slot with a shorter one afterwards: the longer one is still behind it. */
    arena_reset(&a);
    assert_ptr_equal(arena_take(&a, 10), slots[0]);
    arena_reset(&a);
    arena_forget(&a);
    assert_true(room_is_zero(slots[0], LONG));
    assert_true(room_is_zero(slots[1], 700));
    assert_true(room_is_zero(slots[2], 5));
    arena_free(&a);
}

static void t_datagrams_and_their_senders(void **state)
{
    static struct arena a;
    struct arena_source source = {.fd = loopback_socket(), .max = 4};
    struct addr to = local_addr(source.fd);
    union sock_name name;
    socklen_t n = sockaddr_from_addr(&to, &name);
    int other = loopback_socket();
    struct arrival in;

    (void)state;
    assert_int_equal(arena_init(&a), 0);
    assert_int_equal(sendto(other, "datagram", 8, 0, &name.sa, n), 8);
    assert_int_equal(arena_recv(&a, &source), 1);
    assert_true(arena_get(&a, 0, &in));
    assert_int_equal(in.pkt.n, 8);
    assert_false(is_zero(in.pkt.p, 8));
    arena_reset(&a);
    arena_forget(&a);
    arena_forget_names(&a);
    assert_true(room_is_zero(in.pkt.p, 8));
    assert_true(is_zero(a.names, sizeof a.names));
    arena_free(&a);
    close(other);
    close(source.fd);
}

/* The arena is 17 MB, of which hardly anything is ever used. A sanitizer's heap fills it in itself.
 */
static void t_untouched_pages_stay_so(void **state)
{
    static struct arena a;
    unsigned char there[ARENA_STRIDE / PAGE];

    (void)state;
    assert_int_equal(arena_init(&a), 0);
    uint8_t *slot = arena_take(&a, 100);
    fill_room(slot, 100);
    arena_reset(&a);
    arena_forget(&a);
    uintptr_t page = ((uintptr_t)slot / PAGE + 1) * PAGE;
    assert_int_equal(mincore((void *)page, sizeof there / 2 * PAGE, there), 0);
    for (size_t i = 0; !MEM_IS_WATCHED && i < sizeof there / 2; i++)
        assert_int_equal(there[i] & 1, 0);
    arena_free(&a);
}

static void t_where_everything_went(void **state)
{
    static struct batch b;
    struct outlet out;
    int fd = loopback_socket();
    struct out_pkt pkt = {.data = span_text("x"), .to = local_addr(fd), .tos = 8};

    (void)state;
    batch_init(&b, true);
    outlet_init(&out, fd, ADDR_V4, false);
    for (int i = 0; i < 5; i++)
        batch_push(&b, &out, &pkt);
    batch_flush(&b);
    assert_false(is_zero(b.pkts, sizeof b.pkts));
    assert_false(is_zero(b.names, sizeof b.names));
    batch_forget(&b);
    assert_true(is_zero(b.pkts, sizeof b.pkts));
    assert_true(is_zero(b.names, sizeof b.names));
    assert_true(is_zero(b.control, sizeof b.control));
    close(fd);
}

/* Both of its buffers, whichever was read last. */
static void t_mail(void **state)
{
    struct mail mail = {.from = loopback_addr(1), .to = loopback_addr(2)};
    struct mailbox m;
    struct turn_pkt pkt;

    (void)state;
    assert_int_equal(mailbox_init(&m), 0);
    for (int i = 0; i < 3; i++) {
        assert_true(mailbox_post(&m, &mail, span_text("a longer text than the next one has")));
        assert_true(mailbox_post(&m, &mail, span_text("x")));
        mailbox_take(&m);
        while (mailbox_read(&m, &mail, &pkt))
            continue;
    }
    mailbox_forget(&m);
    assert_true(is_zero(m.reading, MAILBOX_BYTES));
    assert_true(is_zero(m.filling, MAILBOX_BYTES));
    assert_false(mailbox_read(&m, &mail, &pkt));
    mailbox_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_slots),
        cmocka_unit_test(t_datagrams_and_their_senders),
        cmocka_unit_test(t_untouched_pages_stay_so),
        cmocka_unit_test(t_where_everything_went),
        cmocka_unit_test(t_mail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
