/* The file store of shared secrets: one line each, `id not-before not-after secret`; and of revoked
 * names, `!HASH UNTIL`. */
#include "auth/auth_int.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

enum {
    ROW_MAX = AUTH_REVOKED_TEXT + 16, /* of a revoked name */
    FILE_BYTES_MAX = 65536 + AUTH_REVOKED_MAX * ROW_MAX,
    WORDS = 3,        /* behind the id */
    TIME_DIGITS = 12, /* of AUTH_TIME_MAX */
};

static const char head[] = "# id not-before not-after secret; see drehkreuz(8)\n";

/* --- Reading --- */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Takes the next word off *line; empty at the end. */
static struct span next_word(struct span *line)
{
    size_t from = 0;
    while (from < line->n && is_blank(line->p[from]))
        from++;
    size_t to = from;
    while (to < line->n && !is_blank(line->p[to]))
        to++;
    struct span word = span_of(line->p + from, to - from);
    *line = span_of(line->p + to, line->n - to);
    return word;
}

static struct span next_line(struct span *text)
{
    const uint8_t *end = text->n ? memchr(text->p, '\n', text->n) : NULL;
    size_t n = end ? (size_t)(end - text->p) : text->n;
    struct span line = span_of(text->p, n);
    size_t skip = end ? n + 1 : n;
    *text = span_of(text->p + skip, text->n - skip);
    return line;
}

bool auth_read_time(struct span word, int64_t *ret)
{
    if (word.n == 0 || word.n > TIME_DIGITS)
        return false;
    int64_t v = 0;
    for (size_t i = 0; i < word.n; i++) {
        if (word.p[i] < '0' || word.p[i] > '9')
            return false;
        v = v * 10 + (word.p[i] - '0');
    }
    *ret = v;
    return true;
}

/* Too long a word keeps one byte too many, so that auth_secrets_add turns it down. */
static void read_words(struct span id, struct span secret, struct auth_secret *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (id.n < sizeof(ret->id))
        memcpy(ret->id, id.p, id.n);
    ret->len = (uint16_t)(secret.n <= AUTH_SECRET_MAX ? secret.n : AUTH_SECRET_MAX + 1);
    memcpy(ret->bytes, secret.p, secret.n <= AUTH_SECRET_MAX ? secret.n : AUTH_SECRET_MAX);
}

int auth_secrets_read(struct auth_secrets *secrets, struct span id, struct span words,
                      struct auth_error *err)
{
    struct span word[WORDS + 1];
    for (size_t i = 0; i <= WORDS; i++)
        word[i] = next_word(&words);
    if (word[WORDS - 1].n == 0 || word[WORDS].n != 0)
        return auth_fail(err, -EINVAL,
                         "expected the four words `id not-before not-after secret`, "
                         "e.g. `main 0 0 SECRET`");
    struct auth_secret one;
    int r = -EINVAL;
    read_words(id, word[2], &one);
    if (!auth_read_time(word[0], &one.not_before) || !auth_read_time(word[1], &one.not_after))
        (void)auth_fail(err, r, "expected Unix seconds as second and third word, e.g. 0");
    else
        r = auth_secrets_add(secrets, &one, err);
    crypto_wipe(&one, sizeof(one));
    return r;
}

/* Position of one line, for what is said about it. */
struct place {
    const char *path;
    size_t line;
};

/* What a file holds. */
struct content {
    struct auth_secrets secrets;
    struct auth_revocations revoked;
};

static int read_revoked(struct auth_revocations *revoked, struct span name, struct span words,
                        struct auth_error *err)
{
    struct auth_revoked one;
    struct span until = next_word(&words);
    if (next_word(&words).n != 0 || auth_revoked_read(name, until, &one) < 0)
        return auth_fail(err, -EINVAL,
                         "expected `!`, 64 digits of 0-9 and a-f, and Unix seconds, as "
                         "`drehkreuz secret revoke` writes them");
    int r = auth_revocations_add(revoked, &one);
    if (r == -ENOSPC)
        return auth_fail(err, r, "there is room for %d revoked names, remove some that are over",
                         AUTH_REVOKED_MAX);
    return r < 0 ? auth_fail(err, r, "out of memory") : 0;
}

