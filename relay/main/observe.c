/* From the options to the room metrics, and its forms as answers to HTTP. */
#include "main/observe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "main/listen.h"

enum { ANSWER_MAX = METRICS_PAGE_MAX + 1024, REPORT_MAX = 256, LANG_MAX = 8 };

_Static_assert((int)METRICS_ALLOCATIONS == (int)TURN_USE_ALLOCATIONS &&
                   (int)METRICS_VOLUME == (int)TURN_USE_VOLUME &&
                   (int)METRICS_REJECTED == (int)TURN_USE_REJECTED &&
                   (int)METRICS_USES == (int)TURN_USES &&
                   (int)METRICS_VOLUME_UNIT == (int)TURN_VOLUME_UNIT,
               "the engine counts what the statistics know");

/* --- Configuration --- */

static enum metrics_profile profile_of(const char *name)
{
    static const char *const names[] = {
        [METRICS_STRICT] = "strict", [METRICS_STANDARD] = "standard", [METRICS_FLEET] = "fleet"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return (enum metrics_profile)i;
    return METRICS_STRICT;
}

/* Allocations that all workers can hold together. */
static uint32_t capacity(const struct conf *c)
{
    int64_t ports = c->relay_ports.last - c->relay_ports.first + 1;
    int64_t most = c->max_allocations * listen_workers(c);
    return (uint32_t)(most > 0 && most < ports ? most : ports);
}

void observe_conf(const struct conf *c, conf_text file, struct metrics_conf *ret)
{
    const char *folder = getenv("STATE_DIRECTORY");
    memset(file, 0, CONF_TEXT_MAX);
    if (c->metrics_file[0])
        snprintf(file, CONF_TEXT_MAX, "%s", c->metrics_file);
    else if (folder && folder[0] == '/')
        snprintf(file, CONF_TEXT_MAX, "%.200s/windows", folder);
    *ret = (struct metrics_conf){.profile = profile_of(c->metrics_profile),
                                 .window = c->metrics_window,
                                 .file = file,
                                 .capacity_alarm = c->capacity_alarm,
                                 .capacity = capacity(c)};
}

/* --- Answers --- */

struct page {
    struct observe *o;
    const struct local_http *http;
    struct metrics_health health;
    struct local_reply reply;
    struct writer body;
};

static void put(struct writer *w, const char *text)
{
    w_bytes(w, span_text(text));
}

static void get_metrics(struct page *p)
{
    struct span accept = local_http_header(p->http, "Accept");
    bool open = memmem(accept.p, accept.n, "application/openmetrics-text", 28) != NULL;
    metrics_print_prometheus(p->o->metrics, &p->health, open, &p->body);
    p->reply.type = open ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                         : "text/plain; version=0.0.4; charset=utf-8";
}

static void get_live(struct page *p)
{
    put(&p->body, "alive\n");
}

static void get_ready(struct page *p)
{
    bool is_ready = metrics_ready(&p->health);
    put(&p->body, is_ready                     ? "ready\n"
                  : p->health.is_draining      ? "not ready: draining\n"
                  : !p->health.has_credentials ? "not ready: no secret and no user is in force\n"
                                               : "not ready: no address to relay on\n");
    p->reply.status = is_ready ? LOCAL_OK : LOCAL_UNAVAILABLE;
}

static void get_json(struct page *p)
{
    metrics_print_json(p->o->metrics, &p->health, &p->body);
    p->reply.type = "application/json";
}

/* The address wins over the browser's wish, of which only the first choice counts. */
static enum metrics_lang lang_of(const struct local_http *http)
{
    char asked[LANG_MAX];
    struct span wish = local_http_header(http, "Accept-Language");
    if (local_http_value(http, "lang", asked, sizeof(asked)) >= 0)
        return strcmp(asked, "de") == 0 ? METRICS_DE : METRICS_EN;
    return wish.n >= 2 && strncasecmp((const char *)wish.p, "de", 2) == 0 ? METRICS_DE : METRICS_EN;
}

static void get_page(struct page *p)
{
    metrics_print_page(p->o->metrics, &p->health, lang_of(p->http), &p->body);
    p->reply.type = "text/html; charset=utf-8";
    p->reply.extra = METRICS_PAGE_HEADERS;
}

static const struct {
    const char *path;
    void (*get)(struct page *p);
} pages[] = {
    {"/", get_page},      {"/metrics", get_metrics}, {"/stats.json", get_json},
    {"/livez", get_live}, {"/readyz", get_ready},
};

static enum local_status choose(struct page *p, struct span raw, struct local_http *http)
{
    if (!local_http_read(raw, http))
        return LOCAL_BAD_REQUEST;
    if (!span_eq(http->method, span_text("GET")))
        return LOCAL_NOT_ALLOWED;
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        if (!span_eq(http->path, span_text(pages[i].path)))
            continue;
        p->reply = (struct local_reply){.status = LOCAL_OK, .type = "text/plain; charset=utf-8"};
        pages[i].get(p);
        return p->reply.status;
    }
    return LOCAL_NOT_FOUND;
}

