/* Files, sockets and other processes: what lies open inside, and what does not. */
#include "unit/sandbox/scene.h"

#include <pthread.h>
#include <signal.h>

/* --- Attempts at files --- */

static int try_open(const struct scene *s, const char *name, int flags)
{
    path_text path;
    return said(open(name[0] == '/' ? name : in(s, name, path), flags | O_CLOEXEC, 0600));
}

#define OPEN(name, path, flags)                                                                    \
    static int name(const struct scene *s)                                                         \
    {                                                                                              \
        return try_open(s, path, flags);                                                           \
    }

OPEN(read_conf, "conf/a", O_RDONLY)
OPEN(read_state, "state/a", O_RDONLY)
OPEN(read_hosts, "/etc/hosts", O_RDONLY)
OPEN(read_through_link, "certs/now/a", O_RDONLY)
OPEN(read_next_certificate, "certs/2/a", O_RDONLY)
OPEN(list_conf, "conf", O_RDONLY | O_DIRECTORY)
OPEN(read_away, "away/a", O_RDONLY)
OPEN(read_program, "/bin/sh", O_RDONLY)
OPEN(read_maps, "/proc/1/maps", O_RDONLY)
OPEN(list_root, "/", O_RDONLY | O_DIRECTORY)
OPEN(read_run, "run/file", O_RDONLY | O_CREAT)
OPEN(write_conf, "conf/a", O_WRONLY)
OPEN(cut_conf, "conf/a", O_RDONLY | O_TRUNC)
OPEN(make_conf, "conf/b", O_WRONLY | O_CREAT)
OPEN(write_away, "away/b", O_WRONLY | O_CREAT)
OPEN(write_etc, "/etc/drehkreuz-of-the-test", O_WRONLY | O_CREAT)
OPEN(write_hosts, "/etc/hosts", O_WRONLY)
OPEN(write_state, "state/b", O_WRONLY | O_CREAT | O_EXCL)

static int read_nothing(const struct scene *s)
{
    return try_open(s, "conf/nothing", O_RDONLY);
}

static int replace_state(const struct scene *s)
{
    path_text from, to;
    int r = try_open(s, "state/c", O_WRONLY | O_CREAT);
    return r ? r : said(rename(in(s, "state/c", from), in(s, "state/a", to)));
}

static int unlink_state(const struct scene *s)
{
    path_text path;
    return said(unlink(in(s, "state/a", path)));
}

static int unlink_conf(const struct scene *s)
{
    path_text path;
    return said(unlink(in(s, "conf/a", path)));
}

static int move_away(const struct scene *s)
{
    path_text from, to;
    return said(rename(in(s, "state/a", from), in(s, "away/b", to)));
}

static int bind_at(const struct scene *s, const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    path_text path;
    snprintf(at.sun_path, sizeof(at.sun_path), "%.100s", in(s, name, path));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    int r = fd < 0 ? errno : said(bind(fd, (struct sockaddr *)&at, sizeof(at)));
    return r ? r : said(unlink(path));
}

static int socket_in_run(const struct scene *s)
{
    return bind_at(s, "run/socket");
}

static int socket_in_conf(const struct scene *s)
{
    return bind_at(s, "conf/socket");
}

/* --- Attempts at other processes and the network --- */

static int connect_abstract(const struct scene *s)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return said(connect(fd, (const struct sockaddr *)&s->name, sizeof(s->name)));
}

static int connect_tcp(const struct scene *s)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return said(connect(fd, (const struct sockaddr *)&s->port, sizeof(s->port)));
}

/* Nobody listens there in a test, but it may be asked. */
static int connect_dns(const struct scene *s)
{
    struct sockaddr_in dns = s->port;
    dns.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 52);
    dns.sin_port = htons(53);
    int r = said(connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&dns, sizeof(dns)));
    return r == ECONNREFUSED ? 0 : r;
}

static int bind_tcp(const struct scene *s)
{
    struct sockaddr_in any = s->port;
    any.sin_port = 0;
    return said(bind(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&any, sizeof(any)));
}

static int bind_udp(const struct scene *s)
{
    struct sockaddr_in any = s->port;
    any.sin_port = 0;
    return said(bind(socket(AF_INET, SOCK_DGRAM, 0), (struct sockaddr *)&any, sizeof(any)));
}

static int signal_parent(const struct scene *s)
{
    (void)s;
    return said(kill(getppid(), 0));
}

static void *open_away(void *arg)
{
    return try_open(arg, "away/a", O_RDONLY) == EACCES ? NULL : arg;
}

