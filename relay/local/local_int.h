/* Places to listen at, apart from those who connect there. */
#ifndef RELAY_LOCAL_LOCAL_INT_H
#define RELAY_LOCAL_LOCAL_INT_H

#include <stdbool.h>
#include <sys/types.h>

bool place_is_path(const char *at);
/* A socket bound there that nobody can connect to yet; its file, if it has one, has that mode, and
 * what a dead server left in its way is gone. Or -errno; -EINVAL: no address of loopback with a
 * port. */
int place_bind(const char *at, mode_t mode);
/* What an administrator can do about it. */
const char *place_why_not(int code);

#endif
