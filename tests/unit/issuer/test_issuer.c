/* Sockets of the issuer: who is served, how many, for how long. */
#include "issuer/issuer_int.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "local/local.h"

#define KEY "key-of-sixteen-b"
#define REQUEST "GET /?service=turn&username=a&key=" KEY " HTTP/1.1\r\nHost: x\r\n\r\n"

static char dir[64];
static char path[128];
static struct event_base *base;
static struct auth_secrets secrets;
static struct auth_error err;

static struct issuer *open_at(const char *http, const char *line)
{
    static const char *const uris[] = {"turn:x"};
    const struct issuer_conf conf = {http, KEY, line, uris, 1, 60, &secrets};
    err.text[0] = 0;
    return issuer_new(base, &conf, &err);
}

static void turn_loop(int times)
{
    for (int i = 0; i < times; i++)
        event_base_loop(base, EVLOOP_NONBLOCK);
}

static int connect_path(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof(at.sun_path), "%.100s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0)
        return fd;
    close(fd);
    return -1;
}

/* What has been answered by now; -1 = nothing, and the connection stands. */
static ssize_t heard(int fd, char *ret, size_t cap)
{
    turn_loop(4);
    ssize_t n = recv(fd, ret, cap - 1, 0);
    ret[n > 0 ? n : 0] = 0;
    return n;
}

static void t_http(void **state)
{
    (void)state;
    char got[4096];
    struct issuer *s = open_at(path, "");
    assert_non_null(s);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    int fd = connect_path();
    for (const char *p = REQUEST; *p; p++) { /* byte by byte */
        assert_int_equal(heard(fd, got, sizeof(got)), -1);
        assert_int_equal(send(fd, p, 1, 0), 1);
    }
    assert_true(heard(fd, got, sizeof(got)) > 0);
    assert_memory_equal(got, "HTTP/1.1 200 ", 13);
    assert_int_equal(heard(fd, got, sizeof(got)), 0);
    close(fd);

    fd = connect_path();
    static char junk[LOCAL_REQUEST_MAX];
    memset(junk, 'x', sizeof(junk));
    assert_int_equal(send(fd, junk, sizeof(junk), 0), sizeof(junk));
    assert_true(heard(fd, got, sizeof(got)) > 0);
    assert_memory_equal(got, "HTTP/1.1 431 ", 13);
    close(fd);
    issuer_free(s);
    assert_int_equal(stat(path, &st), -1);
}

static void t_line(void **state)
{
    (void)state;
    char got[4096];
    struct issuer *s = open_at("", path);
    int fd = connect_path();
    assert_int_equal(send(fd, "ann\r\nbob\n", 9, 0), 9);
    assert_true(heard(fd, got, sizeof(got)) > 0);
    char *space = strchr(got, ' ');
    assert_true(space && memcmp(space - 4, ":ann", 4) == 0);
    assert_string_equal(strrchr(got, ' '), " 60\n");
    close(fd);
    fd = connect_path(); /* a blank: no credential, and no word */
    assert_int_equal(send(fd, "a b\n", 4, 0), 4);
    assert_int_equal(heard(fd, got, sizeof(got)), 0);
    close(fd);
    fd = connect_path(); /* gone before the line's end */
    assert_int_equal(send(fd, "a", 1, 0), 1);
    close(fd);
    turn_loop(4);
    issuer_free(s);
}

static void t_no_more_than_so_many(void **state)
{
    (void)state;
    enum { MORE = 4 };
    int fds[LOCAL_CLIENTS_MAX + MORE];
    char got[64];
    int64_t live = mem_live();
    struct issuer *s = open_at("", path);
    int64_t alone = mem_live();
    for (int i = 0; i < LOCAL_CLIENTS_MAX + MORE; i++) {
        fds[i] = connect_path();
        assert_true(fds[i] >= 0);
        turn_loop(2);
    }
    assert_int_equal(mem_live() - alone, LOCAL_CLIENTS_MAX);
    int last = fds[LOCAL_CLIENTS_MAX + MORE - 1];
    assert_int_equal(send(last, "\n", 1, 0), 1);
    assert_int_equal(heard(last, got, sizeof(got)), -1);
    for (int i = 0; i < MORE; i++)
        close(fds[i]);
    turn_loop(4);
    assert_true(heard(last, got, sizeof(got)) > 0);
    issuer_free(s);
    assert_int_equal(mem_live(), live);
    for (int i = MORE; i < LOCAL_CLIENTS_MAX + MORE; i++)
        close(fds[i]);
}

