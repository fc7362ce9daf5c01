/* From the options to the issuer room's configuration. */
#include "main/issue.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "crypto/crypto.h"
#include "main/listen.h"

/* The first name or address, with a port, under which clients know us. */
static bool own_address(const struct conf *c, const struct site *site, uint16_t port, conf_text ret)
{
    char text[ADDR_TEXT];
    if (c->turn_names.n) {
        snprintf(ret, CONF_TEXT_MAX, "%.200s:%u", c->turn_names.v[0], port);
        return true;
    }
    for (size_t i = 0; i < TURN_FAMILIES; i++) {
        struct addr a = site->relay[i].announced;
        if (a.family == ADDR_NONE)
            continue;
        a.port = port;
        snprintf(ret, CONF_TEXT_MAX, "%s", addr_format(&a, text));
        return true;
    }
    return false;
}

static void follow(const struct conf *c, const struct site *site, struct conf_texts *ret)
{
    static const struct {
        enum net_speaks speaks;
        const char *form;
    } rows[] = {{NET_UDP, "turn:%.230s?transport=udp"},
                {NET_TCP, "turn:%.230s?transport=tcp"},
                {NET_TLS, "turns:%.230s?transport=tcp"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct addr a;
        conf_text at;
        if (listen_first(c, rows[i].speaks, &a) && own_address(c, site, a.port, at))
            snprintf(ret->v[ret->n++], CONF_TEXT_MAX, rows[i].form, at);
    }
}

static void copy_texts(const struct conf *c, const struct site *site, struct issue_texts *ret)
{
    memset(ret, 0, sizeof(*ret));
    memcpy(ret->http, c->issuer_listen, sizeof(conf_text));
    memcpy(ret->key, c->issuer_key, sizeof(conf_text));
    memcpy(ret->line, c->issuer_socket, sizeof(conf_text));
    ret->ttl = c->issuer_ttl;
    ret->uris = c->issuer_uris;
    if (ret->uris.n == 0)
        follow(c, site, &ret->uris);
}

static void report(const char *at)
{
    if (at[0])
        log_event(EVENT_ISSUER_READY, EV_TEXT(at));
}

static void start(struct issue *s, struct event_base *base)
{
    struct auth_error err = {0};
    struct issue_texts *t = &s->texts;
    const struct issuer_conf conf = {t->http,   t->key, t->line,   s->uri,
                                     t->uris.n, t->ttl, s->secrets};
    for (size_t i = 0; i < t->uris.n; i++)
        s->uri[i] = t->uris.v[i];
    s->issuer = issuer_new(base, &conf, &err);
    if (!s->issuer) {
        log_event(EVENT_ISSUER_REFUSED, EV_TEXT(err.text));
        return;
    }
    report(t->http);
    report(t->line);
}

void issue_renew(struct issue *s, const struct conf *c, const struct site *site,
                 struct event_base *base)
{
    struct issue_texts fresh;
    copy_texts(c, site, &fresh);
    bool is_wanted = fresh.http[0] || fresh.line[0];
    bool is_same = memcmp(&fresh, &s->texts, sizeof(fresh)) == 0;
    if (!is_same || (is_wanted && !s->issuer)) {
        issuer_free(s->issuer);
        s->issuer = NULL;
        s->texts = fresh;
        if (is_wanted)
            start(s, base);
    }
    crypto_wipe(&fresh, sizeof(fresh));
}

void issue_end(struct issue *s)
{
    issuer_free(s->issuer);
    crypto_wipe(s, sizeof(*s));
}
