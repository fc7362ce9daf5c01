/* Usage statistics that tell of no single call: each allocation's share is clipped, each sum starts
 * at its noise, and a sum is shown once, when its window is over. Nothing here has ever seen an
 * address, a user or an allocation: numbers come in, released windows go out.
 *
 * Promise (differential privacy): let two histories of the server differ in everything that 16
 * allocations did, and in logins refused under 16 nonces. Whatever is ever released is at most
 * e^epsilon times as likely under one as under the other; epsilon is the sum of the ledger
 * (metrics/ledger.h), 1 by default.
 *
 * Single-threaded: the main thread's. */
#ifndef RELAY_METRICS_METRICS_H
#define RELAY_METRICS_METRICS_H

#include "base/clock.h"
#include "base/writer.h"

enum metrics_profile {
    METRICS_STRICT,   /* no usage at all, health only */
    METRICS_STANDARD, /* windows of a day */
    METRICS_FLEET,    /* windows of an hour, for 200 users and more */
};

/* What is counted, in this order in the ledger, in files and in arrays. */
enum metrics_use {
    METRICS_ALLOCATIONS, /* 1 each, in the window of its birth */
    METRICS_VOLUME,      /* 0 to 16 units of 16 MiB each, in the window of its end */
    METRICS_REJECTED,    /* 1 for the first refused login of each nonce */
    METRICS_USES
};

enum metrics_limit {
    METRICS_WINDOWS_KEPT = 60, /* released ones, the oldest go first */
    METRICS_WINDOW_MIN = 3600,
    METRICS_WINDOW_MAX = 7 * 86400,
    METRICS_VOLUME_UNIT = 16 << 20, /* bytes */
    METRICS_GROUP = 16,             /* allocations of one call that the promise covers */
    METRICS_CAPACITY_MIN = 10000,   /* below it the alarm would be noise */
    METRICS_ERROR_TEXT = 256,
};

struct metrics_conf {
    enum metrics_profile profile;
    int64_t window;      /* seconds; 0 = as the profile has it */
    const char *file;    /* of released windows; "" = they are lost with the process. Borrowed. */
    bool capacity_alarm; /* a noisy threshold on the allocations alive, 80 % of capacity */
    uint32_t capacity;   /* most allocations alive; at least METRICS_CAPACITY_MIN for the alarm */
    /* Fills n bytes with randomness; NULL = the kernel's (getrandom). Tests inject a fixed one. */
    void (*random)(void *ctx, void *ret, size_t n);
    void *random_ctx;
};

/* What anybody may know: released, constant, noise included, as it will stay. */
struct metrics_window {
    int64_t begin; /* Unix seconds, a multiple of the length */
    int64_t end;
    /* Allocations, and units of volume, with their noise: may be negative. Refused logins: the
     * lower end of their band, 0, 1000, 10000 or 100000. */
    int64_t value[METRICS_USES];
};

/* What is wrong with the file of windows, for the operator. */
struct metrics_error {
    char text[METRICS_ERROR_TEXT];
};

struct metrics;

/* wall: Unix seconds, mono: of the same moment. Reads the file; one that is broken is left as it
 * is, told of in *err (else empty), and not written to. NULL when out of memory. The first window
 * to be released is the first that is whole from here on. */
struct metrics *metrics_new(const struct metrics_conf *conf, int64_t wall, usec_t mono,
                            struct metrics_error *err);
/* What is open is lost, which is the point: a restart must not be a way to look. Accepts NULL. */
void metrics_free(struct metrics *m);

/* So many contributions more since the last call, each clipped by whoever counted it. Goes into the
 * open window, if that is one to be released; called before metrics_tick, so what was counted until
 * a second ago is in the window that ends. */
void metrics_add(struct metrics *m, const uint64_t more[METRICS_USES]);

/* To be called at least once a second. True when a window has been released by it. False too when
 * the clock was set or the host slept (wall and mono are more than 5 seconds apart), which costs
 * the open window, or when nobody called for a minute after its end, which costs that one and the
 * next. *err: the file could not be written. */
bool metrics_tick(struct metrics *m, int64_t wall, usec_t mono, struct metrics_error *err);

/* For the capacity alarm, allocations alive; looked at once an hour by the clock, in windows that
 * are to be released. True when the alarm has changed, at most twice per window. */
