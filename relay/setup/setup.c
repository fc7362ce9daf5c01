/* The table of platforms, and what is the same for all of them: firewall, proof, and the notes on
 * our own configuration. */
#include "setup/setup.h"

#include <string.h>

#include "setup/setup_int.h"

enum { PORT_HTTPS = 443 };

static const struct platform PLATFORMS[SETUP_PLATFORMS] = {
    [SETUP_NEXTCLOUD] = {"nextcloud", "Nextcloud Talk", "nextcloud.md", false, nextcloud_lines,
                         nextcloud_notes, NULL, NULL},
    [SETUP_JITSI] = {"jitsi", "Jitsi Meet", "jitsi.md", false, jitsi_lines, jitsi_notes, jitsi_file,
                     jitsi_web_page},
    [SETUP_MATRIX] = {"matrix", "Matrix", "matrix.md", false, matrix_lines, matrix_notes,
                      matrix_file, NULL},
    [SETUP_ROCKETCHAT] = {"rocketchat", "Rocket.Chat", "rocketchat.md", true, rocketchat_lines,
                          rocketchat_notes, NULL, NULL},
};

const char *setup_name(enum setup_platform p)
{
    return PLATFORMS[p].name;
}

enum setup_platform setup_find(const char *name)
{
    enum setup_platform p = 0;
    while (p < SETUP_PLATFORMS && strcmp(PLATFORMS[p].name, name) != 0)
        p++;
    return p;
}

bool setup_wants_user(enum setup_platform p)
{
    return PLATFORMS[p].wants_user;
}

/* A certificate is for a name, and Talk refuses turns: with an address. */
bool offers(const struct setup_facts *f, enum setup_way way)
{
    return f->port[way] && (way != SETUP_TLS || !f->is_address);
}

bool offers_stun(const struct setup_facts *f)
{
    return f->port[SETUP_UDP] && f->answers_binding;
}

int64_t lasts(const struct setup_facts *f)
{
    return f->ttl_limit && f->ttl_limit < SETUP_DAY ? f->ttl_limit : SETUP_DAY;
}

/* --- Firewall and proof --- */

static void firewall(const struct setup_facts *f, struct out *o)
{
    out_section(o, "firewall", "Firewall: let in these ports, and let out UDP to anywhere:");
    if (f->port[SETUP_UDP])
        out_line(o, "UDP %u", f->port[SETUP_UDP]);
    if (f->port[SETUP_TCP])
        out_line(o, "TCP %u", f->port[SETUP_TCP]);
    if (f->port[SETUP_TLS] && f->port[SETUP_TLS] != f->port[SETUP_TCP])
        out_line(o, "TCP %u", f->port[SETUP_TLS]);
    out_line(o, "UDP %u-%u", f->relay_first, f->relay_last);
}

/* One line for each port, since check asks one. */
static void verify_from_outside(const struct platform *p, const struct setup_facts *f,
                                struct out *o)
{
    static const char *const names[SETUP_WAYS] = {"udp", "tcp", "tls"};
    char at[SETUP_AT];
    char word[SETUP_TEXT];
    char user[SETUP_TEXT];
    char list[16];
    bool done[SETUP_WAYS] = {false};
    snprintf(user, sizeof(user), "--user %s --password-file password.txt", f->id);
    for (unsigned i = 0; i < SETUP_WAYS; i++) {
        size_t n = 0;
        for (unsigned j = i; j < SETUP_WAYS; j++) {
            if (done[j] || !offers(f, j) || f->port[j] != f->port[i])
                continue;
            n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", n ? "," : "", names[j]);
            done[j] = true;
        }
        if (n)
            out_line(o, "drehkreuz check --server %s %s --transport %s",
                     text_shell(text_at(f, i, at), word),
                     p->wants_user ? user : "--secret-file secret.txt", list);
    }
}

static void verify(const struct platform *p, const struct setup_facts *f, struct out *o)
{
    char path[SETUP_TEXT];
    out_section(o, "check", "Try it here:");
    out_line(o, "drehkreuz check%s%s", f->config[0] ? " --config " : "",
             f->config[0] ? text_shell(f->config, path) : "");
    out_section(o, "check_outside",
                p->wants_user
                    ? "and from a machine elsewhere on the internet, with the password as the "
                      "first line of password.txt:"
                    : "and from a machine elsewhere on the internet, with the secret as the "
                      "first line of secret.txt:");
    verify_from_outside(p, f, o);
}

/* --- Notes --- */

