/* Who may relay. A snapshot of static users and shared secrets, immutable once built, that answers
 * look-ups without touching anything outside itself. */
#ifndef RELAY_AUTH_AUTH_H
#define RELAY_AUTH_AUTH_H

#include "base/span.h"
#include "crypto/crypto.h"

enum auth_limit {
    AUTH_SECRETS_MAX = 16,
    AUTH_SECRET_MIN = 16, /* bytes of a shared secret */
    AUTH_SECRET_MAX = 512,
    AUTH_ID_MAX = 32,
    AUTH_NAME_MAX = 508,
    AUTH_ERROR_TEXT = 256,
    AUTH_WORDS_MAX = AUTH_SECRET_MAX + 48, /* `not-before not-after secret` with its NUL */
    AUTH_REVOKED_MAX = 4096,               /* names */
    AUTH_REVOKED_FORMS = 2,                /* of one name, see auth_revoked_names */
    AUTH_REVOKED_TEXT = 2 * SHA256_LEN + 1,
};

/* One shared secret of the TURN REST scheme (draft-uberti-behave-turn-rest-00). */
struct auth_secret {
    char id[AUTH_ID_MAX + 1]; /* [a-z0-9-], chosen by the operator, safe to show */
    int64_t not_before;       /* Unix seconds; in force from this second on */
    int64_t not_after;        /* Unix seconds; in force up to this second, 0 = for ever */
    uint16_t len;
    uint8_t bytes[AUTH_SECRET_MAX];
};

struct auth_user {
    const char *name;
    const char *password;
};

/* A static user of whom only keys are known. The name is as it comes on the wire. */
struct auth_keyed_user {
    char name[AUTH_NAME_MAX + 1];
    bool has_md5;
    bool has_sha256;
    uint8_t md5[MD5_LEN];
    uint8_t sha256[SHA256_LEN];
};

/* A user name that is let in no more, as its SHA-256: of the bytes that come on the wire. */
struct auth_revoked {
    uint8_t name[SHA256_LEN];
    int64_t until; /* Unix seconds, the last one of the revocation */
};

/* Zero is an empty one. Sorted by name and none twice, but for what auth_revocations_add has
 * appended since auth_revocations_sort. */
struct auth_revocations {
    struct auth_revoked *v; /* owned */
    size_t n;               /* up to AUTH_REVOKED_MAX */
    size_t cap;
};

struct auth_conf {
    const char *realm;
    const struct auth_user *users; /* static users; names and passwords are UTF-8 */
    size_t n_users;
    int64_t max_ttl; /* seconds a time-limited credential may reach into the future, 0 = any */
    /* NULL, or a snapshot of the same realm whose static users are taken over, keys and all; users
     * is not looked at then. So new secrets need no passwords in memory. */
    const struct auth_snapshot *keep;
    /* Further static users; they are never taken over by keep. A name that one of the users above,
     * or an earlier one of these, has already is passed over. */
    const struct auth_keyed_user *keyed;
    size_t n_keyed;
    const struct auth_revocations *revoked; /* NULL = none */
};

/* A set of secrets as a file store holds it. */
struct auth_secrets {
    struct auth_secret v[AUTH_SECRETS_MAX];
    size_t n;
};

/* What went wrong, in a sentence for the operator: file and line, never a value. */
struct auth_error {
    char text[AUTH_ERROR_TEXT];
};

struct auth_snapshot;

/* Copies everything it needs; secrets may be NULL. Names and passwords are prepared (RFC 8265
 * OpaqueString), and only keys are kept. NULL with *err filled: out of memory, a name, password or
 * realm that is empty or not UTF-8, a realm that is not in normal form C, a name that stands there
 * twice. */
struct auth_snapshot *auth_snapshot_new(const struct auth_conf *conf,
                                        const struct auth_secrets *secrets, struct auth_error *err);
/* Wipes the keys. Accepts NULL. */
void auth_snapshot_free(struct auth_snapshot *s);
size_t auth_snapshot_users(const struct auth_snapshot *s);
size_t auth_snapshot_secrets(const struct auth_snapshot *s);
size_t auth_snapshot_revoked(const struct auth_snapshot *s);
/* Whether some user has no SHA-256 key, so that SHA-256 must not be offered to anybody. */
bool auth_snapshot_md5_only(const struct auth_snapshot *s);

/* A user's value as coturn keeps it: 32 hex digits are the MD5 key, 64 the SHA-256 key, anything
 * else is the password, of which both keys are made. 0, -EINVAL when empty or with a NUL inside,
 * -E2BIG, -EILSEQ when not UTF-8, -EIO, -ENOMEM. */
int auth_keyed_user_read(struct crypto *crypto, const char *realm, struct span name,
                         struct span value, struct auth_keyed_user *ret);

struct auth_query {
    struct span user; /* USERNAME, or a USERHASH of 32 bytes */
    bool is_hash;
    bool sha256;
    bool ignore_expiry;
    unsigned nth;
    int64_t now; /* Unix seconds */
};

struct auth_found {
    uint8_t key[DIGEST_MAX];
    size_t key_len;
    struct span account; /* static user: the name, inside query.user or, for a hash, inside the
                          * snapshot; time-limited: the text behind the first colon, empty when
                          * there is none (Prosody gives strangers equal names) */
};

