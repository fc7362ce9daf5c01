/* Who is let in and served, where, how many, how much, for how long. */
#include "unit/local/scene.h"

#include <errno.h>
#include <sys/wait.h>

static void t_http(void **state)
{
    (void)state;
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    char got[16];
    scene_open(true);
    int fd = call();
    for (const char *p = request; *p; p++) {
        assert_int_equal(hear(fd, got, sizeof(got)), -1);
        say(fd, p, 1);
    }
    expect_hear(fd, "yes");
    expect_over(fd);
    assert_int_equal(scene.raw_n, sizeof(request) - 1);
    assert_memory_equal(scene.raw, request, scene.raw_n);
    fd = call();
    say(fd, "a\n\r\n\r\nbody", 10); /* what follows is not looked at */
    assert_int_equal(scene.raw_n, 6);
    close(fd);
    turn(4);
    assert_int_equal(scene.n_asked, 2);
    assert_int_equal(scene.n_gone, 0);
    local_free(scene.local);
}

static void t_lines(void **state)
{
    (void)state;
    static const struct {
        const char *said;
        const char *raw;
    } rows[] = {{"stats\n", "stats"}, {"stats\r\n", "stats"}, {"a\nb\n", "a"},   {"\n", ""},
                {"\r\n", ""},         {"a\rb\n", "a\rb"},     {"a\r\r\n", "a\r"}};
    scene_open(false);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int fd = call();
        say(fd, rows[i].said, strlen(rows[i].said));
        assert_int_equal(scene.n_asked, i + 1);
        assert_false(scene.too_long);
        assert_int_equal(scene.raw_n, strlen(rows[i].raw));
        assert_memory_equal(scene.raw, rows[i].raw, scene.raw_n);
        expect_hear(fd, "yes");
        expect_over(fd);
    }
    int fd = call(); /* gone before the line's end */
    say(fd, "a", 1);
    close(fd);
    turn(4);
    assert_int_equal(scene.n_asked, sizeof(rows) / sizeof(rows[0]));
    assert_int_equal(mem_live(), scene.alone);
    local_free(scene.local);
}

static void t_requests_have_an_end(void **state)
{
    (void)state;
    static char text[LOCAL_REQUEST_MAX];
    for (int is_http = 0; is_http < 2; is_http++) {
        memset(text, 'x', sizeof(text));
        scene_open(is_http);
        int fd = call();
        say(fd, text, sizeof(text) - 1);
        assert_int_equal(scene.n_asked, 0);
        say(fd, "x", 1);
        assert_int_equal(scene.n_asked, 1);
        assert_true(scene.too_long && scene.raw_n == 0);
        expect_hear(fd, "yes");
        expect_over(fd);
        memcpy(text + sizeof(text) - 4, "\r\n\r\n", 4);
        if (!is_http)
            memcpy(text + sizeof(text) - 4, "xxx\n", 4);
        fd = call();
        say(fd, text, sizeof(text));
        assert_int_equal(scene.n_asked, 2);
        assert_false(scene.too_long);
        assert_int_equal(scene.raw_n, is_http ? sizeof(text) : sizeof(text) - 1);
        close(fd);
        local_free(scene.local);
    }
}

static void t_answers_have_an_end(void **state)
{
    (void)state;
    static char got[1 << 20];
    scene_open(false);
    scene.says_more = (1 << 20) - 3;
    int fd = call();
    say(fd, "\n", 1);
    size_t n = 0;
    for (ssize_t more; (more = hear(fd, got, sizeof(got))) > 0;)
        n += (size_t)more;
    assert_int_equal(n, 1 << 20);
    expect_over(fd);
    scene.says_more++; /* no half answers */
    fd = call();
    say(fd, "\n", 1);
    expect_over(fd);
    scene.says = "";
    scene.says_more = 0;
    fd = call();
    say(fd, "\n", 1);
    expect_over(fd);
    local_free(scene.local);
}

