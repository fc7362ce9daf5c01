/* Jitsi Meet: Prosody's list of external services, and the web page's settings. */
#include "setup/setup_int.h"

#include <inttypes.h>
#include <string.h>

static void service(const struct setup_facts *f, const char *type, enum setup_way way,
                    struct out *o)
{
    out_line(o,
             "    { type = \"%s\", host = \"%s\", port = %u, transport = \"%s\", secret = true, "
             "ttl = %" PRId64 ", algorithm = \"turn\" },",
             type, f->host, f->port[way], way == SETUP_UDP ? "udp" : "tcp", lasts(f));
}

void jitsi_file(const struct setup_facts *f, struct out *o)
{
    static const char *const types[SETUP_WAYS] = {"turn", "turn", "turns"};
    char secret[SETUP_TEXT];
    out_line(o, "external_service_secret = %s", text_quoted(f->value, secret));
    out_line(o, "external_services = {");
    if (offers_stun(f))
        out_line(o, "    { type = \"stun\", host = \"%s\", port = %u, transport = \"udp\" },",
                 f->host, f->port[SETUP_UDP]);
    for (unsigned i = 0; i < SETUP_WAYS; i++)
        if (offers(f, i))
            service(f, types[i], i, o);
    out_line(o, "}");
}

void jitsi_web_page(const struct setup_facts *f, struct out *o)
{
    char at[SETUP_AT];
    out_section(o, "config_js", "In the page's config.js, inside of config:");
    if (offers_stun(f))
        out_line(o, "p2p: { enabled: true, stunServers: [ { urls: 'stun:%s' } ] },",
                 text_at(f, SETUP_UDP, at));
    if (f->port[SETUP_UDP])
        out_line(o, "useTurnUdp: true,");
}

static void container(const struct setup_facts *f, struct out *o)
{
    enum setup_way plain = f->port[SETUP_TCP] ? SETUP_TCP : SETUP_UDP;
    bool both = f->port[SETUP_TCP] && f->port[SETUP_UDP] == f->port[SETUP_TCP];
    char secret[SETUP_TEXT];
    out_section(o, "docker", "or, with docker-jitsi-meet, all of it in its .env:");
    out_line(o, "TURN_CREDENTIALS=%s", text_shell(f->value, secret));
    out_line(o, "TURN_TTL=%" PRId64, lasts(f));
    if (f->port[plain]) {
        out_line(o, "TURN_HOST=%s", f->host);
        out_line(o, "TURN_PORT=%u", f->port[plain]);
        out_line(o, "TURN_TRANSPORT=%s", both ? "udp,tcp" : plain == SETUP_TCP ? "tcp" : "udp");
    }
    if (offers(f, SETUP_TLS)) {
        out_line(o, "TURNS_HOST=%s", f->host);
        out_line(o, "TURNS_PORT=%u", f->port[SETUP_TLS]);
    }
    if (offers_stun(f)) {
        out_line(o, "STUN_HOST=%s", f->host);
        out_line(o, "STUN_PORT=%u", f->port[SETUP_UDP]);
    }
}

void jitsi_lines(const struct setup_facts *f, struct out *o)
{
    out_section(
        o, "prosody",
        "In Prosody's configuration, before the first VirtualHost, with "
        "\"external_services\" in that one's modules_enabled; then: systemctl restart prosody");
    jitsi_file(f, o);
    jitsi_web_page(f, o);
    container(f, o);
}

void jitsi_notes(const struct setup_facts *f, struct out *o)
{
    if (strchr(f->host, ':'))
        out_note(o, false,
                 "Jitsi's clients make a URL of host and port, which an IPv6 address does not "
                 "survive. Give a name: --host NAME.");
    if (!f->port[SETUP_TCP] && !offers(f, SETUP_TLS))
        out_note(o, false,
                 "Calls of three or more use TCP and TLS only, unless useTurnUdp is set; nothing "
                 "listens there.");
    out_note(o, false,
             "The videobridge (JVB) does not use TURN itself; people's relays send to it. If it "
             "announces a private address only, name that: allow_peers = [\"10.1.2.3\"];");
    out_note(o, false,
             "The package jitsi-meet-turnserver brings another relay and another secret; remove "
             "its lines from Prosody, or it is offered as well.");
}
