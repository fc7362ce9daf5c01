/* Files and processes of a host. */
#include "check/host_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

ssize_t host_read(const struct host *h, const char *path, char *ret, size_t cap)
{
    char full[HOST_PATH];
    ret[0] = 0;
    if ((size_t)snprintf(full, sizeof(full), "%s/%s", h->root, path) >= sizeof(full))
        return -ENAMETOOLONG;
    int fd = open(full, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    size_t n = 0;
    ssize_t got = 1;
    while (got > 0 && n < cap - 1) {
        got = read(fd, ret + n, cap - 1 - n);
        n += got > 0 ? (size_t)got : 0;
    }
    int failed = got < 0 ? -errno : 0;
    close(fd);
    if (n > 0 && ret[n - 1] == '\n')
        n--;
    ret[n] = 0;
    return failed ? failed : (ssize_t)n;
}

static bool look_at(const struct host *h, const char *path, struct stat *ret)
{
    char full[HOST_PATH];
    return (size_t)snprintf(full, sizeof(full), "%s/%s", h->root, path) < sizeof(full) &&
           stat(full, ret) == 0;
}

bool host_is_there(const struct host *h, const char *path)
{
    struct stat st;
    return look_at(h, path, &st);
}

bool host_value(const char *text, const char *name, char *ret, size_t cap)
{
    size_t n = strlen(name);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, n) != 0)
            continue;
        line += n + strspn(line + n, ": \t=");
        snprintf(ret, cap, "%.*s", (int)strcspn(line, "\n"), line);
        return true;
    }
    return false;
}

/* Any user may give a program of his a name that a terminal would obey. */
static void plain(char *text)
{
    for (; *text; text++)
        *text = *text < ' ' || *text > '~' ? '?' : *text;
}

void host_processes(const struct host *h, host_process_fn *f, void *ctx)
{
    char path[HOST_PATH];
    char comm[HOST_COMM + 1];
    snprintf(path, sizeof(path), "%s/proc", h->root);
    DIR *dir = opendir(path);
    bool goes_on = dir != NULL;
    for (const struct dirent *e; goes_on && (e = readdir(dir));) {
        char *end;
        long pid = strtol(e->d_name, &end, 10);
        snprintf(path, sizeof(path), "proc/%ld/comm", pid);
        if (*end || pid <= 0 || host_read(h, path, comm, sizeof(comm)) <= 0)
            continue;
        plain(comm);
        goes_on = f(ctx, h, pid, comm);
    }
    if (dir)
        closedir(dir);
}

/* --- The server --- */

/* Of a process that may not be dumped, all files in its folder belong to root, but not the folder
 * (proc(5)); the owner in `status` is the process's. */
static void look_at_owner(const struct host *h, struct host_server *s)
{
    char path[HOST_PATH];
    char text[HOST_FILE];
    char value[64];
    struct stat st;
    snprintf(path, sizeof(path), "proc/%ld/status", s->pid);
    if (host_read(h, path, text, sizeof(text)) < 0 ||
        !host_value(text, "Uid", value, sizeof(value)) || !look_at(h, path, &st))
        return;
    unsigned long uid = strtoul(value, NULL, 10);
    s->is_root = uid == 0;
    s->is_dumpable = uid != 0 && st.st_uid == uid;
    s->is_locked = host_value(text, "VmLck", value, sizeof(value)) && strtoul(value, NULL, 10) > 0;
}

static void look_at_limits(const struct host *h, struct host_server *s)
{
    char path[HOST_PATH];
    char text[HOST_FILE];
    char value[128];
    snprintf(path, sizeof(path), "proc/%ld/limits", s->pid);
    s->may_dump = host_read(h, path, text, sizeof(text)) < 0 ||
                  !host_value(text, "Max core file size", value, sizeof(value)) ||
                  strncmp(value, "0 ", 2) != 0;
    snprintf(path, sizeof(path), "proc/%ld/cgroup", s->pid);
    if (host_read(h, path, text, sizeof(text)) < 0 ||
        !host_value(text, "0::", s->cgroup, sizeof(s->cgroup)))
        s->cgroup[0] = 0;
}

/* The same program runs for commands too; their arguments tell. */
static bool take_server(void *ctx, const struct host *h, long pid, const char *comm)
{
    struct host_server *s = ctx;
    char path[HOST_PATH];
    char line[HOST_FILE];
    if (strcmp(comm, "drehkreuz") != 0)
        return true;
    snprintf(path, sizeof(path), "proc/%ld/cmdline", pid);
    ssize_t n = host_read(h, path, line, sizeof(line));
    size_t first = strlen(line) + 1;
    if (n < (ssize_t)first || strcmp(line + first, "run") != 0)
        return true;
    s->runs = true;
    s->pid = pid;
    return false;
}

void host_find_server(struct host *h)
{
    memset(&h->server, 0, sizeof(h->server));
    host_processes(h, take_server, &h->server);
    if (!h->server.runs)
        return;
    look_at_owner(h, &h->server);
    look_at_limits(h, &h->server);
}
