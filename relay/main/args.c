/* Parsing of the command line; what is printed here goes to the person who typed it. */
#include "main/args.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONG_HELP = 1000, LONG_FIRST, WORD_MAX = 40 };

struct opt_row {
    const char *name;
    const char *value; /* how help calls the value; NULL = a switch */
    const char *help;
};

static const struct opt_row OPTS[OPT_COUNT] = {
    [OPT_CONFIG] = {"config", "FILE", "configuration file (/etc/drehkreuz/drehkreuz.conf)"},
    [OPT_SERVER] = {"server", "HOST[:PORT]", "server to test instead of the configured one"},
    [OPT_TRANSPORT] = {"transport", "LIST", "udp, tcp, tls and dtls, with commas between them"},
    [OPT_SECRET_FILE] = {"secret-file", "FILE", "file that holds the server's shared secret"},
    [OPT_USER] = {"user", "NAME", "static user to test with; for secrets, Redis user to write as"},
    [OPT_PASSWORD_FILE] = {"password-file", "FILE",
                           "file whose first line is that user's password"},
    [OPT_FILE] = {"file", "FILE", "secrets file (otherwise the configured Redis or file)"},
    [OPT_SECRETS_FILE] = {"secrets-file", "FILE", "secrets file that found secrets are added to"},
    [OPT_ID] = {"id", "ID", "name of the secret: a-z, 0-9 and -"},
    [OPT_IN] = {"in", "SECONDS", "how long the secret stays good (86400), or the name revoked"},
    [OPT_TTL] = {"ttl", "SECONDS", "how long the credential is good (86400)"},
    [OPT_QUICK] = {"quick", NULL, "only: does it answer, does it allocate"},
    [OPT_RELAY_PORT] = {"relay-port", "PORT", "port of the relayed address that was reported"},
    [OPT_MINUTES] = {"minutes", "MINUTES", "how long at most, 1 to 30 (10)"},
    [OPT_HOST] = {"host", NULL, "look at this host instead: what could undo the promise"},
    [OPT_HOST_NAME] = {"host", "NAME", "name or address under which clients find the server"},
    [OPT_LANG] = {"lang", "LANG", "language of the papers, de or en (en)"},
    [OPT_APPLY] = {"apply", NULL, "write the platform's side too, if it is on this host"},
    [OPT_OCC] = {"occ", "FILE", "Nextcloud's occ (otherwise looked for in the usual places)"},
    [OPT_INTO] = {"into", "FILE", "file of its own to write for Prosody or Synapse"},
    [OPT_PLATFORM] = {"platform", "NAME", "compare with what this platform says: nextcloud"},
    [OPT_JSON] = {"json", NULL, "print JSON"},
};

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Levenshtein's distance; WORD_MAX for words too long to be a slip. */
static size_t distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1];
    size_t n = strlen(b);
    if (n > WORD_MAX || strlen(a) > WORD_MAX)
        return WORD_MAX;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t above = row[j];
            row[j] = min3(above + 1, row[j - 1] + 1, corner + (a[i - 1] != b[j - 1]));
            corner = above;
        }
    }
    return row[n];
}

struct guess {
    const char *name;
    size_t far;
};

static void guess_try(struct guess *g, const char *typed, const char *name)
{
    size_t far = distance(typed, name);
    if (far < g->far)
        *g = (struct guess){name, far};
}

static int unknown(const char *what, const char *typed, const struct guess *g)
{
    fprintf(stderr, "drehkreuz: unknown %s \"%s\"", what, typed);
    if (g->name && g->far <= 3 && g->far < strlen(g->name))
        fprintf(stderr, "; did you mean \"%s\"?\n", g->name);
    else
        fprintf(stderr, "; see drehkreuz --help\n");
    return EXIT_USAGE;
}

static void help_all(const struct command *commands)
{
    printf("usage: drehkreuz COMMAND [OPTIONS]\n\n");
    for (const struct command *c = commands; c->name; c++)
        printf("  %-18s %s\n", c->name, c->summary);
    printf("\n  --version          print the version\n"
           "  --help             print this; after a command, that command's options\n\n"
           "example: drehkreuz check\n");
}

static void help_one(const struct command *c)
{
    char shown[48];
    printf("usage: drehkreuz %s", c->name);
    if (c->word)
        printf(c->word_needed ? " %s" : " [%s]", c->word);
    printf(" [OPTIONS]\n\n%s\n\n", c->summary);
    for (size_t i = 0; i < OPT_COUNT; i++) {
        if (!(c->options >> i & 1))
            continue;
        snprintf(shown, sizeof(shown), "--%s %s", OPTS[i].name, OPTS[i].value ? OPTS[i].value : "");
        printf("  %-24s %s\n", shown, OPTS[i].help);
    }
    printf("  %-24s %s\n\nexample: %s\n", "--help", "print this", c->example);
}

static bool fits(const struct command *c, int argc, char **argv, int *ret_used)
{
    char two[2 * WORD_MAX];
    *ret_used = strchr(c->name, ' ') ? 2 : 1;
    if (argc < *ret_used)
        return false;
    snprintf(two, sizeof(two), *ret_used == 2 ? "%s %s" : "%s", argv[0], argv[argc > 1]);
    return strcmp(two, c->name) == 0;
}

