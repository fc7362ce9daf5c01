/* Round trips between struct addr and struct sockaddr. */
#include "loopback.h"

#include "net/net.h"

static void round_trip(const char *text, int family, socklen_t size)
{
    struct addr a;
    struct addr back;
    union sock_name name;

    assert_true(addr_parse(text, &a));
    assert_int_equal(sockaddr_from_addr(&a, &name), size);
    assert_int_equal(name.sa.sa_family, family);
    assert_true(sockaddr_to_addr(&name, size, &back));
    assert_memory_equal(&a, &back, sizeof a);
}

static void t_round_trip(void **state)
{
    (void)state;
    round_trip("192.0.2.7:3478", AF_INET, sizeof(struct sockaddr_in));
    round_trip("[2001:db8::7]:65535", AF_INET6, sizeof(struct sockaddr_in6));
    round_trip("[::ffff:192.0.2.7]:1", AF_INET6, sizeof(struct sockaddr_in6));
}

static void t_byte_order(void **state)
{
    struct addr a = loopback_addr(0x1234);
    union sock_name name;

    (void)state;
    sockaddr_from_addr(&a, &name);
    assert_int_equal(name.in.sin_port, htons(0x1234));
    assert_int_equal(name.in.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
}

static void t_refuses_what_it_does_not_know(void **state)
{
    union sock_name name = {.sa = {.sa_family = AF_UNIX}};
    struct addr none = {0};
    struct addr a = loopback_addr(9);
    struct addr before = a;

    (void)state;
    assert_int_equal(sockaddr_from_addr(&none, &name), 0);
    assert_false(sockaddr_to_addr(&name, sizeof name, &a));
    name.sa.sa_family = AF_INET6;
    assert_false(sockaddr_to_addr(&name, sizeof name.in, &a));
    name.sa.sa_family = AF_INET;
    assert_false(sockaddr_to_addr(&name, 0, &a));
    assert_memory_equal(&a, &before, sizeof a);
}

static void t_host_addresses_have_loopback_once_and_no_port(void **state)
{
    struct addr all[64];
    size_t n = net_local_addrs(all, 64);
    struct addr want = loopback_addr(0);
    unsigned seen = 0;

    (void)state;
    assert_true(n > 0);
    for (size_t i = 0; i < n; i++)
        seen += addr_eq(&all[i], &want);
    assert_int_equal(seen, 1);
    assert_int_equal(net_local_addrs(all, 1), 1);
    assert_int_equal(net_local_addrs(all, 0), 0);
}

static void t_resolve_literal(void **state)
{
    struct addr a;
    struct addr want = loopback_addr(0);

    (void)state;
    assert_true(net_resolve("127.0.0.1", ADDR_V4, &a));
    assert_true(addr_eq(&a, &want));
    a = want;
    assert_false(net_resolve("127.0.0.1", ADDR_V6, &a));
    assert_true(addr_eq(&a, &want));
}

static void t_source_addr_is_one_of_ours(void **state)
{
    struct addr all[64];
    struct addr a;
    size_t n = net_local_addrs(all, 64);
    unsigned seen = 0;

    (void)state;
    if (!net_source_addr(ADDR_V4, &a))
        return; /* no route out of here, which is an answer too */
    for (size_t i = 0; i < n; i++)
        seen += addr_eq(&all[i], &a);
    assert_true(seen > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_round_trip),
        cmocka_unit_test(t_byte_order),
        cmocka_unit_test(t_refuses_what_it_does_not_know),
        cmocka_unit_test(t_host_addresses_have_loopback_once_and_no_port),
        cmocka_unit_test(t_resolve_literal),
        cmocka_unit_test(t_source_addr_is_one_of_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
