"""T7 of the model: a server that dies of its own fault says one fixed line, and leaves no byte of
its memory, whether the host writes cores to files or to a program."""

import os
import re
import resource
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from client import Client, Peer
from support import certificates
from support.server import Server
from support.warp import compiled
from test_memory import CLIENT, NAME, PAYLOAD, PEER, person, talk

CRASHES = [signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT,
           signal.SIGSYS]
PATTERN = Path("/proc/sys/kernel/core_pattern")
USERS = ["", "nobody"]  # stays root, and changes


@contextmanager
def core_pattern(text):
    """The host's setting, which is put back; None leaves it alone."""
    before = PATTERN.read_text()
    if "test_t7_" in before:  # left by a run that was killed
        before = "core"
    if text is not None:
        PATTERN.write_text(text)
    try:
        yield
    finally:
        if text is not None:
            PATTERN.write_text(before)


@pytest.fixture
def cores(tmp_path):
    """(folder for cores, patterns that put them there): to files and through a program. Where the
    host's setting cannot be changed, it is as it is."""
    tmp_path.chmod(0o777)
    keep = tmp_path / "keep"
    keep.write_text(f"#!/bin/sh\ncat > {tmp_path}/piped.$1\n")
    keep.chmod(0o755)
    for folder in list(tmp_path.parents)[:2]:
        folder.chmod(folder.stat().st_mode | 0o011)
    if not os.access(PATTERN, os.W_OK):
        return tmp_path, [None]
    return tmp_path, [f"{tmp_path}/core.%p", f"|{keep} %p"]


def dumped(folder):
    return sorted(p.name for p in folder.iterdir() if p.name.startswith(("core", "piped")))


def running(kind=Server, **conf):
    return kind({"certificates": [certificates.shared()], **conf})


def has_died(server, what):
    """What it says when it is sent this signal, beyond what it said before."""
    before = server.log()
    server.process.send_signal(what)
    code = server.process.wait(10)
    assert code == -what, "the supervisor sees another end"
    return server.log()[len(before):]


def use(server):
    """Somebody is in the middle of a call."""
    client, peer = Client(server, person(server), CLIENT), Peer(PEER)
    talk(client, peer, 1)
    return client, peer


@pytest.mark.parametrize("what", CRASHES, ids=lambda s: s.name)
def test_t7_one_fixed_line(what):
    server = running().start()
    try:
        held = use(server)
        said = has_died(server, what)
        assert said == f"drehkreuz: crash: signal {int(what)}, version {version()}\n"
        for socket in held:
            socket.close()
    finally:
        server.discard()


def version():
    text = (Path(__file__).resolve().parents[2] / "CMakeLists.txt").read_text()
    return text.split("project(drehkreuz VERSION ")[1].split()[0]


def control(folder):
    """A process without our precautions does leave one here, so that none means something."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    plain = subprocess.Popen(["sleep", "60"], preexec_fn=lambda: resource.setrlimit(
        resource.RLIMIT_CORE, (hard, hard)))
    time.sleep(0.05)
    plain.send_signal(signal.SIGABRT)
    plain.wait()
    end = time.monotonic() + 2
    while not (found := dumped(folder)) and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.1)
    for name in found:
        (folder / name).unlink()
    return found


class Unlimited(Server):
    """With the limit of a core that whoever looks for a fault may have raised; a core that goes to
    a program does not ask for it anyway."""

    def _environment(self):
        env = super()._environment()
        return env | {"LD_PRELOAD": f"{env['LD_PRELOAD']} {compiled('unlimited.c')}"}

    def spawn(self):
        before = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
        try:
            return super().spawn()
        finally:
            resource.setrlimit(resource.RLIMIT_CORE, before)


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("what", [signal.SIGSEGV, signal.SIGABRT], ids=lambda s: s.name)
def test_t7_no_core(cores, what, user):
    """To a file and to a program, whether it runs as root or has changed its user."""
    folder, patterns = cores
    for pattern in patterns:
        with core_pattern(pattern):
            is_program = pattern is not None and pattern.startswith("|")
            if pattern is not None and not control(folder):
                assert is_program, "this host would leave no core of anybody"
                continue  # the kernel looks for programs in its own root, not in a container's
            # The sandbox, by which a core has nowhere to go, would hide what is tested here.
            server = running(Unlimited, user=user, sandbox=False).start()
            try:
                held = use(server)
                has_died(server, what)
                time.sleep(0.2)
                assert not dumped(folder)
                for socket in held:
                    socket.close()
            finally:
                server.discard()


@pytest.mark.parametrize("user", USERS)
def test_t7_the_process_is_closed(user):
    with running(user=user) as server:
        proc = Path(f"/proc/{server.pid}")
        assert int((proc / "coredump_filter").read_text(), 16) == 0
        limits = (proc / "limits").read_text()
        assert re.search(r"Max core file size +0 +0 ", limits)
        # Files of a process that is not dumpable are root's, whoever it runs as; proc(5).
        assert (proc / "maps").stat().st_uid == 0
        if user:
            ours = int(next(line.split()[1] for line in (proc / "status").read_text().splitlines()
                            if line.startswith("Uid:")))
            assert ours != 0
            opened = subprocess.run(["setpriv", f"--reuid={ours}", "--clear-groups", "cat",
                                     str(proc / "maps")], capture_output=True)
            assert opened.returncode != 0 and not opened.stdout


def udp_ends(pid):
    """(local, remote) of every UDP socket of the process, as the kernel writes them."""
    inodes = set()
    for entry in os.scandir(f"/proc/{pid}/fd"):
        target = os.readlink(entry.path)
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    rows = []
    for table in ("udp", "udp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in inodes:
                rows.append((fields[1], fields[2]))
    return rows


def test_no_udp_socket_is_connected():
    """Or the host's own lists of sockets would name a client."""
    with running() as server:
        held = [use(server), Client(server, person(server, 1), CLIENT, over="dtls")]
        held[1].allocate()
        rows = udp_ends(server.pid)
        assert len(rows) >= 4  # two listeners, two relays
        for _, remote in rows:
            address, port = remote.split(":")
            assert int(address, 16) == 0 and int(port, 16) == 0
        for socket in (*held[0], held[1]):
            socket.close()


def test_no_key_log(tmp_path, monkeypatch):
    """SSLKEYLOGFILE would let whoever listens on the wire read along."""
    target = tmp_path / "keys"
    monkeypatch.setenv("SSLKEYLOGFILE", str(target))
    with running() as server:
        monkeypatch.delenv("SSLKEYLOGFILE")
        for over in ("tls", "dtls"):
            client = Client(server, person(server), CLIENT, over=over)
            client.allocate()
            client.close()
    assert not target.exists()


def test_nobody_is_named_at_the_end():
    server = running().start()
    try:
        held = use(server)
        has_died(server, signal.SIGSEGV)
        text = server.log()
        for trace in (NAME, PAYLOAD.decode(), CLIENT, PEER):
            assert trace not in text
        for socket in held:
            socket.close()
    finally:
        server.discard()
