/* drehkreuz check --host, which looks at files, and drehkreuz check: runs the steps in order for
 * one transport after the other. A step that fails ends its transport, and the check with it if the
 * others could do no better. */
#include "main/check_target.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "main/check_platform.h"
#include "main/check_print.h"
#include "main/commands.h"
#include "main/host_ports.h"
#include "main/settings.h"

#define ON(over) (1U << OVER_##over)
#define ON_ALL (ON(UDP) | ON(TCP) | ON(TLS) | ON(DTLS))

/* No step begins after this, and none takes 15 seconds: a minute at most. */
enum { LAST_START_S = 45 };

enum step_flag {
    QUICK = 1,   /* --quick has it */
    ALIKE = 2,   /* what fails here fails over every transport */
    FIRST = 4,   /* once, with the first transport */
    OWN = 8,     /* of the server on this host alone */
    FAR = 16,    /* of any other */
    NAMED = 32,  /* of a server that is given by name */
    TIMED = 64,  /* with credentials that end */
    ASIDE = 128, /* the others are of use even if this one fails */
};

struct step {
    const char *name;
    const char *title;
    unsigned over; /* transports that have this step; 0 = it comes before them */
    unsigned flags;
    bool (*run)(struct check *c);
};

static const struct step STEPS[] = {
    {"secrets", "the configured secrets can be read", 0, OWN | QUICK, check_secrets},
    {"ports", "no other program has the server's ports", 0, OWN, check_ports},
    {"resolve", "the name gives an address", 0, NAMED | QUICK, check_resolve},
    {"srv", "SRV records lead there", 0, NAMED | ASIDE, check_srv},
    {"connect", "the port can be reached", ON(TCP) | ON(TLS), QUICK, check_connect},
    {"handshake", "keys are agreed", ON(TLS) | ON(DTLS), QUICK, check_handshake},
    {"certificate", "the certificate is good", ON(TLS) | ON(DTLS), QUICK, check_certificate},
    {"binding", "the server answers", ON_ALL, QUICK, check_binding},
    {"challenge", "it asks for a credential", ON_ALL, QUICK | ALIKE, check_challenge},
    {"allocate", "it accepts the credential and allocates a relayed address", ON_ALL, QUICK | ALIKE,
     check_allocate},
    {"clock", "its clock agrees with this machine's", ON_ALL, FIRST | TIMED, check_clock},
    {"second", "it allocates a second one", ON_ALL, ALIKE, check_second},
    {"relay", "data passes from one relayed address to the other and back", ON_ALL, ALIKE,
     check_relay},
    {"reach", "relayed addresses can be reached", ON(UDP), ALIKE, check_reach},
    {"hairpin", "this machine reaches the external address", ON(UDP), OWN | FIRST, check_hairpin},
    {"nat", "what stands before this machine", ON(UDP), FAR | FIRST, check_nat},
    {"release", "allocations end when asked to", ON_ALL, QUICK | ALIKE, check_release},
};

enum { STEP_COUNT = sizeof(STEPS) / sizeof(STEPS[0]) };

/* One run of the command. */
struct run {
    struct check check;
    struct check_out out;
    struct platform_finding platform[PLATFORM_STEPS];
    bool has_platform;
    usec_t last_start;
    bool is_first; /* transport */
    bool is_over;  /* nothing that follows could do better */
};

static bool is_wanted(const struct run *r, const struct step *s)
{
    const struct check *c = &r->check;
    const struct {
        unsigned flag;
        bool is_so;
    } rules[] = {{OWN, c->own},
                 {FAR, !c->own},
                 {NAMED, c->is_name},
                 {TIMED, c->secrets.n > 0},
                 {FIRST, r->is_first}};
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if ((s->flags & rules[i].flag) && !rules[i].is_so)
            return false;
    return !c->quick || (s->flags & QUICK);
}

static bool out_of_time(struct run *r)
{
    if (clock_monotonic() < r->last_start)
        return false;
    r->is_over = true;
    return !check_fail(&r->check, "the check has taken too long and was ended here",
                       "try one transport at a time (--transport)");
}

/* A family that this machine does not have itself is no fault of the server, unless it has no
 * other. */
static bool is_excused(struct check *c)
{
    enum check_family other = c->family == CHECK_V6 ? CHECK_V4 : CHECK_V6;
    if (!c->no_way || c->way->at[other].family == ADDR_NONE)
        return false;
    memset(&c->found, 0, sizeof(c->found));
    check_say(c->found.note, "not tested: this machine has no %s",
              c->family == CHECK_V6 ? "IPv6" : "IPv4");
    return true;
}

static bool run_step(struct run *r, const struct step *s)
{
    struct check *c = &r->check;
    const struct check *at = s->over ? c : NULL;
    memset(&c->found, 0, sizeof(c->found));
    check_print_wait(&r->out, at, s->title);
    bool ok = !out_of_time(r) && s->run(c);
    if (!ok && at)
        (void)check_is_dead_family(c);
    const struct check_line line = {s->name, s->title, at, &c->found, ok || (at && is_excused(c))};
    check_print_step(&r->out, &line);
    if (s->flags & ASIDE)
        return true;
    r->is_over = r->is_over || (!line.ok && (!at || (s->flags & ALIKE)));
    return ok;
}

