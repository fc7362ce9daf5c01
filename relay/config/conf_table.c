/* The option table. A new option is a field in struct conf and a row here; the loader, the printer,
 * the reference file, the manual page and the tests follow from it. */
#include "config/conf_int.h"

#include <stdarg.h>
#include <stdio.h>

/* A longest count that makes sense on one host; keeps every number inside 32 bits. */
#define COUNT_MAX 10000000
#define BYTES_MAX INT64_C(1000000000000)

#define ROW(field, kind, min, max, fallback, restart, sentence, group)                             \
    {                                                                                              \
#field, kind, offsetof(struct conf, field), min, max, fallback, restart, sentence, group,  \
            0                                                                                      \
    }

/* The first heading is theirs: the first of them opens the table. */
#define LISTEN(field, fallback, port, group, sentence)                                             \
    {                                                                                              \
#field, CONF_ADDRS, offsetof(struct conf, field), 0, 16, fallback, true, sentence, group,  \
            port                                                                                   \
    }

enum { PORT_PLAIN = 3478, PORT_TLS = 5349 };

static const struct conf_option options[] = {
    LISTEN(listen, "[\"0.0.0.0:3478\", \"[::]:3478\"]", PORT_PLAIN, "Network",
           "Addresses and ports on which clients are served over UDP and TCP and, once there are "
           "certificates, over TLS and DTLS as well; the port is 3478 where none is given."),
    LISTEN(listen_udp, "[ ]", PORT_PLAIN, NULL,
           "Further ones that speak UDP and nothing else; the port is 3478 where none is given."),
    LISTEN(listen_tcp, "[ ]", PORT_PLAIN, NULL,
           "Further ones that speak TCP and nothing else; the port is 3478 where none is given."),
    LISTEN(listen_tls, "[ ]", PORT_TLS, NULL,
           "Further ones that speak TLS and nothing else, e.g. [\"0.0.0.0:443\"]; the port is 5349 "
           "where none is given."),
    LISTEN(listen_dtls, "[ ]", PORT_TLS, NULL,
           "Further ones that speak DTLS and nothing else; the port is 5349 where none is given."),
    ROW(threads, CONF_INT, 0, 64, "0", true,
        "Worker threads; 0 is one per processor. Clients are spread over them by the kernel.",
        NULL),
    ROW(relay_ipv4, CONF_TEXT, 1, 63, "\"auto\"", false,
        "IPv4 address that relayed traffic leaves from: \"auto\" (the one the host would use "
        "towards the internet), \"off\" or an address of this host.",
        NULL),
    ROW(relay_ipv6, CONF_TEXT, 1, 63, "\"auto\"", false, "The same for IPv6.", NULL),
    ROW(external_ipv4, CONF_TEXT, 1, 255, "\"auto\"", false,
        "IPv4 address that clients are told: \"auto\" (the relay address), or the address or host "
        "name under which a 1:1 NAT shows this host to the internet.",
        NULL),
    ROW(external_ipv6, CONF_TEXT, 1, 255, "\"auto\"", false, "The same for IPv6.", NULL),
    ROW(relay_ports, CONF_RANGE, 1024, 65535, "\"49152-65535\"", true,
        "UDP ports for relayed traffic (see also tcp_allocations); the firewall must let them in. "
        "One call needs one to four of them.",
        NULL),
    ROW(socket_bytes, CONF_INT, 65536, 268435456, "4194304", true,
        "Receive buffer of each listening socket in bytes; the kernel may grant less "
        "(net.core.rmem_max).",
        NULL),
    ROW(udp_segment, CONF_BOOL, 0, 0, "true", true,
        "Hand runs of equal datagrams to the kernel as one (UDP_SEGMENT) where it can cut them; "
        "turn it off if a network card's driver spoils them.",
        NULL),
    ROW(udp_gro, CONF_BOOL, 0, 0, "true", true,
        "Take runs of equal datagrams from the kernel as one (UDP_GRO), by trial on each socket "
        "and "
        "where it pays.",
        NULL),
    ROW(copy_tos, CONF_BOOL, 0, 0, "false", true,
        "Carry the DSCP and ECN bits of the IP header from one side of the relay to the other.",
        NULL),

    ROW(certificates, CONF_PAIRS, 0, CONF_LIST_MAX, "( )", false,
        "Certificates for TLS and DTLS, each with the files of its chain and of its key in PEM. "
        "Clients get the one that carries the name they ask for, else the first. Changed files "
        "are taken up within a second.",
        "TCP, TLS and DTLS"),
    ROW(only_tls13, CONF_BOOL, 0, 0, "false", false,
        "Refuse TLS 1.2, which older phones need. DTLS stays at 1.2, there is no newer one here.",
        NULL),
    ROW(proxy_from, CONF_CIDRS, 0, CONF_LIST_MAX, "[ ]", true,
        "Networks of load balancers that put a PROXY header (version 1 or 2) in front of each "
        "connection; from there it must come, from elsewhere it is refused.",
        NULL),
    ROW(web_server, CONF_TEXT, 0, 63, "\"\"", true,
        "Address and port of a web server that gets, untouched, every connection that is not "
        "meant for TURN, so that both can share port 443, e.g. \"127.0.0.1:8443\"; \"\" is none.",
        NULL),
    ROW(web_proxy, CONF_BOOL, 0, 0, "false", true,
        "Tell the web server the client's address by a PROXY header of version 2, which it must "
        "expect then.",
        NULL),
    ROW(turn_names, CONF_NAMES, 0, CONF_LIST_MAX, "[ ]", true,
        "Host names of this TURN server. With web_server, TLS connections that offer another "
        "protocol than TURN (by ALPN) are the web server's. Of those that offer none, as browsers' "
        "TURN connections do, the ones that ask for a name in this list are ours, or all of them "
        "if it is empty.",
        NULL),
    ROW(connections, CONF_INT, 1, 1000000, "10000", true,
        "TCP and TLS connections and DTLS sessions at once, per worker thread.", NULL),
    ROW(connections_per_prefix, CONF_INT, 0, 1000000, "1000", true,
        "The same for one client network (see prefix_ipv4), which may be a whole school behind one "
        "address; 0 is no limit.",
        NULL),
    ROW(handshake_timeout, CONF_INT, 1, 300, "10", true,
        "Seconds within which a connection must have sent its first message, TLS handshake "
        "included.",
        NULL),
    ROW(idle_timeout, CONF_INT, 10, 3600, "60", true,
        "Seconds without a message after which a connection without an allocation is closed.",
        NULL),
    ROW(queue_bytes, CONF_INT, 16384, 16777216, "262144", true,
        "Bytes that may wait for a client that reads too slowly; sound and picture beyond that are "
        "dropped.",
        NULL),

    ROW(realm, CONF_TEXT, 1, 127, "\"turn\"", false,
        "Name of this service in the credentials. Users never see it; every server that shares "
        "credentials needs the same one. A short one keeps unauthenticated answers small.",
        "Authentication"),
    ROW(secrets_file, CONF_TEXT, 0, 255, "\"/etc/drehkreuz/secrets\"", false,
        "File with the shared secrets of Nextcloud Talk, Jitsi, Matrix and the like, mode 0600, "
        "written by `drehkreuz secret`; \"\" is none.",
        NULL),
    ROW(users, CONF_USERS, 0, CONF_LIST_MAX, "( )", false,
        "Users with a fixed name and password, for programs that know no shared secret; keep the "
        "file unreadable for others when it holds any.",
        NULL),
    ROW(max_credential_ttl, CONF_INT, 0, 315360000, "0", false,
        "How many seconds ahead a time-limited credential may end; 0 is any. Some platforms make "
        "them for 90 days.",
        NULL),
    ROW(strict_expiry, CONF_BOOL, 0, 0, "false", false,
        "End calls when their time-limited credential ends; otherwise its end only stops new "
        "ones.",
        NULL),

    ROW(redis, CONF_TEXT, 0, 255, "\"\"", false,
        "Redis that holds shared secrets for several servers: host and port, or the path of a Unix "
        "socket, e.g. \"redis.example.org:6379\"; \"\" is none. The secrets file counts beside it.",
        "Redis"),
    ROW(redis_sentinels, CONF_HOSTS, 0, CONF_LIST_MAX, "[ ]", false,
        "Sentinels that tell which Redis is the master; `redis` is not looked at then.", NULL),
    ROW(redis_master, CONF_TEXT, 0, 127, "\"\"", false, "The master's name at the sentinels.",
        NULL),
    ROW(redis_user, CONF_TEXT, 0, 127, "\"\"", false,
        "User of Redis' access control list to log in as; \"\" is its default user.", NULL),
    ROW(redis_password, CONF_SECRET, 0, 255, "\"\"", false,
        "Password of that user; \"\" is none. Keep the file unreadable for others.", NULL),
    ROW(redis_db, CONF_INT, 0, 65535, "0", false, "Number of the database.", NULL),
    ROW(redis_tls, CONF_BOOL, 0, 0, "false", false,
        "Talk TLS to Redis and verify its certificate and name.", NULL),
    ROW(redis_ca, CONF_TEXT, 0, 255, "\"\"", false,
        "PEM file of the authorities that may sign Redis' certificate; \"\" is the system's.",
        NULL),
    ROW(redis_users, CONF_BOOL, 0, 0, "false", false,
        "Take users from Redis as well, under coturn's names (turn/realm/REALM/user/NAME/key).",
        NULL),
    ROW(redis_max_age, CONF_INT, 0, 315360000, "0", false,
        "Seconds after which secrets and users from a Redis that cannot be read any more go out of "
        "force, at least 120; 0 is never, so that calls do not depend on Redis.",
        NULL),

    ROW(issuer_listen, CONF_TEXT, 0, 255, "\"\"", false,
        "Address and port on loopback, or path of a Unix socket, where programs on this host get "
        "credentials by HTTP, e.g. \"127.0.0.1:8087\"; \"\" is nowhere.",
        "Credential issuer"),
    ROW(issuer_key, CONF_SECRET, 0, 255, "\"\"", false,
        "Key that such programs must send, at least 16 bytes.", NULL),
    ROW(issuer_socket, CONF_TEXT, 0, 255, "\"\"", false,
        "Path of a Unix socket that takes a user name as one line and answers with user name, "
        "password and seconds in one line; \"\" is none.",
        NULL),
    ROW(issuer_uris, CONF_URIS, 0, CONF_LIST_MAX, "[ ]", false,
        "Addresses of this server that the HTTP answer names; none means what follows from listen, "
        "turn_names and the relay addresses.",
        NULL),
    ROW(issuer_ttl, CONF_INT, 60, 315360000, "86400", false,
        "Seconds for which the issuer's credentials are good.", NULL),

    ROW(metrics_profile, CONF_TEXT, 1, 16, "\"standard\"", true,
        "What is counted of usage: \"standard\" (sums of a day, with noise that hides every single "
        "call), \"fleet\" (sums of an hour, for 200 users and more) or \"strict\" (nothing; right "
        "for fewer than 20 users).",
        "Statistics"),
    ROW(metrics_window, CONF_INT, 0, 604800, "0", true,
        "Seconds of one sum, 3600 or more, counted from midnight UTC of 1970; 0 is what the "
        "profile "
        "says.",
        NULL),
    ROW(metrics_listen, CONF_TEXT, 0, 255, "\"\"", false,
        "Address and port on loopback, or path of a Unix socket, where /metrics, /livez, /readyz "
        "and a page to look at are served by HTTP, e.g. \"127.0.0.1:9641\"; \"\" is nowhere.",
        NULL),
    ROW(metrics_file, CONF_TEXT, 0, 255, "\"\"", true,
        "File that keeps the sums already shown over a restart; \"\" is windows in "
        "$STATE_DIRECTORY where systemd gives one, else none.",
        NULL),
    ROW(capacity_alarm, CONF_BOOL, 0, 0, "false", true,
        "Tell, with noise, when four fifths of all possible allocations are in use; for servers "
        "with room for 10000 and more.",
        NULL),
    ROW(control_socket, CONF_TEXT, 0, 255, "\"\"", true,
        "Path of the Unix socket behind the commands stats, trace, kill, reload and drain; \"\" is "
        "control in $RUNTIME_DIRECTORY where systemd gives one, else none.",
        NULL),

    ROW(operator_name, CONF_TEXT, 0, 255, "\"\"", false,
        "Who is responsible for this server, for the papers that drehkreuz privacy writes.",
        "Privacy papers"),
    ROW(privacy_officer, CONF_TEXT, 0, 255, "\"\"", false,
        "The data protection officer, with a way to write to them.", NULL),
    ROW(privacy_authority, CONF_TEXT, 0, 255, "\"\"", false,
        "The supervisory authority that people may complain to.", NULL),
    ROW(privacy_platform, CONF_TEXT, 0, 255, "\"\"", false,
        "What the calls are made with, e.g. \"Nextcloud Talk\".", NULL),
    ROW(privacy_provider, CONF_TEXT, 0, 255, "\"\"", false,
        "Who runs the machine on the operator's behalf (Art. 28 GDPR); \"\" is the operator.",
        NULL),
    ROW(privacy_basis, CONF_TEXT, 0, 1, "\"\"", false,
        "Letter of Art. 6(1) GDPR on which the processing rests: \"b\", \"e\" or \"f\".", NULL),

    ROW(binding, CONF_BOOL, 0, 0, "true", false,
        "Answer STUN Binding requests without credentials, as STUN servers do.", "Protocol"),
    ROW(software, CONF_BOOL, 0, 0, "false", false,
        "Tell clients the name and version of this software.", NULL),
    ROW(rfc5766_channels, CONF_BOOL, 0, 0, "false", false,
        "Also accept channel numbers above 0x4FFF, which RFC 8656 took back; turnutils_uclient of "
        "Debian 12 picks them.",
        NULL),
    ROW(lifetime_max, CONF_INT, 600, 86400, "3600", false,
        "Longest life of an allocation in seconds that a client may ask for at once; it can be "
        "renewed.",
        NULL),
    ROW(nonce_lifetime, CONF_INT, 60, 3600, "1800", false,
        "Seconds after which a client must take a new nonce, which happens by itself.", NULL),

    ROW(allow_peers, CONF_CIDRS, 0, CONF_LIST_MAX, "[ ]", false,
        "Networks that may be relayed to although they would be denied, e.g. a media server in a "
        "private network.",
        "Peers"),
    ROW(deny_peers, CONF_CIDRS, 0, CONF_LIST_MAX, "[ ]", false,
        "Further networks that must not be relayed to. Private, local and special networks are "
        "denied without being named here.",
        NULL),
    ROW(deny_peer_ports, CONF_PORTS, 0, CONF_LIST_MAX,
        "[\"0\", \"53\", \"67-69\", \"111\", \"123\", \"137-139\", \"161\", \"389\", \"1900\", "
        "\"5353\", \"11211\"]",
        false,
        "Ports of peers that must not be relayed to; the default keeps services that amplify or "
        "trust their neighbours out of reach.",
        NULL),

    ROW(tcp_allocations, CONF_BOOL, 0, 0, "false", true,
        "Let clients that came over TCP or TLS relay to peers over TCP as well (RFC 6062), for "
        "file transfer and the like; calls do not need it. The firewall must let TCP in on "
        "relay_ports then.",
        "TCP to peers"),
    ROW(tcp_connections, CONF_INT, 1, 4096, "1024", true,
        "Connections with peers at once, per worker thread.", NULL),
    ROW(tcp_connections_per_allocation, CONF_INT, 1, 4096, "16", false,
        "Connections with peers that one allocation may have at once.", NULL),
    ROW(tcp_idle, CONF_INT, 10, 86400, "600", true,
        "Seconds without a byte after which a connection with a peer is closed.", NULL),

    ROW(max_allocations, CONF_INT, 0, COUNT_MAX, "0", true,
        "Allocations alive at once, per worker thread; 0 is as many as there are relay ports.",
        "Limits"),
    ROW(allocations_per_account, CONF_INT, 0, COUNT_MAX, "1000", false,
        "Allocations of one account, which is a static user or the text behind the colon of a "
        "time-limited name; per worker thread, 0 is no limit.",
        NULL),
    ROW(allocations_per_prefix, CONF_INT, 0, COUNT_MAX, "4000", false,
        "Allocations of one client network (see prefix_ipv4); per worker thread, 0 is no limit.",
        NULL),
    ROW(permissions_per_allocation, CONF_INT, 1, 1024, "64", false,
        "Peer addresses that one allocation may talk to at once.", NULL),
    ROW(channels_per_allocation, CONF_INT, 1, 1024, "64", false,
        "Channels that one allocation may bind at once.", NULL),
    ROW(bytes_per_allocation, CONF_INT, 0, BYTES_MAX, "4000000", false,
        "Bytes per second that one allocation may relay, both directions together; 0 is no limit.",
        NULL),
    ROW(bytes_per_account, CONF_INT, 0, BYTES_MAX, "0", false,
        "Bytes per second that one account may relay; per worker thread, 0 is no limit.", NULL),
    ROW(bytes_per_prefix, CONF_INT, 0, BYTES_MAX, "0", false,
        "Bytes per second that one client network may relay; per worker thread, 0 is no limit.",
        NULL),
    ROW(unproven_per_prefix, CONF_INT, 0, COUNT_MAX, "400", false,
        "Answers per second to one client network that has shown no valid credential, so that "
        "forged requests cannot make a flood; per worker thread, 0 is no limit.",
        NULL),
    ROW(prefix_ipv4, CONF_INT, 8, 32, "32", false,
        "Leading bits of an IPv4 address that make a client network.", NULL),
    ROW(prefix_ipv6, CONF_INT, 16, 128, "56", false,
        "Leading bits of an IPv6 address that make a client network.", NULL),

    ROW(user, CONF_TEXT, 0, 63, "\"\"", true,
        "System user to become after the start as root; \"\" is to stay, which is right under "
        "systemd.",
        "Process"),
    ROW(sandbox, CONF_BOOL, 0, 0, "true", true,
        "Give up, once started, every system call and every file that serving does not need "
        "(seccomp and Landlock), so that a break-in reaches no further. A reload that needs more "
        "than the start did, such as files in other folders or the first TCP port for Redis, "
        "statistics or the issuer, is refused and says that it takes a restart.",
        NULL),
};

