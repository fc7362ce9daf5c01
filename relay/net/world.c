/* Counting who still uses a generation of the configuration. */
#include "net/worker_int.h"

void world_retain(struct net_world *world, int n)
{
    atomic_fetch_add(&world->refs, n);
}

void world_release(struct net_world *world)
{
    if (world && atomic_fetch_sub(&world->refs, 1) == 1)
        world->release(world);
}
