/* The event loop's memory comes from our heap, which overwrites what is freed: what programs on
 * this host have asked for waits there to be written. */
#include "net/net.h"

#include <event2/event.h>

#include "base/mem.h"

static void *take(size_t n)
{
    return mem_zalloc(n);
}

static void *resize(void *p, size_t n)
{
    return mem_realloc(p, n);
}

static void give(void *p)
{
    mem_free(p);
}

void net_use_heap(void)
{
    event_set_mem_functions(take, resize, give);
}
