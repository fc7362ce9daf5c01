/* Nextcloud Talk's lists, by its own commands. What is there already is left alone; an entry for
 * the same place with another secret or other words gives way to ours. */
#include "main/apply.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "check/platform.h"
#include "main/occ.h"

enum { SHOWN_LINES = 8, OPTION_MAX = AUTH_SECRET_MAX + 16 };

#define SECRET_OPTION "--secret="

struct work {
    struct occ occ;
    const struct setup_facts *facts;
    struct setup_talk want;
    struct talk talk;
    char option[OPTION_MAX]; /* --secret=... */
    char out[OCC_OUTPUT];
    char why[OCC_WHY];
    size_t changes;
};

/* --- One command --- */

static void print_command(const char *const *words)
{
    printf("occ");
    for (size_t i = 0; words[i]; i++) {
        bool is_secret = strncmp(words[i], SECRET_OPTION, strlen(SECRET_OPTION)) == 0;
        printf(" %s", is_secret ? SECRET_OPTION "(the secret)" : words[i]);
    }
    printf("\n");
    (void)fflush(stdout);
}

/* What occ said, without what a terminal would obey, and without secrets. */
static void print_said(struct work *w)
{
    char *rest = NULL;
    unsigned n = 0;
    for (char *line = strtok_r(w->out, "\r\n", &rest); line && n < SHOWN_LINES;
         line = strtok_r(NULL, "\r\n", &rest)) {
        if (strstr(line, w->facts->value) || strstr(line, "secret"))
            continue;
        for (char *p = line; *p; p++)
            *p = *p < ' ' || *p > '~' ? '?' : *p;
        fprintf(stderr, "  occ: %.300s\n", line);
        n++;
    }
}

static bool run(struct work *w, const char *const *words)
{
    print_command(words);
    int rc = occ_run(&w->occ, words, w->out);
    if (rc == 0)
        return true;
    if (rc < 0)
        (void)apply_refuse("%s: %s", w->occ.path,
                           rc == -ETIMEDOUT ? "it does not end" : "it could not be started");
    else
        (void)apply_refuse("%s %s failed", w->occ.path, words[0]);
    print_said(w);
    return false;
}

static bool read_lists(struct work *w)
{
    static const char *const lists[] = {"talk:turn:list", "talk:stun:list"};
    memset(&w->talk, 0, sizeof(w->talk));
    for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const char *const words[] = {lists[i], "--output=json", NULL};
        if (!run(w, words))
            return false;
        if (talk_read((enum talk_list)i, w->out, &w->talk) < 0) {
            (void)apply_refuse("%s printed no list", lists[i]);
            return false;
        }
    }
    return true;
}

/* --- TURN --- */

static bool add(struct work *w, const struct setup_talk_turn *t)
{
    const char *const words[] = {"talk:turn:add", w->option,    "--", t->schemes,
                                 t->at,           t->protocols, NULL};
    w->changes++;
    return run(w, words);
}

static bool drop(struct work *w, const struct talk_turn *t)
{
    const char *const words[] = {"talk:turn:delete", "--",         t->schemes,
                                 t->server,          t->protocols, NULL};
    w->changes++;
    return run(w, words);
}

/* A failed command must not leave people without a relay. */
static void put_back(struct work *w, const struct talk_turn *t)
{
    struct setup_talk_turn old = {t->schemes, t->protocols, ""};
    char ours[OPTION_MAX];
    memcpy(ours, w->option, sizeof(ours));
    (void)snprintf(old.at, sizeof(old.at), "%.270s", t->server);
    (void)snprintf(w->option, sizeof(w->option), SECRET_OPTION "%.514s", t->secret);
    printf("the entry that was there is put back\n");
    (void)add(w, &old);
    memcpy(w->option, ours, sizeof(ours));
    crypto_wipe(ours, sizeof(ours));
}

static bool is_at(const struct talk_turn *t, const struct setup_talk_turn *want)
{
    return strcasecmp(t->server, want->at) == 0;
}

static bool is_alike(const struct talk_turn *t, const struct setup_talk_turn *want)
{
    return strcmp(t->server, want->at) == 0 && strcmp(t->schemes, want->schemes) == 0 &&
           strcmp(t->protocols, want->protocols) == 0;
}

