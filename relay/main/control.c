/* One table of commands. Nothing here tells of a client, with one exception: a trace, see
 * main/trace.h. */
#include "main/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "main/args.h"
#include "main/server.h"

enum { ANSWER_MAX = METRICS_TEXT_MAX, LINE_MAX_BYTES = 64, TEXT_BYTES = 4096 };

/* Where a server without a configured path has it under our unit. */
#define RUN_FOLDER "/run/drehkreuz"

static void put(struct writer *w, const char *text)
{
    w_bytes(w, span_text(text));
}

struct order {
    struct control *c;
    struct local_client *client;
    long number; /* behind the word; -1 = none */
    struct writer *out;
};

static void do_stats(struct order *o)
{
    struct metrics_health h;
    struct server *s = o->c->server;
    server_health(s, &h);
    metrics_print_text(s->observe.metrics, &h, o->out);
}

static void do_stats_json(struct order *o)
{
    struct metrics_health h;
    struct server *s = o->c->server;
    server_health(s, &h);
    metrics_print_json(s->observe.metrics, &h, o->out);
}

/* The same answer whatever is behind the port: else it could be used to look for calls. */
static void do_kill(struct order *o)
{
    if (o->number < 1024 || o->number > UINT16_MAX) {
        put(o->out, "refused: a port is a number from 1024 to 65535\n");
        return;
    }
    net_kill(o->c->server->net, (uint16_t)o->number);
    put(o->out, "accepted\n");
}

static void do_reload(struct order *o)
{
    struct auth_error err = {0};
    if (server_reload(o->c->server, &err)) {
        put(o->out, "reloaded\n");
        return;
    }
    put(o->out, "refused: ");
    put(o->out, err.text);
    put(o->out, "\n");
}

static void do_drain(struct order *o)
{
    server_drain(o->c->server);
    put(o->out, "draining: no new allocations, the living ones go on\n");
}

static void do_trace(struct order *o)
{
    if (o->number < 1 || o->number > TRACE_MINUTES_MAX)
        put(o->out, "refused: a trace takes 1 to 30 minutes\n");
    else
        trace_begin(&o->c->trace, o->client, (unsigned)o->number, &o->c->server->creds.all, o->out);
}

static const struct {
    const char *line; /* all of it, or up to the number */
    bool has_number;
    void (*run)(struct order *o);
} orders[] = {
    {"stats", false, do_stats},   {"stats json", false, do_stats_json}, {"kill ", true, do_kill},
    {"reload", false, do_reload}, {"drain", false, do_drain},           {"trace ", true, do_trace},
};

static long number_of(const char *text)
{
    char *end;
    long v = strtol(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == 0 ? v : -1;
}

static bool is_admin(uid_t uid)
{
    return uid == 0 || uid == geteuid();
}

static void answer(void *ctx, const struct local_request *request, bool too_long,
                   struct writer *out)
{
    char line[LINE_MAX_BYTES] = {0};
    struct order o = {ctx, request->client, -1, out};
    if (!is_admin(request->uid)) {
        put(out, "refused: only root and the server's own user may command it\n");
        return;
    }
    bool is_text = !too_long && !(request->raw.n && memchr(request->raw.p, 0, request->raw.n));
    if (is_text && request->raw.n < sizeof(line))
        memcpy(line, request->raw.p, request->raw.n);
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        size_t n = strlen(orders[i].line);
        if (strncmp(line, orders[i].line, n) != 0 || (!orders[i].has_number && line[n]))
            continue;
        o.number = orders[i].has_number ? number_of(line + n) : -1;
        orders[i].run(&o);
        return;
    }
    put(out, "refused: expected stats, stats json, kill PORT, reload, drain or trace MINUTES\n");
}

static void on_gone(void *ctx, struct local_client *client)
{
    struct control *c = ctx;
    if (client == c->trace.client)
        trace_gone(&c->trace);
}

void control_path(const struct conf *c, conf_text ret)
{
    const char *folder = getenv("RUNTIME_DIRECTORY");
    memset(ret, 0, CONF_TEXT_MAX);
    if (c->control_socket[0])
        snprintf(ret, CONF_TEXT_MAX, "%s", c->control_socket);
    else if (folder && folder[0] == '/')
        snprintf(ret, CONF_TEXT_MAX, "%.200s/control", folder);
}

void control_start(struct control *c, struct server *s)
{
    struct local_error err = {0};
    const struct local_conf conf = {.at = c->at,
                                    .mode = 0600,
                                    .answer_max = ANSWER_MAX,
                                    .answer = answer,
                                    .gone = on_gone,
                                    .ctx = c};
    c->server = s;
    c->trace.net = s->net;
    c->trace.loop = s->loop;
    control_path(s->conf, c->at);
    if (!c->at[0])
        return;
    c->local = local_new(loop_base(s->loop), &conf, &err);
    if (c->local)
        log_event(EVENT_CONTROL_READY, EV_TEXT(c->at));
    else
        log_event(EVENT_CONTROL_REFUSED, EV_TEXT(err.text));
}

void control_tick(struct control *c)
{
    trace_tick(&c->trace);
}

void control_end(struct control *c)
{
    local_free(c->local);
    c->local = NULL;
    trace_end(&c->trace);
}

/* --- The other end --- */

static int connected(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(at.sun_path))
        return -ENAMETOOLONG;
    memcpy(at.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0)
        return fd;
    int r = -errno;
    close(fd);
    return r;
}

/* Whether something came, and it was no refusal. */
static int copy(int fd)
{
    char text[TEXT_BYTES];
    bool is_first = true;
    bool is_good = false;
    ssize_t n;
    while ((n = read(fd, text, sizeof(text))) > 0) {
        if (is_first)
            is_good = strncmp(text, "refused", n < 7 ? (size_t)n : 7) != 0;
        is_first = false;
        fwrite(text, 1, (size_t)n, is_good ? stdout : stderr);
        fflush(stdout);
    }
    if (is_first)
        fprintf(stderr, "drehkreuz: the server said nothing\n");
    return is_good ? EXIT_OK : EXIT_FAILED;
}

int control_ask(const struct conf *c, const char *line)
{
    conf_text path;
    control_path(c, path);
    if (!path[0])
        snprintf(path, sizeof(path), RUN_FOLDER "/control");
    int fd = connected(path);
    if (fd < 0) {
        fprintf(stderr, "drehkreuz: cannot reach the server at %s: %s; %s\n", path, strerror(-fd),
                fd == -EACCES ? "run this as root"
                              : "see that it runs, and that control_socket is set");
        return EXIT_FAILED;
    }
    int rc = EXIT_FAILED;
    if (send(fd, line, strlen(line), MSG_NOSIGNAL) == (ssize_t)strlen(line))
        rc = copy(fd);
    close(fd);
    return rc;
}
