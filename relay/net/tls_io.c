/* Between a TLS connection and its socket. A record is small, and each call of its own costs more
 * than to make or open it: what one flush writes is gathered and leaves together, and what has come
 * is taken together. */
#include "base/mem.h"
#include "net/tls_int.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/bio.h>

static ssize_t send_some(int fd, struct span data)
{
    ssize_t n = send(fd, data.p, data.n, MSG_DONTWAIT | MSG_NOSIGNAL);
    return n >= 0 ? n : errno == EAGAIN || errno == EINTR ? 0 : -1;
}

static bool keep(struct tls_out *o, struct span data)
{
    o->rest = mem_zalloc(data.n);
    if (!o->rest)
        return false;
    memcpy(o->rest, data.p, data.n);
    o->from = 0;
    o->to = data.n;
    return true;
}

/* false: the socket is gone. */
static bool send_rest(struct tls_socket *s)
{
    struct tls_out *o = &s->out;

    if (!o->rest)
        return true;
    ssize_t n = send_some(s->fd, span_of(o->rest + o->from, o->to - o->from));
    if (n < 0)
        return false;
    o->from += (size_t)n;
    if (o->from == o->to)
        tls_socket_free(s);
    return true;
}

/* Nothing is gathered while there is a rest. */
static bool send_stage(struct tls_socket *s)
{
    struct tls_stage *stage = s->out.stage;
    size_t n = stage->n;

    stage->n = 0;
    ssize_t sent = n > 0 ? send_some(s->fd, span_of(stage->p, n)) : 0;
    if (sent < 0)
        return false;
    return (size_t)sent == n || keep(&s->out, span_of(stage->p + sent, n - (size_t)sent));
}

static int later(BIO *bio)
{
    BIO_set_retry_write(bio);
    return -1;
}

static int gather(BIO *bio, struct tls_socket *s, struct span data)
{
    struct tls_stage *stage = s->out.stage;

    if (data.n > stage->cap - stage->n && !send_stage(s))
        return -1;
    if (s->out.rest || data.n > stage->cap)
        return later(bio);
    memcpy(stage->p + stage->n, data.p, data.n);
    stage->n += data.n;
    return (int)data.n;
}

static int io_write(BIO *bio, const char *buf, int n)
{
    struct tls_socket *s = BIO_get_data(bio);
    struct span data = span_of(buf, n > 0 ? (size_t)n : 0);

    BIO_clear_retry_flags(bio);
    if (!send_rest(s))
        return -1;
    if (s->out.rest)
        return later(bio);
    if (s->out.stage)
        return gather(bio, s, data);
    ssize_t sent = send_some(s->fd, data);
    return sent > 0 ? (int)sent : sent < 0 ? -1 : later(bio);
}

/* How many bytes, 0 at the end, or -errno; -EAGAIN for none now. */
static ssize_t receive(int fd, void *ret, size_t cap)
{
    ssize_t n = recv(fd, ret, cap, MSG_DONTWAIT);
    return n >= 0 ? n : errno == EINTR ? -EAGAIN : -errno;
}

/* The library asks for a record's header, then for its body, then for the next one's header. The
 * socket is asked once: who has more to say waits until the others had their turn. */
static ssize_t take_staged(struct tls_socket *s, void *ret, size_t cap)
{
    struct tls_stage *stage = s->in.stage;

    if (s->in.at == stage->n) {
        ssize_t got = stage->n > 0 ? -EAGAIN : receive(s->fd, stage->p, stage->cap);
        if (got <= 0)
            return got;
        stage->n = (size_t)got;
        stage->high = stage->n > stage->high ? stage->n : stage->high;
    }
    size_t left = stage->n - s->in.at;
    size_t n = left < cap ? left : cap;
    memcpy(ret, stage->p + s->in.at, n);
    s->in.at += n;
    return (ssize_t)n;
}

static int io_read(BIO *bio, char *ret, int cap)
{
    struct tls_socket *s = BIO_get_data(bio);
    size_t max = cap > 0 ? (size_t)cap : 0;

    BIO_clear_retry_flags(bio);
    ssize_t n = s->in.stage ? take_staged(s, ret, max) : receive(s->fd, ret, max);
    if (n == -EAGAIN)
        BIO_set_retry_read(bio);
    return n < 0 ? -1 : (int)n;
}

static long io_ctrl(BIO *bio, int command, long number, void *arg)
{
    (void)bio;
    (void)number;
    (void)arg;
    return command == BIO_CTRL_FLUSH;
}

static int io_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

/* Without a number of its own, of which there are few: nobody looks for it by its type. */
struct bio_method_st *tls_io_new(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "records");

    if (!m)
        return NULL;
    BIO_meth_set_write(m, io_write);
    BIO_meth_set_read(m, io_read);
    BIO_meth_set_ctrl(m, io_ctrl);
    BIO_meth_set_create(m, io_create);
    return m;
}

void tls_io_free(struct bio_method_st *method)
{
    BIO_meth_free(method);
}

struct bio_st *tls_io_open(const struct bio_method_st *method, struct tls_socket *s)
{
    BIO *bio = BIO_new(method);

    if (bio)
        BIO_set_data(bio, s);
    return bio;
}

bool tls_socket_push(struct tls_socket *s)
{
    struct tls_stage *stage = s->out.stage;
    bool lives = send_rest(s);

    if (lives && !s->out.rest && stage)
        lives = send_stage(s);
    if (stage)
        stage->n = 0;
    s->out.stage = NULL;
    return lives;
}

void tls_socket_free(struct tls_socket *s)
{
    mem_free(s->out.rest);
    s->out.rest = NULL;
}
