/* Messages out of a byte stream: in any pieces, and never one that is none. */
#include "streams.h"

#include <stdlib.h>

/* X5: whatever the pieces are. 0 bytes at a time = all at once. */
static void in_pieces(size_t piece, unsigned seed)
{
    static uint8_t bytes[200000];
    static char want[20000];
    struct fixture f;
    size_t n = 0;
    size_t n_want = 0;

    stream_begin(&f, ADDR_V4);
    stream_start(&f);
    int fd = tcp_to(&f.server);
    for (size_t i = 0; i < 50; i++) {
        char order[300];
        size_t len = 2 + i % 7 + (i % 10 == 9 ? 250 : 0);
        memset(order, 'a' + (int)i % 26, len);
        *order = 'A';
        n += i % 2 ? channel_message(bytes + n, order, len) : stun_message(bytes + n, order, len);
        *order = '0';
        memcpy(want + n_want, order, len);
        n_want += len;
    }
    for (size_t at = 0; at < n;) {
        size_t some = seed ? (size_t)rand_r(&seed) % 700 + 1 : piece ? piece : n;
        some = some < n - at ? some : n - at;
        put(fd, bytes + at, some);
        at += some;
    }
    stream_expect(fd, want, n_want);
    expect_open(fd);
    close(fd);
    end(&f);
}

static void t_X5_split_and_joined(void **state)
{
    (void)state;
    in_pieces(0, 0);
    in_pieces(1, 0);
    for (size_t piece = 2; piece < 30; piece += 5)
        in_pieces(piece, 0);
    for (unsigned seed = 1; seed < 6; seed++)
        in_pieces(0, seed);
}

/* X14: the next message starts at the boundary, whatever the padding is. */
static void t_X14_padding(void **state)
{
    struct fixture f;

    (void)state;
    stream_begin(&f, ADDR_V6);
    stream_start(&f);
    int fd = greeted(&f);
    for (size_t n = 1; n <= 8; n++) {
        channel_say(fd, "Aabcdefg", n);
        stun_say(fd, "A|", 2);
        stream_expect(fd, "0abcdefg", n);
        stream_expect(fd, "0|", 2);
    }
    channel_say(fd, "", 0); /* nothing, and no harm */
    stun_say(fd, "A.", 2);
    stream_expect(fd, "0.", 2);
    close(fd);
    end(&f);
}

/* C20: the longest there is, in any pieces, to a peer as far as UDP can carry it. */
static void t_longest_channel_data(void **state)
{
    static uint8_t order[65535];
    struct fixture f;
    int peer = loopback_socket();
    uint16_t at = local_addr(peer).port;

    (void)state;
    stream_begin(&f, ADDR_V4);
    f.conf.stream.queue_bytes = 1 << 20;
    stream_start(&f);
    int fd = greeted(&f);
    for (size_t i = 0; i < sizeof order; i++)
        order[i] = (uint8_t)(i * 13 + i / 256);
    *order = 'A';
    channel_say(fd, order, sizeof order);
    *order = '0';
    stream_expect(fd, order, sizeof order);

    uint16_t relayed = free_addr().port;
    channel_say(fd, (uint8_t[]){'O', (uint8_t)(relayed >> 8), (uint8_t)relayed}, 3);
    stream_expect(fd, "o", 1);
    memcpy(order, (uint8_t[]){'S', (uint8_t)(at >> 8), (uint8_t)at}, 3);
    channel_say(fd, order, 3 + 65507);
    expect_bytes(peer, order + 3, 65507);
    struct addr to = loopback_addr(relayed);
    send_bytes(peer, &to, order + 3, 65507);
    order[0] = 'p';
    stream_expect(fd, order, 3 + 65507);
    close(peer);
    close(fd);
    end(&f);
}

/* Many messages of one read go to peers, each as it was. */
static void t_messages_of_one_read_to_a_peer(void **state)
{
    static uint8_t bytes[20000];
    struct fixture f;
    int peer = loopback_socket();
    uint16_t at = local_addr(peer).port;
    uint16_t relayed = free_addr().port;
    size_t n = 0;

    (void)state;
    stream_begin(&f, ADDR_V4);
    stream_start(&f);
    int fd = greeted(&f);
    stun_say(fd, (uint8_t[]){'O', (uint8_t)(relayed >> 8), (uint8_t)relayed}, 3);
    stream_expect(fd, "o", 1);
    for (uint8_t i = 0; i < 100; i++) {
        uint8_t order[] = {'S', (uint8_t)(at >> 8), (uint8_t)at, i, (uint8_t)~i};
        n += channel_message(bytes + n, order, sizeof order);
    }
    put(fd, bytes, n);
    for (uint8_t i = 0; i < 100; i++)
        expect_bytes(peer, (uint8_t[]){i, (uint8_t)~i}, 2);
    close(peer);
    close(fd);
    end(&f);
}

