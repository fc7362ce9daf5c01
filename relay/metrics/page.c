/* The page for people: state, charts, tables. Works as it is on any browser and reader; sent with
 * METRICS_PAGE_CSP it can neither load nor run anything. */
#include "metrics/ledger.h"
#include "metrics/page_int.h"
#include "metrics/show.h"
#include "metrics/text.h"

static void put_escaped(struct writer *w, const char *text)
{
    for (; *text; text++) {
        if (*text == '<' || *text == '>' || *text == '&' || *text == '"') {
            text_put(w, "&#");
            text_int(w, *text);
            w_u8(w, ';');
        } else {
            w_u8(w, (uint8_t)*text);
        }
    }
}

/* --- What charts use as well --- */

void page_put(struct writer *w, const struct page_words *words, const char *text,
              const int64_t *args)
{
    for (; *text; text++) {
        if (text[0] == '%' && text[1] >= '1' && text[1] <= '3')
            text_grouped(w, args[*++text - '1'], words->separator);
        else
            w_u8(w, (uint8_t)*text);
    }
}

void page_moment(struct writer *w, const struct page_words *words, int64_t at, bool has_time)
{
    char iso[16] = "";
    struct writer day = w_over(iso, sizeof iso);
    text_date(&day, at);
    if (words->separator == '.') { /* 23.11.2026 */
        w_bytes(w, span_of(iso + 8, 2));
        w_u8(w, '.');
        w_bytes(w, span_of(iso + 5, 2));
        w_u8(w, '.');
        w_bytes(w, span_of(iso, 4));
    } else {
        w_bytes(w, span_of(iso, day.n));
    }
    if (!has_time)
        return;
    w_u8(w, ' ');
    text_clock(w, at);
}

void page_value(struct writer *w, const struct page_words *words, const struct metrics_window *v,
                enum metrics_use use)
{
    int64_t value = show_value(v, use);
    if (use == METRICS_REJECTED)
        page_put(w, words, value ? words->band : words->below_bands, &value);
    else
        page_put(w, words, value ? words->about : words->least,
                 value ? &value : &(const int64_t){SHOW_LEAST});
}

/* --- State --- */

static void put_term(struct writer *w, const char *term)
{
    text_all(w, (const char *const[]){"<dt>", term, "</dt><dd>", NULL});
}

static void put_fact(struct writer *w, const char *term, const char *text)
{
    put_term(w, term);
    put_escaped(w, text);
    text_put(w, "</dd>\n");
}

static void put_count(struct writer *w, const struct page_words *words, const char *term,
                      int64_t value)
{
    put_term(w, term);
    text_grouped(w, value, words->separator);
    text_put(w, "</dd>\n");
}

static void put_ready(struct writer *w, const struct page_words *words,
                      const struct metrics_health *h)
{
    text_put(w, "<p>");
    if (metrics_ready(h))
        text_put(w, words->ready);
    else
        text_all(w, (const char *const[]){words->not_ready,
                                          h->has_credentials ? "" : words->no_credentials,
                                          h->has_relay_address ? "" : words->no_address,
                                          h->is_draining ? words->draining : "", NULL});
    text_put(w, "</p>\n");
}

static void put_certificate(struct writer *w, const struct page_words *words,
                            const struct metrics_health *h)
{
    put_term(w, words->certificate);
    if (h->has_certificate && h->certificate_days >= 0)
        text_grouped(w, h->certificate_days, words->separator);
    else
        text_put(w, h->has_certificate ? words->ended : words->none);
    text_put(w, "</dd>\n");
}

static void put_redis(struct writer *w, const struct page_words *words,
                      const struct metrics_health *h)
{
    put_term(w, words->redis);
    text_put(w, words->redis_state[h->redis]);
    if (h->redis != METRICS_REDIS_NONE && h->redis_age >= 0)
        page_put(w, words, words->redis_age, &h->redis_age);
    text_put(w, "</dd>\n");
}

