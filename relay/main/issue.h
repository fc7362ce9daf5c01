/* The issuer as it is configured. */
#ifndef RELAY_MAIN_ISSUE_H
#define RELAY_MAIN_ISSUE_H

#include "config/conf.h"
#include "issuer/issuer.h"
#include "main/site.h"

struct issue {
    struct issuer *issuer; /* NULL = none */
    struct issue_texts {   /* the issuer points into them; zero where unused */
        conf_text http;
        conf_text key;
        conf_text line;
        struct conf_texts uris;
        int64_t ttl;
    } texts;
    const char *uri[CONF_LIST_MAX];
    const struct auth_secrets *secrets;
};

/* Starts, ends or renews it where it differs from what conf wants, and says so in the log. */
void issue_renew(struct issue *s, const struct conf *c, const struct site *site,
                 struct event_base *base);
/* Wipes it. */
void issue_end(struct issue *s);

#endif
