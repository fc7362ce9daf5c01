/* The table of coturn's options, and what the files of this room share. */
#ifndef RELAY_IMPORT_IMPORT_INT_H
#define RELAY_IMPORT_IMPORT_INT_H

#include "import/import.h"

enum { PORT_PLAIN = 3478, PORT_TLS = 5349, LISTENERS_MAX = 16, EXTERNALS_MAX = 16 };

enum import_kind {
    IMPORT_FLAG,   /* on when nothing follows */
    IMPORT_NUMBER, /* digits must follow */
    IMPORT_TEXT,   /* something must follow */
    IMPORT_ANY,    /* what follows does not matter */
};

struct work;

/* One row says what becomes of one option. */
struct import_row {
    const char *name;
    char letter; /* of the command line, 0 = none */
    enum import_kind kind;
    enum import_verdict verdict;
    bool by_hand;
    const char *option; /* ours */
    const char *text;
    void (*take)(struct work *w); /* NULL = there is nothing to take; else may say otherwise */
    const char *off;              /* for a flag that is switched off, where that differs from us */
    size_t at;                    /* of the field in struct conf, for numbers and switches */
    int64_t min;                  /* of the number; of a switch: the value that on stands for */
    int64_t max;
};

/* external-ip: the address that clients are told, and the one behind it. */
struct external {
    conf_text name; /* "" when it is an address */
    struct addr shown;
    struct addr behind; /* ADDR_NONE when there is none */
    struct import_entry *entry;
};

/* What one import works with. Options that count only together are gathered here and judged when
 * all lines have been read. */
struct work {
    struct import *out;
    const struct import_row *row;
    struct import_entry *entry;
    const char *value; /* NUL-terminated, "" when there is none */
    int64_t number;
    bool is_on;
    /* listeners */
    struct conf_addrs ips;
    struct import_entry *ip_entries[CONF_LIST_MAX];
    struct conf_addrs aux;
    struct import_entry *aux_entries[CONF_LIST_MAX];
    struct import_entry *proxy_entry;
    uint16_t port;
    uint16_t tls_port;
    uint16_t proxy_port;
    bool no_udp;
    bool no_tcp;
    bool no_tls;
    bool no_dtls;
    struct import_entry *tls_port_entry;
    struct import_entry *no_entry; /* the last of no-udp and the like */
    /* relayed addresses */
    struct conf_addrs relays;
    struct external externals[EXTERNALS_MAX];
    size_t n_externals;
    int64_t min_port; /* -1 = not said */
    int64_t max_port;
    struct import_entry *min_entry;
    struct import_entry *max_entry;
    bool says_tcp_relay;
    /* certificates */
    conf_text certificate;
    conf_text key;
    struct import_entry *certificate_entry;
    struct import_entry *key_entry;
    /* credentials */
    bool uses_secret;
    bool says_realm;
    struct import_entry *secret_flag;
    struct import_entry *user_entries[CONF_LIST_MAX];
    struct import_entry *redis_entry;
    bool denies_private;
    /* statistics */
    struct import_entry *metrics_entry;
    struct import_entry *metrics_port_entry;
    uint16_t metrics_port;
    bool metrics_on_v6;
};

/* The i-th row, or NULL behind the last one. */
const struct import_row *import_row_at(size_t i);
/* By coturn's name; NULL when there is none. */
const struct import_row *import_row_find(const char *name);
const struct import_row *import_row_of_letter(char letter);

/* Rows that lead to nothing here; the other part of the table. */
extern const struct import_row import_rows_without[];
extern const size_t import_rows_without_n;

/* Sets what is said of the line at hand, other than the row says. */
void import_say(struct work *w, enum import_verdict verdict, bool by_hand, const char *text);
/* The same for an entry; NULL is passed over. */
void import_amend(struct import_entry *e, enum import_verdict verdict, bool by_hand,
                  const char *text);
/* An entry about something that the file does not say. */
void import_note(struct work *w, const struct import_entry *note);

/* Copies a text that our configuration can hold: no control characters, shorter than
 * CONF_TEXT_MAX, UTF-8. false leaves ret untouched. */
bool import_text(const char *from, conf_text ret);
/* Digits, and nothing behind them but blanks or a comment. */
bool import_number(const char *text, int64_t *ret);
/* An address without port. */
bool import_ip(const char *text, struct addr *ret);
/* false when there is no room. */
bool import_add(struct conf_addrs *list, const struct addr *a);

/* --- What rows take; see there --- */

void import_take_number(struct work *w);
void import_take_switch(struct work *w);
void import_take_transport(struct work *w);
void import_take_port(struct work *w);
void import_take_ip(struct work *w);
void import_take_aux(struct work *w);
void import_take_proxy_port(struct work *w);
void import_take_relay_ip(struct work *w);
void import_take_external(struct work *w);
void import_take_relay_port(struct work *w);
void import_take_tcp_relay(struct work *w);
void import_take_allowed(struct work *w);
void import_take_denied(struct work *w);
void import_take_certificate(struct work *w);
void import_take_key(struct work *w);
void import_take_realm(struct work *w);
void import_take_secret_flag(struct work *w);
void import_take_secret(struct work *w);
void import_take_user(struct work *w);
void import_take_redis(struct work *w);
void import_take_separator(struct work *w);
void import_take_fixed(struct work *w);
void import_take_nonce(struct work *w);
void import_take_bps(struct work *w);
void import_take_capacity(struct work *w);
void import_take_secure_stun(struct work *w);
void import_take_prometheus(struct work *w);
void import_take_prometheus_port(struct work *w);
void import_take_prometheus_address(struct work *w);
void import_take_prometheus_path(struct work *w);

/* --- When all lines have been read, in this order --- */

void import_finish_certificates(struct work *w);
void import_finish_listeners(struct work *w);
void import_finish_relays(struct work *w);
void import_finish_ports(struct work *w);
void import_finish_peers(struct work *w);
void import_finish_credentials(struct work *w);
void import_finish_metrics(struct work *w);

#endif
