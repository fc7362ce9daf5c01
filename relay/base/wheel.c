/* Timer wheel. A node lies in the slot of its second, or of the first second not yet expired when
 * it is late already; a node more than one turn ahead is passed over until its time has come. */
#include "base/wheel.h"

static int64_t second_of(usec_t t)
{
    int64_t s = t / USEC_PER_SEC;
    return t % USEC_PER_SEC < 0 ? s - 1 : s;
}

/* Two's complement makes this the floor modulus for negative seconds as well. */
static size_t slot_of(int64_t second)
{
    return (uint64_t)second % WHEEL_SLOTS;
}

static uint64_t bit_of(size_t slot)
{
    return UINT64_C(1) << slot % 64;
}

/* The first second in [from, end) whose slot may hold nodes, or end. */
static int64_t next_busy(const struct wheel *w, int64_t from, int64_t end)
{
    for (int64_t s = from; s < end; s++) {
        size_t slot = slot_of(s);
        uint64_t ahead = w->busy[slot / 64] >> slot % 64;
        if (ahead & 1)
            return s;
        if (!ahead)
            s += (int64_t)(63 - slot % 64);
    }
    return end;
}

static struct wheel_node *node_of(struct list *link)
{
    return container_of(link, struct wheel_node, link);
}

static void take_due(struct wheel *w, size_t slot, usec_t now, struct list *due)
{
    struct list *head = &w->slots[slot];
    LIST_FOR_SAFE (it, head) {
        if (node_of(it)->when > now)
            continue;
        list_remove(it);
        list_push(due, it);
    }
    if (list_empty(head))
        w->busy[slot / 64] &= ~bit_of(slot);
}

void wheel_init(struct wheel *w, usec_t now)
{
    *w = (struct wheel){.done = second_of(now) - 1};
    for (size_t i = 0; i < WHEEL_SLOTS; i++)
        list_init(&w->slots[i]);
}

void wheel_node_init(struct wheel_node *node)
{
    list_init(&node->link);
    node->when = 0;
}

void wheel_set(struct wheel *w, struct wheel_node *node, usec_t when)
{
    wheel_clear(w, node);
    int64_t second = second_of(when);
    size_t slot = slot_of(second > w->done ? second : w->done + 1);
    node->when = when;
    list_push(&w->slots[slot], &node->link);
    w->busy[slot / 64] |= bit_of(slot);
    w->n++;
}

void wheel_clear(struct wheel *w, struct wheel_node *node)
{
    if (list_empty(&node->link))
        return;
    list_remove(&node->link);
    w->n--;
}

usec_t wheel_next(const struct wheel *w)
{
    int64_t end = w->done + 1 + WHEEL_SLOTS;
    if (w->n == 0)
        return USEC_NEVER;
    /* A bit outlives the last node of its slot until the slot is expired. */
    int64_t s = next_busy(w, w->done + 1, end);
    while (s < end && list_empty(&w->slots[slot_of(s)]))
        s = next_busy(w, s + 1, end);
    return (s + 1) * USEC_PER_SEC;
}

void wheel_expire(struct wheel *w, usec_t now, wheel_fn fn, void *ctx)
{
    struct list due;
    list_init(&due);
    int64_t current = second_of(now);
    int64_t first = w->done + 1;
    if (current - first >= WHEEL_SLOTS)
        first = current - WHEEL_SLOTS + 1;
    for (int64_t s = first; (s = next_busy(w, s, current + 1)) <= current; s++)
        take_due(w, slot_of(s), now, &due);

    /* Also when the clock went back: seconds to come must be seen again. */
    w->done = current - 1;
    while (!list_empty(&due)) {
        struct wheel_node *node = node_of(due.next);
        wheel_clear(w, node);
        fn(ctx, node, now);
    }
}
