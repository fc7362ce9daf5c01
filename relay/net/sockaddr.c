/* Conversion between struct addr and struct sockaddr. */
#include "net/sockaddr_int.h"

socklen_t sockaddr_from_addr(const struct addr *a, union sock_name *ret)
{
    if (a->family == ADDR_V4) {
        ret->in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(a->port)};
        memcpy(&ret->in.sin_addr, a->ip, sizeof ret->in.sin_addr);
        return sizeof ret->in;
    }
    if (a->family == ADDR_V6) {
        ret->in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(a->port)};
        memcpy(&ret->in6.sin6_addr, a->ip, sizeof ret->in6.sin6_addr);
        return sizeof ret->in6;
    }
    return 0;
}

bool sockaddr_to_addr(const union sock_name *name, socklen_t n, struct addr *ret)
{
    if (n >= sizeof name->in && name->sa.sa_family == AF_INET) {
        *ret = (struct addr){.family = ADDR_V4, .port = ntohs(name->in.sin_port)};
        memcpy(ret->ip, &name->in.sin_addr, sizeof name->in.sin_addr);
        return true;
    }
    if (n >= sizeof name->in6 && name->sa.sa_family == AF_INET6) {
        *ret = (struct addr){.family = ADDR_V6, .port = ntohs(name->in6.sin6_port)};
        memcpy(ret->ip, &name->in6.sin6_addr, sizeof name->in6.sin6_addr);
        return true;
    }
    return false;
}

int sockaddr_family(const struct addr *a)
{
    return a->family == ADDR_V6 ? AF_INET6 : AF_INET;
}
