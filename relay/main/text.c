/* JSON strings and one-line files. */
#include "main/text.h"

#include <errno.h>
#include <stdio.h>

#include "crypto/crypto.h"

void text_json_to(FILE *to, const char *text)
{
    putc('"', to);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            fprintf(to, "\\%c", *p);
        else if (*p < 0x20)
            fprintf(to, "\\u%04x", *p);
        else
            putc(*p, to);
    }
    putc('"', to);
}

void text_json(const char *text)
{
    text_json_to(stdout, text);
}

int text_first_line(const char *path, char *ret, size_t cap)
{
    char line[1024];
    FILE *f = fopen(path, "re");
    if (!f)
        return -errno;
    int r = fgets(line, sizeof(line), f) ? 0 : -ENODATA;
    fclose(f);
    if (r == 0) {
        size_t n = strcspn(line, "\r\n");
        line[n] = 0;
        r = n == 0 ? -ENODATA : n >= cap ? -E2BIG : 0;
        if (r == 0)
            memcpy(ret, line, n + 1);
    }
    crypto_wipe(line, sizeof(line));
    return r;
}
