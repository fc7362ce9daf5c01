"""What each test of the promise is worth: the server without one of its protections, and the test
that must notice."""

from typing import NamedTuple


class Mutant(NamedTuple):
    test: str  # node id below tests/, or a program of C tests
    removed: str  # in words
    changes: list  # [(file, old text, new text)]
    reason: str  # regular expression that is in the test's words when it fails


T1 = "privacy/test_canary.py::test_nothing_leaves"
T2 = "privacy/test_log_fuzz.py::test_a_million_packets"
T3 = "privacy/test_noninterference.py::"
T4 = "privacy/test_redis_decoupling.py::test_the_trail_is_the_same"
T5 = "privacy/test_memory.py::test_t5_"
T6 = "privacy/test_memory.py::test_t6_"
T7 = "privacy/test_crash.py::"
T8 = "privacy/test_differencing.py::"
T10 = "privacy/test_trace.py::"
T11 = "privacy/test_configuration.py::"
T12 = "privacy/test_binary.py::"

LOG = ('#include "turn/turn_int.h"\n', '#include "turn/turn_int.h"\n#include "base/log.h"\n')
TICK = "    observe_tick(&s->observe, s->net);\n"
COUNT = "struct turn_stats now; net_stats(s->net, &now); "

MUTANTS = [
    Mutant(T1 + "[end]", "a forbidden peer stays out of the log", [
        ("relay/turn/peer.c", '#include "turn/policy.h"\n',
         '#include "turn/policy.h"\n#include "base/log.h"\n'),
        ("relay/turn/peer.c", "        return STUN_FORBIDDEN;\n    return STUN_OK;",
         "    {\n        char text[ADDR_TEXT];\n        log_event(EVENT_FATAL, "
         "EV_TEXT(addr_format(peer, text)));\n        return STUN_FORBIDDEN;\n    }\n"
         "    return STUN_OK;"),
    ], "10.99.66.33"),
    Mutant(T1 + "[crash]", "a client's address is not written down as a number either", [
        ("relay/turn/reply.c", *LOG),
        ("relay/turn/reply.c", "    if (code == STUN_UNKNOWN_ATTRIBUTE)\n",
         "    if (code == STUN_FORBIDDEN)\n        log_event(EVENT_FATAL, EV_NUM((uint32_t)"
         "r->flow->client.ip[0] << 24 | r->flow->client.ip[1] << 16 | r->flow->client.ip[2] << 8 | "
         "r->flow->client.ip[3]));\n    if (code == STUN_UNKNOWN_ATTRIBUTE)\n"),
    ], "2135756069"),
    Mutant(T2, "packets that are none are not talked about", [
        ("relay/turn/engine.c", "    t->stats.dropped_malformed++;\n    return TURN_DROP;\n}",
         "    t->stats.dropped_malformed++;\n    if (t->stats.dropped_malformed % 100 == 0)\n"
         '        dprintf(2, "many malformed packets\\n");\n    return TURN_DROP;\n}'),
    ], "many malformed packets"),
    Mutant(T2, "nor in words of the catalogue", [
        ("relay/turn/engine.c", *LOG),
        ("relay/turn/engine.c", "    t->stats.dropped_malformed++;\n    return TURN_DROP;\n}",
         "    t->stats.dropped_malformed++;\n    if (t->stats.dropped_malformed % 100 == 0)\n"
         "        log_event(EVENT_CAPACITY_NEAR);\n    return TURN_DROP;\n}"),
    ], "capacity-near"),
    Mutant(T3 + "test_without_usage_all_is_the_same", "health does not count clients", [
        ("relay/main/server.c", "        .workers = s->net_conf.workers,",
         "        .workers = ({ " + COUNT + "s->net_conf.workers + (uint32_t)now.allocations; }),"),
    ], "workers"),
    Mutant(T3 + "test_of_usage_there_are_the_sums_alone", "the clock alone says when to speak", [
        ("relay/main/observe.c", "clock_monotonic(), &err))\n        report(o);",
         "clock_monotonic(), &err) || more[0] > 50)\n        report(o);"),
    ], "(?m)log: at "),
    Mutant(T4, "clients bring about no read of Redis", [
        ("relay/redis/source.c", "int64_t redis_source_age(const struct redis_source *s)\n{\n",
         "void redis_source_poke(struct redis_source *s)\n{\n    on_due(0, 0, s);\n}\n\n"
         "int64_t redis_source_age(const struct redis_source *s)\n{\n"),
        ("relay/main/server.c", TICK, TICK + "    " + COUNT +
         "\n    void redis_source_poke(struct redis_source *);\n"
         "    if (now.allocated)\n        redis_source_poke(s->creds.source);\n"),
    ], "HGETALL"),
    Mutant(T8 + "test_presence_and_time_of_a_call[2]", "sums have noise", [
        ("relay/metrics/window.c",
         "o->is_whole ? laplace_draw(&m->source, ledger[i].scale) : 0;", "0;"),
    ], r"can be told: (9\d\.\d|100\.0)%"),
    Mutant(T8 + "test_presence_and_time_of_a_call[2]", "a window is shown once it is over", [
        ("relay/metrics/window.c",
         "        m->open.sum[i] = clamp(m->open.sum[i] + (int64_t)part);",
         "        m->open.sum[i] = clamp(m->open.sum[i] + (int64_t)part);\n        if (m->n)\n"
         "            m->kept[m->n - 1].value[i] = m->open.sum[i];"),
    ], "something changed inside a window|can be told"),
    Mutant(T8 + "test_a_restart_shows_nothing[terminate]", "an open window is lost", [
        ("relay/metrics/window.c", "    mem_free_wiped(m, sizeof(*m));",
         "    struct metrics_error err;\n    if (m) {\n        release(m);\n"
         "        save(m, &err);\n    }\n    mem_free_wiped(m, sizeof(*m));"),
    ], "assert"),
    Mutant(T8 + "test_a_restart_shows_nothing[kill]", "the first window is a whole one", [
        ("relay/metrics/window.c", "open_window(m, wall, mono, wall % m->length == 0);",
         "open_window(m, wall, mono, true);"),
    ], "assert"),
    Mutant("tests/unit_metrics_test_noise", "zero is drawn as often as it should be (T9)", [
        ("relay/metrics/laplace.c", "if (v || !is_negative)", "if (v || is_negative < 2)"),
    ], "FAILED"),
    Mutant(T10 + "test_only_who_agreed", "a trace is of one user", [
        ("relay/turn/trace.c", "&user) && span_eq(user, wanted))", "&user))"),
    ], r"127\.77\.13"),
    Mutant(T10 + "test_it_ends_with_its_minutes", "a trace ends by the clock", [
        ("relay/main/trace.c", "    if (t->until == 0 || clock_monotonic() < t->until)",
         "    if (t->until == 0 || t->client || clock_monotonic() < t->until)"),
    ], "still told"),
    Mutant(T11 + "test_unknown_keys_are_refused[verbose]", "what is unknown is refused", [
        ("relay/config/conf_load.c",
         "r = o ? read_option(l, s, o) : refuse_name(l, s, config_setting_name(s));",
         "r = o ? read_option(l, s, o) : 0;"),
    ], "assert 0 == 2|returncode"),
    Mutant(T11 + "test_no_value_makes_it_tell", "no option makes it tell", [
        ("relay/turn/peer.c", '#include "turn/policy.h"\n',
         '#include "turn/policy.h"\n#include "base/log.h"\n'),
        ("relay/turn/peer.c", "        return STUN_FORBIDDEN;\n    return STUN_OK;",
         "    {\n        char text[ADDR_TEXT];\n        if (r->t->conf->strict_expiry)\n"
         "            log_event(EVENT_FATAL, EV_TEXT(addr_format(peer, text)));\n"
         "        return STUN_FORBIDDEN;\n    }\n    return STUN_OK;"),
    ], "10.99.66.33"),
    Mutant(T12 + "test_what_is_declared_is_what_is_done[standard]", "what is declared is true", [
        ("relay/main/cmd_privacy.c", "rows[i].scale, rows[i].epsilon_milli}",
         "rows[i].scale + 60, rows[i].epsilon_milli}"),
    ], "assert"),
    Mutant(T12 + "test_the_log_cannot_make_an_address_into_text", "the log knows no addresses", [
        ("relay/base/log.c", '#include "base/log.h"\n',
         '#include "base/log.h"\n#include "base/addr.h"\n'),
        ("relay/base/log.c", "    if (arg->kind == EVENT_ARG_NUM)\n",
         "    char text[ADDR_TEXT];\n    if ((int)arg->kind == 7)\n        put_text(l, "
         "addr_format((const void *)arg->text, text));\n    if (arg->kind == EVENT_ARG_NUM)\n"),
    ], "inet_ntop|addr"),
    Mutant(T12 + "test_nothing_is_written_but_windows", "no file is written", [
        ("relay/main/server.c", TICK, TICK + '    close(open("/dev/null", 1));\n'),
    ], "/dev/null"),
]


