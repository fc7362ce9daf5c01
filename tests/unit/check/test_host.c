/* Hosts made of files: what check --host makes of each. */
#include "check/host.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const struct host_ports PORTS = {.udp = {3478, 443},
                                        .n_udp = 2,
                                        .tcp = {3478},
                                        .n_tcp = 1,
                                        .relay_first = 49152,
                                        .relay_last = 65535};

struct made {
    char root[64];
    struct host_finding found[HOST_STEPS];
};

static int set_up(void **state)
{
    struct made *m = calloc(1, sizeof(*m));
    snprintf(m->root, sizeof(m->root), "/tmp/host-XXXXXX");
    if (!m || !mkdtemp(m->root))
        return -1;
    *state = m;
    return 0;
}

static int take_away(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static int tear_down(void **state)
{
    struct made *m = *state;
    int r = nftw(m->root, take_away, 8, FTW_DEPTH | FTW_PHYS);
    free(m);
    return r;
}

static void put_bytes(const struct made *m, const char *path, const char *text, size_t n)
{
    char full[512];
    snprintf(full, sizeof(full), "%s/%s", m->root, path);
    for (char *at = full + strlen(m->root) + 1; (at = strchr(at, '/')); at++) {
        *at = 0;
        mkdir(full, 0700);
        *at = '/';
    }
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    fwrite(text, 1, n, f);
    fclose(f);
}

static void put(const struct made *m, const char *path, const char *text)
{
    put_bytes(m, path, text, strlen(text));
}

static const struct host_finding *look(struct made *m, enum host_step s)
{
    host_look(m->root, &PORTS, m->found);
    const struct host_finding *f = &m->found[s];
    if (f->mark == HOST_OK) {
        assert_string_equal(f->said.cause, "");
        assert_string_equal(f->paste, "");
    } else {
        assert_true(f->said.cause[0] && f->said.remedy[0]);
        assert_string_equal(f->said.note, "");
    }
    return f;
}

/* uid: of the process; files of this test belong to whoever runs it. */
static void put_server(const struct made *m, unsigned uid, const char *locked, const char *core)
{
    char text[512];
    put(m, "proc/321/comm", "drehkreuz\n");
    put_bytes(m, "proc/321/cmdline", "/usr/bin/drehkreuz\0run", sizeof("/usr/bin/drehkreuz\0run"));
    snprintf(text, sizeof(text), "Name:\tdrehkreuz\nUid:\t%u\t%u\t%u\t%u\nVmLck:\t%s kB\n", uid,
             uid, uid, uid, locked);
    put(m, "proc/321/status", text);
    snprintf(text, sizeof(text),
             "Limit                     Soft Limit           Hard Limit           Units     \n"
             "Max core file size        %s                    unlimited            bytes     \n",
             core);
    put(m, "proc/321/limits", text);
    put(m, "proc/321/cgroup", "0::/system.slice/drehkreuz.service\n");
}

/* A user that is not the one whom the files belong to, and not root. */
static unsigned other(void)
{
    return getuid() + 4711;
}

static void test_an_empty_host_is_fine(void **state)
{
    struct made *m = *state;
    host_look(m->root, &PORTS, m->found);
    for (unsigned i = 0; i < HOST_STEPS; i++) {
        assert_int_equal(m->found[i].mark, HOST_OK);
        assert_true(host_step_name(i)[0] && host_step_title(i)[0]);
    }
}

static void test_cores(void **state)
{
    struct made *m = *state;
    put(m, "proc/sys/kernel/core_pattern", "core\n");
    assert_string_equal(look(m, HOST_CORES)->said.note, "");
    put(m, "proc/sys/kernel/core_pattern", "|/usr/lib/systemd/systemd-coredump %P\n");
    assert_non_null(strstr(look(m, HOST_CORES)->said.note, "when it runs"));
    put_server(m, other(), "512", "0");
    assert_string_equal(look(m, HOST_CORES)->said.note, "");
    assert_int_equal(m->found[HOST_CORES].mark, HOST_OK);
    put_server(m, 0, "512", "0");
    assert_non_null(strstr(look(m, HOST_CORES)->said.note, "as root"));
}

/* The files of a process that may be dumped are its own user's; root's cannot be told apart. */
static void test_cores_of_a_dumpable_server(void **state)
{
    struct made *m = *state;
    char path[128];
    unsigned uid = getuid() ? getuid() : 4711;
    put(m, "proc/sys/kernel/core_pattern", "|/usr/share/apport/apport\n");
    put_server(m, uid, "512", "0");
    snprintf(path, sizeof(path), "%s/proc/321/status", m->root);
    assert_int_equal(chown(path, uid, getgid()), 0);
    assert_int_equal(look(m, HOST_CORES)->mark, HOST_FAIL);
    assert_non_null(strstr(m->found[HOST_CORES].said.cause, "collector"));
    put(m, "proc/sys/kernel/core_pattern", "core\n");
    assert_int_equal(look(m, HOST_CORES)->mark, HOST_OK);
    put_server(m, uid, "512", "unlimited");
    assert_int_equal(look(m, HOST_CORES)->mark, HOST_FAIL);
    assert_non_null(strstr(m->found[HOST_CORES].said.cause, "file"));
}

static void test_another_command_is_not_the_server(void **state)
{
    struct made *m = *state;
    put_server(m, other(), "0", "0");
    put_bytes(m, "proc/321/cmdline", "drehkreuz\0check\0run", sizeof("drehkreuz\0check\0run"));
    assert_non_null(strstr(look(m, HOST_LOCKED)->said.note, "does not run"));
    put_bytes(m, "proc/321/cmdline", "drehkreuz", sizeof("drehkreuz"));
    assert_non_null(strstr(look(m, HOST_LOCKED)->said.note, "does not run"));
}

static void test_swap(void **state)
{
    static const char head[] = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
    static const struct {
        const char *line;
        const char *file;
        const char *text;
        enum host_mark mark;
    } rows[] = {
        {"", NULL, NULL, HOST_OK},
        {"/dev/sda2   partition\t1\t0\t-2\n", NULL, NULL, HOST_FAIL},
        {"/swapfile   file\t1\t0\t-2\n", NULL, NULL, HOST_FAIL},
        {"/dev/dm-1 partition\t1\t0\t-2\n", "sys/block/dm-1/dm/uuid", "CRYPT-PLAIN-swap\n",
         HOST_OK},
        {"/dev/dm-2 partition\t1\t0\t-2\n", "sys/block/dm-2/dm/uuid", "LVM-abc\n", HOST_FAIL},
        {"/dev/zram0 partition\t1\t0\t100\n", NULL, NULL, HOST_OK},
        {"/dev/zram1 partition\t1\t0\t100\n", "sys/block/zram1/backing_dev", "none\n", HOST_OK},
        {"/dev/zram2 partition\t1\t0\t100\n", "sys/block/zram2/backing_dev", "/dev/sda3\n",
         HOST_FAIL},
        {"/dev/zram0 partition\t1\t0\t100\n/dev/sda2 partition\t1\t0\t-2\n", NULL, NULL, HOST_FAIL},
    };
    struct made *m = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[512];
        snprintf(text, sizeof(text), "%s%s", head, rows[i].line);
        put(m, "proc/swaps", text);
        if (rows[i].file)
            put(m, rows[i].file, rows[i].text);
        assert_int_equal(look(m, HOST_SWAP)->mark, rows[i].mark);
    }
}

