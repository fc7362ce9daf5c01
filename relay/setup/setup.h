/* What an administrator pastes into a platform and into our configuration, so that the two find
 * each other. Facts in, text out: lines for people, or JSON. */
#ifndef RELAY_SETUP_SETUP_H
#define RELAY_SETUP_SETUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum setup_platform {
    SETUP_NEXTCLOUD,
    SETUP_JITSI,
    SETUP_MATRIX,
    SETUP_ROCKETCHAT,
    SETUP_PLATFORMS
};

enum setup_way { SETUP_UDP, SETUP_TCP, SETUP_TLS, SETUP_WAYS };

/* Of the secret, or of the password. */
enum setup_origin {
    SETUP_FOUND, /* it is in force */
    SETUP_MADE,  /* made just now, and in force; a password has to be entered first */
    SETUP_GIVEN, /* from a file of the administrator's, which we know nothing of */
};

struct setup_facts {
    const char *host; /* name, or address without brackets */
    bool is_address;
    uint16_t port[SETUP_WAYS]; /* 0 = nothing listens; browsers know no DTLS */
    bool has_certificate;
    bool answers_binding; /* STUN without credentials */
    bool web_takes_host;  /* TLS to this host goes on to the web server behind us */
    const char *id;       /* of the secret, or the user's name */
    const char *value;    /* the secret, or the user's password */
    enum setup_origin origin;
    int64_t ttl_limit; /* seconds that a credential may last, 0 = any */
    const char *realm;
    const char *config; /* path, "" = the usual one */
    uint16_t relay_first;
    uint16_t relay_last;
    const char *told;     /* the address that clients are told to be relayed at */
    const char *told_why; /* why the internet cannot reach it, "" = it can */
    size_t n_users;       /* fixed ones in the configuration */
    size_t n_allow_peers;
};

enum setup_hosts_limit { SETUP_HOSTS_MAX = 32, SETUP_HOST = 256 };

struct setup_hosts {
    char v[SETUP_HOSTS_MAX][SETUP_HOST];
    size_t n;
};

/* As typed on the command line. */
const char *setup_name(enum setup_platform p);
/* SETUP_PLATFORMS if there is none. */
enum setup_platform setup_find(const char *name);
/* Whether it takes a fixed user instead of a shared secret. */
bool setup_wants_user(enum setup_platform p);

/* The seconds that credentials made by the platform last. */
enum setup_seconds { SETUP_DAY = 86400 };

enum setup_at { SETUP_AT = 272 }; /* host with brackets and port */

/* Talk's lists, in the words of its commands. */
struct setup_talk {
    struct setup_talk_turn {
        const char *schemes;
        const char *protocols;
        char at[SETUP_AT];
    } turn[SETUP_WAYS];
    size_t n_turn;
    char stun[SETUP_AT]; /* "" = none */
};

void setup_talk(const struct setup_facts *f, struct setup_talk *ret);

/* Writes everything. False when our configuration must be changed first, which is said there. */
bool setup_print(enum setup_platform p, const struct setup_facts *f, bool json, FILE *to);
/* Whether our configuration is good for it as it is. */
bool setup_is_ready(enum setup_platform p, const struct setup_facts *f);
/* What is left to do when the platform has its lines. */
void setup_print_rest(enum setup_platform p, const struct setup_facts *f, FILE *to);
/* The platform's lines alone, for a file of its own; hosts: each gets them as its own (Prosody's
 * VirtualHosts), n_hosts 0 = they are for all. */
void setup_write(enum setup_platform p, const struct setup_facts *f,
                 const struct setup_hosts *hosts, FILE *to);

#endif
