/* The table of coturn's options: those that become an option of ours, or are the case here without
 * one. What leads to nothing is in table_without.c. */
#include "import/import_int.h"

#include <stddef.h>

#define AT(field) offsetof(struct conf, field)

/* An option of ours, filled by the function. */
#define TAKES(coturn, short_form, its_kind, ours, function, sentence)                              \
    {                                                                                              \
        .name = coturn, .letter = short_form, .kind = its_kind, .verdict = IMPORT_TAKEN,           \
        .option = ours, .take = function, .text = sentence                                         \
    }

/* A number for a field, brought into its range. */
#define NUMBER(coturn, short_form, field, low, high, sentence)                                     \
    {                                                                                              \
        .name = coturn, .letter = short_form, .kind = IMPORT_NUMBER, .verdict = IMPORT_TAKEN,      \
        .option = #field, .take = import_take_number, .at = AT(field), .min = low, .max = high,    \
        .text = sentence                                                                           \
    }

/* A flag for a field; on is the value that it gets when the flag is on. */
#define SWITCH(coturn, field, on, sentence)                                                        \
    {                                                                                              \
        .name = coturn, .kind = IMPORT_FLAG, .verdict = IMPORT_TAKEN, .option = #field,            \
        .take = import_take_switch, .at = AT(field), .min = on, .text = sentence                   \
    }

/* Always so here; what is said when it is switched off there. */
#define ALWAYS(coturn, short_form, sentence, when_off)                                             \
    {                                                                                              \
        .name = coturn, .letter = short_form, .kind = IMPORT_FLAG, .verdict = IMPORT_TAKEN,        \
        .text = sentence, .off = when_off                                                          \
    }

#define CREDENTIALS "Always so here: nobody is served without credentials."
#define RETIRED "Always so here: TLS 1.0, 1.1 and SSL are not spoken."
#define NOT_SPOKEN "Not spoken here: TLS begins at 1.2, as browsers want it."
#define LEAN "Always so here: answers hold nothing that the RFC does not ask for."
#define NOT_SENT "Not sent here, so that forged requests get short answers."
#define NO_CLI "There is none here; see drehkreuz(8) for the commands."
#define BATCHES "Always so here, where the kernel can."
#define LISTENS "Listening there for what is not switched off."
#define ONE_PORT "Switched off; what is left gets lists of its own, such as listen_udp."

