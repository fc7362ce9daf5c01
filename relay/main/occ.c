/* Starts occ without a shell, as the user it wants, without a terminal. Its options are seen in the
 * list of processes while it runs; it takes secrets in no other way. */
#include "main/occ.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "crypto/crypto.h"

#define CONFIG_DIR "NEXTCLOUD_CONFIG_DIR"

enum { WAIT_S = 60, NO_START = 127, TEXT_MAX = 8192 };

/* All that the child needs, on the stack, since our heap is empty there (base/pool.h). */
struct start {
    struct occ occ;
    char *argv[OCC_WORDS + 1];
    size_t n;
    char text[TEXT_MAX];
    size_t used;
};

#define SNAP "/snap/bin/nextcloud.occ"

static const char *const PLACES[] = {"/var/www/nextcloud/occ", "/var/www/html/occ", SNAP};

/* --- Where, and as whom --- */

/* 1, or 0 without config.php; links are none, and with -1 it is not to be believed: whoever may
 * change that folder would choose the user. */
static int find_config(const struct occ *o, struct stat *ret)
{
    char path[PATH_MAX + 32];
    char copy[PATH_MAX];
    const char *dir = getenv(CONFIG_DIR);
    struct stat folder;
    memcpy(copy, o->path, sizeof(copy));
    if (dir && *dir)
        (void)snprintf(path, sizeof(path), "%.4000s", dir);
    else
        (void)snprintf(path, sizeof(path), "%s/config", dirname(copy));
    if (lstat(path, &folder) < 0 || !S_ISDIR(folder.st_mode))
        return 0;
    size_t n = strlen(path);
    (void)snprintf(path + n, sizeof(path) - n, "/config.php");
    if (lstat(path, ret) < 0 || !S_ISREG(ret->st_mode))
        return 0;
    return folder.st_uid == 0 || folder.st_uid == ret->st_uid ? 1 : -1;
}

static void take_owner(struct occ *o, const struct stat *file)
{
    const struct passwd *pw = getpwuid(file->st_uid);
    o->uid = file->st_uid;
    o->gid = pw ? pw->pw_gid : file->st_gid;
    if (pw)
        (void)snprintf(o->owner, sizeof(o->owner), "%s", pw->pw_name);
    else
        (void)snprintf(o->owner, sizeof(o->owner), "#%u", (unsigned)o->uid);
    o->drop = o->uid != geteuid();
}

/* Root's is what nobody else may change. */
static bool is_trusted(const struct occ *o, const struct stat *s)
{
    bool is_roots = s->st_uid == 0 && !(s->st_mode & (S_IWGRP | S_IWOTH));
    return is_roots || s->st_uid == o->uid;
}

/* What occ loads lies beside it. */
static bool is_own_folder(const struct occ *o)
{
    char copy[PATH_MAX];
    struct stat s;
    memcpy(copy, o->path, sizeof(copy));
    return stat(dirname(copy), &s) == 0 && is_trusted(o, &s);
}

static int refuse(char why[OCC_WHY], const char *path, const char *text)
{
    (void)snprintf(why, OCC_WHY, "%.*s %s", PATH_MAX, path, text);
    return -EACCES;
}

/* occ and config.php are in the hands of the web server's user, who must not become anybody else by
 * them: neither root nor a third one. */
static int look_owner(struct occ *o, const struct stat *file, char why[OCC_WHY])
{
    struct stat config;
    int has_config = find_config(o, &config);
    take_owner(o, has_config == 1 ? &config : file);
    if (has_config < 0 || !is_trusted(o, file) || !is_own_folder(o))
        return refuse(why, o->path,
                      "or its folder may be changed by another user than the owner of "
                      "config/config.php, so it is not run");
    if (o->uid == 0)
        return refuse(why, o->path,
                      "would run as root, so it is not; run the lines of drehkreuz setup "
                      "nextcloud by hand, as the web server's user");
    if (o->drop && geteuid() != 0) {
        (void)snprintf(why, OCC_WHY,
                       "occ runs as the owner of config/config.php, %s; run this as root",
                       o->owner);
        return -EACCES;
    }
    return 0;
}

static int find_at(const char *path, struct occ *ret, char why[OCC_WHY])
{
    struct stat link;
    struct stat file;
    memset(ret, 0, sizeof(*ret));
    if (lstat(path, &link) < 0 && errno == EACCES)
        return refuse(why, path, "may be seen by others alone; run this as root");
    if (lstat(path, &link) < 0 || stat(path, &file) < 0 || !S_ISREG(file.st_mode) ||
        !realpath(path, ret->path))
        return -ENOENT;
    if (link.st_uid != 0 && link.st_uid != file.st_uid)
        return refuse(why, path, "is a link to somebody else's file, so it is not run");
    ret->by_php = !(file.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH));
    if (strcmp(path, SNAP) != 0)
        return look_owner(ret, &file, why);
    /* Root's own; a link to the program that looks under which name it is called. */
    memcpy(ret->path, SNAP, sizeof(SNAP));
    return file.st_uid == 0 ? 0 : refuse(why, path, "is not root's, so it is not run");
}

