/* Preloaded into a server under test: time stands still until the test moves it, and every wait for
 * events lasts as long on that clock, not on the real one. So days pass in seconds, two runs see
 * the same instants, and the test knows when every thread has done what there was to do.
 *
 * STAGE_FILE is shared with support/stage.py, which describes its fields. STAGE_TRACE gets what is
 * written to standard error, each write behind its instant in microseconds. With a seed the main
 * thread's randomness is that of the last run with this seed; other threads keep the kernel's. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { MILLION = 1000000, THREADS_MAX = 32, SLICE_NS = 100000 };

struct stage {
    _Atomic int64_t moved; /* microseconds since the start */
    int64_t wall;          /* Unix seconds at the start */
    uint64_t seed;         /* 0 = none */
    _Atomic int64_t turn;  /* counted up by the test */
    _Atomic int64_t threads;
    _Atomic int64_t idle[THREADS_MAX]; /* the turn in which each thread last had nothing to do */
};

enum { MONOTONIC_START = 1000 };

static struct stage *stage;
static int trace = -1;
static uint64_t random_state;
static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_epoll_wait)(int, struct epoll_event *, int, int);
static _Thread_local int slot = -1;

__attribute__((constructor)) static void start(void)
{
    if (stage)
        return;
    real_write = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    real_epoll_wait = (int (*)(int, struct epoll_event *, int, int))dlsym(RTLD_NEXT, "epoll_wait");
    const char *path = getenv("STAGE_FILE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        abort();
    stage = mmap(NULL, sizeof *stage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (stage == MAP_FAILED)
        abort();
    random_state = stage->seed;
    path = getenv("STAGE_TRACE");
    if (path)
        trace = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
    if (!stage)
        start();
    if (id == CLOCK_PROCESS_CPUTIME_ID || id == CLOCK_THREAD_CPUTIME_ID)
        return (int)syscall(SYS_clock_gettime, id, ts);
    int64_t moved = stage->moved;
    int is_wall = id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE;
    ts->tv_sec = (time_t)((is_wall ? stage->wall : MONOTONIC_START) + moved / MILLION);
    ts->tv_nsec = (long)(moved % MILLION * 1000);
    return 0;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    struct timespec ts;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &ts);
    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *ret)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    if (ret)
        *ret = ts.tv_sec;
    return ts.tv_sec;
}

int epoll_wait(int fd, struct epoll_event *events, int most, int timeout)
{
    if (timeout == 0)
        return real_epoll_wait(fd, events, most, 0);
    if (slot < 0)
        slot = (int)atomic_fetch_add(&stage->threads, 1) % THREADS_MAX;
    const struct timespec slice = {0, SLICE_NS};
    int64_t end = timeout < 0 ? INT64_MAX : stage->moved + (int64_t)timeout * 1000;
    for (;;) {
        int64_t turn = stage->turn;
        if (stage->moved >= end)
            return 0;
        int n = epoll_pwait2(fd, events, most, &slice, NULL);
        if (n != 0)
            return n;
        stage->idle[slot] = turn;
    }
}

ssize_t getrandom(void *to, size_t n, unsigned flags)
{
    if (!stage)
        start();
    if (!stage->seed || getpid() != (pid_t)syscall(SYS_gettid))
        return syscall(SYS_getrandom, to, n, flags);
    for (size_t i = 0; i < n; i++) { /* splitmix64, a byte of each */
        uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        ((uint8_t *)to)[i] = (uint8_t)(z ^ (z >> 31));
    }
    return (ssize_t)n;
}

ssize_t write(int fd, const void *data, size_t n)
{
    if (!real_write)
        start();
    if (fd == STDERR_FILENO && trace >= 0) {
        char at[32];
        int head = snprintf(at, sizeof at, "%lld ", (long long)stage->moved);
        if (real_write(trace, at, (size_t)head) < 0 || real_write(trace, data, n) < 0)
            abort();
    }
    return real_write(fd, data, n);
}
