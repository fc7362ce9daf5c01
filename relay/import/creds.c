/* Who may relay: shared secrets, users, Redis; and the certificate that the server shows. */
#include "import/import_int.h"

/* --- Certificates --- */

static void take_path(struct work *w, conf_text ret, struct import_entry **ret_entry)
{
    if (w->value[0] != '/')
        import_say(w, IMPORT_NONE, true,
                   "Coturn searches for it in several folders; give the whole path in "
                   "certificates.");
    else if (!import_text(w->value, ret))
        import_say(w, IMPORT_WRONG, true, "No path that is shorter than 256 bytes.");
    else
        *ret_entry = w->entry;
}

void import_take_certificate(struct work *w)
{
    take_path(w, w->certificate, &w->certificate_entry);
}

void import_take_key(struct work *w)
{
    take_path(w, w->key, &w->key_entry);
}

void import_finish_certificates(struct work *w)
{
    struct conf_pairs *pairs = &w->out->conf.certificates;
    bool is_whole = w->certificate[0] && w->key[0];
    if (!is_whole) {
        const char *text = "A certificate counts with its key only, and the other one is missing.";
        import_amend(w->certificate_entry, IMPORT_NONE, true, text);
        import_amend(w->key_entry, IMPORT_NONE, true, text);
        return;
    }
    if (w->no_tls && w->no_dtls) {
        const char *text = "Left out, since TLS and DTLS are switched off.";
        import_amend(w->certificate_entry, IMPORT_NONE, false, text);
        import_amend(w->key_entry, IMPORT_NONE, false, text);
        return;
    }
    memcpy(pairs->v[0].certificate, w->certificate, CONF_TEXT_MAX);
    memcpy(pairs->v[0].key, w->key, CONF_TEXT_MAX);
    pairs->n = 1;
}

/* --- Realm and shared secrets --- */

void import_take_realm(struct work *w)
{
    enum { REALM_MAX = 127 };
    conf_text realm;
    if (strlen(w->value) > REALM_MAX || strpbrk(w->value, "\"\\") ||
        !import_text(w->value, realm)) {
        import_say(w, IMPORT_WRONG, true,
                   "A realm has 1 to 127 bytes of UTF-8 without quotation marks and backslashes; "
                   "the default was left.");
        return;
    }
    memcpy(w->out->conf.realm, realm, sizeof(realm));
    w->says_realm = true;
}

void import_take_secret_flag(struct work *w)
{
    w->secret_flag = w->is_on ? w->entry : NULL;
    w->uses_secret |= w->is_on;
}

static bool is_one_word(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == 0x7f)
            return false;
    return true;
}

static bool is_known(const struct import *i, const char *text, size_t n)
{
    for (size_t k = 0; k < i->n_secrets; k++)
        if (i->secrets[k].len == n && memcmp(i->secrets[k].bytes, text, n) == 0)
            return true;
    return false;
}

void import_take_secret(struct work *w)
{
    struct import *i = w->out;
    size_t n = strlen(w->value);
    w->uses_secret = true;
    if (n < IMPORT_SECRET_MIN || n > IMPORT_SECRET_MAX || !is_one_word(w->value)) {
        import_say(w, IMPORT_NONE, true,
                   "A secret has 16 to 512 bytes without blanks here, so that it cannot be "
                   "guessed: make one by drehkreuz secret new, and enter it in the platform.");
        return;
    }
    if (is_known(i, w->value, n)) {
        import_say(w, IMPORT_TAKEN, false, "The same again.");
        return;
    }
    if (i->n_secrets == IMPORT_SECRETS_MAX) {
        import_say(w, IMPORT_NONE, true, "There is room for 16 secrets.");
        return;
    }
    w->entry->is_secret = true;
    memcpy(i->secrets[i->n_secrets].bytes, w->value, n);
    i->secrets[i->n_secrets++].len = n;
}

/* --- Users --- */

static struct conf_user *find_user(struct conf_users *users, const char *name)
{
    for (size_t i = 0; i < users->n; i++)
        if (strcmp(users->v[i].name, name) == 0)
            return &users->v[i];
    return NULL;
}

