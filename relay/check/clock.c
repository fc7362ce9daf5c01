/* How far the server's clock is from this machine's. It tells strangers no more than yes or no, so
 * credentials with other ends are tried until the border between the two is known. */
#include "check/check.h"

#include <errno.h>

#include "base/clock.h"

enum {
    FIRST = 600,    /* the end of the first credential, seconds from now */
    DOUBLINGS = 19, /* up to ten years */
    FINE = 30,      /* how near the border is found */
    LATE = 120,     /* a credential that ended so long ago is good nowhere */
};

/* Deleting the allocation that is not there: 1 = the credential was good, 0 = it was not, or
 * -errno. */
static int try_end(struct check *c, struct client *client, int64_t from_now)
{
    const struct client_request refresh = {.method = STUN_REFRESH, .login = true, .end = true};
    if (!check_login_until(c, clock_wall() + from_now))
        return 0;
    int r = client_call(client, &refresh);
    if (r < 0)
        return r;
    return r == 0 || r == STUN_ALLOCATION_MISMATCH;
}

/* Any end that it takes; a server may also refuse those too far off (max_credential_ttl). */
static int find_good(struct check *c, struct client *client, int64_t *ret)
{
    int r = 0;
    for (int sign = 1; r == 0 && sign >= -1; sign -= 2) {
        for (int i = 0; r == 0 && i <= DOUBLINGS; i++) {
            *ret = sign * ((int64_t)FIRST << i);
            r = try_end(c, client, *ret);
        }
    }
    return r;
}

/* Credentials that end before the border are refused. */
static bool find_border(struct check *c, struct client *client, int64_t good, int64_t *ret)
{
    int64_t bad = good;
    int r = 1;
    for (int64_t step = FIRST / 2; r == 1 && step <= (int64_t)FIRST << DOUBLINGS; step *= 2) {
        good = bad;
        bad -= step;
        r = try_end(c, client, bad);
    }
    while (r == 0 && good - bad > FINE) {
        int64_t middle = bad + (good - bad) / 2;
        int is_good = try_end(c, client, middle);
        if (is_good < 0)
            return false;
        *(is_good ? &good : &bad) = middle;
    }
    *ret = good;
    return r == 0;
}

bool check_skew(struct check *c, struct client *client, int64_t *ret_ahead)
{
    int64_t good;
    return find_good(c, client, &good) == 1 && find_border(c, client, good, ret_ahead);
}

/* By a client without an allocation: those of an allocation may outlive their credential. */
bool check_clock(struct check *c)
{
    int64_t ahead;
    char span[CHECK_SPAN];
    struct client_login kept = c->login; /* the name of the allocation that lives */
    int r = try_end(c, &c->b, -LATE);
    bool is_behind = r == 1 && find_border(c, &c->b, -LATE, &ahead);
    c->login = kept;
    crypto_wipe(&kept, sizeof(kept));
    if (!is_behind)
        return true;
    check_say(c->found.cause,
              "the server's clock is behind this machine's by about %s, so it takes credentials "
              "that are over",
              check_span(-ahead, span));
    check_say(c->found.remedy, "set both clocks by NTP (timedatectl set-ntp true)");
    return true;
}