static void note_name(const struct setup_facts *f, struct out *o)
{
    if (f->is_address && f->has_certificate)
        out_note(o, false,
                 "turns: is left out: it needs a name, which the certificate is for, and here is "
                 "only an address. Set turn_names, or give --host NAME.");
    else if (f->is_address)
        out_note(o, false, "A name would outlive a change of this address: --host NAME.");
    if (f->web_takes_host)
        out_note(o, true,
                 "With web_server and turn_names, TLS to %s goes to the web server. Add it: "
                 "turn_names = [\"%s\"]",
                 f->host, f->host);
}

static void note_ways(const struct setup_facts *f, struct out *o)
{
    if (!f->has_certificate)
        out_note(o, false,
                 "There is no certificate, so turns: is left out. People behind strict firewalls "
                 "need it; see conf/tls.md.");
    if (!f->port[SETUP_UDP])
        out_note(o, true, "Nothing listens on UDP; most calls need it. Set listen.");
    else if (!f->answers_binding)
        out_note(o, false, "STUN is left out, because binding = false.");
    if (f->port[SETUP_TLS] && f->port[SETUP_TLS] != PORT_HTTPS && offers(f, SETUP_TLS))
        out_note(o, false,
                 "Where only 443 is let out, port %u is of no help; conf/tls.md tells how to "
                 "share 443 with a web server.",
                 f->port[SETUP_TLS]);
}

static void note_place(const struct setup_facts *f, struct out *o)
{
    if (f->told_why[0])
        out_note(o, false,
                 "Clients are told to be relayed at %s, which the internet cannot reach (%s). "
                 "Behind NAT set external_ipv4 to the public address.",
                 f->told, f->told_why);
    if (f->n_allow_peers)
        out_note(o, false,
                 "allow_peers has %zu entries already. A media server in a private network must "
                 "be among them.",
                 f->n_allow_peers);
    out_note(o, false, "The realm \"%s\" is in use and stays; platforms need not know it.",
             f->realm);
}

static void note_secret(const struct platform *p, const struct setup_facts *f, struct out *o)
{
    if (p->wants_user)
        return;
    if (f->origin == SETUP_FOUND)
        out_note(o, false, "The secret \"%s\" is in force.", f->id);
    else if (f->origin == SETUP_MADE)
        out_note(o, false,
                 "The secret \"%s\" has been made; a running server knows it within a second.",
                 f->id);
    else
        out_note(o, false,
                 "The secret is that of the file. If this server does not know it yet: drehkreuz "
                 "secret add %s < FILE",
                 f->id);
}

static void notes(const struct platform *p, const struct setup_facts *f, struct out *o)
{
    note_secret(p, f, o);
    note_name(f, o);
    note_ways(f, o);
    p->notes(f, o);
    note_place(f, o);
}

static void print_head(const struct platform *p, const struct setup_facts *f, struct out *o)
{
    static const char *const origins[] = {"found", "made", "given"};
    out_pair(o, "platform", p->name);
    out_pair(o, "host", f->host);
    out_pair(o, "id", f->id);
    out_pair(o, p->wants_user ? "password" : "secret", f->value);
    out_pair(o, "origin", origins[f->origin]);
    if (!o->json)
        fprintf(o->to, "%s with %s. Steps and known problems: conf/%s\n", p->title, f->host,
                p->page);
}

bool setup_print(enum setup_platform which, const struct setup_facts *f, bool json, FILE *to)
{
    const struct platform *p = &PLATFORMS[which];
    struct out o = {.to = to, .json = json};
    out_begin(&o);
    print_head(p, f, &o);
    p->lines(f, &o);
    firewall(f, &o);
    verify(p, f, &o);
    out_notes(&o, "To know, and where marked ! to change in our configuration first:");
    notes(p, f, &o);
    out_end(&o);
    return o.n_musts == 0;
}

bool setup_is_ready(enum setup_platform which, const struct setup_facts *f)
{
    struct out o = {.quiet = true};
    notes(&PLATFORMS[which], f, &o);
    return o.n_musts == 0;
}

void setup_print_rest(enum setup_platform which, const struct setup_facts *f, FILE *to)
{
    const struct platform *p = &PLATFORMS[which];
    struct out o = {.to = to};
    if (p->rest)
        p->rest(f, &o);
    firewall(f, &o);
    verify(p, f, &o);
    out_notes(&o, "To know:");
    notes(p, f, &o);
}

void setup_write(enum setup_platform which, const struct setup_facts *f,
                 const struct setup_hosts *hosts, FILE *to)
{
    struct out o = {.to = to, .bare = true};
    char name[SETUP_TEXT];
    if (hosts->n == 0)
        PLATFORMS[which].file(f, &o);
    for (size_t i = 0; i < hosts->n; i++) {
        out_line(&o, "VirtualHost %s", text_quoted(hosts->v[i], name));
        PLATFORMS[which].file(f, &o);
    }
}
