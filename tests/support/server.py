"""Starts one drehkreuz with a generated configuration, waits for it, stops it, judges its end."""

import itertools
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

from support.warp import Warp

ROOT = Path(__file__).resolve().parents[2]
REALM = "turn"
SECRET = "n0rth-secret-0123456789abcdef"
REPORTS = ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:")

# Below the range that the kernel takes client ports from, so that they cannot meet. Single ports,
# which are listeners, lie below the runs, so that no run meets a listener not yet bound.
# Tests in two processes at a time do not meet either: each has a share of both while it lives.
_SHARES = 2
_SLICE = 1000
_SLICES = 20 // _SHARES
_SINGLES = range(8000, 11000)
_UDP = struct.pack("!HHI", 0x0019, 4, 17 << 24)
_slices = itertools.count(random.randrange(0, _SLICES))


def _claim():
    """(number of a share, what holds it)."""
    for number in range(_SHARES):
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0drehkreuz-tests-{number}")
            return number, claim
        except OSError:
            claim.close()
    return random.randrange(_SHARES), None


_share, _held = _claim()


def binary():
    return os.environ.get("DREHKREUZ_BIN", str(ROOT / "build" / "drehkreuz"))


def free_ports(count, host="127.0.0.1"):
    """First port of a run that is free for UDP and TCP; another run each time."""
    for _ in range(200):
        first = _SINGLES.stop + (_share * _SLICES + next(_slices) % _SLICES) * _SLICE
        first += random.randrange(0, _SLICE - count + 1) // 2 * 2
        first = random.choice(_SINGLES[_share::_SHARES]) if count == 1 else first
        if all(_is_free(host, first + i) for i in range(count)):
            return first
    raise RuntimeError("no free ports")


def _is_free(host, port):
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True


def _quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _value(value):
    """One value in libconfig's syntax."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value}L" if abs(value) > 2**31 - 1 else str(value)
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, dict):
        return "{ " + " ".join(f"{k} = {_value(v)};" for k, v in value.items()) + " }"
    inner = ", ".join(_value(v) for v in value)
    return f"( {inner} )" if value and isinstance(value[0], dict) else f"[ {inner} ]"


def config_text(options):
    return "".join(f"{k} = {_value(v)};\n" for k, v in options.items())


def secret_lines(secrets):
    """(id, not before, not after, secret) rows in the file's own format."""
    return "".join(f"{i} {nb} {na} {text}\n" for i, nb, na, text in secrets)


