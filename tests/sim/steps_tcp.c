/* The steps of scenarios that TCP allocations add. */
#include "scenario.h"

/* Where the client's last link is, as its id says; false when there is none any more. */
static bool find_link(const struct world *w, const struct client *c, int *ret_engine,
                      uint32_t *ret_link)
{
    int e = (int)(c->link_id >> ID_WORKER_SHIFT);
    uint32_t link = c->link_id & ID_HANDLE_MASK;
    if (c->link_id == 0 || e >= ENGINES || link >= LINKS || w->host[e].link[link].id != c->link_id)
        return false;
    *ret_engine = e;
    *ret_link = link;
    return true;
}

static int settle(struct world *w, struct client *c, int64_t outcome)
{
    int link = world_link_opening(w, c);
    if (link < 0 || outcome == PENDING)
        return c->result;
    world_link_answer(w, world_engine_of(&c->flow.client), (uint32_t)link, outcome == STANDS);
    world_advance(w, 0);
    return c->result;
}

int step_connect(struct world *w, const struct step *s)
{
    struct client *c = &w->client[s->who];
    struct ask a = {.method = STUN_CONNECT, .peers = {scenario_peer(w, s->peer)}, .n_peers = 1};
    client_ask(w, c, &a);
    world_advance(w, 0);
    return settle(w, c, s->arg);
}

int step_outcome(struct world *w, const struct step *s)
{
    return settle(w, &w->client[s->who], s->arg);
}

int step_accept(struct world *w, const struct step *s)
{
    struct client *c = &w->client[s->who];
    struct addr from = scenario_peer(w, s->peer);
    unsigned before = c->got_attempts;
    const struct addr *relayed = &c->relayed[from.family == ADDR_V6];
    world_link_accept(w, relayed, &from);
    world_advance(w, 0);
    return (int)(c->got_attempts - before);
}

int step_join(struct world *w, const struct step *s)
{
    struct client *c = &w->client[s->who];
    uint32_t id = w->client[s->peer].link_id;
    int engine = (int)(id >> ID_WORKER_SHIFT) + ((s->arg & OTHER) != 0);
    id ^= s->arg & NOISE ? 1U << 12 : 0;
    id |= s->arg & WORKER ? 0xF8000000 : 0;
    struct ask a = {.method = STUN_CONNECTION_BIND, .has_id = !(s->arg & NO_ID), .id = id};
    struct client *d = s->arg & BY_CONTROL ? c : world_dial(w, c, engine);
    if (s->arg & BY_UDP)
        d->flow.transport = TURN_UDP;
    client_ask(w, d, &a);
    world_advance(w, 0);
    return d->result;
}

int step_pass(struct world *w, const struct step *s)
{
    int e;
    uint32_t link;
    if (!find_link(w, &w->client[s->who], &e, &link) || w->host[e].link[link].state != LINK_JOINED)
        return -2;
    usec_t when = world_link_passed(w, e, link, (size_t)s->arg);
    return when == USEC_NEVER ? -1 : when > w->now ? (int)((when - w->now) / USEC_PER_SEC) : 0;
}

int step_hang_up(struct world *w, const struct step *s)
{
    int e;
    uint32_t link;
    bool there = find_link(w, &w->client[s->who], &e, &link);
    if (there)
        world_link_gone(w, e, link);
    return there;
}

int step_linked(struct world *w, const struct step *s)
{
    (void)s;
    int n = 0;
    for (int e = 0; e < ENGINES; e++)
        for (int i = 0; i < LINKS; i++)
            n += w->host[e].link[i].state != LINK_FREE;
    return n;
}

int step_connect_fails(struct world *w, const struct step *s)
{
    w->link_error = (int)s->arg;
    return 0;
}
