/* The errors of Redis by their first word. The rest of what it says may hold a key or a name, so it
 * is never passed on. */
#include "redis/redis_int.h"

static const struct {
    const char *word;
    struct redis_trouble means;
} ROWS[] = {
    {"NOAUTH", {REDIS_DENIED, "it asks for a password"}},
    {"WRONGPASS", {REDIS_DENIED, "user or password is wrong, or the user is off"}},
    {"DENIED", {REDIS_DENIED, "its protected mode admits nobody from another machine"}},
    {"NOPERM", {REDIS_NOPERM, "ACL LOG there tells what was forbidden"}},
    {"LOADING", {REDIS_LOADING, "it is loading its data"}},
    {"MASTERDOWN", {REDIS_LOADING, "it is a replica without its master"}},
    {"CLUSTERDOWN", {REDIS_LOADING, "its cluster is down"}},
    {"TRYAGAIN", {REDIS_LOADING, "it is moving keys"}},
    {"BUSY", {REDIS_LOADING, "it is busy with a script"}},
    {"WRONGTYPE", {REDIS_WRONG_TYPE, "a key is of another type"}},
    {"MOVED", {REDIS_CLUSTER, "it names another node"}},
    {"ASK", {REDIS_CLUSTER, "it names another node"}},
    {"CROSSSLOT", {REDIS_CLUSTER, "it names another node"}},
    {"READONLY", {REDIS_LOADING, "it is a replica, which takes no changes"}},
    {"MISCONF", {REDIS_LOADING, "it cannot save to its disk, and so takes no changes"}},
    {"NOREPLICAS", {REDIS_LOADING, "it has too few replicas to take changes"}},
    {"OOM", {REDIS_LOADING, "it is out of memory"}},
};

struct redis_trouble redis_trouble_of(const struct redis_reply *error)
{
    struct span all = redis_reply_span(error);
    const uint8_t *blank = all.n ? memchr(all.p, ' ', all.n) : NULL;
    struct span word = span_of(all.p, blank ? (size_t)(blank - all.p) : all.n);
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++)
        if (span_eq(word, span_text(ROWS[i].word)))
            return ROWS[i].means;
    return (struct redis_trouble){REDIS_LOST, "it refuses a command"};
}
