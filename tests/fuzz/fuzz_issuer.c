/* What any bytes get from the issuer: one whole answer, and a credential only with the key. */
#include "fuzz/fuzz.h"

#include "issuer/issuer_int.h"

#define KEY "key-of-sixteen-b"

static struct auth_secrets secrets;

static void judge_http(const uint8_t *text, size_t n)
{
    static uint8_t answer[ANSWER_MAX];
    static const char *const uris[] = {"turn:turn.example.org"};
    const struct issuer_conf conf = {"", KEY, "", uris, 1, 60, &secrets};
    struct writer out = w_over(answer, sizeof(answer));
    answer_http(&conf, span_of(text, n), 1700000000, &out);
    FUZZ_CHECK(!out.bad && out.n > 12 && memcmp(answer, "HTTP/1.1 ", 9) == 0);
    const uint8_t *body = memmem(answer, out.n, "\r\n\r\n", 4);
    const char *length = memmem(answer, out.n, "Content-Length: ", 16);
    FUZZ_CHECK(body && length);
    size_t left = (size_t)(answer + out.n - body) - 4;
    FUZZ_CHECK(strtoul(length + 16, NULL, 10) == left);
    for (size_t i = 4; i < left + 3; i++)
        FUZZ_CHECK(body[i] >= ' ' && body[i] != 0x7F);
    if (memcmp(answer + 9, "200", 3) == 0) /* its escapes may hide the key, not its last byte */
        FUZZ_CHECK(memmem(text, n, "b", 1) || memmem(text, n, "%62", 3));
}

static void judge_line(const uint8_t *text, size_t n)
{
    static uint8_t answer[ANSWER_MAX];
    const struct issuer_conf conf = {"", KEY, "", NULL, 0, 60, &secrets};
    struct writer out = w_over(answer, sizeof(answer));
    answer_line(&conf, span_of(text, n), 1700000000, &out);
    size_t spaces = 0;
    FUZZ_CHECK(!out.bad && (out.n == 0 || answer[out.n - 1] == '\n'));
    for (size_t i = 0; i + 1 < out.n; i++) {
        FUZZ_CHECK(answer[i] >= ' ' && answer[i] != 0x7F);
        spaces += answer[i] == ' ';
    }
    FUZZ_CHECK(out.n == 0 || spaces == 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct auth_secret one = {.id = "one", .len = 16};
    memset(one.bytes, 's', 16);
    if (secrets.n == 0)
        FUZZ_CHECK(auth_secrets_add(&secrets, &one, NULL) == 0);
    uint8_t *copy = malloc(n ? n : 1); /* just the size, so that a sanitizer sees a step too far */
    if (n)
        memcpy(copy, data, n);
    judge_http(copy, n);
    judge_line(copy, n);
    free(copy);
    return 0;
}
