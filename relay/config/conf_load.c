/* Fills struct conf from the file. The only file that knows the parser (libconfig); it hands values
 * to the rows of the option table and puts the operator's mistakes into words. */
#include "config/conf_int.h"

#include <errno.h>
#include <libconfig.h>
#include <stdio.h>

#include "base/mem.h"

enum { FALLBACK_TEXT = 512, WHAT_TEXT = 128 };

/* --- Values --- */

/* What one load works with. */
struct load {
    const struct conf_source *source; /* NULL while defaults are read */
    struct conf *conf;
    struct conf_error *err;
};

/* What a value is read for. */
struct want {
    const struct load *load;
    const struct conf_option *option;
};

/* One entry of a list, or a scalar; writes *ret only when the value is right. */
typedef bool (*read_fn)(const config_setting_t *s, const struct want *w, void *ret);

/* Control characters could not be printed back, and mean that a quotation mark is missing. */
static bool copy_text(const char *from, conf_text ret)
{
    size_t n = from ? strlen(from) : 0;
    if (!from || n >= CONF_TEXT_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)from[i] < ' ' || from[i] == 0x7f)
            return false;
    memset(ret, 0, CONF_TEXT_MAX);
    memcpy(ret, from, n);
    return true;
}

static bool read_bool(const config_setting_t *s, const struct want *w, void *ret)
{
    (void)w;
    if (config_setting_type(s) != CONFIG_TYPE_BOOL)
        return false;
    *(bool *)ret = config_setting_get_bool(s);
    return true;
}

static bool read_number(const config_setting_t *s, int64_t *ret)
{
    int type = config_setting_type(s);
    if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
        return false;
    *ret = config_setting_get_int64(s);
    return true;
}

static bool read_int(const config_setting_t *s, const struct want *w, void *ret)
{
    int64_t v;
    if (!read_number(s, &v) || v < w->option->min || v > w->option->max)
        return false;
    *(int64_t *)ret = v;
    return true;
}

static bool read_text(const config_setting_t *s, const struct want *w, void *ret)
{
    const char *text = config_setting_get_string(s);
    if (!text || strlen(text) < (size_t)w->option->min || strlen(text) > (size_t)w->option->max)
        return false;
    return copy_text(text, ret);
}

/* While defaults are read there is no source, and nothing to hide. */
static bool read_secret(const config_setting_t *s, const struct want *w, void *ret)
{
    const char *text = config_setting_get_string(s);
    if (text && w->load->source)
        text = conf_source_secret(w->load->source, text);
    if (!text || strlen(text) < (size_t)w->option->min || strlen(text) > (size_t)w->option->max)
        return false;
    return copy_text(text, ret);
}

static bool read_range(const config_setting_t *s, const struct want *w, void *ret)
{
    const char *text = config_setting_get_string(s);
    struct conf_port_range range;
    if (!text || !conf_range_parse(text, &range) || range.first < w->option->min ||
        range.last > w->option->max)
        return false;
    *(struct conf_port_range *)ret = range;
    return true;
}

static bool read_addr(const config_setting_t *s, const struct want *w, void *ret)
{
    const char *text = config_setting_get_string(s);
    struct addr a;
    if (!text || !addr_parse(text, &a))
        return false;
    if (a.port == 0)
        a.port = w->option->port;
    *(struct addr *)ret = a;
    return true;
}

static bool read_cidr(const config_setting_t *s, const struct want *w, void *ret)
{
    (void)w;
    const char *text = config_setting_get_string(s);
    struct cidr got;
    if (!text || !cidr_parse(text, &got))
        return false;
    struct cidr *c = ret; /* its padding stays zero, lists are compared as bytes */
    c->net = got.net;
    c->bits = got.bits;
    return true;
}

static bool read_ports(const config_setting_t *s, const struct want *w, void *ret)
{
    (void)w;
    const char *text = config_setting_get_string(s);
    if (text)
        return conf_range_parse(text, ret);
    int64_t v;
    if (!read_number(s, &v) || v < 0 || v > UINT16_MAX)
        return false;
    *(struct conf_port_range *)ret = (struct conf_port_range){(uint16_t)v, (uint16_t)v};
    return true;
}

