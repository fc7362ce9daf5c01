/* Texts of start-up errors. The only addresses that ever reach this file are the operator's. */
#include "net/net_error_int.h"

#include <errno.h>
#include <stdio.h>

static const struct row {
    int err;
    const char *text;
} rows[] = {
    {EADDRINUSE, "in use by another process: stop it or change listen"},
    {EADDRNOTAVAIL, "no interface has this address: correct listen or set the address up first"},
    {EACCES, "no permission for a port below 1024: start as root, grant CAP_NET_BIND_SERVICE or "
             "change listen"},
    {EPERM, "forbidden by the system: check the sandbox and the security policy"},
    {EAFNOSUPPORT, "this address family is switched off: remove it from listen or enable it"},
    {EMFILE, "too many open files: raise LimitNOFILE or lower threads"},
    {ENFILE, "too many open files in the whole system: raise fs.file-max"},
    {ENOMEM, "out of memory: lower threads or the relay port range"},
    {EAGAIN, "too many threads: lower threads or raise TasksMax"},
};

static const char *explain(int err)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].err == err)
            return rows[i].text;
    }
    const char *text = strerrordesc_np(err);
    return text ? text : "unknown error";
}

void net_error_listener(struct net_error *ret, const struct addr *addr, int err)
{
    char text[ADDR_TEXT];

    snprintf(ret->text, sizeof ret->text, "cannot listen on UDP %s: %s", addr_format(addr, text),
             explain(err < 0 ? -err : err));
}

void net_error_workers(struct net_error *ret, int err)
{
    snprintf(ret->text, sizeof ret->text, "cannot start the workers: %s",
             explain(err < 0 ? -err : err));
}
