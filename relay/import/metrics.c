/* prometheus and its kin: the same port, but on loopback alone, as everything of ours that is for
 * programs. */
#include "import/import_int.h"

enum { DEFAULT_PORT = 9641 };

void import_take_prometheus(struct work *w)
{
    w->metrics_entry = w->is_on ? w->entry : NULL;
}

void import_take_prometheus_port(struct work *w)
{
    if (w->number < 1 || w->number > UINT16_MAX) {
        import_say(w, IMPORT_WRONG, true, "Expected a port.");
        return;
    }
    w->metrics_port = (uint16_t)w->number;
    w->metrics_port_entry = w->entry;
}

void import_take_prometheus_address(struct work *w)
{
    struct addr a;
    struct cidr v4;
    bool is_v4 =
        cidr_parse("127.0.0.0/8", &v4) && import_ip(w->value, &a) && cidr_contains(&v4, &a);
    w->metrics_on_v6 = strcmp(w->value, "::1") == 0;
    if (is_v4 || w->metrics_on_v6)
        import_say(w, IMPORT_TAKEN, false, "Loopback, as here.");
}

void import_take_prometheus_path(struct work *w)
{
    if (strcmp(w->value, "/metrics") == 0)
        import_say(w, IMPORT_TAKEN, false, "The path, as here.");
}

static bool is_among(const struct conf_addrs *list, uint16_t port)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->v[i].port == port)
            return true;
    return false;
}

static bool is_clients(const struct conf *c, uint16_t port)
{
    return is_among(&c->listen, port) || is_among(&c->listen_udp, port) ||
           is_among(&c->listen_tcp, port) || is_among(&c->listen_tls, port) ||
           is_among(&c->listen_dtls, port);
}

void import_finish_metrics(struct work *w)
{
    static const uint8_t v4[4] = {127, 0, 0, 1};
    static const uint8_t v6[16] = {[15] = 1};
    uint16_t port = w->metrics_port ? w->metrics_port : DEFAULT_PORT;
    if (!w->metrics_entry) {
        import_amend(w->metrics_port_entry, IMPORT_NONE, false, "Counts with prometheus only.");
        return;
    }
    if (is_clients(&w->out->conf, port)) {
        import_amend(w->metrics_entry, IMPORT_NONE, true,
                     "Its port is one for clients; set metrics_listen to another one.");
        return;
    }
    struct addr at = w->metrics_on_v6 ? addr_make(ADDR_V6, v6, port) : addr_make(ADDR_V4, v4, port);
    addr_format(&at, w->out->conf.metrics_listen);
}
