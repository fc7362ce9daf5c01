/* What may stand between braces in the papers, and where it comes from. */
#include "privacy/papers_int.h"

#include <string.h>

enum slot_kind {
    SLOT_WORDS,
    SLOT_BASIS,
    SLOT_SECONDS,
    SLOT_COUNT,
    SLOT_MIB,
    SLOT_GROUP,
    SLOT_EPSILON
};

struct slot {
    const char *name;
    const char *json;
    const char *option; /* that says it, where it may be empty */
    size_t offset;
    enum slot_kind kind;
};

#define AT(field) offsetof(struct privacy_facts, field)

static const struct slot SLOTS[] = {
    {"version", "version", NULL, AT(version), SLOT_WORDS},
    {"host", "host", NULL, AT(host), SLOT_WORDS},
    {"operator", "operator", "operator_name", AT(operator_name), SLOT_WORDS},
    {"officer", "officer", "privacy_officer", AT(officer), SLOT_WORDS},
    {"authority", "authority", "privacy_authority", AT(authority), SLOT_WORDS},
    {"platform", "platform", "privacy_platform", AT(platform), SLOT_WORDS},
    {"provider", "provider", "privacy_provider", AT(provider), SLOT_WORDS},
    {"listen", "listen", NULL, AT(listen), SLOT_WORDS},
    {"redis", "redis", NULL, AT(redis), SLOT_WORDS},
    {"web", "web_server", NULL, AT(web), SLOT_WORDS},
    {"basis", "basis", "privacy_basis", AT(basis), SLOT_BASIS},
    {"profile", "profile", NULL, AT(profile), SLOT_WORDS},
    {"window", "window_seconds", NULL, AT(window), SLOT_SECONDS},
    {"epsilon", "epsilon_milli", NULL, AT(epsilon_milli), SLOT_EPSILON},
    {"unit", "volume_unit_bytes", NULL, AT(volume_unit), SLOT_MIB},
    {"group", "group", NULL, AT(group), SLOT_GROUP},
    {"windows", "windows_kept", NULL, AT(windows_kept), SLOT_COUNT},
    {"permission", "permission_seconds", NULL, AT(permission_s), SLOT_SECONDS},
    {"channel", "channel_seconds", NULL, AT(channel_s), SLOT_SECONDS},
    {"lifetime", "lifetime_max_seconds", NULL, AT(lifetime_max_s), SLOT_SECONDS},
    {"credential", "credential_seconds", NULL, AT(credential_s), SLOT_SECONDS},
    {"trace", "trace_seconds", NULL, AT(trace_s), SLOT_SECONDS},
    {"forget", "forget_seconds", NULL, AT(forget_s), SLOT_SECONDS},
};

enum { SLOT_N = sizeof(SLOTS) / sizeof(SLOTS[0]) };

static const void *slot_at(const struct slot *s, const struct privacy_facts *f)
{
    return (const char *)f + s->offset;
}

static const char *slot_words(const struct slot *s, const struct privacy_facts *f)
{
    const char *const *text = slot_at(s, f);
    return *text;
}

static int64_t slot_number(const struct slot *s, const struct privacy_facts *f)
{
    if (s->kind == SLOT_GROUP || s->kind == SLOT_EPSILON)
        return *(const uint32_t *)slot_at(s, f);
    return *(const int64_t *)slot_at(s, f);
}

static void put(struct para_line *to, const char *text, size_t n)
{
    size_t room = sizeof(to->s) - 1 - to->n;
    n = n < room ? n : room;
    memcpy(to->s + to->n, text, n);
    to->n += n;
    to->s[to->n] = 0;
}

/* An operator's text must neither end a table's cell nor a line. */
static void put_words(struct para_line *to, const char *text)
{
    for (; *text; text++) {
        bool is_control = (unsigned char)*text < ' ' || *text == 0x7f;
        char c = *text;
        if (is_control || c == '|')
            c = is_control ? ' ' : '/';
        put(to, &c, 1);
    }
}

static void put_count(struct para_line *to, int64_t v)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%lld", (long long)v);
    put(to, text, (size_t)n);
}

/* Hours at most: "Tage" would need a case, hours have one form for all. */
static void put_seconds(struct para_line *to, const struct papers *words, int64_t v)
{
    static const int64_t units[3] = {3600, 60, 1};
    size_t i = 0;
    while (i < 2 && (v < units[i] || v % units[i]))
        i++;
    put_count(to, v / units[i]);
    put(to, " ", 1);
    put_words(to, words->units[i][v / units[i] != 1]);
}

/* Thousandths: 1250 is 1.25, 1000 is 1.0. */
static void put_milli(struct para_line *to, char point, uint32_t v)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%u%c%03u", v / 1000, point, v % 1000);
    while (text[n - 1] == '0' && text[n - 2] != point)
        n--;
    put(to, text, (size_t)n);
}

/* e^x / (1 + e^x), the share of right guesses that epsilon allows, in thousandths. */
static uint32_t best_guess(uint32_t epsilon_milli)
{
    double x = epsilon_milli / 1000.0;
    double term = 1;
    double sum = 1;
    for (int i = 1; i < 64; i++) {
        term = term * x / i;
        sum += term;
    }
    return (uint32_t)(1000 * sum / (1 + sum) + 0.5);
}

static void put_percent(struct para_line *to, char point, uint32_t permille)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%u%c%u", permille / 10, point, permille % 10);
    put(to, text, (size_t)n);
}

static const char *use_words(const struct para_from *from)
{
    const struct para_use *u = from->words->uses;
    while (u->name && strcmp(u->name, from->use->name) != 0)
        u++;
    return u->name ? u->words : from->use->shape;
}

