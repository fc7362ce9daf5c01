/* Words put together: keys, patterns, and sentences for the operator. Arguments are the operator's
 * own texts and ours, never a value. */
#include "redis/redis_int.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int redis_fail(struct auth_error *err, int code, const char *format, ...)
{
    if (!err)
        return code;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    return code;
}

int redis_join(char *ret, size_t cap, const char *const *parts, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(parts[i]);
        if (len >= cap - at)
            return -ENAMETOOLONG;
        memcpy(ret + at, parts[i], len);
        at += len;
    }
    ret[at] = '\0';
    return (int)at;
}

int redis_escape(const char *text, char *ret, size_t cap)
{
    size_t at = 0;
    for (; *text; text++) {
        if (at + 3 > cap)
            return -ENAMETOOLONG;
        if (strchr("*?[]^-\\", *text))
            ret[at++] = '\\';
        ret[at++] = *text;
    }
    ret[at] = '\0';
    return (int)at;
}

const char *redis_digits(uint64_t v, char ret[24])
{
    (void)snprintf(ret, 24, "%llu", (unsigned long long)v);
    return ret;
}
