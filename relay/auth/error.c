/* The one place where this room puts words together for the operator. Arguments are file names,
 * line numbers and texts of ours, never a name, a password or a secret. */
#include "auth/auth_int.h"

#include <stdarg.h>
#include <stdio.h>

int auth_fail(struct auth_error *err, int code, const char *format, ...)
{
    if (!err)
        return code;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    return code;
}
