/* drehkreuz config: what the option table knows, printed. */
#include "main/commands.h"
#include "main/settings.h"
#include "main/upstream.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

enum { ACL_TEXT = 8192 };

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

/* The rule alone goes to standard output, so that it can be appended to a file. */
int cmd_config_redis_acl(const struct args *a)
{
    char line[ACL_TEXT];
    struct conf *c = settings_load(a);
    struct upstream *u = c ? upstream_new(c) : NULL;
    int r = u ? redis_acl(&u->redis, line, sizeof(line)) : -ENOMEM;
    if (r == 0) {
        printf("%s\n", line);
        fflush(stdout);
        fprintf(stderr, "Append this line to the file that aclfile names in redis.conf, or say it "
                        "in redis-cli behind ACL SETUSER without the word user; the password "
                        "follows as >PASSWORD. See conf/redis.md.\n");
    }
    if (r < 0 && c)
        fprintf(stderr, "drehkreuz: there is no rule for this realm: %s\n", strerror(-r));
    upstream_free(u);
    settings_free(c);
    return r == 0 ? EXIT_OK : EXIT_USAGE;
}

/* conf/events.md: the whole of what the server can ever say. */
int cmd_config_events(const struct args *a)
{
    static const char *const levels[] = {
        [2] = "critical", [3] = "error", [4] = "warning", [5] = "notice", [6] = "information"};
    (void)a;
    printf(
        "# What the server can say\n\n"
        "Made by `drehkreuz config events` from the table that the server itself uses. There is\n"
        "no other line, and no level that would make more. %%1 to %%4 stand for numbers, and for\n"
        "texts of the operator's own: a file, an option, an address of this server. Nothing that\n"
        "a client sent is ever among them. drehkreuz(8) tells what to do.\n\n"
        "| event | level | sentence |\n|---|---|---|\n");
    for (int id = 0; id < EVENT_COUNT; id++)
        printf("| `%s` | %s | %s |\n", event_name((enum event_id)id),
               levels[event_level((enum event_id)id)], event_text((enum event_id)id));
    return EXIT_OK;
}

int cmd_config_man(const struct args *a)
{
    (void)a;
    conf_print_man(stdout);
    return EXIT_OK;
}
