/* The life of a connection, from the moment it is accepted until it is taken apart. */
#include "net/stream_int.h"

#include <netinet/tcp.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/tls_int.h"
#include "net/worker_int.h"

/* UNSENT_BYTES: what waits in the kernel. It would take megabytes for a client that does not read,
 * and media that waits there is late, and cannot be dropped any more. */
enum { HTAB_MAX = 4096, UNSENT_BYTES = 1 << 16 };

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    static void (*const readers[])(struct conn *) = {
        [CONN_HEADER] = first_header,       [CONN_FIRST] = first_bytes,
        [CONN_HANDSHAKE] = first_handshake, [CONN_OPEN] = read_messages,
        [CONN_PASS] = pass_readable,
    };
    struct conn *c = arg;

    (void)fd;
    (void)what;
    if (c->state < sizeof readers / sizeof *readers && readers[c->state])
        readers[c->state](c);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    static void (*const writers[])(struct conn *) = {
        [CONN_HANDSHAKE] = first_handshake,
        [CONN_OPEN] = conn_flush,
        [CONN_LEAVING] = conn_flush,
        [CONN_PASS] = pass_writable,
    };
    struct conn *c = arg;

    (void)fd;
    (void)what;
    if (c->state < sizeof writers / sizeof *writers && writers[c->state])
        writers[c->state](c);
}

struct conn *conn_find(const struct streams *s, uint32_t name)
{
    return name < s->conf.connections ? s->slots[name] : NULL;
}

void conn_expect(struct conn *c, uint32_t seconds)
{
    wheel_set(&c->worker->streams->wheel, &c->timer,
              worker_now(c->worker) + (usec_t)seconds * USEC_PER_SEC);
}

void conn_kill(struct conn *c)
{
    struct streams *s = c->worker->streams;

    if (c->state == CONN_DEAD)
        return;
    c->state = CONN_DEAD;
    event_del(&c->readable);
    event_del(&c->writable);
    wheel_clear(&s->wheel, &c->timer);
    list_remove(&c->link);
    list_push(&s->dead, &c->link);
}

void conn_want_write(struct conn *c, bool want)
{
    if (want == c->is_writing)
        return;
    c->is_writing = want;
    if (!want)
        event_del(&c->writable);
    else if (event_add(&c->writable, NULL) != 0)
        conn_kill(c);
}

void conn_unplace(struct streams *s, struct conn *c)
{
    list_remove(&c->link);
    event_del(&c->readable);
    event_del(&c->writable);
    c->is_writing = false;
    wheel_clear(&s->wheel, &c->timer);
    conn_uncount(s, c);
    s->slots[c->flow.via] = NULL;
    s->free_names[s->n_free++] = c->flow.via;
}

static void dispose(struct conn *c)
{
    if (c->has_handshake)
        tls_conn_bye(c->tls);
    tls_conn_free(c->tls);
    pass_free(c->pass);
    close(c->fd);
    outq_free(NULL, &c->queue);
    mem_free(c->tail);
    mem_free_wiped(c, sizeof *c);
}

void conn_dispose(struct conn *c)
{
    while (c) {
        struct conn *next = c->next;
        dispose(c);
        c = next;
    }
}

static void take_apart(struct streams *s, struct conn *c)
{
    if (c->has_spoken)
        turn_flow_closed(s->worker->engine, &c->flow);
    outq_free(s, &c->queue);
    conn_unplace(s, c);
    dispose(c);
}

/* A client that is not heard of for long is kept while it has an allocation: the media may go one
 * way only, and the allocation ends by itself. */
static usec_t idle_until(const struct conn *c, usec_t now)
{
    const struct streams *s = c->worker->streams;
    usec_t idle = (usec_t)s->conf.idle_s * USEC_PER_SEC;

    if (c->state == CONN_PASS)
        return pass_until(c->pass);
    if (c->state != CONN_OPEN || !c->has_spoken)
        return now;
    return (turn_flow_lives(c->worker->engine, &c->flow, now) ? now : c->last) + idle;
}

static void on_timer(void *ctx, struct wheel_node *node, usec_t now)
{
    struct streams *s = ctx;
    struct conn *c = container_of(node, struct conn, timer);
    usec_t until = idle_until(c, now);

    if (until > now)
        wheel_set(&s->wheel, node, until);
    else
        conn_kill(c);
}

static bool is_proxy(const struct net_stream_conf *conf, const struct addr *client)
{
    for (size_t i = 0; i < conf->n_proxy_from; i++) {
        if (cidr_contains(&conf->proxy_from[i], client))
            return true;
    }
    return false;
}

static bool local_name(int fd, struct addr *ret)
{
    union sock_name name;
    socklen_t n = sizeof name;
    return getsockname(fd, &name.sa, &n) == 0 && sockaddr_to_addr(&name, n, ret);
}

static void set_up(struct conn *c, const struct acceptor *a, int fd)
{
    c->fd = fd;
    c->speaks = a->speaks;
    c->state = CONN_FIRST;
    wheel_node_init(&c->timer);
    list_init(&c->link);
}

