/* Time has one unit, microseconds, and one zero, the monotonic clock's. Rooms below net take it as
 * an argument; only net and main read it. */
#ifndef RELAY_BASE_CLOCK_H
#define RELAY_BASE_CLOCK_H

#include <stdint.h>

typedef int64_t usec_t;

#define USEC_PER_SEC INT64_C(1000000)
#define USEC_NEVER INT64_MAX

usec_t clock_monotonic(void);

/* Unix seconds; for the expiry of credentials and the ends of windows, nothing else. */
int64_t clock_wall(void);

#endif
