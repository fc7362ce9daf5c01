#include "metrics/text.h"

enum { DIGITS_MAX = 20, DAY_S = 86400 };

static uint64_t absolute(int64_t v)
{
    return v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
}

/* The last digit first; at least one, at least `least`. */
static size_t digits_of(uint64_t v, size_t least, char ret[DIGITS_MAX])
{
    size_t n = 0;
    while (v || n < least || !n) {
        ret[n++] = (char)('0' + v % 10);
        v /= 10;
    }
    return n;
}

static void put_digits(struct writer *w, uint64_t v, size_t least)
{
    char digits[DIGITS_MAX];
    for (size_t n = digits_of(v, least, digits); n--;)
        w_u8(w, (uint8_t)digits[n]);
}

void text_put(struct writer *w, const char *text)
{
    w_bytes(w, span_text(text));
}

void text_all(struct writer *w, const char *const *texts)
{
    while (*texts)
        text_put(w, *texts++);
}

void text_int(struct writer *w, int64_t v)
{
    if (v < 0)
        w_u8(w, '-');
    put_digits(w, absolute(v), 1);
}

void text_grouped(struct writer *w, int64_t v, char separator)
{
    char digits[DIGITS_MAX];
    if (v < 0)
        text_put(w, "\u2212");
    for (size_t n = digits_of(absolute(v), 1, digits); n--;) {
        w_u8(w, (uint8_t)digits[n]);
        if (n && n % 3 == 0)
            w_u8(w, (uint8_t)separator);
    }
}

void text_milli(struct writer *w, uint32_t milli)
{
    put_digits(w, milli / 1000, 1);
    uint32_t rest = milli % 1000;
    if (!rest)
        return;
    size_t places = 3;
    for (; rest % 10 == 0; rest /= 10)
        places--;
    w_u8(w, '.');
    put_digits(w, rest, places);
}

/* Years begin in March here, so that a leap day is the last of its year; 400 years are one era. */
void text_date(struct writer *w, int64_t at)
{
    uint64_t day = (uint64_t)at / DAY_S + 719468; /* since 0000-03-01 */
    uint64_t era = day / 146097;
    uint64_t of_era = day % 146097;
    uint64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    uint64_t month = (5 * of_year + 2) / 153;
    put_digits(w, year + era * 400 + (month >= 10), 4);
    w_u8(w, '-');
    put_digits(w, month < 10 ? month + 3 : month - 9, 2);
    w_u8(w, '-');
    put_digits(w, of_year - (153 * month + 2) / 5 + 1, 2);
}

void text_clock(struct writer *w, int64_t at)
{
    uint64_t minutes = (uint64_t)at % DAY_S / 60;
    put_digits(w, minutes / 60, 2);
    w_u8(w, ':');
    put_digits(w, minutes % 60, 2);
}
