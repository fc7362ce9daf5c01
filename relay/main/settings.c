/* Reading the configuration file and the secrets file. */
#include "main/settings.h"

#include <errno.h>
#include <stdio.h>

#include "base/mem.h"

struct conf *settings_read(const char *path, struct conf_error *err)
{
    struct conf *c = mem_zalloc(sizeof(*c));
    if (!c) {
        snprintf(err->text, sizeof(err->text), "out of memory");
        return NULL;
    }
    if (conf_load(path, c, err) < 0 || conf_check(c, err) < 0) {
        settings_free(c);
        return NULL;
    }
    return c;
}

void settings_free(struct conf *c)
{
    mem_free_wiped(c, sizeof(*c));
}

struct conf *settings_load(const struct args *a)
{
    struct conf_error err = {0};
    struct conf *c = settings_read(args_config(a), &err);
    if (!c)
        fprintf(stderr, "drehkreuz: %s\n", err.text);
    return c;
}

int settings_secrets(const char *path, struct auth_secrets *ret,
                     struct auth_revocations *ret_revoked, struct auth_error *err)
{
    struct auth_secrets *read = mem_zalloc(sizeof(*read));
    if (!read)
        return -ENOMEM;
    int r = path[0] ? auth_file_load(path, read, ret_revoked, err) : -ENOENT;
    if (r == 0 || r == -ENOENT)
        *ret = *read;
    if (r == -ENOENT && ret_revoked)
        auth_revocations_clear(ret_revoked);
    mem_free_wiped(read, sizeof(*read));
    return r == -ENOENT ? 0 : r;
}