static bool read_user(const char *value, struct conf_user *ret)
{
    const char *colon = strchr(value, ':');
    size_t n = colon ? (size_t)(colon - value) : 0;
    conf_text name = {0};
    if (n == 0 || n >= sizeof(name) || !colon[1])
        return false;
    memcpy(name, value, n);
    return import_text(name, ret->name) && import_text(colon + 1, ret->password);
}

void import_take_user(struct work *w)
{
    struct conf_users *users = &w->out->conf.users;
    struct conf_user user = {0};
    if (!read_user(w->value, &user)) {
        import_say(w, IMPORT_WRONG, true,
                   "Expected NAME:PASSWORD, both UTF-8 and shorter than 256 bytes.");
        return;
    }
    struct conf_user *old = find_user(users, user.name);
    if (strncmp(user.password, "0x", 2) == 0)
        import_say(w, IMPORT_NONE, true,
                   "A key, which no password can be made of: give the user a password in users, "
                   "or put the key into Redis and set redis_users.");
    else if (!old && users->n == CONF_LIST_MAX)
        import_say(w, IMPORT_NONE, true,
                   "There is room for 64 users; more of them belong into Redis, see redis_users.");
    else if (old)
        memcpy(old, &user, sizeof(user));
    else {
        w->user_entries[users->n] = w->entry;
        memcpy(&users->v[users->n++], &user, sizeof(user));
    }
    memset(&user, 0, sizeof(user));
}

/* --- Redis --- */

struct redis {
    conf_text host;
    conf_text port;
    conf_text db;
    conf_text user;
    conf_text password;
    conf_text tls;
    conf_text ca;
    conf_text ignored;
    bool is_more; /* something that has no counterpart */
};

/* The field that a word of the connection string goes to. */
static char *field(struct redis *r, const char *key)
{
    const struct {
        const char *key;
        char *to;
    } rows[] = {
        {"ip", r->host},         {"host", r->host},       {"hostaddr", r->host},
        {"addr", r->host},       {"ipaddr", r->host},     {"port", r->port},
        {"dbname", r->db},       {"db", r->db},           {"database", r->db},
        {"user", r->user},       {"username", r->user},   {"password", r->password},
        {"pwd", r->password},    {"passwd", r->password}, {"secret", r->password},
        {"tls", r->tls},         {"ca", r->ca},           {"connect_timeout", r->ignored},
        {"timeout", r->ignored},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (strcmp(rows[i].key, key) == 0)
            return rows[i].to;
    return NULL;
}

static bool read_word(char *word, struct redis *ret)
{
    char *equals = strchr(word, '=');
    if (!equals)
        return false;
    *equals = '\0';
    char *to = field(ret, word);
    if (!to)
        ret->is_more = true;
    return !to || import_text(equals + 1, to);
}

static bool read_string(const char *value, struct redis *ret)
{
    char copy[IMPORT_LINE_MAX + 1];
    char *rest = NULL;
    memcpy(copy, value, strlen(value) + 1);
    bool ok = true;
    for (char *word = strtok_r(copy, " \t", &rest); ok && word; word = strtok_r(NULL, " \t", &rest))
        ok = read_word(word, ret);
    memset(copy, 0, sizeof(copy));
    return ok;
}

/* host:port, [v6]:port, or the path of a socket. */
static bool place(const struct redis *r, conf_text ret)
{
    struct addr a;
    const char *host = r->host[0] ? r->host : "127.0.0.1";
    const char *port = r->port[0] ? r->port : "6379";
    bool is_v6 = import_ip(host, &a) && a.family == ADDR_V6 && host[0] != '[';
    bool is_path = host[0] == '/';
    const char *parts[] = {is_v6 ? "[" : "", host, is_v6 ? "]" : "", is_path ? "" : ":",
                           is_path ? "" : port};
    size_t n = 0;
    memset(ret, 0, CONF_TEXT_MAX);
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        size_t more = strlen(parts[i]);
        if (more >= CONF_TEXT_MAX - n)
            return false;
        memcpy(ret + n, parts[i], more);
        n += more;
    }
    return true;
}