static int unknown_command(const struct command *commands, int argc, char **argv)
{
    char typed[2 * WORD_MAX + 2];
    struct guess g = {NULL, WORD_MAX};
    bool two = argc > 1 && argv[1][0] != '-';
    snprintf(typed, sizeof(typed), "%s%s%s", argv[0], two ? " " : "", two ? argv[1] : "");
    for (const struct command *c = commands; c->name; c++) {
        guess_try(&g, typed, c->name);
        guess_try(&g, argv[0], c->name);
    }
    return unknown("command", typed, &g);
}

/* `secret` or `secret --help`: the commands that begin with this word. */
static bool help_group(const struct command *commands, const char *word)
{
    size_t n = strlen(word);
    bool any = false;
    for (const struct command *c = commands; c->name; c++) {
        if (strncmp(c->name, word, n) != 0 || c->name[n] != ' ')
            continue;
        if (!any)
            printf("usage: drehkreuz %s COMMAND [OPTIONS]\n\n", word);
        printf("  %-18s %s\n", c->name, c->summary);
        any = true;
    }
    if (any)
        printf("\nexample: drehkreuz %s --help\n", word);
    return any;
}

static const struct command *find(const struct command *commands, int argc, char **argv, int *used)
{
    for (const struct command *c = commands; c->name; c++) {
        if (fits(c, argc, argv, used))
            return c;
    }
    return NULL;
}

static int bad_option(const struct command *c, const char *typed)
{
    const char single[] = {'-', (char)optopt, 0};
    struct guess g = {NULL, WORD_MAX};
    if (optopt > 0 && optopt < LONG_HELP)
        typed = single;
    for (size_t i = 0; i < OPT_COUNT; i++) {
        if (c->options >> i & 1)
            guess_try(&g, typed + strspn(typed, "-"), OPTS[i].name);
    }
    return unknown("option", typed, &g);
}

static int parse(const struct command *c, int argc, char **argv, struct args *a)
{
    struct option longs[OPT_COUNT + 2] = {{"help", no_argument, NULL, LONG_HELP}};
    size_t n = 1;
    for (int i = 0; i < OPT_COUNT; i++) {
        if (c->options >> i & 1)
            longs[n++] =
                (struct option){OPTS[i].name, OPTS[i].value ? required_argument : no_argument, NULL,
                                LONG_FIRST + i};
    }
    opterr = 0;
    for (int o; (o = getopt_long(argc, argv, ":", longs, NULL)) != -1;) {
        if (o == LONG_HELP) {
            help_one(c);
            return -1;
        }
        if (o == ':') {
            fprintf(stderr, "drehkreuz: %s needs a value\n", argv[optind - 1]);
            return EXIT_USAGE;
        }
        if (o == '?')
            return bad_option(c, argv[optind - 1]);
        a->opt[o - LONG_FIRST] = optarg ? optarg : "";
    }
    if (argc - optind > (c->word ? 1 : 0)) {
        fprintf(stderr, "drehkreuz: \"%s\" is one argument too many\n",
                argv[optind + (c->word ? 1 : 0)]);
        return EXIT_USAGE;
    }
    a->word = argv[optind];
    if (c->word_needed && !a->word) {
        fprintf(stderr, "drehkreuz: %s needs %s; see drehkreuz %s --help\n", c->name, c->word,
                c->name);
        return EXIT_USAGE;
    }
    return 0;
}

const char *args_option(enum opt o, const char **ret_value)
{
    *ret_value = OPTS[o].value;
    return OPTS[o].name;
}

const char *args_config(const struct args *a)
{
    return a->opt[OPT_CONFIG] ? a->opt[OPT_CONFIG] : "/etc/drehkreuz/drehkreuz.conf";
}

bool args_number(const struct args *a, enum opt o, const struct args_range *range, int64_t *ret)
{
    const char *text = a->opt[o];
    char *end = NULL;
    if (!text) {
        *ret = range->fallback;
        return true;
    }
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (errno || end == text || *end || v < range->min || v > range->max) {
        fprintf(stderr, "drehkreuz: --%s must be a number from %lld to %lld\n", OPTS[o].name,
                (long long)range->min, (long long)range->max);
        return false;
    }
    *ret = v;
    return true;
}

int args_unknown(const char *what, const char *typed, const char *const *names, size_t n)
{
    struct guess g = {NULL, WORD_MAX};
    for (size_t i = 0; i < n; i++)
        guess_try(&g, typed, names[i]);
    return unknown(what, typed, &g);
}

int args_main(const struct command *commands, int argc, char **argv)
{
    struct args a = {.commands = commands};
    int used = 0;
    if (argc < 2) {
        help_all(commands);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        help_all(commands);
        return EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("drehkreuz %s\n", DREHKREUZ_VERSION);
        return EXIT_OK;
    }
    const struct command *c = find(commands, argc - 1, argv + 1, &used);
    if (!c) {
        bool group = argc == 2 || strcmp(argv[2], "--help") == 0;
        if (group && help_group(commands, argv[1]))
            return argc == 2 ? EXIT_USAGE : EXIT_OK;
        return unknown_command(commands, argc - 1, argv + 1);
    }
    int rc = parse(c, argc - used, argv + used, &a);
    if (rc < 0)
        return EXIT_OK;
    return rc ? rc : c->run(&a);
}
