/* Between the files of this room. */
#ifndef RELAY_SANDBOX_SANDBOX_INT_H
#define RELAY_SANDBOX_SANDBOX_INT_H

#include "sandbox/sandbox.h"

enum { LANDLOCK_TCP = 4 }; /* the version that knows of it */

/* A descriptor, or -errno. */
int landlock_open(const struct sandbox_conf *conf, int *abi);
/* Leaves open what fd, opened with O_PATH, stands for. 0 or -errno. */
int landlock_allow(int rules, int fd, enum sandbox_use use);
int landlock_enter(int rules);

/* The filter of system calls, for all threads. 0 or -errno. */
int calls_enter(void);

#endif
