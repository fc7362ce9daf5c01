/* drehkreuz check --host, which looks at files, and drehkreuz check: runs the steps in order for
 * one transport after the other. A step that fails ends its transport, and the check with it if the
 * others could do no better. */
#include "main/check_target.h"

#include <signal.h>
#include <stdio.h>

#include "base/mem.h"
#include "main/commands.h"
#include "main/host_ports.h"
#include "main/settings.h"
#include "main/text.h"

#define ON(over) (1U << OVER_##over)
#define ON_ALL (ON(UDP) | ON(TCP) | ON(TLS) | ON(DTLS))

struct step {
    const char *name;
    const char *title;
    unsigned over; /* transports that have this step */
    bool quick;
    bool alike; /* what fails here fails over every transport */
    bool (*run)(struct check *c);
};

static const struct step STEPS[] = {
    {"resolve", "the name gives an address", ON(UDP), true, true, check_resolve},
    {"connect", "the port can be reached", ON(TCP) | ON(TLS), true, false, check_connect},
    {"handshake", "keys are agreed", ON(TLS) | ON(DTLS), true, false, check_handshake},
    {"certificate", "the certificate is good", ON(TLS) | ON(DTLS), true, false, check_certificate},
    {"binding", "the server answers", ON_ALL, true, false, check_binding},
    {"challenge", "it asks for a credential", ON_ALL, true, true, check_challenge},
    {"allocate", "it accepts the credential and allocates a relayed address", ON_ALL, true, true,
     check_allocate},
    {"second", "it allocates a second one", ON_ALL, false, true, check_second},
    {"relay", "data passes from one relayed address to the other and back", ON_ALL, false, true,
     check_relay},
    {"reach", "relayed addresses can be reached", ON(UDP), false, true, check_reach},
    {"release", "allocations end when asked to", ON_ALL, true, true, check_release},
};

enum { STEP_COUNT = sizeof(STEPS) / sizeof(STEPS[0]) };

static void print_text(const struct step *s, const struct finding *f, bool ok)
{
    printf("%-5s %s\n", ok ? "ok" : "FAIL", s->title);
    if (ok && f->note[0])
        printf("      note: %s\n", f->note);
    if (!ok)
        printf("      why: %s\n      do:  %s\n", f->cause, f->remedy);
}

static void print_pair(const char *name, const char *value)
{
    printf(", \"%s\": ", name);
    text_json(value);
}

/* The steps over UDP keep their plain names. */
static void print_json(const struct check *c, const struct step *s, bool ok)
{
    const struct finding *f = &c->found;
    bool is_plain = c->over == OVER_UDP;
    printf("%s{\"step\": \"%s%s%s\", \"transport\": \"%s\", \"ok\": %s", c->printed ? ", " : "",
           is_plain ? "" : check_over_id(c->over), is_plain ? "" : "-", s->name,
           check_over_id(c->over), ok ? "true" : "false");
    if (ok && f->note[0])
        print_pair("note", f->note);
    if (!ok) {
        print_pair("cause", f->cause);
        print_pair("remedy", f->remedy);
    }
    printf("}");
}

static bool run_step(struct check *c, const struct step *s)
{
    memset(&c->found, 0, sizeof(c->found));
    bool ok = s->run(c);
    if (c->json)
        print_json(c, s, ok);
    else
        print_text(s, &c->found, ok);
    c->printed = true;
    fflush(stdout);
    return ok;
}

/* The step that fails, or NULL. */
static const struct step *run_steps(struct check *c)
{
    for (size_t i = 0; i < STEP_COUNT; i++) {
        const struct step *s = &STEPS[i];
        if (!(s->over >> c->over & 1) || (c->quick && !s->quick))
            continue;
        if (!run_step(c, s))
            return s;
    }
    return NULL;
}

static const struct step *run_way(struct check *c, enum link_over over)
{
    c->over = over;
    c->way = &c->ways[over];
    if (!c->json)
        printf("checking %s, %s port %u\n", c->way->host, check_over_name(over), c->way->port);
    const struct step *failed = run_steps(c);
    if (failed)
        check_release(c);
    client_close(&c->a);
    client_close(&c->b);
    memset(&c->relayed_a, 0, sizeof(c->relayed_a));
    memset(&c->relayed_b, 0, sizeof(c->relayed_b));
    return failed;
}

