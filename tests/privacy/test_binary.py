"""T12. What the program itself says of the promise: what its code can reach, what it declares of
its statistics, which files it opens."""

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from callgraph import Program
from load import Calls
from outputs import Stand
from scene import command
from support.server import ROOT, binary

HOUR = 3600
# Functions that make or send text, and the only files that may use them.
USERS = {
    "inet_ntop": {"base/addr.c"},
    "addr_format": {"config/conf_print.c", "import/metrics.c", "import/relays.c",
                    "main/check_platform.c", "main/check_target.c", "main/cmd_check.c",
                    "main/cmd_privacy.c", "main/cmd_setup.c", "main/issue.c", "main/run.c",
                    "main/server.c", "main/trace.c", "net/net_error.c"},
    "log_event_args": {"main/certs.c", "main/confine.c", "main/control.c", "main/creds.c",
                       "main/issue.c", "main/observe.c", "main/run.c", "main/server.c", "main/site.c",
                       "main/trace.c"},
    # The log, the crash line, the file of windows, secrets and a probe before anybody is served;
    # and the pipe of a consented trace; the file that setup --apply writes for a platform.
    "write": {"base/log.c", "main/crash.c", "metrics/store.c", "auth/file.c", "main/privs.c",
              "net/worker.c", "main/apply_file.c"},
    # Nextcloud's occ, for setup --apply and check --platform.
    "fork": {"main/occ.c"},
    "execve": {"main/occ.c"},
    "fopen": {"net/tls_store.c", "check/ports.c"},
    "sendto": {"check/link.c", "main/notify.c", "net/batch.c"},
}
NOWHERE = {
    "inet_ntoa", "inet_neta", "getnameinfo", "gethostbyaddr", "gethostbyaddr_r", "getpeername",
    "syslog", "vsyslog", "openlog", "perror", "psignal", "psiginfo", "dprintf", "vdprintf", "err",
    "warn", "error", "ERR_print_errors", "ERR_print_errors_fp", "ERR_print_errors_cb",
    "SSL_CTX_set_keylog_callback", "SSL_CTX_set_info_callback", "SSL_CTX_set_msg_callback",
    "BIO_printf", "BIO_dump", "X509_NAME_print_ex", "creat", "openat", "freopen", "tmpfile",
    "system", "popen", "execvp", "posix_spawn", "vfork", "backtrace_symbols_fd",
    "shm_open", "mq_open", "memfd_create",
}
TEXT = {"inet_ntop", "snprintf", "vsnprintf", "printf", "fprintf", "fputs", "fwrite", "puts",
        "strerror", "open", "fopen"}


@pytest.fixture(scope="module")
def program():
    made = Program(binary())
    assert len(made.file) > 500, "built without symbols"
    assert {file.split("/")[0] for file in made.file.values()} >= {"net", "turn", "wire", "main"}
    return made


@pytest.mark.parametrize("name", sorted(USERS))
def test_who_makes_text(program, name):
    users = program.users(name) - {"?"}
    assert users and users <= USERS[name], users - USERS[name]


def test_what_nobody_uses(program):
    used = {to for calls in program.calls.values() for to in calls if isinstance(to, str)}
    assert "sendmmsg" in used, "the calls of libraries are not seen"
    assert not used & NOWHERE


def test_the_server_starts_no_program(program):
    reached = program.reach(program.named("cmd_run"))
    assert "sendmmsg" in reached and not reached & {"fork", "execve"}


def test_the_log_cannot_make_an_address_into_text(program):
    log = program.named("log_event_args")
    assert len(log) == 1
    reached = program.reach(log)
    names = {at for at in reached if isinstance(at, str)}
    assert names <= {"write", "snprintf", "getenv", "strlen", "memset", "__stack_chk_fail"}, names
    assert {program.file.get(at) for at in reached} <= {"base/log.c", None}


def test_who_sees_packets_cannot_make_text(program):
    """Neither the engine nor what it calls; net alone when it cannot listen, of its own address."""
    engine = program.reach(program.of("turn/", "wire/", "crypto/"))
    log = program.named("log_event_args")
    assert log and not engine & log
    assert not engine & (TEXT | {"write"})
    failures = program.of("net/net_error.c")
    net = program.of("net/")
    assert failures < net
    for at in failures:
        program.calls[at] = set()
    reached = program.reach(net)
    assert not reached & log
    assert reached & TEXT <= {"fopen"}, reached & TEXT  # certificates, which the operator named


# --- What is declared ---

