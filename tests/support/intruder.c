/* Preloaded into a server under test: whoever has broken into it. When the file INTRUDER_GO
 * appears, each thread that waits for events tries what it names, "everything" or one deadly thing,
 * and writes to INTRUDER_SAID what came of it: thread, name and errno. INTRUDER_OLD makes the
 * kernel one without "landlock", one that takes none of its "rules", or one without "seccomp". */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static int said = -1;
static _Thread_local int is_done;

static int attempt_connect(const char *abstract)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t n = strlen(abstract);
    memcpy(at.sun_path + 1, abstract, n);
    return connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&at,
                   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n));
}

static int attempt_tcp(int (*how)(int, const struct sockaddr *, socklen_t), int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return how(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&at, sizeof at);
}

static int attempt_code(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static long attempt_clone(long flags)
{
    long r = syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
    if (r == 0)
        _exit(0);
    return r;
}

static void tell(const char *name, long result)
{
    char text[128];
    int error = result < 0 ? errno : 0;
    int n = snprintf(text, sizeof text, "%ld %s %d\n", (long)syscall(SYS_gettid), name, error);
    (void)!write(said, text, (size_t)n);
}

#define TRY(name, call) tell(name, (errno = 0, (long)(call)))

static void try_everything(void)
{
    TRY("fork", attempt_clone(SIGCHLD));
    TRY("namespace", attempt_clone(CLONE_NEWUSER | SIGCHLD));
    TRY("packet-socket", socket(AF_PACKET, SOCK_RAW, 0));
    TRY("raw-socket", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
    TRY("crypto-socket", socket(AF_ALG, SOCK_SEQPACKET, 0));
    TRY("make-code", attempt_code());
    TRY("map-code", (intptr_t)mmap(NULL, 4096, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    TRY("write-outside", open(getenv("INTRUDER_OUTSIDE"), O_WRONLY | O_CREAT, 0600));
    TRY("read-outside", open(getenv("INTRUDER_THERE"), O_RDONLY));
    TRY("read-program", open("/proc/self/exe", O_RDONLY));
    TRY("read-environment", open("/proc/self/environ", O_RDONLY));
    TRY("write-here", open(getenv("INTRUDER_KEPT"), O_WRONLY));
    TRY("unlink-here", unlink(getenv("INTRUDER_KEPT")));
    TRY("abstract-socket", attempt_connect(getenv("INTRUDER_ABSTRACT")));
    TRY("connect-tcp", attempt_tcp(connect, atoi(getenv("INTRUDER_PORT"))));
    TRY("bind-tcp", attempt_tcp(bind, 0));
    TRY("signal", kill(getppid(), 0));
    TRY("signal-thread", syscall(SYS_tgkill, getppid(), getppid(), 0));
    TRY("hidden-file", syscall(SYS_memfd_create, "x", 0));
    TRY("limits", setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}));
    TRY("be-dumped", prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
    TRY("folder", mkdir(getenv("INTRUDER_FOLDER"), 0700));
    TRY("owner", chown(getenv("INTRUDER_GO"), 0, 0));
}

static void try_deadly(const char *what)
{
    if (strcmp(what, "execve") == 0)
        TRY(what, execl("/bin/true", "true", (char *)NULL));
    if (strcmp(what, "ptrace") == 0)
        TRY(what, ptrace(PTRACE_TRACEME, 0, NULL, NULL));
    if (strcmp(what, "bpf") == 0)
        TRY(what, syscall(SYS_bpf, 0, NULL, 0));
    if (strcmp(what, "mount") == 0)
        TRY(what, syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, NULL));
    if (strcmp(what, "init_module") == 0)
        TRY(what, syscall(SYS_init_module, NULL, 0, NULL));
    if (strcmp(what, "process_vm_readv") == 0)
        TRY(what, syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0));
}

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("INTRUDER_SAID");
    if (path)
        said = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void break_in(void)
{
    char what[32] = {0};
    int fd = open(getenv("INTRUDER_GO"), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    is_done = read(fd, what, sizeof what - 1) > 0;
    close(fd);
    if (!is_done)
        return;
    if (strcmp(what, "everything") == 0)
        try_everything();
    else
        try_deadly(what);
    tell("end", 0);
}

int epoll_wait(int fd, struct epoll_event *events, int most, int timeout)
{
    static int (*real)(int, struct epoll_event *, int, int);
    if (!real)
        real = (int (*)(int, struct epoll_event *, int, int))dlsym(RTLD_NEXT, "epoll_wait");
    if (said >= 0 && !is_done)
        break_in();
    return real(fd, events, most, timeout);
}

/* --- Older kernels --- */

static int lacks(const char *what)
{
    const char *old = getenv("INTRUDER_OLD");
    return old && strstr(old, what);
}

long syscall(long number, ...)
{
    static long (*real)(long, ...);
    va_list list;
    long a[6];
    va_start(list, number);
    for (size_t i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (!real)
        real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    if ((number == SYS_landlock_create_ruleset && lacks("landlock")) ||
        (number == SYS_landlock_add_rule && lacks("rules"))) {
        errno = ENOSYS;
        return -1;
    }
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int seccomp_load(void *filter);
int seccomp_load(void *filter)
{
    static int (*real)(void *);
    if (!real)
        real = (int (*)(void *))dlsym(RTLD_NEXT, "seccomp_load");
    return lacks("seccomp") ? -EINVAL : real(filter);
}
