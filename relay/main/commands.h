/* The commands behind the table in main/main.c; each returns an exit code. */
#ifndef RELAY_MAIN_COMMANDS_H
#define RELAY_MAIN_COMMANDS_H

#include "main/args.h"

int cmd_run(const struct args *a);
int cmd_check(const struct args *a);
int cmd_setup(const struct args *a);
int cmd_privacy(const struct args *a);
int cmd_secret_new(const struct args *a);
int cmd_secret_add(const struct args *a);
int cmd_secret_list(const struct args *a);
int cmd_secret_retire(const struct args *a);
int cmd_secret_remove(const struct args *a);
int cmd_secret_revoke(const struct args *a);
int cmd_secret_unrevoke(const struct args *a);
int cmd_credential(const struct args *a);
int cmd_stats(const struct args *a);
int cmd_reload(const struct args *a);
int cmd_drain(const struct args *a);
int cmd_kill(const struct args *a);
int cmd_trace(const struct args *a);
int cmd_config_print(const struct args *a);
int cmd_config_check(const struct args *a);
int cmd_config_reference(const struct args *a);
int cmd_config_import(const struct args *a);
int cmd_config_redis_acl(const struct args *a);
int cmd_config_events(const struct args *a);
int cmd_config_man(const struct args *a);
int cmd_config_completion(const struct args *a);

#endif
