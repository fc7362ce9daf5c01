/* From an address to a connected socket: a path, an IP address, or a name whose addresses are tried
 * one after the other. Names are asked for without waiting, each with a fresh look at resolv.conf
 * and hosts. */
#include "redis/redis_int.h"

#include <errno.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/mem.h"

enum { NAMES_MAX = 8, HOST_MAX = 256 };

union name {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
};

/* Outlives the one who asked, since the answer cannot be kept from coming. */
struct lookup {
    struct event_base *base;
    struct evdns_base *dns;
    struct redis_connect *owner; /* NULL = nobody is interested any more */
    bool done;
};

struct redis_connect {
    struct event_base *base;
    void (*done)(void *ctx, int fd);
    void *ctx;
    struct lookup *lookup;
    struct evdns_getaddrinfo_request *request;
    bool looked_up;
    struct event *step;     /* on the loop's next turn */
    struct event *writable; /* NULL = no socket yet */
    union name names[NAMES_MAX];
    socklen_t lens[NAMES_MAX];
    size_t n;
    size_t at;
    int fd;
    int error;
    uint16_t port;
    char host[HOST_MAX];
};

/* --- Addresses --- */

static bool read_port(const char *text, uint16_t *ret)
{
    unsigned v = 0;
    size_t n = strlen(text);
    if (n == 0 || n > 5)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        v = v * 10 + (unsigned)(text[i] - '0');
    }
    if (v == 0 || v > UINT16_MAX)
        return false;
    *ret = (uint16_t)v;
    return true;
}

bool redis_address_split(const char *address, char *ret_host, size_t cap, uint16_t *port)
{
    bool bracket = address[0] == '[';
    const char *from = address + bracket;
    const char *end = strchr(from, bracket ? ']' : ':');
    size_t n = end ? (size_t)(end - from) : strlen(from);
    const char *rest = from + n + (bracket && end);
    if (address[0] == '/' && cap) {
        ret_host[0] = '\0';
        return true;
    }
    if (n == 0 || n >= cap || (bracket && !end) || (*rest && *rest != ':'))
        return false;
    if (*rest == ':' && !read_port(rest + 1, port))
        return false;
    memcpy(ret_host, from, n);
    ret_host[n] = '\0';
    return true;
}

static bool add_path(struct redis_connect *c, const char *path)
{
    struct sockaddr_un *un = &c->names[0].un;
    size_t n = strlen(path);
    if (n >= sizeof(un->sun_path))
        return false;
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, n + 1);
    c->lens[0] = sizeof(*un);
    c->n = 1;
    return true;
}

static bool add_ip(struct redis_connect *c)
{
    struct addr a;
    union name *name = &c->names[0];
    if (!addr_parse(c->host, &a))
        return false;
    if (a.family == ADDR_V6) {
        name->in6.sin6_family = AF_INET6;
        name->in6.sin6_port = htons(c->port);
        memcpy(&name->in6.sin6_addr, a.ip, 16);
    } else {
        name->in.sin_family = AF_INET;
        name->in.sin_port = htons(c->port);
        memcpy(&name->in.sin_addr, a.ip, 4);
    }
    c->lens[0] = a.family == ADDR_V6 ? sizeof(name->in6) : sizeof(name->in);
    c->n = 1;
    return true;
}

static void add_found(struct redis_connect *c, const struct evutil_addrinfo *found)
{
    for (; found && c->n < NAMES_MAX; found = found->ai_next) {
        if (found->ai_addrlen > sizeof(union name))
            continue;
        memcpy(&c->names[c->n], found->ai_addr, found->ai_addrlen);
        c->lens[c->n++] = found->ai_addrlen;
    }
}

/* --- Connecting --- */

static void drop_event(struct event **event)
{
    if (*event)
        event_free(*event);
    *event = NULL;
}

static void on_writable(evutil_socket_t fd, short events, void *ctx)
{
    struct redis_connect *c = ctx;
    int error = 0;
    socklen_t n = sizeof(error);
    (void)events;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
        error = errno;
    drop_event(&c->writable);
    c->fd = -1;
    if (error == 0) {
        c->done(c->ctx, fd);
        return;
    }
    (void)close(fd);
    c->error = -error;
    event_active(c->step, 0, 0);
}

