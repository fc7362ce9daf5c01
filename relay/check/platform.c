/* Talk's settings judged: one function per step, each with the cause and the remedy. */
#include "check/platform.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { DAY = 86400 };

#define APPLY "drehkreuz setup nextcloud --apply"

struct judge {
    const struct platform_facts *f;
    struct platform_finding *found;
};

static void say(struct judge *j, enum host_mark mark, const char *remedy, const char *cause, ...)
    __attribute__((format(printf, 4, 5)));

/* The worst that was said of a step stays. */
static void say(struct judge *j, enum host_mark mark, const char *remedy, const char *cause, ...)
{
    va_list args;
    if (mark <= j->found->mark)
        return;
    j->found->mark = mark;
    va_start(args, cause);
    (void)vsnprintf(j->found->said.cause, CHECK_TEXT, cause, args);
    va_end(args);
    (void)snprintf(j->found->said.remedy, CHECK_TEXT, "%s", remedy);
}

static void note(struct judge *j, const char *text)
{
    (void)snprintf(j->found->said.note, CHECK_TEXT, "%s", text);
}

/* What needs our configuration. */
static bool is_blind(struct judge *j)
{
    if (!j->f->has_conf)
        note(j, "not compared: the relay's configuration is not on this host");
    return !j->f->has_conf;
}

static size_t count_ours(const struct platform_facts *f)
{
    size_t n = 0;
    for (size_t i = 0; i < f->talk.n_turn; i++)
        n += f->turn[i].is_ours;
    return n;
}

static bool is_unlisted(struct judge *j)
{
    if (count_ours(j->f) == 0)
        note(j, "nothing to compare: Talk does not list this server");
    return count_ours(j->f) == 0;
}

static void judge_listed(struct judge *j)
{
    const struct platform_facts *f = j->f;
    if (f->talk.n_turn == 0)
        say(j, HOST_FAIL, APPLY, "Talk has no TURN server");
    else if (count_ours(f) == 0)
        say(j, HOST_FAIL,
            APPLY "; if Talk's name for this server is right, let the DNS know it or add it to "
                  "turn_names",
            "no TURN server of Talk's is this one, the first is %.200s", f->talk.turn[0].server);
}

/* --- The secret --- */

static bool is_same(const struct auth_secret *one, const char *text, size_t n)
{
    return n == one->len && crypto_equal(one->bytes, text, n);
}

static const struct auth_secret *find_secret(const struct auth_secrets *all, const char *text,
                                             size_t n)
{
    for (size_t i = 0; i < all->n; i++)
        if (is_same(&all->v[i], text, n))
            return &all->v[i];
    return NULL;
}

/* Blanks and line ends are copied along easily. */
static const struct auth_secret *find_trimmed(const struct auth_secrets *all, const char *text)
{
    static const char blanks[] = " \t\r\n";
    size_t from = strspn(text, blanks);
    size_t to = strlen(text);
    while (to > from && strchr(blanks, text[to - 1]))
        to--;
    return find_secret(all, text + from, to - from);
}

static void judge_time(struct judge *j, const struct auth_secret *one)
{
    int64_t now = j->f->now;
    if (one->not_before > now)
        say(j, HOST_FAIL, "wait, or drehkreuz secret list and " APPLY " --id ANOTHER",
            "the secret \"%s\" is not in force yet, for another %" PRId64 " s", one->id,
            one->not_before - now);
    else if (one->not_after && one->not_after < now)
        say(j, HOST_FAIL, "drehkreuz secret list, then " APPLY " --id ANOTHER",
            "the secret \"%s\" ended %" PRId64 " s ago", one->id, now - one->not_after);
    else if (one->not_after && one->not_after < now + DAY)
        say(j, HOST_WARN, "drehkreuz secret list, then " APPLY " --id ANOTHER",
            "the secret \"%s\" ends in %" PRId64 " s", one->id, one->not_after - now);
}

static void judge_secret_of(struct judge *j, const struct talk_turn *t)
{
    const struct auth_secrets *all = &j->f->secrets;
    const struct auth_secret *one = find_secret(all, t->secret, strlen(t->secret));
    if (one)
        judge_time(j, one);
    else if ((one = find_trimmed(all, t->secret)))
        say(j, HOST_FAIL, APPLY ", which replaces it",
            "Talk's secret for %.200s is \"%s\" with a blank or line end beside it", t->server,
            one->id);
    else
        say(j, HOST_FAIL, APPLY ", which replaces it", "Talk's secret for %.200s is none of ours",
            t->server);
}

