/* Whose a connection is: PROXY headers, ALPN and names; and what the web server gets of it. */
#include "far.h"

#include "net/proxy_int.h"

/* Also where fixture.web listens. */
struct shop {
    struct fixture f;
    struct addr at;
    int listening;
};

static void shop_begin(struct shop *s)
{
    stream_begin(&s->f, ADDR_V4);
    s->at = tcp_listen(&s->listening);
    s->f.conf.web.server = s->at;
}

static void shop_end(struct shop *s)
{
    if (s->listening >= 0)
        close(s->listening);
    end(&s->f);
}

static int shop_accept(const struct shop *s)
{
    return tcp_accept(s->listening);
}

static void expect_no_visitor(const struct shop *s)
{
    struct pollfd p = {.fd = s->listening, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 0), 0);
}

static void expect_who(int fd, const struct addr *client, const struct addr *server)
{
    uint8_t want[2 * sizeof(struct addr) + 1];
    memcpy(want, client, sizeof *client);
    memcpy(want + sizeof *client, server, sizeof *server);
    want[2 * sizeof(struct addr)] = TURN_TCP;
    stun_say(fd, "W", 1);
    stream_expect(fd, want, sizeof want);
}

static void t_flow_is_the_connections(void **state)
{
    struct fixture f;

    (void)state;
    for (int i = 0; i < 2; i++) {
        stream_begin(&f, i ? ADDR_V6 : ADDR_V4);
        stream_start(&f);
        int fd = tcp_to(&f.server);
        struct addr client = local_addr(fd);
        expect_who(fd, &client, &f.server);
        close(fd);
        end(&f);
    }
}

static void t_proxy_header(void **state)
{
    static const char v1[] = "PROXY TCP4 192.0.2.7 192.0.2.8 1234 443\r\n";
    struct cidr trusted;
    struct addr from;
    struct addr to;
    struct fixture f;
    uint8_t v2[PROXY_WRITE_MAX];

    (void)state;
    assert_true(cidr_parse("127.0.0.0/8", &trusted));
    assert_true(addr_parse("192.0.2.7:1234", &from));
    assert_true(addr_parse("192.0.2.8:443", &to));
    stream_begin(&f, ADDR_V4);
    f.conf.stream.proxy_from = &trusted;
    f.conf.stream.n_proxy_from = 1;
    f.conf.stream.connections_per_prefix = 2;
    stream_start(&f);

    int a = tcp_to(&f.server);
    put(a, v1, sizeof v1 - 1);
    expect_who(a, &from, &to);
    /* Byte by byte, and the message right behind it. */
    int b = tcp_to(&f.server);
    size_t n = proxy_write(&from, &to, v2);
    for (size_t i = 0; i < n; i++) {
        put(b, v2 + i, 1);
        turn_over(&f);
    }
    expect_who(b, &from, &to);
    /* The client's address is what counts, not the proxy's. */
    int c = tcp_to(&f.server);
    put(c, v2, n);
    expect_closed(c);
    close(c);
    assert_true(addr_parse("[2001:db8::1]:1", &from));
    assert_true(addr_parse("[2001:db8::2]:2", &to));
    c = tcp_to(&f.server);
    put(c, v2, proxy_write(&from, &to, v2));
    expect_who(c, &from, &to);
    /* Without a header there is none that may speak. */
    int d = tcp_to(&f.server);
    stun_say(d, "W", 1);
    expect_closed(d);
    /* The proxy's own checks. */
    int e = tcp_to(&f.server);
    struct addr own = local_addr(e);
    put(e, "PROXY UNKNOWN\r\n", 15);
    expect_who(e, &own, &f.server);
    int fds[] = {a, b, c, d, e};
    for (size_t i = 0; i < 5; i++)
        close(fds[i]);
    end(&f);
}

