/* Nextcloud's command occ on this host: where it is, as whom it runs, what it says. */
#ifndef RELAY_MAIN_OCC_H
#define RELAY_MAIN_OCC_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

enum occ_limit { OCC_OUTPUT = 1 << 16, OCC_WORDS = 12, OCC_OWNER = 64, OCC_WHY = PATH_MAX + 256 };

struct occ {
    char path[PATH_MAX];
    bool by_php; /* it is no executable: php gets it */
    bool drop;   /* to the owner of config/config.php, as occ demands */
    uid_t uid;
    gid_t gid;
    char owner[OCC_OWNER]; /* name, or number */
};

/* path: NULL = the usual places. 0; -ENOENT: there is none; -EACCES: it is not to be run from here.
 * *why is then a sentence for people. */
int occ_find(const char *path, struct occ *ret, char why[OCC_WHY]);

/* words: behind `occ`, NULL at the end. Waits a minute at most. What it prints goes to out, on one
 * heap and cut, as text. The exit status, or -errno: -ETIMEDOUT, -ENOEXEC (it could not be
 * started).
 */
int occ_run(const struct occ *o, const char *const *words, char out[OCC_OUTPUT]);

#endif
