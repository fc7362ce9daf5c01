/* From paths to rules. */
#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "sandbox/sandbox_int.h"

enum { LINKS_MAX = 16, PLACES_MAX = 16 };

struct place {
    dev_t dev;
    ino_t ino;
};

struct sandbox {
    int rules; /* of Landlock; -errno where there is none */
    int abi;
    struct sandbox_conf conf;
    int files; /* 0 = inside */
    size_t n;  /* folders for sockets */
    struct place sockets[PLACES_MAX];
};

/* What libraries read: names of hosts and users, the system's certificates, how many processors
 * there are. Folders rather than files, since most of these files are replaced when they change. */
static const char *const system_paths[] = {
    "/etc",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    "/usr/lib/ssl",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/usr/share/zoneinfo",
    "/sys/devices/system/cpu/online",
    "/dev/urandom",
#if MEM_IS_WATCHED
    /* the search for leaks reads maps, and another program names the lines */
    "/proc",
    "/proc/self/exe",
    "/usr",
#endif
};

/* --- Folders --- */

/* The real path of the folder that a name lies in. False for the root, which is no choice. */
static bool parent_of(const char *path, char ret[PATH_MAX])
{
    char at[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) + 1 : 0;
    if (n >= sizeof(at))
        return false;
    memcpy(at, path, n);
    at[n] = '\0';
    return realpath(n ? at : ".", ret) && ret[1];
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* What has to be open for the file to be replaced by another one. */
static const char *place_of(const char *path, char room[PATH_MAX])
{
    return !is_folder(path) && parent_of(path, room) ? room : path;
}

/* A server that is kept from its own files is worse than one without Landlock. */
static void give_up(struct sandbox *s, int error)
{
    close(s->rules);
    s->rules = error;
}

static void allow_place(struct sandbox *s, const char *place, enum sandbox_use use)
{
    struct stat st;
    int fd = s->rules < 0 ? -1 : open(place, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return;
    bool is_kept = use == SANDBOX_SOCKETS && s->n < PLACES_MAX;
    int error = landlock_allow(s->rules, fd, use);
    if (error < 0)
        give_up(s, error);
    else if (is_kept && fstat(fd, &st) == 0)
        s->sockets[s->n++] = (struct place){st.st_dev, st.st_ino};
    close(fd);
}

/* --- Links --- */

/* The first part of a path that is a link: where it ends, and where it leads. */
static bool find_link(const char *path, size_t *ret_end, char ret[PATH_MAX])
{
    char at[PATH_MAX];
    size_t n = strlen(path);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] && path[i] != '/')
            continue;
        memcpy(at, path, i);
        at[i] = '\0';
        ssize_t got = readlink(at, ret, PATH_MAX - 1);
        if (got <= 0)
            continue;
        ret[got] = '\0';
        *ret_end = i;
        return true;
    }
    return false;
}

/* Puts what a link says in its place. */
static bool follow(char path[PATH_MAX], size_t end, const char *target)
{
    char rest[PATH_MAX];
    size_t from = end;
    size_t n = strlen(target);
    size_t left = strlen(path + end) + 1;
    while (target[0] != '/' && from > 0 && path[from - 1] != '/')
        from--;
    from = target[0] == '/' ? 0 : from;
    if (from + n + left > PATH_MAX)
        return false;
    memcpy(rest, path + end, left);
    memcpy(path + from, target, n);
    memcpy(path + from + n, rest, left);
    return true;
}

/* A folder such as /var holds the files of all the world, and its links are the system's. */
static bool is_own(const char *folder)
{
    return strchr(folder + 1, '/') != NULL;
}

static void allow_links(struct sandbox *s, const char *path)
{
    char at[PATH_MAX];
    char link[PATH_MAX];
    char room[PATH_MAX];
    char target[PATH_MAX];
    size_t end;
    memcpy(at, path, strlen(path) + 1);
    for (int i = 0; i < LINKS_MAX && find_link(at, &end, target); i++) {
        memcpy(link, at, end);
        link[end] = '\0';
        if (parent_of(link, room) && is_own(room))
            allow_place(s, room, SANDBOX_READ);
        if (!follow(at, end, target))
            return;
    }
    allow_place(s, place_of(at, room), SANDBOX_READ);
}

/* --- Doors --- */

struct sandbox *sandbox_new(const struct sandbox_conf *conf)
{
    struct sandbox *s = mem_zalloc(sizeof(*s));
    if (!s)
        return NULL;
    s->conf = *conf;
    s->rules = landlock_open(conf, &s->abi);
    for (size_t i = 0; i < sizeof(system_paths) / sizeof(system_paths[0]); i++)
        allow_place(s, system_paths[i], SANDBOX_READ);
    allow_links(s, "/etc/resolv.conf");
    return s;
}

void sandbox_free(struct sandbox *s)
{
    if (s && s->rules >= 0)
        close(s->rules);
    mem_free(s);
}

void sandbox_allow(struct sandbox *s, const char *path, enum sandbox_use use)
{
    char room[PATH_MAX];
    if (!path[0] || strlen(path) >= PATH_MAX)
        return;
    allow_place(s, place_of(path, room), use);
    if (use == SANDBOX_READ)
        allow_links(s, path);
}

void sandbox_enter(struct sandbox *s, struct sandbox_state *ret)
{
    s->files = s->rules < 0 ? s->rules : landlock_enter(s->rules);
    if (s->rules >= 0)
        close(s->rules);
    s->rules = -EBADF;
    *ret = (struct sandbox_state){s->files, calls_enter(), s->abi};
}

/* --- Inside --- */

/* The kernel asks Landlock when a file is opened, and not when it is asked about the mode. */
bool sandbox_hides(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool is_denied = fd < 0 && errno == EACCES;
    if (fd >= 0)
        close(fd);
    return is_denied && faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0;
}

bool sandbox_refuses(const struct sandbox *s, const char *path)
{
    struct stat st;
    char room[PATH_MAX];
    if (s->files < 0 || !parent_of(path, room) || stat(room, &st) < 0)
        return false;
    for (size_t i = 0; i < s->n; i++)
        if (s->sockets[i].dev == st.st_dev && s->sockets[i].ino == st.st_ino)
            return false;
    return true;
}

bool sandbox_refuses_tcp(const struct sandbox *s, enum sandbox_tcp what)
{
    bool is_open = what == SANDBOX_BIND ? s->conf.tcp_bind : s->conf.tcp_connect;
    return s->files == 0 && s->abi >= LANDLOCK_TCP && !is_open;
}
