/* Reads the configuration file and what it includes into one text for the parser, and remembers
 * where each line came from. Done here rather than by the parser because the parser ends the
 * process when it is given a directory, looks for absolute names in the wrong place, cuts numbers
 * to 32 bits without a word, and does not wipe what it frees: passwords are kept from it. */
#include "config/conf_int.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

enum {
    TEXT_MAX = 262144,
    LINES_MAX = 8192,
    FILES_MAX = 16,
    DEPTH_MAX = 8,
    PATH_TEXT = 512,
    SECRETS_MAX = CONF_LIST_MAX + 2, /* users', Redis', the issuer's */
    DIGITS_MAX = 18,                 /* always fit into 64 bits, in base 10 and 16 */
};

/* A password of the file, its escapes resolved. The parser sees its number instead. */
struct secret {
    size_t n;
    conf_text text;
};

struct line {
    unsigned file;
    unsigned number;
};

struct conf_source {
    size_t n;
    size_t n_lines;
    size_t n_files;
    size_t n_secrets;
    bool is_full;
    bool is_secret_next; /* the last name was that of a password */
    struct secret secrets[SECRETS_MAX];
    char path[FILES_MAX][PATH_TEXT];
    struct line lines[LINES_MAX];
    char text[TEXT_MAX + 1];
};

/* A line of a file that is being read. */
struct cursor {
    unsigned file;
    unsigned number;
    enum { IN_CODE, IN_TEXT, IN_SECRET, IN_LINE_COMMENT, IN_COMMENT } state;
};

static void put(struct conf_source *s, const char *p, size_t n)
{
    if (n > TEXT_MAX - s->n) {
        s->is_full = true;
        return;
    }
    memcpy(s->text + s->n, p, n);
    s->n += n;
}

static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '*';
}

/* The parser reads a number as 64 bits only with an L behind it. One with too many digits becomes
 * the largest there is, which no option allows. */
static size_t put_number(struct conf_source *s, const char *p)
{
    bool is_hex = p[0] == '0' && (p[1] == 'x' || p[1] == 'X');
    size_t n = is_hex ? 2 : 0;
    while (is_hex ? isxdigit((unsigned char)p[n]) : isdigit((unsigned char)p[n]))
        n++;
    if (!is_hex && (p[n] == '.' || p[n] == 'e' || p[n] == 'E')) {
        n += strspn(p + n, "0123456789.eE+-");
        put(s, p, n);
        return n;
    }
    if (n > DIGITS_MAX)
        put(s, "9223372036854775807", 19);
    else
        put(s, p, n);
    put(s, "L", 1);
    while (p[n] == 'L')
        n++;
    return n;
}

static size_t put_name(struct conf_source *s, const char *p)
{
    static const char *const words[] = {"password", "redis_password", "issuer_key"};
    size_t n = 1;
    while (is_name_char(p[n]))
        n++;
    s->is_secret_next = false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        s->is_secret_next |= strlen(words[i]) == n && memcmp(p, words[i], n) == 0;
    put(s, p, n);
    return n;
}

/* The quotation mark that opens a text. */
static size_t open_text(struct conf_source *s, struct cursor *at)
{
    bool is_secret = s->is_secret_next && s->n_secrets < SECRETS_MAX;
    char number[8];
    at->state = is_secret ? IN_SECRET : IN_TEXT;
    put(s, "\"", 1);
    if (is_secret) {
        int n = snprintf(number, sizeof(number), "%zu", s->n_secrets++);
        put(s, number, (size_t)n);
    }
    s->is_secret_next = false;
    return 1;
}

/* One token, or a part of one, of program text. Returns the bytes taken. */
static size_t put_code(struct conf_source *s, struct cursor *at, const char *p)
{
    size_t n = 1;
    if (p[0] == '"')
        return open_text(s, at);
    if (isdigit((unsigned char)p[0]))
        return put_number(s, p);
    if (isalpha((unsigned char)p[0]) || p[0] == '*')
        return put_name(s, p);
    if (p[0] == '#' || (p[0] == '/' && p[1] == '/'))
        at->state = IN_LINE_COMMENT;
    if (p[0] == '/' && p[1] == '*') {
        at->state = IN_COMMENT;
        n = 2;
    }
    put(s, p, n);
    return n;
}

/* A character of a text behind its backslash, as the parser would read it; anything else stays with
 * the backslash. Returns the bytes taken. */
