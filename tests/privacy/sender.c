/* The load of the privacy tests, from many local addresses to one server:
 *   sender junk ADDRESS PORT COUNT SEED FILE...             malformed packets made of these files
 *   sender calls ADDRESS PORT USER PASSWORD REALM           orders on standard input, one a line:
 *       allocate N BYTES    N allocations, each of which sends so many bytes to a peer
 *       free                ends those of the last order
 *       wrong N             N requests with a wrong password, each under a nonce of its own
 * Each order is answered with "N done" once all its answers are there. */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SOCKETS = 256, BATCH = 128, PACKET = 1500, FILES = 4096, AT_ONCE = 32 };
enum { ALLOCATE = 3, REFRESH = 4, PERMIT = 8, SEND = 0x16, BINDING = 1 };
enum {
    USERNAME = 6,
    DATA = 0x13,
    LIFETIME = 0xd,
    PEER = 0x12,
    REALM = 0x14,
    NONCE = 0x15,
    INTEGRITY = 8,
    TRANSPORT = 0x19,
    TID = 8,
    HEADER = 20
};

static const uint32_t COOKIE = 0x2112a442;
static const char PEER_HOST[] = "127.99.66.33";
enum { PEER_PORT = 58379 };

static struct sockaddr_in server;
static uint64_t state = 88172645463325252u;

static uint32_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}

static void die(const char *text)
{
    fprintf(stderr, "sender: %s: %s\n", text, strerror(errno));
    exit(1);
}

static int open_socket(unsigned number)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    from.sin_addr.s_addr = htonl(0x7f4d0000 | (number / 200 + 1) << 8 | (number % 200 + 1));
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || bind(fd, (void *)&from, sizeof from) ||
        connect(fd, (void *)&server, sizeof server))
        die("socket");
    return fd;
}

/* --- Messages --- */

struct message {
    uint8_t b[PACKET];
    size_t n;
};

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v & 0xffff);
}

static void begin(struct message *m, unsigned type)
{
    put16(m->b, type);
    put32(m->b + 4, COOKIE);
    for (size_t i = TID; i < HEADER; i += 4)
        put32(m->b + i, draw());
    m->n = HEADER;
}

static void attr(struct message *m, unsigned type, const void *data, size_t n)
{
    put16(m->b + m->n, type);
    put16(m->b + m->n + 2, (unsigned)n);
    memcpy(m->b + m->n + 4, data, n);
    memset(m->b + m->n + 4 + n, 0, -n & 3);
    m->n += 4 + ((n + 3) & ~(size_t)3);
    put16(m->b + 2, (unsigned)(m->n - HEADER));
}

static void peer(struct message *m)
{
    uint8_t value[8] = {0, 1};
    put16(value + 2, PEER_PORT ^ COOKIE >> 16);
    put32(value + 4, ntohl(inet_addr(PEER_HOST)) ^ COOKIE);
    attr(m, PEER, value, sizeof value);
}

/* --- Calls --- */

struct account {
    const char *user, *realm;
    uint8_t key[16];
};

struct line {
    int fd;
    char nonce[256];
    size_t n_nonce;
    struct message out;
};

static struct line lines[SOCKETS];

static void make_key(struct account *a, const char *password)
{
    char text[1024];
    int n = snprintf(text, sizeof text, "%s:%s:%s", a->user, a->realm, password);
    EVP_Digest(text, (size_t)n, a->key, NULL, EVP_md5(), NULL);
}

static void sign(struct line *l, const struct account *a)
{
    struct message *m = &l->out;
    uint8_t mac[20];
    attr(m, USERNAME, a->user, strlen(a->user));
    attr(m, REALM, a->realm, strlen(a->realm));
    attr(m, NONCE, l->nonce, l->n_nonce);
    put16(m->b + 2, (unsigned)(m->n + 24 - HEADER));
    HMAC(EVP_sha1(), a->key, sizeof a->key, m->b, m->n, mac, NULL);
    attr(m, INTEGRITY, mac, sizeof mac);
}

static const uint8_t *find(const struct message *m, unsigned type, size_t *n)
{
    for (size_t at = HEADER; at + 4 <= m->n;) {
        *n = (size_t)(m->b[at + 2] << 8 | m->b[at + 3]);
        if ((unsigned)(m->b[at] << 8 | m->b[at + 1]) == type && at + 4 + *n <= m->n)
            return m->b + at + 4;
        at += 4 + ((*n + 3) & ~(size_t)3);
    }
    return NULL;
}

