/* What serving needs, from the options. */
#include "main/confine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "main/control.h"
#include "main/observe.h"

/* --- What a configuration needs --- */

static bool is_port(const char *at)
{
    return at[0] && at[0] != '/';
}

static const char *environment(const char *name)
{
    const char *v = getenv(name);
    return v ? v : "";
}

static struct sandbox_conf needs(const struct conf *c)
{
    bool has_redis = is_port(c->redis) || c->redis_sentinels.n > 0;
    return (struct sandbox_conf){
        .tcp_bind = c->tcp_allocations || is_port(c->metrics_listen) || is_port(c->issuer_listen),
        .tcp_connect = c->tcp_allocations || c->web_server[0] || has_redis,
        .abstract = environment("NOTIFY_SOCKET")[0] == '@',
    };
}

static void allow_read(struct sandbox *s, const struct conf *c)
{
    const char *const others[] = {c->secrets_file, c->redis_ca, environment("SSL_CERT_FILE"),
                                  environment("SSL_CERT_DIR"),
                                  environment("CREDENTIALS_DIRECTORY")};
    for (size_t i = 0; i < c->files.n; i++)
        sandbox_allow(s, c->files.v[i], SANDBOX_READ);
    for (size_t i = 0; i < c->certificates.n; i++) {
        sandbox_allow(s, c->certificates.v[i].certificate, SANDBOX_READ);
        sandbox_allow(s, c->certificates.v[i].key, SANDBOX_READ);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        sandbox_allow(s, others[i], SANDBOX_READ);
}

/* With what systemd gave us a reload may come, although nothing lies there yet. */
static void allow_write(struct sandbox *s, const struct conf *c)
{
    conf_text control, windows;
    struct metrics_conf metrics;
    control_path(c, control);
    observe_conf(c, windows, &metrics);
    const char *const sockets[] = {control, c->metrics_listen, c->issuer_listen, c->issuer_socket,
                                   environment("RUNTIME_DIRECTORY")};
    for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++)
        if (sockets[i][0] == '/')
            sandbox_allow(s, sockets[i], SANDBOX_SOCKETS);
    sandbox_allow(s, windows, SANDBOX_KEEP);
}

struct sandbox *confine_prepare(const struct conf *c)
{
    const struct sandbox_conf conf = needs(c);
    struct sandbox *s = c->sandbox ? sandbox_new(&conf) : NULL;
    if (!s)
        return NULL;
    allow_read(s, c);
    allow_write(s, c);
    return s;
}

/* --- The way in --- */

static void report(const char *what, int error)
{
    log_event(EVENT_SANDBOX_MISSING, EV_TEXT(what), EV_TEXT(strerror(-error)));
}

bool confine_enter(struct sandbox *s)
{
    struct sandbox_state state;
    if (!s) {
        log_event(EVENT_SANDBOX_OFF);
        return false;
    }
    sandbox_enter(s, &state);
    if (state.files < 0)
        report("Landlock", state.files);
    if (state.calls < 0)
        report("filter of system calls", state.calls);
    if (state.files == 0 && state.calls == 0)
        log_event(EVENT_SANDBOX_ON, EV_TEXT("files and system calls"));
    else if (state.files == 0 || state.calls == 0)
        log_event(EVENT_SANDBOX_ON, EV_TEXT(state.files == 0 ? "files" : "system calls"));
    return state.files == 0 && state.calls == 0;
}

/* --- Inside --- */

struct path {
    const char *option;
    const char *path;
};

enum { PATHS_MAX = 2 * CONF_LIST_MAX + 2 };

static size_t list_files(const struct conf *c, struct path ret[PATHS_MAX])
{
    size_t n = 0;
    ret[n++] = (struct path){"secrets_file", c->secrets_file};
    ret[n++] = (struct path){"redis_ca", c->redis_ca};
    for (size_t i = 0; i < c->certificates.n; i++) {
        ret[n++] = (struct path){"certificates", c->certificates.v[i].certificate};
        ret[n++] = (struct path){"certificates", c->certificates.v[i].key};
    }
    return n;
}

/* The first file that is closed to us alone, or NULL. */
static const struct path *first_hidden(const struct path *files, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (files[i].path[0] && sandbox_hides(files[i].path))
            return &files[i];
    return NULL;
}

static bool refuse(struct auth_error *err, const struct path *what)
{
    snprintf(err->text, sizeof(err->text),
             "%s: the sandbox has closed what %.128s needs, which was not configured at the start; "
             "restart the server",
             what->option, what->path);
    return false;
}

static bool permits_sockets(const struct sandbox *s, const struct conf *c, struct auth_error *err)
{
    const struct {
        struct path at;
        enum sandbox_tcp tcp;
    } all[] = {{{"metrics_listen", c->metrics_listen}, SANDBOX_BIND},
               {{"issuer_listen", c->issuer_listen}, SANDBOX_BIND},
               {{"issuer_socket", c->issuer_socket}, SANDBOX_BIND},
               {{"redis", c->redis}, SANDBOX_CONNECT},
               {{"redis_sentinels", c->redis_sentinels.v[0]}, SANDBOX_CONNECT}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        const char *path = all[i].at.path;
        bool is_made = all[i].tcp == SANDBOX_BIND && path[0] == '/';
        if ((is_made && sandbox_refuses(s, path)) ||
            (is_port(path) && sandbox_refuses_tcp(s, all[i].tcp)))
            return refuse(err, &all[i].at);
    }
    return true;
}

bool confine_permits(const struct sandbox *s, const struct conf *fresh, struct auth_error *err)
{
    struct path files[PATHS_MAX];
    if (!s)
        return true;
    const struct path *hidden = first_hidden(files, list_files(fresh, files));
    return hidden ? refuse(err, hidden) : permits_sockets(s, fresh, err);
}

void confine_explain(const struct sandbox *s, char *text, size_t n)
{
    size_t used = strlen(text);
    if (s && strstr(text, strerror(EACCES)))
        snprintf(text + used, n - used,
                 " (what lies outside of the folders known at the start needs a restart)");
}

void confine_report(const struct sandbox *s, const struct conf *c)
{
    struct path files[PATHS_MAX];
    const struct path *hidden = s ? first_hidden(files, list_files(c, files)) : NULL;
    if (hidden)
        log_event(EVENT_SANDBOX_OUTSIDE, EV_TEXT(hidden->path));
}