/* All of them knock before anyone is let in. */
static void t_no_more_than_so_many(void **state)
{
    (void)state;
    enum { MORE = 4, BACKLOG = 16 };
    int fds[LOCAL_CLIENTS_MAX + MORE];
    char got[16];
    scene_open(false);
    for (int i = 0; i < LOCAL_CLIENTS_MAX + MORE; i++) {
        if (i % BACKLOG == 0)
            turn(1);
        fds[i] = call();
    }
    turn(4);
    assert_int_equal(mem_live() - scene.alone, LOCAL_CLIENTS_MAX); /* and no answers yet */
    int last = fds[LOCAL_CLIENTS_MAX + MORE - 1];
    say(last, "\n", 1);
    assert_int_equal(hear(last, got, sizeof(got)), -1);
    for (int i = 0; i < MORE; i++)
        close(fds[i]);
    turn(4);
    expect_hear(last, "yes");
    local_free(scene.local);
    for (int i = MORE; i < LOCAL_CLIENTS_MAX + MORE; i++)
        close(fds[i]);
}

enum { NEARLY = LOCAL_SECONDS * 1000000 - 20000 };

static void t_silence_has_its_seconds(void **state)
{
    (void)state;
    scene_open(true);
    int fd = call();
    turn(4);
    assert_true(mem_live() > scene.alone);
    local_free(scene.local);
    close(fd);

    scene_open(true);
    scene.step = NEARLY;
    fd = call();
    turn(1);
    assert_true(turn_until_alone());
    expect_over(fd);
    local_free(scene.local);
}

/* However it trickles in. */
static void t_the_whole_has_its_seconds(void **state)
{
    (void)state;
    char got[16];
    scene_open(true);
    int fd = call();
    for (int i = 0; i < 4; i++) {
        say(fd, "x", 1);
        scene.now += NEARLY / 4;
    }
    assert_int_equal(hear(fd, got, sizeof(got)), -1);
    say(fd, "x", 1);
    assert_true(turn_until_alone());
    expect_over(fd);

    fd = call(); /* nor does it help not to read */
    turn(4);
    scene.says_more = (1 << 20) - 3;
    scene.now += NEARLY;
    say(fd, "\r\n\r\n", 4);
    assert_int_equal(scene.n_asked, 1);
    assert_true(turn_until_alone());
    close(fd);
    local_free(scene.local);
}

