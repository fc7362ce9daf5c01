/* Load generator: bench_loadgen MODE --option value ... (see usage). One thread plays all clients
 * in one namespace and their peer in another. */
#include "bench/modes.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

struct mode {
    const char *name;
    int (*run)(struct bench *);
    bool has_sockets; /* clients are sockets, no raw frames */
};

static const struct mode MODES[] = {
    {"relay", mode_relay, false}, {"direct", mode_direct, false},  {"churn", mode_churn, false},
    {"idle", mode_idle, false},   {"streams", mode_streams, true}, {"flood", mode_flood, false},
};

struct args {
    const char *cli;  /* NETNS,DEVICE,OWN-MAC,SERVER-MAC,OWN-IP,SERVER-IP */
    const char *peer; /* the same for the other side; SERVER-IP is the relay's */
    const char *user;
    const char *password;
};

static int usage(void)
{
    fputs("usage: bench_loadgen relay|direct|churn|idle|flood|streams --cli LINK --peer LINK\n"
          "    [--user U --password P --clients N --pps N --flood N --bytes N --seconds N\n"
          "     --warmup N --pid PID --cpu N --own-cpu N --port N\n"
          "     --burst N --tls 0|1]\n"
          "LINK: namespace,device,own MAC,server MAC,own IPv4,server IPv4\n",
          stderr);
    return 2;
}

static bool parse_mac(const char *text, uint8_t ret[FRAME_MAC_LEN])
{
    return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &ret[0], &ret[1], &ret[2], &ret[3],
                  &ret[4], &ret[5]) == FRAME_MAC_LEN;
}

static struct link *open_link(const char *text)
{
    char name[64], device[64], here_mac[32], there_mac[32], here[32], there[32];
    struct frame_ends e;
    if (!text || sscanf(text, "%63[^,],%63[^,],%31[^,],%31[^,],%31[^,],%31[^,]", name, device,
                        here_mac, there_mac, here, there) != 6)
        return NULL;
    if (!parse_mac(here_mac, e.here_mac) || !parse_mac(there_mac, e.there_mac) ||
        inet_pton(AF_INET, here, e.here) != 1 || inet_pton(AF_INET, there, e.there) != 1)
        return NULL;
    return link_open(name, device, &e);
}

static bool parse(int argc, char **argv, struct args *a, struct load *l)
{
    uint32_t port = 3478, cpu = 1, own = 0, pid = 0;
    const struct {
        const char *name;
        const char **text;
        uint32_t *number;
    } options[] = {
        {"--cli", &a->cli, NULL},
        {"--peer", &a->peer, NULL},
        {"--user", &a->user, NULL},
        {"--password", &a->password, NULL},
        {"--clients", NULL, &l->clients},
        {"--pps", NULL, &l->pps},
        {"--flood", NULL, &l->flood_pps},
        {"--bytes", NULL, &l->bytes},
        {"--burst", NULL, &l->burst},
        {"--tls", NULL, &l->tls},
        {"--seconds", NULL, &l->seconds},
        {"--warmup", NULL, &l->warmup},
        {"--pid", NULL, &pid},
        {"--cpu", NULL, &cpu},
        {"--own-cpu", NULL, &own},
        {"--port", NULL, &port},
    };
    for (int i = 2; i + 1 < argc; i += 2) {
        size_t k = 0, n = sizeof options / sizeof options[0];
        while (k < n && strcmp(options[k].name, argv[i]) != 0)
            k++;
        if (k == n)
            return false;
        if (options[k].text)
            *options[k].text = argv[i + 1];
        else
            *options[k].number = (uint32_t)strtoul(argv[i + 1], NULL, 10);
    }
    l->server_port = (uint16_t)port;
    l->cpu = (int)cpu;
    l->own_cpu = (int)own;
    l->pid = (int)pid;
    return argc % 2 == 0 && l->clients && l->bytes >= 16 && l->bytes <= 1400 && l->burst;
}

static int run(const struct mode *mode, const struct args *a, struct bench *b)
{
    b->cli_end = a->cli ? a->cli : "";
    b->cli = mode->has_sockets ? NULL : open_link(a->cli);
    b->peer = open_link(a->peer);
    b->who = (struct account){.crypto = crypto_new(), .user = a->user, .password = a->password};
    int rc = 1;
    char text[64];
    const char *peer = a->peer ? a->peer : "";
    if (sscanf(peer, "%*[^,],%*[^,],%*[^,],%*[^,],%63[^,]", text) == 1 &&
        addr_parse(text, &b->who.peer) && (b->cli || mode->has_sockets) && b->peer &&
        b->who.crypto) {
        b->who.peer.port = b->load.peer_port;
        rc = mode->run(b);
    }
    link_close(b->cli);
    link_close(b->peer);
    crypto_free(b->who.crypto);
    free(b->sessions);
    free(b->seen);
    return rc;
}

int main(int argc, char **argv)
{
    struct args a = {.user = "bench", .password = "bench-password"};
    struct load load = {.clients = 100,
                        .pps = 1000,
                        .bytes = 160,
                        .seconds = 5,
                        .warmup = 1,
                        .peer_port = 7000,
                        .burst = 1};
    struct bench *b = calloc(1, sizeof *b);
    const struct mode *mode = NULL;
    for (size_t i = 0; argc > 1 && i < sizeof MODES / sizeof MODES[0]; i++)
        if (strcmp(MODES[i].name, argv[1]) == 0)
            mode = &MODES[i];
    if (!b || !mode || !parse(argc, argv, &a, &load)) {
        free(b);
        return usage();
    }
    prctl(PR_SET_TIMERSLACK, 1000);
    b->load = load;
    int rc = run(mode, &a, b);
    free(b);
    return rc;
}
