/* The self-test, a TURN client of its own: what is tested, with what, and what was found. One step
 * after the other, each with a cause and a remedy when it fails. */
#ifndef RELAY_CHECK_CHECK_H
#define RELAY_CHECK_CHECK_H

#include "auth/auth.h"
#include "check/client_int.h"

enum check_limit { CHECK_TEXT = 400, CHECK_HOST = 300 };

/* A sentence each. */
struct finding {
    char cause[CHECK_TEXT];
    char remedy[CHECK_TEXT];
    char note[CHECK_TEXT]; /* on success: what could not be seen from here */
};

/* Where one transport is to be had. */
struct check_way {
    bool asked;
    char host[CHECK_HOST]; /* as named by the operator, or the configured listener */
    uint16_t port;
};

struct check {
    struct check_way ways[OVER_COUNT];
    char name[CHECK_HOST];       /* that the certificate must be for; "" = not known */
    bool own;                    /* the server of the configuration file, not one by --server */
    struct auth_secrets secrets; /* none = the login is a static user's */
    struct client_login login;
    bool quick;
    bool json;
    bool printed; /* a step, already */

    /* Of the transport at hand: */
    enum link_over over;
    const struct check_way *way;
    struct addr server;
    struct client a, b;
    struct addr mapped; /* how the server sees this machine */
    struct addr relayed_a, relayed_b;
    struct finding found;
};

/* "TLS", "tls", and "TCP": the protocol that its port belongs to in a firewall. */
const char *check_over_name(enum link_over over);
const char *check_over_id(enum link_over over);
const char *check_over_port(enum link_over over);

/* A credential that ends at this time; does nothing for a static user. */
bool check_login_until(struct check *c, int64_t expiry);

/* --- One step each: false after filling in the finding --- */
bool check_resolve(struct check *c);
bool check_connect(struct check *c);
bool check_handshake(struct check *c);
bool check_certificate(struct check *c);
bool check_binding(struct check *c);
bool check_challenge(struct check *c);
bool check_allocate(struct check *c);
bool check_second(struct check *c);
bool check_relay(struct check *c);
bool check_reach(struct check *c);
bool check_release(struct check *c);

/* Fills in cause and remedy. */
bool check_fail(struct check *c, const char *cause, const char *remedy);

#endif
