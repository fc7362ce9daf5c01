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
    {"relay", mode_relay, false}, {"plain", mode_plain, false},    {"churn", mode_churn, false},
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
    fputs("usage: bench_loadgen relay|plain|churn|idle|flood|streams --cli LINK --peer LINK\n"
          "    [--user U --password P --clients N --pps N --bytes N --burst N\n"
          "     --shape plain|video|mixed|rising --way echo|up|down --indications 1 --pairs 1\n"
          "     --flood-pps N --flood mixed|garbage|allocate --seconds S --warmup S --steps 1\n"
          "     --pid PID --threads PID,PID --cpu N --own-cpu N --port N --peer-port N\n"
          "     --fan 1 --tls 1 --patience S]\n"
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

static const char *const WAYS[] = {"echo", "up", "down", NULL};
static const char *const SHAPES[] = {"plain", "video", "mixed", "rising", NULL};
static const char *const FLOODS[] = {"mixed", "garbage", "allocate", NULL};

/* One option: text, time in seconds, or a number, which may have names. */
struct option {
    const char *name;
    const char **text;
    uint64_t *time;
    uint32_t *number;
    const char *const *words;
};

static bool take(const struct option *o, const char *value)
{
    if (o->text) {
        *o->text = value;
        return true;
    }
    if (o->time) {
        *o->time = (uint64_t)(strtod(value, NULL) * (double)SEC);
        return true;
    }
    if (!o->words) {
        *o->number = (uint32_t)strtoul(value, NULL, 10);
        return true;
    }
    for (uint32_t i = 0; o->words[i]; i++)
        if (strcmp(o->words[i], value) == 0) {
            *o->number = i;
            return true;
        }
    return false;
}

static bool parse(int argc, char **argv, struct args *a, struct load *l)
{
    uint32_t port = 3478, peer_port = 7000, cpu = 1, own = 0, pid = 0;
    const struct option options[] = {
        {.name = "--cli", .text = &a->cli},
        {.name = "--peer", .text = &a->peer},
        {.name = "--user", .text = &a->user},
        {.name = "--password", .text = &a->password},
        {.name = "--threads", .text = &l->server.threads},
        {.name = "--seconds", .time = &l->window},
        {.name = "--warmup", .time = &l->warmup},
        {.name = "--patience", .time = &l->patience},
        {.name = "--clients", .number = &l->clients},
        {.name = "--pps", .number = &l->pps},
        {.name = "--flood-pps", .number = &l->flood_pps},
        {.name = "--flood", .number = &l->flood, .words = FLOODS},
        {.name = "--bytes", .number = &l->bytes},
        {.name = "--burst", .number = &l->burst},
        {.name = "--way", .number = &l->way, .words = WAYS},
        {.name = "--shape", .number = &l->shape, .words = SHAPES},
        {.name = "--indications", .number = &l->indications},
        {.name = "--pairs", .number = &l->pairs},
        {.name = "--fan", .number = &l->fan},
        {.name = "--steps", .number = &l->steps},
        {.name = "--tls", .number = &l->tls},
        {.name = "--pid", .number = &pid},
        {.name = "--cpu", .number = &cpu},
        {.name = "--own-cpu", .number = &own},
        {.name = "--port", .number = &port},
        {.name = "--peer-port", .number = &peer_port},
    };
    for (int i = 2; i + 1 < argc; i += 2) {
        size_t k = 0, n = sizeof options / sizeof options[0];
        while (k < n && strcmp(options[k].name, argv[i]) != 0)
            k++;
        if (k == n || !take(&options[k], argv[i + 1]))
            return false;
    }
    l->server_port = (uint16_t)port;
    l->peer_port = (uint16_t)peer_port;
    l->server.cpu = (int)cpu;
    l->server.pid = (int)pid;
    l->own_cpu = (int)own;
    return argc % 2 == 0 && l->clients && l->bytes > STAMP && l->bytes <= 1250 && l->burst;
}

static int run(const struct mode *mode, const struct args *a, struct bench *b)
{
    b->cli_end = a->cli ? a->cli : "";
    b->cli = mode->has_sockets ? NULL : open_link(a->cli);
    b->peer = open_link(a->peer);
    b->who = (struct account){.crypto = crypto_new(),
                              .user = a->user,
                              .password = a->password,
                              .no_channels = b->load.indications};
    int rc = 1;
    char text[64];
    const char *peer = a->peer ? a->peer : "";
    if (sscanf(peer, "%*[^,],%*[^,],%*[^,],%*[^,],%63[^,]", text) == 1 &&
        addr_parse(text, &b->who.peer) && (b->cli || mode->has_sockets) && b->peer &&
        b->who.crypto) {
        b->who.peer.port = b->load.peer_port;
        link_be_patient(b->peer, b->load.patience);
        if (b->cli)
            link_be_patient(b->cli, b->load.patience);
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
    struct load load = {
        .clients = 100, .pps = 1000, .bytes = 160, .window = 5 * SEC, .warmup = SEC, .burst = 1};
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
