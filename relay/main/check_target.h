/* What drehkreuz check is to test. */
#ifndef RELAY_MAIN_CHECK_TARGET_H
#define RELAY_MAIN_CHECK_TARGET_H

#include "check/check.h"

struct args;

/* From the command line, or from the configuration. An exit code. */
int check_target(const struct args *a, struct check *c);

#endif