/* The nth key that may belong to the name: a static user's first (a second one where SASLprep makes
 * another password of it, RFC 5389; none where the wanted kind of key is not known), then one for
 * each secret in force. A name is good up to and
 * including its second. ignore_expiry passes over the ends of names and of secrets, since calls
 * outlive both. 0, -ENOENT, or -EKEYEXPIRED when a time-limited name is over and nothing else
 * matches it; -EKEYREVOKED, whatever nth is, when the name is revoked. A USERHASH can be compared
 * with the list when a user of the snapshot has it; any other one, which may be a time-limited
 * name's, is -EKEYREVOKED while some name is revoked. Reads the snapshot only; crypto is the
 * calling thread's. */
int auth_find(const struct auth_snapshot *s, struct crypto *crypto, const struct auth_query *query,
              struct auth_found *ret);

/* Leading decimal digits of a time-limited user name, up to the first colon or the end. false for
 * anything else: signs, spaces, empty, more than 20 digits, more than INT64_MAX. */
bool auth_expiry(struct span user, int64_t *ret_expiry, struct span *ret_account);

/* --- Revoked names --- */

/* The hashes under which a name is revoked: as given, and as clients that prepare it (RFC 8265)
 * send it, where that differs. Their number; -EINVAL when empty, -E2BIG, -ENOMEM, -EIO. */
int auth_revoked_names(const char *name, uint8_t ret[AUTH_REVOKED_FORMS][SHA256_LEN]);
/* From 64 hex digits (no capital ones) and Unix seconds. 0 or -EINVAL. */
int auth_revoked_read(struct span name, struct span until, struct auth_revoked *ret);
/* The 64 hex digits. */
void auth_revoked_text(const struct auth_revoked *one, char ret[AUTH_REVOKED_TEXT]);

/* Appends. 0, -ENOSPC or -ENOMEM. */
int auth_revocations_add(struct auth_revocations *list, const struct auth_revoked *one);
/* Of a name that stands there twice, the later end counts. */
void auth_revocations_sort(struct auth_revocations *list);
/* NULL when it is not there. */
const struct auth_revoked *auth_revocations_find(const struct auth_revocations *list,
                                                 const uint8_t name[SHA256_LEN]);
/* False when it was not there. */
bool auth_revocations_remove(struct auth_revocations *list, const uint8_t name[SHA256_LEN]);
/* Both together without those that are over; *ret is replaced. 0, -ENOSPC or -ENOMEM. */
int auth_revocations_join(const struct auth_revocations *a, const struct auth_revocations *b,
                          int64_t now, struct auth_revocations *ret);
bool auth_revocations_equal(const struct auth_revocations *a, const struct auth_revocations *b);
/* Wipes, and leaves an empty one. */
void auth_revocations_clear(struct auth_revocations *list);

/* --- The file store, mode 0600: one line per secret, `id not-before not-after secret`, or per
 * revoked name, `!HASH UNTIL`. --- */

/* 0, or -errno with *err filled; a missing file is -ENOENT. Refuses files that others can read.
 * *ret_revoked, which may be NULL, is replaced. */
int auth_file_load(const char *path, struct auth_secrets *ret, struct auth_revocations *ret_revoked,
                   struct auth_error *err);
/* Replaces the file atomically (write, fsync, rename; mode 0600, owner and group kept; comments
 * are kept, before all else). revoked may be NULL. 0 or -errno with *err filled. */
int auth_file_save(const char *path, const struct auth_secrets *secrets,
                   const struct auth_revocations *revoked, struct auth_error *err);
/* Adds a secret from its words, `not-before not-after secret`. 0, -EINVAL, -EEXIST or -ENOSPC with
 * *err filled. */
int auth_secrets_read(struct auth_secrets *secrets, struct span id, struct span words,
                      struct auth_error *err);
/* The words of a secret. Returns their length; wipe them. */
int auth_secret_words(const struct auth_secret *one, char ret[AUTH_WORDS_MAX]);
/* Overwrites the secrets. */
void auth_secrets_wipe(struct auth_secrets *secrets);

/* Adds, or answers -EEXIST / -ENOSPC / -EINVAL with *err filled. err may be NULL here and above. */
int auth_secrets_add(struct auth_secrets *secrets, const struct auth_secret *one,
                     struct auth_error *err);
/* NULL when there is none. */
struct auth_secret *auth_secrets_find(struct auth_secrets *secrets, const char *id);
/* A new random secret: 32 bytes of randomness as 64 hex digits. */
void auth_secret_generate(struct auth_secret *one);

/* A time-limited credential of the first secret that is in force now and outlives it, or else of
 * the first that is in force. 0, -ENOENT when there is none, -EINVAL for a name that is too long or
 * a negative expiry, -ENOMEM, -EIO. */
struct auth_issue {
    const char *name; /* the part behind the colon; "" = bare timestamp */
    int64_t expiry;   /* Unix seconds */
    int64_t now;
};

struct auth_credential {
    char user[AUTH_NAME_MAX + 1];
    char password[32];
};

int auth_issue(const struct auth_secrets *secrets, const struct auth_issue *want,
               struct auth_credential *ret);

#endif