static void test_a_server_kept_from_swap(void **state)
{
    static const char max[] = "sys/fs/cgroup/system.slice/drehkreuz.service/memory.swap.max";
    struct made *m = *state;
    put(m, "proc/swaps", "Filename\n/dev/sda2 partition 1 0 -2\n");
    put(m, max, "0\n");
    assert_int_equal(look(m, HOST_SWAP)->mark, HOST_FAIL);
    put_server(m, other(), "512", "0");
    assert_int_equal(look(m, HOST_SWAP)->mark, HOST_OK);
    assert_non_null(strstr(m->found[HOST_SWAP].said.note, "not the server"));
    put(m, max, "max\n");
    assert_int_equal(look(m, HOST_SWAP)->mark, HOST_FAIL);
}

static void test_locked(void **state)
{
    struct made *m = *state;
    put_server(m, other(), "512", "0");
    assert_int_equal(look(m, HOST_LOCKED)->mark, HOST_OK);
    put_server(m, other(), "0", "0");
    assert_int_equal(look(m, HOST_LOCKED)->mark, HOST_WARN);
}

static void test_conntrack(void **state)
{
    static const struct {
        const char *line;
        enum host_mark mark;
    } rows[] = {
        {"ipv4 2 udp 17 29 src=192.0.2.9 dst=192.0.2.1 sport=5000 dport=3478 src=192.0.2.1 "
         "dst=192.0.2.9 sport=3478 dport=5000 mark=0 use=2\n",
         HOST_FAIL},
        {"ipv6 10 tcp 6 99 ESTABLISHED src=2001:db8::9 dst=2001:db8::1 sport=5000 dport=3478 "
         "src=2001:db8::1 dst=2001:db8::9 sport=3478 dport=5000 use=2\n",
         HOST_FAIL},
        /* of others, to a port where this host may be the client, from this host to itself */
        {"ipv4 2 tcp 6 99 src=192.0.2.9 dst=192.0.2.1 sport=5000 dport=22 use=2\n", HOST_OK},
        {"ipv4 2 tcp 6 99 src=192.0.2.1 dst=192.0.2.9 sport=50000 dport=443 use=2\n", HOST_OK},
        {"ipv4 2 udp 17 9 src=127.0.0.1 dst=127.0.0.1 sport=5000 dport=3478 use=2\n", HOST_OK},
        {"a line as no kernel writes it\n", HOST_OK},
        {"", HOST_OK},
    };
    struct made *m = *state;
    put(m, "proc/net/nf_conntrack", rows[0].line);
    assert_int_equal(look(m, HOST_CONNTRACK)->mark, HOST_OK); /* no module, no table */
    put(m, "proc/sys/net/netfilter/nf_conntrack_count", "1\n");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        put(m, "proc/net/nf_conntrack", rows[i].line);
        const struct host_finding *f = look(m, HOST_CONNTRACK);
        assert_int_equal(f->mark, rows[i].mark);
        assert_null(strstr(f->said.cause, "192.0.2"));
        assert_true((f->paste[0] != 0) == (f->mark != HOST_OK));
    }
}

