/* How long to wait for what. */
#include "redis/redis_int.h"

const struct redis_pace redis_usual_pace = {
    .answer_ms = REDIS_ANSWER_S * 1000,
    .retry_first_ms = REDIS_RETRY_FIRST_MS,
    .retry_last_ms = REDIS_RETRY_LAST_MS,
    .read_ms = REDIS_READ_S * 1000,
    .gather_ms = 200,
    .ping_ms = 10000,
};

unsigned redis_backoff_next(struct redis_backoff *b, const struct redis_pace *pace)
{
    uint32_t random;
    unsigned ms = b->ms ? b->ms * 2 : pace->retry_first_ms;
    b->ms = ms < pace->retry_last_ms ? ms : pace->retry_last_ms;
    crypto_random(&random, sizeof(random));
    return b->ms / 2 + random % (b->ms / 2 + 1);
}
