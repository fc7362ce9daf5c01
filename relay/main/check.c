/* drehkreuz check: runs the steps in order, stops at the first that fails, says why. */
#include "main/check.h"

#include <stdio.h>

#include "base/mem.h"
#include "main/commands.h"
#include "main/text.h"

struct step {
    const char *name;
    const char *title;
    bool quick;
    bool (*run)(struct check *c);
};

static const struct step STEPS[] = {
    {"resolve", "the name gives an address", true, check_resolve},
    {"binding", "the server answers over UDP", true, check_binding},
    {"challenge", "it asks for a credential", true, check_challenge},
    {"allocate", "it accepts the credential and allocates a relayed address", true, check_allocate},
    {"second", "it allocates a second one", false, check_second},
    {"relay", "data passes from one relayed address to the other and back", false, check_relay},
    {"reach", "relayed addresses can be reached", false, check_reach},
    {"release", "allocations end when asked to", true, check_release},
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

static void print_json(const struct step *s, const struct finding *f, bool ok)
{
    printf("%s{\"step\": \"%s\", \"ok\": %s", s == STEPS ? "" : ", ", s->name,
           ok ? "true" : "false");
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
    (c->json ? print_json : print_text)(s, &c->found, ok);
    fflush(stdout);
    return ok;
}

static bool run_all(struct check *c)
{
    for (size_t i = 0; i < STEP_COUNT; i++) {
        if (c->quick && !STEPS[i].quick)
            continue;
        if (!run_step(c, &STEPS[i])) {
            check_release(c);
            return false;
        }
    }
    return true;
}

static bool report(struct check *c)
{
    if (c->json) {
        printf("{\"server\": ");
        text_json(c->host);
        printf(", \"port\": %u, \"steps\": [", c->port);
    } else {
        printf("checking %s, UDP port %u\n", c->host, c->port);
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
    int rc = check_target(a, c);
    if (rc == EXIT_OK)
        rc = report(c) ? EXIT_OK : EXIT_FAILED;
    client_close(&c->a);
    client_close(&c->b);
    mem_free_wiped(c, sizeof(*c));
    return rc;
}
