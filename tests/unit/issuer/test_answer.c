/* Requests as bytes, answers as bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "issuer/issuer_int.h"
#include "local/local.h"

enum { NOW = 1700000000 };

#define KEY "key-of-sixteen-b"
#define EXPIRES "1700086400"
/* base64(HMAC-SHA1("n0rth-secret-0123456789abcdef", "1700086400:al\"ice")), by another program. */
#define PASSWORD "32mZLZCKyqecyb59KlkcfoRx7vQ="
#define BARE "Q+rnzGpT0BCVSfzJjBx74QETqM0="

static const char *const uris[] = {"turn:turn.example.org:3478?transport=udp", "stun:x"};
static struct auth_secrets secrets;
static const struct issuer_conf conf = {"127.0.0.1:1", KEY, "", uris, 2, 86400, &secrets};

static uint8_t answer[ANSWER_MAX];

static const char *http(struct span request)
{
    struct writer out = w_over(answer, sizeof(answer) - 1);
    uint8_t *copy = malloc(request.n + 1); /* so that a byte too far is noticed */
    memcpy(copy, request.p, request.n);
    answer_http(&conf, span_of(copy, request.n), NOW, &out);
    free(copy);
    assert_false(out.bad);
    answer[out.n] = 0;
    return (const char *)answer;
}

static const char *get(const char *query)
{
    char text[4096] = "GET ";
    strcat(strcat(text, query), " HTTP/1.1\r\nHost: x\r\n\r\n");
    return http(span_text(text));
}

static const char *line(const char *text)
{
    struct writer out = w_over(answer, sizeof(answer) - 1);
    answer_line(&conf, span_text(text), NOW, &out);
    answer[out.n] = 0;
    return (const char *)answer;
}

static void expect_status(const char *got, const char *status)
{
    char want[64] = "HTTP/1.1 ";
    strcat(want, status);
    if (strncmp(got, want, strlen(want)) != 0)
        fail_msg("expected %s, got %.60s", want, got);
    const char *body = strstr(got, "\r\n\r\n");
    const char *length = strstr(got, "Content-Length: ");
    assert_true(body && length && length < body);
    assert_int_equal(strtoul(length + 16, NULL, 10), strlen(body + 4));
}

