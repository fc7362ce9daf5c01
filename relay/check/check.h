/* The self-test, a TURN client of its own: what is tested, with what, and what was found. One step
 * after the other, each with a cause and a remedy when it fails. */
#ifndef RELAY_CHECK_CHECK_H
#define RELAY_CHECK_CHECK_H

#include "auth/auth.h"
#include "check/client_int.h"

enum check_limit { CHECK_TEXT = 400, CHECK_HOST = 300 };

/* A sentence each. A step that has a cause and succeeds is a warning. */
struct finding {
    char cause[CHECK_TEXT];
    char remedy[CHECK_TEXT];
    char note[CHECK_TEXT]; /* on success: what was seen, or could not be seen from here */
};

enum check_family { CHECK_V4, CHECK_V6, CHECK_FAMILIES };

/* Where one transport is to be had. */
struct check_way {
    bool asked;
    uint16_t port;                  /* of a server that the operator names */
    struct addr at[CHECK_FAMILIES]; /* ADDR_NONE = not there; all of a name after check_resolve */
};

struct check {
    struct check_way ways[OVER_COUNT];
    char host[CHECK_HOST];       /* as named by the operator; "" = the configuration's listeners */
    char name[CHECK_HOST];       /* that the certificate must be for; "" = not known */
    char realm[CHECK_HOST];      /* that it must say; "" = not known */
    char trouble[CHECK_TEXT];    /* why the configured secrets could not be read; "" = nothing */
    bool is_name;                /* host is one, and gives the addresses */
    bool own;                    /* the server of the configuration file, not one by --server */
    struct auth_secrets secrets; /* none = the login is a static user's */
    struct client_login login;
    bool quick;
    unsigned reached[CHECK_FAMILIES];   /* transports over which the server has answered */
    uint16_t silent[CHECK_FAMILIES][2]; /* a port of UDP, of TCP, that swallows what is sent */

    /* Of the transport and family at hand: */
    enum link_over over;
    enum check_family family;
    const struct check_way *way;
    struct addr server;
    char where[CHECK_HOST]; /* what sentences call the server */
    bool is_mute;           /* nothing has come back yet */
    bool no_way;            /* this machine itself has no route to that family */
    struct client a, b;
    struct addr mapped; /* how the server sees this machine */
    struct addr relayed_a, relayed_b;
    struct addr peer, peer_seen; /* a second socket of this machine, by two observers */
    struct finding found;
};

/* "TLS", "tls", and "TCP": the protocol that its port belongs to in a firewall. */
const char *check_over_name(enum link_over over);
const char *check_over_id(enum link_over over);
const char *check_over_port(enum link_over over);

/* A credential that ends at this time; does nothing for a static user. */
bool check_login_until(struct check *c, int64_t expiry);

/* --- One step each: false after filling in the finding --- */
bool check_secrets(struct check *c);
bool check_ports(struct check *c);
bool check_resolve(struct check *c);
bool check_srv(struct check *c);
bool check_connect(struct check *c);
bool check_handshake(struct check *c);
bool check_certificate(struct check *c);
bool check_binding(struct check *c);
bool check_challenge(struct check *c);
bool check_allocate(struct check *c);
bool check_clock(struct check *c);
bool check_second(struct check *c);
bool check_relay(struct check *c);
bool check_reach(struct check *c);
bool check_hairpin(struct check *c);
bool check_nat(struct check *c);
bool check_release(struct check *c);

/* After a step that failed while the server was mute: says so if it answers over the other family.
 */
bool check_is_dead_family(struct check *c);

/* --- For the steps --- */

/* Connects both clients to the server at hand. */
int check_open(struct check *c);
/* After the host, a router or nobody has answered. */
bool check_fail_port(struct check *c, int code);
/* Tries credentials until it is known how far the server's clock is from this one. False if it
 * takes none at all; *ret_ahead is negative if it is behind. */
bool check_skew(struct check *c, struct client *client, int64_t *ret_ahead);
/* "about" how long, in one unit: "90 s", "20 min", "2 h", "5 days". */
enum check_size { CHECK_SPAN = 32 };
const char *check_span(int64_t seconds, char ret[CHECK_SPAN]);

/* Fills in cause and remedy, false. */
bool check_fail(struct check *c, const char *cause, const char *remedy);
/* One of a finding's texts, by printf's rules. */
__attribute__((format(printf, 2, 3))) void check_say(char ret[CHECK_TEXT], const char *format, ...);

#endif
