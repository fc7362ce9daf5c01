"""What stands in the middle: relays and what they are measured by; the generator on both sides.

All relays run from the beginning, each on addresses of its own. Whose turn it is not is stopped
by a signal, so that nobody pays for it and nobody starts cold.
"""

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from field import NET, OWN, OWN_CPU, SERVER_CPU, TURN
from support import certificates
from support.server import binary, config_text

USER, PASSWORD = "bench", "bench-password"
PORT, TLS_PORT, PEER_PORT = 3478, 5349, 7000
FAN_PORT = 7001  # the passer's for peers


class Broken(Exception):
    """A run that says nothing."""


def tool(name):
    folder = os.environ.get("BENCH_TOOLS", str(Path(binary()).parent / "tests/bench"))
    return f"{folder}/{name}"


class Server:
    """One process in the middle, with a static user and all limits open."""

    def __init__(self, field, kind, number, **how):
        """how: threads, cpus and unproven_per_prefix of ours; key of s_server's certificate."""
        self.field, self.how = field, how
        self.cli, self.peer = field.add_server(number)
        self.pair = certificates.shared("bench.example", how.get("key", "ec"))
        self.dir = tempfile.mkdtemp(prefix="bench")
        self.log = open(os.path.join(self.dir, "log"), "wb")
        cpus = how.get("cpus", SERVER_CPU)
        argv = field.world.argv("turn", ["taskset", "-c", str(cpus), *COMMANDS[kind](self)])
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=self.log, cwd=self.dir,
                                        stderr=self.log, start_new_session=True)
        try:
            self._wait(kind)
        except BaseException:
            self.stop()
            raise

    def _wait(self, kind):
        protocol, port = ("tcp", TLS_PORT) if kind == "s_server" else ("udp", PORT)
        end = time.monotonic() + 15
        while not self._listens(protocol, port):
            if self.process.poll() is not None or time.monotonic() > end:
                text = Path(self.dir, "log").read_text(errors="replace")[-1000:]
                raise Broken(f"{kind} did not start: {text}")
            time.sleep(0.05)
        time.sleep(0.3)

    def _listens(self, protocol, port):
        here = "".join(f"{int(part):02X}" for part in reversed(self.cli.split(".")))
        try:
            with open(f"/proc/{self.process.pid}/net/{protocol}") as lines:
                return any(line.split()[1] == f"{here}:{port:04X}" for line in list(lines)[1:])
        except OSError:
            return False

    @property
    def pid(self):
        return self.process.pid

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        if self.process.poll() is None:
            self.resume()
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdin.close()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)


# --- Their command lines ---

def drehkreuz(server, program=None):
    options = {
        "listen": [f"{server.cli}:{PORT}"], "listen_tls": [f"{server.cli}:{TLS_PORT}"],
        "threads": server.how.get("threads", 1), "realm": "bench",
        "relay_ipv4": server.peer, "relay_ipv6": "off", "relay_ports": "32768-65535",
        "users": [{"name": USER, "password": PASSWORD}], "secrets_file": "", "user": "",
        "allow_peers": [f"{NET['peer']}.{OWN}/32", f"{server.peer}/32"],
        "bytes_per_allocation": 0, "allocations_per_account": 0,
        "unproven_per_prefix": server.how.get("unproven_per_prefix", 0),
        "allocations_per_prefix": 0, "connections_per_prefix": 0, "certificates": [server.pair],
    }
    path = os.path.join(server.dir, "drehkreuz.conf")
    Path(path).write_text(config_text(options))
    os.chmod(path, 0o600)
    return [program or binary(), "run", "--config", path]


def coturn(server, program=None, flags=()):
    return [program or shutil.which("turnserver"), "-n", "--lt-cred-mech",
            f"--user={USER}:{PASSWORD}", "--realm=bench", f"--listening-ip={server.cli}",
            f"--relay-ip={server.peer}", f"-p{PORT}", f"--tls-listening-port={TLS_PORT}",
            f"--cert={server.pair['certificate']}", f"--pkey={server.pair['key']}",
            "--min-port=32768", "--max-port=65535", "--relay-threads=1", "--no-dtls", "--no-cli",
            "--no-stdout-log", "--log-file=/dev/null", "--no-rfc5780",
            "--no-stun-backward-compatibility", "--no-software-attribute",
            f"--userdb={server.dir}/db", f"--pidfile={server.dir}/pid", *flags]


def named_coturn(server):
    return coturn(server, os.environ["COTURN"], shlex.split(os.environ.get("COTURN_FLAGS", "")))


def s_server(server):
    """Tickets off, as ours are."""
    return ["openssl", "s_server", "-accept", f"{server.cli}:{TLS_PORT}", "-quiet",
            "-cert", server.pair["certificate"], "-key", server.pair["key"],
            "-num_tickets", "0", "-no_cache"]


def passer(server):
    return [tool("bench_passer"), f"{server.cli}:{PORT}", f"{NET['cli']}.{OWN}:0",
            f"{server.peer}:{FAN_PORT}", f"{NET['peer']}.{OWN}:0"]


