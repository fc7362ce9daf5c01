/* The configuration: one option table (config/conf_table.c) drives loading, checking, printing, the
 * reference file and the man page. This header knows shapes, no behaviour. */
#ifndef RELAY_CONFIG_CONF_H
#define RELAY_CONFIG_CONF_H

#include "base/addr.h"

#include <stdio.h>

enum conf_limit { CONF_LIST_MAX = 64, CONF_TEXT_MAX = 256, CONF_ERROR_TEXT = 512 };

typedef char conf_text[CONF_TEXT_MAX];

struct conf_texts {
    conf_text v[CONF_LIST_MAX];
    size_t n;
};

struct conf_cidrs {
    struct cidr v[CONF_LIST_MAX];
    size_t n;
};

struct conf_addrs {
    struct addr v[CONF_LIST_MAX];
    size_t n;
};

struct conf_port_range {
    uint16_t first;
    uint16_t last;
};

struct conf_ports {
    struct conf_port_range v[CONF_LIST_MAX];
    size_t n;
};

struct conf_user {
    conf_text name;
    conf_text password;
};

struct conf_users {
    struct conf_user v[CONF_LIST_MAX];
    size_t n;
};

/* Files of one certificate. */
struct conf_pair {
    conf_text certificate;
    conf_text key;
};

struct conf_pairs {
    struct conf_pair v[CONF_LIST_MAX];
    size_t n;
};

struct conf {
    /* network */
    struct conf_addrs listen; /* everything that the server speaks */
    struct conf_addrs listen_udp;
    struct conf_addrs listen_tcp;
    struct conf_addrs listen_tls;
    struct conf_addrs listen_dtls;
    int64_t threads;      /* 0 = one per core */
    conf_text relay_ipv4; /* "auto", "off" or an address to bind relays to */
    conf_text relay_ipv6;
    conf_text external_ipv4; /* "auto" (= the relay address), an address or a host name */
    conf_text external_ipv6;
    struct conf_port_range relay_ports;
    int64_t socket_bytes;
    bool udp_segment;
    bool udp_gro;
    bool copy_tos;
    /* tcp, tls and dtls */
    struct conf_pairs certificates;
    bool only_tls13;
    struct conf_cidrs proxy_from;
    conf_text web_server; /* address and port; "" = none */
    bool web_proxy;
    struct conf_texts turn_names;
    int64_t connections;
    int64_t connections_per_prefix;
    int64_t handshake_timeout;
    int64_t idle_timeout;
    int64_t queue_bytes;
    /* authentication */
    conf_text realm;
    conf_text secrets_file;
    struct conf_users users;
    int64_t max_credential_ttl;
    bool strict_expiry;
    /* redis */
    conf_text
        redis; /* "host:port" or the path of a Unix socket; "" = none, or the sentinels tell */
    struct conf_texts redis_sentinels;
    conf_text redis_master;
    conf_text redis_user;
    conf_text redis_password;
    int64_t redis_db;
    bool redis_tls;
    conf_text redis_ca;
    bool redis_users;
    int64_t redis_max_age; /* seconds; 0 = for ever */
    /* credential issuer */
    conf_text issuer_listen; /* loopback address and port, or a path; "" = none */
    conf_text issuer_key;
    conf_text issuer_socket; /* path; "" = none */
    struct conf_texts issuer_uris;
    int64_t issuer_ttl;
    /* statistics */
    conf_text metrics_profile; /* "strict", "standard", "fleet" */
    int64_t metrics_window;    /* seconds; 0 = as the profile has it */
    conf_text metrics_listen;  /* loopback address and port, or a path; "" = none */
    conf_text metrics_file;    /* of released windows; "" = $STATE_DIRECTORY/windows, if set */
    bool capacity_alarm;
    conf_text control_socket; /* path; "" = $RUNTIME_DIRECTORY/control, if set */
    /* privacy papers */
    conf_text operator_name;
    conf_text privacy_officer;
    conf_text privacy_authority;
    conf_text privacy_platform;
    conf_text privacy_provider;
    conf_text privacy_basis; /* "", "b", "e", "f" */
    /* protocol */
    bool binding;
    bool software;
    bool rfc5766_channels;
    int64_t lifetime_max;
    int64_t nonce_lifetime;
    /* peers */
    struct conf_cidrs allow_peers;
    struct conf_cidrs deny_peers;
    struct conf_ports deny_peer_ports;
    /* tcp to peers */
    bool tcp_allocations;
    int64_t tcp_connections;
    int64_t tcp_connections_per_allocation;
    int64_t tcp_idle;
    /* limits, see struct turn_limits */
    int64_t max_allocations;
    int64_t allocations_per_account;
    int64_t allocations_per_prefix;
    int64_t permissions_per_allocation;
    int64_t channels_per_allocation;
    int64_t bytes_per_allocation;
    int64_t bytes_per_account;
    int64_t bytes_per_prefix;
    int64_t unproven_per_prefix;
    int64_t prefix_ipv4;
    int64_t prefix_ipv6;
    /* process */
    conf_text user; /* to run as when started as root; "" = stay */
    bool sandbox;
    /* no option: the files that all this stood in, as far as their names fit; last */
    struct conf_texts files;
};

/* One line for the operator: file, line, key, what was expected. Never a secret's value. */
struct conf_error {
    char text[CONF_ERROR_TEXT];
};

void conf_defaults(struct conf *ret);

/* Defaults plus the file. 0, or -errno with *err filled and *ret untouched. @include works,
 * relative to the file. */
int conf_load(const char *path, struct conf *ret, struct conf_error *err);

/* Overwrites the passwords: those of users alone, or Redis' and the issuer's too. */
void conf_wipe_users(struct conf *c);
void conf_wipe(struct conf *c);

/* The effective configuration in the file's own syntax; secrets are shown as "(set)". */
void conf_print(const struct conf *c, FILE *to);
/* A file that loads to *c: the options that differ from their defaults, passwords included. 0 or
 * -ENOMEM. */
int conf_print_changed(const struct conf *c, FILE *to);
/* conf/drehkreuz.reference.conf: every option with its sentence, range and default. */
void conf_print_reference(FILE *to);
/* The OPTIONS section of the man page drehkreuz.conf(5), in man(7). */
void conf_print_man(FILE *to);

/* Whether there is a Redis to ask. */
bool conf_has_redis(const struct conf *c);

/* Cross-option rules (e.g. a realm and at least one kind of credential). 0 or -EINVAL. */
int conf_check(const struct conf *c, struct conf_error *err);

/* Name of the first option in which a and b differ and that needs a restart, or NULL. */
const char *conf_needs_restart(const struct conf *a, const struct conf *b);
/* Puts such options of a configuration in force into one that replaces it without a restart. */
void conf_keep_fixed(const struct conf *old, struct conf *fresh);

#endif
