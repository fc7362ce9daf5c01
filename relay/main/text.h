/* Small helpers for text that goes to the operator. */
#ifndef RELAY_MAIN_TEXT_H
#define RELAY_MAIN_TEXT_H

#include <stdio.h>

#include "base/span.h"

/* Prints a JSON string with its quotes to standard output, or elsewhere. */
void text_json(const char *text);
void text_json_to(FILE *to, const char *text);

/* First line of a file without its line end; cap counts the NUL. 0, or -errno (-ENODATA when it is
 * empty, -E2BIG when it does not fit). */
int text_first_line(const char *path, char *ret, size_t cap);

#endif
