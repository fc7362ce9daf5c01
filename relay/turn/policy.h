/* May this address be a peer? Pure and table-driven; the whole of the default judgement is the
 * table that policy_table hands out, so the tests and the documentation read what the code reads.
 */
#ifndef RELAY_TURN_POLICY_H
#define RELAY_TURN_POLICY_H

#include "turn/turn.h"

struct policy_row {
    const char *net; /* cidr as text */
    struct cidr cidr;
    bool hard; /* the operator's allow list does not lift it */
    const char *why;
};

/* Every network that is denied without being asked for, hard ones first. */
const struct policy_row *policy_table(size_t *ret_n);

/* Normalises, then: hard deny, own sockets, operator allow, operator deny, local addresses, default
 * table; the first that matches decides. An IPv4 address embedded by NAT64 or ISATAP has to pass as
 * well. The port counts for deny_ports only when with_port is set (CreatePermission ignores ports,
 * RFC 8656 section 10.2), for own sockets always. The operator's allow list does not lift
 * deny_ports. */
bool policy_allows(const struct turn_policy *p, const struct addr *peer, bool with_port);

/* A listener or back end of ours by this address and port; the any-address stands for all of this
 * host's. The address is normalised already. */
bool policy_is_own_socket(const struct turn_policy *p, const struct addr *a);

#endif
