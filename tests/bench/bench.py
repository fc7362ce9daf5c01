"""Relaying measured beside coturn, in turns, in one run on one machine: only ratios mean anything.

      cli, processor 0        turn, processor 1         peer, processor 0
   clients as raw frames ── veth ── the server ── veth ── echo as raw frames
   10.79.0.2                10.79.0.1   10.79.1.1         10.79.1.2

All four ends of the links have GRO on and threaded NAPI, the server's pinned to its processor, so
receiving is paid by who receives; UDP segmentation by the device is off, so nobody gets trains for
free. Clients and peer have no IP stack in the way: their frames go to an address of their own.
A run in which the generator was short of its processor is marked: it measures the generator.
"""

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "e2e")]

from support import certificates  # noqa: E402
from support.server import ROOT, binary, config_text  # noqa: E402
from world import World  # noqa: E402

SERVER_CPU, OWN_CPU = 1, 0
USER, PASSWORD = "bench", "bench-password"
MACS = {"cli": "02:00:00:00:79:01", "peer": "02:00:00:00:79:02"}
STREAM_CLIENTS = "10.79.0.3"  # they have an IP stack
ADDRESSES = {"cli": ("10.79.0.2", "10.79.0.1"), "peer": ("10.79.1.2", "10.79.1.1")}

# name: generator mode and options.
SCENARIOS = {
    "voice 300 x 50/s x 160 B": ("relay", {"clients": 300, "pps": 15000, "bytes": 160}),
    "voice 1000 x 50/s x 160 B": ("relay", {"clients": 1000, "pps": 50000, "bytes": 160}),
    "video 50 x 200/s x 1100 B": ("relay", {"clients": 50, "pps": 10000, "bytes": 1100}),
    "most at 0.1 % loss, 300 x 160 B": ("capacity", {"clients": 300, "bytes": 160}),
    "overload 8 x 160 B": ("relay", {"clients": 8, "pps": 250000, "bytes": 160}),
    "voice under flood": ("relay", {"clients": 200, "pps": 10000, "bytes": 160, "flood": 60000}),
    "churn": ("churn", {"clients": 64}),
    "idle 10000": ("idle", {"clients": 9900}),
    "TLS voice 200 x 50/s x 160 B": ("streams", {"clients": 200, "pps": 10000, "bytes": 160}),
    "TLS video 40 x 200/s x 1100 B": ("streams", {"clients": 40, "pps": 8000, "bytes": 1100,
                                                  "burst": 8}),
    "TLS overload 40 x 1100 B": ("streams", {"clients": 40, "pps": 100000, "bytes": 1100,
                                             "burst": 8}),
    "TLS handshakes, ECDSA P-256": ("handshakes", {"key": "ec"}),
    "TLS handshakes, RSA 2048": ("handshakes", {"key": "rsa"}),
}
QUICK = [name for name in SCENARIOS
         if not name.startswith(("voice 1000", "video", "overload", "TLS overload"))]
PROBES = 5  # of a search for the most that is carried

# Whom we are compared with, where it is not coturn: with BENCH_OTHER, the path of another build of
# ours, it is that one, so that a change shows its cost.
OTHER = os.environ.get("BENCH_OTHER")
RIVALS = {"handshakes": "s_server"}


def rival_of(mode):
    return "other" if OTHER else RIVALS.get(mode, "coturn")


# What the table shows: scenario's mode -> (key, heading, smaller is better).
RELAYED = [("cpu_ns", "ns/packet, processor", True), ("process_ns", "ns/packet, process", True),
           ("relayed_pps", "packets/s", False), ("loss", "loss %", True),
           ("p50_us", "p50 us", True), ("p99_us", "p99 us", True)]
SHOWN = {
    "relay": RELAYED,
    "streams": RELAYED,
    "handshakes": [("handshakes_per_s", "handshakes/s", False),
                   ("cpu_us", "us/handshake, processor", True)],
    "capacity": [("relayed_pps", "packets/s", False), ("cpu_ns", "ns/packet, processor", True),
                 ("p50_us", "p50 us", True), ("p99_us", "p99 us", True)],
    "churn": [("sequences_per_s", "sequences/s", False), ("cpu_us", "us/sequence", True)],
    "idle": [("bytes_per_allocation", "bytes/allocation", True),
             ("process_ms", "ms processor time", True)],
}


class Broken(Exception):
    """A run that says nothing."""


def mac_of(space, device):
    text = subprocess.run(["ip", "-j", "-n", space.name, "link", "show", device], check=True,
                          capture_output=True, text=True).stdout
    return json.loads(text)[0]["address"]


