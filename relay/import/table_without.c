/* The other part of the table of coturn's options: those that lead to nothing here, or to something
 * that is done in another way. Each says why, and what to do instead. */
#include "import/import_int.h"

#define WITHOUT(coturn, short_form, its_kind, v, hand, sentence)                                   \
    {                                                                                              \
        .name = coturn, .letter = short_form, .kind = its_kind, .verdict = v, .by_hand = hand,     \
        .text = sentence                                                                           \
    }

/* No counterpart; whatever worked goes on working. */
#define NONE(coturn, letter, kind, text) WITHOUT(coturn, letter, kind, IMPORT_NONE, false, text)
/* No counterpart, and somebody may miss it. */
#define MISSED(coturn, letter, kind, text) WITHOUT(coturn, letter, kind, IMPORT_NONE, true, text)
/* Done in another way. */
#define OTHER(coturn, letter, kind, text) WITHOUT(coturn, letter, kind, IMPORT_CHANGED, false, text)

/* Done by a function, which may say that it fits. */
#define JUDGED(coturn, its_kind, v, hand, ours, function, sentence)                                \
    {                                                                                              \
        .name = coturn, .kind = its_kind, .verdict = v, .by_hand = hand, .option = ours,           \
        .take = function, .text = sentence                                                         \
    }

#define RFC5780 "NAT discovery (RFC 5780) is not offered: it enlarges answers to forged requests."
#define DEVICE "Name the device's address in place of the device."
#define LOG                                                                                        \
    "Safer: the log names no client, so it needs neither levels nor rotation; it goes to "         \
    "standard error, which systemd keeps."
#define POLICY "Safer: the policy for TLS is fixed, to what BSI TR-02102-2 recommends."
#define SHELL "Safer: there is no port for administration; see drehkreuz(8) for the commands."
#define SQL                                                                                        \
    "No SQL here. Secrets are shown by turnadmin -S: add each by drehkreuz secret add; "           \
    "users' keys go into Redis under the same names, see redis_users and conf/redis.md."
#define ORIGIN "One realm for all clients here, whatever page they come from."
#define NOT_HERE "Counts for coturn's own ways only."
#define ALTERNATE                                                                                  \
    "Clients are not sent elsewhere (300 Try Alternate); name several servers in the "             \
    "platform or in the DNS."
#define SERVICE                                                                                    \
    "The unit of systemd says as whom the server runs; only where it is started as root "          \
    "otherwise, set user."
#define FAMILY "As RFC 8656 has it: IPv4 unless the client asks for IPv6 or both, as browsers do."
#define SHARED_PORTS "Each allocation has a relayed port of its own."
#define FIXED_TIME "The time is what RFC 8656 says, since clients count on it."

