/* drehkreuz config: what the option table knows, printed. */
#include "main/commands.h"
#include "main/settings.h"

#include <stdio.h>

#include "base/mem.h"

int cmd_config_print(const struct args *a)
{
    struct conf *c = settings_load(a);
    if (!c)
        return EXIT_USAGE;
    conf_print(c, stdout);
    settings_free(c);
    return EXIT_OK;
}

int cmd_config_check(const struct args *a)
{
    struct conf *c = settings_load(a);
    if (!c)
        return EXIT_USAGE;
    printf("%s is right\n", args_config(a));
    settings_free(c);
    return EXIT_OK;
}

int cmd_config_reference(const struct args *a)
{
    (void)a;
    conf_print_reference(stdout);
    return EXIT_OK;
}

int cmd_config_man(const struct args *a)
{
    (void)a;
    conf_print_man(stdout);
    return EXIT_OK;
}
