/* What the platforms' tables share: a sink that makes text or JSON of the same lines, and the
 * quoting that each platform's own files want. */
#ifndef RELAY_SETUP_SETUP_INT_H
#define RELAY_SETUP_SETUP_INT_H

#include "setup/setup.h"

enum setup_size {
    SETUP_TEXT = 2080, /* a secret of 512 bytes, quoted */
    SETUP_LINE = 8192, /* Rocket.Chat's: three servers, each with name and password */
};

struct out {
    FILE *to;
    bool json;
    bool bare;  /* lines alone, without titles and indent */
    bool quiet; /* nothing but counting */
    size_t n_sections;
    size_t n_lines; /* of the open section */
    size_t n_notes;
    size_t n_musts;
};

/* key: for programs; title: for people. Ends the section before. */
void out_section(struct out *o, const char *key, const char *title);
void out_line(struct out *o, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Notes come after all sections. must: nothing works before it is done. */
void out_note(struct out *o, bool must, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void out_pair(struct out *o, const char *key, const char *value);
void out_begin(struct out *o);
void out_notes(struct out *o, const char *title);
void out_end(struct out *o);

/* "turn.example.org:3478", "[2001:db8::1]:3478". Returns buf. */
const char *text_at(const struct setup_facts *f, enum setup_way way, char buf[SETUP_AT]);
/* One word for a shell; a string with its quotes for Lua, YAML and our configuration; for a URL.
 * Each returns buf, cut to nothing if it does not fit. */
const char *text_shell(const char *text, char buf[SETUP_TEXT]);
const char *text_quoted(const char *text, char buf[SETUP_TEXT]);
const char *text_percent(const char *text, char buf[SETUP_TEXT]);

struct platform {
    const char *name;
    const char *title;
    const char *page; /* in conf/ */
    bool wants_user;
    void (*lines)(const struct setup_facts *f, struct out *o);
    void (*notes)(const struct setup_facts *f, struct out *o);
    void (*file)(const struct setup_facts *f, struct out *o); /* NULL = it takes none */
    void (*rest)(const struct setup_facts *f, struct out *o); /* what no file brings; or NULL */
};

void nextcloud_lines(const struct setup_facts *f, struct out *o);
void nextcloud_notes(const struct setup_facts *f, struct out *o);
void jitsi_lines(const struct setup_facts *f, struct out *o);
void jitsi_file(const struct setup_facts *f, struct out *o);
void jitsi_web_page(const struct setup_facts *f, struct out *o);
void jitsi_notes(const struct setup_facts *f, struct out *o);
void matrix_lines(const struct setup_facts *f, struct out *o);
void matrix_file(const struct setup_facts *f, struct out *o);
void matrix_notes(const struct setup_facts *f, struct out *o);
void rocketchat_lines(const struct setup_facts *f, struct out *o);
void rocketchat_notes(const struct setup_facts *f, struct out *o);

/* Whether clients of the platform can use it: not TLS to an address. */
bool offers(const struct setup_facts *f, enum setup_way way);
bool offers_stun(const struct setup_facts *f);
/* The platform's day, or less if the configuration says so. */
int64_t lasts(const struct setup_facts *f);

#endif
