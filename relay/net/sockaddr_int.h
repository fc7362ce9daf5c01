/* Between addresses as values (base/addr.h) and the kernel's sockaddr. No text forms here or
 * anywhere in this room, except for the operator's own listeners in net_error.c. */
#ifndef RELAY_NET_SOCKADDR_INT_H
#define RELAY_NET_SOCKADDR_INT_H

#include "base/addr.h"

#include <netinet/in.h>
#include <sys/socket.h>

union sock_name {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

/* Length of what was written; 0 for ADDR_NONE, *ret untouched then. */
socklen_t sockaddr_from_addr(const struct addr *a, union sock_name *ret);

/* false for other families and short names; *ret untouched then. */
bool sockaddr_to_addr(const union sock_name *name, socklen_t n, struct addr *ret);

/* AF_INET or AF_INET6. */
int sockaddr_family(const struct addr *a);

#endif
