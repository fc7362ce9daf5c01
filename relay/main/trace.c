/* From the engines' notes to lines on one terminal. */
#include "main/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "crypto/crypto.h"
#include "wire/stun.h"

enum { LINE_MAX_BYTES = 400, WORD_BYTES = 12, GRACE_S = 2, NOTES_MAX = 64 };

struct name {
    uint16_t number;
    const char *text;
};

static const struct name methods[] = {
    {STUN_BINDING, "Binding"},
    {STUN_ALLOCATE, "Allocate"},
    {STUN_REFRESH, "Refresh"},
    {STUN_SEND, "Send"},
    {STUN_CREATE_PERMISSION, "CreatePermission"},
    {STUN_CHANNEL_BIND, "ChannelBind"},
    {STUN_CONNECT, "Connect"},
    {STUN_CONNECTION_BIND, "ConnectionBind"},
    {0, "request"},
};

/* What the person at the terminal is to make of it. */
static const struct name codes[] = {
    {STUN_OK, "good"},
    {STUN_BAD_REQUEST, "malformed request"},
    {STUN_UNAUTHENTICATED, "asked for, or refused, a password"},
    {STUN_FORBIDDEN, "this peer is not allowed here"},
    {STUN_UNKNOWN_ATTRIBUTE, "asks for what is not known here"},
    {STUN_ALLOCATION_MISMATCH, "no allocation, or one already"},
    {STUN_STALE_NONCE, "gets a new nonce, and should come again"},
    {STUN_FAMILY_UNSUPPORTED, "this address family is not offered"},
    {STUN_WRONG_CREDENTIALS, "another user's allocation"},
    {STUN_TRANSPORT_UNSUPPORTED, "this transport is not offered"},
    {STUN_FAMILY_MISMATCH, "the peer is of another address family"},
    {STUN_CONNECTION_EXISTS, "is connected to this peer already"},
    {STUN_CONNECTION_FAILED, "the peer could not be reached"},
    {STUN_QUOTA_REACHED, "a limit per user or network is reached"},
    {STUN_NO_CAPACITY, "no relay port or other resource is free"},
    {0xffff, "an error"},
};

static const char *const transports[] = {
    [TURN_UDP] = "UDP", [TURN_TCP] = "TCP", [TURN_TLS] = "TLS", [TURN_DTLS] = "DTLS"};

/* The rows end with one for all that is not in them. */
static const char *name_of(const struct name *rows, size_t n, uint16_t number)
{
    size_t i = 0;
    while (i < n - 1 && rows[i].number != number)
        i++;
    return rows[i].text;
}

static size_t put_addr(char *line, size_t at, const char *what, const struct addr *a)
{
    char text[ADDR_TEXT];
    if (a->family == ADDR_NONE)
        return at;
    int n = snprintf(line + at, LINE_MAX_BYTES - at, ", %s %s", what, addr_format(a, text));
    crypto_wipe(text, sizeof(text));
    return at + (size_t)n;
}

static size_t format(const struct turn_note *note, usec_t after, char line[LINE_MAX_BYTES])
{
    const char *method = name_of(methods, sizeof(methods) / sizeof(methods[0]), note->method);
    const char *code = name_of(codes, sizeof(codes) / sizeof(codes[0]), note->code);
    bool is_end = note->kind == TURN_NOTE_ENDED;
    int n =
        snprintf(line, LINE_MAX_BYTES, "%5" PRId64 ".%03" PRId64 " s  %-4s  ", after / USEC_PER_SEC,
                 after % USEC_PER_SEC / 1000, transports[note->transport & 3]);
    size_t at = (size_t)n;
    if (is_end)
        n = snprintf(line + at, LINE_MAX_BYTES - at, "allocation over");
    else if (note->code)
        n = snprintf(line + at, LINE_MAX_BYTES - at, "%s: %u, %s%s", method, note->code, code,
                     note->is_answered ? "" : " (not answered)");
    else
        n = snprintf(line + at, LINE_MAX_BYTES - at, "%s: good", method);
    at += (size_t)n;
    at = put_addr(line, at, "client", &note->client);
    at = put_addr(line, at, "relayed", &note->relayed);
    at = put_addr(line, at, "peer", &note->peer);
    n = snprintf(line + at, LINE_MAX_BYTES - at, ", %" PRIu64 " bytes so far\n", note->bytes);
    return at + (size_t)n;
}