/* --- Slots that are computed --- */

static void put_bound(const struct para_from *from, struct para_line *to)
{
    put_percent(to, from->words->point, best_guess(from->f->epsilon_milli));
}

static void put_use_name(const struct para_from *from, struct para_line *to)
{
    put_words(to, from->use->name);
}

static void put_use_clip(const struct para_from *from, struct para_line *to)
{
    put_count(to, from->use->clip);
}

static void put_use_scale(const struct para_from *from, struct para_line *to)
{
    put_count(to, from->use->scale);
}

static void put_use_epsilon(const struct para_from *from, struct para_line *to)
{
    put_milli(to, from->words->point, from->use->epsilon_milli);
}

static const struct {
    const char *name;
    void (*put)(const struct para_from *from, struct para_line *to);
    bool of_use;
} COMPUTED[] = {
    {"bound", put_bound, false},
    {"use.name", put_use_name, true},
    {"use.clip", put_use_clip, true},
    {"use.scale", put_use_scale, true},
    {"use.epsilon", put_use_epsilon, true},
};

static const char USE_WORDS[] = "use.words";

enum { COMPUTED_N = sizeof(COMPUTED) / sizeof(COMPUTED[0]) };

static bool is_named(const char *name, const char *text, size_t n)
{
    return strlen(name) == n && memcmp(name, text, n) == 0;
}

static const struct slot *slot_find(const char *name, size_t n)
{
    for (size_t i = 0; i < SLOT_N; i++)
        if (is_named(SLOTS[i].name, name, n))
            return &SLOTS[i];
    return NULL;
}

static size_t computed_find(const char *name, size_t n)
{
    size_t i = 0;
    while (i < COMPUTED_N && !is_named(COMPUTED[i].name, name, n))
        i++;
    return i;
}

bool papers_has_slot(const char *name, size_t n)
{
    return is_named(USE_WORDS, name, n) || slot_find(name, n) ||
           computed_find(name, n) < COMPUTED_N;
}

static void put_text_slot(const struct para_from *from, const struct slot *s, struct para_line *to)
{
    static const char letters[] = "bef";
    const char *text = slot_words(s, from->f);
    if (!text[0] && s->option) {
        put_words(to, "[");
        put_words(to, from->words->fill_in);
        put_words(to, s->option);
        put_words(to, "]");
        return;
    }
    const char *letter = s->kind == SLOT_BASIS && text[0] ? strchr(letters, text[0]) : NULL;
    put_words(to, letter ? from->words->basis[(size_t)(letter - letters)] : text);
}

static void put_slot(const struct para_from *from, const struct slot *s, struct para_line *to)
{
    switch (s->kind) {
    case SLOT_WORDS:
    case SLOT_BASIS:
        put_text_slot(from, s, to);
        break;
    case SLOT_SECONDS:
        put_seconds(to, from->words, slot_number(s, from->f));
        break;
    case SLOT_COUNT:
    case SLOT_GROUP:
        put_count(to, slot_number(s, from->f));
        break;
    case SLOT_MIB:
        put_count(to, slot_number(s, from->f) >> 20);
        put_words(to, " MiB");
        break;
    case SLOT_EPSILON:
        put_milli(to, from->words->point, (uint32_t)slot_number(s, from->f));
        break;
    }
}

static void put_named(const struct para_from *from, const char *name, size_t n,
                      struct para_line *to)
{
    const struct slot *s = slot_find(name, n);
    size_t i = computed_find(name, n);
    if (s)
        put_slot(from, s, to);
    else if (i < COMPUTED_N && (from->use || !COMPUTED[i].of_use))
        COMPUTED[i].put(from, to);
}

/* The next slot, in *ret_n bytes; what stands before it is copied. NULL at the end of the text. */
static const char *next_slot(const char **text, struct para_line *to, size_t *ret_n)
{
    size_t n = strcspn(*text, "{");
    const char *name = *text + n + 1;
    put(to, *text, n);
    const char *end = (*text)[n] ? strchr(name, '}') : NULL;
    if (!end)
        return NULL;
    *ret_n = (size_t)(end - name);
    *text = end + 1;
    return name;
}

/* Words for a number released have slots themselves. */
static void put_use_words(const struct para_from *from, struct para_line *to)
{
    const char *text = use_words(from);
    size_t n;
    for (const char *name; (name = next_slot(&text, to, &n));)
        put_named(from, name, n, to);
}

void papers_fill(const struct para_from *from, const char *text, struct para_line *ret)
{
    size_t n;
    ret->n = 0;
    ret->s[0] = 0;
    for (const char *name; (name = next_slot(&text, ret, &n));) {
        if (from->use && is_named(USE_WORDS, name, n))
            put_use_words(from, ret);
        else
            put_named(from, name, n, ret);
    }
}

/* --- For programs --- */

void papers_json_text(const char *text, FILE *to)
{
    fputc('"', to);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            fprintf(to, "\\%c", *p);
        else if (*p < ' ')
            fprintf(to, "\\u%04x", *p);
        else
            fputc(*p, to);
    }
    fputc('"', to);
}

void papers_slots_json(const struct privacy_facts *f, FILE *to)
{
    for (size_t i = 0; i < SLOT_N; i++) {
        const struct slot *s = &SLOTS[i];
        fprintf(to, "%s\"%s\": ", i ? ", " : "", s->json);
        if (s->kind == SLOT_WORDS || s->kind == SLOT_BASIS)
            papers_json_text(slot_words(s, f), to);
        else
            fprintf(to, "%lld", (long long)slot_number(s, f));
    }
}
