/* drehkreuz check --platform: what the platform on this host says of the server, judged, and then
 * tried as it says it. */
#ifndef RELAY_MAIN_CHECK_PLATFORM_H
#define RELAY_MAIN_CHECK_PLATFORM_H

#include "check/platform.h"
#include "main/check_print.h"

struct args;

/* Reads and judges. The server that Talk lists becomes what the steps are to test; nothing is asked
 * for when it lists none. An exit code, after saying what is wrong. */
int check_platform(const struct args *a, struct check *c,
                   struct platform_finding ret[PLATFORM_STEPS]);

void check_platform_print(struct check_out *o, const struct platform_finding found[PLATFORM_STEPS]);

/* After the steps: whether this host, from which Talk looks at the certificate, has reached it. */
void check_platform_reach(struct check_out *o, const struct check *c);

#endif
