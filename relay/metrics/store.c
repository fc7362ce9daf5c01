#include "metrics/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "metrics/ledger.h"
#include "metrics/metrics_int.h"
#include "metrics/text.h"

enum { FILE_MAX = 8192, PATH_SIZE = 512, PATH_SHOWN = 150 };

static const char head[] = "drehkreuz-windows 1\n";
static const char tail[] = "end\n";

/* Everything a number in the file depends on. */
static void put_parameters(struct writer *w)
{
    text_put(w, head);
    for (size_t i = 0; i < METRICS_USES; i++) {
        text_all(w, (const char *const[]){ledger[i].name, " clip ", NULL});
        text_int(w, ledger[i].clip);
        text_put(w, " scale ");
        text_int(w, ledger[i].scale);
        text_put(w, "\n");
    }
}

static void put_window(struct writer *w, const struct metrics_window *v)
{
    text_int(w, v->begin);
    text_put(w, " ");
    text_int(w, v->end);
    for (size_t i = 0; i < METRICS_USES; i++) {
        text_put(w, " ");
        text_int(w, v->value[i]);
    }
    text_put(w, "\n");
}

/* A long path is shown by its end. */
static int failed(struct metrics_error *err, const char *file, const char *what, int error)
{
    struct writer w = w_over(err->text, sizeof err->text - 1);
    size_t n = strlen(file);
    const char *text = strerrordesc_np(error);
    text_put(&w, n > PATH_SHOWN ? "..." : "");
    text_put(&w, n > PATH_SHOWN ? file + n - PATH_SHOWN : file);
    text_all(&w, (const char *const[]){": ", what ? what : (text ? text : "unknown error"), NULL});
    err->text[w.n] = '\0';
    return -error;
}

/* --- Reading: as put_... writes it, byte for byte, or not at all --- */

static bool take(struct span *s, const char *text)
{
    size_t n = strlen(text);
    if (s->n < n || memcmp(s->p, text, n) != 0)
        return false;
    *s = span_of(s->p + n, s->n - n);
    return true;
}

/* Digits without a zero in front, at most twelve; "-0" is none. */
static bool take_number(struct span *s, int64_t *ret)
{
    bool is_negative = take(s, "-");
    int64_t v = 0;
    size_t n = 0;
    for (; n < s->n && n <= 12 && s->p[n] >= '0' && s->p[n] <= '9'; n++)
        v = v * 10 + (s->p[n] - '0');
    if (!n || n > 12 || (s->p[0] == '0' && (n > 1 || is_negative)))
        return false;
    *s = span_of(s->p + n, s->n - n);
    *ret = is_negative ? -v : v;
    return true;
}

static bool is_window(const struct metrics_window *w)
{
    int64_t length = w->end - w->begin;
    bool is_good = w->begin >= 0 && w->end <= TEXT_TIME_MAX && length >= METRICS_WINDOW_MIN &&
                   length <= METRICS_WINDOW_MAX && w->begin % length == 0;
    for (size_t i = 0; i < METRICS_USES; i++)
        is_good = is_good && w->value[i] <= METRICS_VALUE_MAX && w->value[i] >= -METRICS_VALUE_MAX;
    return is_good && metrics_band(w->value[METRICS_REJECTED]) == w->value[METRICS_REJECTED];
}

static bool take_window(struct span *s, struct metrics_window *ret)
{
    struct metrics_window w;
    bool is_good = take_number(s, &w.begin) && take(s, " ") && take_number(s, &w.end);
    for (size_t i = 0; i < METRICS_USES; i++)
        is_good = is_good && take(s, " ") && take_number(s, &w.value[i]);
    if (!is_good || !take(s, "\n") || !is_window(&w))
        return false;
    *ret = w;
    return true;
}

static bool parse(struct span s, struct metrics_window *kept, size_t *n)
{
    char text[FILE_MAX];
    struct writer w = w_over(text, sizeof text - 1);
    put_parameters(&w);
    text[w.n] = '\0';
    if (!take(&s, text))
        return false;
    while (!take(&s, tail)) {
        struct metrics_window v;
        if (*n == METRICS_WINDOWS_KEPT || !take_window(&s, &v))
            return false;
        if (*n && v.begin < kept[*n - 1].end)
            return false;
        kept[(*n)++] = v;
    }
    return s.n == 0;
}

