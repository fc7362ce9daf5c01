/* Carries out the steps of a scenario. */
#include "scenario.h"

#include <errno.h>

struct addr scenario_peer(struct world *w, int peer)
{
    static const uint8_t loopback[4] = {127, 0, 0, 1};
    static const uint8_t mapped[16] = {[10] = 0xff, 0xff, 20, 0, 0, 1};
    if (peer == OWN_SOCKET)
        return world_server();
    if (peer == LOOPBACK)
        return addr_make(ADDR_V4, loopback, 9);
    if (peer == MAPPED)
        return addr_make(ADDR_V6, mapped, 6000);
    if (peer < RELAY)
        return w->peer[peer].addr;
    int family = peer >= RELAY_SIX ? TURN_V6 : TURN_V4;
    struct addr a = w->client[peer % 100].relayed[family];
    /* Where memory failed there may be none. */
    return a.family == ADDR_NONE ? w->peer[0].addr : a;
}

static unsigned arrived(const struct world *w, int peer)
{
    if (peer >= OWN_SOCKET)
        return 0;
    if (peer < RELAY)
        return w->peer[peer].got;
    const struct client *c = &w->client[peer % 100];
    return c->got_data + c->got_channel;
}

static int asked(struct world *w, const struct step *s, const struct ask *ask)
{
    client_ask(w, &w->client[s->who], ask);
    world_advance(w, 0);
    return w->client[s->who].result;
}

static int do_allocate(struct world *w, const struct step *s)
{
    struct ask a = {.method = STUN_ALLOCATE};
    a.family = s->arg & V6 ? 2 : 0;
    a.additional = s->arg & BOTH ? 2 : 0;
    a.has_even = (s->arg & (EVEN | PAIR)) != 0;
    a.reserve = (s->arg & PAIR) != 0;
    a.redeem = (s->arg & TOKEN) != 0;
    a.tcp = (s->arg & TCP) != 0;
    if (a.redeem)
        memcpy(w->client[s->who].token, w->client[s->peer].token, sizeof(w->client[0].token));
    int code = asked(w, s, &a);
    if (code == 0 && a.has_even)
        MUST(w, w->client[s->who].relayed[TURN_V4].port % 2 == 0);
    return code;
}

static int do_refresh(struct world *w, const struct step *s)
{
    struct ask a = {.method = STUN_REFRESH, .has_lifetime = true, .lifetime = (uint32_t)s->arg};
    a.family = s->peer == 4 ? 1 : s->peer == 6 ? 2 : 0;
    return asked(w, s, &a);
}

static int do_permit(struct world *w, const struct step *s)
{
    struct ask a = {
        .method = STUN_CREATE_PERMISSION, .peers = {scenario_peer(w, s->peer)}, .n_peers = 1};
    return asked(w, s, &a);
}

static int do_bind(struct world *w, const struct step *s)
{
    struct ask a = {
        .method = STUN_CHANNEL_BIND, .peers = {scenario_peer(w, s->peer)}, .n_peers = 1};
    a.channel = (uint16_t)s->arg;
    return asked(w, s, &a);
}

static int do_binding(struct world *w, const struct step *s)
{
    return asked(w, s, &(struct ask){.method = STUN_BINDING});
}

static int do_again(struct world *w, const struct step *s)
{
    w->client[s->who].result = -1;
    client_again(w, &w->client[s->who]);
    world_advance(w, 0);
    return w->client[s->who].result;
}

static int do_send(struct world *w, const struct step *s)
{
    struct addr to = scenario_peer(w, s->peer);
    unsigned before = arrived(w, s->peer);
    client_send(w, &w->client[s->who], &to, (size_t)s->arg);
    world_advance(w, 0);
    return (int)(arrived(w, s->peer) - before);
}

static int do_channel(struct world *w, const struct step *s)
{
    unsigned before = arrived(w, s->peer);
    client_channel(w, &w->client[s->who], (uint16_t)s->arg, 333);
    world_advance(w, 0);
    return (int)(arrived(w, s->peer) - before);
}

static int do_burst(struct world *w, const struct step *s)
{
    struct step one = *s;
    int n = 0;
    one.arg = 1400;
    for (int64_t i = 0; i < s->arg; i++)
        n += do_send(w, &one);
    return n;
}

static int do_from_peer(struct world *w, const struct step *s)
{
    struct client *c = &w->client[s->who];
    struct addr from = scenario_peer(w, s->peer);
    unsigned data = c->got_data;
    unsigned channel = c->got_channel;
    struct datagram d = {.from = from, .to = c->relayed[from.family == ADDR_V6], .n = 77};
    world_send(w, &d);
    world_advance(w, 0);
    return (int)(c->got_data - data + 2 * (c->got_channel - channel));
}

static int do_unreachable(struct world *w, const struct step *s)
{
    struct client *c = &w->client[s->who];
    struct turn_icmp icmp = {.peer = scenario_peer(w, s->peer), .type = 3, .code = 4, .data = 1400};
    unsigned before = c->got_icmp;
    world_icmp(w, &c->relayed[icmp.peer.family == ADDR_V6], &icmp);
    world_advance(w, 0);
    return (int)(c->got_icmp - before);
}