LEDGER = r"""
#include "metrics/metrics.h"
#include <stdio.h>
int main(void)
{
    for (int profile = METRICS_STRICT; profile <= METRICS_FLEET; profile++) {
        const struct metrics_conf c = {.profile = profile};
        const struct metrics_entry *e;
        size_t n = metrics_ledger(&c, &e);
        printf("%u %lld", metrics_epsilon_milli(&c), (long long)metrics_window_of(&c));
        for (size_t i = 0; i < n; i++)
            printf(" %s %u %u %u", e[i].name, e[i].clip, e[i].scale, e[i].epsilon_milli);
        printf("\n");
    }
}
"""


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    """profile -> (epsilon, window, rows) as it is compiled."""
    folder = tmp_path_factory.mktemp("ledger")
    (folder / "ledger.c").write_text(LEDGER)
    relay = ROOT / "relay"
    subprocess.run(["cc", "-D_GNU_SOURCE", f"-I{relay}", "-o", folder / "ledger",
                    folder / "ledger.c", *relay.glob("metrics/*.c"), *relay.glob("base/*.c")],
                   check=True, capture_output=True)
    result = {}
    lines = subprocess.run([folder / "ledger"], check=True, capture_output=True, text=True).stdout
    for profile, line in zip(("strict", "standard", "fleet"), lines.splitlines()):
        epsilon, window, *rest = line.split()
        rows = [(rest[i], *map(int, rest[i + 1:i + 4])) for i in range(0, len(rest), 4)]
        result[profile] = int(epsilon), int(window), rows
    return result


@pytest.mark.parametrize("profile", ["strict", "standard", "fleet"])
def test_what_is_declared_is_what_is_done(ledger, profile):
    epsilon, window, rows = ledger[profile]
    assert epsilon <= 1000 and sum(row[3] for row in rows) == epsilon
    with Stand({"metrics_profile": profile, "metrics_window": 0}) as server:
        done = command(server.options, "privacy", "--json")
        said = json.loads(done.stdout)
        stats = json.loads(server.get("/stats.json")[1])["usage"]
        page = server.get("/metrics")[1].decode()
        server.stop()
    assert [(u["name"], u["clip"], u["scale"], u["epsilon_milli"])
            for u in said["released"]] == rows
    assert (said["epsilon_milli"], said["window_seconds"], said["profile"]) == \
        (epsilon, window, profile)
    assert said["publishes"] == (profile != "strict")
    assert [(u["name"], u["clip"], u["noise_scale"], round(u["epsilon"] * 1000))
            for u in stats["ledger"]] == rows
    assert (round(stats["epsilon"] * 1000), stats["window"]) == (epsilon, window)
    each = re.findall(r'^drehkreuz_privacy_epsilon\{metric="\w+"\} (\S+)$', page, re.M)
    assert [round(float(x) * 1000) for x in each] == [row[3] for row in rows]


# --- What is opened ---

WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_APPEND|O_TRUNC")


def opened_for_writing(text):
    """Paths, from strace's lines."""
    for line in text.splitlines():
        found = re.search(r'(open|openat|openat2|creat)\((?:AT_FDCWD, |\d+, )?"([^"]*)"(.*)', line)
        if found and (found[1] == "creat" or WRITES.search(found[3])):
            yield found[2]
        elif found := re.search(r"(memfd_create|mknod\w*|mkdir\w*|link\w*|symlink\w*|truncate)"
                                r"\((.*)", line):
            if "unlink" not in line and "readlink" not in line:
                yield found[0]


@contextlib.contextmanager
def watched(server, file):
    """What the process asks of the kernel from now on is written down."""
    calls = "open,openat,openat2,creat,memfd_create,mknod,mknodat,mkdir,mkdirat,link,linkat," \
        "symlink,symlinkat,truncate"
    trace = subprocess.Popen(["strace", "-f", "-qq", "-o", file, "-e", f"trace={calls}", "-p",
                              str(server.pid)], stderr=subprocess.PIPE)
    tasks = len(os.listdir(f"/proc/{server.pid}/task"))
    deadline = time.monotonic() + 10
    while traced(server.pid) < tasks:
        assert trace.poll() is None, trace.stderr.read()
        assert time.monotonic() < deadline, "it cannot be watched"
        time.sleep(0.01)
    yield
    trace.wait(10)


def traced(pid):
    texts = (path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/status"))
    return sum("TracerPid:\t0\n" not in text for text in texts)


def test_nothing_is_written_but_windows(tmp_path):
    """Calls, statistics, windows, commands, a reload: of files for writing there is the one of
    released windows."""
    with Stand() as server:
        with watched(server, tmp_path / "trace"):
            with Calls(server) as calls:
                for _ in range(3):
                    calls.allocate(20, 100)
                    calls.wrong(5)
                    server.advance(HOUR)
                    server.shown()
            server.reload()
            os.kill(server.pid, signal.SIGUSR1)
            server.wait_log("draining")
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(10) == 0
        text = (tmp_path / "trace").read_text()
        assert "drehkreuz.conf" in text, "the reload was not seen"
        windows = server.options["metrics_file"]
        folder = os.path.dirname(windows)
        assert set(opened_for_writing(text)) <= {windows, f"{windows}.new"}, text
        assert os.path.exists(windows)
        left = set(os.listdir(folder)) - {"stderr", "trace", "stage", "timewarp", "secrets",
                                          "drehkreuz.conf", "windows"}
        assert not left
        server.discard()


@pytest.mark.parametrize("line", [
    'openat(AT_FDCWD, "/tmp/x", O_WRONLY|O_CREAT|O_TRUNC, 0600) = 9', 'creat("/tmp/x", 0600) = 9',
    '12 open("/tmp/x", O_RDWR) = 9', '12 memfd_create("x", MFD_CLOEXEC) = 9',
])
def test_the_search_knows_files(line):
    assert list(opened_for_writing(line))
