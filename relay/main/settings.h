/* Configuration and secrets as the commands and the server read them. */
#ifndef RELAY_MAIN_SETTINGS_H
#define RELAY_MAIN_SETTINGS_H

#include "auth/auth.h"
#include "config/conf.h"
#include "main/args.h"

/* Loads and checks a file; NULL with *err filled. Give back with settings_free, which wipes. */
struct conf *settings_read(const char *path, struct conf_error *err);
void settings_free(struct conf *c);

/* As settings_read for the file of the command line; says on standard error what is wrong. */
struct conf *settings_load(const struct args *a);

/* The secrets file; a missing one is no secrets. *ret_revoked, which may be NULL, is replaced. 0,
 * or -errno with *err filled. */
int settings_secrets(const char *path, struct auth_secrets *ret,
                     struct auth_revocations *ret_revoked, struct auth_error *err);

#endif
