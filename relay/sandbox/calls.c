/* The system calls that remain. What is not listed fails with EPERM, as libraries expect of a call
 * they may try; what nobody but an intruder would try ends the process. Names that a processor does
 * not have are left out, so one list serves all of those with 64 bits.
 *
 * No argument of a call that carries packets is looked at: the kernel then knows the answer without
 * running the filter at all.
 *
 * Sanitizers stop the process by ptrace to search for leaks, and start programs to name a line of
 * code: their builds go without this filter, and have a wider Landlock alone. */
#include "sandbox/sandbox_int.h"

#include <errno.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

/* linux/prctl.h, newer than some headers. */
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

static const char *const allowed[] = {
    /* packets, connections and waiting for them */
    "accept4", "bind", "connect", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2",
    "epoll_wait", "eventfd2", "getpeername", "getsockname", "getsockopt", "listen", "pipe2", "poll",
    "ppoll", "pselect6", "read", "readv", "recvfrom", "recvmmsg", "recvmsg", "select", "sendmmsg",
    "sendmsg", "sendto", "setsockopt", "shutdown", "signalfd4", "splice", "timerfd_create",
    "timerfd_settime", "write", "writev",
    /* files, which Landlock chooses */
    "access", "chmod", "close", "close_range", "dup", "faccessat", "faccessat2", "fchmod",
    "fchmodat", "fchmodat2", "fcntl", "fdatasync", "fstat", "fstat64", "fstatat64", "fstatfs",
    "fsync", "getcwd", "getdents64", "lseek", "lstat", "newfstatat", "open", "openat", "pread64",
    "readlink", "readlinkat", "rename", "renameat", "renameat2", "stat", "statx", "unlink",
    "unlinkat",
    /* memory and threads */
    "brk", "exit", "exit_group", "futex", "futex_waitv", "get_robust_list", "gettid", "madvise",
    "membarrier", "mlock", "mlock2", "mremap", "munlock", "munmap", "rseq", "sched_getaffinity",
    "sched_yield", "set_robust_list", "set_tid_address",
    /* time, chance, signals, and who we are */
    "clock_getres", "clock_gettime", "clock_nanosleep", "getegid", "geteuid", "getgid", "getpid",
    "getppid", "getrandom", "getresgid", "getresuid", "getrlimit", "gettimeofday", "getuid",
    "nanosleep", "restart_syscall", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
    "rt_sigtimedwait", "sigaltstack", "sysinfo", "time", "uname"};

/* No mistake of ours leads here. */
static const char *const deadly[] = {
    /* of the administrator, of debuggers and of programs that start others */
    "acct",
    "add_key",
    "adjtimex",
    "bpf",
    "chroot",
    "clock_adjtime",
    "clock_settime",
    "delete_module",
    "execve",
    "execveat",
    "finit_module",
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "init_module",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "ioperm",
    "iopl",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "mknod",
    "mknodat",
    "modify_ldt",
    "mount",
    "mount_setattr",
    "move_mount",
    "move_pages",
    "open_by_handle_at",
    "open_tree",
    "perf_event_open",
    "personality",
    "pidfd_getfd",
    "pivot_root",
    "process_madvise",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "quotactl",
    "reboot",
    "request_key",
    "setdomainname",
    "setfsgid",
    "setfsuid",
    "setgid",
    "setgroups",
    "sethostname",
    "setns",
    "setregid",
    "setresgid",
    "setresuid",
    "setreuid",
    "settimeofday",
    "setuid",
    "swapoff",
    "swapon",
    "syslog",
    "umount2",
    "unshare",
    "userfaultfd",
    "vhangup"};

/* The C library has another way, which it takes if the kernel seems too old. The flags of clone3
 * are out of a filter's sight. */
static const char *const unknown[] = {"clone3", "map_shadow_stack", "openat2"};

enum { ARGS_MAX = 3, SOCK_FLAGS = SOCK_CLOEXEC | SOCK_NONBLOCK };

/* A thread, and no new namespace. */
#define THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define SPACES                                                                                     \
    (CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |     \
     CLONE_NEWCGROUP)

#define WORD UINT32_MAX
#define IS(arg, v)                                                                                 \
    {                                                                                              \
        arg, SCMP_CMP_MASKED_EQ, WORD, (scmp_datum_t)(v)                                           \
    }
#define HAS(arg, mask, v)                                                                          \
    {                                                                                              \
        arg, SCMP_CMP_MASKED_EQ, (scmp_datum_t)(mask), (scmp_datum_t)(v)                           \
    }
#define SOCKET(family, type, protocol)                                                             \
    {                                                                                              \
        "socket", 3,                                                                               \
        {                                                                                          \
            IS(0, family), HAS(1, WORD & ~(uint32_t)SOCK_FLAGS, type), IS(2, protocol)             \
        }                                                                                          \
    }

