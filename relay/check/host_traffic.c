/* What counts or lists traffic beside the server: the kernel's table of connections, exporters,
 * systemd. */
#include "check/host_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

enum { TABLE_MAX = 4 << 20, PRIVILEGED = 1024 };

/* --- conntrack --- */

static size_t put_set(char *to, size_t cap, const uint16_t *ports, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < n && at < cap; i++)
        at += (size_t)snprintf(to + at, cap - at, "%s%u", at ? ", " : "", ports[i]);
    return at < cap ? at : cap - 1;
}

/* A set of nft must not have a port twice, be it inside the range. */
static size_t outside(const struct host_ports *p, const uint16_t *ports, size_t n, uint16_t *ret,
                      bool with_range)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        bool is_twice = with_range && ports[i] >= p->relay_first && ports[i] <= p->relay_last;
        for (size_t j = 0; j < kept; j++)
            is_twice = is_twice || ret[j] == ports[i];
        if (!is_twice)
            ret[kept++] = ports[i];
    }
    return kept;
}

_Static_assert(HOST_SET >= (HOST_PORTS_MAX + 2) * sizeof("65535,"), "a set has room for all ports");

/* "3478, 49152-65535" */
static void set_text(const struct host_ports *p, bool is_udp, char *ret, size_t cap)
{
    uint16_t ports[HOST_PORTS_MAX];
    bool with_range = is_udp || p->relay_tcp;
    size_t n = is_udp ? outside(p, p->udp, p->n_udp, ports, with_range)
                      : outside(p, p->tcp, p->n_tcp, ports, with_range);
    ret[0] = 0;
    size_t at = put_set(ret, cap, ports, n);
    if (with_range)
        snprintf(ret + at, cap - at, "%s%u-%u", n ? ", " : "", p->relay_first, p->relay_last);
}

void host_notrack(const struct host_ports *ports, char ret[HOST_PASTE])
{
    static const struct {
        const char *hook;
        const char *before;
        const char *way;
    } chains[] = {{"prerouting", "fib daddr type local ", "dport"}, {"output", "", "sport"}};
    char sets[2][HOST_SET]; /* room for all ports, and rules for each set twice */
    size_t n = 0;
    set_text(ports, true, sets[0], sizeof(sets[0]));
    set_text(ports, false, sets[1], sizeof(sets[1]));
    n += (size_t)snprintf(ret, HOST_PASTE, "table inet drehkreuz_notrack {\n");
    for (size_t i = 0; i < 2; i++) {
        n += (size_t)snprintf(ret + n, HOST_PASTE - n,
                              "    chain %s {\n"
                              "        type filter hook %s priority raw; policy accept;\n"
                              "        %sudp %s { %s } notrack\n",
                              chains[i].hook, chains[i].hook, chains[i].before, chains[i].way,
                              sets[0]);
        if (sets[1][0])
            n += (size_t)snprintf(ret + n, HOST_PASTE - n, "        %stcp %s { %s } notrack\n",
                                  chains[i].before, chains[i].way, sets[1]);
        n += (size_t)snprintf(ret + n, HOST_PASTE - n, "    }\n");
    }
    snprintf(ret + n, HOST_PASTE - n, "}\n");
}

static bool has_port(const uint16_t *ports, size_t n, unsigned long port)
{
    for (size_t i = 0; i < n; i++)
        if (ports[i] == port)
            return true;
    return false;
}

/* The first "name=value" of a line: that of the direction in which the flow began. */
static bool first_word(const char *line, const char *name, char *ret, size_t cap)
{
    const char *at = strstr(line, name);
    if (!at)
        return false;
    at += strlen(name);
    snprintf(ret, cap, "%.*s", (int)strcspn(at, " "), at);
    return true;
}

/* A flow to a listener. Not evidence: a port below 1024, since this host may be a client of another
 * one there; and what this host sends to itself, as drehkreuz check does. */
static bool is_ours(const struct host *h, const char *line)
{
    char src[64];
    char dst[64];
    char text[16];
    if (!first_word(line, " src=", src, sizeof(src)) ||
        !first_word(line, " dst=", dst, sizeof(dst)) ||
        !first_word(line, " dport=", text, sizeof(text)) || strcmp(src, dst) == 0)
        return false;
    unsigned long port = strtoul(text, NULL, 10);
    return port >= PRIVILEGED && (has_port(h->ports->udp, h->ports->n_udp, port) ||
                                  has_port(h->ports->tcp, h->ports->n_tcp, port));
}