static const struct conf_shape shapes[CONF_KINDS] = {
    [CONF_BOOL] = {sizeof(bool), 0, 0, "true or false", NULL},
    [CONF_INT] = {sizeof(int64_t), 0, 0, "a whole number from %lld to %lld", NULL},
    [CONF_TEXT] = {sizeof(conf_text), 0, 0, "a text in quotation marks, %lld to %lld bytes", NULL},
    [CONF_RANGE] = {sizeof(struct conf_port_range), 0, 0,
                    "a range of ports in quotation marks, from %lld to %lld", NULL},
    [CONF_ADDRS] = {sizeof(struct conf_addrs), sizeof(struct addr), offsetof(struct conf_addrs, n),
                    "a list of %lld to %lld IP addresses with or without port", NULL},
    [CONF_CIDRS] = {sizeof(struct conf_cidrs), sizeof(struct cidr), offsetof(struct conf_cidrs, n),
                    "a list of %lld to %lld networks without host bits",
                    "[\"10.1.0.0/16\", \"2001:db8::1\"]"},
    [CONF_PORTS] = {sizeof(struct conf_ports), sizeof(struct conf_port_range),
                    offsetof(struct conf_ports, n), "a list of %lld to %lld ports or port ranges",
                    "[\"53\", \"137-139\"]"},
    [CONF_USERS] = {sizeof(struct conf_users), sizeof(struct conf_user),
                    offsetof(struct conf_users, n),
                    "a list of %lld to %lld groups of name and password",
                    "( { name = \"alice\"; password = \"...\"; } )"},
    [CONF_NAMES] = {sizeof(struct conf_texts), sizeof(conf_text), offsetof(struct conf_texts, n),
                    "a list of %lld to %lld host names", "[\"turn.example.org\"]"},
    [CONF_PAIRS] = {sizeof(struct conf_pairs), sizeof(struct conf_pair),
                    offsetof(struct conf_pairs, n),
                    "a list of %lld to %lld groups of certificate and key, both absolute file "
                    "names",
                    "( { certificate = \"/etc/drehkreuz/fullchain.pem\"; "
                    "key = \"/etc/drehkreuz/privkey.pem\"; } )"},
    [CONF_SECRET] = {sizeof(conf_text), 0, 0, "a text in quotation marks, %lld to %lld bytes",
                     NULL},
    [CONF_HOSTS] = {sizeof(struct conf_texts), sizeof(conf_text), offsetof(struct conf_texts, n),
                    "a list of %lld to %lld hosts with port",
                    "[\"one.example.org:26379\", \"192.0.2.1:26379\"]"},
    [CONF_URIS] = {sizeof(struct conf_texts), sizeof(conf_text), offsetof(struct conf_texts, n),
                   "a list of %lld to %lld addresses that begin with stun:, turn: or turns:",
                   "[\"turn:turn.example.org:3478?transport=udp\"]"},
};

