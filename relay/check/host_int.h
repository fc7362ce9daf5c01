/* Reading the files of a host, or of a folder that looks like one. */
#ifndef RELAY_CHECK_HOST_INT_H
#define RELAY_CHECK_HOST_INT_H

#include <sys/types.h>

#include "check/host.h"

enum { HOST_PATH = 512, HOST_FILE = 8192, HOST_COMM = 16 };

struct host_server {
    bool runs;
    bool is_root;
    bool is_dumpable; /* not to be told of root's processes */
    long pid;
    bool may_dump;  /* its limit of core files is above 0 */
    bool is_locked; /* some of its memory is */
    char cgroup[256];
};

struct host {
    const char *root;
    const struct host_ports *ports;
    struct host_server server;
};

/* The file's beginning as text, without the last line end; -errno, or its length. */
ssize_t host_read(const struct host *h, const char *path, char *ret, size_t cap);
bool host_is_there(const struct host *h, const char *path);

/* The value of a line like "Name:   value" or "Name   value", up to the line's end. */
bool host_value(const char *text, const char *name, char *ret, size_t cap);

/* Calls f for every process; stops when it returns false. */
typedef bool host_process_fn(void *ctx, const struct host *h, long pid, const char *comm);
void host_processes(const struct host *h, host_process_fn *f, void *ctx);

/* The running server, if there is one. */
void host_find_server(struct host *h);

/* Marks the finding; returns it for sentences with values in them. */
void host_say(struct host_finding *f, enum host_mark mark, const char *cause, const char *remedy);

/* --- One step each --- */
void host_cores(struct host *h, struct host_finding *f);
void host_swap(struct host *h, struct host_finding *f);
void host_locked(struct host *h, struct host_finding *f);
void host_conntrack(struct host *h, struct host_finding *f);
void host_exporters(struct host *h, struct host_finding *f);
void host_accounting(struct host *h, struct host_finding *f);

#endif
