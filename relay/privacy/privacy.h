/* The papers a data protection officer asks for, made from what the server really does: record of
 * processing (Art. 30 GDPR), notice (Art. 13), flows and retention, what is released. Facts in,
 * text out. A sentence that the facts do not support is replaced by the exception that is true. */
#ifndef RELAY_PRIVACY_PRIVACY_H
#define RELAY_PRIVACY_PRIVACY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum privacy_lang { PRIVACY_EN, PRIVACY_DE };

enum { PRIVACY_USES_MAX = 8 };

/* Something outside the process that undoes a promise (see check --host). */
enum privacy_warning {
    PRIVACY_CORES,       /* the host would store a memory image of a crash */
    PRIVACY_SWAP,        /* memory may reach the disk */
    PRIVACY_CONNTRACK,   /* the kernel keeps a table of flows with both ends */
    PRIVACY_EXPORTER,    /* a program counts this host's traffic every few seconds */
    PRIVACY_NO_TLS,      /* clients' names cross the network in the clear */
    PRIVACY_REDIS_CLEAR, /* Redis on another host, without TLS */
    PRIVACY_WARNINGS
};

struct privacy_use {
    const char *name;
    const char *shape;
    uint32_t clip;
    uint32_t scale;
    uint32_t epsilon_milli;
};

/* All numbers in the papers come from here. Texts are the operator's own, "" = to be filled in. */
struct privacy_facts {
    const char *version;
    const char *host; /* how clients know the server */
    const char *operator_name;
    const char *officer; /* data protection officer */
    const char *authority;
    const char *platform; /* "Nextcloud Talk", ... */
    const char *provider; /* who runs the machine for the operator, "" = the operator */
    const char *listen;   /* "0.0.0.0:3478 (UDP, TCP)", ... */
    const char *redis;    /* host and port, "" = none */
    const char *web;      /* web server that connections are passed on to, "" = none */
    const char *basis;    /* "b", "e", "f": of Art. 6(1) GDPR; "" = to be chosen */
    bool has_tls;
    bool only_tls13;
    bool has_fixed_users; /* accounts with a name for good, here or in Redis */
    bool has_issuer;      /* gives out credentials to programs on this host */
    bool tells_web;       /* the web server is told of clients' addresses */
    bool publishes;       /* usage is released at all (profile other than strict) */
    bool has_alarm;       /* the capacity alarm is among the uses */
    const char *profile;
    int64_t window; /* seconds */
    uint32_t epsilon_milli;
    int64_t volume_unit; /* bytes that relay_volume counts as one */
    uint32_t group;      /* allocations of one call that epsilon is for */
    struct privacy_use uses[PRIVACY_USES_MAX];
    size_t n_uses;
    int64_t windows_kept;
    bool windows_on_disk;
    int64_t permission_s; /* lifetimes */
    int64_t channel_s;
    int64_t lifetime_max_s;
    int64_t credential_s; /* at most; 0 = as long as the platform says */
    int64_t trace_s;      /* a consented trace ends by itself */
    int64_t forget_s;     /* after its end, until an allocation's traces are overwritten */
    bool warning[PRIVACY_WARNINGS];
};

/* Whether there is no warning. The papers are written in any case; sentences that a warning undoes
 * are replaced. */
bool privacy_holds(const struct privacy_facts *f);
/* "cores", "redis-clear", ...: how a program names the warning. */
const char *privacy_warning_name(enum privacy_warning w);
/* The sentence that a warning puts in the place of a promise. */
const char *privacy_warning_text(enum privacy_warning w, enum privacy_lang lang);

void privacy_print(const struct privacy_facts *f, enum privacy_lang lang, FILE *to);
/* The same facts for a program. */
void privacy_print_json(const struct privacy_facts *f, FILE *to);

#endif