/* A thread has what its maker has. */
static int thread_is_inside(const struct scene *s)
{
    pthread_t thread;
    void *failed = NULL;
    struct scene copy = *s;
    if (pthread_create(&thread, NULL, open_away, &copy) != 0)
        return UNEXPECTED;
    pthread_join(thread, &failed);
    return failed ? UNEXPECTED : 0;
}

/* The search for leaks reads /proc, so what it may read there is left alone. */
enum { PROC_IS_CLOSED = MEM_IS_WATCHED ? INT16_MAX : 1 };

static const struct row rows[] = {
    {"read conf", read_conf, 0, 1},
    {"read state", read_state, 0, 1},
    {"read hosts", read_hosts, 0, 1},
    {"read through link", read_through_link, 0, 1},
    {"read next certificate", read_next_certificate, 0, 1},
    {"list conf", list_conf, 0, 1},
    {"read nothing", read_nothing, ENOENT, 1},
    {"read away", read_away, EACCES, 1},
    {"read program", read_program, MEM_IS_WATCHED ? 0 : EACCES, 1},
    {"list root", list_root, EACCES, 1},
    {"read run", read_run, EACCES, 1},
    {"read maps", read_maps, EACCES, PROC_IS_CLOSED},
    {"write conf", write_conf, EACCES, 1},
    {"cut conf", cut_conf, EACCES, 3},
    {"make conf", make_conf, EACCES, 1},
    {"write away", write_away, EACCES, 1},
    {"write etc", write_etc, EACCES, 1},
    {"write hosts", write_hosts, EACCES, 1},
    {"write state", write_state, 0, 1},
    {"replace state", replace_state, 0, 1},
    {"unlink state", unlink_state, 0, 1},
    {"unlink conf", unlink_conf, EACCES, 1},
    {"move away", move_away, EACCES, 2},
    {"socket in run", socket_in_run, 0, 1},
    {"socket in conf", socket_in_conf, EACCES, 1},
    {"thread is inside", thread_is_inside, 0, 1},
    {"connect abstract", connect_abstract, EPERM, 6},
    {"signal parent", signal_parent, EPERM, 6},
    {"connect tcp", connect_tcp, EACCES, 4},
    {"connect dns", connect_dns, 0, 1},
    {"bind tcp", bind_tcp, EACCES, 4},
    {"bind udp", bind_udp, 0, 1},
};

static int abi_of(const struct scene *s)
{
    const struct sandbox_conf conf = {false, false, false};
    struct sandbox_state state = {0};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        enter(s, &conf, &state);
        _exit(write(ends[1], &state, sizeof(state)) != sizeof(state));
    }
    assert_int_equal(read(ends[0], &state, sizeof(state)), sizeof(state));
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(state.files, 0);
    assert_int_equal(state.calls, MEM_IS_WATCHED ? -EOPNOTSUPP : 0);
    return state.abi;
}

/* What the kernel is too old for is not tried. */
static void test_each_attempt(void **state)
{
    int abi = abi_of(*state);
    assert_true(abi >= 1);
    try_all(*state, rows, sizeof(rows) / sizeof(rows[0]), abi);
}

static void test_what_is_needed_stays_open(void **state)
{
    const struct sandbox_conf conf = {true, true, true};
    assert_int_equal(inside(*state, &conf, connect_abstract), 0);
    assert_int_equal(inside(*state, &conf, connect_tcp), 0);
    assert_int_equal(inside(*state, &conf, bind_tcp), 0);
}

static bool knows_what_is_closed(const struct scene *s, const struct sandbox *box, int abi)
{
    path_text path;
    return !sandbox_hides(in(s, "conf/a", path)) && !sandbox_hides(in(s, "conf/b", path)) &&
           sandbox_hides(in(s, "away/a", path)) && !sandbox_hides(in(s, "away/b", path)) &&
           sandbox_refuses(box, in(s, "conf/socket", path)) &&
           sandbox_refuses(box, in(s, "away/socket", path)) &&
           !sandbox_refuses(box, in(s, "run/other", path)) &&
           !sandbox_refuses(box, in(s, "nowhere/socket", path)) &&
           !sandbox_refuses_tcp(box, SANDBOX_BIND) &&
           sandbox_refuses_tcp(box, SANDBOX_CONNECT) == (abi >= 4);
}

static void test_what_is_closed_is_known(void **state)
{
    const struct sandbox_conf conf = {true, false, false};
    pid_t child = fork();
    if (child == 0) {
        struct sandbox_state got;
        struct sandbox *box = enter(*state, &conf, &got);
        _exit(knows_what_is_closed(*state, box, got.abi) ? 0 : UNEXPECTED);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_attempt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_needed_stays_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_closed_is_known, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