static void trickle(evutil_socket_t fd, short what, void *ctx)
{
    char got[8];
    (void)what;
    (void)!send(*(int *)ctx, "x", 1, MSG_NOSIGNAL);
    if (recv(*(int *)ctx, got, sizeof(got), 0) == 0)
        event_base_loopbreak(base);
    (void)fd;
}

/* However it trickles in, a connection has its seconds and no more. */
static void t_time_is_short(void **state)
{
    (void)state;
    const struct timeval most = {LOCAL_SECONDS + 1, 0};
    const struct timeval often = {0, 20000};
    struct issuer *s = open_at("", path);
    int fd = connect_path();
    struct event *timer = event_new(base, -1, EV_PERSIST, trickle, &fd);
    event_add(timer, &often);
    event_base_loopexit(base, &most);
    event_base_dispatch(base);
    assert_true(event_base_got_break(base));
    event_free(timer);
    close(fd);
    issuer_free(s);
}

static void t_ports(void **state)
{
    (void)state;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    char text[64];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    snprintf(text, sizeof(text), "127.0.0.1:%u", ntohs(at.sin_port));
    assert_null(open_at(text, ""));
    assert_non_null(strstr(err.text, "it is in use by another program"));
    assert_non_null(strstr(err.text, text));
    close(fd);
    struct issuer *s = open_at(text, "");
    assert_non_null(s);
    issuer_free(s);
}

static void t_files_in_the_way(void **state)
{
    (void)state;
    struct issuer *s = open_at("", path);
    assert_null(open_at("", path)); /* that of a living one */
    assert_non_null(strstr(err.text, "in use"));
    issuer_free(s);

    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof(at.sun_path), "%.100s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
    close(fd); /* that of a dead one */
    s = open_at("", path);
    assert_non_null(s);
    issuer_free(s);

    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
    assert_null(open_at("", path)); /* no socket at all: it stays */
    assert_int_equal(unlink(path), 0);
    assert_null(open_at("", "/no-such-folder/x"));
    assert_non_null(strstr(err.text, "folder does not exist"));
}

static void t_out_of_memory(void **state)
{
    (void)state;
    int64_t live = mem_live();
    struct issuer *s = NULL;
    for (int64_t n = 0; !s && n < 5; n++) {
        mem_fail_after(n);
        s = open_at(path, "");
        mem_fail_after(-1);
    }
    assert_non_null(s);
    mem_fail_after(0);
    int fd = connect_path();
    char got[8];
    assert_int_equal(heard(fd, got, sizeof(got)), 0);
    mem_fail_after(-1);
    close(fd);
    issuer_free(s);
    assert_int_equal(mem_live(), live);
}

static int set_up(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof(dir), "%.40s/issuer-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/s", dir);
    base = event_base_new();
    struct auth_secret one = {.id = "one", .len = 16, .bytes = "0123456789abcde"};
    one.bytes[15] = 'f';
    return base ? auth_secrets_add(&secrets, &one, NULL) : -1;
}

static int tear_down(void **state)
{
    (void)state;
    event_base_free(base);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_http),
        cmocka_unit_test(t_line),
        cmocka_unit_test(t_no_more_than_so_many),
        cmocka_unit_test(t_time_is_short),
        cmocka_unit_test(t_ports),
        cmocka_unit_test(t_files_in_the_way),
        cmocka_unit_test(t_out_of_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
