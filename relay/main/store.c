/* One file or one Redis, opened, changed and closed by one command. */
#include "main/store.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "main/text.h"

static int failed(const char *text)
{
    fprintf(stderr, "drehkreuz: %s\n", text);
    return EXIT_FAILED;
}

/* --- Opening --- */

/* Who writes need not be who reads: the server's own user may be allowed no more than that. */
static int set_login(const struct args *a, struct conf *c)
{
    const char *user = a->opt[OPT_USER];
    const char *file = a->opt[OPT_PASSWORD_FILE];
    if (!user && !file)
        return EXIT_OK;
    if (!user || !file || strlen(user) >= sizeof(c->redis_user)) {
        fprintf(stderr, "drehkreuz: --user and --password-file belong together\n");
        return EXIT_USAGE;
    }
    snprintf(c->redis_user, sizeof(c->redis_user), "%s", user);
    int r = text_first_line(file, c->redis_password, sizeof(c->redis_password));
    if (r < 0)
        fprintf(stderr, "drehkreuz: %s: %s\n", file, strerror(-r));
    return r < 0 ? EXIT_USAGE : EXIT_OK;
}

static int use_conf(const struct args *a, struct conf *c, struct store *s)
{
    int rc = set_login(a, c);
    if (rc != EXIT_OK)
        return rc;
    s->max_ttl = c->max_credential_ttl;
    s->max_lifetime = c->lifetime_max;
    if (conf_has_redis(c)) {
        snprintf(s->path, sizeof(s->path), "Redis");
        s->upstream = upstream_new(c);
        return s->upstream ? EXIT_OK : failed("out of memory");
    }
    memcpy(s->path, c->secrets_file, sizeof(s->path));
    memcpy(s->user, c->user, sizeof(s->user));
    if (s->path[0])
        return EXIT_OK;
    fprintf(stderr, "drehkreuz: the configuration names no secrets_file; give --file\n");
    return EXIT_USAGE;
}

static int locate(const struct args *a, struct store *s)
{
    if (a->opt[OPT_FILE]) {
        snprintf(s->path, sizeof(s->path), "%s", a->opt[OPT_FILE]);
        return EXIT_OK;
    }
    struct conf *c = settings_load(a);
    if (!c)
        return EXIT_USAGE;
    int rc = use_conf(a, c, s);
    settings_free(c);
    return rc;
}

/* Of the folder, because the file itself is another one after each change. */
static int lock_folder(struct store *s)
{
    char real[PATH_MAX];
    char copy[PATH_MAX];
    snprintf(copy, sizeof(copy), "%s", realpath(s->path, real) ? real : s->path);
    s->lock = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->lock >= 0 && flock(s->lock, LOCK_EX) == 0)
        return EXIT_OK;
    fprintf(stderr, "drehkreuz: %s: its folder cannot be locked: %s\n", s->path, strerror(errno));
    return EXIT_USAGE;
}

static int load(struct store *s)
{
    struct auth_error err = {0};
    int r = s->upstream ? redis_secrets_load(&s->upstream->redis, &s->secrets, &s->revoked, &err)
                        : settings_secrets(s->path, &s->secrets, &s->revoked, &err);
    if (r == 0)
        return EXIT_OK;
    failed(err.text);
    return s->upstream ? EXIT_FAILED : EXIT_USAGE;
}

int store_open(const struct args *a, bool to_change, struct store **ret)
{
    struct store *s = mem_zalloc(sizeof(*s));
    if (!s)
        return failed("out of memory");
    s->lock = -1;
    int rc = locate(a, s);
    if (rc == EXIT_OK && to_change && !s->upstream)
        rc = lock_folder(s);
    if (rc == EXIT_OK)
        rc = load(s);
    if (rc == EXIT_OK)
        *ret = s;
    else
        store_close(s);
    return rc;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    if (s->lock >= 0)
        close(s->lock);
    upstream_free(s->upstream);
    auth_revocations_clear(&s->revoked);
    mem_free_wiped(s, sizeof(*s));
}

