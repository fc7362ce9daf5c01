/* System calls: those that serving needs, those that fail, and those that end the process. */
#include "unit/sandbox/scene.h"

#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define CALL(name, ...)                                                                            \
    static int name(const struct scene *s)                                                         \
    {                                                                                              \
        (void)s;                                                                                   \
        return said((long)(__VA_ARGS__));                                                          \
    }

static char page[1];

CALL(run_program, execl("/bin/true", "true", (char *)NULL))
CALL(trace_me, ptrace(PTRACE_TRACEME, 0, NULL, NULL))
CALL(read_memory, syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0))
CALL(load_module, syscall(SYS_init_module, page, 1, ""))
CALL(load_bpf, syscall(SYS_bpf, 0, NULL, 0))
CALL(mount_it, mount("none", "/tmp", "tmpfs", 0, NULL))
CALL(new_user, unshare(CLONE_NEWUSER))
CALL(join_another, syscall(SYS_setns, 0, 0))
CALL(use_ring, syscall(SYS_io_uring_setup, 1, NULL))
CALL(use_keys, syscall(SYS_keyctl, 0, 0, 0, 0, 0))
CALL(become_root, syscall(SYS_setuid, 0))
CALL(fork_it, syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL))
CALL(thread_elsewhere,
     syscall(SYS_clone,
             CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_NEWNET, NULL,
             NULL, NULL, NULL))
CALL(clone_unseen, syscall(SYS_clone3, NULL, 0))
CALL(raw_socket, socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP))
CALL(ping_socket, socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP))
CALL(sctp_socket, socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP))
CALL(multipath_socket, socket(AF_INET6, SOCK_STREAM, 262))
CALL(packet_socket, socket(AF_PACKET, SOCK_RAW, 0))
CALL(vm_socket, socket(AF_VSOCK, SOCK_STREAM, 0))
CALL(crypto_socket, socket(AF_ALG, SOCK_SEQPACKET, 0))
CALL(firewall_socket, socket(AF_NETLINK, SOCK_RAW, 12))
CALL(route_socket, socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0))
CALL(udp6_socket, socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0))
CALL(unix_socket, socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0))
CALL(map_code, mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
CALL(map_data, mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
CALL(hidden_file, syscall(SYS_memfd_create, "x", 0))
CALL(raise_limit, setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}))
CALL(be_dumped, prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))
CALL(type_for_others, ioctl(0, TIOCSTI, "x"))
CALL(give_away, chown("/tmp", 1, 1))
CALL(make_event, eventfd(0, EFD_CLOEXEC))

static int ask_limit(const struct scene *s)
{
    struct rlimit l;
    (void)s;
    return said(getrlimit(RLIMIT_NOFILE, &l));
}

static int make_code(const struct scene *s)
{
    (void)s;
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return said(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int signal_other(const struct scene *s)
{
    (void)s;
    return said(syscall(SYS_tgkill, getppid(), getppid(), 0));
}

static void *nothing(void *arg)
{
    return arg;
}

static int start_thread(const struct scene *s)
{
    pthread_t thread;
    (void)s;
    int r = pthread_create(&thread, NULL, nothing, NULL);
    return r ? r : pthread_join(thread, NULL);
}

static int give_up(const struct scene *s)
{
    (void)s;
    signal(SIGABRT, SIG_DFL);
    abort();
}

static int make_folder(const struct scene *s)
{
    path_text path;
    return said(mkdir(in(s, "state/d", path), 0700));
}

static int make_link(const struct scene *s)
{
    path_text path;
    return said(symlink("/bin/sh", in(s, "state/l", path)));
}

static const struct row rows[] = {
    {"start thread", start_thread, 0, 0},
    {"route socket", route_socket, 0, 0},
    {"udp6 socket", udp6_socket, 0, 0},
    {"unix socket", unix_socket, 0, 0},
    {"map data", map_data, 0, 0},
    {"ask limit", ask_limit, 0, 0},
    {"make event", make_event, 0, 0},
    {"give up", give_up, -SIGABRT, 0},
    {"run program", run_program, -SIGSYS, 0},
    {"trace me", trace_me, -SIGSYS, 0},
    {"read memory", read_memory, -SIGSYS, 0},
    {"load module", load_module, -SIGSYS, 0},
    {"load bpf", load_bpf, -SIGSYS, 0},
    {"mount it", mount_it, -SIGSYS, 0},
    {"new user", new_user, -SIGSYS, 0},
    {"join another", join_another, -SIGSYS, 0},
    {"use ring", use_ring, -SIGSYS, 0},
    {"use keys", use_keys, -SIGSYS, 0},
    {"become root", become_root, -SIGSYS, 0},
    {"fork it", fork_it, EPERM, 0},
    {"thread elsewhere", thread_elsewhere, EPERM, 0},
    {"clone unseen", clone_unseen, ENOSYS, 0},
    {"raw socket", raw_socket, EPERM, 0},
    {"ping socket", ping_socket, EPERM, 0},
    {"sctp socket", sctp_socket, EPERM, 0},
    {"multipath socket", multipath_socket, EPERM, 0},
    {"packet socket", packet_socket, EPERM, 0},
    {"vm socket", vm_socket, EPERM, 0},
    {"crypto socket", crypto_socket, EPERM, 0},
    {"firewall socket", firewall_socket, EPERM, 0},
    {"map code", map_code, EPERM, 0},
    {"make code", make_code, EPERM, 0},
    {"hidden file", hidden_file, EPERM, 0},
    {"raise limit", raise_limit, EPERM, 0},
    {"be dumped", be_dumped, EPERM, 0},
    {"type for others", type_for_others, EPERM, 0},
    {"give away", give_away, EPERM, 0},
    {"make folder", make_folder, EPERM, 0},
    {"make link", make_link, EPERM, 0},
    {"signal other", signal_other, EPERM, 0},
};

/* A sanitizer needs calls that the filter forbids, so there is none in its builds. */
static void test_each_attempt(void **state)
{
    const struct sandbox_conf conf = {false, false, false};
    if (MEM_IS_WATCHED)
        assert_int_equal(inside(*state, &conf, hidden_file), 0);
    else
        try_all(*state, rows, sizeof(rows) / sizeof(rows[0]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_attempt, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
