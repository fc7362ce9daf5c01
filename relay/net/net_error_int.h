/* Sentences for the operator about his own listeners. */
#ifndef RELAY_NET_NET_ERROR_INT_H
#define RELAY_NET_NET_ERROR_INT_H

#include "net/net.h"

/* "cannot listen on ADDRESS: REASON: REMEDY". */
void net_error_listener(struct net_error *ret, const struct addr *addr, int err);
/* "cannot start the workers: REASON: REMEDY". */
void net_error_workers(struct net_error *ret, int err);

#endif