/* Its error code, 0 for success. Asks again when the answer does not come. */
static int answer(struct line *l, struct message *ret)
{
    for (int tries = 0; tries < 20; tries++) {
        struct pollfd p = {l->fd, POLLIN, 0};
        while (poll(&p, 1, 500) > 0) {
            ssize_t n = recv(l->fd, ret->b, sizeof ret->b, MSG_DONTWAIT);
            if (n < HEADER || memcmp(ret->b + TID, l->out.b + TID, HEADER - TID) != 0)
                continue;
            ret->n = (size_t)n;
            const uint8_t *code = find(ret, 9, &(size_t){0});
            return code ? code[2] * 100 + code[3] : 0;
        }
        send(l->fd, l->out.b, l->out.n, 0);
    }
    errno = ETIMEDOUT;
    die("no answer");
    return -1;
}

/* Sends what lies in lines[from..to], takes the answers; each must have this code. */
static void exchange(unsigned from, unsigned to, int code)
{
    struct message m;
    size_t n;
    for (unsigned i = from; i < to; i++)
        send(lines[i].fd, lines[i].out.b, lines[i].out.n, 0);
    for (unsigned i = from; i < to; i++) {
        int got = answer(&lines[i], &m);
        if (got != code) {
            fprintf(stderr, "sender: answer %d instead of %d\n", got, code);
            exit(1);
        }
        const uint8_t *nonce = find(&m, NONCE, &n);
        if (nonce && n < sizeof lines[i].nonce) {
            memcpy(lines[i].nonce, nonce, n);
            lines[i].n_nonce = n;
        }
    }
}

static void allocates(unsigned from, unsigned to, const struct account *a, int code)
{
    static const uint8_t udp[4] = {17};
    for (unsigned i = from; i < to; i++) {
        begin(&lines[i].out, ALLOCATE);
        attr(&lines[i].out, TRANSPORT, udp, sizeof udp);
        if (a)
            sign(&lines[i], a);
    }
    exchange(from, to, code);
}

static void relay(unsigned from, unsigned to, const struct account *a, size_t bytes)
{
    static const uint8_t zero[1024];
    for (unsigned i = from; i < to; i++) {
        begin(&lines[i].out, PERMIT);
        peer(&lines[i].out);
        sign(&lines[i], a);
    }
    exchange(from, to, 0);
    for (unsigned i = from; i < to; i++) {
        begin(&lines[i].out, SEND);
        peer(&lines[i].out);
        attr(&lines[i].out, DATA, zero, bytes);
        send(lines[i].fd, lines[i].out.b, lines[i].out.n, 0);
    }
}

static void refresh(unsigned from, unsigned to, const struct account *a)
{
    static const uint8_t zero[4];
    for (unsigned i = from; i < to; i++) {
        begin(&lines[i].out, REFRESH);
        attr(&lines[i].out, LIFETIME, zero, sizeof zero);
        sign(&lines[i], a);
    }
    exchange(from, to, 0);
}

static void some(unsigned from, unsigned to, const struct account *a, const char *what,
                 unsigned bytes)
{
    if (strcmp(what, "free") == 0) {
        refresh(from, to, a);
        return;
    }
    allocates(from, to, NULL, 401);
    allocates(from, to, a, strcmp(what, "wrong") == 0 ? 401 : 0);
    if (bytes)
        relay(from, to, a, bytes);
}

static void calls(char **arg)
{
    struct account right = {.user = arg[0], .realm = arg[2]}, wrong = right;
    make_key(&right, arg[1]);
    make_key(&wrong, "wrong");
    for (unsigned i = 0; i < SOCKETS; i++)
        lines[i].fd = open_socket(i);
    char text[128], what[32];
    unsigned last = 0;
    while (fgets(text, sizeof text, stdin)) {
        unsigned n = 0, bytes = 0;
        sscanf(text, "%31s %u %u", what, &n, &bytes);
        n = strcmp(what, "free") == 0 ? last : n;
        last = n;
        if (n > SOCKETS)
            exit(2);
        for (unsigned i = 0; i < n; i += AT_ONCE)
            some(i, i + AT_ONCE < n ? i + AT_ONCE : n, strcmp(what, "wrong") ? &right : &wrong,
                 what, bytes);
        printf("%u done\n", n);
        fflush(stdout);
    }
}

/* --- Junk --- */

struct file {
    uint8_t b[PACKET];
    size_t n;
};

static struct file files[FILES];
static unsigned n_files;

static void read_file(const char *name)
{
    FILE *f = fopen(name, "rb");
    if (!f || n_files == FILES)
        die(name);
    files[n_files].n = fread(files[n_files].b, 1, PACKET - 64, f);
    n_files += files[n_files].n > 0;
    fclose(f);
}

static size_t noise(uint8_t *b, size_t n)
{
    size_t at = draw() % n, most = n - at > 64 ? 64 : n - at;
    for (size_t i = 0, many = draw() % most + 1; i < many; i++)
        b[at + i] = (uint8_t)draw();
    return n;
}

