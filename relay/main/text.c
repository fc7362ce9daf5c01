/* JSON strings and one-line files. */
#include "main/text.h"

#include <errno.h>
#include <stdio.h>

#include "crypto/crypto.h"

void text_json(const char *text)
{
    putchar('"');
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            printf("\\%c", *p);
        else if (*p < 0x20)
            printf("\\u%04x", *p);
        else
            putchar(*p);
    }
    putchar('"');
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