/* What one connection sends to a peer is safe from what the next one sends in the same turn. */
static void t_connections_of_one_turn(void **state)
{
    static uint8_t bytes[2000];
    struct fixture f;
    int peer = loopback_socket();
    uint16_t at = local_addr(peer).port;
    uint16_t relayed = free_addr().port;
    uint8_t order[600] = {'S', (uint8_t)(at >> 8), (uint8_t)at, 'o', 'n', 'e'};

    (void)state;
    stream_begin(&f, ADDR_V4);
    begin_again(&f);
    int a = tcp_to(&f.server);
    stun_say(a, (uint8_t[]){'O', (uint8_t)(relayed >> 8), (uint8_t)relayed}, 3);
    channel_say(a, order, sizeof order);
    int b = tcp_to(&f.server);
    memset(bytes, 'z', sizeof bytes);
    *bytes = 'A';
    stun_say(b, bytes, sizeof bytes);
    start(&f);
    expect_bytes(peer, order + 3, sizeof order - 3);
    close(peer);
    close(a);
    close(b);
    end(&f);
}

/* Relay to relay within a worker: the engine writes around the packet, which has neighbours. */
static void t_hairpin_spares_the_neighbours(void **state)
{
    static uint8_t bytes[40000];
    static uint8_t want[40000];
    struct fixture f;
    uint16_t relayed = free_addr().port;
    size_t n = 0;
    size_t n_want = 0;

    (void)state;
    stream_begin(&f, ADDR_V4);
    stream_start(&f);
    int fd = greeted(&f);
    stun_say(fd, (uint8_t[]){'O', (uint8_t)(relayed >> 8), (uint8_t)relayed}, 3);
    stream_expect(fd, "o", 1);
    for (uint16_t i = 0; i < 600; i++) { /* more than there are slots */
        uint8_t hairpin[] = {'H', 0, (uint8_t)(relayed >> 8), (uint8_t)relayed, (uint8_t)i, 'z'};
        uint8_t got[] = {'p', (uint8_t)(relayed >> 8), (uint8_t)relayed, (uint8_t)i, 'z'};
        size_t some = sizeof got - i % 3;
        n += channel_message(bytes + n, hairpin, sizeof hairpin - i % 3);
        n += channel_message(bytes + n, "Ax", 2);
        memcpy(want + n_want, got, some);
        memcpy(want + n_want + some, "0x", 2);
        n_want += some + 2;
    }
    put(fd, bytes, n);
    stream_expect(fd, want, n_want);
    close(fd);
    end(&f);
}

static void t_nonsense_closes(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
    } rows[] = {
        {"\x80", 1},
        {"\x04\x00\x00\x00", 4},
        {"\x00\x01\x00\x01", 4},                 /* H4 */
        {"\x00\x01\x00\x00\x21\x12\xa4\x43", 8}, /* H3 */
        {"\x00\x01\x00\x00\x20", 5},
        {"GET / HTTP/1.1\r\n\r\n", 18},
        {"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", 36},
        {"\r\n\r\n\0\r\nQUIT\n", 12},
        {"\x40\x01\x00\x01z\0\0\0", 8}, /* nothing is bound yet */
        {"\xff\xff\xff\xff", 4},
        {"\x16\x03\x01\x02", 4}, /* no certificate here */
    };
    struct fixture f;

    (void)state;
    stream_begin(&f, ADDR_V4);
    stream_start(&f);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int fd = tcp_to(&f.server);
        put(fd, rows[i].bytes, rows[i].n);
        expect_closed(fd);
        close(fd);
    }
    /* Not before what is owed is said. */
    uint8_t bytes[64];
    size_t n = stun_message(bytes, "A!", 2);
    bytes[n++] = 0xff;
    int fd = tcp_to(&f.server);
    put(fd, bytes, n);
    stream_expect(fd, "0!", 2);
    expect_closed(fd);
    close(fd);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_X5_split_and_joined),
        cmocka_unit_test(t_X14_padding),
        cmocka_unit_test(t_longest_channel_data),
        cmocka_unit_test(t_messages_of_one_read_to_a_peer),
        cmocka_unit_test(t_connections_of_one_turn),
        cmocka_unit_test(t_hairpin_spares_the_neighbours),
        cmocka_unit_test(t_nonsense_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