static int do_wait(struct world *w, const struct step *s)
{
    world_advance(w, s->arg * USEC_PER_SEC);
    return 0;
}

static int do_close(struct world *w, const struct step *s)
{
    world_close_flow(w, &w->client[s->who].flow);
    return 0;
}

static int do_kill(struct world *w, const struct step *s)
{
    world_kill(w, w->client[s->who].relayed[TURN_V4].port);
    return 0;
}

static int do_drain(struct world *w, const struct step *s)
{
    (void)s;
    for (int e = 0; e < ENGINES; e++)
        turn_drain(w->engine[e]);
    return 0;
}

static int do_conf(struct world *w, const struct step *s)
{
    world_set_conf(w, (enum world_conf)s->arg);
    return 0;
}

static int do_open_fails(struct world *w, const struct step *s)
{
    w->open_error = (int)s->arg;
    w->open_errors = s->peer;
    return 0;
}

static int do_rebind(struct world *w, const struct step *s)
{
    client_rebind(w, &w->client[s->who]);
    return 0;
}

static int do_login(struct world *w, const struct step *s)
{
    world_timed_login(w, &w->client[s->who], world_wall(w) + s->arg);
    return 0;
}

static int do_user(struct world *w, const struct step *s)
{
    static const char *const users[][2] = {
        {"anna", "geheim"}, {"bert", "passwort"}, {"anna", "passwort"}};
    w->client[s->who].user = users[s->arg][0];
    w->client[s->who].password = users[s->arg][1];
    return 0;
}

static int do_forget(struct world *w, const struct step *s)
{
    w->client[s->who].nonce_len = 0;
    return 0;
}

static int do_fill(struct world *w, const struct step *s)
{
    int n = 0;
    for (int64_t i = 0; i < s->arg; i++) {
        client_rebind(w, &w->client[s->who]);
        n += asked(w, s, &(struct ask){.method = STUN_ALLOCATE}) == 0;
    }
    return n;
}

static int do_tries(struct world *w, const struct step *s)
{
    return w->client[s->who].tries;
}

static int do_live(struct world *w, const struct step *s)
{
    (void)s;
    return (int)model_living(w);
}

static int do_next_to(struct world *w, const struct step *s)
{
    const struct addr *a = &w->client[s->who].relayed[TURN_V4];
    const struct addr *b = &w->client[s->peer].relayed[TURN_V4];
    return a->port - b->port - 1;
}

static int (*const DO[])(struct world *, const struct step *) = {
    [ALLOCATE] = do_allocate,   [REFRESH] = do_refresh,   [PERMIT] = do_permit,
    [BIND] = do_bind,           [BINDING] = do_binding,   [AGAIN] = do_again,
    [SEND] = do_send,           [CHANNEL] = do_channel,   [BURST] = do_burst,
    [FROM_PEER] = do_from_peer, [WAIT] = do_wait,         [UNREACHABLE] = do_unreachable,
    [CLOSE] = do_close,         [KILL] = do_kill,         [DRAIN] = do_drain,
    [CONF] = do_conf,           [REBIND] = do_rebind,     [OPEN_FAILS] = do_open_fails,
    [LOGIN] = do_login,         [USER] = do_user,         [FORGET] = do_forget,
    [FILL] = do_fill,           [LIVE] = do_live,         [TRIES] = do_tries,
    [NEXT_TO] = do_next_to,     [CONNECT] = step_connect, [OUTCOME] = step_outcome,
    [ACCEPT] = step_accept,     [JOIN] = step_join,       [PASS] = step_pass,
    [HANG_UP] = step_hang_up,   [LINKED] = step_linked,   [CONNECT_FAILS] = step_connect_fails,
};

void scenario_run(const struct scenario *s, struct world *w, bool strict)
{
    for (const struct step *step = s->steps; step->op != END; step++) {
        w->step = (unsigned)(step - s->steps);
        int got = DO[step->op](w, step);
        world_check(w);
        if (!strict || got == step->expect)
            continue;
        fprintf(stderr, "%s: step %u: expected %d, got %d\n", s->name, w->step, step->expect, got);
        MUST(w, got == step->expect);
    }
}

void scenario_nothing_lost(struct world *w)
{
    w->open_errors = 0;
    w->loss = w->twice = 0;
    w->delay = w->late = 0;
    world_set_conf(w, CONF_PLAIN);
    world_advance(w, 4000 * USEC_PER_SEC);
    MUST(w, model_living(w) == 0);
    struct client *c = &w->client[0];
    struct step user = {.op = USER, .arg = 0};
    do_user(w, &user);
    c->nonce_len = 0;
    struct step fill = {.op = FILL, .arg = PORTS};
    MUST(w, do_fill(w, &fill) == PORTS);
    for (int e = 0; e < ENGINES; e++)
        MUST(w, w->host[e].n_open <= PORTS);
    MUST(w, asked(w, &fill, &(struct ask){.method = STUN_ALLOCATE}) != 0);
}