static size_t unescape(const char *p, char *ret)
{
    static const char from[] = "nrtf\\\"";
    static const char to[] = "\n\r\t\f\\\"";
    const char *known = p[1] ? strchr(from, p[1]) : NULL;
    unsigned byte;
    *ret = '\\';
    if (known) {
        *ret = to[known - from];
        return 2;
    }
    if (p[1] == 'x' && isxdigit((unsigned char)p[2]) && isxdigit((unsigned char)p[3]) &&
        sscanf(p + 2, "%2x", &byte) == 1) {
        *ret = (char)byte;
        return 4;
    }
    return 1;
}

/* One too long keeps counting, and is refused when it is asked for. */
static size_t take_secret(struct conf_source *s, struct cursor *at, const char *p)
{
    struct secret *secret = &s->secrets[s->n_secrets - 1];
    char c = p[0];
    size_t n = c == '\\' ? unescape(p, &c) : 1;
    if (p[0] == '"') {
        at->state = IN_CODE;
        put(s, "\"", 1);
        return 1;
    }
    if (secret->n < sizeof(secret->text) - 1)
        secret->text[secret->n] = c;
    secret->n++;
    return n;
}

static size_t put_other(struct conf_source *s, struct cursor *at, const char *p)
{
    size_t n = 1;
    if (at->state == IN_SECRET)
        return take_secret(s, at, p);
    if (at->state == IN_TEXT && p[0] == '\\' && p[1]) {
        n = 2;
    } else if (at->state == IN_TEXT && p[0] == '"') {
        at->state = IN_CODE;
    } else if (at->state == IN_COMMENT && p[0] == '*' && p[1] == '/') {
        at->state = IN_CODE;
        n = 2;
    }
    put(s, p, n);
    return n;
}

static void put_line(struct conf_source *s, struct cursor *at, const char *p)
{
    if (s->n_lines == LINES_MAX) {
        s->is_full = true;
        return;
    }
    s->lines[s->n_lines++] = (struct line){at->file, at->number};
    while (*p)
        p += at->state == IN_CODE ? put_code(s, at, p) : put_other(s, at, p);
    if (at->state == IN_LINE_COMMENT)
        at->state = IN_CODE;
    put(s, "\n", 1);
}

/* The quoted name of an include line, cut out of it, or NULL. */
static char *include_name(char *line)
{
    static const char word[] = "@include";
    line += strspn(line, " \t");
    if (strncmp(line, word, sizeof(word) - 1) != 0)
        return NULL;
    line += sizeof(word) - 1;
    line += strspn(line, " \t");
    char *end = *line == '"' ? strchr(line + 1, '"') : NULL;
    if (!end)
        return NULL;
    *end = '\0';
    return line + 1;
}

/* Relative names are looked for beside the file that includes them. */
static bool join_path(const char *beside, const char *name, char ret[PATH_TEXT])
{
    const char *slash = strrchr(beside, '/');
    int dir = slash && name[0] != '/' ? (int)(slash - beside) + 1 : 0;
    int n = snprintf(ret, PATH_TEXT, "%.*s%s", dir, beside, name);
    return n > 0 && n < PATH_TEXT;
}

/* Opens a file that can be read without waiting. A descriptor or -errno. */
static int open_regular(const char *path, const char **ret_why)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0) {
        int r = -errno;
        *ret_why = strerror(-r);
        if (fd >= 0)
            (void)close(fd);
        return r;
    }
    if (!S_ISREG(st.st_mode)) {
        *ret_why = "this is not a regular file";
        (void)close(fd);
        return -EINVAL;
    }
    return fd;
}

/* Fills text, which has TEXT_MAX + 1 zeroes. */
static int read_regular(int fd, char *text, const char **ret_why)
{
    size_t n = 0;
    ssize_t got;
    do {
        got = read(fd, text + n, TEXT_MAX - n);
        n += got > 0 ? (size_t)got : 0;
    } while (got > 0);
    if (got < 0) {
        *ret_why = strerror(errno);
        return -errno;
    }
    *ret_why = "this is no text, or one of more than 256 KiB";
    return n < TEXT_MAX && strlen(text) == n ? 0 : -EINVAL;
}

/* The whole file with a NUL behind it, to be released with drop. */
static int slurp(const char *path, char **ret, const char **ret_why)
{
    int fd = open_regular(path, ret_why);
    if (fd < 0)
        return fd;
    char *text = mem_zalloc(TEXT_MAX + 1);
    *ret_why = "out of memory";
    int r = text ? read_regular(fd, text, ret_why) : -ENOMEM;
    (void)close(fd);
    if (r == 0)
        *ret = text;
    else
        mem_free_wiped(text, text ? TEXT_MAX + 1 : 0);
    return r;
}

