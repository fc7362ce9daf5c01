/* The first steps of drehkreuz check: what DNS says of the server's name, asked through the C
 * library, which also parses it. */
#include "check/check.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>

enum { ANSWER = 4096, SRV_HEAD = 6, SRV_MAX = 8 };

static void take_address(const struct addrinfo *info, struct addr at[CHECK_FAMILIES])
{
    const struct sockaddr_in *in = (const void *)info->ai_addr;
    const struct sockaddr_in6 *in6 = (const void *)info->ai_addr;
    bool six = info->ai_family == AF_INET6;
    struct addr *to = &at[six ? CHECK_V6 : CHECK_V4];
    if (to->family == ADDR_NONE)
        *to = six ? addr_make(ADDR_V6, &in6->sin6_addr, 0) : addr_make(ADDR_V4, &in->sin_addr, 0);
}

/* The first address of each family. 0 or getaddrinfo's code. */
static int look_up(const char *name, struct addr at[CHECK_FAMILIES])
{
    const struct addrinfo want = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
    struct addrinfo *all = NULL;
    memset(at, 0, CHECK_FAMILIES * sizeof(at[0]));
    int r = getaddrinfo(name, NULL, &want, &all);
    if (r != 0)
        return r;
    for (const struct addrinfo *i = all; i; i = i->ai_next)
        take_address(i, at);
    freeaddrinfo(all);
    return 0;
}

bool check_resolve(struct check *c)
{
    struct addr at[CHECK_FAMILIES];
    int r = look_up(c->host, at);
    if (r == EAI_AGAIN)
        return check_fail(
            c, "no DNS server answers this machine",
            "see its /etc/resolv.conf, and that DNS (port 53) may leave this network");
    if (r != 0)
        return check_fail(c, "the name gives no address",
                          "correct the name, or add an A or AAAA record for it");
    for (size_t i = 0; i < OVER_COUNT; i++) {
        for (size_t f = 0; f < CHECK_FAMILIES; f++) {
            c->ways[i].at[f] = at[f];
            c->ways[i].at[f].port = at[f].family ? c->ways[i].port : 0;
        }
    }
    check_say(c->found.note, "%s",
              !at[CHECK_V6].family   ? "IPv4 alone"
              : !at[CHECK_V4].family ? "IPv6 alone"
                                     : "IPv4 and IPv6");
    return true;
}

/* --- SRV --- */

struct service {
    const char *name;
    enum link_over over;
};

struct srv {
    uint16_t port;
    char target[NS_MAXDNAME];
};

/* Those of one name, at most SRV_MAX; < 0 = nobody answers. */
static int ask_srv(struct __res_state *dns, const char *name, struct srv ret[SRV_MAX])
{
    uint8_t answer[ANSWER];
    ns_msg message;
    ns_rr record;
    int found = 0;
    int n = res_nquery(dns, name, ns_c_in, ns_t_srv, answer, sizeof(answer));
    if (n < 0)
        return dns->res_h_errno == TRY_AGAIN ? -1 : 0;
    if (n > ANSWER || ns_initparse(answer, n, &message) < 0)
        return 0;
    for (int i = 0; i < ns_msg_count(message, ns_s_an) && found < SRV_MAX; i++) {
        if (ns_parserr(&message, ns_s_an, i, &record) < 0 || ns_rr_type(record) != ns_t_srv ||
            ns_rr_rdlen(record) <= SRV_HEAD)
            continue;
        const uint8_t *data = ns_rr_rdata(record);
        struct srv *to = &ret[found];
        to->port = (uint16_t)ns_get16(data + SRV_HEAD - 2);
        /* "." says that the service is not offered */
        found +=
            dn_expand(answer, answer + n, data + SRV_HEAD, to->target, sizeof(to->target)) >= 0 &&
            to->target[0];
    }
    return found;
}

static bool is_here(const struct check *c, const struct service *s, const struct srv *srv)
{
    struct addr at[CHECK_FAMILIES];
    const struct check_way *w = &c->ways[s->over];
    if (look_up(srv->target, at) != 0)
        return false;
    for (size_t f = 0; f < CHECK_FAMILIES; f++)
        if (at[f].family && addr_eq_ip(&at[f], &w->at[f]))
            return true;
    return false;
}

static bool judge_srv(struct check *c, const struct service *s, const struct srv *all, int n)
{
    const struct check_way *w = &c->ways[s->over];
    const struct srv *near = NULL;
    for (int i = 0; i < n; i++) {
        if (!is_here(c, s, &all[i]))
            continue;
        if (!w->asked || all[i].port == w->port)
            return true;
        near = &all[i];
    }
    if (near) {
        check_say(c->found.cause, "the SRV record %s.%s names port %u of this server, not %u",
                  s->name, c->host, near->port, w->port);
        check_say(c->found.remedy, "right if it listens there, too; else correct that record");
        return true;
    }
    check_say(c->found.cause, "the SRV record %s.%s points elsewhere, to %.100s port %u", s->name,
              c->host, all[0].target, all[0].port);
    check_say(c->found.remedy,
              "correct that record, or take it away; clients that look for one go there");
    return false;
}

bool check_srv(struct check *c)
{
    static const struct service services[] = {{"_stun._udp", OVER_UDP},
                                              {"_turn._udp", OVER_UDP},
                                              {"_turn._tcp", OVER_TCP},
                                              {"_turns._tcp", OVER_TLS}};
    struct __res_state dns = {0};
    struct srv all[SRV_MAX];
    char name[CHECK_HOST + 16];
    int any = 0;
    bool ok = true;
    if (res_ninit(&dns) < 0)
        return true;
    for (size_t i = 0; ok && any >= 0 && i < sizeof(services) / sizeof(services[0]); i++) {
        snprintf(name, sizeof(name), "%s.%s", services[i].name, c->host);
        int n = ask_srv(&dns, name, all);
        any = n < 0 ? n : any + n;
        ok = n <= 0 || judge_srv(c, &services[i], all, n);
    }
    res_nclose(&dns);
    if (ok && any <= 0)
        check_say(c->found.note, "%s",
                  any < 0 ? "nobody answers for them"
                          : "there are none; whoever is told host and port needs none");
    return ok;
}