static const struct import_row rows[] = {
    /* network */
    TAKES("listening-port", 'p', IMPORT_NUMBER, "listen", import_take_port, LISTENS),
    TAKES("tls-listening-port", 0, IMPORT_NUMBER, "listen", import_take_port, LISTENS),
    TAKES("listening-ip", 'L', IMPORT_TEXT, "listen", import_take_ip, LISTENS),
    TAKES("aux-server", 0, IMPORT_TEXT, "listen", import_take_aux, "A listener like the others."),
    TAKES("relay-ip", 'E', IMPORT_TEXT, "relay_ipv4, relay_ipv6", import_take_relay_ip,
          "The family that none is given for is not relayed."),
    TAKES("external-ip", 'X', IMPORT_TEXT, "external_ipv4", import_take_external,
          "The address that clients are told; the one behind it is the relayed one."),
    TAKES("min-port", 0, IMPORT_NUMBER, "relay_ports", import_take_relay_port,
          "The lower end of the range."),
    TAKES("max-port", 0, IMPORT_NUMBER, "relay_ports", import_take_relay_port,
          "The upper end of the range."),
    NUMBER("relay-threads", 'm', threads, 1, 64, "Without it, there is one per processor."),
    NUMBER("cpus", 0, threads, 1, 64, "Without it, there is one per processor."),
    NUMBER("sock-buf-size", 0, socket_bytes, 65536, 268435456, "Of each listening socket."),
    TAKES("no-udp", 0, IMPORT_FLAG, "listen", import_take_transport, ONE_PORT),
    TAKES("no-tcp", 0, IMPORT_FLAG, "listen", import_take_transport, ONE_PORT),
    TAKES("no-tls", 0, IMPORT_FLAG, "listen", import_take_transport, ONE_PORT),
    TAKES("no-dtls", 0, IMPORT_FLAG, "listen", import_take_transport, ONE_PORT),
    ALWAYS("dtls", 0, "Always so here, once there is a certificate.",
           "DTLS comes with a certificate here; use listen_udp, listen_tcp and listen_tls in "
           "place of listen if it must not."),
    SWITCH("udp-gso", udp_segment, true, "On without being asked."),
    ALWAYS("udp-recvmmsg", 0, BATCHES,
           "Packets are read in batches here; it changes nothing else."),
    ALWAYS("udp-sendmmsg", 0, BATCHES,
           "Packets are sent in batches here; it changes nothing else."),

    /* TLS */
    TAKES("cert", 0, IMPORT_TEXT, "certificates", import_take_certificate,
          "With its key; taken up again by itself when it changes."),
    TAKES("pkey", 0, IMPORT_TEXT, "certificates", import_take_key,
          "Must be readable for the user that the server runs as."),
    ALWAYS("no-tlsv1", 0, RETIRED, NOT_SPOKEN),
    ALWAYS("no-tlsv1_1", 0, RETIRED, NOT_SPOKEN),
    ALWAYS("no-sslv2", 0, RETIRED, NOT_SPOKEN),
    ALWAYS("no-sslv3", 0, RETIRED, NOT_SPOKEN),
    SWITCH("no-tlsv1_2", only_tls13, true, "Leaves TLS 1.3, and DTLS at 1.2."),

    /* authentication */
    TAKES("realm", 'r', IMPORT_TEXT, "realm", import_take_realm,
          "A shorter one would keep unauthenticated answers smaller."),
    TAKES("use-auth-secret", 0, IMPORT_FLAG, NULL, import_take_secret_flag,
          "Always so here: shared secrets count beside users."),
    {.name = "static-auth-secret",
     .kind = IMPORT_TEXT,
     .verdict = IMPORT_CHANGED,
     .by_hand = true,
     .option = "secrets_file",
     .take = import_take_secret,
     .text = "Secrets have a file of their own: add this one by drehkreuz secret add imported, the "
             "value on standard input, or let --secrets-file do it."},
    ALWAYS("lt-cred-mech", 'a', CREDENTIALS, CREDENTIALS),
    TAKES("user", 'u', IMPORT_TEXT, "users", import_take_user,
          "Keep the configuration unreadable for others."),
    TAKES("redis-userdb", 'N', IMPORT_TEXT, "redis", import_take_redis,
          "Read at the start and when something changes, not at each call; coturn's names of keys "
          "are understood, see conf/redis.md."),
    ALWAYS("stateless-nonce", 0, "Always so here.", "Nonces take no memory here."),
    ALWAYS("unauthorized-ratelimit", 0, "Always so here, see unproven_per_prefix.",
           "Always limited here, see unproven_per_prefix."),
    ALWAYS("drop-invalid-packets", 0, "Always so here.", "What is no STUN is not answered here."),

    /* limits */
    NUMBER("user-quota", 'q', allocations_per_account, 0, 10000000,
           "Counted in each worker thread; the account is the part behind the colon."),
    NUMBER("total-quota", 'Q', max_allocations, 0, 10000000,
           "Counted in each worker thread; 0 is as many as there are relay ports."),
    NUMBER("max-allocate-lifetime", 0, lifetime_max, 600, 86400, "For one request."),

    /* protocol and peers */
    SWITCH("no-stun", binding, false, "Binding requests are not answered."),
    SWITCH("software-attribute", software, true, "The default says nothing."),
    SWITCH("no-software-attribute", software, false, "The default."),
    TAKES("no-tcp-relay", 0, IMPORT_FLAG, "tcp_allocations", import_take_tcp_relay, "The default."),
    TAKES("allowed-peer-ip", 0, IMPORT_TEXT, "allow_peers", import_take_allowed,
          "Goes before deny_peers, as with coturn; multicast and reserved addresses stay denied."),
    TAKES("denied-peer-ip", 0, IMPORT_TEXT, "deny_peers", import_take_denied,
          "Private and special networks are denied without being named."),
    ALWAYS("no-multicast-peers", 0, "Always so here.", "Multicast is never relayed to here."),
    ALWAYS("no-loopback-peers", 0, "Always so here, unless allow_peers names them.",
           "Loopback is denied unless allow_peers names it."),
    ALWAYS("fingerprint", 'f',
           "Answers carry it whenever the request does, which is all that "
           "clients look at.",
           NULL),
    ALWAYS("no-rfc5780", 0, LEAN, NOT_SENT),
    ALWAYS("no-stun-backward-compatibility", 0, LEAN, NOT_SENT),
    ALWAYS("response-origin-only-with-rfc5780", 0, LEAN, NOT_SENT),
    ALWAYS("no-cli", 0, NO_CLI, NO_CLI),
};

enum { ROWS = sizeof(rows) / sizeof(*rows) };

const struct import_row *import_row_at(size_t i)
{
    if (i < ROWS)
        return &rows[i];
    i -= ROWS;
    return i < import_rows_without_n ? &import_rows_without[i] : NULL;
}

const struct import_row *import_row_find(const char *name)
{
    const struct import_row *row;
    for (size_t i = 0; (row = import_row_at(i)); i++)
        if (strcmp(row->name, name) == 0)
            return row;
    return NULL;
}

const struct import_row *import_row_of_letter(char letter)
{
    const struct import_row *row;
    for (size_t i = 0; (row = import_row_at(i)); i++)
        if (row->letter == letter)
            return row;
    return NULL;
}
