/* The kinds of load. Each prints one JSON object on standard output, with --steps one for each
 * line "packets per second, seconds" that it reads. */
#ifndef TESTS_BENCH_MODES_H
#define TESTS_BENCH_MODES_H

#include "bench/frames.h"
#include "bench/measure.h"
#include "bench/session.h"

#define MSEC UINT64_C(1000000)
#define SEC UINT64_C(1000000000)

enum {
    FIRST_PORT = 2048,
    LAST_PORT = 65000,
    STAMP = 16, /* birth, client, sequence */
};

/* Which way data goes. */
enum way {
    WAY_ECHO, /* to the peer, which sends it back */
    WAY_UP,   /* to the peer */
    WAY_DOWN, /* from the peer */
};

/* How long packets are, and how many of one client follow each other. */
enum shape {
    SHAPE_PLAIN,  /* --bytes, --burst */
    SHAPE_VIDEO,  /* frames of 5 to 15 packets at once, the last one short */
    SHAPE_MIXED,  /* sound, picture and small messages by turns */
    SHAPE_RISING, /* each a little longer than the last: nothing can be sent as a train */
};

enum flood { FLOOD_MIXED, FLOOD_GARBAGE, FLOOD_ALLOCATE };

struct load {
    uint32_t clients;
    uint32_t pps; /* all clients together; with echo, each packet is sent back */
    uint32_t flood_pps;
    uint32_t flood;       /* enum flood */
    uint32_t bytes;       /* of payload */
    uint32_t burst;       /* packets of one client, one after the other */
    uint32_t way;         /* enum way */
    uint32_t shape;       /* enum shape */
    uint32_t indications; /* Send and Data instead of channels */
    uint32_t pairs;       /* clients talk to each other, two and two */
    uint32_t fan; /* no server, but something that keeps ports only: the peer has one per client */
    uint32_t steps;
    uint32_t tls;    /* not plain TCP */
    uint64_t window; /* nanoseconds */
    uint64_t warmup;
    uint64_t patience; /* of the links */
    struct subjects server;
    int own_cpu;
    uint16_t server_port;
    uint16_t peer_port;
};

struct tally {
    uint64_t sent;      /* inside the window, by clients */
    uint64_t returned;  /* of these */
    uint64_t repeated;  /* came out of order or twice */
    uint64_t to_peer;   /* arrived at the peer */
    uint64_t to_client; /* arrived at clients */
    uint64_t answers;   /* STUN messages from the server */
    uint64_t flooded;
    uint64_t sequences; /* complete ones, churn */
    uint64_t failed;
    uint64_t resent;
};

struct bench;

/* One packet of data: whose, when, how long. */
struct item {
    uint32_t client;
    uint64_t born;
    size_t n;
};

/* How clients reach the server: as raw frames, or by streams of their own (streams.c). */
struct ways {
    void (*send)(struct bench *, const struct item *);
    void (*flush)(struct bench *);
    size_t (*receive)(struct bench *); /* some of what has come; how much */
    int (*fd)(const struct bench *);   /* readable when something has */
};

struct streams;

struct bench {
    struct load load;
    const struct ways *ways;
    struct streams *streams; /* owned by streams.c */
    const char *cli_end;     /* as --cli has it */
    struct link *cli;        /* NULL when clients are sockets */
    struct link *peer;
    struct account who;
    struct session *sessions; /* load.clients of them */
    uint32_t *seen;           /* last sequence number that came back, per client */
    bool is_plain;            /* no TURN: payloads only */
    bool is_churn;
    uint32_t in_flight;
    uint32_t next_client;
    uint32_t burst;  /* packets of the one that is due next, 0 = not decided */
    uint32_t credit; /* packets that are due */
    uint32_t sequence;
    uint64_t dice;
    uint64_t begin; /* of the window, 0 = none; packets carry their time of birth */
    uint64_t end;
    struct tally tally;
    struct hist delay;
};

/* 0, or 1 after a message to standard error. */
int mode_relay(struct bench *b);
int mode_plain(struct bench *b);
int mode_churn(struct bench *b);
int mode_idle(struct bench *b);
int mode_flood(struct bench *b);
int mode_streams(struct bench *b);

/* --- Sessions (clients.c) --- */

bool clients_alloc(struct bench *b);
void clients_begin(struct bench *b, uint32_t client);
void clients_moved_on(struct bench *b, struct session *s);
void clients_resend(struct bench *b);
/* All of them get to STEP_READY, or a message goes to standard error. */
bool clients_set_up(struct bench *b);
void clients_release(struct bench *b);

/* --- Data (traffic.c) --- */

extern const struct ways FRAMES;

/* A payload with its stamp; the payload has come to a client. */
void data_fill(struct bench *b, uint8_t *payload, const struct item *it);
void data_returned(struct bench *b, const uint8_t *payload, size_t n);
/* So many more packets may leave; whole bursts do. */
void data_send(struct bench *b, uint32_t due, uint64_t now);
void flood_send(struct bench *b);
/* One turn: everything that has arrived, up to a batch per link. */
size_t pump(struct bench *b);
/* Until something arrives or it is that late, a millisecond at most. */
void rest(struct bench *b, uint64_t until);

/* --- Results (result.c) --- */

struct window {
    struct usage server[2];
    struct usage own[2];
    struct tally tally[2];
};

void window_edge(struct bench *b, struct window *w, int which);
void print_usage(const struct window *w);
void print_data(struct bench *b, const struct window *w, const char *mode);
void print_churn(const struct window *w);

/* Warm-up, window and stragglers, then the result, as often as is asked. 0. */
int measure_and_print(struct bench *b, const char *mode);

#endif