static bool read_user(const config_setting_t *s, const struct want *w, void *ret)
{
    struct conf_user user = {0};
    const char *name;
    const char *number;
    bool is_ok = config_setting_is_group(s) && config_setting_length(s) == 2 &&
                 config_setting_lookup_string(s, "name", &name) &&
                 config_setting_lookup_string(s, "password", &number) && *name &&
                 copy_text(name, user.name) &&
                 copy_text(conf_source_secret(w->load->source, number), user.password) &&
                 user.password[0];
    if (is_ok)
        *(struct conf_user *)ret = user;
    explicit_bzero(&user, sizeof(user));
    return is_ok;
}

static bool read_name(const config_setting_t *s, const struct want *w, void *ret)
{
    (void)w;
    const char *text = config_setting_get_string(s);
    return text && *text && conf_is_host_name(text) && copy_text(text, ret);
}

static bool read_host(const config_setting_t *s, const struct want *w, void *ret)
{
    (void)w;
    const char *text = config_setting_get_string(s);
    return text && conf_is_host_port(text) && copy_text(text, ret);
}

static bool read_uri(const config_setting_t *s, const struct want *w, void *ret)
{
    (void)w;
    const char *text = config_setting_get_string(s);
    bool is_one = text && !strpbrk(text, " \"\\") &&
                  (strncmp(text, "stun:", 5) == 0 || strncmp(text, "turn:", 5) == 0 ||
                   strncmp(text, "turns:", 6) == 0);
    return is_one && copy_text(text, ret);
}

/* Relative names would depend on where the server was started. */
static bool read_file_name(const config_setting_t *s, const char *key, conf_text ret)
{
    const char *text;
    return config_setting_lookup_string(s, key, &text) && text[0] == '/' && copy_text(text, ret);
}

static bool read_pair(const config_setting_t *s, const struct want *w, void *ret)
{
    (void)w;
    struct conf_pair pair = {0};
    bool is_ok = config_setting_is_group(s) && config_setting_length(s) == 2 &&
                 read_file_name(s, "certificate", pair.certificate) &&
                 read_file_name(s, "key", pair.key);
    if (is_ok)
        *(struct conf_pair *)ret = pair;
    return is_ok;
}

static const read_fn readers[CONF_KINDS] = {
    [CONF_BOOL] = read_bool,   [CONF_INT] = read_int,       [CONF_TEXT] = read_text,
    [CONF_RANGE] = read_range, [CONF_ADDRS] = read_addr,    [CONF_CIDRS] = read_cidr,
    [CONF_PORTS] = read_ports, [CONF_USERS] = read_user,    [CONF_NAMES] = read_name,
    [CONF_PAIRS] = read_pair,  [CONF_SECRET] = read_secret, [CONF_HOSTS] = read_host,
    [CONF_URIS] = read_uri,
};

/* --- Options --- */

static struct conf_place place_of(const struct load *l, const config_setting_t *s)
{
    return conf_source_place(l->source, config_setting_source_line(s));
}

/* entry counts from 1; 0 = the option as a whole. */
static int refuse(const struct load *l, const config_setting_t *s, const struct conf_option *o,
                  int entry)
{
    const struct conf_shape *shape = conf_shape_of(o->kind);
    struct conf_place at = place_of(l, s);
    char what[WHAT_TEXT];
    char which[32] = "";
    conf_describe(o, what, sizeof(what));
    if (entry)
        (void)snprintf(which, sizeof(which), ", entry %d", entry);
    return conf_fail(l->err, -EINVAL, "%s:%u: %s%s: expected %s, e.g. %s = %s;", at.file, at.line,
                     o->name, which, what, o->name, shape->example ? shape->example : o->fallback);
}