class Server:
    """conf holds options that differ from the defaults below; a value of None leaves one out.

    secrets: rows for the secrets file, or None for no such file. host: where it listens if conf
    does not say; with netns, the process lives in that namespace.
    """

    def __init__(self, conf=None, secrets=(("one", 0, 0, SECRET),), netns=None):
        self.dir = tempfile.mkdtemp(prefix="drehkreuz")
        self.warp = Warp(self.dir)
        self.netns = netns
        self.port = 3478 if netns else free_ports(1)
        self.process = None
        self.secrets_path = os.path.join(self.dir, "secrets")
        self.options = self._options(conf or {}, secrets)
        if secrets is not None:
            self.write_secrets(secrets)
        self.path = os.path.join(self.dir, "drehkreuz.conf")
        self.write_conf()

    def _options(self, conf, secrets):
        first = 50000 if self.netns else free_ports(400)
        options = {
            "listen": [f"127.0.0.1:{self.port}", f"[::1]:{self.port}"],
            "threads": 1,
            "realm": REALM,
            "relay_ipv4": "127.0.0.1",
            "relay_ipv6": "::1",
            "relay_ports": f"{first}-{first + 399}",
            "allow_peers": ["127.0.0.0/8", "::1/128"],
            "allocations_per_account": 0,
            "allocations_per_prefix": 0,
            "unproven_per_prefix": 0,
            "user": "",
        }
        if secrets is not None:
            options["secrets_file"] = self.secrets_path
        options.update(conf)
        return {k: v for k, v in options.items() if v is not None}

    @property
    def realm(self):
        return self.options["realm"]

    @property
    def relay_ports(self):
        first, last = self.options["relay_ports"].split("-")
        return range(int(first), int(last) + 1)

    def write_conf(self):
        Path(self.path).write_text(config_text(self.options))

    def write_secrets(self, secrets):
        new = self.secrets_path + ".new"
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(secret_lines(secrets))
        os.rename(new, self.secrets_path)

    # --- Life ---

    def _environment(self):
        env = dict(os.environ) | self.warp.environment()
        env.setdefault("ASAN_OPTIONS", "verify_asan_link_order=0:detect_leaks=1")
        env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
        return env

    def spawn(self):
        """Runs it without waiting for anything."""
        self.stderr = open(os.path.join(self.dir, "stderr"), "ab")
        with self.netns.inside() if self.netns else nullcontext():
            self.process = subprocess.Popen(
                [binary(), "run", "--config", self.path], stdin=subprocess.DEVNULL,
                stdout=self.stderr, stderr=self.stderr, env=self._environment())
        return self.process

    def start(self):
        self.spawn()
        deadline = time.monotonic() + 10
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                text = self.log()
                self.discard()
                raise RuntimeError(f"the server did not start:\n{text}")
        return self

    def addresses(self):
        """(family, (host, port)) of every listener."""
        result = []
        for text in self.options["listen"]:
            host, _, port = text.rpartition(":") if ":" in text else (text, "", "3478")
            family = socket.AF_INET6 if "[" in host else socket.AF_INET
            result.append((family, (host.strip("[]"), int(port))))
        return result

    def _answers(self):
        family, target = self.addresses()[0]
        target = ({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(target[0], target[0]), target[1])
        with self.netns.inside() if self.netns else nullcontext():
            probe = socket.socket(family, socket.SOCK_DGRAM)
        with probe:
            probe.settimeout(0.05)
            try:
                probe.connect(target)
                # Allocate over UDP, without credentials: there is always an answer to that.
                probe.send(struct.pack("!HHI", 3, 8, 0x2112A442) + os.urandom(12) + _UDP)
                return len(probe.recv(2048)) >= 20
            except OSError:
                time.sleep(0.01)
                return False

    def stop(self):
        """SIGTERM; then it must have ended cleanly and without a sanitizer's report."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(15)
        finally:
            text = self.log()
            self.discard()
        assert code == 0, f"exit status {code}:\n{text}"
        assert not any(mark in text for mark in REPORTS), text

    def discard(self):
        """Ends whatever is left of it, without judging."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process = None
        if hasattr(self, "stderr"):
            self.stderr.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        self.stop() if kind is None else self.discard()

    # --- Looking at it ---

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def log(self):
        with open(os.path.join(self.dir, "stderr"), errors="replace") as file:
            return file.read()

    def wait_log(self, text, count=1, timeout=5):
        deadline = time.monotonic() + timeout
        while self.log().count(text) < count:
            assert time.monotonic() < deadline, f"no {text!r} in:\n{self.log()}"
            time.sleep(0.01)

    def reload(self, conf=None, event="is in force"):
        """Changes options, sends SIGHUP and waits until the log speaks of it."""
        self.options.update(conf or {})
        self.write_conf()
        before = self.log().count(event)
        self.process.send_signal(signal.SIGHUP)
        self.wait_log(event, before + 1)

    def rss(self):
        """Resident bytes."""
        with open(f"/proc/{self.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def is_sanitized(self):
        """Its address space then has a shadow of terabytes, and its heap grows by itself."""
        with open(f"/proc/{self.pid}/statm") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE") > 1 << 40

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    # --- Time ---

    def advance(self, seconds):
        """Jumps ahead; then one turn of the loop, which ends what is over by now."""
        self.warp.advance(seconds)
        assert any(self._answers() for _ in range(40))

    def now(self):
        return int(self.warp.now())


def refused(conf, **more):
    """(exit code, log) of a server that must not start with these options."""
    server = Server(conf, **more)
    process = server.spawn()
    try:
        return process.wait(10), server.log()
    finally:
        server.discard()
