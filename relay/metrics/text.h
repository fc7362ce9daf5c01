/* Plain words and numbers into a writer. */
#ifndef RELAY_METRICS_TEXT_H
#define RELAY_METRICS_TEXT_H

#include "base/writer.h"

/* Times beyond are not printed anywhere: years have four digits. */
#define TEXT_TIME_MAX INT64_C(253402300799)

void text_put(struct writer *w, const char *text);
/* Several, the last one NULL. */
void text_all(struct writer *w, const char *const *texts);
void text_int(struct writer *w, int64_t v);
/* With a separator after each three digits; a real minus sign, U+2212, if it is negative. */
void text_grouped(struct writer *w, int64_t v, char separator);
/* Thousandths as a decimal number without zeroes at its end. */
void text_milli(struct writer *w, uint32_t milli);
/* Of Unix seconds, UTC: 2026-11-23, and 14:00. */
void text_date(struct writer *w, int64_t at);
void text_clock(struct writer *w, int64_t at);

#endif
