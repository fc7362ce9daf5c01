/* What becomes of a coturn configuration here: its bytes in, a configuration of ours and a report
 * out, line by line. Pure: no file is opened, nothing is printed. */
#ifndef RELAY_IMPORT_IMPORT_H
#define RELAY_IMPORT_IMPORT_H

#include "base/span.h"
#include "config/conf.h"

enum import_limit {
    IMPORT_LINE_MAX = 1023, /* bytes of a line; coturn cuts longer ones in two */
    IMPORT_LINES_MAX = 1024,
    IMPORT_NOTES_MAX = 8,
    IMPORT_SECRETS_MAX = 16,
    IMPORT_SECRET_MIN = 16, /* bytes; these three are what the secrets file has room for */
    IMPORT_SECRET_MAX = 512,
};

enum import_verdict {
    IMPORT_TAKEN,
    IMPORT_CHANGED, /* taken in another way, or left to what is done here anyhow */
    IMPORT_NONE,    /* no counterpart */
    IMPORT_WRONG,   /* not understood */
    IMPORT_VERDICTS,
};

/* What became of one line. All texts are constants; none holds anything of the file. */
struct import_entry {
    unsigned line;      /* 0 = about something that the file does not say */
    const char *key;    /* coturn's option, "" when the line names none that is known */
    const char *option; /* ours that it went into, or NULL */
    const char *text;   /* why, and what to do instead */
    enum import_verdict verdict;
    bool by_hand; /* there is something left for the administrator to do */
    bool is_secret;
};

struct import_secret {
    size_t len;
    uint8_t bytes[IMPORT_SECRET_MAX];
};

struct import {
    struct conf conf; /* passes conf_check; holds passwords, no shared secret */
    struct import_secret secrets[IMPORT_SECRETS_MAX];
    size_t n_secrets;
    struct import_entry entries[IMPORT_LINES_MAX + IMPORT_NOTES_MAX];
    size_t n_entries;
};

/* Fills *ret, also when an error comes back: release it by mem_free_wiped. 0, or -EINVAL when no
 * line is an option of coturn although some are not empty, or a byte is NUL, or -E2BIG for more
 * options than IMPORT_LINES_MAX. */
int import_read(struct span file, struct import *ret);

/* To be called once the secrets are in a secrets file: nothing is left to be done for them. */
void import_secrets_kept(struct import *i);

/* How many entries are left to the administrator. */
size_t import_by_hand(const struct import *i);

/* "taken", "changed", "no counterpart", "not understood". */
const char *import_verdict_name(enum import_verdict v);

#endif