/* What is asked for goes out at once, and a peer that is gone without a word is noticed. */
static void tune(int fd, const union name *name)
{
    const int on = 1;
    if (name->sa.sa_family == AF_UNIX)
        return;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static int begin(struct redis_connect *c, const union name *name, socklen_t len)
{
    tune(c->fd, name);
    if (connect(c->fd, &name->sa, len) < 0 && errno != EINPROGRESS)
        return -errno;
    c->writable = event_new(c->base, c->fd, EV_WRITE, on_writable, c);
    return c->writable && event_add(c->writable, NULL) == 0 ? 0 : -ENOMEM;
}

static int try_name(struct redis_connect *c, const union name *name, socklen_t len)
{
    c->fd = socket(name->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd < 0)
        return -errno;
    int r = begin(c, name, len);
    if (r < 0) {
        drop_event(&c->writable);
        (void)close(c->fd);
        c->fd = -1;
    }
    return r;
}

static void next_name(struct redis_connect *c)
{
    while (c->at < c->n) {
        size_t i = c->at++;
        int r = try_name(c, &c->names[i], c->lens[i]);
        if (r == 0)
            return;
        c->error = r;
    }
    c->done(c->ctx, c->error);
}

/* --- Names --- */

static void free_lookup(evutil_socket_t fd, short events, void *ctx)
{
    struct lookup *l = ctx;
    (void)fd;
    (void)events;
    evdns_base_free(l->dns, 0);
    mem_free(l);
}

/* The library is in the middle of it, so it is released on a later turn. */
static void on_found(int result, struct evutil_addrinfo *found, void *ctx)
{
    struct lookup *l = ctx;
    struct redis_connect *c = l->owner;
    const struct timeval soon = {0, 0};
    l->done = true;
    (void)event_base_once(l->base, -1, EV_TIMEOUT, free_lookup, l, &soon);
    if (c) {
        c->lookup = NULL;
        c->request = NULL;
        if (result == 0)
            add_found(c, found);
        event_active(c->step, 0, 0);
    }
    if (found)
        evutil_freeaddrinfo(found);
}

static struct lookup *new_lookup(struct redis_connect *c)
{
    struct lookup *l = mem_zalloc(sizeof(*l));
    if (!l)
        return NULL;
    l->base = c->base;
    l->owner = c;
    l->dns = evdns_base_new(c->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (!l->dns) {
        mem_free(l);
        return NULL;
    }
    (void)evdns_base_resolv_conf_parse(l->dns, DNS_OPTIONS_ALL, "/etc/resolv.conf");
    (void)evdns_base_set_option(l->dns, "timeout:", "1");
    (void)evdns_base_set_option(l->dns, "attempts:", "2");
    return l;
}

static int look_up(struct redis_connect *c)
{
    char digits[24];
    const struct evutil_addrinfo want = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP};
    struct lookup *l = new_lookup(c);
    if (!l)
        return -ENOMEM;
    c->lookup = l;
    c->looked_up = true;
    struct evdns_getaddrinfo_request *request =
        evdns_getaddrinfo(l->dns, c->host, redis_digits(c->port, digits), &want, on_found, l);
    if (!l->done)
        c->request = request;
    return 0;
}

/* --- The way in --- */

static void on_step(evutil_socket_t fd, short events, void *ctx)
{
    struct redis_connect *c = ctx;
    (void)fd;
    (void)events;
    if (c->n || c->looked_up)
        next_name(c);
    else if (look_up(c) < 0)
        c->done(c->ctx, -ENOMEM);
}

struct redis_connect *redis_connect_new(const struct redis_target *to,
                                        void (*done)(void *ctx, int fd), void *ctx)
{
    struct redis_connect *c = mem_zalloc(sizeof(*c));
    if (!c)
        return NULL;
    c->base = to->base;
    c->port = to->port;
    c->done = done;
    c->ctx = ctx;
    c->fd = -1;
    c->error = -ENOENT;
    bool ok = redis_address_split(to->address, c->host, sizeof(c->host), &c->port);
    if (ok && !c->host[0])
        ok = add_path(c, to->address);
    else if (ok)
        (void)add_ip(c);
    c->step = evtimer_new(c->base, on_step, c);
    if (!ok || !c->step) {
        redis_connect_free(c);
        return NULL;
    }
    event_active(c->step, 0, 0);
    return c;
}

void redis_connect_free(struct redis_connect *c)
{
    if (!c)
        return;
    if (c->lookup)
        c->lookup->owner = NULL;
    if (c->request)
        evdns_getaddrinfo_cancel(c->request);
    drop_event(&c->step);
    drop_event(&c->writable);
    if (c->fd >= 0)
        (void)close(c->fd);
    mem_free(c);
}
