/* The command line: one table of commands, one of options; parsing, help and the guess at a
 * mistyped word all read them. */
#ifndef RELAY_MAIN_ARGS_H
#define RELAY_MAIN_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum exit_code { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

enum opt {
    OPT_CONFIG,
    OPT_SERVER,
    OPT_TRANSPORT,
    OPT_SECRET_FILE,
    OPT_USER,
    OPT_PASSWORD_FILE,
    OPT_FILE,
    OPT_SECRETS_FILE,
    OPT_ID,
    OPT_IN,
    OPT_TTL,
    OPT_QUICK,
    OPT_RELAY_PORT,
    OPT_MINUTES,
    OPT_HOST,
    OPT_HOST_NAME, /* --host with a value, where it names a server */
    OPT_LANG,
    OPT_APPLY,
    OPT_OCC,
    OPT_INTO,
    OPT_PLATFORM,
    OPT_JSON,
    OPT_COUNT
};

#define OPT(x) (1u << OPT_##x)

struct command;

struct args {
    const char *opt[OPT_COUNT];     /* NULL = not given; "" for options without a value */
    const char *word;               /* the one positional argument, or NULL */
    const struct command *commands; /* all of them, for what describes them */
};

struct command {
    const char *name; /* one or two words */
    const char *word; /* how help calls the positional argument; NULL = takes none */
    bool word_needed;
    uint32_t options; /* OPT() bits; --help always works */
    const char *summary;
    const char *example;
    int (*run)(const struct args *a);
};

/* Finds the command in the table (ended by a NULL name), parses the rest, runs it. Returns the exit
 * code; whatever is wrong with the line is said on standard error. */
int args_main(const struct command *commands, int argc, char **argv);

/* An option's name, without dashes; *ret_value is what help calls its value, NULL for a switch. */
const char *args_option(enum opt o, const char **ret_value);

/* A whole number between min and max, or the fallback when the option is absent. false after
 * saying what is wrong. */
struct args_range {
    int64_t min;
    int64_t max;
    int64_t fallback;
};

bool args_number(const struct args *a, enum opt o, const struct args_range *range, int64_t *ret);

/* Says that there is no such thing, with a guess at one of the names. Returns the exit code. */
int args_unknown(const char *what, const char *typed, const char *const *names, size_t n);

/* The configuration file to read. */
const char *args_config(const struct args *a);

#endif