static int read_list(const struct load *l, const config_setting_t *s, const struct conf_option *o)
{
    const struct conf_shape *shape = conf_shape_of(o->kind);
    char *field = (char *)l->conf + o->offset;
    const struct want w = {l, o};
    int n = config_setting_length(s);
    if (!(config_setting_is_array(s) || config_setting_is_list(s)) || n < o->min || n > o->max)
        return refuse(l, s, o, 0);
    memset(field, 0, shape->size);
    for (int i = 0; i < n; i++) {
        const config_setting_t *e = config_setting_get_elem(s, (unsigned)i);
        if (!readers[o->kind](e, &w, field + (size_t)i * shape->elem_size))
            return refuse(l, e, o, i + 1);
    }
    *conf_list_n(shape, field) = (size_t)n;
    return 0;
}

static int read_option(const struct load *l, const config_setting_t *s, const struct conf_option *o)
{
    if (conf_shape_of(o->kind)->elem_size)
        return read_list(l, s, o);
    const struct want w = {l, o};
    return readers[o->kind](s, &w, (char *)l->conf + o->offset) ? 0 : refuse(l, s, o, 0);
}

/* Options of coturn that people bring along, and what becomes of them here. */
static const struct {
    const char *name;
    const char *advice;
} foreign[] = {
    {"static-auth-secret", "use `drehkreuz secret add`, see secrets_file"},
    {"use-auth-secret", "leave it out, shared secrets always count"},
    {"lt-cred-mech", "leave it out, credentials are always asked for"},
    {"no-auth", "there is no mode without credentials"},
    {"fingerprint", "leave it out, answers carry it where it is wanted"},
    {"listening-port", "use listen"},
    {"listening-ip", "use listen"},
    {"external-ip", "use external_ipv4 and external_ipv6"},
    {"relay-ip", "use relay_ipv4 and relay_ipv6"},
    {"min-port", "use relay_ports"},
    {"max-port", "use relay_ports"},
    {"total-quota", "use max_allocations"},
    {"user-quota", "use allocations_per_account"},
    {"max-bps", "use bytes_per_allocation"},
    {"bps-capacity", "use bytes_per_allocation"},
    {"denied-peer-ip", "use deny_peers"},
    {"allowed-peer-ip", "use allow_peers"},
    {"no-multicast-peers", "leave it out, multicast is never relayed to"},
    {"stale-nonce", "use nonce_lifetime"},
    {"max-allocate-lifetime", "use lifetime_max"},
    {"server-name", "use realm"},
    {"proc-user", "use user"},
    {"tls-listening-port", "use listen, which speaks TLS as well, or listen_tls"},
    {"cert", "use certificates"},
    {"pkey", "use certificates"},
    {"tcp-proxy-port", "use proxy_from"},
    {"redis-userdb", "use redis, and redis_users for users"},
    {"redis-statsdb", "leave it out, nothing is recorded of single clients"},
    {"no-cli", "leave it out, there is no such door"},
    {"verbose", "leave it out, nothing is recorded of single clients"},
};

static const char *advice_for(const char *name)
{
    for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++)
        if (strcmp(foreign[i].name, name) == 0)
            return foreign[i].advice;
    return NULL;
}

static int refuse_name(const struct load *l, const config_setting_t *s, const char *name)
{
    struct conf_place at = place_of(l, s);
    const char *advice = advice_for(name);
    if (advice)
        return conf_fail(l->err, -EINVAL, "%s:%u: \"%s\" is an option of coturn; here, %s", at.file,
                         at.line, name, advice);
    const struct conf_option *near = conf_option_nearest(name);
    if (near)
        return conf_fail(l->err, -EINVAL, "%s:%u: \"%s\" is not an option; did you mean \"%s\"?",
                         at.file, at.line, name, near->name);
    return conf_fail(l->err, -EINVAL, "%s:%u: \"%s\" is not an option; see drehkreuz.conf(5)",
                     at.file, at.line, name);
}