const struct import_row import_rows_without[] = {
    /* network */
    NONE("alt-listening-port", 0, IMPORT_ANY, RFC5780),
    NONE("alt-tls-listening-port", 0, IMPORT_ANY, RFC5780),
    NONE("rfc5780", 0, IMPORT_FLAG, RFC5780),
    NONE("stun-backward-compatibility", 0, IMPORT_FLAG, "RFC 3489 is not spoken."),
    NONE("rfc3489", 0, IMPORT_FLAG, "RFC 3489 is not spoken."),
    MISSED("listening-device", 'd', IMPORT_TEXT, DEVICE),
    MISSED("relay-device", 'i', IMPORT_TEXT, DEVICE),
    JUDGED("tcp-proxy-port", IMPORT_NUMBER, IMPORT_CHANGED, true, "listen_tcp, proxy_from",
           import_take_proxy_port,
           "Safer: a PROXY header is believed from known load balancers alone. The port is in "
           "listen_tcp; name their networks in proxy_from."),
    NONE("udp-self-balance", 0, IMPORT_FLAG, "The kernel spreads clients over the threads."),
    MISSED("alternate-server", 0, IMPORT_TEXT, ALTERNATE),
    MISSED("tls-alternate-server", 0, IMPORT_TEXT, ALTERNATE),
    MISSED("tcp-alternate-server", 0, IMPORT_TEXT, ALTERNATE),
    MISSED("udp-alternate-server", 0, IMPORT_TEXT, ALTERNATE),
    NONE("multiplex-peer", 0, IMPORT_FLAG, SHARED_PORTS),
    NONE("multiplex-peer-port", 0, IMPORT_ANY, SHARED_PORTS),
    NONE("multiplex-peer-tag", 0, IMPORT_FLAG, SHARED_PORTS),
    NONE("udp-recvmmsg-log", 0, IMPORT_FLAG, NOT_HERE),
    NONE("udp-sendmmsg-log", 0, IMPORT_FLAG, NOT_HERE),
    NONE("ne", 0, IMPORT_ANY, NOT_HERE),

    /* TLS */
    MISSED("pkey-pwd", 0, IMPORT_ANY,
           "Keys with a password are not read: write it without one by openssl pkey, readable "
           "for the server's user alone."),
    OTHER("cipher-list", 0, IMPORT_ANY, POLICY),
    OTHER("ec-curve-name", 0, IMPORT_ANY, POLICY),
    OTHER("dh566", 0, IMPORT_FLAG, POLICY),
    OTHER("dh1066", 0, IMPORT_FLAG, POLICY),
    OTHER("dh2066", 0, IMPORT_FLAG, POLICY),
    OTHER("dh-file", 0, IMPORT_ANY, POLICY),
    OTHER("tlsv1", 0, IMPORT_FLAG, "Safer: TLS begins at 1.2, as browsers want it."),
    OTHER("tlsv1_1", 0, IMPORT_FLAG, "Safer: TLS begins at 1.2, as browsers want it."),
    MISSED("CA-file", 0, IMPORT_TEXT,
           "Clients show credentials, not certificates: no browser has one for TURN."),
    MISSED("raw-public-keys", 0, IMPORT_FLAG, "Certificates only, as browsers want them."),

    /* authentication */
    MISSED("no-auth", 'z', IMPORT_FLAG,
           "Refused: whoever finds an open relay uses it against others. Make a secret by "
           "drehkreuz secret new and give it to the platform."),
    MISSED("userdb", 'b', IMPORT_ANY, SQL),
    MISSED("db", 0, IMPORT_ANY, SQL),
    MISSED("psql-userdb", 'e', IMPORT_ANY, SQL),
    MISSED("sql-userdb", 0, IMPORT_ANY, SQL),
    MISSED("mysql-userdb", 'M', IMPORT_ANY, SQL),
    MISSED("mongo-userdb", 'J', IMPORT_ANY, SQL),
    NONE("secret-key-file", 0, IMPORT_ANY, "Goes with mysql-userdb."),
    NONE("redis-statsdb", 'O', IMPORT_ANY,
         "Safer: who relays with whom is written nowhere, so there is nothing to publish."),
    MISSED("oauth", 0, IMPORT_FLAG,
           "No third-party authorisation (RFC 7635), which no browser offers; use shared secrets."),
    NONE("server-name", 0, IMPORT_ANY, "Goes with oauth; the name of the service is the realm."),
    JUDGED("rest-api-separator", IMPORT_TEXT, IMPORT_NONE, true, NULL, import_take_separator,
           "Names are split at a colon, as all platforms make them; set that in yours."),
    NONE("check-origin-consistency", 0, IMPORT_FLAG, ORIGIN),
    NONE("no-dynamic-realms", 0, IMPORT_FLAG, ORIGIN),
    NONE("no-dynamic-ip-list", 0, IMPORT_FLAG, "Lists of peers are in the configuration only."),
    NONE("no-auth-pings", 0, IMPORT_FLAG, "Redis is asked at its own pace."),
    NONE("stateless-nonce-secret", 0, IMPORT_ANY,
         "The nonces' key is random; a client that comes to another server gets a new nonce."),
    OTHER("unauthorized-ratelimit-rps", 0, IMPORT_ANY,
          "Limited for all transports: 400 a second for a client network, see "
          "unproven_per_prefix."),
    JUDGED("stale-nonce", IMPORT_ANY, IMPORT_TAKEN, false, "nonce_lifetime", import_take_nonce,
           "Clients take a new one by themselves."),

    /* limits and times */
    JUDGED("max-bps", IMPORT_NUMBER, IMPORT_TAKEN, false, "bytes_per_allocation", import_take_bps,
           "Twice the number, since both directions are counted together here."),
    JUDGED("bps-capacity", IMPORT_NUMBER, IMPORT_NONE, true, NULL, import_take_capacity,
           "No limit for the host as a whole: see bytes_per_prefix and bytes_per_account, or the "
           "kernel's traffic control."),
    JUDGED("channel-lifetime", IMPORT_ANY, IMPORT_CHANGED, false, NULL, import_take_fixed,
           FIXED_TIME),
    JUDGED("permission-lifetime", IMPORT_ANY, IMPORT_CHANGED, false, NULL, import_take_fixed,
           FIXED_TIME),
    OTHER("max-allocate-timeout", 0, IMPORT_ANY,
          "Safer: whoever has shown no credential takes no memory; for connections see "
          "handshake_timeout."),
    NONE("drain-min-allocations", 0, IMPORT_ANY, "See SIGUSR1 in drehkreuz(8)."),

    /* protocol and peers */
    JUDGED("secure-stun", IMPORT_FLAG, IMPORT_CHANGED, false, "binding", import_take_secure_stun,
           "Binding requests are not answered at all, since no browser sends credentials with "
           "them."),
    MISSED("stun-only", 'S', IMPORT_FLAG,
           "The relay cannot be switched off; without credentials only STUN is served."),
    MISSED("no-udp-relay", 0, IMPORT_FLAG,
           "Calls are relayed over UDP; it cannot be switched off."),
    MISSED("allow-loopback-peers", 0, IMPORT_FLAG,
           "Refused: it opens every service of this host to everybody who may call. Name the one "
           "address that is needed in allow_peers, e.g. \"127.0.0.1\"."),
    MISSED("server-relay", 0, IMPORT_FLAG,
           "Refused: relayed addresses without permissions let anybody in."),
    NONE("mobility", 0, IMPORT_FLAG,
         "No RFC 8016, which no browser knows; a client that moves makes a new allocation."),
    OTHER("keep-address-family", 'K', IMPORT_FLAG, FAMILY),
    OTHER("allocation-default-address-family", 'A', IMPORT_ANY, FAMILY),

    /* operation */
    OTHER("proc-user", 0, IMPORT_TEXT, SERVICE),
    OTHER("proc-group", 0, IMPORT_TEXT, SERVICE),
    OTHER("verbose", 'v', IMPORT_FLAG, LOG),
    OTHER("Verbose", 'V', IMPORT_FLAG, LOG),
    OTHER("log-file", 'l', IMPORT_ANY, LOG),
    OTHER("log-level", 0, IMPORT_ANY, LOG),
    OTHER("no-stdout-log", 0, IMPORT_FLAG, LOG),
    OTHER("syslog", 0, IMPORT_FLAG, LOG),
    OTHER("syslog-facility", 0, IMPORT_ANY, LOG),
    OTHER("simple-log", 0, IMPORT_FLAG, LOG),
    OTHER("new-log-timestamp", 0, IMPORT_FLAG, LOG),
    OTHER("new-log-timestamp-format", 0, IMPORT_ANY, LOG),
    OTHER("log-binding", 0, IMPORT_FLAG, LOG),
    JUDGED("prometheus", IMPORT_FLAG, IMPORT_CHANGED, false, "metrics_listen",
           import_take_prometheus,
           "Safer: sums with noise instead of sessions, on loopback alone; to a Prometheus "
           "elsewhere a web server may pass them on, see conf/statistics.md."),
    JUDGED("prometheus-port", IMPORT_NUMBER, IMPORT_TAKEN, false, "metrics_listen",
           import_take_prometheus_port, "The port, on loopback."),
    JUDGED("prometheus-address", IMPORT_TEXT, IMPORT_CHANGED, false, "metrics_listen",
           import_take_prometheus_address,
           "Safer: on loopback alone; a web server may pass it on, see conf/statistics.md."),
    JUDGED("prometheus-path", IMPORT_TEXT, IMPORT_CHANGED, false, NULL, import_take_prometheus_path,
           "Always /metrics here."),
    OTHER("prometheus-username-labels", 0, IMPORT_FLAG, "Safer: no number belongs to a user."),
    NONE("cli", 0, IMPORT_FLAG, SHELL),
    NONE("cli-ip", 0, IMPORT_ANY, SHELL),
    NONE("cli-port", 0, IMPORT_ANY, SHELL),
    NONE("cli-password", 0, IMPORT_ANY, SHELL),
    NONE("cli-max-output-sessions", 0, IMPORT_ANY, SHELL),
    NONE("web-admin", 0, IMPORT_FLAG, SHELL),
    NONE("web-admin-ip", 0, IMPORT_ANY, SHELL),
    NONE("web-admin-port", 0, IMPORT_ANY, SHELL),
    NONE("web-admin-listen-on-workers", 0, IMPORT_FLAG, SHELL),
    NONE("no-http", 0, IMPORT_FLAG, "HTTP is not spoken; see web_server."),
    NONE("respond-http-unsupported", 0, IMPORT_FLAG, "HTTP is not spoken; see web_server."),
    MISSED("acme-redirect", 0, IMPORT_TEXT,
           "HTTP is not spoken; let a web server answer, which web_server may name."),
    NONE("pidfile", 0, IMPORT_ANY, "Kept by systemd, which knows the process."),
    NONE("daemon", 'o', IMPORT_FLAG, "Runs in the foreground, as systemd wants it."),
    NONE("version", 0, IMPORT_FLAG, "No setting."),
};

const size_t import_rows_without_n = sizeof(import_rows_without) / sizeof(*import_rows_without);
