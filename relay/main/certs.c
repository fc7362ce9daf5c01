/* Reads certificates, notices renewed ones, and finds what a renewal would fail on. */
#include "main/certs.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum { DAY = 86400, WARN_DAYS = 14, LINKS_MAX = 8 };

/* --- What is closed to us --- */

struct closed {
    char path[PATH_MAX];
    bool is_folder;
};

/* Where a link leads to, from the folder it lies in; false if it is none. */
static bool follow(const char *path, char ret[PATH_MAX])
{
    char target[PATH_MAX];
    ssize_t n = readlink(path, target, sizeof(target) - 1);
    if (n <= 0)
        return false;
    target[n] = 0;
    const char *slash = strrchr(path, '/');
    int folder = target[0] == '/' || !slash ? 0 : (int)(slash - path) + 1;
    int len = snprintf(ret, PATH_MAX, "%.*s%s", folder, path, target);
    return len > 0 && len < PATH_MAX;
}

/* The first folder on the way that may not be entered, or the file itself. */
static bool first_closed(const char *path, struct closed *ret)
{
    size_t n = strlen(path);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] && path[i] != '/')
            continue;
        (void)snprintf(ret->path, sizeof(ret->path), "%.*s", (int)i, path);
        ret->is_folder = i < n;
        if (faccessat(AT_FDCWD, ret->path, ret->is_folder ? X_OK : R_OK, AT_EACCESS) == 0)
            continue;
        return errno == EACCES;
    }
    return false;
}

/* As first_closed, behind links as well. */
static bool find_closed(const char *path, struct closed *ret)
{
    char at[PATH_MAX];
    (void)snprintf(at, sizeof(at), "%s", path);
    for (int i = 0; i < LINKS_MAX; i++) {
        if (!first_closed(at, ret))
            return false;
        if (!follow(ret->path, at))
            return true;
    }
    return true;
}

static void report_closed(const struct closed *c)
{
    const struct passwd *user = getpwuid(geteuid());
    const struct group *group = getgrgid(getegid());
    log_event(EVENT_CERTIFICATE_CLOSED, EV_TEXT(c->path), EV_TEXT(user ? user->pw_name : "?"),
              EV_TEXT(group ? group->gr_name : "?"), EV_TEXT(c->is_folder ? "g+x" : "g+r"));
}

void certs_verify(const struct conf *c)
{
    struct closed found;
    for (size_t i = 0; i < c->certificates.n; i++) {
        const struct conf_pair *p = &c->certificates.v[i];
        if (!find_closed(p->certificate, &found) && !find_closed(p->key, &found))
            continue;
        report_closed(&found);
        return;
    }
}

/* --- Reading --- */

/* Links are followed: a renewal often moves a link only. */
static void look_at(const char *path, struct stat *ret)
{
    if (stat(path, ret) < 0)
        memset(ret, 0, sizeof(*ret));
}

static void look_at_all(const struct conf *c, struct stat *ret)
{
    for (size_t i = 0; i < c->certificates.n; i++) {
        look_at(c->certificates.v[i].certificate, &ret[2 * i]);
        look_at(c->certificates.v[i].key, &ret[2 * i + 1]);
    }
}

static struct net_tls *load(const struct conf *c, struct net_error *err)
{
    struct net_tls_pair pairs[CONF_LIST_MAX];
    const struct net_tls_conf conf = {pairs, c->certificates.n, c->only_tls13};
    for (size_t i = 0; i < c->certificates.n; i++)
        pairs[i] =
            (struct net_tls_pair){c->certificates.v[i].certificate, c->certificates.v[i].key};
    struct net_tls *tls = net_tls_load(&conf, err);
    if (!tls)
        certs_verify(c);
    return tls;
}

int64_t certs_days(const struct certs *s)
{
    int64_t left = s->ends - clock_wall();
    /* Rounded down, so that the hour after the end counts as -1. */
    return left >= 0 ? left / DAY : -((-left + DAY - 1) / DAY);
}

struct net_tls *certs_load(struct certs *s, const struct conf *c, struct net_error *err)
{
    if (c->certificates.n == 0)
        return NULL;
    struct stat seen[2 * CONF_LIST_MAX];
    look_at_all(c, seen);
    struct net_tls *tls = load(c, err);
    if (!tls)
        return NULL;
    memcpy(s->seen, seen, 2 * c->certificates.n * sizeof(seen[0]));
    s->refused = false;
    s->next_warning = 0;
    s->ends = net_tls_ends(tls);
    log_event(EVENT_CERTIFICATES_LOADED, EV_NUM(c->certificates.n), EV_NUM(certs_days(s)));
    return tls;
}

/* --- Watching --- */

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool has_changed(struct certs *s, const struct conf *c)
{
    struct stat now[2 * CONF_LIST_MAX];
    bool changed = false;
    look_at_all(c, now);
    for (size_t i = 0; i < 2 * c->certificates.n; i++)
        changed |= !is_same(&now[i], &s->seen[i]);
    memcpy(s->seen, now, 2 * c->certificates.n * sizeof(now[0]));
    return changed;
}

static void warn(struct certs *s)
{
    int64_t now = clock_wall();
    if (now < s->next_warning)
        return;
    s->next_warning = now + DAY;
    if (s->ends < now)
        log_event(EVENT_CERTIFICATE_ENDED);
    else if (s->ends - now < WARN_DAYS * DAY)
        log_event(EVENT_CERTIFICATE_ENDS, EV_NUM(certs_days(s)));
}

bool certs_watch(struct certs *s, const struct conf *c, struct net_tls **ret)
{
    struct net_error err = {0};
    if (c->certificates.n == 0)
        return false;
    struct net_tls *tls = has_changed(s, c) ? certs_load(s, c, &err) : NULL;
    if (err.text[0] && !s->refused) {
        s->refused = true;
        log_event(EVENT_CERTIFICATES_REFUSED, EV_TEXT(err.text));
    }
    warn(s);
    if (tls)
        *ret = tls;
    return tls != NULL;
}