/* Without TLS, the path of an authority means nothing. */
static bool fill(const struct redis *r, struct conf *c)
{
    enum { DB_MAX = 65535, NAME_MAX_BYTES = 127 };
    int64_t db = 0;
    if (!place(r, c->redis) || strlen(r->user) > NAME_MAX_BYTES)
        return false;
    if (r->db[0] && (!import_number(r->db, &db) || db > DB_MAX))
        return false;
    c->redis_db = db;
    c->redis_tls = r->tls[0] && !strchr("0nNfF", r->tls[0]) && strcmp(r->tls, "off") != 0;
    memcpy(c->redis_user, r->user, CONF_TEXT_MAX);
    memcpy(c->redis_password, r->password, CONF_TEXT_MAX);
    if (c->redis_tls)
        memcpy(c->redis_ca, r->ca, CONF_TEXT_MAX);
    return true;
}

static void forget(struct conf *c)
{
    memset(c->redis, 0, sizeof(c->redis));
    memset(c->redis_user, 0, sizeof(c->redis_user));
    memset(c->redis_password, 0, sizeof(c->redis_password));
    memset(c->redis_ca, 0, sizeof(c->redis_ca));
    c->redis_db = 0;
    c->redis_tls = false;
}

void import_take_redis(struct work *w)
{
    struct conf *c = &w->out->conf;
    struct redis r = {0};
    struct conf_error err;
    forget(c);
    bool ok = read_string(w->value, &r) && fill(&r, c) && conf_check(c, &err) == 0;
    if (!ok) {
        forget(c);
        import_say(w, IMPORT_WRONG, true,
                   "Expected ip=..., port=..., dbname=NUMBER, user=... and password=..., with "
                   "blanks between them; set redis yourself.");
    } else if (r.is_more) {
        import_say(w, IMPORT_CHANGED, true,
                   "Taken but for words that have no counterpart; see redis_tls and redis_ca.");
    }
    w->redis_entry = ok ? w->entry : NULL;
    memset(&r, 0, sizeof(r));
}

/* --- All together --- */

/* Beside a shared secret coturn looks at no user, so none is let in here that was not there. */
static void drop_users(struct work *w)
{
    struct conf_users *users = &w->out->conf.users;
    for (size_t i = 0; i < users->n; i++)
        import_amend(w->user_entries[i], IMPORT_NONE, false,
                     "Left out, since coturn looks at no user beside use-auth-secret; here both "
                     "may count: add it to users if it should.");
    memset(users, 0, sizeof(*users));
}

static void note_realm(struct work *w)
{
    const struct import_entry note = {
        .key = "realm",
        .option = "realm",
        .verdict = IMPORT_CHANGED,
        .by_hand = w->redis_entry != NULL,
        .text = w->redis_entry ? "Coturn takes the host's domain; the keys in Redis carry it, so "
                                 "set it."
                               : "Coturn takes the host's domain; here it is \"turn\", which no "
                                 "platform minds."};
    if (!w->says_realm)
        import_note(w, &note);
}

static void note_nobody(struct work *w)
{
    const struct import_entry note = {
        .key = "static-auth-secret",
        .verdict = IMPORT_CHANGED,
        .by_hand = true,
        .text = "No secret and no user was taken, so nobody would be served: make a secret by "
                "drehkreuz secret new. What coturn has in its own database is shown by turnadmin "
                "-S and turnadmin -l."};
    const struct import *i = w->out;
    if (i->n_secrets || i->conf.users.n || w->redis_entry)
        return;
    import_amend(w->secret_flag, IMPORT_CHANGED, true,
                 "On without being asked, but no secret was taken; see below.");
    import_note(w, &note);
}

void import_finish_credentials(struct work *w)
{
    struct conf *c = &w->out->conf;
    if (w->uses_secret)
        drop_users(w);
    c->redis_users = w->redis_entry && !w->uses_secret;
    note_realm(w);
    note_nobody(w);
}