static int read_line(struct span line, const struct place *at, struct content *ret,
                     struct auth_error *err)
{
    struct auth_error inner;
    struct span id = next_word(&line);
    if (id.n == 0 || id.p[0] == '#')
        return 0;
    int r = id.p[0] == '!' ? read_revoked(&ret->revoked, span_of(id.p + 1, id.n - 1), line, &inner)
                           : auth_secrets_read(&ret->secrets, id, line, &inner);
    if (r == 0)
        return 0;
    return auth_fail(err, -EINVAL, "%s:%zu: %s", at->path, at->line, inner.text);
}

static int read_text(const char *path, struct span text, struct content *ret,
                     struct auth_error *err)
{
    struct place at = {path, 1};
    int r = 0;
    for (; r == 0 && text.n; at.line++)
        r = read_line(next_line(&text), &at, ret, err);
    auth_revocations_sort(&ret->revoked);
    return r;
}

static int check_file(int fd, const char *path, struct auth_error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return auth_fail(err, -errno, "%s: cannot be examined: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return auth_fail(err, -EINVAL, "%s: is not a regular file", path);
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return auth_fail(err, -EPERM,
                         "%s: others than its owner may use this file of secrets; "
                         "run `chmod 600` on it",
                         path);
    if (st.st_size > FILE_BYTES_MAX)
        return auth_fail(err, -EFBIG, "%s: is larger than %d bytes", path, FILE_BYTES_MAX);
    return 0;
}

/* Number of bytes, or -errno. The file may grow while it is read; what is more than cap is not
 * wanted. */
static ssize_t read_all(int fd, uint8_t *ret, size_t cap)
{
    size_t n = 0;
    while (n < cap) {
        ssize_t got = read(fd, ret + n, cap - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    return (ssize_t)n;
}

static int load_fd(int fd, const char *path, struct content *ret, struct auth_error *err)
{
    int r = check_file(fd, path, err);
    if (r < 0)
        return r;
    uint8_t *text = mem_zalloc(FILE_BYTES_MAX);
    if (!text)
        return auth_fail(err, -ENOMEM, "out of memory");
    ssize_t n = read_all(fd, text, FILE_BYTES_MAX);
    r = n < 0 ? auth_fail(err, (int)n, "%s: cannot be read: %s", path, strerror((int)-n))
              : read_text(path, span_of(text, (size_t)n), ret, err);
    mem_free_wiped(text, FILE_BYTES_MAX);
    return r;
}

int auth_file_load(const char *path, struct auth_secrets *ret, struct auth_revocations *ret_revoked,
                   struct auth_error *err)
{
    struct content found = {.revoked = {NULL, 0, 0}};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return auth_fail(err, -errno, "%s: cannot be opened: %s", path, strerror(errno));
    int r = load_fd(fd, path, &found, err);
    (void)close(fd);
    if (r == 0)
        *ret = found.secrets;
    if (r == 0 && ret_revoked) {
        auth_revocations_clear(ret_revoked);
        *ret_revoked = found.revoked;
        found.revoked = (struct auth_revocations){NULL, 0, 0};
    }
    auth_revocations_clear(&found.revoked);
    auth_secrets_wipe(&found.secrets);
    return r;
}

/* --- Writing --- */

static int write_all(int fd, const void *data, size_t n)
{
    const uint8_t *p = data;
    while (n) {
        ssize_t put = write(fd, p, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -errno;
        p += put;
        n -= (size_t)put;
    }
    return 0;
}

int auth_secret_words(const struct auth_secret *one, char ret[AUTH_WORDS_MAX])
{
    return snprintf(ret, AUTH_WORDS_MAX, "%lld %lld %.*s", (long long)one->not_before,
                    (long long)one->not_after, (int)one->len, (const char *)one->bytes);
}

static int write_secret(int fd, const struct auth_secret *s)
{
    char words[AUTH_WORDS_MAX];
    char line[AUTH_ID_MAX + sizeof(words) + 2];
    (void)auth_secret_words(s, words);
    int n = snprintf(line, sizeof(line), "%s %s\n", s->id, words);
    int r = n > 0 && (size_t)n < sizeof(line) ? write_all(fd, line, (size_t)n) : -EINVAL;
    crypto_wipe(words, sizeof(words));
    crypto_wipe(line, sizeof(line));
    return r;
}

static int write_revoked(int fd, const struct auth_revoked *one)
{
    char name[AUTH_REVOKED_TEXT];
    char line[ROW_MAX];
    auth_revoked_text(one, name);
    int n = snprintf(line, sizeof(line), "!%s %lld\n", name, (long long)one->until);
    return n > 0 && (size_t)n < sizeof(line) ? write_all(fd, line, (size_t)n) : -EINVAL;
}

static int write_comment(int fd, struct span line)
{
    struct span words = line;
    struct span first = next_word(&words);
    if (first.n == 0 || first.p[0] != '#' || span_eq(line, span_of(head, sizeof(head) - 2)))
        return 0;
    int r = write_all(fd, line.p, line.n);
    return r == 0 ? write_all(fd, "\n", 1) : r;
}

/* A file that is not there has none. */
static int write_comments(int fd, const char *path)
{
    int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (from < 0)
        return errno == ENOENT ? 0 : -errno;
    uint8_t *text = mem_zalloc(FILE_BYTES_MAX);
    ssize_t n = text ? read_all(from, text, FILE_BYTES_MAX) : -ENOMEM;
    int r = n < 0 ? (int)n : 0;
    struct span rest = span_of(text, n < 0 ? 0 : (size_t)n);
    while (r == 0 && rest.n)
        r = write_comment(fd, next_line(&rest));
    mem_free_wiped(text, FILE_BYTES_MAX);
    (void)close(from);
    return r;
}

/* A new file belongs to whoever writes it; an old one keeps owner and group, so that the service
 * can still read it after root has changed it. */
static int keep_owner(int fd, const char *path)
{
    struct stat was;
    struct stat is;
    if (stat(path, &was) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (fstat(fd, &is) < 0)
        return -errno;
    if (was.st_uid == is.st_uid && was.st_gid == is.st_gid)
        return 0;
    return fchown(fd, was.st_uid, was.st_gid) < 0 ? -errno : 0;
}

static int write_content(int fd, const char *path, const struct auth_secrets *secrets,
                         const struct auth_revocations *revoked)
{
    int r = fchmod(fd, S_IRUSR | S_IWUSR) < 0 ? -errno : keep_owner(fd, path);
    if (r == 0)
        r = write_all(fd, head, sizeof(head) - 1);
    if (r == 0)
        r = write_comments(fd, path);
    for (size_t i = 0; r == 0 && i < secrets->n; i++)
        r = write_secret(fd, &secrets->v[i]);
    for (size_t i = 0; r == 0 && revoked && i < revoked->n; i++)
        r = write_revoked(fd, &revoked->v[i]);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    return r;
}

/* The new name survives a power cut only once the directory is on the disk. */
static int sync_directory(const char *path)
{
    char copy[PATH_MAX];
    (void)snprintf(copy, sizeof(copy), "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
    (void)close(fd);
    return r;
}

static int replace(const char *path, const struct auth_secrets *secrets,
                   const struct auth_revocations *revoked)
{
    char fresh[PATH_MAX];
    int n = snprintf(fresh, sizeof(fresh), "%s.XXXXXX", path);
    if (n < 0 || (size_t)n >= sizeof(fresh))
        return -ENAMETOOLONG;
    int fd = mkostemp(fresh, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = write_content(fd, path, secrets, revoked);
    if (close(fd) < 0 && r == 0)
        r = -errno;
    if (r == 0 && rename(fresh, path) < 0)
        r = -errno;
    if (r < 0) {
        (void)unlink(fresh);
        return r;
    }
    return sync_directory(path);
}

int auth_file_save(const char *path, const struct auth_secrets *secrets,
                   const struct auth_revocations *revoked, struct auth_error *err)
{
    /* A link stays a link: the file behind it is the one to replace. */
    char real[PATH_MAX];
    int r = replace(realpath(path, real) ? real : path, secrets, revoked);
    return r < 0 ? auth_fail(err, r, "%s: cannot be written: %s", path, strerror(-r)) : 0;
}
