/* Ranges of addresses, which are all that coturn knows, as networks, which are what we know. */
#include "import/import_int.h"

static size_t ip_len(const struct addr *a)
{
    return a->family == ADDR_V4 ? 4 : 16;
}

/* The last address of the network of a that has so many host bits, which are 0 in a. */
static struct addr last_of(const struct addr *a, unsigned host_bits)
{
    struct addr last = *a;
    for (size_t i = ip_len(a); i-- > 0 && host_bits > 0;) {
        unsigned here = host_bits < 8 ? host_bits : 8;
        last.ip[i] |= (uint8_t)(0xff >> (8 - here));
        host_bits -= here;
    }
    return last;
}

static unsigned zero_bits(const struct addr *a)
{
    unsigned n = 0;
    for (size_t i = ip_len(a); i-- > 0; n += 8) {
        if (a->ip[i] == 0)
            continue;
        for (unsigned bit = 0; !(a->ip[i] >> bit & 1); bit++)
            n++;
        return n;
    }
    return n;
}

static bool is_before(const struct addr *a, const struct addr *b)
{
    return memcmp(a->ip, b->ip, sizeof(a->ip)) < 0;
}

static void step(struct addr *a)
{
    for (size_t i = ip_len(a); i-- > 0;)
        if (++a->ip[i])
            return;
}

/* The largest network that begins at from and does not reach beyond to. */
static struct cidr largest(const struct addr *from, const struct addr *to, struct addr *ret_last)
{
    unsigned host_bits = zero_bits(from);
    *ret_last = last_of(from, host_bits);
    while (is_before(to, ret_last))
        *ret_last = last_of(from, --host_bits);
    return (struct cidr){*from, (uint8_t)(8 * ip_len(from) - host_bits)};
}

static bool covers(const struct conf_cidrs *list, const struct cidr *c)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->v[i].bits <= c->bits && cidr_contains(&list->v[i], &c->net))
            return true;
    return false;
}

/* false leaves *list as it was: there is no room. */
static bool add_range(struct conf_cidrs *list, const struct addr *from, const struct addr *to)
{
    size_t before = list->n;
    struct addr at = *from;
    for (;;) {
        struct addr last;
        struct cidr c = largest(&at, to, &last);
        bool is_new = !covers(list, &c);
        if (is_new && list->n == CONF_LIST_MAX) {
            memset(&list->v[before], 0, (list->n - before) * sizeof(*list->v));
            list->n = before;
            return false;
        }
        if (is_new)
            list->v[list->n++] = c;
        if (addr_eq(&last, to))
            return true;
        at = last;
        step(&at);
    }
}

/* "192.0.2.1", "10.0.0.0-10.255.255.255", or a network. */
static bool read_range(const char *text, struct addr *ret_from, struct addr *ret_to)
{
    char copy[2 * ADDR_TEXT];
    struct cidr c;
    size_t n = strcspn(text, " \t#");
    if (n >= sizeof(copy))
        return false;
    memcpy(copy, text, n);
    copy[n] = '\0';
    if (strchr(copy, '/') && cidr_parse(copy, &c)) {
        *ret_from = c.net;
        *ret_to = last_of(&c.net, (unsigned)(8 * ip_len(&c.net)) - c.bits);
        return true;
    }
    char *hyphen = strchr(copy, '-');
    if (hyphen)
        *hyphen = '\0';
    if (!import_ip(copy, ret_from) || !import_ip(hyphen ? hyphen + 1 : copy, ret_to))
        return false;
    return ret_from->family == ret_to->family && !is_before(ret_to, ret_from);
}

static bool is_private(const struct addr *from)
{
    return from->family == ADDR_V4 && (from->ip[0] == 10 || from->ip[0] == 192);
}

static void take_range(struct work *w, struct conf_cidrs *list)
{
    struct addr from;
    struct addr to;
    if (!read_range(w->value, &from, &to)) {
        import_say(w, IMPORT_WRONG, true,
                   "Expected an address or a range of them, e.g. 10.0.0.0-10.255.255.255.");
        return;
    }
    w->denies_private |= list == &w->out->conf.deny_peers && is_private(&from);
    if (!add_range(list, &from, &to))
        import_say(w, IMPORT_NONE, true,
                   "The list has room for 64 networks, and this range makes more of them: name a "
                   "wider or a simpler one.");
}

void import_take_allowed(struct work *w)
{
    take_range(w, &w->out->conf.allow_peers);
}

void import_take_denied(struct work *w)
{
    take_range(w, &w->out->conf.deny_peers);
}

void import_finish_peers(struct work *w)
{
    const struct import_entry note = {
        .key = "denied-peer-ip",
        .option = "allow_peers",
        .verdict = IMPORT_CHANGED,
        .text = "Private, local and special networks are denied here without being named, which "
                "coturn does not do: a media server that has such an address goes into "
                "allow_peers."};
    if (!w->denies_private && w->out->conf.allow_peers.n == 0)
        import_note(w, &note);
}