def thread_pids(name):
    """Kernel threads that poll a device: napi/<device>-<id>."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "comm").read_text().startswith(f"napi/{name}-"):
                found.append(int(entry.name))
        except OSError:
            pass
    return found


class Field:
    """The three namespaces and their links."""

    def __init__(self):
        self.tag = f"{os.getpid():x}"[-5:]
        self.world = World(["cli", "turn", "peer"], [])
        try:
            self.links = {side: self._link(side, i) for i, side in enumerate(("cli", "peer"))}
            self._stack()
        except BaseException:
            self.close()
            raise

    def _link(self, side, number):
        near, far = f"g{number}{self.tag}", f"s{number}{self.tag}"
        own, turn = self.world[side], self.world["turn"]
        own.ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", turn.name)
        there, here = ADDRESSES[side]
        turn.ip("addr", "add", f"{here}/24", "dev", far)
        for space, device in ((own, near), (turn, far)):
            space.ip("link", "set", device, "up")
        turn.ip("neigh", "add", there, "lladdr", MACS[side], "dev", far, "nud", "permanent")
        self.threaded = all([self._prepare(side, near, OWN_CPU),
                             self._prepare("turn", far, SERVER_CPU)])
        return {"near": near, "far": far, "mac": mac_of(turn, far)}

    def _stack(self):
        """For clients that are sockets; many ports, since each handshake takes one."""
        self.world["cli"].ip("addr", "add", f"{STREAM_CLIENTS}/24", "dev", self.links["cli"]["near"])
        self.world["cli"].sysctl("net.ipv4.ip_local_port_range=1024 65535")
        self.world["cli"].sysctl("net.ipv4.tcp_tw_reuse=1")

    def _prepare(self, name, device, cpu):
        """True if the device's receiving is a thread on that processor; else RPS does it."""
        space = self.world[name]
        space.ip("link", "set", device, "txqueuelen", "10000")
        self.world.run(name, ["ethtool", "-K", device, "gro", "on", "tx-udp-segmentation", "off"],
                       check=True)
        shell = f"echo 1 > /sys/class/net/{device}/threaded"
        self.world.run(name, ["sh", "-c", shell])
        time.sleep(0.1)
        pids = thread_pids(device)
        for pid in pids:
            subprocess.run(["taskset", "-pc", str(cpu), str(pid)], check=True, capture_output=True)
            os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, 0))
        if not pids:
            shell = f"echo {1 << cpu:x} > /sys/class/net/{device}/queues/rx-0/rps_cpus"
            self.world.run(name, ["sh", "-c", shell], check=True)
        return bool(pids)

    def end(self, side, server):
        link = self.links[side]
        return ",".join([self.world[side].name, link["near"], MACS[side], link["mac"],
                         ADDRESSES[side][0], server])

    def forward(self, on):
        self.world["turn"].sysctl(f"net.ipv4.ip_forward={int(on)}")

    def close(self):
        self.world.close()


