/* How many connections come from one address prefix. There are no counters to keep: those of one
 * prefix are chained, and counted up to the limit when one more comes. */
#include "net/stream_int.h"

static bool is_of(const struct htab_node *node, const struct addr *prefix)
{
    return addr_eq(&container_of(node, struct conn, node)->prefix, prefix);
}

bool conn_count(struct streams *s, struct conn *c)
{
    uint32_t max = s->conf.connections_per_prefix;
    uint32_t n = 0;

    if (max == 0)
        return true;
    c->prefix = addr_prefix(&c->flow.client, s->conf.prefix_v4, s->conf.prefix_v6);
    uint64_t hash = htab_hash(&s->prefixes, &c->prefix, sizeof c->prefix);
    for (struct htab_node *it = htab_first(&s->prefixes, hash); it && n < max; it = htab_next(it))
        n += is_of(it, &c->prefix);
    if (n == max)
        return false;
    htab_insert(&s->prefixes, &c->node, hash);
    c->is_counted = true;
    return true;
}

void conn_uncount(struct streams *s, struct conn *c)
{
    if (c->is_counted)
        htab_remove(&s->prefixes, &c->node);
    c->is_counted = false;
}
