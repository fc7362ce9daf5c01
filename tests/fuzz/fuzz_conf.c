/* Any file as configuration: it is taken or refused with a message, and what is taken prints as a
 * file that loads to the same. */
#include <sys/mman.h>
#include <unistd.h>

#include "config/conf.h"
#include "fuzz/fuzz.h"

const char *__lsan_default_suppressions(void);

/* libconfig forgets the text it has begun when it meets a syntax error: some bytes for each wrong
 * file that the operator offers, and nothing to be done here. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig.so\n";
}

/* Includes may name files, but none outside the directory of open files. */
static bool is_harmless(const uint8_t *data, size_t n)
{
    return n == 0 || !memmem(data, n, "@include", 8) || !memchr(data, '/', n);
}

static int load(const void *data, size_t n, struct conf *ret)
{
    struct conf_error err = {""};
    char path[64];
    int fd = memfd_create("conf", MFD_CLOEXEC);
    FUZZ_CHECK(fd >= 0 && write(fd, data, n) == (ssize_t)n);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int r = conf_load(path, ret, &err);
    (void)close(fd);
    FUZZ_CHECK(r == 0 || err.text[0] != '\0');
    FUZZ_CHECK(memchr(err.text, '\0', sizeof(err.text)) != NULL);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct conf c;
    static struct conf again;
    struct conf_error err;
    if (n > 16384 || !is_harmless(data, n) || load(data, n, &c) < 0)
        return 0;
    (void)conf_check(&c, &err);
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    FUZZ_CHECK(f != NULL);
    conf_print(&c, f);
    (void)fclose(f);
    FUZZ_CHECK(load(text, len, &again) == 0);
    conf_wipe(&c);
    conf_wipe(&again);
    FUZZ_CHECK(memcmp(&c, &again, sizeof(c)) == 0);
    free(text);
    return 0;
}