class Running:
    """A server pinned to its processor, with a static user and all limits open."""

    def __init__(self, field, kind, key=None):
        """key: what its certificate's is; None = UDP only."""
        self.port = 5349 if key else 3478
        self.pair = certificates.shared("bench.example", key) if key else None
        self.dir = tempfile.mkdtemp(prefix="bench")
        self.log = open(os.path.join(self.dir, "log"), "wb")
        argv = field.world.argv("turn", ["taskset", "-c", str(SERVER_CPU), *getattr(self, kind)()])
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=self.log,
                                        stderr=self.log, cwd=self.dir)
        end = time.monotonic() + 15
        while not self._listens():
            if self.process.poll() is not None or time.monotonic() > end:
                text = Path(self.dir, "log").read_text(errors="replace")[-1000:]
                self.stop()
                raise Broken(f"{kind} did not start: {text}")
            time.sleep(0.05)
        time.sleep(0.5)

    def drehkreuz(self):
        options = {
            "listen": ["10.79.0.1:3478"], "threads": 1, "realm": "bench",
            "relay_ipv4": "10.79.1.1", "relay_ipv6": "off", "relay_ports": "32768-65535",
            "users": [{"name": USER, "password": PASSWORD}], "secrets_file": "", "user": "",
            "allow_peers": ["10.79.1.2/32"], "bytes_per_allocation": 0, "unproven_per_prefix": 0,
            "allocations_per_account": 0, "allocations_per_prefix": 0, "connections_per_prefix": 0,
        }
        if self.pair:
            options |= {"listen_tls": [f"10.79.0.1:{self.port}"], "certificates": [self.pair]}
        path = os.path.join(self.dir, "drehkreuz.conf")
        Path(path).write_text(config_text(options))
        os.chmod(path, 0o600)
        return [binary(), "run", "--config", path]

    def other(self):
        return [OTHER, *self.drehkreuz()[1:]]

    def s_server(self):
        """Tickets off, as ours are."""
        return ["openssl", "s_server", "-accept", f"10.79.0.1:{self.port}", "-quiet",
                "-cert", self.pair["certificate"], "-key", self.pair["key"],
                "-num_tickets", "0", "-no_cache"]

    def coturn(self):
        plain = ["--no-tls", "--no-tcp"]
        tls = [f"--tls-listening-port={self.port}"] + [
            f"--{name}={self.pair[of]}" for name, of in (("cert", "certificate"), ("pkey", "key"))
        ] if self.pair else []
        return [shutil.which("turnserver"), "-n", "--lt-cred-mech", f"--user={USER}:{PASSWORD}",
                "--realm=bench", "--listening-ip=10.79.0.1", "--relay-ip=10.79.1.1", "-p3478",
                "--min-port=32768", "--max-port=65535", "--relay-threads=1",
                *(tls or plain), "--no-dtls", "--no-cli", "--no-stdout-log", "--log-file=/dev/null",
                "--no-rfc5780", "--no-stun-backward-compatibility", "--no-software-attribute",
                f"--userdb={self.dir}/db", f"--pidfile={self.dir}/pid"]

    def _listens(self):
        try:
            with open(f"/proc/{self.process.pid}/net/{'tcp' if self.pair else 'udp'}") as lines:
                return any(line.split()[1].endswith(f":{self.port:04X}")
                           for line in list(lines)[1:])
        except OSError:
            return False

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdin.close()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)


def generate(field, mode, options, pid=0, peer_server="10.79.1.1"):
    cli_server = "10.79.1.2" if mode == "direct" else "10.79.0.1"
    argv = ["taskset", "-c", str(OWN_CPU), generator(), mode,
            "--cli", field.end("cli", cli_server), "--peer", field.end("peer", peer_server),
            "--pid", str(pid), "--cpu", str(SERVER_CPU), "--own-cpu", str(OWN_CPU),
            "--user", USER, "--password", PASSWORD]
    for key, value in options.items():
        argv += [f"--{key}", str(value)]
    run = subprocess.run(argv, capture_output=True, text=True, timeout=300)
    if run.returncode != 0:
        raise Broken(f"{mode}: {run.stderr.strip()[-300:]}")
    result = json.loads(run.stdout)
    if result.get("sent"):
        result["loss"] = 100 * (1 - result["returned"] / result["sent"])
    result["short"] = result["own_busy"] > 0.97 and mode in ("relay", "direct", "streams")
    return result


def generator():
    return os.environ.get("BENCH_LOADGEN", str(Path(binary()).parent / "tests/bench/bench_loadgen"))


def check_generator(field, seconds):
    """The direct path: kernel forwarding instead of a server. What the generator can carry."""
    field.forward(True)
    try:
        result = generate(field, "direct", {"clients": 1000, "pps": 150000, "bytes": 160,
                                            "seconds": seconds}, peer_server="10.79.0.2")
    finally:
        field.forward(False)
    if not result["returned"]:
        raise Broken("nothing comes back over the direct path")
    return result


def probe(field, kind, mode, options):
    """One server, one run of the generator."""
    server = Running(field, kind)
    try:
        return generate(field, mode, {**options, "warmup": 1}, server.process.pid)
    finally:
        server.stop()


def most(field, kind, options):
    """The highest rate of a bisection at which no more than one packet in a thousand is lost."""
    low, high, best = 8000, 160000, None
    for _ in range(PROBES):
        pps = int((low * high) ** 0.5)
        result = probe(field, kind, "relay", {**options, "pps": pps})
        if result["loss"] <= 0.1:
            low, best = pps, result
        else:
            high = pps
    return best or {**result, "relayed_pps": 0}