static bool has_evidence(const struct host *h)
{
    for (size_t i = 0; i < h->ports->n_udp; i++)
        if (h->ports->udp[i] >= PRIVILEGED)
            return true;
    return false;
}

static bool lists_ours(const struct host *h, char *table)
{
    char *rest = NULL;
    bool found = false;
    for (char *line = strtok_r(table, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        found = found || is_ours(h, line);
    return found;
}

/* 1: our flows are listed, 0: they are not, below 0: it cannot be seen. */
static int read_table(const struct host *h)
{
    char path[HOST_PATH] = "proc/net/nf_conntrack";
    char *table = mem_zalloc(TABLE_MAX);
    if (!table)
        return -1;
    if (h->server.runs)
        snprintf(path, sizeof(path), "proc/%ld/net/nf_conntrack", h->server.pid);
    int r = host_read(h, path, table, TABLE_MAX) < 0 ? -1 : lists_ours(h, table);
    mem_free_wiped(table, TABLE_MAX);
    return r == 0 && !has_evidence(h) ? -1 : r;
}

void host_conntrack(struct host *h, struct host_finding *f)
{
    static const char remedy[] =
        "keep these ports out of it by the rules below (nft -f, and into /etc/nftables.conf), "
        "which also makes the relay faster; see conf/privacy.md first if this host translates "
        "addresses for others";
    char count[32];
    if (host_read(h, "proc/sys/net/netfilter/nf_conntrack_count", count, sizeof(count)) < 0)
        return;
    int listed = read_table(h);
    if (listed == 0) {
        snprintf(f->said.note, sizeof(f->said.note), "%s",
                 "the kernel tracks connections of this host, none of this server's among them; "
                 "that says something only if somebody has called in the last minutes");
        return;
    }
    if (listed < 0 && strcmp(count, "0") == 0) {
        snprintf(f->said.note, sizeof(f->said.note), "%s",
                 "the kernel can track connections, but has none in its table");
        return;
    }
    host_notrack(h->ports, f->paste);
    host_say(f, listed > 0 ? HOST_FAIL : HOST_WARN,
             listed > 0 ? "the kernel keeps a table of this server's connections, with the "
                          "addresses of both ends (conntrack)"
                        : "the kernel tracks connections (conntrack), and whether this server's "
                          "are among them cannot be seen from here; root may see more",
             remedy);
}

/* --- Exporters --- */

static const char EXACT[] = "counts this host's traffic every few seconds, exactly, which tells "
                            "when somebody calls";
static const char MAY[] = "is able to count this host's traffic, which would tell when somebody "
                          "calls";
static const char FLOWS[] = "records flows with the addresses of both ends";

static const struct exporter {
    const char *comm; /* the kernel cuts it after 15 characters */
    enum host_mark mark;
    const char *does;
    const char *remedy;
} EXPORTERS[] = {
    {"node_exporter", HOST_FAIL, EXACT,
     "start it with --no-collector.netdev --no-collector.netstat --no-collector.sockstat "
     "--no-collector.udp_queues --no-collector.conntrack"},
    {"prometheus-node", HOST_FAIL, EXACT,
     "add --no-collector.netdev --no-collector.netstat --no-collector.sockstat "
     "--no-collector.udp_queues --no-collector.conntrack to ARGS in "
     "/etc/default/prometheus-node-exporter"},
    {"netdata", HOST_FAIL, EXACT,
     "in netdata.conf switch off the plugins proc for net, tcp, sockstat and conntrack, ebpf and "
     "cgroups"},
    {"cadvisor", HOST_FAIL, EXACT, "start it with --disable_metrics=network,tcp,udp,advtcp"},
    {"vnstatd", HOST_FAIL, EXACT, "remove it from this host"},
    {"telegraf", HOST_WARN, MAY, "leave out inputs.net, inputs.netstat and inputs.conntrack"},
    {"collectd", HOST_WARN, MAY, "leave out the plugins interface, netlink, conntrack, tcpconns"},
    {"zabbix_agentd", HOST_WARN, MAY, "deny it the keys net.*: DenyKey=net.*"},
    {"zabbix_agent2", HOST_WARN, MAY, "deny it the keys net.*: DenyKey=net.*"},
    {"metricbeat", HOST_WARN, MAY, "leave out the metric sets network and socket"},
    {"packetbeat", HOST_FAIL, FLOWS, "remove it from this host"},
    {"softflowd", HOST_FAIL, FLOWS, "remove it from this host"},
    {"pmacctd", HOST_FAIL, FLOWS, "remove it from this host"},
    {"nprobe", HOST_FAIL, FLOWS, "remove it from this host"},
    {"ntopng", HOST_FAIL, FLOWS, "remove it from this host"},
    {"zeek", HOST_FAIL, FLOWS, "exclude this server's ports from what it captures"},
    {"Suricata-Main", HOST_FAIL, FLOWS, "exclude this server's ports from what it captures"},
};

/* Whether the arguments, NUL between them, hold this one. */
static bool has_argument(const char *line, size_t n, const char *wanted)
{
    for (size_t i = 0; i < n; i += strlen(line + i) + 1)
        if (strcmp(line + i, wanted) == 0)
            return true;
    return false;
}

static bool is_switched_off(const struct host *h, long pid, const struct exporter *e)
{
    static const char *const needed[] = {"--no-collector.netdev", "--no-collector.netstat",
                                         "--no-collector.sockstat"};
    static const char *const back[] = {"--collector.netdev", "--collector.netstat",
                                       "--collector.sockstat"};
    char path[HOST_PATH];
    char line[HOST_FILE];
    if (!strstr(e->comm, "node"))
        return false;
    snprintf(path, sizeof(path), "proc/%ld/cmdline", pid);
    ssize_t n = host_read(h, path, line, sizeof(line));
    bool none = n > 0 && has_argument(line, (size_t)n, "--collector.disable-defaults");
    for (size_t i = 0; n > 0 && i < sizeof(needed) / sizeof(needed[0]); i++)
        if (!has_argument(line, (size_t)n, needed[i]) &&
            (!none || has_argument(line, (size_t)n, back[i])))
            return false;
    return n > 0;
}

static bool look_at_process(void *ctx, const struct host *h, long pid, const char *comm)
{
    struct host_finding *f = ctx;
    for (size_t i = 0; i < sizeof(EXPORTERS) / sizeof(EXPORTERS[0]); i++) {
        const struct exporter *e = &EXPORTERS[i];
        if (strcmp(comm, e->comm) != 0 || is_switched_off(h, pid, e))
            continue;
        snprintf(f->said.cause, sizeof(f->said.cause), "%s runs here and %s", comm, e->does);
        snprintf(f->said.remedy, sizeof(f->said.remedy), "%s", e->remedy);
        f->mark = e->mark;
    }
    return f->mark != HOST_FAIL;
}

void host_exporters(struct host *h, struct host_finding *f)
{
    host_processes(h, look_at_process, f);
}

/* --- systemd --- */

/* What a file says; *ret stays as it is if it says nothing. */
static void take_setting(const struct host *h, const char *path, const char *name, bool *ret)
{
    static const char *const yes[] = {"yes", "true", "on", "1"};
    char text[HOST_FILE];
    char value[16];
    if (host_read(h, path, text, sizeof(text)) < 0 || !host_value(text, name, value, sizeof(value)))
        return;
    *ret = false;
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        *ret = *ret || strcmp(value, yes[i]) == 0;
}

void host_accounting(struct host *h, struct host_finding *f)
{
    static const struct {
        const char *path;
        const char *name;
    } places[] = {
        /* The manager's default first; what comes later overrules. */
        {"etc/systemd/system.conf", "DefaultIPAccounting"},
        {"usr/local/lib/systemd/system/drehkreuz.service", "IPAccounting"},
        {"lib/systemd/system/drehkreuz.service", "IPAccounting"},
        {"etc/systemd/system/drehkreuz.service", "IPAccounting"},
        {"etc/systemd/system/drehkreuz.service.d/override.conf", "IPAccounting"},
        {"etc/systemd/system.control/drehkreuz.service.d/50-IPAccounting.conf", "IPAccounting"},
        {"run/systemd/system.control/drehkreuz.service.d/50-IPAccounting.conf", "IPAccounting"},
    };
    bool counts = false;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        take_setting(h, places[i].path, places[i].name, &counts);
    if (counts)
        host_say(f, HOST_FAIL,
                 "systemd counts the server's traffic exactly, shows it to everybody on this host "
                 "and writes it into the journal (IPAccounting)",
                 "systemctl edit drehkreuz: IPAccounting=no under [Service], then restart it");
}