static void judge_secret(struct judge *j)
{
    if (is_blind(j) || is_unlisted(j))
        return;
    if (!j->f->has_secrets) {
        say(j, HOST_WARN, "run this as root", "our secrets could not be read");
        return;
    }
    for (size_t i = 0; i < j->f->talk.n_turn; i++)
        if (j->f->turn[i].is_ours)
            judge_secret_of(j, &j->f->talk.turn[i]);
}

static void judge_lifetime(struct judge *j)
{
    if (is_blind(j))
        return;
    if (j->f->ttl_limit && j->f->ttl_limit < DAY)
        say(j, HOST_FAIL, "max_credential_ttl = 0; in our configuration, or 87000 and more",
            "Talk's credentials last %d s, and max_credential_ttl refuses those above %" PRId64,
            DAY, j->f->ttl_limit);
    else if (j->f->ttl_limit && j->f->ttl_limit < 90 * (int64_t)DAY)
        note(j, "with Nextcloud All-in-One, Janus has credentials of 90 days, which "
                "max_credential_ttl refuses");
}

/* --- Ports, schemes, protocols --- */

static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (; list; list = strchr(list, ',')) {
        list += *list == ',';
        if (strcspn(list, ",") == n && memcmp(list, word, n) == 0)
            return true;
    }
    return false;
}

unsigned platform_ways(const struct talk_turn *t)
{
    bool udp = has_word(t->protocols, "udp");
    bool tcp = has_word(t->protocols, "tcp");
    bool plain = has_word(t->schemes, "turn");
    bool tls = has_word(t->schemes, "turns");
    return (plain && udp ? PLATFORM_UDP : 0U) | (plain && tcp ? PLATFORM_TCP : 0U) |
           (tls && (udp || tcp) ? PLATFORM_TLS : 0U);
}

static const char *first_missing(unsigned ways)
{
    return ways & PLATFORM_UDP ? "UDP" : ways & PLATFORM_TCP ? "TCP" : "TLS";
}

static void judge_fit_of(struct judge *j, size_t i)
{
    const struct talk_turn *t = &j->f->talk.turn[i];
    const struct platform_server *s = &j->f->turn[i];
    unsigned ways = platform_ways(t);
    if (s->port == 0)
        say(j, HOST_FAIL, APPLY, "Talk's entry %.200s has no port", t->server);
    else if (s->is_address && ways & PLATFORM_TLS)
        say(j, HOST_FAIL, APPLY " --host NAME",
            "Talk offers turns: at the address %.200s, but a certificate is for a name", t->server);
    else if (j->f->has_conf && s->speaks == 0)
        say(j, HOST_FAIL, APPLY ", which replaces the entry",
            "nothing of ours listens at the port of Talk's entry %.200s; we are at port %u",
            t->server, j->f->port);
    else if (j->f->has_conf && (ways & ~s->speaks) == PLATFORM_TLS)
        say(j, HOST_FAIL,
            "give the server a certificate (conf/tls.md), or take turns: out by " APPLY,
            "Talk offers turns: at %.200s, but at that port we have no TLS", t->server);
    else if (j->f->has_conf && ways & ~s->speaks)
        say(j, HOST_FAIL, APPLY ", which replaces the entry",
            "Talk offers %s at %.200s, but at that port we do not listen for it",
            first_missing(ways & ~s->speaks), t->server);
}

static void judge_offers(struct judge *j, unsigned offered)
{
    unsigned lacks = j->f->speaks & ~offered;
    if (lacks & PLATFORM_TLS)
        say(j, HOST_WARN, APPLY,
            "Talk does not offer turns:, which people behind strict firewalls need");
    else if (lacks & PLATFORM_UDP)
        say(j, HOST_WARN, APPLY, "Talk does not offer UDP, over which calls are best");
    else if (lacks & PLATFORM_TCP && !(offered & PLATFORM_TLS))
        say(j, HOST_WARN, APPLY, "Talk offers UDP alone, which many firewalls block");
}

static void judge_fit(struct judge *j)
{
    unsigned offered = 0;
    if (is_unlisted(j))
        return;
    for (size_t i = 0; i < j->f->talk.n_turn; i++) {
        if (!j->f->turn[i].is_ours)
            continue;
        judge_fit_of(j, i);
        offered |= platform_ways(&j->f->talk.turn[i]);
    }
    if (j->f->has_conf)
        judge_offers(j, offered);
}

/* --- STUN --- */

