/* Where a server listens: a port of loopback, or a file. */
#include "local/local_int.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/addr.h"

const char *place_why_not(int code)
{
    static const struct {
        int code;
        const char *text;
    } rows[] = {
        {EINVAL, "it is no address of loopback with a port"},
        {ENAMETOOLONG, "its path is too long"},
        {ENOMEM, "out of memory"},
        {EADDRINUSE, "it is in use by another program"},
        {EACCES, "its folder is closed to this user; see RuntimeDirectory= of systemd"},
        {ENOENT, "its folder does not exist"},
        {EADDRNOTAVAIL, "this host has no such address"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].code == code)
            return rows[i].text;
    return "the system refuses it";
}

static int bound(const struct sockaddr *at, socklen_t len)
{
    int one = 1;
    int fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (at->sa_family != AF_UNIX)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, at, len) == 0)
        return fd;
    int r = -errno;
    (void)close(fd);
    return r;
}

/* The file of a server that is no more is in the way; that of a living one stays. */
static void remove_stale(const struct sockaddr_un *at)
{
    struct stat st;
    if (lstat(at->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    if (connect(fd, (const struct sockaddr *)at, sizeof(*at)) < 0 && errno == ECONNREFUSED)
        (void)unlink(at->sun_path);
    (void)close(fd);
}

/* Before anybody listens, nobody gets in: so the mode is never wider than asked for. */
static int bound_path(const char *path, mode_t mode)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n >= sizeof(at.sun_path))
        return -ENAMETOOLONG;
    memcpy(at.sun_path, path, n);
    remove_stale(&at);
    int fd = bound((const struct sockaddr *)&at, sizeof(at));
    if (fd < 0 || chmod(path, mode) == 0)
        return fd;
    int r = -errno;
    (void)close(fd);
    (void)unlink(path);
    return r;
}

static bool is_loopback(const struct addr *a)
{
    static const uint8_t v6[16] = {[15] = 1};
    return a->family == ADDR_V4 ? a->ip[0] == IN_LOOPBACKNET : memcmp(a->ip, v6, 16) == 0;
}

static int bound_port(const char *text)
{
    struct addr a;
    if (!addr_parse(text, &a) || !is_loopback(&a) || a.port == 0)
        return -EINVAL;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(a.port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(a.port)};
    memcpy(&v4.sin_addr, a.ip, 4);
    memcpy(&v6.sin6_addr, a.ip, 16);
    return a.family == ADDR_V4 ? bound((const struct sockaddr *)&v4, sizeof(v4))
                               : bound((const struct sockaddr *)&v6, sizeof(v6));
}

bool place_is_path(const char *at)
{
    return at[0] == '/';
}

int place_bind(const char *at, mode_t mode)
{
    return place_is_path(at) ? bound_path(at, mode) : bound_port(at);
}
