/* What the files of this room share and nobody else sees. */
#ifndef RELAY_REDIS_REDIS_INT_H
#define RELAY_REDIS_REDIS_INT_H

#include "redis/redis.h"

enum redis_bound {
    REDIS_NODES_MAX = 16384,                /* values in one reply */
    REDIS_ARRAY_MAX = 2 * AUTH_REVOKED_MAX, /* elements of one array */
    REDIS_PORT = 6379,
    REDIS_SENTINEL_PORT = 26379,
    REDIS_SCAN_COUNT = 512,
    REDIS_KEY_MAX = 1200, /* a key of ours, or its pattern with every byte escaped */
    REDIS_ADDRESS_MAX = 300,
    REDIS_ARGS_MAX = 8,
};

/* --- reply.c: RESP2, bounded --- */

enum redis_type {
    REDIS_NIL,
    REDIS_TEXT,
    REDIS_STATUS,
    REDIS_ERROR,
    REDIS_NUMBER,
    REDIS_ARRAY,
};

struct redis_reply {
    enum redis_type type;
    int64_t num;           /* REDIS_NUMBER */
    size_t n;              /* bytes, or elements */
    uint8_t *p;            /* REDIS_TEXT, REDIS_STATUS, REDIS_ERROR */
    struct redis_reply *v; /* REDIS_ARRAY */
};

struct redis_parser;

/* NULL when out of memory. */
struct redis_parser *redis_parser_new(void);
void redis_parser_free(struct redis_parser *p);
/* 0, or the error that is for good. */
int redis_parser_feed(struct redis_parser *p, struct span bytes);
/* The next reply, owned by the caller. -EAGAIN when its end is not there yet; -EMSGSIZE, -EPROTO
 * and -ENOMEM are for good. */
int redis_parser_next(struct redis_parser *p, struct redis_reply **ret);
/* Wipes it. Accepts NULL. */
void redis_reply_free(struct redis_reply *r);
/* Its bytes, or none when it is neither text, status nor error. */
struct span redis_reply_span(const struct redis_reply *r);
bool redis_reply_is(const struct redis_reply *r, const char *text);

/* --- trouble.c: what an error means --- */

struct redis_trouble {
    enum redis_news news;
    const char *text; /* fixed, never of the wire */
};

/* Of an error reply, by its first word alone. */
struct redis_trouble redis_trouble_of(const struct redis_reply *error);

/* --- text.c --- */

__attribute__((format(printf, 3, 4))) int redis_fail(struct auth_error *err, int code,
                                                     const char *format, ...);
/* Joins the parts. Its length, or -ENAMETOOLONG. */
int redis_join(char *ret, size_t cap, const char *const *parts, size_t n);
/* With a backslash before every byte that means something in a pattern. -ENAMETOOLONG. */
int redis_escape(const char *text, char *ret, size_t cap);
/* Decimal digits. */
const char *redis_digits(uint64_t v, char ret[24]);

/* --- schema.c: replies <-> secrets and users, pure --- */

#define REDIS_CHANNEL "turn:secret"
#define REDIS_SCHEMA_FIELD "schema"
#define REDIS_SCHEMA "1"
#define REDIS_REMOVED "removed "

struct redis_names {
    char named[REDIS_KEY_MAX];   /* hash of the named secrets */
    char coturn[REDIS_KEY_MAX];  /* set of coturn's secrets */
    char users[REDIS_KEY_MAX];   /* pattern of coturn's users */
    char revoked[REDIS_KEY_MAX]; /* hash of the revoked names */
    char removed[REDIS_KEY_MAX];
};

/* 0 or -ENAMETOOLONG. */
int redis_names_make(const char *realm, struct redis_names *ret);

/* One of the two stores of secrets, as read. */
struct redis_part {
    bool exists;
    bool malformed; /* a value could not be read; that secret stayed as it was, or was left out */
    char bad_id[AUTH_ID_MAX + 1]; /* of the last such, when it can be shown */
    struct auth_secrets secrets;
};

/* before: what the part was when it was last read. 0, -EPROTO when the reply has another shape,
 * -EPROTONOSUPPORT for a schema of the future, -EMSGSIZE when there are too many. */
int redis_schema_named(const struct redis_reply *hash, const struct redis_part *before,
                       struct redis_part *ret);
