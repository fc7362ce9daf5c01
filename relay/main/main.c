/* The table of commands. */
#include "main/commands.h"

#include <stddef.h>

#include "crypto/crypto.h"
#include "net/net.h"

#define STORE (OPT(CONFIG) | OPT(FILE) | OPT(USER) | OPT(PASSWORD_FILE))

static const struct command COMMANDS[] = {
    {"run", NULL, false, OPT(CONFIG), "Serve in the foreground until told to stop.",
     "drehkreuz run --config /etc/drehkreuz/drehkreuz.conf", cmd_run},
    {"check", NULL, false,
     OPT(CONFIG) | OPT(SERVER) | OPT(TRANSPORT) | OPT(SECRET_FILE) | OPT(USER) |
         OPT(PASSWORD_FILE) | OPT(QUICK) | OPT(HOST) | OPT(PLATFORM) | OPT(OCC) | OPT(JSON),
     "Test a server end to end and say what is wrong, step by step.",
     "drehkreuz check --server turn.example.org --secret-file secret.txt", cmd_check},
    {"setup", "nextcloud|jitsi|matrix|rocketchat", true,
     STORE | OPT(HOST_NAME) | OPT(SECRET_FILE) | OPT(ID) | OPT(APPLY) | OPT(OCC) | OPT(INTO) |
         OPT(JSON),
     "Print what to paste into a platform, and what it needs here; makes its secret.",
     "drehkreuz setup nextcloud --host turn.example.org --apply", cmd_setup},
    {"privacy", NULL, false, OPT(CONFIG) | OPT(LANG) | OPT(JSON),
     "Write the papers on data protection that this configuration and host allow.",
     "drehkreuz privacy --lang de > datenschutz.md", cmd_privacy},
    {"secret new", "ID", false, STORE | OPT(ID) | OPT(JSON),
     "Make a shared secret and print it, this once; older ones stay in force.",
     "drehkreuz secret new nextcloud", cmd_secret_new},
    {"secret add", "ID", false, STORE | OPT(ID) | OPT(JSON),
     "Add a shared secret read from standard input.", "drehkreuz secret add matrix < secret.txt",
     cmd_secret_add},
    {"secret list", NULL, false, STORE | OPT(JSON),
     "Show names, ages and states of the shared secrets, never their values.",
     "drehkreuz secret list", cmd_secret_list},
    {"secret retire", "ID", true, STORE | OPT(IN) | OPT(JSON),
     "Let a shared secret end by itself, once its credentials are used up.",
     "drehkreuz secret retire nextcloud --in 86400", cmd_secret_retire},
    {"secret remove", "ID", true, STORE | OPT(JSON),
     "Take a shared secret out of force at once and forget it.",
     "drehkreuz secret remove nextcloud", cmd_secret_remove},
    {"secret revoke", "NAME", true, STORE | OPT(IN) | OPT(JSON),
     "Lock one user name out and end what it has; - reads it from standard input.",
     "drehkreuz secret revoke - < name.txt", cmd_secret_revoke},
    {"secret unrevoke", "NAME", true, STORE | OPT(JSON),
     "Let a user name in again; - reads it from standard input.",
     "drehkreuz secret unrevoke - < name.txt", cmd_secret_unrevoke},
    {"credential", "NAME", true, STORE | OPT(TTL) | OPT(JSON),
     "Print a time-limited user name and its password.", "drehkreuz credential alice --ttl 3600",
     cmd_credential},
    {"stats", NULL, false, OPT(CONFIG) | OPT(JSON),
     "Show the running server's health and the sums of usage released so far.",
     "drehkreuz stats --json", cmd_stats},
    {"reload", NULL, false, OPT(CONFIG), "Let the running server read its configuration anew.",
     "drehkreuz reload", cmd_reload},
    {"drain", NULL, false, OPT(CONFIG),
     "Let the running server take no new allocations; the living ones go on.", "drehkreuz drain",
     cmd_drain},
    {"kill", NULL, false, OPT(CONFIG) | OPT(RELAY_PORT),
     "End whatever is relayed at a port that was reported for abuse; says nothing of it.",
     "drehkreuz kill --relay-port 50123", cmd_kill},
    {"trace", NULL, false, OPT(CONFIG) | OPT(MINUTES),
     "Make a user for somebody with a problem, and watch what that one user does, live.",
     "drehkreuz trace --minutes 10", cmd_trace},
    {"config print", NULL, false, OPT(CONFIG),
     "Print the configuration in force, without passwords.", "drehkreuz config print",
     cmd_config_print},
    {"config check", NULL, false, OPT(CONFIG), "Say whether the configuration is right.",
     "drehkreuz config check --config new.conf", cmd_config_check},
    {"config reference", NULL, false, 0, "Print every option with its meaning and default.",
     "drehkreuz config reference", cmd_config_reference},
    {"config man", NULL, false, 0, "Print the options as a manual page section.",
     "drehkreuz config man", cmd_config_man},
    {"config events", NULL, false, 0, "Print all that the server can ever write to its log.",
     "drehkreuz config events", cmd_config_events},
    {"config completion", NULL, false, 0, "Print the completion for bash.",
     "drehkreuz config completion > /etc/bash_completion.d/drehkreuz", cmd_config_completion},
    {"config import", "FILE", true, OPT(SECRETS_FILE) | OPT(JSON),
     "Turn a coturn configuration into one of ours, and say what became of each line.",
     "drehkreuz config import /etc/turnserver.conf --secrets-file secrets > drehkreuz.conf",
     cmd_config_import},
    {"config redis-acl", NULL, false, OPT(CONFIG),
     "Print the rule for this server's user in Redis' access control list.",
     "drehkreuz config redis-acl", cmd_config_redis_acl},
    {NULL, NULL, false, 0, NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
    if (!crypto_use_heap())
        return EXIT_FAILED;
    net_use_heap();
    return args_main(COMMANDS, argc, argv);
}
