/* drehkreuz stats, kill, reload, drain, trace: asked of the running server. */
#include "main/commands.h"
#include "main/control.h"
#include "main/settings.h"

#include <inttypes.h>
#include <stdio.h>

enum { LINE_MAX_BYTES = 64 };

static int ask(const struct args *a, const char *line)
{
    struct conf *c = settings_load(a);
    if (!c)
        return EXIT_USAGE;
    int rc = control_ask(c, line);
    settings_free(c);
    return rc;
}

static int ask_number(const struct args *a, enum opt o, const struct args_range *range,
                      const char *word)
{
    char line[LINE_MAX_BYTES];
    int64_t number;
    if (!args_number(a, o, range, &number))
        return EXIT_USAGE;
    snprintf(line, sizeof(line), "%s %" PRId64 "\n", word, number);
    return ask(a, line);
}

int cmd_stats(const struct args *a)
{
    return ask(a, a->opt[OPT_JSON] ? "stats json\n" : "stats\n");
}

int cmd_reload(const struct args *a)
{
    return ask(a, "reload\n");
}

int cmd_drain(const struct args *a)
{
    return ask(a, "drain\n");
}

int cmd_kill(const struct args *a)
{
    const struct args_range ports = {1024, UINT16_MAX, 0};
    if (!a->opt[OPT_RELAY_PORT]) {
        fprintf(stderr, "drehkreuz: kill needs --relay-port PORT; see drehkreuz kill --help\n");
        return EXIT_USAGE;
    }
    return ask_number(a, OPT_RELAY_PORT, &ports, "kill");
}

int cmd_trace(const struct args *a)
{
    const struct args_range minutes = {1, TRACE_MINUTES_MAX, 10};
    return ask_number(a, OPT_MINUTES, &minutes, "trace");
}