int redis_schema_coturn(const struct redis_reply *set, struct redis_part *ret);
/* The revoked names, as read. */
struct redis_revoked {
    bool malformed; /* as above */
    struct auth_revocations list;
};

/* *ret is replaced. 0, or as above, or -ENOMEM. */
int redis_schema_revoked(const struct redis_reply *hash, const struct auth_revocations *before,
                         struct redis_revoked *ret);
/* Named ones first. 0 or -EMSGSIZE. */
int redis_schema_union(const struct redis_part *named, const struct redis_part *coturn,
                       struct auth_secrets *ret);
bool redis_schema_reserved(const char *id);
/* The user's name inside a key; false when the key is not a user's of this realm. */
bool redis_schema_user(const char *realm, struct span key, struct span *ret);

/* --- users.c: a set of users that grows while it is read --- */

struct redis_users {
    struct auth_keyed_user *v; /* owned */
    size_t n;
    size_t cap;
};

/* 0, -EMSGSIZE or -ENOMEM. */
int redis_users_add(struct redis_users *u, const struct auth_keyed_user *one);
/* Sorted by name, none twice. */
void redis_users_sort(struct redis_users *u);
/* u must be sorted. */
const struct auth_keyed_user *redis_users_find(const struct redis_users *u, struct span name);
bool redis_users_equal(const struct redis_users *a, const struct redis_users *b);
void redis_users_clear(struct redis_users *u);

/* --- tls.c --- */

struct bufferevent;
struct redis_tls;

/* NULL with *err filled. */
struct redis_tls *redis_tls_new(const char *ca, struct auth_error *err);
void redis_tls_free(struct redis_tls *t);
/* Over a connected socket, which belongs to the result; host is what the certificate must name.
 * NULL when out of memory. */
struct bufferevent *redis_tls_wrap(struct redis_tls *t, struct event_base *base, int fd,
                                   const char *host);
/* What made the handshake fail, in words. */
const char *redis_tls_why(struct bufferevent *bev);

/* --- connect.c: from an address to a connected socket --- */

struct redis_target {
    struct event_base *base;
    const char *address; /* copied */
    uint16_t port;       /* where the address names none */
};

struct redis_connect;

/* done is called once, on a later turn of the loop: a socket, or -errno. NULL when out of memory or
 * when the address makes no sense. */
struct redis_connect *redis_connect_new(const struct redis_target *to,
                                        void (*done)(void *ctx, int fd), void *ctx);
/* Accepts NULL; done is not called any more. */
void redis_connect_free(struct redis_connect *c);
/* The host's name or address without port and brackets; "" for a path. false when the address makes
 * no sense. */
bool redis_address_split(const char *address, char *ret_host, size_t cap, uint16_t *port);

/* --- link.c: one connection that asks and gets its answers in order --- */

struct redis_pace {
    unsigned answer_ms;
    unsigned retry_first_ms;
    unsigned retry_last_ms;
    unsigned read_ms;   /* from one read to the next */
    unsigned gather_ms; /* from one publication's read to the next */
    unsigned ping_ms;   /* how often the subscription is asked whether it lives */
};

struct redis_link_conf {
    struct event_base *base;
    struct redis_tls *tls; /* NULL = none */
    const char *user;      /* "" = the default one */
    const char *password;  /* "" = no AUTH */
    unsigned db;
    uint16_t port; /* where an address names none */
    unsigned answer_ms;
    void *ctx;
    void (*ready)(void *ctx);
    /* An answer, or something published; owned by the one who is told. */
    void (*reply)(void *ctx, struct redis_reply *r, bool is_push);
    /* The connection is closed already. */
    void (*down)(void *ctx, struct redis_trouble why);
};

struct redis_link;

/* NULL when out of memory. */
struct redis_link *redis_link_new(const struct redis_link_conf *conf);
void redis_link_free(struct redis_link *l);
/* Closes what was open. 0, -EINVAL, -ENOMEM. */
int redis_link_open(struct redis_link *l, const char *address);
void redis_link_close(struct redis_link *l);
bool redis_link_is_ready(const struct redis_link *l);
/* Neither open nor on the way there. */
bool redis_link_is_down(const struct redis_link *l);
/* Closes, and tells. For an answer that makes no sense. */
void redis_link_give_up(struct redis_link *l, struct redis_trouble why);
/* Sends a command; its answer will come, or down. Nothing when the link is not ready. */
void redis_link_ask(struct redis_link *l, const struct span *args, size_t n);
/* As above with words, the last one NULL. */
void redis_link_say(struct redis_link *l, const char *const *words);
/* From now on published messages are welcome. */
void redis_link_subscribe(struct redis_link *l, const char *channel);

