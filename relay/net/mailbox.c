/* The way into a worker from other threads. */
#include "net/mailbox_int.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/stream_int.h"

enum { MAIL_ALIGN = 16, MAIL_FRAME = sizeof(struct mail) + TURN_HEADROOM + TURN_TAILROOM };

static size_t record_size(size_t payload)
{
    return (MAIL_FRAME + payload + MAIL_ALIGN - 1) / MAIL_ALIGN * MAIL_ALIGN;
}

int mailbox_init(struct mailbox *m)
{
    *m = (struct mailbox){.wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    if (m->wake < 0)
        return -errno;
    m->filling = mem_zalloc(MAILBOX_BYTES);
    m->reading = mem_zalloc(MAILBOX_BYTES);
    if (m->filling && m->reading && pthread_mutex_init(&m->lock, NULL) == 0)
        return 0;
    mem_free(m->filling);
    mem_free(m->reading);
    close(m->wake);
    *m = (struct mailbox){0};
    return -ENOMEM;
}

struct mail_orders mailbox_free(struct mailbox *m)
{
    struct mail_orders left = m->orders;

    if (!m->filling)
        return (struct mail_orders){0};
    pthread_mutex_destroy(&m->lock);
    close(m->wake);
    mem_free(m->filling);
    mem_free(m->reading);
    *m = (struct mailbox){0};
    return left;
}

/* With the lock held. */
static bool must_wake(struct mailbox *m)
{
    bool was = m->woken;
    m->woken = true;
    return !was;
}

static void wake(const struct mailbox *m)
{
    /* Fails only when the counter is full, and then the worker is woken already. */
    (void)eventfd_write(m->wake, 1);
}

bool mailbox_post(struct mailbox *m, const struct mail *mail, struct span payload)
{
    size_t size = record_size(payload.n);
    bool waking = false;
    struct mail head = *mail;

    head.n = (uint32_t)payload.n;
    pthread_mutex_lock(&m->lock);
    bool fits = payload.n <= MAILBOX_BYTES && size <= MAILBOX_BYTES - m->filled;
    if (fits) {
        uint8_t *at = m->filling + m->filled;
        memcpy(at, &head, sizeof head);
        if (payload.n)
            memcpy(at + sizeof head + TURN_HEADROOM, payload.p, payload.n);
        m->filled += size;
        waking = must_wake(m);
    }
    pthread_mutex_unlock(&m->lock);
    if (waking)
        wake(m);
    return fits;
}

bool mailbox_move(struct mailbox *m, struct conn *c)
{
    bool waking = false;

    pthread_mutex_lock(&m->lock);
    bool fits = m->moves < MAILBOX_MOVES;
    if (fits) {
        c->next = m->orders.moved;
        m->orders.moved = c;
        m->moves++;
        waking = must_wake(m);
    }
    pthread_mutex_unlock(&m->lock);
    if (waking)
        wake(m);
    return fits;
}

struct mail_orders mailbox_order(struct mailbox *m, const struct mail_orders *orders)
{
    struct mail_orders replaced = {0};

    pthread_mutex_lock(&m->lock);
    if (orders->world) {
        replaced.world = m->orders.world;
        m->orders.world = orders->world;
    }
    if (orders->set_tls) {
        replaced.tls = m->orders.tls;
        m->orders.tls = orders->tls;
        m->orders.set_tls = true;
    }
    if (orders->set_trace) {
        replaced.trace = m->orders.trace;
        replaced.set_trace = m->orders.set_trace;
        m->orders.trace = orders->trace;
        m->orders.set_trace = true;
    }
    if (orders->kill) {
        m->kills[orders->kill / 64] |= UINT64_C(1) << orders->kill % 64;
        m->orders.kill = orders->kill;
    }
    m->orders.drain |= orders->drain;
    m->orders.stop |= orders->stop;
    bool waking = must_wake(m);
    pthread_mutex_unlock(&m->lock);
    if (waking)
        wake(m);
    return replaced;
}

void mailbox_forget(struct mailbox *m)
{
    explicit_bzero(m->reading, m->readable);
    m->readable = 0;
    m->at = 0;
}

struct mail_orders mailbox_take(struct mailbox *m)
{
    eventfd_t count;
    (void)eventfd_read(m->wake, &count);

    mailbox_forget(m);
    pthread_mutex_lock(&m->lock);
    struct mail_orders orders = m->orders;
    uint8_t *full = m->filling;
    m->filling = m->reading;
    m->reading = full;
    m->readable = m->filled;
    m->filled = 0;
    m->moves = 0;
    m->orders = (struct mail_orders){0};
    m->woken = false;
    pthread_mutex_unlock(&m->lock);
    m->at = 0;
    return orders;
}

uint16_t mailbox_kill(struct mailbox *m)
{
    uint16_t port = 0;

    pthread_mutex_lock(&m->lock);
    for (size_t i = 0; i < MAILBOX_PORTS / 64 && port == 0; i++) {
        if (!m->kills[i])
            continue;
        port = (uint16_t)(i * 64 + (size_t)__builtin_ctzll(m->kills[i]));
        m->kills[i] &= m->kills[i] - 1;
    }
    pthread_mutex_unlock(&m->lock);
    return port;
}

bool mailbox_read(struct mailbox *m, struct mail *ret, struct turn_pkt *pkt)
{
    if (m->at == m->readable)
        return false;
    uint8_t *at = m->reading + m->at;
    memcpy(ret, at, sizeof *ret);
    *pkt = (struct turn_pkt){at + sizeof *ret + TURN_HEADROOM, ret->n};
    m->at += record_size(ret->n);
    return true;
}
