/* The papers as data: one table of paragraphs per language, both of the same structure. */
#ifndef RELAY_PRIVACY_PAPERS_INT_H
#define RELAY_PRIVACY_PAPERS_INT_H

#include "privacy/privacy.h"

enum para_kind {
    PARA_TITLE,
    PARA_HEADING,
    PARA_TEXT,
    PARA_ITEM,
    PARA_WARNINGS, /* an item for each warning; its own text is not printed */
    PARA_COLUMNS,  /* of a table; " | " stands between cells */
    PARA_ROW,
    PARA_USES, /* a row for each number released */
};

/* What a paragraph may depend on, as bits. */
enum para_state {
    HAS_TLS = 1 << 0,
    ONLY_TLS13 = 1 << 1,
    HAS_REDIS = 1 << 2,
    HAS_FIXED_USERS = 1 << 3,
    HAS_ISSUER = 1 << 4,
    HAS_WEB = 1 << 5,
    TELLS_WEB = 1 << 6,
    HAS_PROVIDER = 1 << 7,
    HAS_CREDENTIAL_END = 1 << 8,
    PUBLISHES = 1 << 9,
    ON_DISK = 1 << 10,
    BASIS_B = 1 << 11,
    BASIS_E = 1 << 12,
    BASIS_F = 1 << 13,
    NO_OPERATOR = 1 << 14,
    NO_OFFICER = 1 << 15,
    NO_AUTHORITY = 1 << 16,
    NO_PLATFORM = 1 << 17,
    NO_BASIS = 1 << 18,
    WARNED = 1 << 19,
    WARNING_FIRST = 1 << 20, /* one bit for each warning from here on */
    CORES = WARNING_FIRST << PRIVACY_CORES,
    SWAP = WARNING_FIRST << PRIVACY_SWAP,
    CONNTRACK = WARNING_FIRST << PRIVACY_CONNTRACK,
    EXPORTER = WARNING_FIRST << PRIVACY_EXPORTER,
    NO_TLS = WARNING_FIRST << PRIVACY_NO_TLS,
    REDIS_CLEAR = WARNING_FIRST << PRIVACY_REDIS_CLEAR,
    HAS_ALARM = WARNING_FIRST << PRIVACY_WARNINGS,
    MISSING = NO_OPERATOR | NO_OFFICER | NO_AUTHORITY | NO_PLATFORM | NO_BASIS,
    MEMORY = CORES | SWAP,
};

struct para {
    const char *text; /* with {slots}, see papers_slots.c */
    uint32_t any;     /* printed if one of these holds; 0 = in any case */
    uint32_t none;    /* and none of these */
    uint32_t undone;  /* warnings whose sentences stand in its place, if they are given */
    uint8_t kind;
};

struct para_use {
    const char *name;
    const char *words; /* what is counted, with {slots} */
};

struct papers {
    const struct para *paras;
    size_t n;
    const char *warning[PRIVACY_WARNINGS];
    const struct para_use *uses; /* ended by a NULL name; others are shown by their shape */
    const char *units[3][2];     /* of one and of many hours, minutes, seconds */
    const char *basis[3];        /* b, e, f */
    const char *fill_in;         /* in front of the option that says it */
    char point;                  /* of decimals */
};

extern const struct papers PAPERS_EN;
extern const struct papers PAPERS_DE;

/* --- Slots --- */

enum { PARA_TEXT_MAX = 4096 };

struct para_line {
    char s[PARA_TEXT_MAX];
    size_t n;
};

struct para_from {
    const struct privacy_facts *f;
    const struct papers *words;
    const struct privacy_use *use; /* at hand in PARA_USES */
};

/* The text with its slots filled in; cut if it does not fit. */
void papers_fill(const struct para_from *from, const char *text, struct para_line *ret);
/* Whether there is such a slot. */
bool papers_has_slot(const char *name, size_t n);
/* All facts that have a slot, as members of an object. */
void papers_slots_json(const struct privacy_facts *f, FILE *to);
void papers_json_text(const char *text, FILE *to);

uint32_t papers_state(const struct privacy_facts *f);

#endif