static void put_state(struct writer *w, const struct page_words *words, const struct metrics *m,
                      const struct metrics_health *h)
{
    text_all(w, (const char *const[]){"<section aria-labelledby=\"state\"><h2 id=\"state\">",
                                      words->state, "</h2>\n", NULL});
    put_ready(w, words, h);
    text_put(w, "<dl>\n");
    put_fact(w, words->version, h->version);
    put_term(w, words->since);
    page_moment(w, words, h->started, true);
    text_put(w, "</dd>\n");
    put_certificate(w, words, h);
    put_redis(w, words, h);
    put_count(w, words, words->workers, h->workers);
    put_fact(w, words->trains, h->udp_segment ? words->yes : words->no);
    put_count(w, words, words->generation, h->generation);
    if (ledger_has_alarm(&m->conf))
        put_fact(w, words->capacity, metrics_capacity_alarm(m) ? words->is_full : words->has_room);
    text_put(w, "</dl></section>\n");
}

/* --- Tables --- */

/* A box that can be scrolled must be within reach of the keyboard. */
static void begin_table(struct writer *w, const char *summary, const char *const *columns)
{
    text_all(w, (const char *const[]){"<div class=\"s\" role=\"region\" tabindex=\"0\" "
                                      "aria-label=\"",
                                      summary, "\"><table><thead><tr>", NULL});
    for (; *columns; columns++)
        text_all(w, (const char *const[]){"<th scope=\"col\">", *columns, "</th>", NULL});
    text_put(w, "</tr></thead><tbody>\n");
}

static void put_windows(struct writer *w, const struct page_words *words, const struct metrics *m)
{
    text_all(w, (const char *const[]){"<details><summary>", words->as_table, "</summary>\n", NULL});
    begin_table(w, words->as_table,
                (const char *const[]){words->window, words->use[METRICS_ALLOCATIONS],
                                      words->use[METRICS_VOLUME], words->use[METRICS_REJECTED],
                                      NULL});
    for (size_t i = m->n; i--;) {
        text_put(w, "<tr><th scope=\"row\">");
        page_moment(w, words, m->kept[i].begin, m->length % 86400);
        text_put(w, "</th>");
        for (enum metrics_use use = 0; use < METRICS_USES; use++) {
            text_put(w, "<td>");
            page_value(w, words, &m->kept[i], use);
            text_put(w, "</td>");
        }
        text_put(w, "</tr>\n");
    }
    text_put(w, "</tbody></table></div></details>\n");
}

static void put_epsilon(struct writer *w, const struct page_words *words, uint32_t milli)
{
    char text[16] = "";
    struct writer number = w_over(text, sizeof text);
    text_milli(&number, milli);
    for (size_t i = 0; i < number.n; i++)
        w_u8(w, (uint8_t)(text[i] == '.' && words->separator == '.' ? ',' : text[i]));
}

static void put_entry(struct writer *w, const struct page_words *words, size_t row,
                      const struct metrics_entry *e)
{
    text_all(w, (const char *const[]){"<tr><th scope=\"row\">",
                                      row < METRICS_USES ? words->use[row] : words->alarm,
                                      "</th><td>", NULL});
    text_int(w, e->clip);
    text_put(w, row == METRICS_VOLUME ? " \u00d7 16 MiB</td><td>" : "</td><td>");
    text_int(w, e->scale);
    text_put(w, row == METRICS_VOLUME ? " \u00d7 16 MiB</td><td>" : "</td><td>");
    put_epsilon(w, words, e->epsilon_milli);
    text_put(w, "</td></tr>\n");
}

