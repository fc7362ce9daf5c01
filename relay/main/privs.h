/* What the process gives up: core dumps, root, capabilities, being looked into. */
#ifndef RELAY_MAIN_PRIVS_H
#define RELAY_MAIN_PRIVS_H

#include <stdint.h>

enum privs_limit { PRIVS_ERROR_TEXT = 384 };

struct privs_error {
    char text[PRIVS_ERROR_TEXT];
};

/* No core files, nothing in them if the system makes some all the same, as much locked memory as is
 * allowed, and files for the owner only. Before anything secret is read. */
void privs_quiet(void);

/* Raises the limit of open files as far as it goes. Returns the limit then in force. */
int64_t privs_files(int64_t wanted);

/* After the listeners are bound: becomes `user` for good when started as root ("" = stays), drops
 * every capability and the way back, forbids others to look into the process. 0, or -errno with
 * *err filled. */
int privs_drop(const char *user, struct privs_error *err);

#endif
