/* Loads tests/vectors/NAME.hex: hex digits, blanks, and lines that start with '#'. */
#ifndef TESTS_VECTORS_VECTORS_H
#define TESTS_VECTORS_VECTORS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum vector_size { VECTOR_MAX = 512 };

struct vector {
    uint8_t bytes[VECTOR_MAX];
    size_t n;
};

static inline void vector_line(struct vector *v, const char *line)
{
    unsigned byte;
    int used;
    while (*line != '#' && v->n < VECTOR_MAX && sscanf(line, " %2x%n", &byte, &used) == 1) {
        v->bytes[v->n++] = (uint8_t)byte;
        line += used;
    }
}

/* Ends the program when the file is missing: a test without its vector must not pass. */
static inline struct vector vector_load(const char *name)
{
    struct vector v = {.n = 0};
    char line[1024];
    snprintf(line, sizeof line, "%s/vectors/%s.hex", TESTS_DIR, name);
    FILE *f = fopen(line, "r");
    if (!f) {
        fprintf(stderr, "cannot open vector %s\n", name);
        exit(1);
    }
    while (fgets(line, sizeof line, f))
        vector_line(&v, line);
    fclose(f);
    return v;
}

#endif