static bool run_steps(struct run *r, bool before)
{
    for (size_t i = 0; i < STEP_COUNT; i++) {
        const struct step *s = &STEPS[i];
        if (before != (s->over == 0) || !is_wanted(r, s))
            continue;
        if (!before && !(s->over >> r->check.over & 1))
            continue;
        if (!run_step(r, s))
            return false;
    }
    return true;
}

/* --- Transports --- */

static void take_way(struct check *c, enum link_over over, enum check_family family)
{
    char text[ADDR_TEXT];
    c->over = over;
    c->family = family;
    c->way = &c->ways[over];
    c->server = c->way->at[family];
    c->server.port = c->server.family ? c->server.port : c->way->port;
    c->is_mute = c->no_way = false;
    struct addr at = c->server;
    at.port = 0;
    snprintf(c->where, sizeof(c->where), "%s", c->host[0] ? c->host : addr_format(&at, text));
}

static void leave_way(struct check *c, bool ok)
{
    if (!ok)
        (void)check_release(c);
    client_close(&c->a);
    client_close(&c->b);
    memset(&c->relayed_a, 0, sizeof(c->relayed_a));
    memset(&c->relayed_b, 0, sizeof(c->relayed_b));
    memset(&c->peer_seen, 0, sizeof(c->peer_seen));
}

static bool run_way(struct run *r, enum link_over over, enum check_family family)
{
    struct check *c = &r->check;
    take_way(c, over, family);
    r->out.is_short = !r->is_first;
    r->out.is_second = family == CHECK_V6 && c->way->at[CHECK_V4].family != ADDR_NONE;
    r->out.notes[0] = 0;
    bool ok = run_steps(r, false);
    if (ok || is_excused(c))
        check_print_way_end(&r->out, c,
                            !ok        ? c->found.note
                            : c->quick ? "answers, allocates"
                                       : "answers, allocates, relays");
    leave_way(c, ok);
    r->is_first = false;
    return ok;
}

static void run_all(struct run *r)
{
    struct check *c = &r->check;
    for (int f = 0; f < CHECK_FAMILIES; f++) {
        bool goes_on = true;
        for (int i = 0; goes_on && i < OVER_COUNT; i++) {
            if (r->is_over || !c->ways[i].asked || c->ways[i].at[f].family == ADDR_NONE)
                continue;
            bool ok = run_way(r, (enum link_over)i, (enum check_family)f);
            /* A second family that is dead, or not ours, is told once. */
            goes_on = ok || !(c->no_way || check_is_dead_family(c));
        }
    }
}

/* What is named at the top: the first that is asked for. */
static void take_first(struct check *c)
{
    for (int i = OVER_COUNT - 1; i >= 0; i--)
        for (int f = CHECK_FAMILIES - 1; f >= 0; f--)
            if (c->ways[i].asked && (c->is_name || c->ways[i].at[f].family != ADDR_NONE))
                take_way(c, (enum link_over)i, (enum check_family)f);
}

static bool report(struct run *r, bool json)
{
    r->out = (struct check_out){.json = json, .is_terminal = !json && isatty(STDOUT_FILENO)};
    r->last_start = clock_monotonic() + LAST_START_S * USEC_PER_SEC;
    r->is_first = true;
    take_first(&r->check);
    check_print_head(&r->out, &r->check);
    if (r->has_platform)
        check_platform_print(&r->out, r->platform);
    if (run_steps(r, true))
        run_all(r);
    if (r->has_platform)
        check_platform_reach(&r->out, &r->check);
    check_print_end(&r->out);
    return r->out.worst != MARK_FAIL;
}

/* --- This host --- */

static int check_host(const struct args *a)
{
    static const enum opt others[] = {OPT_SERVER, OPT_TRANSPORT,     OPT_SECRET_FILE,
                                      OPT_USER,   OPT_PASSWORD_FILE, OPT_QUICK};
    struct host_finding found[HOST_STEPS];
    struct host_ports ports;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (a->opt[others[i]]) {
            fprintf(stderr, "drehkreuz: --host looks at this host alone; it goes with --config and "
                            "--json only\n");
            return EXIT_USAGE;
        }
    }
    struct conf *conf = settings_load(a);
    if (!conf)
        return EXIT_USAGE;
    host_ports_set(conf, &ports);
    settings_free(conf);
    host_look("", &ports, found);
    return check_print_host(found, a->opt[OPT_JSON]) ? EXIT_OK : EXIT_FAILED;
}

int cmd_check(const struct args *a)
{
    if (a->opt[OPT_OCC] && !a->opt[OPT_PLATFORM]) {
        fprintf(stderr, "drehkreuz: --occ goes with --platform\n");
        return EXIT_USAGE;
    }
    if (a->opt[OPT_HOST] && !a->opt[OPT_PLATFORM])
        return check_host(a);
    struct run *r = mem_zalloc(sizeof(*r));
    if (!r) {
        fprintf(stderr, "drehkreuz: out of memory\n");
        return EXIT_FAILED;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    (void)setenv("RES_OPTIONS", "timeout:1 attempts:2", 0); /* a dead resolver costs seconds */
    r->has_platform = a->opt[OPT_PLATFORM] != NULL;
    int rc =
        r->has_platform ? check_platform(a, &r->check, r->platform) : check_target(a, &r->check);
    if (rc == EXIT_OK)
        rc = report(r, a->opt[OPT_JSON]) ? EXIT_OK : EXIT_FAILED;
    mem_free_wiped(r, sizeof(*r));
    return rc;
}
