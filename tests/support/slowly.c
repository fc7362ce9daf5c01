/* Preloaded into a client: the day passes as over a slow line, a second between two looks at the
 * clock of the day. */
#include <dlfcn.h>
#include <time.h>

int clock_gettime(clockid_t id, struct timespec *ret)
{
    static int (*real)(clockid_t, struct timespec *);
    static time_t passed;
    if (!real)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int r = real(id, ret);
    if (r == 0 && id == CLOCK_REALTIME)
        ret->tv_sec += passed++;
    return r;
}