/* A ClientHello with these extensions. */
static size_t hello(uint8_t *ret, const char *name, const char *alpn)
{
    uint8_t buffer[1024];
    struct {
        uint8_t *p;
        size_t n;
    } w = {buffer, 0};
#define BYTES(...)                                                                                 \
    do {                                                                                           \
        const uint8_t bytes_[] = {__VA_ARGS__};                                                    \
        memcpy(w.p + w.n, bytes_, sizeof bytes_);                                                  \
        w.n += sizeof bytes_;                                                                      \
    } while (0)
#define TEXT(text)                                                                                 \
    do {                                                                                           \
        memcpy(w.p + w.n, (text), strlen(text));                                                   \
        w.n += strlen(text);                                                                       \
    } while (0)
    BYTES(3, 3);
    memset(w.p + w.n, 7, 32);
    w.n += 32;
    BYTES(0, 0, 2, 0x13, 1, 1, 0);
    size_t extensions = w.n;
    BYTES(0, 0);
    if (name) {
        uint8_t len = (uint8_t)strlen(name);
        BYTES(0, 0, 0, (uint8_t)(len + 5), 0, (uint8_t)(len + 3), 0, 0, len);
        TEXT(name);
    }
    if (alpn) {
        uint8_t len = (uint8_t)strlen(alpn);
        BYTES(0, 16, 0, (uint8_t)(len + 3), 0, (uint8_t)(len + 1), len);
        TEXT(alpn);
    }
    buffer[extensions] = (uint8_t)((w.n - extensions - 2) >> 8);
    buffer[extensions + 1] = (uint8_t)(w.n - extensions - 2);
    memcpy(ret,
           (uint8_t[]){0x16, 3, 1, (uint8_t)((w.n + 4) >> 8), (uint8_t)(w.n + 4), 1, 0,
                       (uint8_t)(w.n >> 8), (uint8_t)w.n},
           9);
    memcpy(ret + 9, buffer, w.n);
    return w.n + 9;
#undef BYTES
#undef TEXT
}

/* Ours without a certificate is closed, so it shows who got it. */
static void t_whose_it_is(void **state)
{
    static const char *const ours[] = {"relay.example"};
    static const struct {
        const char *name;
        const char *alpn;
        bool names;
        bool ours;
    } rows[] = {
        {NULL, NULL, false, true},
        {"any.example", NULL, false, true},
        {"any.example", "h2", false, false},
        {NULL, "http/1.1", false, false},
        {"any.example", "stun.turn", false, true},
        {NULL, "stun.nat-discovery", true, true},
        {"any.example", "stun.turn", true, true},
        {"any.example", NULL, true, false},
        {NULL, NULL, true, false},
        {"relay.example", NULL, true, true},
        {"Relay.EXAMPLE", NULL, true, true},
        {"relay.example", "h2", true, false},
        {"xrelay.example", NULL, true, false},
    };
    (void)state;
    for (int names = 0; names < 2; names++) {
        struct shop s;
        shop_begin(&s);
        s.f.conf.web.names = ours;
        s.f.conf.web.n_names = (size_t)names;
        stream_start(&s.f);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            uint8_t bytes[1024];
            if (rows[i].names != names)
                continue;
            size_t n = hello(bytes, rows[i].name, rows[i].alpn);
            int fd = tcp_to(&s.f.server);
            put(fd, bytes, n / 2);
            turn_over(&s.f);
            expect_open(fd);
            put(fd, bytes + n / 2, n - n / 2);
            if (rows[i].ours) {
                expect_closed(fd);
                expect_no_visitor(&s);
            } else {
                int web = shop_accept(&s);
                stream_expect(web, bytes, n);
                put(web, "answer", 6);
                stream_expect(fd, "answer", 6);
                put(fd, "x", 1);
                stream_expect(web, "x", 1);
                close(web);
                expect_closed(fd);
            }
            close(fd);
        }
        shop_end(&s);
    }
}

static void t_plain_requests_too(void **state)
{
    static const char *const requests[] = {"GET / HTTP/1.1\r\n\r\n", "POST", "\x80\x01",
                                           "\x16\x02\x01", "\x40\x01\x00\x01z"};
    struct shop s;

    (void)state;
    shop_begin(&s);
    stream_start(&s.f);
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        const char *text = requests[i];
        int fd = tcp_to(&s.f.server);
        put(fd, text, strlen(text));
        int web = shop_accept(&s);
        stream_expect(web, text, strlen(text));
        close(web);
        expect_closed(fd);
        close(fd);
    }
    int fd = greeted(&s.f);
    close(fd);
    expect_no_visitor(&s);
    shop_end(&s);
}

