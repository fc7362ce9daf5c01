/* How long trains are: the datagrams that they are made of, how many, and their bytes together. */
#include "loopback.h"

#include "net/batch_int.h"

static struct batch b;

/* Sends n datagrams of this size; how many are in the first message, and in the second. */
static void expect_messages(size_t n, size_t size, size_t first, size_t second)
{
    static uint8_t data[65535];
    struct outlet out;
    int peer = loopback_socket();

    batch_init(&b, true);
    b.trains = true; /* also where the kernel cannot: then they go one by one */
    memset(b.msgs, 0, sizeof b.msgs);
    outlet_init(&out, loopback_socket(), ADDR_V4, false);
    struct out_pkt pkt = {.data = span_of(data, size), .to = local_addr(peer)};
    for (size_t i = 0; i < n; i++)
        batch_push(&b, &out, &pkt);
    batch_flush(&b);
    assert_int_equal(b.msgs[0].msg_hdr.msg_iovlen, first);
    assert_int_equal(b.msgs[1].msg_hdr.msg_iovlen, second);
    close(out.fd);
    close(peer);
}

static void t_trains(void **state)
{
    (void)state;
    expect_messages(2, 1352, 2, 0);
    expect_messages(2, 1353, 1, 1); /* not of what might not fit a link */
    expect_messages(64, 100, 64, 0);
    expect_messages(65, 100, 64, 1);
    expect_messages(128, 100, 64, 64);
    expect_messages(50, 1300, 50, 0); /* 65000 bytes */
    expect_messages(51, 1300, 50, 1);
    expect_messages(50, 1301, 49, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_trains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
