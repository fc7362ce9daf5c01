"""A few connected namespaces, and helper scripts that run inside them."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]

from support import netns  # noqa: E402


def _pids(name):
    run = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True)
    return [int(pid) for pid in run.stdout.split()]


def _drop(name):
    """Ends whatever still runs in a namespace of ours, then the namespace."""
    for _ in range(50):
        pids = _pids(name)
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if not pids:
            break
        time.sleep(0.05)
    subprocess.run(["ip", "netns", "del", name], capture_output=True)


def drop_stale():
    """What runs that were killed left behind: their names carry the process id."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout
    for name in (line.split()[0] for line in listed.splitlines() if line.strip()):
        match = re.fullmatch(r"dkt(\d+)n\d+", name)
        if match and not os.path.exists(f"/proc/{match.group(1)}"):
            _drop(name)


class World:
    """names: the namespaces. links: (left, left's addresses, right, right's addresses)."""

    def __init__(self, names, links):
        drop_stale()
        self.spaces = {}
        try:
            for name in names:
                self.spaces[name] = netns.Netns()
            for number, (left, here, right, there) in enumerate(links):
                netns.veth(self.spaces[left], self.spaces[right], f"veth{number}", here, there)
        except BaseException:
            self.close()
            raise

    def __getitem__(self, name):
        return self.spaces[name]

    def argv(self, name, argv):
        return ["ip", "netns", "exec", self[name].name, *argv]

    def run(self, name, argv, **kw):
        return subprocess.run(self.argv(name, argv), capture_output=True, text=True, **kw)

    def popen(self, name, argv, **kw):
        return subprocess.Popen(self.argv(name, argv), **kw)

    def close(self):
        for space in self.spaces.values():
            _drop(space.name)
        self.spaces = {}


@contextmanager
def two_sides():
    """a, srv and b as they are drawn in conftest.py."""
    made = World(["a", "srv", "b"], [
        ("a", ["10.77.0.2/24", "fd77:0::2/64"], "srv", ["10.77.0.1/24", "fd77:0::1/64"]),
        ("srv", ["10.77.1.1/24", "fd77:1::1/64"], "b", ["10.77.1.2/24", "fd77:1::2/64"]),
    ])
    try:
        made["srv"].sysctl("net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0")
        for name, net in (("a", "0"), ("b", "1")):
            made[name].ip("route", "add", "default", "via", f"10.77.{net}.1")
            made[name].ip("route", "add", "default", "via", f"fd77:{net}::1")
        yield made
    finally:
        made.close()


def unwind_on_sigterm():
    """An ended run cleans up as well: SIGTERM unwinds like an interrupt."""
    def stop(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)


class Agent:
    """A helper script inside a namespace; one JSON object per line each way."""

    def __init__(self, world, name, script, timeout=60, args=()):
        self.log = tempfile.TemporaryFile(mode="w+")
        self.timeout = timeout
        self.process = world.popen(
            name, [sys.executable, str(HERE / script), *args], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self.log, text=True)

    def send(self, method, **args):
        self.process.stdin.write(json.dumps({"method": method, "args": args}) + "\n")
        self.process.stdin.flush()

    def result(self):
        old = signal.signal(signal.SIGALRM, self._late)
        signal.alarm(self.timeout)
        try:
            line = self.process.stdout.readline()
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, old)
        if not line:
            self.log.seek(0)
            raise AssertionError("the helper ended: " + self.log.read()[-2000:])
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def call(self, method, **args):
        self.send(method, **args)
        return self.result()

    def _late(self, *_):
        raise AssertionError(f"the helper did not answer within {self.timeout} s")

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()


def serve(handlers):
    """The other side of Agent: answers requests on standard input until it closes."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"result": handlers[request["method"]](**request["args"])}
        except Exception as error:  # whatever it is belongs to the test's report
            answer = {"error": f"{type(error).__name__}: {error}"}
        out.write(json.dumps(answer) + "\n")
        out.flush()