bool conn_place(struct streams *s, struct conn *c)
{
    struct event_base *base = s->worker->base;

    /* Behind a proxy it is counted by the address that the header will name. */
    if (s->n_free == 0 || (c->state != CONN_HEADER && !conn_count(s, c)))
        return false;
    c->worker = s->worker;
    event_assign(&c->readable, base, c->fd, EV_READ | EV_PERSIST, on_readable, c);
    event_assign(&c->writable, base, c->fd, EV_WRITE | EV_PERSIST, on_writable, c);
    if (event_add(&c->readable, NULL) != 0) {
        conn_uncount(s, c);
        return false;
    }
    c->flow.via = s->free_names[--s->n_free];
    s->slots[c->flow.via] = c;
    return true;
}

/* In the order of cost: nothing is set up for a connection that is one too many. */
static bool admit(struct streams *s, const struct acceptor *a, int fd, const struct addr *client)
{
    struct conn *c = s->n_free > 0 ? mem_zalloc(sizeof *c) : NULL;

    if (!c)
        return false;
    set_up(c, a, fd);
    c->flow.client = *client;
    if (is_proxy(&s->conf, client))
        c->state = CONN_HEADER;
    if (!local_name(fd, &c->flow.server) || !conn_place(s, c)) {
        mem_free_wiped(c, sizeof *c);
        return false;
    }
    conn_expect(c, s->conf.handshake_s);
    return true;
}

void conn_open(const struct acceptor *a, int fd, const struct addr *client)
{
    int one = 1;
    int unsent = UNSENT_BYTES;
    struct linger reset = {.l_onoff = 1};

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    if (admit(a->worker->streams, a, fd, client))
        return;
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
}

void streams_turn(struct streams *s)
{
    LIST_FOR_SAFE (dirty, &s->dirty) {
        list_remove(dirty);
        conn_flush(container_of(dirty, struct conn, link));
    }
    streams_depart(s);
    while (!list_empty(&s->dead))
        take_apart(s, container_of(s->dead.next, struct conn, link));
}

void streams_forget(struct streams *s)
{
    if (s->held > 0)
        explicit_bzero(s->scratch, TURN_HEADROOM + s->held + TURN_TAILROOM);
    s->held = 0;
    explicit_bzero(s->intake.p, s->intake.high);
    s->intake.high = 0;
}

usec_t streams_deadline(const struct streams *s)
{
    return wheel_next(&s->wheel);
}

void streams_expire(struct streams *s, usec_t now)
{
    wheel_expire(&s->wheel, now, on_timer, s);
}

static bool make_room(struct streams *s, const struct net_conf *conf)
{
    uint32_t n = conf->stream.connections;
    uint8_t key[SIPHASH_KEY_LEN];

    if (getrandom(key, sizeof key, 0) != sizeof key)
        return false;
    s->slots = mem_zalloc(n * sizeof *s->slots);
    s->free_names = mem_zalloc(n * sizeof *s->free_names);
    s->scratch = mem_zalloc(TURN_HEADROOM + SCRATCH_BYTES + TURN_TAILROOM);
    s->stage = (struct tls_stage){.p = mem_zalloc(STAGE_BYTES), .cap = STAGE_BYTES};
    s->intake = (struct tls_stage){.p = mem_zalloc(INTAKE_BYTES), .cap = INTAKE_BYTES};
    return s->slots && s->free_names && s->scratch && s->stage.p && s->intake.p &&
           htab_init(&s->prefixes, n < HTAB_MAX ? n : HTAB_MAX, key) == 0;
}

struct streams *streams_new(struct worker *w, const struct net_conf *conf)
{
    struct streams *s = mem_zalloc(sizeof *s);

    if (!s)
        return NULL;
    s->worker = w;
    s->conf = conf->stream;
    s->web = conf->web;
    list_init(&s->dirty);
    list_init(&s->moving);
    list_init(&s->dead);
    wheel_init(&s->wheel, clock_monotonic());
    if (!make_room(s, conf)) {
        streams_free(s);
        return NULL;
    }
    for (uint32_t i = s->conf.connections; i > 0; i--)
        s->free_names[s->n_free++] = i - 1;
    return s;
}

void streams_free(struct streams *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n_acceptors; i++)
        acceptor_close(&s->acceptors[i]);
    for (uint32_t i = 0; s->slots && i < s->conf.connections; i++) {
        if (s->slots[i])
            conn_kill(s->slots[i]);
    }
    while (!list_empty(&s->dead))
        take_apart(s, container_of(s->dead.next, struct conn, link));
    while (s->pool) {
        struct chunk *c = s->pool;
        s->pool = c->next;
        mem_free(c);
    }
    htab_free(&s->prefixes);
    mem_free(s->slots);
    mem_free(s->free_names);
    mem_free(s->scratch);
    mem_free(s->stage.p);
    mem_free(s->intake.p);
    mem_free(s);
}
