/* drehkreuz check --host: cores, swap and locked memory, and the list of all steps. */
#include "check/host.h"

#include <stdio.h>
#include <stdlib.h>

#include "check/host_int.h"

static const struct {
    const char *name;
    const char *title;
    void (*look)(struct host *h, struct host_finding *f);
} STEPS[HOST_STEPS] = {
    [HOST_CORES] = {"cores", "a crash leaves no memory behind", host_cores},
    [HOST_SWAP] = {"swap", "memory does not reach a disk", host_swap},
    [HOST_LOCKED] = {"locked", "the server has locked its memory", host_locked},
    [HOST_CONNTRACK] = {"conntrack", "the kernel keeps no table of the server's connections",
                        host_conntrack},
    [HOST_EXPORTERS] = {"exporters", "no program counts the traffic", host_exporters},
    [HOST_ACCOUNTING] = {"accounting", "systemd does not count the traffic", host_accounting},
};

const char *host_step_name(enum host_step s)
{
    return STEPS[s].name;
}

const char *host_step_title(enum host_step s)
{
    return STEPS[s].title;
}

void host_say(struct host_finding *f, enum host_mark mark, const char *cause, const char *remedy)
{
    f->mark = mark;
    snprintf(f->said.cause, sizeof(f->said.cause), "%s", cause);
    snprintf(f->said.remedy, sizeof(f->said.remedy), "%s", remedy);
}

static void note(struct host_finding *f, const char *text)
{
    snprintf(f->said.note, sizeof(f->said.note), "%s", text);
}

/* A collector behind a pipe gets the image whatever the limit of core files is; only a process that
 * may not be dumped has none. */
void host_cores(struct host *h, struct host_finding *f)
{
    char pattern[256];
    ssize_t n = host_read(h, "proc/sys/kernel/core_pattern", pattern, sizeof(pattern));
    bool has_collector = n > 0 && pattern[0] == '|';
    const struct host_server *s = &h->server;
    if (s->runs && s->is_dumpable && (has_collector || s->may_dump)) {
        host_say(f, HOST_FAIL,
                 has_collector ? "a crash of the running server would hand its memory to the "
                                 "collector in kernel.core_pattern"
                               : "a crash of the running server would write its memory to a file",
                 "restart the server, which excludes itself from this; if that does not help, "
                 "something lifts it: sysctl kernel.core_pattern=core and LimitCORE=0 in the unit");
        return;
    }
    if (!has_collector || (s->runs && !s->is_root))
        return;
    note(f, s->runs ? "kernel.core_pattern names a collector; the server excludes itself, which "
                      "cannot be seen while it runs as root"
                    : "kernel.core_pattern names a collector; the server excludes itself, which "
                      "can be seen when it runs");
}

/* --- Swap --- */

/* "/dev/dm-0" is encrypted when the device mapper says so, zram is memory unless it has a disk
 * behind it. What a file stands on is not known here. */
static bool is_safe_swap(const struct host *h, const char *device)
{
    char path[HOST_PATH];
    char text[128];
    const char *name = strrchr(device, '/');
    name = name ? name + 1 : device;
    if (strncmp(device, "/dev/", 5) != 0)
        return false;
    snprintf(path, sizeof(path), "sys/block/%.64s/dm/uuid", name);
    if (host_read(h, path, text, sizeof(text)) > 0)
        return strncmp(text, "CRYPT-", 6) == 0;
    snprintf(path, sizeof(path), "sys/block/%.64s/backing_dev", name);
    return strncmp(name, "zram", 4) == 0 &&
           (host_read(h, path, text, sizeof(text)) < 0 || strcmp(text, "none") == 0);
}

/* The first line is a heading. */
static bool has_open_swap(const struct host *h, char *table)
{
    char *rest = NULL;
    bool found = false;
    (void)strtok_r(table, "\n", &rest);
    for (char *line; (line = strtok_r(NULL, "\n", &rest));) {
        line[strcspn(line, " \t")] = 0;
        found = found || !is_safe_swap(h, line);
    }
    return found;
}

static bool is_kept_from_swap(const struct host *h)
{
    char path[HOST_PATH];
    char max[32];
    if (!h->server.runs || !h->server.cgroup[0])
        return false;
    snprintf(path, sizeof(path), "sys/fs/cgroup%.200s/memory.swap.max", h->server.cgroup);
    return host_read(h, path, max, sizeof(max)) > 0 && strcmp(max, "0") == 0;
}

void host_swap(struct host *h, struct host_finding *f)
{
    char table[HOST_FILE];
    if (host_read(h, "proc/swaps", table, sizeof(table)) <= 0 || !has_open_swap(h, table))
        return;
    if (is_kept_from_swap(h)) {
        note(f, "this host swaps to a disk, but not the server (memory.swap.max)");
        return;
    }
    host_say(f, HOST_FAIL,
             "this host moves memory to a disk, and no encryption of it can be seen; details of "
             "calls could outlast them there",
             "swapoff -a, or encrypt it (crypttab(5), option swap), or systemctl edit drehkreuz: "
             "MemorySwapMax=0 under [Service], then restart it");
}

void host_locked(struct host *h, struct host_finding *f)
{
    if (!h->server.runs) {
        note(f, "the server does not run, so there is nothing to see");
        return;
    }
    if (!h->server.is_locked)
        host_say(
            f, HOST_WARN, "the running server has locked none of its memory: its limit is too low",
            "systemctl edit drehkreuz: LimitMEMLOCK=infinity under [Service], then restart it");
}

void host_look(const char *root, const struct host_ports *ports,
               struct host_finding ret[HOST_STEPS])
{
    struct host h = {.root = root, .ports = ports};
    memset(ret, 0, HOST_STEPS * sizeof(*ret));
    host_find_server(&h);
    for (size_t i = 0; i < HOST_STEPS; i++)
        STEPS[i].look(&h, &ret[i]);
}
