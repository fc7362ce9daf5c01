"""Commands to the running server: stats, reload, drain, kill, trace."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "conformance")]

from client import Client, Credentials, Peer  # noqa: E402
from stun import ALLOCATE, CREATE_PERMISSION, LIFETIME, REFRESH, u32  # noqa: E402
from support.server import SECRET, binary  # noqa: E402
from test_issuer import password  # noqa: E402

ASK = """
import socket, sys
sock = socket.socket(socket.AF_UNIX)
sock.connect(sys.argv[1])
sock.sendall(b"stats\\n")
print(sock.makefile().read(), end="")
"""


@pytest.fixture
def server(serve, tmp_path):
    started = serve({"control_socket": str(tmp_path / "control"),
                     "allocations_per_prefix": 1000})
    started.control = tmp_path / "control"
    return started


def asked(server, line):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        sock.connect(str(server.control))
        sock.sendall(line)
        return sock.makefile().read()


def member(server, name="ann"):
    user = f"{server.now() + 3600}:{name}"
    return Client(server, Credentials(user, password(user, SECRET)))


def test_the_socket_is_for_root_and_the_server(serve):
    """Whoever gets at it in spite of its mode is asked who they are."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = f"{folder}/control"
        server = serve({"control_socket": path})
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        os.chmod(path, 0o666)
        run = subprocess.run(["/usr/bin/python3", "-c", ASK, path], text=True,
                             capture_output=True, user=65534, timeout=10)
        assert run.stdout == "refused: only root and the server's own user may command it\n", run
        server.stop()


def test_it_goes_with_the_server(server):
    server.stop()
    assert not server.control.exists()


@pytest.mark.parametrize("line", [b"\n", b"help\n", b"stats now\n", b"kill\n", b"kill x\n",
                                  b"kill -1\n", b"kill 1023\n", b"kill 65536\n", b"trace 0\n",
                                  b"trace 31\n", b"kill 99999999999999999999\n",
                                  pytest.param(b"x" * 4000 + b"\n", id="long"),
                                  b"stats\0json\n", b"trace\n"])
def test_wrong_lines(server, line):
    assert asked(server, line).startswith("refused: ")


def test_stats(server, cli):
    run = cli("stats", "--config", server.path)
    assert run.returncode == 0 and "ready" in run.stdout, run
    shown = json.loads(cli("stats", "--json", "--config", server.path).stdout)
    assert shown["health"]["ready"] is True and shown["usage"]["windows"] == []


def test_no_server(cli, tmp_path):
    conf = tmp_path / "drehkreuz.conf"
    conf.write_text(f'control_socket = "{tmp_path}/control"; secrets_file = "{tmp_path}/secrets";')
    for words in (["stats"], ["reload"], ["drain"], ["kill", "--relay-port", 50000], ["trace"]):
        run = cli(*words, "--config", conf)
        assert run.returncode == 1 and "cannot reach the server" in run.stderr, run


def test_reload(server, cli):
    server.options["realm"] = "other"
    server.write_conf()
    run = cli("reload", "--config", server.path)
    assert (run.returncode, run.stdout) == (0, "reloaded\n"), run
    server.options["relay_ipv4"] = "nonsense"
    good = Path(server.path).read_text()
    server.write_conf()
    assert asked(server, b"reload\n").startswith("refused: ")
    Path(server.path).write_text(good)


def test_drain(server, cli):
    one, late = member(server), member(server, "late")
    one.allocate()
    assert cli("drain", "--config", server.path).returncode == 0
    server.wait_log("draining")
    assert late.code(ALLOCATE, [(0x19, b"\x11\0\0\0")]) == 508
    assert one.refresh(600).code == 0
    assert "draining" in cli("stats", "--config", server.path).stdout


def test_kill_tells_nothing(server, cli):
    victim, other = member(server), member(server, "other")
    port = victim.allocate()[1]
    other.allocate()
    lines = server.log().count("\n")
    ports = [port, server.relay_ports[0] + 1, 65535]
    runs = [cli("kill", "--relay-port", p, "--config", server.path) for p in ports]
    assert {(r.returncode, r.stdout, r.stderr) for r in runs} == {(0, "accepted\n", "")}
    victim.barrier()
    assert victim.code(REFRESH, [(LIFETIME, u32(600))]) == 437
    assert other.refresh(600).code == 0
    assert str(port) not in server.log()
    assert server.log().count("\n") == lines


class Trace:
    """The command on a terminal of its own."""

    def __init__(self, server, minutes=5):
        self.process = subprocess.Popen(
            [binary(), "trace", "--minutes", str(minutes), "--config", server.path],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            # Whatever runs in a shell's background ignores Ctrl-C, and so would this.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        head = "".join(self.process.stdout.readline() for _ in range(6))
        found = re.search(r"user +(\S+)\n +password +(\S+)\n", head)
        assert found, head + self.process.stdout.read()
        self.user, self.password = found.groups()

    def client(self, server, **how):
        return Client(server, Credentials(self.user, self.password), **how)

    def line(self):
        return self.process.stdout.readline()

    def end(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(5)
        return self.process.stdout.read()


def test_trace(server):
    trace = Trace(server)
    server.wait_log("trace-started: a consented trace has begun, for 5 minutes")
    seen, other = trace.client(server), member(server)
    other.allocate()
    relayed = seen.allocate()
    line = trace.line()
    assert "Allocate: good" in line and f"127.0.0.1:{seen.addr[1]}" in line, line
    assert f"relayed 127.0.0.1:{relayed[1]}" in line, line
    peer = Peer()
    seen.permit(peer.addr) if hasattr(seen, "permit") else None
    rest = trace.end()
    assert str(other.addr[1]) not in rest
    server.wait_log("trace-ended")


def test_a_wrong_password_is_told(server):
    trace = Trace(server)
    Client(server, Credentials(trace.user, "wrong")).code(ALLOCATE, [(0x19, b"\x11\0\0\0")])
    assert "401" in trace.line()
    trace.end()


def test_one_trace_at_a_time(server, cli):
    trace = Trace(server)
    run = cli("trace", "--config", server.path)
    assert run.returncode == 1 and "another trace" in run.stderr, run
    trace.end()
    server.wait_log("trace-ended")
    server.advance(5)
    end = time.monotonic() + 5
    while "refused" in (text := asked_shortly(server)) and time.monotonic() < end:
        time.sleep(0.1)
    assert "refused" not in text


def asked_shortly(server):
    """The first of what a trace says; hanging up ends it."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        sock.connect(str(server.control))
        sock.sendall(b"trace 1\n")
        return sock.recv(4096).decode()


def test_a_trace_ends_by_the_clock(server):
    trace = Trace(server, minutes=1)
    server.advance(61)
    assert trace.process.stdout.read().endswith("the time is over\n")
    assert trace.process.wait(5) == 0
    server.wait_log("trace-ended")


def test_the_name_ends_with_the_trace(server):
    """Its credential is good for as long as the trace was to last, and no longer."""
    trace = Trace(server, minutes=1)
    client = trace.client(server)
    trace.end()
    server.advance(120)
    assert client.code(ALLOCATE, [(0x19, b"\x11\0\0\0")]) == 401


def test_another_name_of_the_kind_is_not_traced(server):
    trace = Trace(server)
    stranger = f"{server.now() + 3600}:trace-000000000000000000000000"
    Client(server, Credentials(stranger, password(stranger))).allocate()
    assert "Allocate" not in trace.end()
