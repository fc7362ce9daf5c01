/* What is said of everything that may go wrong at the start, word by word. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/net_error_int.h"

static const struct {
    int err;
    const char *said;
} reasons[] = {
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
    {EIO, "Input/output error"},
    {99999, "unknown error"},
};

static void t_listeners_and_workers(void **state)
{
    struct net_error err;
    struct addr a;
    char want[sizeof err.text];

    (void)state;
    assert_true(addr_parse("[2001:db8::1]:443", &a));
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        for (int sign = -1; sign <= 1; sign += 2) {
            net_error_listener(&err, "TCP", &a, sign * reasons[i].err);
            snprintf(want, sizeof want, "cannot listen on TCP [2001:db8::1]:443: %s",
                     reasons[i].said);
            assert_string_equal(err.text, want);
            net_error_workers(&err, sign * reasons[i].err);
            snprintf(want, sizeof want, "cannot start the workers: %s", reasons[i].said);
            assert_string_equal(err.text, want);
        }
    }
}

static void t_certificates(void **state)
{
    static const struct {
        struct tls_trouble trouble;
        const char *said;
    } rows[] = {
        {{.fault = TLS_NO_PAIRS}, "TLS has no certificate: name a certificate and its key"},
        {{.fault = TLS_NO_MEMORY},
         "out of memory for certificates: raise MemoryMax or name fewer of them"},
        {{.fault = TLS_NO_CERTIFICATE, .file = "/c"},
         "/c: no whole certificate in PEM form in it: give the chain, with the server's own "
         "certificate first"},
        {{.fault = TLS_NO_KEY, .file = "/k"},
         "/k: no private key in PEM form in it, or one with a passphrase: store the key without a "
         "passphrase"},
        {{.fault = TLS_MISMATCH, .file = "/k", .other = "/c"},
         "/k: this key does not belong to the certificate in /c: give the two of one and the same "
         "renewal"},
        {{.fault = TLS_REFUSED, .file = "/c"},
         "/c: the TLS library refuses this certificate or its chain: use an ECDSA key, or RSA with "
         "3072 bits, signed with SHA-256"},
        {{.fault = TLS_UNREADABLE, .file = "/c", .err = ENOENT},
         "/c: no such file: correct the path or have the certificate issued first"},
        {{.fault = TLS_UNREADABLE, .file = "/c", .err = ENOTDIR},
         "/c: no such file: correct the path or have the certificate issued first"},
        {{.fault = TLS_UNREADABLE, .file = "/c", .err = EISDIR},
         "/c: cannot be opened: Is a directory"},
        {{.fault = TLS_UNREADABLE, .file = "/c", .err = EMFILE},
         "/c: cannot be opened: too many open files: raise LimitNOFILE or lower threads"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct net_error err = {""};
        net_error_tls(&err, &rows[i].trouble);
        assert_string_equal(err.text, rows[i].said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_listeners_and_workers),
        cmocka_unit_test(t_certificates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
