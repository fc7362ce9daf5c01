/* Nextcloud Talk, Matrix and Rocket.Chat: their lines, and what to know of them. */
#include "setup/setup_int.h"

#include <inttypes.h>
#include <string.h>

static bool is_v6(const struct setup_facts *f)
{
    return strchr(f->host, ':') != NULL;
}

/* --- Nextcloud Talk: one host:port field for all schemes and transports --- */

/* The word of the command, and what the panel calls it. */
struct words {
    const char *occ;
    const char *panel;
};

/* An entry of Talk's list: everything that one port speaks. */
struct entry {
    const struct words *schemes;
    const struct words *protocols;
};

static bool entry_at(const struct setup_facts *f, enum setup_way way, struct entry *ret)
{
    static const struct words schemes[] = {
        {"turn", "turn: only"}, {"turns", "turns: only"}, {"turn,turns", "turn: and turns:"}};
    static const struct words protocols[] = {
        {"udp", "UDP only"}, {"tcp", "TCP only"}, {"udp,tcp", "UDP and TCP"}};
    bool here[SETUP_WAYS];
    if (!offers(f, way))
        return false;
    for (unsigned i = 0; i < SETUP_WAYS; i++) {
        here[i] = offers(f, i) && f->port[i] == f->port[way];
        if (here[i] && i < way)
            return false; /* told with that one */
    }
    unsigned scheme = (here[SETUP_UDP] || here[SETUP_TCP] ? 1U : 0) | (here[SETUP_TLS] ? 2U : 0);
    unsigned over = (here[SETUP_UDP] ? 1U : 0) | (here[SETUP_TCP] || here[SETUP_TLS] ? 2U : 0);
    *ret = (struct entry){&schemes[scheme - 1], &protocols[over - 1]};
    return true;
}

void setup_talk(const struct setup_facts *f, struct setup_talk *ret)
{
    struct entry e;
    memset(ret, 0, sizeof(*ret));
    if (offers_stun(f) && !is_v6(f))
        text_at(f, SETUP_UDP, ret->stun);
    for (unsigned i = 0; i < SETUP_WAYS; i++) {
        if (!entry_at(f, i, &e))
            continue;
        struct setup_talk_turn *t = &ret->turn[ret->n_turn++];
        t->schemes = e.schemes->occ;
        t->protocols = e.protocols->occ;
        text_at(f, i, t->at);
    }
}

static void nextcloud_panel(const struct setup_facts *f, struct out *o)
{
    char at[SETUP_AT];
    struct entry e;
    out_section(o, "panel", "or in its Administration settings, under Talk:");
    if (offers_stun(f) && !is_v6(f))
        out_line(o, "STUN servers  %s", text_at(f, SETUP_UDP, at));
    for (unsigned i = 0; i < SETUP_WAYS; i++)
        if (entry_at(f, i, &e))
            out_line(o, "TURN servers  %s  %s  %s  %s", e.schemes->panel, text_at(f, i, at),
                     f->value, e.protocols->panel);
}

void nextcloud_lines(const struct setup_facts *f, struct out *o)
{
    char secret[SETUP_TEXT];
    char at[SETUP_TEXT];
    struct setup_talk talk;
    /* Else occ would take it for the next option. */
    const char *between = f->value[0] == '-' ? "=" : " ";
    setup_talk(f, &talk);
    out_section(o, "occ", "In Nextcloud, as its web server's user (sudo -u www-data php occ ...):");
    if (talk.stun[0])
        out_line(o, "occ talk:stun:add %s", talk.stun);
    for (size_t i = 0; i < talk.n_turn; i++)
        out_line(o, "occ talk:turn:add --secret%s%s -- %s %s %s", between,
                 text_shell(f->value, secret), talk.turn[i].schemes,
                 text_shell(talk.turn[i].at, at), talk.turn[i].protocols);
    nextcloud_panel(f, o);
}

void nextcloud_notes(const struct setup_facts *f, struct out *o)
{
    if (is_v6(f))
        out_note(o, false, "Talk takes no IPv6 address as STUN server, so that line is left out.");
    if (f->ttl_limit && f->ttl_limit < SETUP_DAY)
        out_note(o, true,
                 "Talk's credentials last %d seconds and max_credential_ttl refuses all above "
                 "%" PRId64 ". Set it to 0, or to %d and more.",
                 SETUP_DAY, f->ttl_limit, SETUP_DAY + 600);
    else if (f->ttl_limit && f->ttl_limit < 90 * (int64_t)SETUP_DAY)
        out_note(o, false,
                 "Janus in Nextcloud All-in-One has credentials of 90 days, which "
                 "max_credential_ttl refuses.");
    if (!f->n_allow_peers)
        out_note(o, false,
                 "With the high-performance backend on this host or in a private network, name "
                 "the address of Janus: allow_peers = [\"10.1.2.3\"];");
}

