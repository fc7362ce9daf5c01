/* UDP over IPv4 as raw Ethernet frames on one link, in batches: the generator needs no socket per
 * client, and the kernel under it costs the same for every server that is measured. */
#ifndef TESTS_BENCH_FRAMES_H
#define TESTS_BENCH_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum frame_size {
    FRAME_HEADERS = 42, /* Ethernet 14, IPv4 20, UDP 8 */
    FRAME_MAX = 1600,
    FRAME_BATCH = 64,
    FRAME_ADDR_LEN = 4,
    FRAME_MAC_LEN = 6,
};

/* One end of a link: who we are on it, and who the server is. */
struct frame_ends {
    uint8_t here_mac[FRAME_MAC_LEN];
    uint8_t there_mac[FRAME_MAC_LEN];
    uint8_t here[FRAME_ADDR_LEN];
    uint8_t there[FRAME_ADDR_LEN];
};

struct link;

/* This thread is in the named namespace from now on. */
bool netns_enter(const char *netns);

/* Opens the device in the named namespace. NULL after a message to standard error. */
struct link *link_open(const char *netns, const char *device, const struct frame_ends *ends);
void link_close(struct link *l);
int link_fd(const struct link *l);

/* Room for a UDP payload between these ports, to be queued; flushes when the batch is full. */
uint8_t *link_room(struct link *l);
void link_queue(struct link *l, uint16_t from, uint16_t to, size_t n);
void link_flush(struct link *l);
/* How long a frame waits for a device that is full, as in the buffers on its way; then it is lost.
 */
void link_be_patient(struct link *l, uint64_t ns);
/* Frames that the device would not take. */
uint64_t link_refused(const struct link *l);

struct datagram {
    uint16_t from; /* ports */
    uint16_t to;
    uint8_t *p; /* payload; the frame's headers are in front of it */
    size_t n;
};

typedef void (*link_fn)(void *ctx, const struct datagram *d);

/* Hands over what has arrived, at most one batch; returns how many frames. */
size_t link_receive(struct link *l, link_fn fn, void *ctx);

#endif
