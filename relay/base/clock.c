#include "base/clock.h"

#include <time.h>

static struct timespec read_clock(clockid_t id)
{
    struct timespec ts = {0};
    clock_gettime(id, &ts);
    return ts;
}

usec_t clock_monotonic(void)
{
    struct timespec ts = read_clock(CLOCK_MONOTONIC);
    return (usec_t)ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / 1000;
}

int64_t clock_wall(void)
{
    return read_clock(CLOCK_REALTIME).tv_sec;
}
