/* A place of files and sockets, and children that go into the sandbox and try one thing each. */
#ifndef TESTS_UNIT_SANDBOX_SCENE_H
#define TESTS_UNIT_SANDBOX_SCENE_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "sandbox/sandbox.h"

/* Folders: conf is read, state is kept, run is for sockets, away is nobody's; certs/now is a link
 * to certs/1, and so is one among the folders of others. An abstract socket listens, and a TCP
 * port. */
struct scene {
    char root[64];
    char link[64 + 8];
    int abstract;
    int tcp;
    struct sockaddr_un name;
    struct sockaddr_in port;
};

typedef char path_text[128];

static const char *in(const struct scene *s, const char *name, path_text ret)
{
    snprintf(ret, sizeof(path_text), "%s/%s", s->root, name);
    return ret;
}

static void put(const struct scene *s, const char *name)
{
    path_text path;
    int fd = open(in(s, name, path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
}

static int set_up(void **state)
{
    static const char *const folders[] = {"conf",  "state",   "run",    "away",
                                          "certs", "certs/1", "certs/2"};
    static const char *const files[] = {"conf/a", "state/a", "away/a", "certs/1/a", "certs/2/a"};
    struct scene *s = calloc(1, sizeof(*s));
    path_text path;
    snprintf(s->root, sizeof(s->root), "/tmp/sandboxXXXXXX");
    assert_non_null(mkdtemp(s->root));
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        assert_int_equal(mkdir(in(s, folders[i], path), 0700), 0);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        put(s, files[i]);
    assert_int_equal(symlink("1", in(s, "certs/now", path)), 0);
    snprintf(s->link, sizeof(s->link), "%s.link", s->root);
    assert_int_equal(symlink(in(s, "certs/1", path), s->link), 0);
    s->name.sun_family = AF_UNIX;
    snprintf(s->name.sun_path + 1, sizeof(s->name.sun_path) - 1, "%s", s->root);
    s->abstract = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->abstract, (struct sockaddr *)&s->name, sizeof(s->name)), 0);
    assert_int_equal(listen(s->abstract, 8), 0);
    s->port.sin_family = AF_INET;
    s->port.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t n = sizeof(s->port);
    assert_int_equal(bind(s->tcp, (struct sockaddr *)&s->port, n), 0);
    assert_int_equal(getsockname(s->tcp, (struct sockaddr *)&s->port, &n), 0);
    assert_int_equal(listen(s->tcp, 8), 0);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    char command[256];
    snprintf(command, sizeof(command), "rm -rf %s %s", s->root, s->link);
    close(s->abstract);
    close(s->tcp);
    assert_int_equal(system(command), 0);
    free(s);
    return 0;
}

/* In a child, since our heap is empty after a fork. */
static struct sandbox *enter(const struct scene *s, const struct sandbox_conf *conf,
                             struct sandbox_state *ret)
{
    path_text path;
    struct sandbox *box = sandbox_new(conf);
    assert_non_null(box);
    sandbox_allow(box, in(s, "conf/a", path), SANDBOX_READ);
    sandbox_allow(box, in(s, "certs/now/a", path), SANDBOX_READ);
    sandbox_allow(box, s->link, SANDBOX_READ);
    sandbox_allow(box, in(s, "state/a", path), SANDBOX_KEEP);
    sandbox_allow(box, in(s, "run/socket", path), SANDBOX_SOCKETS);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    sandbox_enter(box, ret);
    return box;
}

enum { UNEXPECTED = 250 };

/* In a child: errno of what was tried, 0 if it was done, or the negative number of the signal that
 * ended it. */
static int inside(const struct scene *s, const struct sandbox_conf *conf,
                  int (*attempt)(const struct scene *))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct sandbox_state state;
        enter(s, conf, &state);
        _exit(state.files < 0 || (state.calls < 0 && !MEM_IS_WATCHED) ? UNEXPECTED : attempt(s));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int said(long r)
{
    return r < 0 ? errno : 0;
}

struct row {
    const char *name;
    int (*attempt)(const struct scene *s);
    int expected; /* errno, or the negative number of the signal */
    int abi;      /* of Landlock, which has to have this */
};

/* Each in a child of its own, which finds all as it was. */
static void try_all(const struct scene *s, const struct row *rows, size_t n, int abi)
{
    const struct sandbox_conf conf = {false, false, false};
    for (size_t i = 0; i < n; i++) {
        if (rows[i].abi > abi)
            continue;
        int got = inside(s, &conf, rows[i].attempt);
        if (got != rows[i].expected)
            fail_msg("%s: %d instead of %d", rows[i].name, got, rows[i].expected);
        put(s, "state/a");
    }
}

#endif
