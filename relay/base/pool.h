/* Memory of our own under base/mem.h: pages that stay out of swap as far as the system lets us, out
 * of core dumps and out of child processes. What is freed is overwritten before it can be had
 * again. Thread-safe. */
#ifndef RELAY_BASE_POOL_H
#define RELAY_BASE_POOL_H

#include <stddef.h>

/* n bytes of zeroes, at 16 bytes' alignment, or NULL. n is not 0. */
void *pool_take(size_t n);
/* How many bytes may be used of what pool_take gave: n or some more. */
size_t pool_size(const void *p);
void pool_give(void *p);

#endif
