/* Connections that are the web server's, with a PROXY header in front if it wants one. */
#include "net/pass_int.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/proxy_int.h"
#include "net/worker_int.h"

enum { WEB_CONNECT_S = 10, WEB_IDLE_S = 300 };

static int connect_to(const struct addr *server)
{
    union sock_name name;
    socklen_t n = sockaddr_from_addr(server, &name);
    int one = 1;
    int fd = socket(sockaddr_family(server), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, &name.sa, n) == 0 || errno == EINPROGRESS)
        return fd;
    int r = -errno;
    close(fd);
    return r;
}

/* Until the web server has answered, what is kept for it holds the client back: the PROXY header,
 * or nothing at all. */
static bool start(struct pass *p, const struct net_web_conf *web)
{
    const struct turn_flow *flow = &p->conn->flow;
    uint8_t head[PROXY_WRITE_MAX];
    size_t n = web->proxy_v2 ? proxy_write(&flow->client, &flow->server, head) : 0;

    return pass_keep(&p->far, span_of(head, n)) && pass_watch(p);
}

void pass_begin(struct conn *c)
{
    const struct net_web_conf *web = &c->worker->streams->web;
    int fd = connect_to(&web->server);

    c->pass = fd >= 0 ? pass_new(c, fd, WEB_IDLE_S) : NULL;
    if (!c->pass) {
        if (fd >= 0)
            close(fd);
        conn_kill(c);
        return;
    }
    c->state = CONN_PASS;
    c->last = worker_now(c->worker) + (WEB_CONNECT_S - WEB_IDLE_S) * USEC_PER_SEC;
    conn_expect(c, WEB_CONNECT_S);
    if (!start(c->pass, web))
        conn_kill(c);
}
