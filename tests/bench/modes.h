/* The kinds of load. Each prints one JSON object on standard output. */
#ifndef TESTS_BENCH_MODES_H
#define TESTS_BENCH_MODES_H

#include "bench/frames.h"
#include "bench/measure.h"
#include "bench/session.h"

struct load {
    uint32_t clients;
    uint32_t pps; /* client to peer, all clients together; each packet is sent back */
    uint32_t flood_pps;
    uint32_t bytes; /* of payload */
    uint32_t burst; /* packets of one client, one after the other */
    uint32_t tls;   /* not plain TCP */
    uint32_t seconds;
    uint32_t warmup;
    int pid; /* of the server */
    int cpu; /* of the server */
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

/* How clients reach the server: as raw frames, or by streams of their own (streams.c). */
struct ways {
    void (*send)(struct bench *, uint32_t client, uint64_t now); /* one packet of data */
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
    bool is_direct;           /* no server: clients and peer face each other */
    bool is_churn;
    uint32_t in_flight;
    uint32_t next_client;
    uint32_t in_burst; /* packets of it so far */
    uint32_t sequence;
    uint64_t begin; /* of the window, 0 = none; packets carry their time of birth */
    uint64_t end;
    struct tally tally;
    struct hist delay;
};

/* 0, or 1 after a message to standard error. */
int mode_relay(struct bench *b);
int mode_direct(struct bench *b);
int mode_churn(struct bench *b);
int mode_idle(struct bench *b);
int mode_flood(struct bench *b);
int mode_streams(struct bench *b);

/* For the ways: a payload with its stamp; the payload came back; what the peer sends back. */
void data_fill(struct bench *b, uint8_t *payload, uint32_t client, uint64_t now);
void data_returned(struct bench *b, const uint8_t *payload, size_t n);
/* Warm-up, window and stragglers, then the result. 0. */
int measure_and_print(struct bench *b, const char *mode);

#endif
