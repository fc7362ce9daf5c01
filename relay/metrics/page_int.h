/* The parts of the page: words, style sheet, charts. */
#ifndef RELAY_METRICS_PAGE_INT_H
#define RELAY_METRICS_PAGE_INT_H

#include "metrics/metrics_int.h"

/* Sentences of one language. %1 to %3 stand for numbers. */
struct page_words {
    const char *lang;
    const char *other_lang;
    const char *other_name;
    const char *language;
    char separator;
    const char *title;
    const char *state;
    const char *ready;
    const char *not_ready;
    const char *no_credentials;
    const char *no_address;
    const char *draining;
    const char *version;
    const char *since;
    const char *certificate;
    const char *ended;
    const char *none;
    const char *redis;
    const char *redis_state[3];
    const char *redis_age;
    const char *workers;
    const char *trains;
    const char *yes;
    const char *no;
    const char *generation;
    const char *capacity;
    const char *is_full;
    const char *has_room;
    const char *usage;
    const char *strict;
    const char *no_window; /* the moment follows */
    const char *noise[2];  /* the length of a window stands between them */
    const char *length[3]; /* one hour; %1 hours; %1 minutes */
    const char *bars;
    const char *use[METRICS_USES];
    const char *use_text[METRICS_USES]; /* %1: error, in what is shown */
    const char *chart;                  /* read aloud; the dates follow */
    const char *to;
    const char *as_table;
    const char *window;
    const char *about;
    const char *least; /* %1 */
    const char *band;  /* %1 */
    const char *below_bands;
    const char *promise;
    const char *promise_text; /* %1: the group; epsilon comes after "e^" */
    const char *promise_sum;
    const char *row;
    const char *clip;
    const char *scale;
    const char *alarm;
    const char *foot;
};

const struct page_words *page_words(enum metrics_lang lang);

/* What the <style> element holds; METRICS_PAGE_STYLE_HASH is its hash. */
const char *page_style(void);

/* With %1 to %3 from args, grouped as the language has it. */
void page_put(struct writer *w, const struct page_words *words, const char *text,
              const int64_t *args);
/* Day and, for windows that are no whole days, the time. */
void page_moment(struct writer *w, const struct page_words *words, int64_t at, bool has_time);
/* A released value in words, as coarse as show_value has it. */
void page_value(struct writer *w, const struct page_words *words, const struct metrics_window *v,
                enum metrics_use use);

void page_chart(struct writer *w, const struct page_words *words, const struct metrics *m,
                enum metrics_use use);

#endif
