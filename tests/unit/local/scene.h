/* A small server and those who connect to it, in one thread, with a clock of its own. What the
 * server asked of its owner is written down. */
#ifndef TESTS_UNIT_LOCAL_SCENE_H
#define TESTS_UNIT_LOCAL_SCENE_H

#include <event2/event.h>
#include <fcntl.h>
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

#include "base/clock.h"
#include "base/mem.h"
#include "local/local.h"

static struct {
    char dir[64];
    char path[128];
    struct event_base *base;
    struct local *local;
    int64_t alone; /* blocks alive without anybody connected */
    usec_t now;
    usec_t step; /* per look at the clock */
    /* What `answer` does. */
    const char *says;
    size_t says_more; /* so many bytes behind it */
    bool keeps;
    void (*also)(struct local_client *c);
    /* What it was asked. */
    unsigned n_asked;
    bool too_long;
    uid_t uid;
    const uint8_t *raw_at;
    size_t raw_n;
    uint8_t raw[LOCAL_REQUEST_MAX];
    struct local_client *client;
    unsigned n_gone;
} scene;

/* In place of the one of base. */
usec_t clock_monotonic(void)
{
    return scene.now += scene.step;
}

static inline void scene_answer(void *ctx, const struct local_request *request, bool too_long,
                                struct writer *out)
{
    assert_ptr_equal(ctx, &scene);
    scene.n_asked++;
    scene.too_long = too_long;
    scene.uid = request->uid;
    scene.raw_at = request->raw.p;
    scene.raw_n = request->raw.n;
    memcpy(scene.raw, request->raw.p, request->raw.n);
    scene.client = request->client;
    w_bytes(out, span_text(scene.says));
    w_zero(out, scene.says_more);
    if (scene.keeps)
        local_keep(request->client);
    if (scene.also)
        scene.also(request->client);
}

/* Whatever the owner does then to the one who is gone must not matter. */
static inline void scene_gone(void *ctx, struct local_client *client)
{
    assert_ptr_equal(ctx, &scene);
    assert_ptr_equal(client, scene.client);
    scene.n_gone++;
    local_send(client, span_text("x"));
    local_end(client);
}

static inline struct local *scene_new(const char *at, bool is_http, struct local_error *err)
{
    const struct local_conf conf = {.at = at,
                                    .is_http = is_http,
                                    .mode = 0600,
                                    .answer_max = 1 << 20,
                                    .answer = scene_answer,
                                    .gone = scene_gone,
                                    .ctx = &scene};
    err->text[0] = 0;
    return local_new(scene.base, &conf, err);
}

static inline void scene_open_at(const char *at, bool is_http)
{
    struct local_error err;
    scene.now = 0;
    scene.step = 0;
    scene.says = "yes";
    scene.says_more = 0;
    scene.keeps = false;
    scene.also = NULL;
    scene.n_asked = 0;
    scene.n_gone = 0;
    scene.local = scene_new(at, is_http, &err);
    assert_non_null(scene.local);
    scene.alone = mem_live();
}

static inline void scene_open(bool is_http)
{
    scene_open_at(scene.path, is_http);
}

static inline void turn(int times)
{
    for (int i = 0; i < times; i++)
        event_base_loop(scene.base, EVLOOP_NONBLOCK);
}

/* Until nobody is connected; false if that takes longer than any test should. */
static inline bool turn_until_alone(void)
{
    for (int i = 0; i < 2000 && mem_live() != scene.alone; i++) {
        turn(1);
        usleep(1000);
    }
    return mem_live() == scene.alone;
}

static inline int call(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof(at.sun_path), "%.100s", scene.path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
    return fd;
}

/* A port on loopback that is free, as text too. */
static inline uint16_t scene_port(char ret[32])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    close(fd);
    snprintf(ret, 32, "127.0.0.1:%u", ntohs(at.sin_port));
    return ntohs(at.sin_port);
}

static inline int call_port(uint16_t port)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    int few = 4096; /* bytes that the kernel keeps for whoever does not read */
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &few, sizeof(few)), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static inline void say(int fd, const void *text, size_t n)
{
    assert_int_equal(send(fd, text, n, MSG_NOSIGNAL), n);
    turn(4);
}

/* What has been said by now, NUL behind it; -1 = nothing, and the connection stands. */
static inline ssize_t hear(int fd, char *ret, size_t cap)
{
    turn(4);
    ssize_t n = recv(fd, ret, cap - 1, 0);
    ret[n > 0 ? n : 0] = 0;
    return n;
}

/* As hear, but waits for it, as on a port it may come a little later. */
static inline ssize_t hear_soon(int fd, char *ret, size_t cap)
{
    ssize_t n = hear(fd, ret, cap);
    for (int i = 0; i < 2000 && n < 0; i++) {
        usleep(1000);
        n = hear(fd, ret, cap);
    }
    return n;
}

static inline void expect_hear(int fd, const char *text)
{
    char got[4096];
    hear_soon(fd, got, sizeof(got));
    assert_string_equal(got, text);
}

static inline void expect_over(int fd)
{
    char got[16];
    assert_int_equal(hear_soon(fd, got, sizeof(got)), 0);
    close(fd);
}

static inline int scene_set_up(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(scene.dir, sizeof(scene.dir), "%.40s/local-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(scene.dir) || chmod(scene.dir, 0711) < 0)
        return -1;
    snprintf(scene.path, sizeof(scene.path), "%s/s", scene.dir);
    scene.base = event_base_new();
    return scene.base ? 0 : -1;
}

/* Nothing is left: no memory, no file. */
static inline int scene_tear_down(void **state)
{
    (void)state;
    event_base_free(scene.base);
    return mem_live() == 0 ? rmdir(scene.dir) : -1;
}

#endif
