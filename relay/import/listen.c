/* Where coturn listens, as lists of listeners: one port of ours speaks everything, and only what
 * was switched off there needs lists of their own here. */
#include "import/import_int.h"

static const char NO_PORT[] = "Expected a port, 1 to 65535.";
static const char NO_ADDRESS[] = "Expected an address; names and devices are not looked up.";
static const char NO_ROOM[] = "There is room for 16 listeners, and this one is left out: 0.0.0.0 "
                              "and :: stand for all addresses of a family.";

static bool is_port(int64_t v)
{
    return v >= 1 && v <= UINT16_MAX;
}

static void take_port(struct work *w, uint16_t *ret)
{
    if (is_port(w->number))
        *ret = (uint16_t)w->number;
    else
        import_say(w, IMPORT_WRONG, true, NO_PORT);
}

void import_take_port(struct work *w)
{
    bool is_tls = strcmp(w->row->name, "tls-listening-port") == 0;
    take_port(w, is_tls ? &w->tls_port : &w->port);
    if (is_tls)
        w->tls_port_entry = w->entry;
}

/* The port gets its listener here, but whom it may believe the file does not say. */
void import_take_proxy_port(struct work *w)
{
    take_port(w, &w->proxy_port);
    w->proxy_entry = w->entry;
}

void import_take_ip(struct work *w)
{
    struct addr a;
    if (!import_ip(w->value, &a)) {
        import_say(w, IMPORT_WRONG, true, NO_ADDRESS);
        return;
    }
    size_t before = w->ips.n;
    if (!import_add(&w->ips, &a))
        import_say(w, IMPORT_NONE, true, NO_ROOM);
    else if (w->ips.n > before)
        w->ip_entries[before] = w->entry;
}

void import_take_aux(struct work *w)
{
    struct addr a;
    size_t before = w->aux.n;
    if (!addr_parse(w->value, &a) || a.port == 0)
        import_say(w, IMPORT_WRONG, true, "Expected an address with port.");
    else if (before == LISTENERS_MAX || !import_add(&w->aux, &a))
        import_say(w, IMPORT_NONE, true, NO_ROOM);
    else if (w->aux.n > before)
        w->aux_entries[before] = w->entry;
}

void import_take_transport(struct work *w)
{
    const struct {
        const char *name;
        bool *no;
    } rows[] = {{"no-udp", &w->no_udp},
                {"no-tcp", &w->no_tcp},
                {"no-tls", &w->no_tls},
                {"no-dtls", &w->no_dtls}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (strcmp(rows[i].name, w->row->name) == 0)
            *rows[i].no = w->is_on;
    if (w->is_on)
        w->no_entry = w->entry;
}

/* --- All together --- */

static bool has_tls(const struct work *w)
{
    return w->out->conf.certificates.n > 0;
}

static bool speaks_all(const struct work *w)
{
    return !w->no_udp && !w->no_tcp && (!has_tls(w) || (!w->no_tls && !w->no_dtls));
}

/* One list, and which port it has for each address. */
struct part {
    struct conf_addrs *list;
    uint16_t port;
};

enum { PARTS_MAX = 8 };

static size_t parts_of(const struct work *w, struct part ret[PARTS_MAX])
{
    struct conf *c = &w->out->conf;
    bool tls = has_tls(w) && !w->no_tls;
    bool dtls = has_tls(w) && !w->no_dtls;
    bool all = speaks_all(w);
    const struct {
        bool wanted;
        struct part part;
    } rows[] = {
        {all, {&c->listen, w->port}},
        {all && has_tls(w), {&c->listen, w->tls_port}},
        {!all && !w->no_udp, {&c->listen_udp, w->port}},
        {!all && !w->no_tcp, {&c->listen_tcp, w->port}},
        {!all && tls, {&c->listen_tls, w->tls_port}},
        {!all && dtls, {&c->listen_dtls, w->tls_port}},
        /* Coturn tells TLS and DTLS apart on the plain port as well. */
        {!all && tls && !w->no_tcp, {&c->listen_tls, w->port}},
        {!all && dtls && !w->no_udp, {&c->listen_dtls, w->port}},
    };
    size_t n = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (rows[i].wanted)
            ret[n++] = rows[i].part;
    return n;
}

static size_t listeners(const struct conf *c)
{
    return c->listen.n + c->listen_udp.n + c->listen_tcp.n + c->listen_tls.n + c->listen_dtls.n;
}

static bool add_listener(struct conf *c, struct conf_addrs *list, const struct addr *ip,
                         uint16_t port)
{
    struct addr a = *ip;
    a.port = port;
    if (listeners(c) < LISTENERS_MAX)
        return import_add(list, &a);
    for (size_t i = 0; i < list->n; i++)
        if (addr_eq(&list->v[i], &a))
            return true;
    return false;
}

/* The first part for all addresses before the second for any, since it is the more wanted one. */
static void add_parts(struct work *w, const struct part *parts, size_t n)
{
    struct conf *c = &w->out->conf;
    for (size_t p = 0; p < n; p++)
        for (size_t i = 0; i < w->ips.n; i++)
            if (!add_listener(c, parts[p].list, &w->ips.v[i], parts[p].port))
                import_amend(w->ip_entries[i], IMPORT_NONE, true, NO_ROOM);
}

static void add_aux(struct work *w)
{
    struct conf *c = &w->out->conf;
    for (size_t i = 0; i < w->aux.n; i++)
        if (!add_listener(c, &c->listen, &w->aux.v[i], w->aux.v[i].port))
            import_amend(w->aux_entries[i], IMPORT_NONE, true, NO_ROOM);
    for (size_t i = 0; w->proxy_port && i < w->ips.n; i++)
        if (!add_listener(c, &c->listen_tcp, &w->ips.v[i], w->proxy_port))
            import_amend(w->proxy_entry, IMPORT_NONE, true, NO_ROOM);
}

static void add_any(struct work *w)
{
    static const uint8_t zero[16];
    struct addr v4 = addr_make(ADDR_V4, zero, 0);
    struct addr v6 = addr_make(ADDR_V6, zero, 0);
    (void)import_add(&w->ips, &v4);
    (void)import_add(&w->ips, &v6);
}

/* Addresses that the file names stay gathered: they are the relayed ones as well. */
void import_finish_listeners(struct work *w)
{
    struct conf *c = &w->out->conf;
    struct part parts[PARTS_MAX];
    struct conf_addrs said = w->ips;
    if (w->ips.n == 0)
        add_any(w);
    if (w->no_udp && w->no_tcp && (!has_tls(w) || (w->no_tls && w->no_dtls))) {
        import_amend(w->no_entry, IMPORT_WRONG, true,
                     "Nothing would be left to listen on, so UDP was left on.");
        w->no_udp = false;
    }
    memset(&c->listen, 0, sizeof(c->listen));
    add_parts(w, parts, parts_of(w, parts));
    add_aux(w);
    if (w->tls_port_entry && w->tls_port_entry->verdict == IMPORT_TAKEN && !has_tls(w))
        import_amend(w->tls_port_entry, IMPORT_NONE, false,
                     "Not opened, since there is no certificate; coturn does the same.");
    w->ips = said;
}
