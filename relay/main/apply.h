/* setup --apply: writes what setup prints, where the platform is on this host. Each function says
 * what it does before it does it. */
#ifndef RELAY_MAIN_APPLY_H
#define RELAY_MAIN_APPLY_H

#include "setup/setup.h"

enum apply_result {
    APPLY_DONE,
    APPLY_FAILED,    /* said on standard error; what was there still is */
    APPLY_ELSEWHERE, /* the platform is not on this host, which is said */
};

/* place: of occ, or of the file to write; NULL = the usual one. */
enum apply_result apply_talk(const struct setup_facts *f, const char *place);
enum apply_result apply_prosody(const struct setup_facts *f, const char *place);
enum apply_result apply_synapse(const struct setup_facts *f, const char *place);

/* --- What the two that write a file share (apply_file.c) --- */

struct apply_file {
    enum setup_platform platform;
    const char *path;
    const char *head;    /* first line, by which the file is known as ours */
    const char *service; /* user and group that must be able to read it */
    struct setup_hosts hosts;
};

/* Replaces the file as a whole; a differing one of ours stays as FILE.bak, somebody else's is not
 * touched. */
enum apply_result apply_write(const struct apply_file *a, const struct setup_facts *f);

/* Reads the lines of a file, without blanks in front and line ends. False when it cannot be read.
 */
typedef void apply_line(void *ctx, const char *line);
bool apply_lines(const char *path, apply_line *each, void *ctx);

/* Calls for each file of that suffix in the folder of this path, other than itself; false when the
 * folder cannot be read, or as soon as the function says so. */
typedef bool apply_neighbour(void *ctx, const char *path);
bool apply_neighbours(const char *path, const char *suffix, apply_neighbour *each, void *ctx);

enum apply_result apply_refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
