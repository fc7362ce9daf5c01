/* bench_passer CLIENT-SIDE CLIENTS PEER-SIDE PEERS: passes UDP datagrams on and does nothing else,
 * the least that a relay in user space can cost. One socket on each side; what comes from port P
 * of the one host leaves for port P of the other, so that there is nothing to remember. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 64, MTU = 1600, BUFFER_BYTES = 4 << 20 };

struct batch {
    uint8_t bytes[BATCH][MTU];
    struct sockaddr_in from[BATCH];
    struct iovec iov[BATCH];
    struct mmsghdr msg[BATCH];
};

/* "192.0.2.1:3478" */
static int parse(char *text, struct sockaddr_in *ret)
{
    char *colon = strchr(text, ':');
    *ret = (struct sockaddr_in){.sin_family = AF_INET};
    if (colon) {
        *colon = 0;
        ret->sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    }
    return inet_pton(AF_INET, text, &ret->sin_addr) == 1;
}

static int open_at(const struct sockaddr_in *at)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), bytes = BUFFER_BYTES;
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
    if (bind(fd, (const struct sockaddr *)at, sizeof *at) == 0)
        return fd;
    close(fd);
    return -1;
}

static void pass(struct batch *b, int in, int out, struct in_addr to)
{
    for (size_t i = 0; i < BATCH; i++) {
        b->iov[i] = (struct iovec){b->bytes[i], MTU};
        b->msg[i].msg_hdr = (struct msghdr){&b->from[i], sizeof b->from[i], &b->iov[i], 1, 0, 0, 0};
    }
    int n = recvmmsg(in, b->msg, BATCH, MSG_DONTWAIT, NULL), done = 0;
    for (int i = 0; i < n; i++) {
        b->from[i].sin_addr = to;
        b->iov[i].iov_len = b->msg[i].msg_len;
    }
    while (done < n) {
        int sent = sendmmsg(out, b->msg + done, (unsigned)(n - done), MSG_DONTWAIT);
        done += sent > 0 ? sent : 1; /* what is refused is lost */
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in ends[4];
    if (argc != 5) {
        fputs("usage: bench_passer HERE:PORT CLIENTS HERE:PORT PEERS\n", stderr);
        return 2;
    }
    for (int i = 0; i < 4; i++)
        if (!parse(argv[i + 1], &ends[i])) {
            fprintf(stderr, "%s is no address\n", argv[i + 1]);
            return 2;
        }
    struct batch *b = calloc(1, sizeof *b);
    struct pollfd fds[] = {{open_at(&ends[0]), POLLIN, 0}, {open_at(&ends[2]), POLLIN, 0}};
    if (!b || fds[0].fd < 0 || fds[1].fd < 0) {
        perror("bench_passer");
        free(b);
        return 1;
    }
    while (poll(fds, 2, -1) > 0) {
        if (fds[0].revents)
            pass(b, fds[0].fd, fds[1].fd, ends[3].sin_addr);
        if (fds[1].revents)
            pass(b, fds[1].fd, fds[0].fd, ends[1].sin_addr);
    }
    free(b);
    return 1;
}
