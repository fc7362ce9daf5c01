/* Relayed addresses and ports: which of the host's, and what clients are told. */
#include "import/import_int.h"

enum { PORT_FIRST = 49152, PORT_LAST = 65535, PORT_LEAST = 1024 };

static const char NO_ADDRESS[] = "Expected an address; names are not looked up.";
static const char ONE_RELAY[] = "One relayed address of each family, and this is a further one.";
static const char ONE_SHOWN[] =
    "One address for clients of each family, and this is a further one.";

void import_take_relay_ip(struct work *w)
{
    struct addr a;
    if (!import_ip(w->value, &a))
        import_say(w, IMPORT_WRONG, true, NO_ADDRESS);
    else if (!import_add(&w->relays, &a))
        import_say(w, IMPORT_NONE, false, ONE_RELAY);
    else
        for (size_t i = 0; i + 1 < w->relays.n; i++)
            if (w->relays.v[i].family == a.family && !addr_eq(&w->relays.v[i], &a))
                import_say(w, IMPORT_NONE, false, ONE_RELAY);
}

static bool is_name(const char *text)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
    size_t n = strlen(text);
    return n > 0 && n < CONF_TEXT_MAX && strspn(text, letters) == n && text[0] != '.' &&
           text[0] != '-' && strspn(text, "0123456789.") != n;
}

static bool read_external(const char *value, struct external *ret)
{
    conf_text copy;
    if (strlen(value) >= sizeof(copy))
        return false;
    memcpy(copy, value, strlen(value) + 1);
    char *slash = strchr(copy, '/');
    if (slash)
        *slash++ = '\0';
    if (slash && !import_ip(slash, &ret->behind))
        return false;
    if (import_ip(copy, &ret->shown))
        return !slash || ret->shown.family == ret->behind.family;
    if (!is_name(copy))
        return false;
    ret->shown.family = slash ? ret->behind.family : ADDR_V4;
    return import_text(copy, ret->name);
}

void import_take_external(struct work *w)
{
    struct external e = {.entry = w->entry};
    if (!read_external(w->value, &e))
        import_say(w, IMPORT_WRONG, true,
                   "Expected the public address, or PUBLIC/PRIVATE; set external_ipv4 yourself.");
    else if (w->n_externals == EXTERNALS_MAX)
        import_say(w, IMPORT_NONE, true, ONE_SHOWN);
    else
        w->externals[w->n_externals++] = e;
}

void import_take_relay_port(struct work *w)
{
    bool is_min = strcmp(w->row->name, "min-port") == 0;
    *(is_min ? &w->min_entry : &w->max_entry) = w->entry;
    *(is_min ? &w->min_port : &w->max_port) = w->number;
}

void import_take_tcp_relay(struct work *w)
{
    w->says_tcp_relay = true;
    w->out->conf.tcp_allocations = !w->is_on;
    if (!w->is_on)
        import_say(w, IMPORT_TAKEN, false,
                   "Peers are served over TCP; let it in on relay_ports as well.");
}

/* --- All together --- */

/* The texts of one family. */
struct side {
    enum addr_family family;
    char *relay;
    char *shown;
    bool is_shown;
};

static void set_text(conf_text ret, const char *text)
{
    memset(ret, 0, CONF_TEXT_MAX);
    memcpy(ret, text, strlen(text));
}

static void set_relay(const struct side *s, const struct addr *a)
{
    char text[ADDR_TEXT];
    set_text(s->relay, addr_is_any(a) ? "auto" : addr_format(a, text));
}

/* Without relay-ip coturn relays from where it listens, and in that family alone. */
static void choose_relay(const struct work *w, const struct side *s)
{
    const struct conf_addrs *from = w->relays.n ? &w->relays : &w->ips;
    if (from->n == 0)
        return;
    set_text(s->relay, "off");
    for (size_t i = 0; i < from->n; i++) {
        if (from->v[i].family != s->family)
            continue;
        set_relay(s, &from->v[i]);
        return;
    }
}

static bool is_behind(const struct external *e, const struct side *s)
{
    char text[ADDR_TEXT];
    return e->behind.family == ADDR_NONE || strcmp(s->relay, "auto") == 0 ||
           strcmp(addr_format(&e->behind, text), s->relay) == 0;
}

