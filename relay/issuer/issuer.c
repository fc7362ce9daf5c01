/* The issuer's two servers: one speaks HTTP, one takes lines. */
#include "issuer/issuer.h"

#include <sys/stat.h>

#include "base/clock.h"
#include "base/mem.h"
#include "issuer/issuer_int.h"
#include "local/local.h"

struct issuer {
    struct issuer_conf conf;
    struct local *http;
    struct local *line;
};

static void on_http(void *ctx, const struct local_request *request, bool too_long,
                    struct writer *out)
{
    const struct issuer *s = ctx;
    if (too_long)
        answer_http_too_long(out);
    else
        answer_http(&s->conf, request->raw, clock_wall(), out);
}

/* A line that does not fit gets no word, as any other name that cannot be. */
static void on_line(void *ctx, const struct local_request *request, bool too_long,
                    struct writer *out)
{
    const struct issuer *s = ctx;
    if (!too_long)
        answer_line(&s->conf, request->raw, clock_wall(), out);
}

static struct issuer *fail(struct auth_error *err, const char *why)
{
    struct writer w = w_over(err->text, sizeof(err->text) - 1);
    w_bytes(&w, span_text(why));
    err->text[w.n] = 0;
    return NULL;
}

/* Open to the group, which the programs that ask are to be members of. */
static bool serve(struct event_base *base, const struct local_conf *conf, struct local **ret,
                  struct auth_error *err)
{
    struct local_conf full = *conf;
    struct local_error why;
    full.mode = S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP;
    full.answer_max = ANSWER_MAX;
    if (!conf->at[0])
        return true;
    *ret = local_new(base, &full, &why);
    return *ret || fail(err, why.text);
}

struct issuer *issuer_new(struct event_base *base, const struct issuer_conf *conf,
                          struct auth_error *err)
{
    struct issuer *s = mem_zalloc(sizeof(*s));
    if (!s)
        return fail(err, "issuer: out of memory");
    s->conf = *conf;
    const struct local_conf http = {.at = conf->http, .is_http = true, .answer = on_http, .ctx = s};
    const struct local_conf line = {.at = conf->line, .answer = on_line, .ctx = s};
    if (serve(base, &http, &s->http, err) && serve(base, &line, &s->line, err))
        return s;
    issuer_free(s);
    return NULL;
}

void issuer_free(struct issuer *s)
{
    if (!s)
        return;
    local_free(s->http);
    local_free(s->line);
    mem_free(s);
}
