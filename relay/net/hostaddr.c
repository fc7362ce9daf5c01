/* What this host knows about addresses: its interfaces, its way out, and names. */
#include "net/net.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netdb.h>
#include <unistd.h>

#include "net/sockaddr_int.h"

static bool interface_addr(const struct ifaddrs *ifa, struct addr *ret)
{
    if (!ifa->ifa_addr || !(ifa->ifa_flags & IFF_UP))
        return false;
    const union sock_name *name = (const void *)ifa->ifa_addr;
    socklen_t n = ifa->ifa_addr->sa_family == AF_INET ? sizeof name->in : sizeof name->in6;
    if (!sockaddr_to_addr(name, n, ret))
        return false;
    ret->port = 0;
    return true;
}

size_t net_local_addrs(struct addr *ret, size_t cap)
{
    struct ifaddrs *all = NULL;
    size_t n = 0;

    if (getifaddrs(&all) != 0)
        return 0;
    for (const struct ifaddrs *ifa = all; ifa && n < cap; ifa = ifa->ifa_next)
        n += interface_addr(ifa, ret + n);
    freeifaddrs(all);
    return n;
}

int net_addrs_watch(void)
{
    const struct sockaddr_nl both = {.nl_family = AF_NETLINK,
                                     .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);

    if (fd < 0 || bind(fd, (const struct sockaddr *)&both, sizeof both) == 0)
        return fd < 0 ? -errno : fd;
    int r = -errno;
    close(fd);
    return r;
}

/* What exactly has changed is asked elsewhere; that something was lost says the same. */
void net_addrs_seen(int fd)
{
    uint8_t bytes[4096];
    while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0 || errno == ENOBUFS || errno == EINTR)
        errno = 0;
}

/* Somewhere out in the public internet: a.root-servers.net, which has not moved in decades. Only
 * the routing table is asked about it; connecting a UDP socket sends nothing. */
static const uint8_t far_v4[4] = {198, 41, 0, 4};
static const uint8_t far_v6[16] = {0x20, 0x01, 0x05, 0x03, 0xba, 0x3e, 0, 0,
                                   0,    0,    0,    0,    0,    2,    0, 0x30};

enum { PORT_DISCARD = 9 };

bool net_source_addr(enum addr_family family, struct addr *ret)
{
    struct addr far = addr_make(family, family == ADDR_V6 ? far_v6 : far_v4, PORT_DISCARD);
    union sock_name name;
    socklen_t n = sockaddr_from_addr(&far, &name);
    int fd = socket(sockaddr_family(&far), SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    struct addr a;
    bool ok = connect(fd, &name.sa, n) == 0;
    n = sizeof name;
    ok = ok && getsockname(fd, &name.sa, &n) == 0 && sockaddr_to_addr(&name, n, &a);
    close(fd);
    if (!ok || addr_is_any(&a))
        return false;
    a.port = 0;
    *ret = a;
    return true;
}

bool net_resolve(const char *name, enum addr_family family, struct addr *ret)
{
    struct addrinfo want = {.ai_family = family == ADDR_V6 ? AF_INET6 : AF_INET,
                            .ai_socktype = SOCK_DGRAM};
    struct addrinfo *found = NULL;

    if (getaddrinfo(name, NULL, &want, &found) != 0)
        return false;
    const union sock_name *first = (const void *)found->ai_addr;
    bool ok = sockaddr_to_addr(first, found->ai_addrlen, ret);
    freeaddrinfo(found);
    return ok;
}
