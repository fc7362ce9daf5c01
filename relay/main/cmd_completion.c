/* drehkreuz config completion: the tables of commands and options as a completion for bash. */
#include "main/commands.h"

#include <stdio.h>
#include <string.h>

static const char HEAD[] =
    "# Completion for bash, as `drehkreuz config completion` prints it.\n"
    "_drehkreuz() {\n"
    "    local IFS=$' \\n' words='' word=${COMP_WORDS[COMP_CWORD]}\n"
    "    local before=${COMP_WORDS[COMP_CWORD - 1]} typed=${COMP_WORDS[*]:1:COMP_CWORD - 1}\n"
    "    COMPREPLY=()\n";

static const char TAIL[] = "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
                           "}\n"
                           "complete -F _drehkreuz drehkreuz\n";

static bool is_file(const char *value)
{
    return value && strcmp(value, "FILE") == 0;
}

/* What follows an option: a file, or something only its user knows. */
static void print_values(bool files)
{
    const char *between = "    ";
    for (int i = 0; i < OPT_COUNT; i++) {
        const char *value;
        const char *name = args_option((enum opt)i, &value);
        if (!value || is_file(value) != files)
            continue;
        printf("%s--%s", between, name);
        between = " | ";
    }
    printf(files ? ") compopt -o default; return ;;\n" : ") return ;;\n");
}

static size_t first_word(const char *name)
{
    return strcspn(name, " ");
}

static bool same_first(const struct command *a, const struct command *b)
{
    size_t n = first_word(a->name);
    return n == first_word(b->name) && memcmp(a->name, b->name, n) == 0;
}

static bool is_repeated(const struct command *all, const struct command *c)
{
    while (!same_first(all, c))
        all++;
    return all != c;
}

static void print_first_words(const struct command *all)
{
    printf("    '') words='--version --help");
    for (const struct command *c = all; c->name; c++) {
        if (!is_repeated(all, c))
            printf(" %.*s", (int)first_word(c->name), c->name);
    }
    printf("' ;;\n");
}

static void print_second_words(const struct command *all, const struct command *group)
{
    printf("    %.*s) words='--help", (int)first_word(group->name), group->name);
    for (const struct command *c = all; c->name; c++) {
        if (same_first(c, group))
            printf("%s", c->name + first_word(c->name));
    }
    printf("' ;;\n");
}

/* A word that is one of a few. */
static void print_choices(const char *word)
{
    if (!word || !strchr(word, '|'))
        return;
    putchar(' ');
    for (; *word; word++)
        putchar(*word == '|' ? ' ' : *word);
}

static void print_options(const struct command *c)
{
    printf("    '%s' | '%s '*)\n", c->name, c->name);
    if (is_file(c->word))
        printf("        [[ $word == -* ]] || { compopt -o default; return; }\n");
    printf("        words='--help");
    print_choices(c->word);
    for (int i = 0; i < OPT_COUNT; i++) {
        const char *value;
        if (c->options >> i & 1)
            printf(" --%s", args_option((enum opt)i, &value));
    }
    printf("' ;;\n");
}

int cmd_config_completion(const struct args *a)
{
    printf("%s    case $before in\n", HEAD);
    print_values(true);
    print_values(false);
    printf("    esac\n    case $typed in\n");
    print_first_words(a->commands);
    for (const struct command *c = a->commands; c->name; c++) {
        if (c->name[first_word(c->name)] && !is_repeated(a->commands, c))
            print_second_words(a->commands, c);
        print_options(c);
    }
    printf("    esac\n%s", TAIL);
    return EXIT_OK;
}