static void put_promise(struct writer *w, const struct page_words *words, const struct metrics *m)
{
    const struct metrics_entry *rows;
    size_t n = metrics_ledger(&m->conf, &rows);
    text_all(w, (const char *const[]){"<h3>", words->promise, "</h3><p>", NULL});
    page_put(w, words, words->promise_text, &(const int64_t){METRICS_GROUP});
    text_put(w, "</p>\n");
    begin_table(w, words->promise,
                (const char *const[]){words->row, words->clip, words->scale, "\u03b5", NULL});
    for (size_t i = 0; i < n; i++)
        put_entry(w, words, i, &rows[i]);
    text_all(w, (const char *const[]){"<tr><th scope=\"row\">", words->promise_sum,
                                      "</th><td></td><td></td><td>", NULL});
    put_epsilon(w, words, metrics_epsilon_milli(&m->conf));
    text_put(w, "</td></tr>\n</tbody></table></div>\n");
}

/* --- Usage --- */

static void put_charts(struct writer *w, const struct page_words *words, const struct metrics *m)
{
    text_all(w, (const char *const[]){"<p>", words->bars, "</p>\n", NULL});
    for (enum metrics_use use = 0; use < METRICS_USES; use++) {
        text_all(w, (const char *const[]){"<figure><figcaption><h3>", words->use[use], "</h3><p>",
                                          NULL});
        page_put(w, words, words->use_text[use], &(const int64_t){show_error(use)});
        text_put(w, "</p></figcaption>\n");
        page_chart(w, words, m, use);
        text_put(w, "</figure>\n");
    }
    put_windows(w, words, m);
}

static void put_length(struct writer *w, const struct page_words *words, int64_t seconds)
{
    bool is_hours = seconds % 3600 == 0;
    int64_t n = seconds / (is_hours ? 3600 : 60);
    page_put(w, words, words->length[is_hours ? n > 1 : 2], &n);
}

static void put_usage(struct writer *w, const struct page_words *words, const struct metrics *m)
{
    text_all(w, (const char *const[]){"<section aria-labelledby=\"usage\"><h2 id=\"usage\">",
                                      words->usage, "</h2>\n<p>", NULL});
    if (m->conf.profile == METRICS_STRICT) {
        text_all(w, (const char *const[]){words->strict, "</p></section>\n", NULL});
        return;
    }
    text_put(w, words->noise[0]);
    put_length(w, words, m->length);
    text_all(w, (const char *const[]){words->noise[1], "</p>\n", NULL});
    if (m->n) {
        put_charts(w, words, m);
    } else {
        text_all(w, (const char *const[]){"<p>", words->no_window, " ", NULL});
        page_moment(w, words, metrics_first_end(m), true);
        text_put(w, "</p>\n");
    }
    put_promise(w, words, m);
    text_put(w, "</section>\n");
}

void metrics_print_page(const struct metrics *m, const struct metrics_health *h,
                        enum metrics_lang lang, struct writer *w)
{
    const struct page_words *words = page_words(lang);
    text_all(w, (const char *const[]){"<!DOCTYPE html>\n<html lang=\"",
                                      words->lang,
                                      "\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
                                      "name=\"viewport\" content=\"width=device-width, "
                                      "initial-scale=1\">\n<title>",
                                      words->title,
                                      "</title>\n<style>",
                                      page_style(),
                                      "</style>\n</head>\n<body>\n<header><h1>",
                                      words->title,
                                      "</h1>\n<nav aria-label=\"",
                                      words->language,
                                      "\"><a href=\"?lang=",
                                      words->other_lang,
                                      "\" hreflang=\"",
                                      words->other_lang,
                                      "\" lang=\"",
                                      words->other_lang,
                                      "\">",
                                      words->other_name,
                                      "</a></nav></header>\n<main>\n",
                                      NULL});
    put_state(w, words, m, h);
    put_usage(w, words, m);
    text_all(
        w,
        (const char *const[]){
            "</main>\n<footer><p>", words->foot,
            " <a href=\"metrics\">metrics</a>, <a href=\"stats.json\">stats.json</a></p></footer>\n"
            "</body>\n</html>\n",
            NULL});
}