static void refuse(enum local_status status, struct writer *out)
{
    static const char *const says[] = {
        [LOCAL_BAD_REQUEST] = "expected a request of HTTP/1\n",
        [LOCAL_NOT_FOUND] = "there are /, /metrics, /stats.json, /livez and /readyz\n",
        [LOCAL_NOT_ALLOWED] = "GET is all there is\n",
        [LOCAL_TOO_LONG] = "the request is too long\n",
        [LOCAL_UNAVAILABLE] = "out of memory\n",
    };
    const struct local_reply r = {
        .status = status, .type = "text/plain", .body = span_text(says[status])};
    local_http_write(&r, out);
}

static void answer(void *ctx, const struct local_request *request, bool too_long,
                   struct writer *out)
{
    struct local_http http = {0};
    struct page p = {.o = ctx, .http = &http};
    uint8_t *room = too_long ? NULL : mem_zalloc(METRICS_PAGE_MAX);
    if (!room) {
        refuse(too_long ? LOCAL_TOO_LONG : LOCAL_UNAVAILABLE, out);
        return;
    }
    p.body = w_over(room, METRICS_PAGE_MAX);
    p.o->health(p.o->ctx, &p.health);
    enum local_status status = choose(&p, request->raw, &http);
    p.reply.body = w_span(&p.body);
    if (p.reply.body.n)
        local_http_write(&p.reply, out);
    else
        refuse(status == LOCAL_OK ? LOCAL_UNAVAILABLE : status, out);
    mem_free(room);
}

/* --- Life --- */

int observe_start(struct observe *o, const struct conf *c, struct event_base *base)
{
    struct metrics_error err = {0};
    o->base = base;
    observe_conf(c, o->file, &o->conf);
    if (o->conf.capacity_alarm && o->conf.capacity < METRICS_CAPACITY_MIN) {
        log_event(EVENT_CAPACITY_SMALL, EV_NUM(o->conf.capacity), EV_NUM(METRICS_CAPACITY_MIN));
        o->conf.capacity_alarm = false;
    }
    o->metrics = metrics_new(&o->conf, clock_wall(), clock_monotonic(), &err);
    if (err.text[0])
        log_event(EVENT_WINDOWS_REFUSED, EV_TEXT(err.text));
    if (!o->metrics)
        return -ENOMEM;
    observe_renew(o, c);
    return 0;
}

void observe_renew(struct observe *o, const struct conf *c)
{
    struct local_error err = {0};
    const struct local_conf conf = {.at = o->at,
                                    .is_http = true,
                                    .mode = 0660,
                                    .answer_max = ANSWER_MAX,
                                    .answer = answer,
                                    .ctx = o};
    if (strcmp(o->at, c->metrics_listen) == 0 && (o->http || !o->at[0]))
        return;
    local_free(o->http);
    o->http = NULL;
    memcpy(o->at, c->metrics_listen, sizeof(o->at));
    if (!o->at[0])
        return;
    o->http = local_new(o->base, &conf, &err);
    if (o->http)
        log_event(EVENT_METRICS_READY, EV_TEXT(o->at));
    else
        log_event(EVENT_METRICS_REFUSED, EV_TEXT(err.text));
}

static void report(struct observe *o)
{
    char text[REPORT_MAX];
    struct writer w = w_over(text, sizeof(text) - 1);
    metrics_print_report(o->metrics, &w);
    text[w_span(&w).n] = 0;
    log_event(EVENT_USAGE, EV_TEXT(text));
}

void observe_tick(struct observe *o, struct net *n)
{
    struct metrics_error err = {0};
    struct turn_stats now;
    uint64_t more[TURN_USES];
    int64_t wall = clock_wall();
    net_take_usage(n, more);
    metrics_add(o->metrics, more);
    if (metrics_tick(o->metrics, wall, clock_monotonic(), &err))
        report(o);
    if (err.text[0])
        log_event(EVENT_WINDOWS_REFUSED, EV_TEXT(err.text));
    if (!o->conf.capacity_alarm)
        return;
    net_stats(n, &now);
    if (metrics_capacity(o->metrics, now.allocations, wall))
        log_event(metrics_capacity_alarm(o->metrics) ? EVENT_CAPACITY_NEAR : EVENT_CAPACITY_FREE);
}

void observe_end(struct observe *o)
{
    local_free(o->http);
    metrics_free(o->metrics);
    o->http = NULL;
    o->metrics = NULL;
}