static void t_proxy_header_for_the_web_server(void **state)
{
    struct shop s;
    uint8_t want[PROXY_WRITE_MAX];

    (void)state;
    shop_begin(&s);
    s.f.conf.web.proxy_v2 = true;
    stream_start(&s.f);
    int fd = tcp_to(&s.f.server);
    put(fd, "GET /", 5);
    int web = shop_accept(&s);
    struct addr client = local_addr(fd);
    stream_expect(web, want, proxy_write(&client, &s.f.server, want));
    stream_expect(web, "GET /", 5);
    close(web);
    close(fd);
    shop_end(&s);
}

/* Both ways at once, nobody reading for a while: nothing is lost, and both ends are told. */
static void t_floods_both_ways(void **state)
{
    enum { BYTES = 8 << 20 };
    struct shop s;
    pthread_t up;
    pthread_t down;
    void *result;

    (void)state;
    shop_begin(&s);
    stream_start(&s.f);
    struct flood client = {tcp_to(&s.f.server), BYTES};
    assert_int_equal(pthread_create(&up, NULL, flood_write, &client), 0);
    struct flood web = {shop_accept(&s), BYTES};
    assert_int_equal(pthread_create(&down, NULL, flood_write, &web), 0);
    for (int i = 0; i < 20; i++)
        turn_over(&s.f);
    flood_read(client.fd, BYTES);
    flood_read(web.fd, BYTES);
    pthread_join(up, &result);
    assert_non_null(result);
    pthread_join(down, &result);
    assert_non_null(result);
    close(client.fd);
    close(web.fd);
    turn_over(&s.f);
    shop_end(&s);
}

static void t_half_close(void **state)
{
    struct shop s;

    (void)state;
    shop_begin(&s);
    s.f.conf.stream.connections = 1;
    stream_start(&s.f);
    int fd = tcp_to(&s.f.server);
    put(fd, "GET", 3);
    shutdown(fd, SHUT_WR);
    int web = shop_accept(&s);
    stream_expect(web, "GET", 3);
    expect_closed(web);
    put(web, "late", 4);
    stream_expect(fd, "late", 4);
    shutdown(web, SHUT_WR);
    expect_closed(fd);
    turn_over(&s.f);
    int next = greeted(&s.f); /* its place is free */
    close(next);
    close(web);
    close(fd);
    shop_end(&s);
}

static void t_web_server_is_down(void **state)
{
    struct shop s;

    (void)state;
    shop_begin(&s);
    close(s.listening);
    s.listening = -1;
    stream_start(&s.f);
    int fd = tcp_to(&s.f.server);
    put(fd, "GET", 3);
    expect_closed(fd);
    close(fd);
    fd = greeted(&s.f);
    close(fd);
    shop_end(&s);
}

static void t_idle_and_counted(void **state)
{
    struct shop s;

    (void)state;
    shop_begin(&s);
    s.f.conf.stream.connections_per_prefix = 1;
    stream_start(&s.f);
    int fd = tcp_to(&s.f.server);
    put(fd, "GET", 3);
    int web = shop_accept(&s);
    stream_expect(web, "GET", 3);
    int more = tcp_to(&s.f.server);
    expect_closed(more);
    close(more);
    turn_over(&s.f);
    put_forward += 290 * USEC_PER_SEC;
    turn_over(&s.f);
    expect_open(fd);
    put(web, "x", 1);
    stream_expect(fd, "x", 1);
    turn_over(&s.f); /* the clock is read behind the write */
    put_forward += 290 * USEC_PER_SEC;
    turn_over(&s.f);
    expect_open(fd);
    put_forward += 20 * USEC_PER_SEC;
    turn_over(&s.f);
    expect_closed(fd);
    expect_closed(web);
    close(web);
    close(fd);
    shop_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_flow_is_the_connections),
        cmocka_unit_test(t_proxy_header),
        cmocka_unit_test(t_whose_it_is),
        cmocka_unit_test(t_plain_requests_too),
        cmocka_unit_test(t_proxy_header_for_the_web_server),
        cmocka_unit_test(t_floods_both_ways),
        cmocka_unit_test(t_half_close),
        cmocka_unit_test(t_web_server_is_down),
        cmocka_unit_test(t_idle_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
