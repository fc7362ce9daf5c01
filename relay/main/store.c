/* Opening and saving the secrets file for a command. */
#include "main/store.h"

#include <errno.h>
#include <libgen.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static bool locate(const struct args *a, struct store *s)
{
    if (a->opt[OPT_FILE]) {
        snprintf(s->path, sizeof(s->path), "%s", a->opt[OPT_FILE]);
        return true;
    }
    struct conf *c = settings_load(a);
    if (!c)
        return false;
    memcpy(s->path, c->secrets_file, sizeof(s->path));
    memcpy(s->user, c->user, sizeof(s->user));
    settings_free(c);
    if (!s->path[0])
        fprintf(stderr, "drehkreuz: the configuration names no secrets_file; give --file\n");
    return s->path[0] != 0;
}

struct store *store_open(const struct args *a)
{
    struct auth_error err = {0};
    struct store *s = mem_zalloc(sizeof(*s));
    if (!s) {
        fprintf(stderr, "drehkreuz: out of memory\n");
        return NULL;
    }
    if (!locate(a, s)) {
        store_close(s);
        return NULL;
    }
    if (settings_secrets(s->path, &s->secrets, &err) < 0) {
        fprintf(stderr, "drehkreuz: %s\n", err.text);
        store_close(s);
        return NULL;
    }
    return s;
}

void store_close(struct store *s)
{
    mem_free_wiped(s, sizeof(*s));
}

/* The server reads the file again after it has given up root, so a new one made by root goes to the
 * configured user, else to whom the folder belongs. */
static int own(const struct store *s)
{
    char copy[CONF_TEXT_MAX];
    struct stat dir = {0};
    snprintf(copy, sizeof(copy), "%s", s->path);
    const struct passwd *pw = s->user[0] ? getpwnam(s->user) : NULL;
    if (pw) {
        dir.st_uid = pw->pw_uid;
        dir.st_gid = pw->pw_gid;
    } else if (stat(dirname(copy), &dir) < 0) {
        return EXIT_OK;
    }
    if (chown(s->path, dir.st_uid, dir.st_gid) == 0)
        return EXIT_OK;
    fprintf(stderr, "drehkreuz: cannot give %s to the server's user: %s\n", s->path,
            strerror(errno));
    return EXIT_FAILED;
}

int store_save(struct store *s)
{
    struct auth_error err = {0};
    bool is_new = access(s->path, F_OK) < 0;
    if (auth_file_save(s->path, &s->secrets, &err) < 0) {
        fprintf(stderr, "drehkreuz: %s\n", err.text);
        return EXIT_FAILED;
    }
    return is_new && geteuid() == 0 ? own(s) : EXIT_OK;
}