static void expect_mode(mode_t mode, mode_t mask)
{
    struct local_error err;
    struct stat st;
    const struct local_conf conf = {
        .at = scene.path, .mode = mode, .answer_max = 1, .answer = scene_answer, .ctx = &scene};
    mode_t was = umask(mask);
    struct local *l = local_new(scene.base, &conf, &err);
    umask(was);
    assert_non_null(l);
    assert_int_equal(stat(scene.path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 07777, mode);
    local_free(l);
    assert_int_equal(stat(scene.path, &st), -1);
}

static void t_modes(void **state)
{
    (void)state;
    expect_mode(0600, 0);
    expect_mode(0600, 022);
    expect_mode(0660, 077);
    expect_mode(0666, 077);
}

static void ask_as(uid_t uid)
{
    pid_t child = fork();
    if (child == 0) {
        bool ok = setresuid(uid, uid, uid) == 0;
        struct sockaddr_un at = {.sun_family = AF_UNIX};
        snprintf(at.sun_path, sizeof(at.sun_path), "%.100s", scene.path);
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        ok = ok && connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0;
        ok = ok && send(fd, "\n", 1, 0) == 1;
        _exit(ok ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    turn(4);
}

static void t_uids(void **state)
{
    (void)state;
    enum { OTHER = 65534 };
    char text[32];
    struct local_error err;
    scene_open(false);
    ask_as(getuid());
    assert_int_equal(scene.n_asked, 1);
    assert_int_equal(scene.uid, getuid());
    if (getuid() == 0) { /* only root can be two */
        assert_int_equal(chmod(scene.path, 0666), 0);
        ask_as(OTHER);
        assert_int_equal(scene.n_asked, 2);
        assert_int_equal(scene.uid, OTHER);
    }
    local_free(scene.local);
    uint16_t port = scene_port(text);
    scene.local = scene_new(text, false, &err);
    assert_non_null(scene.local);
    int fd = call_port(port);
    say(fd, "\n", 1);
    expect_hear(fd, "yes");
    assert_true(scene.uid == (uid_t)-1);
    expect_over(fd);
    local_free(scene.local);
    scene.local = scene_new(text, false, &err); /* at once again */
    assert_non_null(scene.local);
    local_free(scene.local);
}

static void t_loopback_only(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "0.0.0.0:9641",
        "192.0.2.1:9641",
        "128.0.0.1:9641",
        "126.255.255.255:9641",
        "[::]:9641",
        "[2001:db8::1]:9641",
        "[::ffff:127.0.0.1]:9641",
        "[::2]:9641",
        "127.0.0.1",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "[::1]",
        "localhost:9641",
        "9641",
        ":9641",
        "",
        "relative/path",
        "[fe80::1%lo]:9641",
        "127.0.0.1:9641x",
        "@abstract",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct local_error err;
        if (scene_new(rows[i], false, &err))
            fail_msg("%s", rows[i]);
        assert_memory_equal(err.text, rows[i], strlen(rows[i]));
        assert_non_null(strstr(err.text, ": cannot listen there, it is no address of loopback"));
    }
}

static void t_places_that_are_taken(void **state)
{
    (void)state;
    char text[32];
    struct local_error err;
    (void)scene_port(text);
    struct local *first = scene_new(text, true, &err);
    assert_non_null(first);
    assert_null(scene_new(text, true, &err));
    assert_non_null(strstr(err.text, ": cannot listen there, it is in use by another program"));
    local_free(first);
    text[8] = '9'; /* 127.0.0.9 */
    first = scene_new(text, true, &err);
    assert_non_null(first);
    local_free(first);
    char v6[40];
    snprintf(v6, sizeof(v6), "[::1]%s", strchr(text, ':'));
    first = scene_new(v6, true, &err);
    assert_true(first || strstr(err.text, "this host has no such address")); /* without IPv6 */
    local_free(first);

    scene_open(false);
    assert_null(scene_new(scene.path, false, &err)); /* that of a living one */
    assert_non_null(strstr(err.text, "in use"));
    int fd = call();
    close(fd);
    local_free(scene.local);
    assert_null(scene_new("/no-such-folder/x", false, &err));
    assert_non_null(strstr(err.text, "its folder does not exist"));
    char far[160];
    snprintf(far, sizeof(far), "/%0150d", 0);
    assert_null(scene_new(far, false, &err));
    assert_non_null(strstr(err.text, "its path is too long"));
}

static void t_files_in_the_way(void **state)
{
    (void)state;
    struct local_error err;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof(at.sun_path), "%.100s", scene.path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
    close(fd); /* that of a dead one */
    scene_open(false);
    local_free(scene.local);

    fd = socket(AF_UNIX, SOCK_STREAM, 0); /* that of one with no time for us */
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 0), 0);
    int first = call();
    assert_null(scene_new(scene.path, false, &err));
    assert_int_equal(unlink(scene.path), 0);
    close(first);
    close(fd);

    FILE *f = fopen(scene.path, "w");
    assert_non_null(f);
    fclose(f);
    assert_null(scene_new(scene.path, false, &err)); /* no socket at all: it stays */
    assert_int_equal(unlink(scene.path), 0);
    assert_int_equal(symlink("/nowhere", scene.path), 0);
    assert_null(scene_new(scene.path, false, &err));
    assert_int_equal(unlink(scene.path), 0);
}

static void t_without_memory(void **state)
{
    (void)state;
    struct local_error err;
    mem_fail_after(0);
    assert_null(scene_new(scene.path, false, &err));
    assert_non_null(strstr(err.text, "out of memory"));
    mem_fail_after(-1);
    scene_open(false);
    for (int n = 0; n < 2; n++) { /* the connection's, the answer's */
        mem_fail_after(n);
        int fd = call();
        (void)send(fd, "\n", 1, MSG_NOSIGNAL);
        turn(4);
        mem_fail_after(-1);
        char got[16];
        assert_true(hear(fd, got, sizeof(got)) <= 0);
        close(fd);
        assert_int_equal(mem_live(), scene.alone);
    }
    assert_int_equal(scene.n_asked, 0);
    int fd = call();
    say(fd, "\n", 1);
    expect_hear(fd, "yes");
    close(fd);
    local_free(scene.local);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_http),
        cmocka_unit_test(t_lines),
        cmocka_unit_test(t_requests_have_an_end),
        cmocka_unit_test(t_answers_have_an_end),
        cmocka_unit_test(t_no_more_than_so_many),
        cmocka_unit_test(t_silence_has_its_seconds),
        cmocka_unit_test(t_the_whole_has_its_seconds),
        cmocka_unit_test(t_modes),
        cmocka_unit_test(t_uids),
        cmocka_unit_test(t_loopback_only),
        cmocka_unit_test(t_places_that_are_taken),
        cmocka_unit_test(t_files_in_the_way),
        cmocka_unit_test(t_without_memory),
    };
    return cmocka_run_group_tests(tests, scene_set_up, scene_tear_down);
}
