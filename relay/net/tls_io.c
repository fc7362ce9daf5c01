/* What a TLS connection writes, on its way to the socket. A record is small, and each write(2) of
 * its own costs more than to make it: those of one flush are gathered and leave together. */
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
static bool send_rest(struct tls_out *o)
{
    if (!o->rest)
        return true;
    ssize_t n = send_some(o->fd, span_of(o->rest + o->from, o->to - o->from));
    if (n < 0)
        return false;
    o->from += (size_t)n;
    if (o->from == o->to)
        tls_out_free(o);
    return true;
}

/* Nothing is gathered while there is a rest. */
static bool send_stage(struct tls_out *o)
{
    struct tls_stage *s = o->stage;
    size_t n = s->n;

    s->n = 0;
    ssize_t sent = n > 0 ? send_some(o->fd, span_of(s->p, n)) : 0;
    if (sent < 0)
        return false;
    return (size_t)sent == n || keep(o, span_of(s->p + sent, n - (size_t)sent));
}

static int later(BIO *bio)
{
    BIO_set_retry_write(bio);
    return -1;
}

static int gather(BIO *bio, struct tls_out *o, struct span data)
{
    struct tls_stage *s = o->stage;

    if (data.n > s->cap - s->n && !send_stage(o))
        return -1;
    if (o->rest || data.n > s->cap)
        return later(bio);
    memcpy(s->p + s->n, data.p, data.n);
    s->n += data.n;
    return (int)data.n;
}

static int io_write(BIO *bio, const char *buf, int n)
{
    struct tls_out *o = BIO_get_data(bio);
    struct span data = span_of(buf, n > 0 ? (size_t)n : 0);

    BIO_clear_retry_flags(bio);
    if (!send_rest(o))
        return -1;
    if (o->rest)
        return later(bio);
    if (o->stage)
        return gather(bio, o, data);
    ssize_t sent = send_some(o->fd, data);
    return sent > 0 ? (int)sent : sent < 0 ? -1 : later(bio);
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
    BIO_meth_set_ctrl(m, io_ctrl);
    BIO_meth_set_create(m, io_create);
    return m;
}

void tls_io_free(struct bio_method_st *method)
{
    BIO_meth_free(method);
}

struct bio_st *tls_io_open(const struct bio_method_st *method, struct tls_out *o)
{
    BIO *bio = BIO_new(method);

    if (bio)
        BIO_set_data(bio, o);
    return bio;
}

bool tls_out_push(struct tls_out *o)
{
    bool lives = send_rest(o);

    if (lives && !o->rest && o->stage)
        lives = send_stage(o);
    if (o->stage)
        o->stage->n = 0;
    o->stage = NULL;
    return lives;
}

void tls_out_free(struct tls_out *o)
{
    mem_free(o->rest);
    o->rest = NULL;
}
