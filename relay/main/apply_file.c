/* A file of our own in a platform's folder: written aside, synced, renamed. */
#include "main/apply.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "crypto/crypto.h"

enum { BYTES_MAX = 1 << 17, LINE_MAX_BYTES = 4096 };

enum apply_result apply_refuse(const char *format, ...)
{
    va_list args;
    (void)fflush(stdout);
    fprintf(stderr, "drehkreuz: ");
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    return APPLY_FAILED;
}

/* --- Looking around --- */

bool apply_lines(const char *path, apply_line *each, void *ctx)
{
    char line[LINE_MAX_BYTES];
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    while (fgets(line, sizeof(line), f)) {
        line[strcspn(line, "\r\n")] = 0;
        each(ctx, line + strspn(line, " \t"));
    }
    bool ok = !ferror(f);
    fclose(f);
    crypto_wipe(line, sizeof(line));
    return ok;
}

static bool ends_in(const char *name, const char *suffix)
{
    size_t n = strlen(name);
    size_t m = strlen(suffix);
    return n > m && name[0] != '.' && strcmp(name + n - m, suffix) == 0;
}

bool apply_neighbours(const char *path, const char *suffix, apply_neighbour *each, void *ctx)
{
    char folder[PATH_MAX];
    char other[PATH_MAX + NAME_MAX + 2];
    (void)snprintf(folder, sizeof(folder), "%s", path);
    const char *own = strrchr(path, '/');
    const char *in = dirname(folder);
    DIR *d = opendir(in);
    if (!d)
        return false;
    bool ok = true;
    for (struct dirent *e; ok && (e = readdir(d));) {
        if (!ends_in(e->d_name, suffix) || strcmp(e->d_name, own ? own + 1 : path) == 0)
            continue;
        (void)snprintf(other, sizeof(other), "%s/%s", in, e->d_name);
        ok = each(ctx, other);
    }
    closedir(d);
    return ok;
}

/* --- Writing --- */

struct rights {
    uid_t uid;
    gid_t gid;
    mode_t mode;
};

/* root's, readable by the service's group; where it has none of its own, the service's file. */
static bool rights_for(const char *service, struct rights *ret)
{
    const struct group *group = getgrnam(service);
    const struct passwd *user = getpwnam(service);
    if (group)
        *ret = (struct rights){0, group->gr_gid, 0640};
    else if (user)
        *ret = (struct rights){user->pw_uid, user->pw_gid, 0600};
    return group || user;
}

static int put_all(int fd, const char *text, size_t n)
{
    while (n) {
        ssize_t done = write(fd, text, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return -EIO;
        text += done;
        n -= (size_t)done;
    }
    return 0;
}

static int fill(int fd, const struct rights *r, const char *text)
{
    if (put_all(fd, text, strlen(text)) < 0 || fchown(fd, r->uid, r->gid) < 0 ||
        fchmod(fd, r->mode) < 0 || fsync(fd) < 0)
        return errno ? -errno : -EIO;
    return 0;
}

static void sync_folder(const char *path)
{
    char folder[PATH_MAX];
    (void)snprintf(folder, sizeof(folder), "%s", path);
    int fd = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    close(fd);
}

/* The file is there all the time, the old one or the new one. */
static int replace(const char *path, const struct rights *r, const char *text, bool keep)
{
    char new[PATH_MAX + 8];
    char bak[PATH_MAX + 8];
    (void)snprintf(new, sizeof(new), "%s.new", path);
    (void)snprintf(bak, sizeof(bak), "%s.bak", path);
    (void)unlink(new);
    int fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int rc = fill(fd, r, text);
    close(fd);
    if (rc == 0 && keep && unlink(bak) < 0 && errno != ENOENT)
        rc = -errno;
    if (rc == 0 && keep && link(path, bak) < 0)
        rc = -errno;
    if (rc == 0 && rename(new, path) < 0)
        rc = -errno;
    if (rc < 0)
        (void)unlink(new);
    else
        sync_folder(path);
    return rc;
}

/* As text; -ENOENT when there is none. */
static int read_whole(const char *path, char *ret)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, ret, BYTES_MAX - 1);
    close(fd);
    if (n < 0)
        return -EIO;
    ret[n] = 0;
    return 0;
}

static bool compose(const struct apply_file *a, const struct setup_facts *f, char *ret)
{
    FILE *to = fmemopen(ret, BYTES_MAX, "w");
    if (!to)
        return false;
    fprintf(to, "%s\n", a->head);
    setup_write(a->platform, f, &a->hosts, to);
    bool ok = fflush(to) == 0 && !ferror(to) && ftell(to) < BYTES_MAX - 1;
    fclose(to);
    return ok;
}

static enum apply_result write_over(const struct apply_file *a, const char *new, const char *old)
{
    struct rights r;
    bool is_there = *old;
    if (is_there && strncmp(old, a->head, strlen(a->head)) != 0)
        return apply_refuse("%s is somebody else's file; move it away, or name another by --into",
                            a->path);
    if (strcmp(old, new) == 0) {
        printf("%s is as it should be; nothing is changed\n", a->path);
        return APPLY_DONE;
    }
    if (!rights_for(a->service, &r))
        return apply_refuse("there is neither a group nor a user %s, who should read %s",
                            a->service, a->path);
    printf("writing %s%s\n", a->path, is_there ? "; the one before stays as .bak" : "");
    int rc = replace(a->path, &r, new, is_there);
    if (rc == -EPERM || rc == -EACCES)
        return apply_refuse("%s: run this as root", a->path);
    return rc == 0 ? APPLY_DONE : apply_refuse("%s: %s", a->path, strerror(-rc));
}

enum apply_result apply_write(const struct apply_file *a, const struct setup_facts *f)
{
    char *new = mem_zalloc(BYTES_MAX);
    char *old = mem_zalloc(BYTES_MAX);
    enum apply_result result = APPLY_FAILED;
    int rc = old ? read_whole(a->path, old) : -ENOMEM;
    if (!new || (rc < 0 && rc != -ENOENT))
        result = apply_refuse("%s: %s", a->path, strerror(new ? -rc : ENOMEM));
    else if (!compose(a, f, new))
        result = apply_refuse("%s would become too long", a->path);
    else
        result = write_over(a, new, old);
    mem_free_wiped(new, BYTES_MAX);
    mem_free_wiped(old, BYTES_MAX);
    return result;
}
