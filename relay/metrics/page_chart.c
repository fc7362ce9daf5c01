/* One chart: a bar per window with the band of its error. Only the drawing is SVG, stretched to the
 * width there is; numbers and dates beside it are text and keep their size on a phone. */
#include "metrics/ledger.h"
#include "metrics/page_int.h"
#include "metrics/show.h"
#include "metrics/text.h"

enum {
    SLOT = 10, /* width of a window in the drawing; its bar is from 2 to 8 */
    HEIGHT = 1000,
    SLOTS_MIN = 15, /* so that a lone bar is no wall */
    LINES_MAX = 4,
};

/* What stands beside the drawing, from below, at equal distances. */
struct scale {
    int64_t top; /* in units of the ledger; of no use for bands */
    int64_t label[LINES_MAX];
    size_t n;
};

static int64_t height_of(const struct scale *s, enum metrics_use use, int64_t v)
{
    if (use != METRICS_REJECTED)
        return v <= 0 ? 0 : v * HEIGHT / s->top;
    size_t step = 0;
    while (step + 1 < s->n && v >= s->label[step + 1])
        step++;
    return (int64_t)step * HEIGHT / (LINES_MAX - 1);
}

/* 2, 4, 6, ... 20 times a power of ten: half of it is whole, and little room stays empty. */
static int64_t round_up(int64_t v)
{
    int64_t power = 1;
    while (v > 20 * power)
        power *= 10;
    int64_t steps = (v + 2 * power - 1) / (2 * power);
    return (steps ? steps : 1) * 2 * power;
}

/* The chart ends with the latest window and leaves room for those that are missing. A window of
 * another length, from before it was changed, has no place: -1. */
static int64_t place_of(const struct metrics *m, const struct metrics_window *v)
{
    const struct metrics_window *last = metrics_last(m);
    int64_t length = last->end - last->begin;
    int64_t back = (last->end - v->end) / length;
    return v->end - v->begin == length && back < METRICS_WINDOWS_KEPT ? back : -1;
}

static struct scale scale_of(const struct metrics *m, enum metrics_use use)
{
    if (use == METRICS_REJECTED)
        return (struct scale){.label = {0, 1000, 10000, 100000}, .n = 4};
    int64_t per_label = use == METRICS_VOLUME ? (1 << 30) / METRICS_VOLUME_UNIT : 1;
    int64_t most = 0;
    for (size_t i = 0; i < m->n; i++) {
        int64_t v = m->kept[i].value[use] + ledger_error(use);
        if (place_of(m, &m->kept[i]) >= 0 && v > most)
            most = v;
    }
    int64_t top = round_up((most + per_label - 1) / per_label);
    return (struct scale){.top = top * per_label, .label = {0, top / 2, top}, .n = 3};
}

static void put_numbers(struct writer *w, const char *const *texts, const int64_t *numbers)
{
    for (; *texts; texts++, numbers++) {
        text_put(w, *texts);
        text_int(w, *numbers);
    }
}

static void put_bar(struct writer *w, const struct scale *s, enum metrics_use use,
                    const struct metrics_window *v, int64_t x)
{
    int64_t value = v->value[use];
    int64_t high = height_of(s, use, value);
    if (high) {
        put_numbers(w, (const char *const[]){"<path class=\"b\" d=\"M", " ", "V", NULL},
                    (const int64_t[]){x + 2, HEIGHT, HEIGHT - high});
        text_put(w, "h6V1000z\"/>");
    }
    int64_t most = height_of(s, use, value + ledger_error(use));
    if (use == METRICS_REJECTED || !most)
        return;
    int64_t least = height_of(s, use, value - ledger_error(use));
    put_numbers(w, (const char *const[]){"<path class=\"e\" d=\"M", " ", "V", NULL},
                (const int64_t[]){x + SLOT / 2, HEIGHT - least, HEIGHT - most});
    text_put(w, "\"/>");
}

static void put_bars(struct writer *w, const struct page_words *words, const struct metrics *m,
                     enum metrics_use use, int64_t slots)
{
    struct scale s = scale_of(m, use);
    for (size_t i = 0; i < m->n; i++) {
        const struct metrics_window *v = &m->kept[i];
        int64_t place = place_of(m, v);
        if (place < 0)
            continue;
        text_put(w, "<g><title>");
        page_moment(w, words, v->begin, m->length % 86400);
        text_put(w, ": ");
        page_value(w, words, v, use);
        text_put(w, "</title>");
        put_bar(w, &s, use, v, (slots - 1 - place) * SLOT);
        text_put(w, "</g>\n");
    }
}

static void put_labels(struct writer *w, const struct page_words *words, const struct scale *s)
{
    text_put(w, "<div class=\"y\" aria-hidden=\"true\">");
    for (size_t i = s->n; i--;) {
        text_put(w, "<span>");
        text_grouped(w, s->label[i], words->separator);
        text_put(w, "</span>");
    }
    text_put(w, "</div>\n");
}

static void put_lines(struct writer *w, const struct scale *s, int64_t width)
{
    for (size_t i = 0; i < s->n; i++) {
        text_put(w, i ? "<path class=\"g\" d=\"M0 " : "<path class=\"z\" d=\"M0 ");
        text_int(w, HEIGHT - HEIGHT * (int64_t)i / (int64_t)(s->n - 1));
        text_put(w, "h");
        text_int(w, width);
        text_put(w, "\"/>");
    }
    text_put(w, "\n");
}

void page_chart(struct writer *w, const struct page_words *words, const struct metrics *m,
                enum metrics_use use)
{
    struct scale s = scale_of(m, use);
    const struct metrics_window *last = metrics_last(m);
    int64_t length = last->end - last->begin;
    int64_t slots = SLOTS_MIN;
    for (size_t i = 0; i < m->n; i++) {
        int64_t place = place_of(m, &m->kept[i]);
        slots = place >= slots ? place + 1 : slots;
    }
    int64_t first = last->begin - (slots - 1) * length;
    text_put(w, "<div class=\"c\">");
    put_labels(w, words, &s);
    put_numbers(w, (const char *const[]){"<svg viewBox=\"0 0 ", " ", NULL},
                (const int64_t[]){slots * SLOT, HEIGHT});
    text_all(w, (const char *const[]){"\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"",
                                      words->use[use], ". ", words->chart, NULL});
    page_moment(w, words, first, length % 86400);
    text_put(w, words->to);
    page_moment(w, words, last->begin, length % 86400);
    text_put(w, "\">\n");
    put_lines(w, &s, slots * SLOT);
    put_bars(w, words, m, use, slots);
    text_put(w, "</svg>\n<div class=\"x\" aria-hidden=\"true\"><span>");
    page_moment(w, words, first, length % 86400);
    text_put(w, "</span><span>");
    page_moment(w, words, last->begin, length % 86400);
    text_put(w, "</span></div></div>\n");
}
