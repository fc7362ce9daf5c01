/* Talk's lists as JSON, which occ may print below warnings of PHP's. */
#include "check/platform.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "base/mem.h"

/* It is shown on root's terminal, in commands to be pasted too: what a place or a word of Talk's
 * never has becomes a question mark. */
static char harmless(char c)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "-._:/[]@,%+=";
    return memchr(good, c, sizeof(good) - 1) ? c : '?';
}

static void take_text(const json_t *value, char *ret, size_t cap)
{
    const char *text = json_string_value(value);
    size_t n = text ? strlen(text) : 0;
    ret[0] = 0;
    if (n >= cap)
        return;
    for (size_t i = 0; i < n; i++)
        ret[i] = harmless(text[i]);
    ret[n] = 0;
}

static void take_secret(const json_t *value, char *ret, size_t cap)
{
    const char *text = json_string_value(value);
    size_t n = text ? strlen(text) : 0;
    if (n < cap && text)
        memcpy(ret, text, n + 1);
}

static void add_turn(const json_t *one, struct talk *ret)
{
    if (ret->n_turn == PLATFORM_SERVERS || !json_is_object(one))
        return;
    struct talk_turn *t = &ret->turn[ret->n_turn++];
    const json_t *schemes = json_object_get(one, "schemes");
    take_text(schemes, t->schemes, sizeof(t->schemes));
    if (!schemes)
        memcpy(t->schemes, "turn", sizeof("turn"));
    take_text(json_object_get(one, "protocols"), t->protocols, sizeof(t->protocols));
    take_text(json_object_get(one, "server"), t->server, sizeof(t->server));
    take_secret(json_object_get(one, "secret"), t->secret, sizeof(t->secret));
}

static void add_stun(const json_t *one, struct talk *ret)
{
    if (ret->n_stun < PLATFORM_SERVERS)
        take_text(one, ret->stun[ret->n_stun++], CHECK_HOST);
}

static void add_signaling(const json_t *one, struct talk *ret)
{
    if (ret->n_signaling < PLATFORM_SERVERS)
        take_text(json_object_get(one, "server"), ret->signaling[ret->n_signaling++], CHECK_HOST);
}

/* An empty object is an empty array to PHP. */
static int read_list(enum talk_list which, const json_t *root, struct talk *ret)
{
    static void (*const add[TALK_LISTS])(const json_t *, struct talk *) = {add_turn, add_stun,
                                                                           add_signaling};
    const json_t *list = json_is_object(root) ? json_object_get(root, "servers") : root;
    const json_t *one;
    size_t i;
    if (json_is_object(root) && (which != TALK_SIGNALING || (list && !json_is_array(list))))
        return -EINVAL;
    json_array_foreach(list, i, one)
    {
        add[which](one, ret);
    }
    return 0;
}

int talk_read(enum talk_list which, const char *output, struct talk *ret)
{
    json_set_alloc_funcs(mem_zalloc, mem_free);
    for (const char *line = output; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (*line != '[' && *line != '{')
            continue;
        json_t *root = json_loadb(line, strcspn(line, "\n"), 0, NULL);
        int r = root ? read_list(which, root, ret) : -EINVAL;
        json_decref(root);
        if (r == 0)
            return 0;
    }
    return -EINVAL;
}

/* --- A server's place --- */

static bool take_port(const char *text, uint16_t *ret)
{
    char *end = NULL;
    unsigned long v = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || v == 0 || v > UINT16_MAX)
        return false;
    *ret = (uint16_t)v;
    return true;
}

bool talk_host(const char *text, char ret[CHECK_HOST], uint16_t *ret_port)
{
    char at[CHECK_HOST];
    uint16_t port = 0;
    const char *scheme = strstr(text, "://");
    text = scheme ? scheme + 3 : text;
    size_t n = strcspn(text, "/?#");
    if (n >= sizeof(at))
        return false;
    memcpy(at, text, n);
    at[n] = 0;
    char *bracket = at[0] == '[' ? strchr(at, ']') : NULL;
    char *colon = strrchr(bracket ? bracket : at, ':');
    if (colon && !take_port(colon + 1, &port))
        return false;
    if (colon)
        *colon = 0;
    if (bracket)
        *bracket = 0;
    const char *host = at + (bracket != NULL);
    if (!*host)
        return false;
    memcpy(ret, host, strlen(host) + 1);
    *ret_port = port;
    return true;
}
