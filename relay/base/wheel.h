/* Hashed timer wheel: 4096 slots of one second, intrusive, O(1) to set and clear. It is up to one
 * second late; whoever must be exact compares `when` on its own path. */
#ifndef RELAY_BASE_WHEEL_H
#define RELAY_BASE_WHEEL_H

#include "base/clock.h"
#include "base/list.h"

enum wheel_size { WHEEL_SLOTS = 4096 };

struct wheel_node {
    struct list link;
    usec_t when;
};

struct wheel {
    struct list slots[WHEEL_SLOTS];
    uint64_t busy[WHEEL_SLOTS / 64]; /* bit per slot that may hold nodes */
    int64_t done;                    /* seconds fully expired so far */
    size_t n;
};

typedef void (*wheel_fn)(void *ctx, struct wheel_node *node, usec_t now);

void wheel_init(struct wheel *w, usec_t now);
/* A node must be initialised once before its first wheel_set; clearing an unset node is fine. */
void wheel_node_init(struct wheel_node *node);
/* Moves the node if it is set already. A time in the past fires at the next expiry. */
void wheel_set(struct wheel *w, struct wheel_node *node, usec_t when);
void wheel_clear(struct wheel *w, struct wheel_node *node);
/* The time at which wheel_expire should next be called; USEC_NEVER when empty. */
usec_t wheel_next(const struct wheel *w);
/* Calls fn for every node whose time has come, unlinked already; fn may set it again, or set and
 * clear or free any node. */
void wheel_expire(struct wheel *w, usec_t now, wheel_fn fn, void *ctx);

#endif
