/* What handled messages leave behind in a worker is overwritten: names of users, and all that is
 * made of them, at the end of the loop turn that answered; addresses and media within a second,
 * since to do that for each packet would cost more than the packet. Media that came after is no
 * reason to wait: what other clients send must not keep anyone's. */
#include "net/dtls_int.h"

#include "base/mem.h"

void forget_turn(struct worker *w)
{
    bool is_time = worker_now(w) >= forget_deadline(w);

    if (!is_time && !w->has_names)
        return;
    w->has_names = false;
    arena_forget(&w->arena);
    if (w->streams)
        streams_forget(w->streams);
    turn_forget(w->engine);
    mem_wipe_stack(is_time ? MEM_STACK_HANDSHAKE : MEM_STACK_ANSWER);
    if (!is_time)
        return;
    w->forgotten = w->now;
    arena_forget_names(&w->arena);
    batch_forget(&w->batch);
    mailbox_forget(&w->mailbox);
}
