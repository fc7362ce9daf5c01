/* One client's way through the protocol: challenge, Allocate, CreatePermission, ChannelBind, and
 * back. */
#ifndef TESTS_BENCH_SESSION_H
#define TESTS_BENCH_SESSION_H

#include "base/addr.h"
#include "crypto/crypto.h"

enum session_size { SESSION_NONCE = 128, SESSION_REALM = 128, SESSION_CHANNEL = 0x4000 };

enum step {
    STEP_IDLE,
    STEP_CHALLENGE,
    STEP_ALLOCATE,
    STEP_PERMIT,
    STEP_BIND,
    STEP_READY,
    STEP_RELEASE,
    STEP_DONE,
    STEP_FAILED,
};

struct session {
    uint8_t step; /* enum step */
    uint8_t nonce_len;
    uint16_t port;  /* the client's */
    uint16_t relay; /* relayed port */
    uint16_t mate;  /* relayed port of the client it talks to, 0 = it talks to the account's peer */
    uint16_t tries;
    uint64_t sent;    /* when the request in flight left */
    bool is_repeated; /* the next request is the last one once more */
    uint8_t tid[12];
    char nonce[SESSION_NONCE];
};

/* Who all clients are; the key follows from the first challenge's realm. */
struct account {
    struct crypto *crypto;
    const char *user;
    const char *password;
    struct addr peer;
    struct addr relayed; /* of the last allocation */
    bool no_channels;
    char realm[SESSION_REALM];
    size_t realm_len;
    uint8_t key[DIGEST_MAX];
    size_t key_len;
};

/* Whom a session's permission is for. */
struct addr session_peer(const struct session *s, const struct account *who);
/* The request of the session's step; returns its length. */
size_t session_request(struct session *s, const struct account *who, uint8_t *buf, size_t cap);
/* Takes an answer; true when it belonged to the request in flight, and the step has moved on. */
bool session_answer(struct session *s, struct account *who, struct span answer);

#endif