static void judge_stun(struct judge *j)
{
    const struct platform_facts *f = j->f;
    bool any = false;
    if (is_blind(j))
        return;
    for (size_t i = 0; i < f->talk.n_stun; i++) {
        const struct platform_server *s = &f->stun[i];
        if (s->is_ours && !f->answers_binding)
            say(j, HOST_FAIL, "binding = true; in our configuration, or occ talk:stun:delete",
                "Talk asks %.200s for STUN, but binding = false", f->talk.stun[i]);
        else if (s->is_ours && !(s->speaks & PLATFORM_UDP))
            say(j, HOST_FAIL, "occ talk:stun:delete, then " APPLY,
                "Talk asks %.200s for STUN, where we do not listen on UDP", f->talk.stun[i]);
        any = any || s->is_ours;
    }
    if (!any && f->answers_binding)
        say(j, HOST_WARN, APPLY,
            "this server is not among Talk's STUN servers, so clients tell %.200s their addresses",
            f->talk.n_stun ? f->talk.stun[0] : "Nextcloud's own server");
}

/* --- Other relays, the media server, the clock --- */

static void judge_others(struct judge *j)
{
    const struct talk *t = &j->f->talk;
    size_t others = t->n_turn - count_ours(j->f);
    char remedy[CHECK_TEXT];
    for (size_t i = 0; others && i < t->n_turn; i++) {
        if (j->f->turn[i].is_ours)
            continue;
        (void)snprintf(remedy, sizeof(remedy),
                       "if it is not wanted: occ talk:turn:delete -- %s %.200s %s",
                       t->turn[i].schemes, t->turn[i].server, t->turn[i].protocols);
        say(j, HOST_WARN, remedy,
            "Talk lists %zu other TURN server%s; clients use all of them, and calls wait for one "
            "that does not answer",
            others, others == 1 ? "" : "s");
    }
    if (!j->f->has_conf && t->n_turn > 1)
        note(j, "Talk lists several TURN servers; this check is of the first one");
}

static void judge_media(struct judge *j)
{
    const struct talk *t = &j->f->talk;
    char remedy[CHECK_TEXT];
    if (t->n_signaling == 0)
        note(j, "there is no high-performance backend: calls go from person to person");
    else if (!is_blind(j))
        note(j, "this is the signaling server's address; if Janus has another one, that counts");
    for (size_t i = 0; i < t->n_signaling && j->f->has_conf; i++) {
        const struct platform_media *m = &j->f->media[i];
        (void)snprintf(remedy, sizeof(remedy),
                       "allow_peers = [\"%s\"]; in our configuration, beside what stands there, "
                       "with the address of Janus if that differs",
                       m->allow);
        if (!m->is_known)
            say(j, HOST_WARN, "mend the name, in Talk's settings or in the DNS",
                "the name of the high-performance backend, %.200s, gives no address", m->host);
        else if (m->denied)
            say(j, HOST_FAIL, remedy,
                "the high-performance backend %.200s has an address that is denied as a peer (%s)",
                m->host, m->denied);
    }
}

static void judge_clock(struct judge *j)
{
    if (!j->f->is_clock_kept)
        say(j, HOST_WARN, "timedatectl set-ntp true",
            "no time service keeps this host's clock; Talk's credentials count from it");
    else
        note(j, "Talk's test button counts from the clock of the computer it is pressed on");
}

static const struct {
    const char *name;
    const char *title;
    void (*judge)(struct judge *j);
} STEPS[PLATFORM_STEPS] = {
    [PLATFORM_LISTED] = {"talk-listed", "Talk lists this server", judge_listed},
    [PLATFORM_SECRET] = {"talk-secret", "its secret there is one of ours and in force",
                         judge_secret},
    [PLATFORM_LIFETIME] = {"talk-lifetime", "Talk's credentials may last as long as they do",
                           judge_lifetime},
    [PLATFORM_FIT] = {"talk-fit", "port, schemes and protocols are those of our listeners",
                      judge_fit},
    [PLATFORM_STUN] = {"talk-stun", "Talk's clients ask this server for STUN", judge_stun},
    [PLATFORM_OTHERS] = {"talk-others", "Talk lists no other TURN server", judge_others},
    [PLATFORM_MEDIA] = {"talk-media", "the media server is allowed as a peer", judge_media},
    [PLATFORM_CLOCK] = {"talk-clock", "the clock is kept by a time service", judge_clock},
};

const char *platform_step_name(enum platform_step s)
{
    return STEPS[s].name;
}

const char *platform_step_title(enum platform_step s)
{
    return STEPS[s].title;
}

void platform_judge(const struct platform_facts *f, struct platform_finding ret[PLATFORM_STEPS])
{
    memset(ret, 0, PLATFORM_STEPS * sizeof(*ret));
    for (size_t i = 0; i < PLATFORM_STEPS; i++) {
        struct judge j = {f, &ret[i]};
        STEPS[i].judge(&j);
    }
}