static void choose_shown(const struct external *e, struct side *s)
{
    char text[ADDR_TEXT];
    if (e->shown.family != s->family)
        return;
    if (strcmp(s->relay, "off") == 0 || !is_behind(e, s)) {
        import_amend(e->entry, IMPORT_NONE, false,
                     "Nothing is relayed from the private address that it belongs to.");
        return;
    }
    if (s->is_shown) {
        import_amend(e->entry, IMPORT_NONE, true, ONE_SHOWN);
        return;
    }
    s->is_shown = true;
    set_text(s->shown, e->name[0] ? e->name : addr_format(&e->shown, text));
    if (e->behind.family != ADDR_NONE)
        set_relay(s, &e->behind);
    if (s->family == ADDR_V6)
        e->entry->option = "external_ipv6";
}

void import_finish_relays(struct work *w)
{
    struct conf *c = &w->out->conf;
    struct side sides[] = {{ADDR_V4, c->relay_ipv4, c->external_ipv4, false},
                           {ADDR_V6, c->relay_ipv6, c->external_ipv6, false}};
    const struct import_entry note = {
        .key = "no-tcp-relay",
        .option = "tcp_allocations",
        .verdict = IMPORT_CHANGED,
        .text = "Coturn relays to peers over TCP unless told not to; here it is off, since calls "
                "do not need it and the firewall would have to be open for it."};
    for (size_t i = 0; i < sizeof(sides) / sizeof(*sides); i++) {
        choose_relay(w, &sides[i]);
        for (size_t j = 0; j < w->n_externals; j++)
            choose_shown(&w->externals[j], &sides[i]);
    }
    if (!w->says_tcp_relay)
        import_note(w, &note);
}

/* --- Ports --- */

struct range {
    int64_t first;
    int64_t last;
};

/* Ports that relays must not have. */
struct taken {
    uint16_t v[LISTENERS_MAX * 2];
    size_t n;
};

static void gather(struct taken *t, const struct conf_addrs *list)
{
    for (size_t i = 0; i < list->n && t->n < sizeof(t->v) / sizeof(*t->v); i++)
        t->v[t->n++] = list->v[i].port;
}

/* From first on, up to the next port that is taken. */
static struct range gap(const struct taken *t, int64_t first, int64_t last)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->v[i] >= first && t->v[i] <= last)
            last = t->v[i] - 1;
    return (struct range){first, last};
}

static void amend_ports(struct work *w, enum import_verdict v, bool by_hand, const char *text)
{
    const struct import_entry note = {
        .key = "min-port", .option = "relay_ports", .verdict = v, .by_hand = by_hand, .text = text};
    import_amend(w->min_entry, v, by_hand, text);
    import_amend(w->max_entry, v, by_hand, text);
    if (!w->min_entry && !w->max_entry)
        import_note(w, &note);
}

/* The longest part of the range without a port of a listener. */
static struct range free_of_listeners(const struct conf *c, struct range r)
{
    struct taken t = {.n = 0};
    gather(&t, &c->listen);
    gather(&t, &c->listen_udp);
    gather(&t, &c->listen_dtls);
    if (c->tcp_allocations) {
        gather(&t, &c->listen_tcp);
        gather(&t, &c->listen_tls);
    }
    struct range best = gap(&t, r.first, r.last);
    for (size_t i = 0; i < t.n; i++) {
        struct range one = gap(&t, t.v[i] + 1, r.last);
        if (t.v[i] >= r.first && one.last - one.first > best.last - best.first)
            best = one;
    }
    return best;
}

void import_finish_ports(struct work *w)
{
    struct conf *c = &w->out->conf;
    const struct range said = {w->min_port < 0 ? PORT_FIRST : w->min_port,
                               w->max_port < 0 ? PORT_LAST : w->max_port};
    const struct range least = {said.first < PORT_LEAST ? PORT_LEAST : said.first,
                                said.last > PORT_LAST ? PORT_LAST : said.last};
    struct range r = free_of_listeners(c, least);
    if (r.last <= r.first) {
        amend_ports(w, IMPORT_WRONG, true,
                    "No range of two ports or more between 1024 and 65535 that leaves out those "
                    "of listeners; the default was left.");
        r = free_of_listeners(c, (struct range){PORT_FIRST, PORT_LAST});
    } else if (r.first != said.first || r.last != said.last) {
        amend_ports(w, IMPORT_CHANGED, false,
                    "Cut, so that it lies between 1024 and 65535 and holds no port of a "
                    "listener.");
    }
    c->relay_ports = (struct conf_port_range){(uint16_t)r.first, (uint16_t)r.last};
}