COMMANDS = {
    "drehkreuz": drehkreuz,
    "other": lambda server: drehkreuz(server, os.environ["BENCH_OTHER"]),
    "coturn": coturn,
    "COTURN": named_coturn,
    "s_server": s_server,
    "passer": passer,
}
PLAIN = {"passer", "forward", "nat", "straight"}  # no TURN is spoken there


# --- Turns ---

class Middle:
    """Whatever stands in the middle, one at a time."""

    def __init__(self, field):
        self.field = field
        self.standing = {}  # kind: Server, stopped
        self.next = 0

    def _new(self, kind, **how):
        self.next += 1
        return Server(self.field, kind, self.next % 100, **how)

    @contextlib.contextmanager
    def turn(self, kind, fresh=False, **how):
        """The target that the generator gets."""
        if kind in ("forward", "nat", "straight"):
            with getattr(self, f"_{kind}")() as target:
                yield target
            return
        if fresh or how:
            server = self._new(kind, **how)
            try:
                yield self._target(server, kind)
            finally:
                server.stop()
            return
        if kind not in self.standing:
            self.standing[kind] = self._new(kind)
            self.standing[kind].pause()
        server = self.standing[kind]
        server.resume()
        try:
            yield self._target(server, kind)
        finally:
            server.pause()

    def _target(self, server, kind):
        fan = ["--fan", "1"] if kind == "passer" else []
        own = OWN if kind == "passer" else self.field.new_clients()
        return Target(self.field, kind, server.pid, server.cli, [
            "--cli", self.field.end("cli", server.cli, own),
            "--peer", self.field.end("peer", server.peer), *fan])

    @contextlib.contextmanager
    def _forward(self):
        self.field.forward(True)
        try:
            peer = f"{NET['peer']}.{OWN}"
            yield Target(self.field, "forward", 0, peer, [
                "--cli", self.field.end("cli", peer), "--port", str(PEER_PORT),
                "--peer", self.field.end("peer", f"{NET['cli']}.{OWN}")])
        finally:
            self.field.forward(False)

    @contextlib.contextmanager
    def _nat(self):
        """Its hooks make the kernel track connections: they must not stay."""
        self.field.forward(True)
        is_on = self.field.nat(True, PORT, PEER_PORT)
        try:
            if not is_on:
                raise Broken("the kernel has no NAT by nftables")
            here = f"{NET['cli']}.{TURN}"
            yield Target(self.field, "nat", 0, here, [
                "--cli", self.field.end("cli", here),
                "--peer", self.field.end("peer", f"{NET['peer']}.{TURN}")])
        finally:
            if is_on:
                self.field.nat(False, PORT, PEER_PORT)
            self.field.forward(False)

    @contextlib.contextmanager
    def _straight(self):
        yield Target(self.field, "straight", 0, "", [
            "--cli", self.field.straight_end("cli"), "--peer", self.field.straight_end("peer"),
            "--port", str(PEER_PORT)])

    def close(self):
        for server in self.standing.values():
            server.stop()
        self.standing = {}


class Target:
    """What the generator is pointed at."""

    def __init__(self, field, kind, pid, address, ends):
        self.field, self.kind, self.pid, self.address, self.ends = field, kind, pid, address, ends

    def _argv(self, mode, options):
        mode = "plain" if self.kind in PLAIN and mode == "relay" else mode
        argv = ["taskset", "-c", str(OWN_CPU), tool("bench_loadgen"), mode, *self.ends,
                "--pid", str(self.pid), "--threads", ",".join(map(str, self.field.threads)),
                "--cpu", str(SERVER_CPU), "--own-cpu", str(OWN_CPU),
                "--user", USER, "--password", PASSWORD]
        for key, value in options.items():
            argv += [f"--{key.replace('_', '-')}", str(value)]
        return argv

    def run(self, mode, options):
        before = self._kernel_losses()
        run = subprocess.run(self._argv(mode, options), capture_output=True, text=True,
                             timeout=300)
        if run.returncode != 0:
            raise Broken(f"{mode}: {run.stderr.strip()[-300:]}")
        return self._judged(json.loads(run.stdout), before)

    @contextlib.contextmanager
    def steps(self, mode, options):
        """Yields step(pps, seconds): one window each, with the same clients."""
        process = subprocess.Popen(self._argv(mode, {**options, "steps": 1}), text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)

        def step(pps, seconds):
            before = self._kernel_losses()
            try:
                process.stdin.write(f"{int(pps)} {seconds}\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except BrokenPipeError:
                line = ""
            if not line:
                raise Broken(f"{mode}: {process.stderr.read().strip()[-300:]}")
            return self._judged(json.loads(line), before)

        try:
            yield step
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            process.wait(30)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def _kernel_losses(self):
        """Datagrams that found a receive buffer full."""
        try:
            with open(f"/proc/{self.pid}/net/snmp") as lines:
                rows = [line.split()[1:] for line in lines if line.startswith("Udp:")]
            return int(dict(zip(*rows))["RcvbufErrors"])
        except (OSError, KeyError, TypeError):
            return 0

    def _judged(self, result, before):
        if result.get("sent"):
            result["loss"] = 100 * max(0, 1 - result["returned"] / result["sent"])
        result["buffer_losses"] = self._kernel_losses() - before
        result["short"] = result["own_busy"] > 0.97 and result["mode"] in (
            "relay", "plain", "streams")
        return result