int occ_find(const char *path, struct occ *ret, char why[OCC_WHY])
{
    int r = path ? find_at(path, ret, why) : -ENOENT;
    for (size_t i = 0; !path && r == -ENOENT && i < sizeof(PLACES) / sizeof(PLACES[0]); i++)
        r = find_at(PLACES[i], ret, why);
    if (r == -ENOENT)
        (void)snprintf(why, OCC_WHY, "no occ on this host (%.*s); name it by --occ FILE", PATH_MAX,
                       path ? path : "looked at /var/www/nextcloud, /var/www/html and its snap");
    return r;
}

/* --- The child --- */

static bool become(const struct occ *o)
{
    if (!o->drop)
        return true;
    bool has_name = o->owner[0] != '#';
    int r = has_name ? initgroups(o->owner, o->gid) : setgroups(0, NULL);
    return r == 0 && setgid(o->gid) == 0 && setuid(o->uid) == 0 && setuid(0) < 0;
}

static void go(const struct start *s, int out)
{
    const struct occ *o = &s->occ;
    char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin";
    char lang[] = "LANG=C.UTF-8";
    char config[PATH_MAX + 32];
    char folder[PATH_MAX];
    const char *dir = getenv(CONFIG_DIR);
    char *const env[] = {path, lang, dir ? config : NULL, NULL};
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    setsid(); /* no way to the terminal of root */
    memcpy(folder, o->path, sizeof(folder));
    if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 ||
        close_range(3, ~0U, 0) < 0 || !become(o))
        _exit(NO_START);
    if (chdir(dirname(folder)) < 0 && chdir("/") < 0)
        _exit(NO_START);
    (void)snprintf(config, sizeof(config), CONFIG_DIR "=%.4000s", dir ? dir : "");
    (void)signal(SIGPIPE, SIG_DFL);
    execve(s->argv[0], s->argv, env);
    _exit(NO_START);
}

/* --- The parent --- */

/* Reads until the end, the limit or the deadline; what is beyond the limit is thrown away. */
static bool read_all(int fd, usec_t until, char out[OCC_OUTPUT])
{
    char waste[1024];
    size_t n = 0;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    for (;;) {
        usec_t left = until - clock_monotonic();
        int r = left > 0 ? poll(&p, 1, (int)(left / 1000) + 1) : 0;
        if (r == 0 || (r < 0 && errno != EINTR))
            return false;
        bool has_room = n < OCC_OUTPUT - 1;
        ssize_t got = read(fd, has_room ? out + n : waste,
                           has_room ? (size_t)OCC_OUTPUT - 1 - n : sizeof(waste));
        if (got < 0 && errno != EINTR)
            return false;
        if (got == 0)
            return true;
        n += has_room && got > 0 ? (size_t)got : 0;
        out[n] = 0;
    }
}

/* What has closed its output need not have ended. */
static bool ends(pid_t pid, usec_t until)
{
    struct pollfd p = {.fd = pidfd_open(pid, 0), .events = POLLIN};
    usec_t left;
    int r = -1;
    while (p.fd >= 0 && r < 0 && (left = until - clock_monotonic()) > 0)
        r = poll(&p, 1, (int)(left / 1000) + 1);
    if (p.fd >= 0)
        close(p.fd);
    return r > 0;
}

static int status_of(pid_t pid, bool ended)
{
    int status = 0;
    if (!ended)
        (void)kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    if (!ended)
        return -ETIMEDOUT;
    if (!WIFEXITED(status))
        return -EINTR;
    return WEXITSTATUS(status) == NO_START ? -ENOEXEC : WEXITSTATUS(status);
}

static const char *php(void)
{
    static const char *const places[] = {"/usr/bin/php", "/usr/local/bin/php"};
    return access(places[0], X_OK) == 0 ? places[0] : places[1];
}

static bool add_word(struct start *s, const char *word)
{
    size_t n = strlen(word) + 1;
    if (n > sizeof(s->text) - s->used || s->n == OCC_WORDS)
        return false;
    s->argv[s->n++] = memcpy(s->text + s->used, word, n);
    s->used += n;
    return true;
}

static bool set_words(const char *const *words, struct start *s)
{
    bool ok = (!s->occ.by_php || add_word(s, php())) && add_word(s, s->occ.path) &&
              add_word(s, "--no-warnings");
    for (size_t i = 0; ok && words[i]; i++)
        ok = add_word(s, words[i]);
    return ok;
}

static int start(const struct start *s, char out[OCC_OUTPUT])
{
    int fd[2];
    if (pipe2(fd, O_CLOEXEC) < 0)
        return -errno;
    (void)fflush(NULL);
    pid_t pid = fork();
    int r = pid < 0 ? -errno : 0;
    if (pid == 0)
        go(s, fd[1]);
    close(fd[1]);
    usec_t until = clock_monotonic() + WAIT_S * USEC_PER_SEC;
    bool ended = r == 0 && read_all(fd[0], until, out) && ends(pid, until);
    close(fd[0]);
    return r < 0 ? r : status_of(pid, ended);
}

int occ_run(const struct occ *o, const char *const *words, char out[OCC_OUTPUT])
{
    struct start s = {.occ = *o};
    out[0] = 0;
    int r = set_words(words, &s) ? start(&s, out) : -E2BIG;
    crypto_wipe(&s, sizeof(s));
    return r;
}
