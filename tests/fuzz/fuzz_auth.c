/* Any user name against a snapshot, and any bytes as a file of secrets. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/auth.h"
#include "fuzz/fuzz.h"

/* Built once; the process ends with it. */
static struct auth_snapshot *snapshot;
static struct crypto *crypto;

static void set_up(void)
{
    static const char secret[] = "n0rth-secret-0123456789abcdef";
    const struct auth_user users[] = {{"alice", "p"}, {"2000000000", "\xc2\xaa"}};
    struct auth_conf conf = {"turn", users, 2, 3600, NULL, NULL, 0, NULL};
    static struct auth_secrets secrets;
    struct auth_secret one = {.id = "main", .len = sizeof(secret) - 1};
    memcpy(one.bytes, secret, sizeof(secret) - 1);
    FUZZ_CHECK(auth_secrets_add(&secrets, &one, NULL) == 0);
    crypto = crypto_new();
    snapshot = auth_snapshot_new(&conf, &secrets, NULL);
    FUZZ_CHECK(crypto && snapshot);
}

static void ask(struct span user, uint8_t how)
{
    struct auth_query q = {.user = user, .now = 1700000000};
    struct auth_found f;
    q.is_hash = how & 1;
    q.sha256 = how & 2;
    q.ignore_expiry = how & 4;
    int r;
    for (q.nth = 0; (r = auth_find(snapshot, crypto, &q, &f)) == 0; q.nth++) {
        FUZZ_CHECK(f.key_len == (q.sha256 ? SHA256_LEN : MD5_LEN) && q.nth < 3);
        FUZZ_CHECK(f.account.n <= AUTH_NAME_MAX || f.account.n <= user.n);
    }
    FUZZ_CHECK(r == -ENOENT || r == -EKEYEXPIRED);
}

static void parse_expiry(struct span user)
{
    int64_t expiry;
    struct span account;
    if (!auth_expiry(user, &expiry, &account))
        return;
    FUZZ_CHECK(expiry >= 0 && account.n < user.n);
    FUZZ_CHECK(account.n == 0 || account.p + account.n == user.p + user.n);
}

static int load(struct span text, struct auth_secrets *ret)
{
    struct auth_error err = {""};
    char path[64];
    int fd = memfd_create("secrets", MFD_CLOEXEC);
    FUZZ_CHECK(fd >= 0 && fchmod(fd, 0600) == 0);
    FUZZ_CHECK(write(fd, text.p, text.n) == (ssize_t)text.n);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int r = auth_file_load(path, ret, NULL, &err);
    (void)close(fd);
    FUZZ_CHECK(r == 0 || err.text[0] != '\0');
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct auth_secrets secrets;
    if (!snapshot)
        set_up();
    if (n < 1 || n > 65536)
        return 0;
    struct span rest = span_of(data + 1, n - 1);
    parse_expiry(rest);
    ask(rest, data[0]);
    if (load(rest, &secrets) == 0)
        FUZZ_CHECK(secrets.n <= AUTH_SECRETS_MAX);
    return 0;
}