static void test_conntrack_of_the_servers_own_namespace(void **state)
{
    struct made *m = *state;
    put_server(m, other(), "512", "0");
    put(m, "proc/sys/net/netfilter/nf_conntrack_count", "0\n");
    put(m, "proc/net/nf_conntrack", "");
    put(m, "proc/321/net/nf_conntrack",
        "ipv4 2 udp 17 29 src=192.0.2.9 dst=192.0.2.1 sport=5000 dport=3478 use=2\n");
    assert_int_equal(look(m, HOST_CONNTRACK)->mark, HOST_FAIL);
}

static void test_conntrack_that_cannot_be_seen(void **state)
{
    struct made *m = *state;
    put(m, "proc/sys/net/netfilter/nf_conntrack_count", "0\n");
    assert_int_equal(look(m, HOST_CONNTRACK)->mark, HOST_OK);
    put(m, "proc/sys/net/netfilter/nf_conntrack_count", "7\n");
    assert_int_equal(look(m, HOST_CONNTRACK)->mark, HOST_WARN);
}

static void test_notrack_rules(void **state)
{
    char text[HOST_PASTE];
    struct host_ports p = PORTS;
    (void)state;
    host_notrack(&p, text);
    assert_non_null(
        strstr(text, "fib daddr type local udp dport { 3478, 443, 49152-65535 } notrack"));
    assert_non_null(strstr(text, "        udp sport { 3478, 443, 49152-65535 } notrack"));
    assert_non_null(strstr(text, "tcp dport { 3478 } notrack"));
    p.udp[1] = 50000; /* stands in the range already */
    p.relay_tcp = true;
    p.tcp[0] = 50000;
    host_notrack(&p, text);
    assert_non_null(strstr(text, "udp dport { 3478, 49152-65535 } notrack"));
    assert_non_null(strstr(text, "tcp dport { 49152-65535 } notrack"));
    p.relay_tcp = false;
    p.n_tcp = 0;
    host_notrack(&p, text);
    assert_null(strstr(text, "tcp"));
    p.n_udp = p.n_tcp = HOST_PORTS_MAX;
    for (uint16_t i = 0; i < HOST_PORTS_MAX; i++)
        p.udp[i] = p.tcp[i] = (uint16_t)(40000 + i);
    host_notrack(&p, text);
    assert_string_equal(text + strlen(text) - 10, "k\n    }\n}\n");
}