const struct conf_option *conf_option_at(size_t i)
{
    return i < sizeof(options) / sizeof(*options) ? &options[i] : NULL;
}

const struct conf_option *conf_option_find(const char *name)
{
    const struct conf_option *o;
    for (size_t i = 0; (o = conf_option_at(i)); i++)
        if (strcmp(o->name, name) == 0)
            return o;
    return NULL;
}

const struct conf_shape *conf_shape_of(enum conf_kind kind)
{
    return &shapes[kind];
}

void conf_describe(const struct conf_option *o, char *buf, size_t n)
{
    const char *what = shapes[o->kind].what;
    if (o->kind == CONF_BOOL)
        (void)snprintf(buf, n, "%s", what);
    else
        (void)snprintf(buf, n, what, (long long)o->min, (long long)o->max);
}

enum { NAME_MAX_LEN = 40 };

/* Levenshtein distance, both texts shorter than NAME_MAX_LEN. */
static size_t distance(const char *a, const char *b)
{
    size_t row[NAME_MAX_LEN];
    size_t n = strlen(b);
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            size_t one_off = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = change < one_off ? change : one_off;
        }
    }
    return row[n];
}

const struct conf_option *conf_option_nearest(const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len >= NAME_MAX_LEN)
        return NULL;
    size_t best = len / 3 + 2; /* farther away is no typing mistake */
    const struct conf_option *found = NULL;
    const struct conf_option *o;
    for (size_t i = 0; (o = conf_option_at(i)); i++) {
        size_t d = distance(name, o->name);
        if (d < best) {
            best = d;
            found = o;
        }
    }
    return found;
}

