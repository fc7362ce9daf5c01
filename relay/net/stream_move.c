/* Connections that change their worker, because what they want is another one's (RFC 6062 section
 * 4.3: a data connection is bound to a peer's, and the kernel spreads them by chance). One that is
 * between two workers is in no list, wheel or loop; the mailbox alone has it. */
#include "net/stream_int.h"

#include "net/pass_int.h"
#include "net/worker_int.h"

void stream_move(struct streams *s, uint32_t name, uint16_t worker)
{
    struct conn *c = conn_find(s, name);

    if (!c || c->state != CONN_OPEN)
        return;
    if (worker >= s->worker->n_workers || worker == s->worker->number) {
        conn_kill(c);
        return;
    }
    event_del(&c->readable);
    event_del(&c->writable);
    c->state = CONN_MOVING;
    c->to = worker;
    list_remove(&c->link);
    list_push(&s->moving, &c->link);
}

void streams_depart(struct streams *s)
{
    LIST_FOR_SAFE (it, &s->moving) {
        struct conn *c = container_of(it, struct conn, link);
        conn_unplace(s, c);
        c->next = NULL;
        if (!mailbox_move(&s->worker->all[c->to].mailbox, c))
            conn_dispose(c);
    }
}

static void adopt(struct streams *s, struct conn *c)
{
    c->state = CONN_OPEN;
    if (!conn_place(s, c)) {
        conn_dispose(c);
        return;
    }
    conn_expect(c, s->conf.idle_s);
    read_again(c);
    if (c->state == CONN_OPEN)
        conn_flush(c); /* what it was owed already */
    if (c->state == CONN_OPEN)
        read_messages(c); /* what the library may hold */
    else if (c->state == CONN_PASS && c->tls && tls_conn_ended(c->tls))
        pass_ended(c);
}

void streams_adopt(struct streams *s, struct conn *moved)
{
    while (moved) {
        struct conn *c = moved;
        moved = c->next;
        c->next = NULL;
        adopt(s, c);
    }
}