static void t_good(void **state)
{
    (void)state;
    const char *got = get("/?service=turn&username=al%22ice&key=" KEY);
    expect_status(got, "200 ");
    assert_non_null(strstr(got, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(got, "\r\nCache-Control: no-store\r\n"));
    assert_string_equal(strstr(got, "\r\n\r\n") + 4,
                        "{\"username\": \"" EXPIRES ":al\\\"ice\", \"password\": \"" PASSWORD
                        "\", \"ttl\": 86400, \"uris\": [\"turn:turn.example.org:3478?transport="
                        "udp\", \"stun:x\"]}\n");
    /* Janus says api for key; order and what else is asked do not matter. */
    expect_status(get("/?api=" KEY "&ttl=5&service=turn&username=al%22ice"), "200 ");
    assert_non_null(strstr((char *)answer, PASSWORD));
    expect_status(get("/?service=turn&key=" KEY), "200 ");
    assert_non_null(strstr((char *)answer, "\"" EXPIRES "\", \"password\": \"" BARE "\""));
    expect_status(get("/?service=t%75rn&key=%6bey-of-sixteen-b&username=%C3%A4"), "200 ");
}

static void t_statuses(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        const char *status;
    } rows[] = {
        {"/?service=turn&username=a", "403 "},
        {"/?service=turn&username=a&key=", "403 "},
        {"/?service=turn&username=a&key=key-of-sixteen-c", "403 "},
        {"/?service=turn&username=a&key=key-of-sixteen-", "403 "},
        {"/?service=turn&username=a&key=key-of-sixteen-bb", "403 "},
        {"/?service=turn&username=a&Key=" KEY, "403 "},
        {"/?service=stun&username=a&key=bad", "403 "},
        {"/", "403 "},
        {"/?", "403 "},
        {"/?service=stun&username=a&key=" KEY, "400 "},
        {"/?service=turns&key=" KEY, "400 "},
        {"/?key=" KEY, "400 "},
        {"/?service=turn&username=a%20b&key=" KEY, "400 "},
        {"/?service=turn&username=a+b&key=" KEY, "400 "},
        {"/?service=turn&username=a%0ab&key=" KEY, "400 "},
        {"/?service=turn&username=a%7f&key=" KEY, "400 "},
        {"/?service=turn&username=a%00b&key=" KEY, "400 "},
        {"/?service=turn&username=%c3&key=" KEY, "400 "},
        {"/?service=turn&username=%c0%af&key=" KEY, "400 "},
        {"/?service=turn&username=%ed%a0%80&key=" KEY, "400 "},
        {"/?service=turn&username=%f4%90%80%80&key=" KEY, "400 "},
        {"/?service=turn&username=%f0%9f%98%80&key=" KEY, "200 "},
        {"/?service=turn&username=%&key=" KEY, "400 "},
        {"/?service=turn&username=%4&key=" KEY, "400 "},
        {"/?service=turn&username=%4g&key=" KEY, "400 "},
        {"/?service=turn&key=" KEY "&username=%4", "400 "},
        {"/?service=turn&key=" KEY "&username=%41", "200 "},
        {"/x?service=turn&key=" KEY, "404 "},
        {"//?service=turn&key=" KEY, "404 "},
        {"x", "404 "},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        expect_status(get(rows[i].query), rows[i].status);
    struct writer out = w_over(answer, sizeof(answer) - 1);
    answer_http_too_long(&out);
    answer[out.n] = 0;
    expect_status((char *)answer, "431 ");
}

static void t_methods_and_noise(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        const char *status;
    } rows[] = {
        {"POST /?service=turn&key=" KEY " HTTP/1.1\r\n\r\n", "405 "},
        {"get /?service=turn&key=" KEY " HTTP/1.1\r\n\r\n", "405 "},
        {"GET /?service=turn&key=" KEY " HTTP/1.0\r\n\r\n", "200 "},
        {"GET /?service=turn&key=" KEY " HTTP/2\r\n\r\n", "400 "},
        {"GET /?service=turn&key=" KEY "\r\n\r\n", "400 "},
        {"GET  HTTP/1.1\r\n\r\n", "400 "},
        {"\r\n\r\n", "400 "},
        {"", "400 "},
        {"   ", "400 "},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        expect_status(http(span_text(rows[i].request)), rows[i].status);
    /* Any byte changed: still one answer, and never one without the key. */
    char text[] = "GET /?service=turn&username=a&key=" KEY " HTTP/1.1\r\n\r\n";
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        for (int byte = 0; byte < 256; byte += 5) {
            char kept = text[i];
            text[i] = (char)byte;
            bool has_key = memmem(text, sizeof(text), "=" KEY " ", sizeof(KEY) + 1) != NULL;
            const char *got = http(span_of(text, sizeof(text) - 1));
            assert_memory_equal(got, "HTTP/1.1 ", 9);
            assert_true(has_key || strncmp(got, "HTTP/1.1 200", 12) != 0);
            text[i] = kept;
        }
}

static void t_longest(void **state)
{
    (void)state;
    char query[LOCAL_REQUEST_MAX] = "/?service=turn&key=" KEY "&username=";
    size_t n = strlen(query);
    memset(query + n, '"', 497); /* with the time and a colon 508 */
    expect_status(get(query), "200 ");
    query[n + 497] = '"';
    expect_status(get(query), "400 ");
    static char long_uri[ISSUER_TEXT_MAX + 1];
    static const char *many[ISSUER_URIS_MAX];
    memset(long_uri, 'x', ISSUER_TEXT_MAX);
    for (size_t i = 0; i < ISSUER_URIS_MAX; i++)
        many[i] = long_uri;
    const struct issuer_conf wide = {"",      KEY, "", many, ISSUER_URIS_MAX, INT64_C(315360000),
                                     &secrets};
    struct writer out = w_over(answer, sizeof(answer));
    char text[LOCAL_REQUEST_MAX] = "GET ";
    query[n + 497] = 0;
    strcat(strcat(text, query), " HTTP/1.1\r\n\r\n");
    answer_http(&wide, span_text(text), NOW, &out);
    assert_false(out.bad);
    assert_memory_equal(answer, "HTTP/1.1 200", 12);
}

static void t_line(void **state)
{
    (void)state;
    assert_string_equal(line("al\"ice"), EXPIRES ":al\"ice " PASSWORD " 86400\n");
    assert_string_equal(line(""), EXPIRES " " BARE " 86400\n");
    assert_string_equal(line("a b"), "");
    assert_string_equal(line("a\tb"), "");
    assert_string_equal(line("\xc3"), "");
    char longest[510] = {0};
    memset(longest, 'x', 509);
    assert_string_equal(line(longest), "");
}

static void t_without_a_secret(void **state)
{
    (void)state;
    struct auth_secrets kept = secrets;
    secrets.v[0].not_after = NOW - 1;
    expect_status(get("/?service=turn&username=a&key=" KEY), "503 ");
    assert_string_equal(line("a"), "");
    secrets.n = 0;
    expect_status(get("/?service=turn&username=a&key=" KEY), "503 ");
    expect_status(get("/?service=turn&username=a&key=bad"), "403 ");
    secrets = kept;
}

static int set_up(void **state)
{
    (void)state;
    static const char text[] = "n0rth-secret-0123456789abcdef";
    struct auth_secret one = {.id = "one", .len = sizeof(text) - 1};
    memcpy(one.bytes, text, sizeof(text) - 1);
    return auth_secrets_add(&secrets, &one, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_good),
        cmocka_unit_test(t_statuses),
        cmocka_unit_test(t_methods_and_noise),
        cmocka_unit_test(t_longest),
        cmocka_unit_test(t_line),
        cmocka_unit_test(t_without_a_secret),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