/* Some at a time: whoever floods under the traced name must not keep this thread from its work. */
static void on_notes(void *ctx)
{
    struct trace *t = ctx;
    struct turn_note note;
    char line[LINE_MAX_BYTES];
    for (unsigned i = 0; i < NOTES_MAX && t->client; i++) {
        if (read(t->from, &note, sizeof(note)) != (ssize_t)sizeof(note))
            break;
        size_t n = format(&note, clock_monotonic() - t->begun, line);
        local_send(t->client, span_of(line, n));
    }
    crypto_wipe(&note, sizeof(note));
    crypto_wipe(line, sizeof(line));
}

static void order(struct trace *t, const char *user)
{
    struct net_trace to = {.to = t->to};
    snprintf(to.user, sizeof(to.user), "%.*s", TURN_TRACE_USER, user);
    net_set_trace(t->net, &to);
    crypto_wipe(&to, sizeof(to));
}

/* The workers may still hold the pipe's end for a moment: it is closed by the tick. */
static void stop(struct trace *t)
{
    if (!t->watch)
        return;
    order(t, "");
    loop_unwatch(t->watch);
    close(t->from);
    t->watch = NULL;
    t->client = NULL;
    t->closing = t->to;
    t->until = clock_monotonic() + GRACE_S * USEC_PER_SEC;
    log_event(EVENT_TRACE_ENDED);
}

static bool open_pipe(struct trace *t)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return false;
    t->from = ends[0];
    t->to = ends[1];
    t->watch = loop_watch(t->loop, t->from, on_notes, t);
    if (t->watch)
        return true;
    close(ends[0]);
    close(ends[1]);
    return false;
}

static void put(struct writer *w, const char *text)
{
    w_bytes(w, span_text(text));
}

static bool refuse(struct writer *out, const char *why)
{
    put(out, "refused: ");
    put(out, why);
    put(out, "\n");
    return false;
}

/* Nobody who can only make credentials, as the platform can, can guess the name. */
static int make(const struct auth_secrets *secrets, unsigned minutes, struct auth_credential *ret)
{
    static const char digits[] = "0123456789abcdef";
    char name[sizeof("trace-") + 2 * (size_t)WORD_BYTES] = "trace-";
    uint8_t word[WORD_BYTES];
    int64_t now = clock_wall();
    const struct auth_issue want = {name, now + 60 * (int64_t)minutes, now};
    crypto_random(word, sizeof(word));
    char *at = name + strlen(name);
    for (size_t i = 0; i < sizeof(word); i++) {
        *at++ = digits[word[i] >> 4];
        *at++ = digits[word[i] & 15];
    }
    *at = 0;
    return auth_issue(secrets, &want, ret);
}

bool trace_begin(struct trace *t, struct local_client *client, unsigned minutes,
                 const struct auth_secrets *secrets, struct writer *out)
{
    struct auth_credential made;
    if (t->watch || t->closing)
        return refuse(out, "another trace is running, or has just ended; try again");
    if (make(secrets, minutes, &made) < 0)
        return refuse(out, "no shared secret is in force to make a credential with");
    if (!open_pipe(t)) {
        crypto_wipe(&made, sizeof(made));
        return refuse(out, "no room for a pipe");
    }
    t->client = client;
    t->begun = clock_monotonic();
    t->until = t->begun + 60 * (usec_t)minutes * USEC_PER_SEC;
    order(t, made.user);
    put(out, "Give this to the one person who agreed to it; what they do with it appears below,\n"
             "and of nobody else. End with Ctrl-C.\n\n  user      ");
    put(out, made.user);
    put(out, "\n  password  ");
    put(out, made.password);
    put(out, "\n\n");
    crypto_wipe(&made, sizeof(made));
    local_keep(client);
    log_event(EVENT_TRACE_STARTED, EV_NUM(minutes));
    return true;
}

void trace_tick(struct trace *t)
{
    if (t->until == 0 || clock_monotonic() < t->until)
        return;
    if (t->closing) {
        close(t->closing);
        t->closing = 0;
        t->until = 0;
        return;
    }
    struct local_client *client = t->client;
    stop(t);
    if (!client)
        return;
    local_send(client, span_text("the time is over\n"));
    local_end(client);
}

void trace_gone(struct trace *t)
{
    stop(t);
}

void trace_end(struct trace *t)
{
    stop(t);
    if (t->closing)
        close(t->closing);
    t->closing = 0;
}