def busy_ticks(cpu):
    """user, nice, system, irq and softirq of one processor."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{cpu} "):
            ticks = [int(word) for word in line.split()[1:8]]
            return sum(ticks[:3]) + sum(ticks[5:7])
    raise Broken(f"no processor {cpu}")


def handshakes(field, kind, key, seconds):
    """Full handshakes by openssl s_time, one after the other from one processor."""
    server = Running(field, kind, key)
    argv = ["taskset", "-c", str(OWN_CPU), "openssl", "s_time", "-new", "-time", str(seconds),
            "-connect", f"10.79.0.1:{server.port}"]
    try:
        before = busy_ticks(SERVER_CPU)
        run = field.world.run("cli", argv, timeout=60 + seconds)
        ticks = busy_ticks(SERVER_CPU) - before
    finally:
        server.stop()
    found = re.search(r"(\d+) connections in (\d+) real seconds", run.stdout)
    if not found or not int(found[1]):
        raise Broken(f"{kind}: {(run.stderr or run.stdout).strip()[-300:]}")
    count, real = int(found[1]), int(found[2])
    return {"handshakes_per_s": count / real, "short": False,
            "cpu_us": ticks * 1e6 / os.sysconf("SC_CLK_TCK") / count}


def streams(field, kind, options):
    server = Running(field, kind, "ec")
    try:
        return generate(field, "streams", {"warmup": 1, "tls": 1, "port": server.port, **options},
                        server.process.pid)
    finally:
        server.stop()


def one_round(field, kind, name, seconds):
    mode, options = SCENARIOS[name]
    if mode == "handshakes":
        return handshakes(field, kind, options["key"], seconds)
    if mode == "streams":
        return streams(field, kind, {**options, "seconds": seconds})
    if mode == "capacity":
        return most(field, kind, {**options, "seconds": max(seconds // 2, 1)})
    return probe(field, kind, mode, {**options, "seconds": seconds})


def spread(values):
    return statistics.median(values), min(values), max(values)


def show(name, results):
    """Medians with their range, and our share of the rival's."""
    mode = SCENARIOS[name][0]
    rival = rival_of(mode)
    print(f"\n{name}")
    print(f"  {'':24}{'drehkreuz':>26}{rival:>26}{'ratio':>8}")
    for key, heading, _ in SHOWN[mode]:
        cells, medians = [], []
        for kind in ("drehkreuz", rival):
            values = [r[key] for r in results[kind] if key in r]
            if not values:
                cells.append("-")
                continue
            middle, low, high = spread(values)
            medians.append(middle)
            digits = 2 if high < 10 else 0
            cells.append(f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})")
        ratio = f"{medians[0] / medians[1]:.2f}" if len(medians) == 2 and medians[1] else "-"
        print(f"  {heading:24}{cells[0]:>26}{cells[1]:>26}{ratio:>8}")
    short = {kind: sum(r["short"] for r in rounds) for kind, rounds in results.items()}
    if any(short.values()):
        print(f"  generator short of its processor in rounds: {short}")


def measure_all(field, options):
    """{scenario: {kind: [result, ...]}} and the broken runs; servers take turns."""
    results, broken = {}, []
    for name in options.only or (QUICK if options.quick else SCENARIOS):
        rival = rival_of(SCENARIOS[name][0])
        results[name] = {"drehkreuz": [], rival: []}
        for number in range(options.rounds):
            for kind in ("drehkreuz", rival)[::1 if number % 2 == 0 else -1]:
                try:
                    results[name][kind].append(one_round(field, kind, name, options.seconds))
                except Broken as error:
                    broken.append(f"{name}, {kind}: {error}")
                    print(f"broken: {broken[-1]}", flush=True)
        show(name, results[name])
        sys.stdout.flush()
    return results, broken


def main():
    parser = argparse.ArgumentParser(description="Relaying measured beside coturn.")
    parser.add_argument("--quick", action="store_true", help="few and short rounds, 3 minutes")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--only", action="append", choices=SCENARIOS)
    parser.add_argument("--json", default=str(ROOT / "build" / "logs" / "bench.json"))
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 6)
    options.seconds = options.seconds or (2 if options.quick else 20)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    field = Field()
    try:
        print(f"receiving by {'threads of the devices' if field.threaded else 'RPS'}, "
              f"{options.rounds} rounds of {options.seconds} s; median (range)")
        direct = check_generator(field, options.seconds)
        print(f"generator alone: {direct['relayed_pps']:.0f} packets/s, "
              f"loss {direct['loss']:.2f} %", flush=True)
        results, broken = measure_all(field, options)
    finally:
        field.close()
    os.makedirs(os.path.dirname(options.json), exist_ok=True)
    Path(options.json).write_text(json.dumps(
        {"direct": direct, "results": results, "broken": broken}, indent=1))
    print(f"\n{len(broken)} broken runs; figures in {os.path.relpath(options.json)}")
    return 1 if broken else 0


sys.exit(main())
