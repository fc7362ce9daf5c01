/* A directory of configuration files for one test program. */
#ifndef TESTS_UNIT_CONFIG_CONF_FILE_H
#define TESTS_UNIT_CONFIG_CONF_FILE_H

#include "config/conf_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char conf_dir[64];
static char conf_path[128]; /* the main file */

static inline int conf_setup(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(conf_dir, sizeof(conf_dir), "%.40s/conf-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(conf_dir))
        return -1;
    snprintf(conf_path, sizeof(conf_path), "%s/a.conf", conf_dir);
    return 0;
}

static inline int conf_teardown(void **state)
{
    (void)state;
    unlink(conf_path);
    return rmdir(conf_dir);
}

static inline void conf_write_bytes(const char *name, const void *bytes, size_t n)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", conf_dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static inline void conf_write(const char *name, const char *text)
{
    conf_write_bytes(name, text, strlen(text));
}

static inline void conf_remove(const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", conf_dir, name);
    unlink(path);
}

/* Loads text as the main file. */
static inline int conf_try(const char *text, struct conf *ret, struct conf_error *err)
{
    conf_write("a.conf", text);
    err->text[0] = '\0';
    return conf_load(conf_path, ret, err);
}

/* The message without the directory in front. */
static inline const char *conf_said(const struct conf_error *err)
{
    size_t n = strlen(conf_dir) + 1;
    return strncmp(err->text, conf_dir, n - 1) == 0 ? err->text + n : err->text;
}

#endif
