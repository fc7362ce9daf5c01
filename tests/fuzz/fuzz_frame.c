/* Framing, on any bytes: the first byte says in what pieces the rest of them comes, and the
 * messages found must not depend on it. */
#include "fuzz/fuzz.h"
#include "wire/frame.h"

enum { LAST = 64 };

/* What was found: where the messages ended, and how it ended. */
struct found {
    size_t n;
    size_t ends[LAST];
    enum frame_state last;
};

static void find(struct span bytes, size_t piece, struct found *ret)
{
    size_t at = 0;
    size_t have = 0;

    *ret = (struct found){.last = FRAME_MORE};
    while (ret->last != FRAME_BAD && (have < bytes.n || ret->last == FRAME_MESSAGE)) {
        struct frame f = {0, 0};
        if (ret->last == FRAME_MORE)
            have = bytes.n - have < piece ? bytes.n : have + piece;
        ret->last = frame_next(span_of(bytes.p + at, have - at), &f);
        if (ret->last == FRAME_MORE && f.padded > 0)
            FUZZ_CHECK(f.padded > have - at && f.padded <= FRAME_MAX);
        if (ret->last != FRAME_MESSAGE)
            continue;
        FUZZ_CHECK(f.len >= 4 && f.padded >= f.len && f.padded < f.len + 4 && f.padded % 4 == 0);
        FUZZ_CHECK(f.padded <= have - at && f.padded <= FRAME_MAX);
        at += f.padded;
        ret->ends[ret->n++ % LAST] = at;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct found whole;
    struct found pieces;

    if (n < 2)
        return 0;
    struct span bytes = span_of(data + 1, n - 1);
    find(bytes, bytes.n, &whole);
    find(bytes, *data % 32 + 1U, &pieces);
    FUZZ_CHECK(whole.n == pieces.n && whole.last == pieces.last);
    FUZZ_CHECK(memcmp(whole.ends, pieces.ends, sizeof whole.ends) == 0);
    return 0;
}