/* --- Matrix --- */

void matrix_file(const struct setup_facts *f, struct out *o)
{
    static const char *const forms[SETUP_WAYS] = {"  - \"turn:%s?transport=udp\"",
                                                  "  - \"turn:%s?transport=tcp\"",
                                                  "  - \"turns:%s?transport=tcp\""};
    char at[SETUP_AT];
    char secret[SETUP_TEXT];
    char line[SETUP_AT + 32];
    out_line(o, "turn_uris:");
    for (unsigned i = 0; i < SETUP_WAYS; i++) {
        if (!offers(f, i))
            continue;
        text_at(f, i, at);
        snprintf(line, sizeof(line), forms[i], at);
        out_line(o, "%s", line);
    }
    out_line(o, "turn_shared_secret: %s", text_quoted(f->value, secret));
    out_line(o, "turn_user_lifetime: %" PRId64, lasts(f) * 1000);
    out_line(o, "turn_allow_guests: true");
}

void matrix_lines(const struct setup_facts *f, struct out *o)
{
    out_section(o, "synapse", "In Synapse's homeserver.yaml; then restart it:");
    matrix_file(f, o);
}

void matrix_notes(const struct setup_facts *f, struct out *o)
{
    if (lasts(f) < SETUP_DAY)
        out_note(o, false,
                 "turn_user_lifetime is as short as max_credential_ttl wants it; Synapse's clock "
                 "must not be ahead of this host's.");
    if (!f->n_allow_peers)
        out_note(o, false,
                 "Element Call uses LiveKit, which gets the relay in its own configuration "
                 "(conf/matrix.md). If LiveKit is on this host or in a private network, name its "
                 "address: allow_peers = [\"10.1.2.3\"];");
}

/* --- Rocket.Chat: one public string, without shared secrets --- */

static void rocketchat_user(const struct setup_facts *f, struct out *o)
{
    char name[SETUP_TEXT];
    char password[SETUP_TEXT];
    text_quoted(f->id, name);
    text_quoted(f->value, password);
    out_section(o, "relay",
                f->n_users ? "In our configuration, as one more of users (a comma goes between "
                             "them); then: systemctl reload drehkreuz"
                           : "In our configuration; then: systemctl reload drehkreuz");
    out_line(o,
             f->n_users ? "{ name = %s; password = %s; }"
                        : "users = ( { name = %s; password = %s; } );",
             name, password);
}

/* A short list: calls wait until each server in it has answered. */
void rocketchat_lines(const struct setup_facts *f, struct out *o)
{
    static const struct {
        const char *scheme;
        const char *query;
    } forms[SETUP_WAYS] = {{"turn", "udp"}, {"turn", "tcp"}, {"turns", "tcp"}};
    char at[SETUP_AT];
    char user[SETUP_TEXT];
    char password[SETUP_TEXT];
    char list[SETUP_LINE] = "";
    size_t n = 0;
    if (f->origin != SETUP_FOUND)
        rocketchat_user(f, o);
    text_percent(f->id, user);
    text_percent(f->value, password);
    if (offers_stun(f))
        n = (size_t)snprintf(list, sizeof(list), "stun:%s", text_at(f, SETUP_UDP, at));
    for (unsigned i = 0; i < SETUP_WAYS; i++) {
        if (!offers(f, i) || (i == SETUP_TCP && offers(f, SETUP_TLS)))
            continue;
        n +=
            (size_t)snprintf(list + n, sizeof(list) - n, "%s%s:%s@%s:%s?transport=%s", n ? "," : "",
                             user, password, forms[i].scheme, text_at(f, i, at), forms[i].query);
    }
    out_section(o, "rocketchat",
                "In Rocket.Chat's settings, as ICE servers: VoIP_TeamCollab_Ice_Servers (voice "
                "calls), WebRTC_Servers (older ones):");
    out_line(o, "%s", list);
}

void rocketchat_notes(const struct setup_facts *f, struct out *o)
{
    if (f->origin == SETUP_FOUND)
        out_note(o, false, "The user \"%s\" stands in our configuration already.", f->id);
    out_note(o, false,
             "Everybody who can load the workspace can read this password. Change it now and "
             "then; bytes_per_account and allocations_per_account bound what it is good for.");
}