bool conf_is_host_name(const char *text)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
    static const char digits[] = "0123456789.";
    size_t n = strlen(text);
    return text[0] != '.' && text[0] != '-' && strspn(text, letters) == n &&
           strspn(text, digits) != n;
}

/* Takes digits off *text. */
static bool read_port(const char **text, uint16_t *ret)
{
    uint32_t v = 0;
    const char *p = *text;
    for (; *p >= '0' && *p <= '9' && v <= UINT16_MAX; p++)
        v = v * 10 + (uint32_t)(*p - '0');
    if (p == *text || v > UINT16_MAX)
        return false;
    *text = p;
    *ret = (uint16_t)v;
    return true;
}

bool conf_range_parse(const char *text, struct conf_port_range *ret)
{
    struct conf_port_range got;
    if (!read_port(&text, &got.first))
        return false;
    got.last = got.first;
    if (*text == '-') {
        text++;
        if (!read_port(&text, &got.last))
            return false;
    }
    if (*text || got.last < got.first)
        return false;
    *ret = got;
    return true;
}

bool conf_is_host_port(const char *text)
{
    struct addr a;
    conf_text host;
    struct conf_port_range port;
    const char *colon = strrchr(text, ':');
    if (addr_parse(text, &a))
        return a.port != 0;
    if (!colon || colon - text >= CONF_TEXT_MAX)
        return false;
    memset(host, 0, sizeof(host));
    memcpy(host, text, (size_t)(colon - text));
    return conf_is_host_name(host) && conf_range_parse(colon + 1, &port) && port.first > 0 &&
           port.first == port.last && !strchr(colon, '-');
}

int conf_fail(struct conf_error *err, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    return code;
}
