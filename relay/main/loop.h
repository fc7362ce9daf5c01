/* The main thread's event loop: signals, the clock's tick, and what else lives on it (Redis, the
 * issuer). The only file of this room that knows the library behind it is loop.c. */
#ifndef RELAY_MAIN_LOOP_H
#define RELAY_MAIN_LOOP_H

struct event_base;
struct loop;

struct loop_to {
    void *ctx;
    void (*on_signal)(void *ctx, int signal);
    void (*on_tick)(void *ctx); /* once a second, and after each signal */
};

/* The signals that are waited for, to be blocked before any thread starts. */
void loop_block_signals(void);

/* NULL when the system has no resources left. */
struct loop *loop_new(void);
/* Accepts NULL. */
void loop_free(struct loop *l);
struct event_base *loop_base(struct loop *l);

/* Turns the loop for so long at most, or until loop_wake; signals wait. */
void loop_wait(struct loop *l, unsigned seconds);
/* Ends loop_wait; nothing when there is none. */
void loop_wake(struct loop *l);

/* Calls `readable` whenever there is something to read on a descriptor, which is borrowed. NULL
 * when the system has no resources left. */
struct loop_watch;
struct loop_watch *loop_watch(struct loop *l, int fd, void (*readable)(void *ctx), void *ctx);
/* Accepts NULL. */
void loop_unwatch(struct loop_watch *w);

/* Until SIGTERM or SIGINT, which nobody is told of. 0 or -errno. */
int loop_run(struct loop *l, const struct loop_to *to);

#endif
