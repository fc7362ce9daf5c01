"""Each rule catches what it is for, and leaves the right form alone."""

import pytest

import rules
from source import Tree

LONG = "/* x */\nstatic int f(void)\n{\n" + "    g();\n" * 70 + "}\n"
DEEP = """/* x */
static int f(int a)
{
    for (;;) {
        if (a) {
            while (a) {
                if (a > 1)
                    return 1;
            }
        }
    }
}
"""
README = "| room | job |\n|---|---|\n| base | x |\n| wire | x |\n\n| field |\n"

# rule, path, violating text, right text
CASES = [
    (rules.includes, "relay/wire/a.c", '#include "turn/turn.h"', '#include "base/span.h"'),
    (rules.includes, "relay/net/a.c", '#include "turn/quota.h"', '#include "turn/turn.h"'),
    (rules.includes, "relay/auth/a.c", '#include "config/conf.h"', '#include "crypto/crypto.h"'),
    (rules.libraries, "relay/turn/a.c", "#include <openssl/evp.h>", "#include <errno.h>"),
    (rules.libraries, "relay/net/stream.c", "#include <openssl/ssl.h>", "#include <errno.h>"),
    (rules.libraries, "relay/net/tls.c", "#include <openssl/evp.h>", "#include <openssl/ssl.h>"),
    (rules.libraries, "relay/main/a.c", "#include <event2/event.h>", "#include <sys/socket.h>"),
    (rules.libraries, "relay/config/conf_x.c", "#include <libconfig.h>", "#include <stdio.h>"),
    (rules.private_headers, "relay/main/a.c", '#include "turn/turn_int.h"',
     '#include "turn/turn.h"'),
    (rules.private_headers, "tests/unit/net/a.c", '#include "auth/auth_int.h"',
     '#include "net/net_int.h"'),
    (rules.sizes, "relay/base/a.c", "/* x */\n" + "\n" * 500, "/* x */\n"),
    (rules.sizes, "relay/base/a.c", LONG, LONG.replace("    g();\n", "", 10)),
    (rules.sizes, "relay/base/a.c", "int f(int a, int b, int c, int d, int e,\n      int g)\n{\n}\n",
     "int f(int a, int b, int c, int (*d)(int, int), int e)\n{\n}\n"),
    (rules.sizes, "relay/base/a.c", DEEP, DEEP.replace("                if (a > 1)\n", "")),
    (rules.prose, "relay/base/a.c", "int a;\n", "/* What it is for. */\n"),
    (rules.prose, "relay/base/a.c", "/* x */\nint f(void); // y\n",
     '/* see http://x */\nconst char *const u = "http://x";\n'),
    (rules.prose, "README.md", "TO" "DO: all", "done"),
    (rules.mutable_state, "relay/base/a.c", "static int counter;\n", "static const int n = 1;\n"),
    (rules.mutable_state, "relay/base/a.c", "int counter = 3;\n", "int f(int a);\n"),
    (rules.mutable_state, "relay/base/a.c", 'static const char *names[] = {"a"};\n',
     'static const char *const names[] = {"a"};\n'),
    (rules.mutable_state, "relay/base/a.c", "static struct x {\n    int a;\n} y;\n",
     "struct x {\n    int a;\n};\n"),
    (rules.mutable_state, "relay/base/a.c", "int f(void)\n{\n    static int n;\n    return n++;\n}\n",
     "int f(void)\n{\n    static const int n = 1;\n    return n;\n}\n"),
    (rules.mutable_state, "relay/base/a.c", "static _Thread_local char buf[8];\n",
     "int f(struct x *r, void (*put)(struct y *));\n"),
    (rules.mutable_state, "relay/base/a.c", "static int (*hook)(int);\n",
     "static int (*const table[])(int) = {f, g};\n"),
    (rules.packet_bytes, "relay/turn/a.c", "int f(struct pkt *x)\n{\n    return x->p[0];\n}\n",
     "/* x->p[0] */\n"),
    (rules.calls, "relay/turn/a.c", 'void f(void)\n{\n    printf("x");\n}\n',
     '/* printf("x") */\nconst char *const s = "printf(";\n'),
    (rules.calls, "relay/net/a.c", "x = inet_ntop(a);", "x = addr_parse(a);"),
    (rules.calls, "relay/turn/a.c", "x = malloc(3);", "x = mem_zalloc(3);"),
    (rules.calls, "relay/turn/a.c", "x = time(0);", "x = host->time(0); y = next_time(1);"),
    (rules.constant_time, "relay/turn/a.c", "x = memcmp(a, b, 3);", "x = crypto_equal(a, b, 3);"),
    (rules.constant_time, "relay/wire/stun_auth.c", "x = memcmp(a, b, 3);", "x = 1;"),
    (rules.machine_paths, "README.md", "see /ho" "me/me/x", "see /etc/drehkreuz"),
]


def found(rule, path, text, **more):
    return list(rule(Tree({path: text}, **more)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0].__name__)
def test_rule(case):
    rule, path, wrong, right = case
    assert found(rule, path, wrong), "the violation went unnoticed"
    assert not found(rule, path, right), "the right form was reported"


def test_top_level():
    assert found(rules.top_level, "notes.txt", "")
    assert found(rules.top_level, "README.md", "", folders=["scripts"])
    assert not found(rules.top_level, "relay/a.c", "", folders=["relay", ".ci"])


def test_own_header_first():
    files = {"relay/base/a.h": "", "relay/base/a.c": '#include <errno.h>\n#include "base/a.h"\n'}
    assert list(rules.own_header_first(Tree(files)))
    files["relay/base/a.c"] = '#include "base/a.h"\n#include <errno.h>\n'
    assert not list(rules.own_header_first(Tree(files)))


def test_rooms_documented():
    files = {"relay/README.md": README, "relay/base/a.c": "", "relay/wire/a.c": ""}
    assert not list(rules.rooms_documented(Tree(files)))
    assert list(rules.rooms_documented(Tree(files | {"relay/turn/a.c": ""})))
    del files["relay/wire/a.c"]
    assert list(rules.rooms_documented(Tree(files)))


def test_events_documented():
    files = {"relay/base/events.h": 'X(EVENT_A, 6, "reload-refused", "text")',
             "conf/drehkreuz.8": ".B reload\\-refused\n"}
    assert not list(rules.events_documented(Tree(files)))
    files["conf/drehkreuz.8"] = ".B reloaded\n"
    assert list(rules.events_documented(Tree(files)))