static void test_exporters(void **state)
{
    static const struct {
        const char *comm;
        enum host_mark mark;
    } rows[] = {{"node_exporter", HOST_FAIL},
                {"prometheus-node", HOST_FAIL},
                {"netdata", HOST_FAIL},
                {"cadvisor", HOST_FAIL},
                {"telegraf", HOST_WARN},
                {"sshd", HOST_OK},
                {"node", HOST_OK}};
    struct made *m = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        put(m, "proc/77/comm", rows[i].comm);
        const struct host_finding *f = look(m, HOST_EXPORTERS);
        assert_int_equal(f->mark, rows[i].mark);
        assert_true(f->mark == HOST_OK || strstr(f->said.cause, rows[i].comm));
    }
    put(m, "proc/77/comm", "telegraf\n");
    put(m, "proc/78/comm", "netdata\n");
    assert_int_equal(look(m, HOST_EXPORTERS)->mark, HOST_FAIL);
}

static void test_node_exporter_without_its_network(void **state)
{
    static const char all[] =
        "node_exporter\0--no-collector.netdev\0--no-collector.netstat\0--no-collector.sockstat";
    static const char two[] = "node_exporter\0--no-collector.netdev\0--no-collector.netstat";
    static const char none[] = "node_exporter\0--collector.disable-defaults\0--collector.cpu";
    static const char back[] = "node_exporter\0--collector.disable-defaults\0--collector.netdev";
    struct made *m = *state;
    put(m, "proc/77/comm", "node_exporter\n");
    put_bytes(m, "proc/77/cmdline", all, sizeof(all));
    assert_int_equal(look(m, HOST_EXPORTERS)->mark, HOST_OK);
    put_bytes(m, "proc/77/cmdline", two, sizeof(two));
    assert_int_equal(look(m, HOST_EXPORTERS)->mark, HOST_FAIL);
    put_bytes(m, "proc/77/cmdline", none, sizeof(none));
    assert_int_equal(look(m, HOST_EXPORTERS)->mark, HOST_OK);
    put_bytes(m, "proc/77/cmdline", back, sizeof(back));
    assert_int_equal(look(m, HOST_EXPORTERS)->mark, HOST_FAIL);
}

static void test_accounting(void **state)
{
    struct made *m = *state;
    put(m, "etc/systemd/system.conf", "[Manager]\n#DefaultIPAccounting=yes\n");
    assert_int_equal(look(m, HOST_ACCOUNTING)->mark, HOST_OK);
    put(m, "etc/systemd/system.conf", "[Manager]\nDefaultIPAccounting=yes\n");
    assert_int_equal(look(m, HOST_ACCOUNTING)->mark, HOST_FAIL);
    put(m, "lib/systemd/system/drehkreuz.service", "[Service]\nIPAccounting=no\n");
    assert_int_equal(look(m, HOST_ACCOUNTING)->mark, HOST_OK);
    put(m, "etc/systemd/system/drehkreuz.service.d/override.conf", "[Service]\nIPAccounting=1\n");
    assert_int_equal(look(m, HOST_ACCOUNTING)->mark, HOST_FAIL);
}

static void test_names_that_are_too_long(void **state)
{
    struct made *m = *state;
    char root[1024];
    memset(root, 'x', sizeof(root) - 1);
    root[sizeof(root) - 1] = 0;
    host_look(root, &PORTS, m->found);
    for (unsigned i = 0; i < HOST_STEPS; i++)
        assert_int_equal(m->found[i].mark, HOST_OK);
}

#define ON_A_HOST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_HOST(test_an_empty_host_is_fine),
        ON_A_HOST(test_cores),
        ON_A_HOST(test_cores_of_a_dumpable_server),
        ON_A_HOST(test_another_command_is_not_the_server),
        ON_A_HOST(test_swap),
        ON_A_HOST(test_a_server_kept_from_swap),
        ON_A_HOST(test_locked),
        ON_A_HOST(test_conntrack),
        ON_A_HOST(test_conntrack_of_the_servers_own_namespace),
        ON_A_HOST(test_conntrack_that_cannot_be_seen),
        ON_A_HOST(test_notrack_rules),
        ON_A_HOST(test_exporters),
        ON_A_HOST(test_node_exporter_without_its_network),
        ON_A_HOST(test_accounting),
        ON_A_HOST(test_names_that_are_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
