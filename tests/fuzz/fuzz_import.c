/* Any file as a coturn configuration: it is refused, or becomes a configuration that passes,
 * prints, and loads to the same; and what is said of it is complete. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "import/import.h"

static int load(const char *text, size_t n, struct conf *ret)
{
    struct conf_error err = {""};
    char path[64];
    int fd = memfd_create("conf", MFD_CLOEXEC);
    FUZZ_CHECK(fd >= 0 && write(fd, text, n) == (ssize_t)n);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int r = conf_load(path, ret, &err);
    (void)close(fd);
    if (r < 0)
        fprintf(stderr, "%s\n%s\n", err.text, text);
    return r;
}

static char *print(const struct conf *c, size_t *ret_n)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, ret_n);
    FUZZ_CHECK(f != NULL && conf_print_changed(c, f) == 0);
    (void)fclose(f);
    return text;
}

static void check_report(const struct import *i)
{
    FUZZ_CHECK(i->n_secrets <= IMPORT_SECRETS_MAX);
    for (size_t k = 0; k < i->n_secrets; k++)
        FUZZ_CHECK(i->secrets[k].len >= IMPORT_SECRET_MIN &&
                   i->secrets[k].len <= IMPORT_SECRET_MAX);
    for (size_t k = 0; k < i->n_entries; k++) {
        const struct import_entry *e = &i->entries[k];
        FUZZ_CHECK(e->key && e->text && e->text[0] && e->verdict < IMPORT_VERDICTS);
        FUZZ_CHECK(e->verdict != IMPORT_WRONG || e->by_hand);
    }
    FUZZ_CHECK(i->n_secrets || i->conf.users.n || conf_has_redis(&i->conf) ||
               import_by_hand(i) > 0);
}

/* Loading takes most of the time, and most files make the same configuration as the one before. */
static bool is_as_before(const char *text, size_t n)
{
    static char before[65536];
    static size_t n_before;
    if (n == n_before && memcmp(text, before, n) == 0)
        return true;
    FUZZ_CHECK(n <= sizeof(before));
    memcpy(before, text, n);
    n_before = n;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct import i;
    static struct conf again;
    struct conf_error err = {""};
    size_t n_text = 0, n_again = 0;
    if (import_read(span_of(data, n), &i) < 0)
        return 0;
    check_report(&i);
    FUZZ_CHECK(conf_check(&i.conf, &err) == 0);
    char *text = print(&i.conf, &n_text);
    if (!is_as_before(text, n_text)) {
        FUZZ_CHECK(load(text, n_text, &again) == 0);
        char *text_again = print(&again, &n_again);
        FUZZ_CHECK(n_text == n_again && memcmp(text, text_again, n_text) == 0);
        free(text_again);
    }
    free(text);
    return 0;
}