/* --- pace.c --- */

extern const struct redis_pace redis_usual_pace;

/* Doubles from first to last; half of it is chance, so that many relays do not come at once. */
struct redis_backoff {
    unsigned ms; /* 0 = start again */
};
unsigned redis_backoff_next(struct redis_backoff *b, const struct redis_pace *pace);

/* --- check.c --- */

/* What every user of a struct redis_conf needs of it. */
struct redis_base {
    struct redis_names names;
    struct redis_tls *tls; /* owned, NULL = none */
};

/* 0 or -errno with *err filled. */
int redis_base_make(const struct redis_conf *conf, struct redis_base *ret, struct auth_error *err);
void redis_base_clear(struct redis_base *b);

/* --- read.c: the commands of one read, and what they gave --- */

struct redis_read {
    const struct redis_conf *conf; /* borrowed */
    const struct redis_names *names;
    const struct redis_part *named_before;
    const struct auth_revocations *revoked_before;
    const struct redis_users *users_before; /* NULL: users are not read */
    struct crypto *crypto;
    unsigned stage;
    struct redis_reply *keys; /* of the batch whose values are being read */
    size_t at;                /* next one of them */
    char cursor[24];
    unsigned steps;
    bool users_malformed;
    struct redis_part named;
    struct redis_part coturn;
    struct redis_revoked revoked;
    struct redis_users users;
};

/* Asks the first questions. The borrowed fields are set, all else is zero. */
void redis_read_start(struct redis_read *r, struct redis_link *l);
/* Takes the next answer. 1 when that was all, 0 when more are to come, -EIO with *why filled. */
int redis_read_answer(struct redis_read *r, struct redis_link *l, struct redis_reply *reply,
                      struct redis_trouble *why);
/* Forgets what has been read. */
void redis_read_clear(struct redis_read *r);

/* --- state.c --- */

/* What is in force. */
struct redis_state {
    struct redis_part named;
    struct redis_part coturn;
    struct redis_users users;
    struct auth_revocations revoked;
    struct auth_secrets secrets;
    bool known_empty; /* nothing is there, and somebody said so */
    bool keep_users;  /* that none were read is not believed */
};

struct redis_settled {
    struct redis_trouble verdict; /* its text lives as long as the read */
    bool changed;                 /* something else is in force now */
    bool confirmed;               /* what is in force was seen */
    bool soon;                    /* the next read should not wait for a minute */
};

/* Takes over what a read gave, as far as it is to be believed. removed: the deletion was
 * published. */
void redis_state_take(struct redis_state *s, struct redis_read *r, bool removed,
                      struct redis_settled *ret);
void redis_state_clear(struct redis_state *s);

/* --- sentinel.c: who is the master --- */

struct redis_sentinel_conf {
    struct event_base *base;
    struct redis_tls *tls;
    const struct redis_conf *redis; /* borrowed */
    const struct redis_pace *pace;  /* borrowed */
    bool follow;                    /* stay, and tell when another becomes the master */
    void *ctx;
    /* Told again when it may have changed. */
    void (*master)(void *ctx, const char *address);
    /* No sentinel knows; with follow it goes on asking by itself. */
    void (*nobody)(void *ctx, struct redis_trouble why);
};

struct redis_sentinel;

/* Asks on the loop's next turns. NULL when out of memory. */
struct redis_sentinel *redis_sentinel_new(const struct redis_sentinel_conf *conf);
void redis_sentinel_free(struct redis_sentinel *s);
/* What it said did not hold: asks again, soon. */
void redis_sentinel_ask(struct redis_sentinel *s);

/* --- source.c --- */

struct redis_source *redis_source_paced(struct event_base *base, const struct redis_conf *conf,
                                        const struct redis_listener *to,
                                        const struct redis_pace *pace, struct auth_error *err);

#endif
