/* Landlock, by its system calls: the C library has no names for them, and the headers at hand may
 * be older than the kernel. */
#include "sandbox/sandbox_int.h"

#include <errno.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

/* linux/landlock.h as of version 7 of the ABI; each version adds behind what was there. */
enum { CREATE_VERSION = 1, RULE_PATH = 1, RULE_PORT = 2, ABI_KNOWN = 7, PORT_DNS = 53 };

enum access_fs {
    FS_EXECUTE = 1 << 0,
    FS_WRITE_FILE = 1 << 1,
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    FS_REMOVE_FILE = 1 << 5,
    FS_MAKE_REG = 1 << 8,
    FS_MAKE_SOCK = 1 << 9,
    FS_OF_FILES = FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE,
};

enum access_net { NET_BIND_TCP = 1 << 0, NET_CONNECT_TCP = 1 << 1 };
enum scope { SCOPE_ABSTRACT = 1 << 0, SCOPE_SIGNAL = 1 << 1 };

struct ruleset {
    uint64_t fs;
    uint64_t net;
    uint64_t scoped;
};

struct path_rule {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));

struct port_rule {
    uint64_t allowed;
    uint64_t port;
};

/* How many kinds of access to files, and how much of struct ruleset, a version knows. */
static const struct version {
    uint8_t bits;
    uint8_t size;
} versions[ABI_KNOWN + 1] = {
    [1] = {13, 8},  [2] = {14, 8},  [3] = {15, 8},  [4] = {15, 16},
    [5] = {16, 16}, [6] = {16, 24}, [7] = {16, 24},
};

int landlock_open(const struct sandbox_conf *conf, int *abi)
{
    long has = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);
    if (has < 1)
        return has < 0 ? -errno : -ENOSYS;
    const struct version *v = &versions[has < ABI_KNOWN ? has : ABI_KNOWN];
    const struct ruleset all = {
        .fs = ((UINT64_C(1) << v->bits) - 1) & ~(uint64_t)(MEM_IS_WATCHED ? FS_EXECUTE : 0),
        .net = (conf->tcp_bind ? 0 : NET_BIND_TCP) | (conf->tcp_connect ? 0 : NET_CONNECT_TCP),
        .scoped = SCOPE_SIGNAL | (conf->abstract ? 0 : SCOPE_ABSTRACT),
    };
    long fd = syscall(SYS_landlock_create_ruleset, &all, v->size, 0);
    if (fd < 0)
        return -errno;
    /* A long answer of the DNS comes over TCP. */
    const struct port_rule dns = {NET_CONNECT_TCP, PORT_DNS};
    if (all.net & NET_CONNECT_TCP)
        (void)syscall(SYS_landlock_add_rule, fd, RULE_PORT, &dns, 0);
    *abi = (int)has;
    return (int)fd;
}

int landlock_allow(int rules, int fd, enum sandbox_use use)
{
    static const uint32_t uses[] = {
        [SANDBOX_READ] = FS_READ_FILE | FS_READ_DIR,
        [SANDBOX_KEEP] = FS_READ_FILE | FS_READ_DIR | FS_WRITE_FILE | FS_REMOVE_FILE | FS_MAKE_REG,
        [SANDBOX_SOCKETS] = FS_REMOVE_FILE | FS_MAKE_SOCK,
    };
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    const struct path_rule rule = {
        .allowed = S_ISDIR(st.st_mode) ? uses[use] : uses[use] & FS_OF_FILES, .parent = fd};
    return syscall(SYS_landlock_add_rule, rules, RULE_PATH, &rule, 0) < 0 ? -errno : 0;
}

int landlock_enter(int rules)
{
    return syscall(SYS_landlock_restrict_self, rules, 0) < 0 ? -errno : 0;
}