static size_t flip(uint8_t *b, size_t n)
{
    for (unsigned i = draw() % 8 + 1; i > 0; i--)
        b[draw() % n] ^= (uint8_t)(1 << draw() % 8);
    return n;
}

static size_t cut(uint8_t *b, size_t n)
{
    (void)b;
    return draw() % n + 1;
}

/* A header that is right, so that what follows it is looked at. */
static size_t dress(uint8_t *b, size_t n)
{
    static const uint16_t types[] = {1, 3, 4, 8, 9, 0x16, 0xa, 0xb, 0x11, 0x113, 0x101};
    if (n < HEADER)
        return n;
    n &= ~(size_t)3;
    put16(b, types[draw() % (sizeof types / sizeof *types)]);
    put16(b + 2, (unsigned)(n - HEADER));
    put32(b + 4, COOKIE);
    return draw() % 2 ? n : noise(b, n - HEADER > 0 ? n : HEADER);
}

/* Attributes of known kinds with lengths and values that need not be. */
static size_t compose(uint8_t *b, size_t n)
{
    struct message m;
    uint8_t value[64];
    (void)n;
    begin(&m, (unsigned)(draw() % 2 ? ALLOCATE : draw() & 0x3eff));
    for (unsigned i = draw() % 6; i > 0; i--) {
        for (size_t k = 0; k < sizeof value; k++)
            value[k] = (uint8_t)draw();
        attr(&m, draw() % 4 ? draw() % 0x30 : 0x8000 | draw() % 0x40, value, draw() % sizeof value);
    }
    memcpy(b, m.b, m.n);
    return m.n;
}

static size_t channel(uint8_t *b, size_t n)
{
    put16(b, 0x4000 + draw() % 0x1000);
    if (n >= 4)
        put16(b + 2, draw() % 3 ? (unsigned)(n - 4) : draw() & 0xffff);
    return n;
}

static size_t same(uint8_t *b, size_t n)
{
    (void)b;
    return n;
}

static void wait_for_it(int fd)
{
    struct message m;
    static const uint8_t software[] = "a request long enough to have an answer";
    for (int tries = 0; tries < 100; tries++) {
        begin(&m, BINDING);
        attr(&m, 0x8022, software, sizeof software - 1);
        send(fd, m.b, m.n, 0);
        struct pollfd p = {fd, POLLIN, 0};
        while (poll(&p, 1, 200) > 0) {
            uint8_t got[PACKET];
            if (recv(fd, got, sizeof got, MSG_DONTWAIT) > HEADER &&
                memcmp(got + TID, m.b + TID, HEADER - TID) == 0)
                return;
        }
    }
    errno = ETIMEDOUT;
    die("the server does not answer");
}

static void drain(int fd)
{
    uint8_t got[PACKET];
    while (recv(fd, got, sizeof got, MSG_DONTWAIT) >= 0)
        ;
}

static void junk(unsigned long count)
{
    static size_t (*const ways[])(uint8_t *, size_t) = {same, flip,  flip,    noise,
                                                        cut,  dress, compose, channel};
    static uint8_t packets[BATCH][PACKET];
    static struct iovec parts[BATCH];
    static struct mmsghdr messages[BATCH];
    int fds[16], asker = open_socket(300);
    for (unsigned i = 0; i < 16; i++)
        fds[i] = open_socket(i);
    for (unsigned long sent = 0, turn = 0; sent < count; sent += BATCH, turn++) {
        for (unsigned i = 0; i < BATCH; i++) {
            const struct file *f = &files[draw() % n_files];
            memcpy(packets[i], f->b, f->n);
            parts[i].iov_base = packets[i];
            parts[i].iov_len = ways[draw() % (sizeof ways / sizeof *ways)](packets[i], f->n);
            messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
        }
        int fd = fds[turn % 16];
        for (int done = 0, n; done < BATCH; done += n)
            if ((n = sendmmsg(fd, messages + done, (unsigned)(BATCH - done), 0)) <= 0)
                die("sendmmsg");
        wait_for_it(asker);
        drain(fd);
    }
    printf("%lu sent\n", count);
}

int main(int argc, char **argv)
{
    if (argc < 7)
        return 2;
    server.sin_family = AF_INET;
    server.sin_port = htons((uint16_t)atoi(argv[3]));
    if (inet_pton(AF_INET, argv[2], &server.sin_addr) != 1)
        return 2;
    if (strcmp(argv[1], "calls") == 0) {
        calls(argv + 4);
        return 0;
    }
    state ^= strtoull(argv[5], NULL, 10) * 0x9e3779b97f4a7c15u;
    for (int i = 6; i < argc; i++)
        read_file(argv[i]);
    junk(strtoul(argv[4], NULL, 10));
    return 0;
}
