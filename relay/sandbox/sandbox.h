/* What the process can still do once it serves strangers, so that whoever breaks into it has
 * little: the kernel holds the list of its system calls (seccomp) and of its files (Landlock). */
#ifndef RELAY_SANDBOX_SANDBOX_H
#define RELAY_SANDBOX_SANDBOX_H

#include <stdbool.h>

struct sandbox;

/* What else is needed while it serves. */
struct sandbox_conf {
    bool tcp_bind;    /* new TCP listeners */
    bool tcp_connect; /* new TCP connections; DNS always may */
    bool abstract;    /* Unix sockets without a file, of others */
};

enum sandbox_use {
    SANDBOX_READ,    /* files are read, and replaced by others */
    SANDBOX_KEEP,    /* files are read, made and removed */
    SANDBOX_SOCKETS, /* Unix sockets are made and removed */
};

/* 0, or the -errno for which the kernel has not taken it. Landlock's part grows with the kernel:
 * what it knows nothing of (TCP before 6.7, signals before 6.12) stays open. */
struct sandbox_state {
    int files;
    int calls;
    int abi; /* Landlock's version; 0 = none */
};

/* NULL when out of memory. A kernel without Landlock is no reason to fail. */
struct sandbox *sandbox_new(const struct sandbox_conf *conf);
/* Accepts NULL. */
void sandbox_free(struct sandbox *s);

/* Leaves open the folder of a file, or a folder, and all below; for reading also where links on the
 * way lead and the folders that they lie in, since a renewal may move any of them. What does not
 * exist stays closed. Nothing is ever executed. Best called while we may look everywhere. */
void sandbox_allow(struct sandbox *s, const char *path, enum sandbox_use use);

/* For good, for this thread and those it starts. Asks for no_new_privs to be set. */
void sandbox_enter(struct sandbox *s, struct sandbox_state *ret);

/* Inside: whether a file is out of reach although its mode lets us read it. */
bool sandbox_hides(const char *path);
/* Inside: whether a socket could not be made there because of the sandbox. */
bool sandbox_refuses(const struct sandbox *s, const char *path);

enum sandbox_tcp { SANDBOX_BIND, SANDBOX_CONNECT };
bool sandbox_refuses_tcp(const struct sandbox *s, enum sandbox_tcp what);

#endif
