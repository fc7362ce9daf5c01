/* Values of coturn's options as numbers, texts and addresses, and what rows do with plain ones. */
#include "import/import_int.h"

void import_amend(struct import_entry *e, enum import_verdict verdict, bool by_hand,
                  const char *text)
{
    if (!e)
        return;
    e->verdict = verdict;
    e->by_hand = by_hand;
    e->text = text;
}

void import_say(struct work *w, enum import_verdict verdict, bool by_hand, const char *text)
{
    import_amend(w->entry, verdict, by_hand, text);
}

void import_note(struct work *w, const struct import_entry *note)
{
    struct import *i = w->out;
    if (i->n_entries < IMPORT_LINES_MAX + IMPORT_NOTES_MAX)
        i->entries[i->n_entries++] = *note;
}

/* --- Reading --- */

/* Bytes that continue a character which begins with c, or -1. */
static int follow(uint8_t c)
{
    if (c < 0x80)
        return 0;
    if (c < 0xc2 || c > 0xf4)
        return -1;
    return c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
}

/* Names and passwords go to clients' keys as UTF-8, so anything else could never match. */
static bool is_utf8(const char *text)
{
    const uint8_t *p = (const uint8_t *)text;
    while (*p) {
        int n = follow(*p);
        bool too_low = (*p == 0xe0 && p[1] < 0xa0) || (*p == 0xf0 && p[1] < 0x90);
        bool too_high = (*p == 0xed && p[1] > 0x9f) || (*p == 0xf4 && p[1] > 0x8f);
        if (n < 0 || too_low || too_high)
            return false;
        for (p++; n > 0; n--, p++)
            if ((*p & 0xc0) != 0x80)
                return false;
    }
    return true;
}

bool import_text(const char *from, conf_text ret)
{
    size_t n = strlen(from);
    if (n >= CONF_TEXT_MAX || !is_utf8(from))
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)from[i] < ' ' || from[i] == 0x7f)
            return false;
    memset(ret, 0, CONF_TEXT_MAX);
    memcpy(ret, from, n);
    return true;
}

bool import_number(const char *text, int64_t *ret)
{
    enum { DIGITS_MAX = 18 };
    size_t n = strspn(text, "0123456789");
    const char *behind = text + n + strspn(text + n, " \t");
    if (n == 0 || n > DIGITS_MAX || (*behind && *behind != '#'))
        return false;
    int64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v * 10 + (text[i] - '0');
    *ret = v;
    return true;
}

bool import_ip(const char *text, struct addr *ret)
{
    struct addr a;
    if (!addr_parse(text, &a) || a.port)
        return false;
    *ret = a;
    return true;
}

bool import_add(struct conf_addrs *list, const struct addr *a)
{
    for (size_t i = 0; i < list->n; i++)
        if (addr_eq(&list->v[i], a))
            return true;
    if (list->n == CONF_LIST_MAX)
        return false;
    list->v[list->n++] = *a;
    return true;
}

/* --- Taking --- */

void import_take_number(struct work *w)
{
    int64_t v = w->number;
    int64_t fit = v < w->row->min ? w->row->min : v > w->row->max ? w->row->max : v;
    if (fit != v)
        import_say(w, IMPORT_CHANGED, false,
                   "Brought into the range that the option has here; see drehkreuz.conf(5).");
    memcpy((char *)&w->out->conf + w->row->at, &fit, sizeof(fit));
}

void import_take_switch(struct work *w)
{
    bool v = w->is_on == (w->row->min != 0);
    memcpy((char *)&w->out->conf + w->row->at, &v, sizeof(v));
    if (!w->is_on)
        import_say(w, IMPORT_TAKEN, false, "Switched off here as well.");
}

/* Without a value it is coturn's default; 0 is for ever, which we do not have. */
void import_take_nonce(struct work *w)
{
    enum { DEFAULT = 600, LEAST = 60, LONGEST = 3600 };
    int64_t v = DEFAULT;
    if (*w->value && !import_number(w->value, &v)) {
        import_say(w, IMPORT_WRONG, true, "Expected a number of seconds.");
        return;
    }
    int64_t fit = v == 0 || v > LONGEST ? LONGEST : v < LEAST ? LEAST : v;
    if (fit != v)
        import_say(w, IMPORT_CHANGED, false, "Nonces last from 60 to 3600 seconds here.");
    w->out->conf.nonce_lifetime = fit;
}

void import_take_bps(struct work *w)
{
    const int64_t most = INT64_C(1000000000000);
    w->out->conf.bytes_per_allocation = w->number > most / 2 ? most : 2 * w->number;
    if (w->number == 0)
        import_say(w, IMPORT_TAKEN, false, "No limit; the default would be 4000000.");
}

void import_take_capacity(struct work *w)
{
    if (w->number == 0)
        import_say(w, IMPORT_TAKEN, false, "No limit, as here.");
}

void import_take_secure_stun(struct work *w)
{
    w->out->conf.binding = !w->is_on;
}

/* Times that RFC 8656 fixes. */
void import_take_fixed(struct work *w)
{
    enum { CHANNEL = 600, PERMISSION = 300 };
    bool is_channel = strcmp(w->row->name, "channel-lifetime") == 0;
    int64_t v;
    bool is_number = import_number(w->value, &v);
    if (!*w->value || (is_number && v == (is_channel ? CHANNEL : PERMISSION)))
        import_say(w, IMPORT_TAKEN, false, "The time of RFC 8656, as here.");
}

/* The platforms' credentials all have a colon there. */
void import_take_separator(struct work *w)
{
    if (w->value[0] == ':')
        import_say(w, IMPORT_TAKEN, false, "The colon, as here.");
}
