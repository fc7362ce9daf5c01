/* Giving up privileges, in the order in which it cannot be undone. */
#include "main/privs.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* core(5): none of the kinds of memory. Before the process is hidden, since then the file is
 * root's. */
static void keep_out_of_cores(void)
{
    int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)!write(fd, "0", 1);
    close(fd);
}

void privs_quiet(void)
{
    const struct rlimit none = {0, 0};
    const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_CORE, &none);
    keep_out_of_cores();
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* until the change of user, which asks for it again */
    setrlimit(RLIMIT_MEMLOCK, &all);
    umask(077);
}

int64_t privs_files(int64_t wanted)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) < 0)
        return 0;
    const struct rlimit more = {(rlim_t)wanted, (rlim_t)wanted};
    if (l.rlim_max < more.rlim_max && setrlimit(RLIMIT_NOFILE, &more) == 0)
        return wanted;
    l.rlim_cur = l.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &l) < 0 || getrlimit(RLIMIT_NOFILE, &l) < 0)
        return 0;
    return l.rlim_cur > INT64_MAX ? INT64_MAX : (int64_t)l.rlim_cur;
}

static int failed(struct privs_error *err, const char *what)
{
    int r = errno ? -errno : -EPERM;
    snprintf(err->text, sizeof(err->text), "cannot %s: %s", what, strerror(-r));
    return r;
}

static int become(const struct passwd *pw, struct privs_error *err)
{
    if (setgroups(0, NULL) < 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
        setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
        return failed(err, "change to the configured user");
    errno = 0;
    if (pw->pw_uid != 0 && (setuid(0) == 0 || seteuid(0) == 0 || geteuid() != pw->pw_uid))
        return failed(err, "give up root for good");
    return 0;
}

static bool has_capabilities(struct __user_cap_header_struct head)
{
    struct __user_cap_data_struct have[2];
    if (syscall(SYS_capget, &head, have) < 0)
        return true;
    return have[0].effective || have[0].permitted || have[0].inheritable || have[1].effective ||
           have[1].permitted || have[1].inheritable;
}

/* Where there are none, capset may be out of reach: the unit's filter has it no more. */
static int drop_capabilities(struct privs_error *err)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
    if (!has_capabilities(head))
        return 0;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
        return failed(err, "drop ambient capabilities");
    if (syscall(SYS_capset, &head, none) < 0)
        return failed(err, "drop capabilities");
    return 0;
}

int privs_drop(const char *user, struct privs_error *err)
{
    if (user[0] && geteuid() == 0) {
        errno = 0;
        const struct passwd *pw = getpwnam(user);
        if (!pw) {
            snprintf(err->text, sizeof(err->text), "user = \"%s\": this host has no such user",
                     user);
            return -ENOENT;
        }
        int r = become(pw, err);
        if (r < 0)
            return r;
    }
    int r = drop_capabilities(err);
    if (r < 0)
        return r;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return failed(err, "set no_new_privs");
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return failed(err, "hide the process's memory");
    return 0;
}
