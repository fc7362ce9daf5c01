/* Runs a fuzz target over every file of the directories named, so that what fuzzing has found stays
 * found under any compiler. Fails when there is no file: an empty corpus proves nothing. */
#include <dirent.h>
#include <string.h>

#include "fuzz/fuzz.h"

enum { INPUT_MAX = 1 << 20 };

/* The copy ends where its block ends, so that a sanitizer sees the first byte too far. */
static int run_file(const char *dir, const char *name)
{
    char path[4096];
    static uint8_t whole[INPUT_MAX];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    if (!f)
        return -1;
    size_t n = fread(whole, 1, sizeof whole, f);
    fclose(f);
    uint8_t *exact = malloc(n ? n : 1);
    if (!exact)
        return -1;
    memcpy(exact, whole, n);
    LLVMFuzzerTestOneInput(exact, n);
    free(exact);
    return 0;
}

static int run_dir(const char *dir)
{
    DIR *d = opendir(dir);
    if (!d)
        return -1;
    int ran = 0;
    for (struct dirent *e; ran >= 0 && (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        ran = run_file(dir, e->d_name) < 0 ? -1 : ran + 1;
    }
    closedir(d);
    return ran;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        int ran = run_dir(argv[i]);
        if (ran <= 0) {
            fprintf(stderr, "%s: no input could be read\n", argv[i]);
            return 1;
        }
        printf("%s: %d inputs\n", argv[i], ran);
    }
    return argc < 2;
}