def hygiene(test, removed, file, old, new=""):
    return Mutant(test, removed, [(file, old, new)], "assert|Error")


MUTANTS += [
    hygiene(T5 + "name_and_password_are_gone[udp]", "slots of datagrams are wiped",
            "relay/net/forget.c", "    arena_forget(&w->arena);\n"),
    hygiene(T5 + "name_and_password_are_gone[tcp]", "where streams are read to is wiped",
            "relay/net/forget.c", "        streams_forget(w->streams);\n",
            "        w->streams->held = 0;\n"),
    hygiene(T5 + "name_and_password_are_gone[dtls]", "so is what the TLS library has decrypted",
            "relay/net/tls_policy.c",
            " |\n                                 SSL_OP_CLEANSE_PLAINTEXT"),
    hygiene(T5 + "name_and_password_are_gone[tls]", "at once, not a second later",
            "relay/net/dispatch.c", "w->has_names |= is_stun", "w->has_names |= false && is_stun"),
    hygiene(T5 + "keys_are_in_guarded_memory_only", "libraries use our heap", "relay/main/main.c",
            "    if (!crypto_use_heap())\n        return EXIT_FAILED;\n"),
    hygiene(T5 + "keys_are_in_guarded_memory_only", "our heap is kept out of dumps",
            "relay/base/pool.c", "MADV_DONTDUMP", "MADV_DODUMP"),
    hygiene("privacy/test_memory.py::test_all_memory_of_ours_is_guarded", "and of forks",
            "relay/base/pool.c", "MADV_WIPEONFORK", "MADV_KEEPONFORK"),
    hygiene(T6 + "nothing_is_left_after_refresh[udp]", "what is given back is wiped",
            "relay/base/pool.c", "    explicit_bzero(p, s->size);\n"),
    hygiene(T6 + "nothing_is_left_after_refresh[udp]", "addresses of datagrams are wiped",
            "relay/net/forget.c", "    arena_forget_names(&w->arena);\n"),
    hygiene(T6 + "nothing_is_left_after_refresh[udp]", "batches are wiped",
            "relay/net/forget.c", "    batch_forget(&w->batch);\n"),
    hygiene(T6 + "nothing_is_left_after_refresh[udp]", "the stack is wiped", "relay/net/forget.c",
            "    mem_wipe_stack(is_time ? MEM_STACK_HANDSHAKE : MEM_STACK_ANSWER);\n"),
    hygiene(T6 + "nothing_is_left_after_refresh[udp]", "the engine's answers are wiped",
            "relay/net/forget.c", "    turn_forget(w->engine);\n"),
    hygiene(T6 + "nothing_is_left_after_close[tcp]", "what was written is wiped",
            "relay/net/stream_write.c", "    explicit_bzero(c->bytes, c->to);\n"),
    hygiene(T6 + "nothing_is_left_of_strangers", "strangers' addresses are wiped",
            "relay/net/dtls.c", "        s->flow = (struct turn_flow){.transport = TURN_DTLS};\n",
            "        (void)s;\n"),
    hygiene(T7 + "test_t7_one_fixed_line[SIGSEGV]", "a crash says one fixed line",
            "relay/main/run.c", "    crash_watch();\n"),
    hygiene(T7 + "test_t7_one_fixed_line[SIGABRT]", "and no other", "relay/main/crash.c",
            '", version " DREHKREUZ_VERSION', '", version " DREHKREUZ_VERSION "-" __FILE__'),
    hygiene(T7 + "test_t7_no_core[SIGSEGV-]", "no core of root's process", "relay/main/privs.c",
            "    if (prctl(PR_SET_DUMPABLE, 0,", "    if (prctl(PR_SET_DUMPABLE, 1,"),
    hygiene(T7 + "test_t7_no_core[SIGABRT-nobody]", "nor of another user's", "relay/main/privs.c",
            "    if (prctl(PR_SET_DUMPABLE, 0,", "    if (prctl(PR_SET_DUMPABLE, 1,"),
    hygiene(T7 + "test_t7_the_process_is_closed[nobody]", "nothing is mapped into a core",
            "relay/main/privs.c", 'write(fd, "0", 1)', 'write(fd, "3", 1)'),
    hygiene(T7 + "test_no_udp_socket_is_connected", "peers are not in the kernel's tables",
            "relay/net/relay_sock.c", "    event_assign(&r->ev, r->worker->base, fd,",
            "    (void)connect(fd, &name.sa, n);\n    event_assign(&r->ev, r->worker->base, fd,"),
]