static bool has_our_secret(const struct work *w, const struct talk_turn *t)
{
    size_t n = strlen(w->facts->value);
    return strlen(t->secret) == n && crypto_equal(t->secret, w->facts->value, n);
}

/* Talk refuses a second entry with the same words, and takes out all that have them. */
static bool put_turn(struct work *w, const struct setup_talk_turn *want)
{
    const struct talk_turn *wrong = NULL;
    bool is_there = false;
    for (size_t i = 0; i < w->talk.n_turn; i++) {
        const struct talk_turn *t = &w->talk.turn[i];
        if (!is_alike(t, want))
            continue;
        if (has_our_secret(w, t))
            is_there = true;
        else
            wrong = t;
    }
    if (is_there && !wrong) {
        printf("%s is in Talk's list already, with this secret\n", want->at);
        return true;
    }
    if (!wrong)
        return add(w, want);
    printf("%s is in Talk's list with another secret, which this one replaces\n", want->at);
    if (!drop(w, wrong))
        return false;
    if (add(w, want))
        return true;
    put_back(w, wrong);
    return false;
}

static bool is_wanted(const struct work *w, const struct talk_turn *t, bool *ret_place)
{
    *ret_place = false;
    for (size_t i = 0; i < w->want.n_turn; i++) {
        if (is_alike(t, &w->want.turn[i]))
            return true;
        *ret_place = *ret_place || is_at(t, &w->want.turn[i]);
    }
    return false;
}

/* Ours are in the list by now. */
static bool drop_stale(struct work *w)
{
    bool is_place;
    for (size_t i = 0; i < w->talk.n_turn; i++) {
        const struct talk_turn *t = &w->talk.turn[i];
        if (is_wanted(w, t, &is_place) || !is_place)
            continue;
        printf("%s also stands there as %s over %s, which ours replaces\n", t->server, t->schemes,
               t->protocols);
        if (!drop(w, t))
            return false;
    }
    return true;
}

static void print_others(const struct work *w)
{
    bool is_place;
    for (size_t i = 0; i < w->talk.n_turn; i++) {
        const struct talk_turn *t = &w->talk.turn[i];
        if (!is_wanted(w, t, &is_place) && !is_place)
            printf("%s stays in Talk's list, and clients use it too; if it is not wanted: occ "
                   "talk:turn:delete -- %s %s %s\n",
                   t->server, t->schemes, t->server, t->protocols);
    }
}

/* --- STUN --- */

static bool put_stun(struct work *w)
{
    const char *const words[] = {"talk:stun:add", w->want.stun, NULL};
    if (!w->want.stun[0])
        return true;
    for (size_t i = 0; i < w->talk.n_stun; i++) {
        if (strcasecmp(w->talk.stun[i], w->want.stun) != 0)
            continue;
        printf("%s is among Talk's STUN servers already\n", w->want.stun);
        return true;
    }
    w->changes++;
    return run(w, words);
}

static enum apply_result go(struct work *w)
{
    setup_talk(w->facts, &w->want);
    (void)snprintf(w->option, sizeof(w->option), SECRET_OPTION "%.512s", w->facts->value);
    if (!read_lists(w) || !put_stun(w))
        return APPLY_FAILED;
    for (size_t i = 0; i < w->want.n_turn; i++)
        if (!put_turn(w, &w->want.turn[i]))
            return APPLY_FAILED;
    if (!drop_stale(w))
        return APPLY_FAILED;
    print_others(w);
    printf(w->changes ? "Talk has it\n" : "nothing is changed\n");
    return APPLY_DONE;
}

enum apply_result apply_talk(const struct setup_facts *f, const char *place)
{
    enum apply_result result = APPLY_FAILED;
    struct work *w = mem_zalloc(sizeof(*w));
    if (!w)
        return apply_refuse("out of memory");
    w->facts = f;
    int r = occ_find(place, &w->occ, w->why);
    if (r == -ENOENT) {
        (void)apply_refuse("%s, or run the lines below where Nextcloud is", w->why);
        result = APPLY_ELSEWHERE;
    } else if (r < 0) {
        (void)apply_refuse("%s", w->why);
    } else {
        printf("by %s, as %s; while it runs, the list of processes shows the secret, since occ "
               "takes it in no other way\n",
               w->occ.path, w->occ.owner[0] ? w->occ.owner : "this user");
        result = go(w);
    }
    mem_free_wiped(w, sizeof(*w));
    return result;
}