int store_all(const struct conf *c, struct auth_secrets *ret, struct auth_error *err)
{
    int r = settings_secrets(c->secrets_file, ret, NULL, err);
    if (r < 0 || !conf_has_redis(c))
        return r;
    struct upstream *u = upstream_new(c);
    struct auth_secrets *more = mem_zalloc(sizeof(*more));
    r = u && more ? redis_secrets_load(&u->redis, more, NULL, err) : -ENOMEM;
    for (size_t i = 0; r == 0 && i < more->n; i++)
        (void)auth_secrets_add(ret, &more->v[i], NULL);
    mem_free_wiped(more, sizeof(*more));
    upstream_free(u);
    return r;
}

/* --- Changing --- */

/* The server reads the file again after it has given up root, so a new one made by root goes to the
 * configured user, else to whom the folder belongs. */
static int own(const struct store *s)
{
    char copy[CONF_TEXT_MAX];
    struct stat dir = {0};
    snprintf(copy, sizeof(copy), "%s", s->path);
    const struct passwd *pw = s->user[0] ? getpwnam(s->user) : NULL;
    if (pw) {
        dir.st_uid = pw->pw_uid;
        dir.st_gid = pw->pw_gid;
    } else if (stat(dirname(copy), &dir) < 0) {
        return EXIT_OK;
    }
    if (chown(s->path, dir.st_uid, dir.st_gid) == 0)
        return EXIT_OK;
    fprintf(stderr, "drehkreuz: cannot give %s to the server's user: %s\n", s->path,
            strerror(errno));
    return EXIT_FAILED;
}

static int save(struct store *s)
{
    struct auth_error err = {0};
    bool is_new = access(s->path, F_OK) < 0;
    if (auth_file_save(s->path, &s->secrets, &s->revoked, &err) < 0)
        return failed(err.text);
    return is_new && geteuid() == 0 ? own(s) : EXIT_OK;
}

/* The server's own user is meant to read only. */
static int redis_said(int r, const struct auth_error *err)
{
    if (r < 0)
        fprintf(stderr, "drehkreuz: %s%s\n", err->text,
                r == -EPERM ? " (--user and --password-file)" : "");
    return r < 0 ? EXIT_FAILED : EXIT_OK;
}

int store_put(struct store *s, const struct auth_secret *one)
{
    struct auth_error err = {0};
    struct auth_secret *old = auth_secrets_find(&s->secrets, one->id);
    if (old)
        *old = *one;
    else if (auth_secrets_add(&s->secrets, one, &err) < 0)
        return failed(err.text);
    if (!s->upstream)
        return save(s);
    return redis_said(redis_secret_put(&s->upstream->redis, one, &err), &err);
}

int store_remove(struct store *s, const char *id)
{
    struct auth_error err = {0};
    struct auth_secret *one = auth_secrets_find(&s->secrets, id);
    size_t behind = s->secrets.n - 1 - (size_t)(one - s->secrets.v);
    memmove(one, one + 1, behind * sizeof(*one));
    s->secrets.n--;
    crypto_wipe(&s->secrets.v[s->secrets.n], sizeof(*one));
    if (!s->upstream)
        return save(s);
    return redis_said(redis_secret_remove(&s->upstream->redis, id, &err), &err);
}

int store_revoke(struct store *s, const struct auth_revocations *drop,
                 const struct auth_revocations *put)
{
    struct auth_error err = {0};
    int r = 0;
    for (size_t i = 0; i < drop->n; i++)
        (void)auth_revocations_remove(&s->revoked, drop->v[i].name);
    for (size_t i = 0; i < put->n; i++)
        (void)auth_revocations_remove(&s->revoked, put->v[i].name);
    for (size_t i = 0; r == 0 && i < put->n; i++)
        r = auth_revocations_add(&s->revoked, &put->v[i]);
    auth_revocations_sort(&s->revoked);
    if (r == -ENOSPC)
        fprintf(stderr,
                "drehkreuz: there is room for %d revoked names; take out one with: "
                "drehkreuz secret unrevoke\n",
                AUTH_REVOKED_MAX);
    if (r < 0)
        return r == -ENOSPC ? EXIT_FAILED : failed("out of memory");
    if (!s->upstream)
        return save(s);
    return redis_said(redis_revoked_change(&s->upstream->redis, put, drop, &err), &err);
}
