/* drehkreuz check --platform nextcloud: Talk's settings as occ prints them, beside ours. Facts in,
 * findings out. */
#ifndef RELAY_CHECK_PLATFORM_H
#define RELAY_CHECK_PLATFORM_H

#include "check/host.h"

enum platform_limit { PLATFORM_SERVERS = 16, PLATFORM_WORDS = 16 };

/* --- What Talk says --- */

enum talk_list { TALK_TURN, TALK_STUN, TALK_SIGNALING, TALK_LISTS };

struct talk_turn {
    char schemes[PLATFORM_WORDS]; /* "turn", "turns" or "turn,turns" */
    char protocols[PLATFORM_WORDS];
    char server[CHECK_HOST]; /* host:port */
    char secret[AUTH_SECRET_MAX + 3];
};

struct talk {
    struct talk_turn turn[PLATFORM_SERVERS];
    size_t n_turn;
    char stun[PLATFORM_SERVERS][CHECK_HOST];
    size_t n_stun;
    char signaling[PLATFORM_SERVERS][CHECK_HOST]; /* URLs */
    size_t n_signaling;
};

/* Adds one list, from all that the command printed. Values that do not fit are "", servers beyond
 * the limit are left out. 0, or -EINVAL when there is no such list in the text. */
int talk_read(enum talk_list which, const char *output, struct talk *ret);

/* "turn.example.org:3478", "[2001:db8::1]:443", "https://hpb.example.org/standalone": the host
 * without brackets; *ret_port 0 when none is given. False when there is no host or a wrong port. */
bool talk_host(const char *text, char ret[CHECK_HOST], uint16_t *ret_port);

/* --- What we know ourselves --- */

/* Bits. */
enum platform_way { PLATFORM_UDP = 1, PLATFORM_TCP = 2, PLATFORM_TLS = 4 };

/* Of a server in Talk's list. */
struct platform_server {
    bool is_ours;
    bool is_address;
    uint16_t port;   /* 0 = it has none */
    unsigned speaks; /* ways that one of our listeners has at this port */
};

struct platform_media {
    char host[CHECK_HOST];
    bool is_known;      /* its name gives an address */
    const char *denied; /* why our policy refuses it as a peer; NULL = it does not */
    char allow[ADDR_TEXT];
};

struct platform_facts {
    struct talk talk;
    struct platform_server turn[PLATFORM_SERVERS];
    struct platform_server stun[PLATFORM_SERVERS];
    struct platform_media media[PLATFORM_SERVERS];
    bool has_conf; /* our configuration is on this host; else nothing below is known */
    unsigned speaks;
    uint16_t port; /* of our first listener */
    bool answers_binding;
    struct auth_secrets secrets;
    bool has_secrets; /* they could be read */
    int64_t ttl_limit;
    int64_t now;
    bool is_clock_kept;
};

enum platform_step {
    PLATFORM_LISTED,
    PLATFORM_SECRET,
    PLATFORM_LIFETIME,
    PLATFORM_FIT,
    PLATFORM_STUN,
    PLATFORM_OTHERS,
    PLATFORM_MEDIA,
    PLATFORM_CLOCK,
    PLATFORM_STEPS
};

struct platform_finding {
    enum host_mark mark;
    struct finding said;
};

void platform_judge(const struct platform_facts *f, struct platform_finding ret[PLATFORM_STEPS]);

const char *platform_step_name(enum platform_step s);
const char *platform_step_title(enum platform_step s);

/* Ways that an entry of Talk's offers; browsers take turns: over UDP as TLS over TCP. */
unsigned platform_ways(const struct talk_turn *t);

#endif
