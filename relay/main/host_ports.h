/* The ports of a configuration, for rules that a firewall needs. */
#ifndef RELAY_MAIN_HOST_PORTS_H
#define RELAY_MAIN_HOST_PORTS_H

#include "check/host.h"
#include "config/conf.h"

void host_ports_set(const struct conf *c, struct host_ports *ret);

#endif
