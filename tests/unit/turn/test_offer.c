/* The challenge: with password algorithms where they are offered, else as RFC 5389 has it. */
#include "turn/turn_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/stun_build.h"

static struct turn_conf conf = {
    .realm = "turn", .limits = {.prefix_v4 = 32, .prefix_v6 = 56}, .times = {600, 3600, 1800}};
static struct turn_shared *shared;
static struct turn *turn;

static int no_relay(struct turn_host *h, const struct turn_relay_want *want)
{
    (void)h;
    (void)want;
    return -1;
}

static void no_close(struct turn_host *h, uint32_t relay)
{
    (void)h;
    (void)relay;
}

static int no_credential(struct turn_host *h, const struct turn_cred_query *query,
                         struct turn_cred *ret)
{
    (void)h;
    (void)query;
    (void)ret;
    return -1;
}

static void no_random(struct turn_host *h, void *ret, size_t n)
{
    (void)h;
    memset(ret, 7, n);
}

static struct turn_host host = {.relay_open = no_relay,
                                .relay_close = no_close,
                                .credential = no_credential,
                                .random = no_random};

/* What an Allocate of this length is answered; long ones carry a SOFTWARE of the client. */
static struct stun_msg ask(size_t software)
{
    static uint8_t buffer[TURN_HEADROOM + 1024];
    static const uint8_t tid[STUN_TID_LEN] = {1};
    static const uint8_t text[512] = "x";
    static const uint8_t udp[4] = {TRANSPORT_UDP};
    static struct turn_out out;
    struct turn_flow flow = {.client = addr_make(ADDR_V4, (uint8_t[]){192, 0, 2, 1}, 1000),
                             .server = addr_make(ADDR_V4, (uint8_t[]){192, 0, 2, 2}, 3478)};
    struct stun_msg m;
    struct writer w = w_over(buffer + TURN_HEADROOM, 900);
    stun_begin(&w, STUN_REQUEST, STUN_ALLOCATE, tid);
    stun_put_bytes(&w, STUN_ATTR_REQUESTED_TRANSPORT, span_of(udp, sizeof(udp)));
    if (software)
        stun_put_bytes(&w, STUN_ATTR_SOFTWARE, span_of(text, software));
    stun_end(&w);
    struct turn_pkt pkt = {buffer + TURN_HEADROOM, w.n};
    assert_int_equal(turn_from_client(turn, &flow, pkt, 1000000, &out), TURN_TO_CLIENT);
    assert_int_equal(stun_parse(out.data, &m), 0);
    assert_true(stun_has(&m, STUN_ATTR_NONCE) && stun_has(&m, STUN_ATTR_REALM));
    return m;
}

static bool offers(size_t software)
{
    struct stun_msg m = ask(software);
    struct span nonce;
    assert_true(stun_get_bytes(&m, STUN_ATTR_NONCE, &nonce));
    assert_int_equal(nonce_offers_algorithms(nonce), stun_has(&m, STUN_ATTR_PASSWORD_ALGORITHMS));
    return stun_has(&m, STUN_ATTR_PASSWORD_ALGORITHMS);
}

static void t_offered_or_not(void **state)
{
    (void)state;
    conf.offer_algorithms = true;
    turn_set_conf(turn, &conf);
    assert_false(offers(0)); /* too short a request for so long an answer */
    assert_true(offers(200));
    conf.offer_algorithms = false;
    turn_set_conf(turn, &conf);
    assert_false(offers(0));
    assert_false(offers(200));
}

static int set_up(void **state)
{
    (void)state;
    const struct turn_shared_conf ports = {{50000, 50009}, 1};
    shared = turn_shared_new(&ports);
    const struct turn_setup setup = {
        .conf = &conf, .shared = shared, .host = &host, .max_relays = 20};
    turn = shared ? turn_new(&setup) : NULL;
    return turn ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    turn_free(turn);
    turn_shared_free(shared);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(t_offered_or_not)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