/* -EFBIG if it is longer than cap, -EINVAL if it is no plain file. */
static ssize_t read_all(const char *file, uint8_t *to, size_t cap)
{
    struct stat st;
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return -errno;
    ssize_t got = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? 0 : -EINVAL;
    if (got == 0 && st.st_size > (off_t)cap)
        got = -EFBIG;
    while (got >= 0 && (size_t)got < cap) {
        ssize_t r = read(fd, to + got, cap - (size_t)got);
        if (r == 0)
            break;
        if (r > 0)
            got += r;
        else if (errno != EINTR)
            got = -errno;
    }
    close(fd);
    return got;
}

int store_read(const char *file, struct metrics_window *kept, size_t *n, struct metrics_error *err)
{
    uint8_t bytes[FILE_MAX];
    struct metrics_window windows[METRICS_WINDOWS_KEPT];
    size_t count = 0;
    ssize_t got = read_all(file, bytes, sizeof bytes);
    if (got == -ENOENT)
        return 0;
    if (got == -EFBIG)
        return failed(err, file, "longer than any file of windows", EFBIG);
    if (got == -EINVAL)
        return failed(err, file, "not a plain file", EINVAL);
    if (got < 0)
        return failed(err, file, NULL, (int)-got);
    if (!parse(span_of(bytes, (size_t)got), windows, &count))
        return failed(err, file,
                      "broken, or of another version; move it away and a new one is begun",
                      EBADMSG);
    memcpy(kept, windows, sizeof(*kept) * count);
    *n = count;
    return 0;
}

/* --- Writing --- */

static int write_all(int fd, struct span s)
{
    while (s.n) {
        ssize_t r = write(fd, s.p, s.n);
        if (r < 0 && errno != EINTR)
            return -errno;
        if (r > 0)
            s = span_of(s.p + r, s.n - (size_t)r);
    }
    return fsync(fd) < 0 ? -errno : 0;
}

/* What an earlier crash left there goes first. */
static int write_new(const char *file, struct span s)
{
    if (unlink(file) < 0 && errno != ENOENT)
        return -errno;
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int r = write_all(fd, s);
    if (close(fd) < 0 && r == 0)
        r = -errno;
    return r;
}

/* The new name is on the disk only when its folder is. */
static int sync_folder(const char *file)
{
    char folder[PATH_SIZE];
    const char *slash = strrchr(file, '/');
    size_t n = slash ? (size_t)(slash - file) : 0;
    memcpy(folder, file, n);
    folder[n] = '\0';
    const char *name = slash ? (n ? folder : "/") : ".";
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = fsync(fd) < 0 && errno != EINVAL ? -errno : 0; /* EINVAL: not on this file system */
    close(fd);
    return r;
}

static int replace(const char *file, struct span s)
{
    static const char suffix[] = ".new";
    char beside[PATH_SIZE];
    size_t n = strlen(file);
    if (n + sizeof suffix > sizeof beside)
        return -ENAMETOOLONG;
    memcpy(beside, file, n);
    memcpy(beside + n, suffix, sizeof suffix);
    int r = write_new(beside, s);
    if (r == 0 && rename(beside, file) < 0)
        r = -errno;
    if (r < 0)
        unlink(beside);
    return r < 0 ? r : sync_folder(file);
}

int store_write(const char *file, const struct metrics_window *kept, size_t n,
                struct metrics_error *err)
{
    uint8_t bytes[FILE_MAX];
    struct writer w = w_over(bytes, sizeof bytes);
    put_parameters(&w);
    for (size_t i = 0; i < n; i++)
        put_window(&w, &kept[i]);
    text_put(&w, tail);
    int r = w.bad ? -EFBIG : replace(file, w_span(&w));
    return r < 0 ? failed(err, file, NULL, -r) : 0;
}