bool metrics_capacity(struct metrics *m, uint64_t alive, int64_t wall);
bool metrics_capacity_alarm(const struct metrics *m);

/* Released windows, the oldest first; valid until the next metrics_tick. */
size_t metrics_windows(const struct metrics *m, const struct metrics_window **ret);

/* --- Health: true at any moment whoever calls, free of persons and of numbers of clients --- */

enum metrics_redis { METRICS_REDIS_NONE, METRICS_REDIS_DOWN, METRICS_REDIS_UP };

struct metrics_health {
    const char *version;
    int64_t started; /* Unix seconds */
    uint32_t generation;
    bool has_credentials; /* a secret or a user is in force */
    bool is_draining;
    bool has_relay_address;
    bool has_certificate;
    int64_t certificate_days; /* left of the first to end */
    enum metrics_redis redis;
    int64_t redis_age; /* seconds since Redis was last read; -1 = never or none */
    bool udp_segment;  /* equal datagrams leave as trains */
    uint32_t workers;
};

/* Allocations could be had: credentials, an address, not draining. Whether a limit is reached at
 * this moment is no part of it, because that would tell of calls. */
bool metrics_ready(const struct metrics_health *h);

/* --- Forms. Each writes into w; w_ok tells whether it fitted. --- */

/* What each is sent as, by HTTP. */
#define METRICS_TYPE_PROMETHEUS "text/plain; version=0.0.4; charset=utf-8"
#define METRICS_TYPE_OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define METRICS_TYPE_JSON "application/json"
#define METRICS_TYPE_TEXT "text/plain; charset=utf-8"
#define METRICS_TYPE_PAGE "text/html; charset=utf-8"
/* Content-Security-Policy for the page: nothing but its own style sheet, known by its hash. */
#define METRICS_PAGE_CSP                                                                           \
    "default-src 'none'; style-src 'sha256-" METRICS_PAGE_STYLE_HASH "'; base-uri 'none'; "        \
    "form-action 'none'; frame-ancestors 'none'"
#define METRICS_PAGE_STYLE_HASH "AfCmGKwWTbmyUynoNOQ9wpyauWWwpemllwXkWsbRw4w="

enum metrics_lang { METRICS_EN, METRICS_DE };
/* What goes with the page in HTTP's head: only its own style sheet, known by its hash, counts. */
#define METRICS_PAGE_HEADERS                                                                       \
    "Content-Security-Policy: " METRICS_PAGE_CSP "\r\n"                                            \
    "Referrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n"                          \
    "Vary: Accept-Language\r\n"
enum { METRICS_PAGE_MAX = 96 << 10, METRICS_TEXT_MAX = 32 << 10 };

/* Prometheus' text format 0.0.4, or OpenMetrics 1.0 with its end mark. */
void metrics_print_prometheus(const struct metrics *m, const struct metrics_health *h,
                              bool openmetrics, struct writer *w);
void metrics_print_json(const struct metrics *m, const struct metrics_health *h, struct writer *w);
/* For a terminal: one screen. */
void metrics_print_text(const struct metrics *m, const struct metrics_health *h, struct writer *w);
/* One HTML page, complete in itself: inline SVG, no script, nothing from elsewhere but a link to
 * itself with the query ?lang=en or ?lang=de. */
void metrics_print_page(const struct metrics *m, const struct metrics_health *h,
                        enum metrics_lang lang, struct writer *w);
/* The latest window in one sentence for the event log, rounded to 10, below 20 "fewer than 20". */
void metrics_print_report(const struct metrics *m, struct writer *w);

/* --- The ledger, for whoever has to state it --- */

struct metrics_entry {
    const char *name;       /* as in relay_allocations */
    const char *shape;      /* what one unit contributes at most, in words */
    uint32_t clip;          /* per allocation or nonce */
    uint32_t scale;         /* b of the discrete Laplace noise, P(z) ~ exp(-|z|/b) */
    uint32_t epsilon_milli; /* of a call of METRICS_GROUP units, in thousandths */
};

/* Rows in force under this profile; the alarm's is the last, if it is on. */
size_t metrics_ledger(const struct metrics_conf *conf, const struct metrics_entry **ret);
/* Their sum, in thousandths. */
uint32_t metrics_epsilon_milli(const struct metrics_conf *conf);
/* The window's length in force. */
int64_t metrics_window_of(const struct metrics_conf *conf);

#endif