static const struct narrow {
    const char *name;
    unsigned n;
    struct scmp_arg_cmp args[ARGS_MAX];
} narrow[] = {
    SOCKET(AF_INET, SOCK_DGRAM, 0),
    SOCKET(AF_INET, SOCK_DGRAM, IPPROTO_UDP),
    SOCKET(AF_INET, SOCK_STREAM, 0),
    SOCKET(AF_INET, SOCK_STREAM, IPPROTO_TCP),
    SOCKET(AF_INET6, SOCK_DGRAM, 0),
    SOCKET(AF_INET6, SOCK_DGRAM, IPPROTO_UDP),
    SOCKET(AF_INET6, SOCK_STREAM, 0),
    SOCKET(AF_INET6, SOCK_STREAM, IPPROTO_TCP),
    SOCKET(AF_UNIX, SOCK_DGRAM, 0),
    SOCKET(AF_UNIX, SOCK_STREAM, 0),
    SOCKET(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), /* addresses, and the C library's getifaddrs */
    SOCKET(AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE),
    {"socketpair", 1, {IS(0, AF_UNIX)}},
    {"clone", 1, {HAS(0, THREAD | SPACES, THREAD)}},
    /* A library that first comes when a name is looked up (nsswitch.conf) comes too late, and the
     * C library goes on to the next one; those for what the configuration names are there. */
    {"mmap", 1, {HAS(2, PROT_EXEC, 0)}},
    {"mprotect", 1, {HAS(2, PROT_EXEC, 0)}},
    {"ioctl", 1, {IS(1, FIONREAD)}},
    {"ioctl", 1, {IS(1, FIONBIO)}},
    {"ioctl", 1, {IS(1, SIOCGIFINDEX)}}, /* resolv.conf may name one */
    {"ioctl", 1, {IS(1, SIOCGIFNAME)}},
    {"prctl", 1, {IS(0, PR_SET_NAME)}},
    {"prctl", 1, {IS(0, PR_GET_DUMPABLE)}},
    {"prctl", 1, {IS(0, PR_SET_VMA)}},
    {"prlimit64", 2, {IS(0, 0), {2, SCMP_CMP_EQ, 0, 0}}}, /* to ask, not to set */
};

struct list {
    const char *const *v;
    size_t n;
    uint32_t action;
};

#define LIST(v, action)                                                                            \
    {                                                                                              \
        v, sizeof(v) / sizeof((v)[0]), action                                                      \
    }

/* -EDOM: not on this processor. */
static int add(scmp_filter_ctx filter, uint32_t action, const struct narrow *rule)
{
    int number = seccomp_syscall_resolve_name(rule->name);
    if (number == __NR_SCMP_ERROR)
        return 0;
    int r = seccomp_rule_add_array(filter, action, number, rule->n, rule->args);
    return r == -EDOM ? 0 : r;
}

static int add_lists(scmp_filter_ctx filter)
{
    const struct list lists[] = {
        LIST(allowed, SCMP_ACT_ALLOW),
        LIST(deadly, SCMP_ACT_KILL_PROCESS),
        LIST(unknown, SCMP_ACT_ERRNO(ENOSYS)),
    };
    int r = 0;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        for (size_t j = 0; r == 0 && j < lists[i].n; j++)
            r = add(filter, lists[i].action, &(struct narrow){lists[i].v[j], 0, {{0}}});
    return r;
}

/* abort and raise come back to us alone. */
static int add_narrow(scmp_filter_ctx filter)
{
    const struct narrow own = {"tgkill", 1, {IS(0, getpid())}};
    int r = add(filter, SCMP_ACT_ALLOW, &own);
    for (size_t i = 0; r == 0 && i < sizeof(narrow) / sizeof(narrow[0]); i++)
        r = add(filter, SCMP_ACT_ALLOW, &narrow[i]);
    return r;
}

/* Another architecture's calls have other numbers. The filter is a tree, for kernels before 5.11
 * that run it for each call. The mitigation (SSB) that some of them switch on with a filter is
 * against programs that others have written; it would slow down every packet. */
static int set_up(scmp_filter_ctx filter)
{
    static const struct {
        enum scmp_filter_attr name;
        uint32_t value;
    } rows[] = {
        {SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS},
        {SCMP_FLTATR_CTL_TSYNC, 1},
        {SCMP_FLTATR_CTL_OPTIMIZE, 2},
        {SCMP_FLTATR_CTL_SSB, 1},
        {SCMP_FLTATR_API_SYSRAWRC, 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        (void)seccomp_attr_set(filter, rows[i].name, rows[i].value); /* as far as it is known */
    int r = add_lists(filter);
    if (r == 0)
        r = add_narrow(filter);
    return r;
}

int calls_enter(void)
{
    if (MEM_IS_WATCHED)
        return -EOPNOTSUPP;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter)
        return -ENOMEM;
    int r = set_up(filter);
    if (r == 0)
        r = seccomp_load(filter);
    seccomp_release(filter);
    return r;
}
