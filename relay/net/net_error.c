/* Texts of start-up errors. The only addresses that ever reach this file are the operator's. */
#include "net/net_error_int.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

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

void net_error_listener(struct net_error *ret, const char *transport, const struct addr *addr,
                        int err)
{
    char text[ADDR_TEXT];

    snprintf(ret->text, sizeof ret->text, "cannot listen on %s %s: %s", transport,
             addr_format(addr, text), explain(err < 0 ? -err : err));
}

void net_error_workers(struct net_error *ret, int err)
{
    snprintf(ret->text, sizeof ret->text, "cannot start the workers: %s",
             explain(err < 0 ? -err : err));
}

/* Of the user that this process is now: "turn", or "number 999" for one without a name. */
static void name_user(char *ret, size_t n)
{
    char text[1024];
    struct passwd entry;
    struct passwd *found = NULL;

    if (getpwuid_r(geteuid(), &entry, text, sizeof text, &found) == 0 && found)
        snprintf(ret, n, "%s", found->pw_name);
    else
        snprintf(ret, n, "number %u", (unsigned)geteuid());
}

static void tls_unreadable(struct net_error *ret, const struct tls_trouble *trouble)
{
    char user[64];

    if (trouble->err == ENOENT || trouble->err == ENOTDIR) {
        snprintf(ret->text, sizeof ret->text,
                 "%s: no such file: correct the path or have the certificate issued first",
                 trouble->file);
        return;
    }
    if (trouble->err != EACCES && trouble->err != EPERM) {
        snprintf(ret->text, sizeof ret->text, "%s: cannot be opened: %s", trouble->file,
                 explain(trouble->err));
        return;
    }
    name_user(user, sizeof user);
    snprintf(ret->text, sizeof ret->text,
             "%s: user %s may not read it: give read access to the file and search access to its "
             "folders, also to the user after privileges are dropped, as renewals are read then",
             trouble->file, user);
}

void net_error_tls(struct net_error *ret, const struct tls_trouble *trouble)
{
    static const char *const texts[] = {
        [TLS_NO_PAIRS] = "TLS has no certificate: name a certificate and its key",
        [TLS_NO_MEMORY] = "out of memory for certificates: raise MemoryMax or name fewer of them",
        [TLS_NO_CERTIFICATE] = "%s: no whole certificate in PEM form in it: give the chain, with "
                               "the server's own certificate first",
        [TLS_NO_KEY] = "%s: no private key in PEM form in it, or one with a passphrase: store the "
                       "key without a passphrase",
        [TLS_MISMATCH] = "%s: this key does not belong to the certificate in %s: give the two of "
                         "one and the same renewal",
        [TLS_REFUSED] = "%s: the TLS library refuses this certificate or its chain: use an ECDSA "
                        "key, or RSA with 3072 bits, signed with SHA-256",
    };

    if (trouble->fault == TLS_UNREADABLE) {
        tls_unreadable(ret, trouble);
        return;
    }
    /* The rows' own order of arguments; those a row does not name are not looked at. */
    snprintf(ret->text, sizeof ret->text, texts[trouble->fault], trouble->file, trouble->other);
}