static int read_options(const struct load *l, const config_t *parsed)
{
    const config_setting_t *root = config_root_setting(parsed);
    int r = 0;
    for (int i = 0; r == 0 && i < config_setting_length(root); i++) {
        const config_setting_t *s = config_setting_get_elem(root, (unsigned)i);
        const struct conf_option *o = conf_option_find(config_setting_name(s));
        r = o ? read_option(l, s, o) : refuse_name(l, s, config_setting_name(s));
    }
    return r;
}

/* --- Syntax --- */

/* The parser stops at the first word it cannot use, often a line late; the option it had begun is
 * what the operator must look at. */
static int refuse_syntax(const struct load *l, const config_t *parsed)
{
    const config_setting_t *root = config_root_setting(parsed);
    int n = root ? config_setting_length(root) : 0;
    const config_setting_t *last = n ? config_setting_get_elem(root, (unsigned)(n - 1)) : NULL;
    struct conf_place at = conf_source_place(l->source, (unsigned)config_error_line(parsed));
    const char *why = config_error_text(parsed);
    if (why && strcmp(why, "duplicate setting name") == 0)
        return conf_fail(l->err, -EINVAL, "%s:%u: an option is set for the second time", at.file,
                         at.line);
    if (last && config_setting_type(last) == CONFIG_TYPE_NONE) {
        const char *name = config_setting_name(last);
        const struct conf_option *o = conf_option_find(name);
        return o ? refuse(l, last, o, 0) : refuse_name(l, last, name);
    }
    return conf_fail(l->err, -EINVAL,
                     "%s:%u: expected `option = value;`, texts in quotation marks, e.g. "
                     "realm = \"turn\";",
                     at.file, at.line);
}

/* --- Doors --- */

void conf_defaults(struct conf *ret)
{
    memset(ret, 0, sizeof(*ret));
    struct load l = {NULL, ret, NULL};
    const struct conf_option *o;
    for (size_t i = 0; (o = conf_option_at(i)); i++) {
        char text[FALLBACK_TEXT];
        config_t parsed;
        config_init(&parsed);
        (void)snprintf(text, sizeof(text), "v = %s;", o->fallback);
        if (config_read_string(&parsed, text))
            (void)read_option(&l, config_lookup(&parsed, "v"), o);
        config_destroy(&parsed);
    }
}

static int parse(const struct load *l)
{
    config_t parsed;
    config_init(&parsed);
    int r = config_read_string(&parsed, conf_source_text(l->source)) == CONFIG_TRUE
                ? read_options(l, &parsed)
                : refuse_syntax(l, &parsed);
    config_destroy(&parsed);
    return r;
}

static void keep_files(const struct conf_source *source, struct conf_texts *ret)
{
    const char *path;
    for (size_t i = 0; ret->n < CONF_LIST_MAX && (path = conf_source_file(source, i)); i++)
        if (strlen(path) < CONF_TEXT_MAX)
            (void)copy_text(path, ret->v[ret->n++]);
}

int conf_load(const char *path, struct conf *ret, struct conf_error *err)
{
    struct conf_source *source = NULL;
    int r = conf_source_read(path, &source, err);
    if (r < 0)
        return r;
    struct conf *conf = mem_zalloc(sizeof(*conf));
    if (!conf) {
        conf_source_free(source);
        return conf_fail(err, -ENOMEM, "out of memory");
    }
    conf_defaults(conf);
    r = parse(&(struct load){source, conf, err});
    keep_files(source, &conf->files);
    if (r == 0)
        *ret = *conf;
    conf_source_free(source);
    mem_free_wiped(conf, sizeof(*conf));
    return r;
}

void conf_wipe_users(struct conf *c)
{
    for (size_t i = 0; i < CONF_LIST_MAX; i++)
        explicit_bzero(c->users.v[i].password, sizeof(c->users.v[i].password));
}

void conf_wipe(struct conf *c)
{
    conf_wipe_users(c);
    explicit_bzero(c->redis_password, sizeof(c->redis_password));
    explicit_bzero(c->issuer_key, sizeof(c->issuer_key));
}