static bool run_all(struct check *c)
{
    bool ok = true;
    for (unsigned i = 0; i < OVER_COUNT; i++) {
        const struct step *failed = c->ways[i].asked ? run_way(c, (enum link_over)i) : NULL;
        ok = ok && !failed;
        if (failed && failed->alike)
            break;
    }
    return ok;
}

static const struct check_way *first_way(const struct check *c)
{
    size_t i = 0;
    while (i < OVER_COUNT - 1 && !c->ways[i].asked)
        i++;
    return &c->ways[i];
}

static bool report(struct check *c)
{
    const struct check_way *first = first_way(c);
    if (c->json) {
        printf("{\"server\": ");
        text_json(first->host);
        printf(", \"port\": %u, \"steps\": [", first->port);
    }
    bool ok = run_all(c);
    if (c->json)
        printf("], \"ok\": %s}\n", ok ? "true" : "false");
    else
        printf(ok ? "all is well\n" : "the check has failed\n");
    return ok;
}

/* --- This host --- */

static void print_host_text(enum host_step s, const struct host_finding *f)
{
    static const char *const marks[] = {
        [HOST_OK] = "ok", [HOST_WARN] = "warn", [HOST_FAIL] = "FAIL"};
    printf("%-5s %s\n", marks[f->mark], host_step_title(s));
    if (f->said.note[0])
        printf("      note: %s\n", f->said.note);
    if (f->mark != HOST_OK)
        printf("      why: %s\n      do:  %s\n", f->said.cause, f->said.remedy);
    if (f->paste[0])
        printf("\n%s\n", f->paste);
}

static void print_host_json(enum host_step s, const struct host_finding *f)
{
    static const char *const marks[] = {
        [HOST_OK] = "ok", [HOST_WARN] = "warn", [HOST_FAIL] = "fail"};
    printf("%s{\"step\": \"%s\", \"mark\": \"%s\", \"ok\": %s", s ? ", " : "", host_step_name(s),
           marks[f->mark], f->mark == HOST_FAIL ? "false" : "true");
    const struct {
        const char *name;
        const char *text;
    } parts[] = {{"note", f->said.note},
                 {"cause", f->said.cause},
                 {"remedy", f->said.remedy},
                 {"paste", f->paste}};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (parts[i].text[0])
            print_pair(parts[i].name, parts[i].text);
    printf("}");
}

static bool report_host(const struct host_finding *found, bool json)
{
    enum host_mark worst = HOST_OK;
    if (json)
        printf("{\"steps\": [");
    for (unsigned i = 0; i < HOST_STEPS; i++) {
        (json ? print_host_json : print_host_text)((enum host_step)i, &found[i]);
        worst = found[i].mark > worst ? found[i].mark : worst;
    }
    if (json)
        printf("], \"ok\": %s}\n", worst == HOST_FAIL ? "false" : "true");
    else
        printf(worst == HOST_OK     ? "nothing on this host undoes the promise\n"
               : worst == HOST_WARN ? "something on this host may undo the promise\n"
                                    : "something on this host undoes the promise\n");
    return worst != HOST_FAIL;
}

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
    return report_host(found, a->opt[OPT_JSON]) ? EXIT_OK : EXIT_FAILED;
}

int cmd_check(const struct args *a)
{
    if (a->opt[OPT_HOST])
        return check_host(a);
    struct check *c = mem_zalloc(sizeof(*c));
    if (!c) {
        fprintf(stderr, "drehkreuz: out of memory\n");
        return EXIT_FAILED;
    }
    signal(SIGPIPE, SIG_IGN);
    int rc = check_target(a, c);
    if (rc == EXIT_OK)
        rc = report(c) ? EXIT_OK : EXIT_FAILED;
    mem_free_wiped(c, sizeof(*c));
    return rc;
}