static void drop(char *text)
{
    mem_free_wiped(text, TEXT_MAX + 1);
}

/* The files that are open at the moment, the including ones below. */
struct stack {
    size_t n;
    struct frame {
        struct cursor at;
        char *text; /* owned */
        char *next; /* inside text */
    } v[DEPTH_MAX];
};

static int push(struct conf_source *s, struct stack *stack, const char *path, const char **ret_why)
{
    *ret_why = "includes are too many or too deep; does a file include itself?";
    if (stack->n == DEPTH_MAX || s->n_files == FILES_MAX)
        return -ELOOP;
    char *text = NULL;
    int r = slurp(path, &text, ret_why);
    if (r < 0)
        return r;
    (void)snprintf(s->path[s->n_files], PATH_TEXT, "%s", path);
    struct cursor at = {(unsigned)s->n_files++, 0, IN_CODE};
    stack->v[stack->n++] = (struct frame){at, text, text};
    return 0;
}

static int include(struct conf_source *s, struct stack *stack, const char *name,
                   struct conf_error *err)
{
    const struct cursor at = stack->v[stack->n - 1].at;
    const char *file = s->path[at.file];
    char path[PATH_TEXT];
    const char *why = "the name of the file is too long";
    int r = join_path(file, name, path) ? push(s, stack, path, &why) : -ENAMETOOLONG;
    if (r == 0)
        return 0;
    return conf_fail(err, -EINVAL, "%s:%u: @include: expected a file that can be read: %s", file,
                     at.number, why);
}

static int step(struct conf_source *s, struct stack *stack, struct conf_error *err)
{
    struct frame *f = &stack->v[stack->n - 1];
    const char *file = s->path[f->at.file];
    if (!*f->next) {
        drop(f->text);
        stack->n--;
        return f->at.state == IN_CODE
                   ? 0
                   : conf_fail(err, -EINVAL, "%s:%u: a text or comment is not closed", file,
                               f->at.number);
    }
    char *line = f->next;
    char *end = strchr(line, '\n');
    f->next = end ? end + 1 : line + strlen(line);
    if (end)
        *end = '\0';
    f->at.number++;
    char *name = f->at.state == IN_CODE ? include_name(line) : NULL;
    if (name)
        return include(s, stack, name, err);
    put_line(s, &f->at, line);
    return s->is_full
               ? conf_fail(err, -E2BIG, "%s:%u: the configuration is too long", file, f->at.number)
               : 0;
}

void conf_source_free(struct conf_source *s)
{
    mem_free_wiped(s, s ? sizeof(*s) : 0);
}

int conf_source_read(const char *path, struct conf_source **ret, struct conf_error *err)
{
    struct conf_source *s = mem_zalloc(sizeof(*s));
    if (!s)
        return conf_fail(err, -ENOMEM, "out of memory");
    struct stack stack = {0};
    const char *why;
    int r = push(s, &stack, path, &why);
    if (r < 0)
        (void)conf_fail(err, r, "%s: cannot be read: %s", path, why);
    while (r == 0 && stack.n)
        r = step(s, &stack, err);
    while (stack.n)
        drop(stack.v[--stack.n].text);
    if (r == 0)
        *ret = s;
    else
        conf_source_free(s);
    return r;
}

const char *conf_source_text(const struct conf_source *s)
{
    return s->text;
}

const char *conf_source_file(const struct conf_source *s, size_t i)
{
    return i < s->n_files ? s->path[i] : NULL;
}

const char *conf_source_secret(const struct conf_source *s, const char *number)
{
    char *end;
    unsigned long i = strtoul(number, &end, 10);
    if (end == number || *end || i >= s->n_secrets)
        return NULL;
    const struct secret *secret = &s->secrets[i];
    return secret->n == strlen(secret->text) ? secret->text : NULL;
}

struct conf_place conf_source_place(const struct conf_source *s, unsigned line)
{
    if (s->n_lines == 0)
        return (struct conf_place){s->path[0], 1};
    size_t i = line == 0 ? 0 : line - 1;
    if (i >= s->n_lines)
        i = s->n_lines - 1;
    return (struct conf_place){s->path[s->lines[i].file], s->lines[i].number};
}
