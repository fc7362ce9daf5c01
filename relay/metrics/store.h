/* The file of windows already released: plain text that names its parameters. Nothing else is ever
 * in it, so whoever finds it learns what /metrics told anyway. */
#ifndef RELAY_METRICS_STORE_H
#define RELAY_METRICS_STORE_H

#include "metrics/metrics.h"

/* kept has METRICS_WINDOWS_KEPT places. 0 also when there is no such file; else -errno, *err told
 * and nothing written. */
int store_read(const char *file, struct metrics_window *kept, size_t *n, struct metrics_error *err);

/* Atomically: the old file or the new one, whatever happens. 0 or -errno. */
int store_write(const char *file, const struct metrics_window *kept, size_t n,
                struct metrics_error *err);

#endif
