/* drehkreuz check: runs the steps in order for one transport after the other. A step that fails
 * ends its transport, and the check with it if the others could do no better. */
#include "main/check_target.h"

#include <signal.h>
#include <stdio.h>

#include "base/mem.h"
#include "main/commands.h"
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

int cmd_check(const struct args *a)
{
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
