"""What is measured: the table of workloads, and how a run of each kind goes."""

import os
import re
from dataclasses import dataclass, field

from field import OWN_CPU, SERVER_CPU
from servers import TLS_PORT, Broken

OURS = "drehkreuz"
VIDEO_PPS = 297    # 2.5 Mbit/s in packets of 1050 bytes on average
BURST_ENDS = 0.8   # share of what the generator carries that a scaled workload may take
FLOOD_ENDS = 4     # packets of a flood by its round trips: what it can send, not all it can receive
PATIENCE = 0.005   # seconds that a frame waits where the link is full, if all is to be carried
TOGETHER = 16      # packets that one sender of a flood hands to its kernel at once
LOSS = 0.1         # percent, at the capacity
LEVELS = (5, 10, 20, 40, 60, 80, 110, 150, 200, 250)  # thousand packets/s from the clients
FEW_LEVELS = (10, 40, 70, 100, 150)
FINER = 3          # probes between the last good level and the first bad one
AGAIN = 2          # levels that are tried twice, as a guess
LITTLE = 2         # percent of loss that may have been an accident of the machine
AFTER = 0.15       # seconds the generator waits for stragglers
GROWTH = (1, 100, 1000, 10000)
STRANGERS = {"flood_pps": 100000, "patience": PATIENCE}
SHIPPED = {"unproven_per_prefix": 400}  # the limit that a flood of logins meets
HANDSHAKES_DONE = re.compile(r"(\d+) connections in (\d+) real seconds")


def rivals():
    """Whom we are compared with: another build of ours (BENCH_OTHER) shows a change's cost."""
    if os.environ.get("BENCH_OTHER"):
        return ["other"]
    return ["coturn"] + (["COTURN"] if os.environ.get("COTURN") else [])


@dataclass
class Workload:
    name: str
    says: str          # for the page
    mode: str
    options: dict = field(default_factory=dict)
    anchors: tuple = ()
    overhead: float = 0.9   # seconds beside warm-up and window, per run
    quick: bool = True
    every: int = 1          # measured in each n-th round
    fresh: bool = False     # a server of its own
    alone: bool = False     # without a rival
    how: dict = field(default_factory=dict)  # of our server

    def kinds(self):
        if self.mode == "handshakes":
            return [OURS, "s_server"]
        return [OURS, *([] if self.alone else rivals()), *self.anchors]

    def runs_in(self, number):
        return number % self.every == 0


def voice(clients, **more):
    return {"clients": clients, "pps": clients * 50, "bytes": 160, **more}


def flood(clients, size, way="up", burst=TOGETHER):
    return {"clients": clients, "pps": 600000, "bytes": size, "way": way, "burst": burst}


WORKLOADS = [
    Workload("load", "300 x 160 B at rising rates: the most at 0.1 % loss, latency at half of it",
             "load", {"clients": 300, "bytes": 160, "patience": PATIENCE}, ("passer",)),
    Workload("W1 1 x 120 B", "one client floods its peer, 16 packets at a time", "relay",
             flood(1, 120), quick=False, every=2),
    Workload("W1 8 x 120 B", "eight clients, 16 packets of one at a time", "relay", flood(8, 120),
             ("passer",)),
    Workload("W1 8 x 120 B apart", "eight clients in turns, a packet each", "relay",
             flood(8, 120, burst=1), quick=False, every=2),
    Workload("W1 8 x 1200 B", "as the second, in large packets", "relay", flood(8, 1200),
             quick=False),
    Workload("W1 8 x 1200 B down", "a peer floods eight clients, 16 packets at a time", "relay",
             flood(8, 1200, "down"), quick=False, every=2),
    Workload("W2 voice 1000", "1000 allocations, 50 packets/s of 160 B each way", "relay",
             voice(1000), ("passer", "forward", "nat", "straight")),
    Workload("W3 video 200", "200 x 2.5 Mbit/s each way, frames of 5 to 15 packets of 1100 B at "
             "once, the last one short", "relay",
             {"clients": 200, "pps": 200 * VIDEO_PPS, "bytes": 1100, "shape": "video"},
             ("passer",)),
    Workload("W4 mixed sizes", "one client, 64 to 1200 B by turns on one 5-tuple", "relay",
             {"clients": 1, "pps": 20000, "shape": "mixed"}, every=2),
    Workload("W5 indications", "Send and Data, 300 x 50 packets/s x 160 B", "relay",
             voice(300, indications=1), every=2),
    Workload("client-client", "300 clients, two and two: each packet is relayed twice", "relay",
             voice(300, pairs=1), every=2),
    Workload("W6 churn", "401, Allocate, CreatePermission, ChannelBind, Refresh 0", "churn",
             {"clients": 64}),
    Workload("W7 TLS voice 200", "200 clients over TLS, 50 packets/s of 160 B each way", "streams",
             voice(200, tls=1, port=TLS_PORT), overhead=1.5),
    Workload("W7 TLS video 40", "40 clients over TLS, 200 packets/s of 1100 B each way in eights",
             "streams", {"clients": 40, "pps": 8000, "bytes": 1100, "burst": 8, "tls": 1,
                         "port": TLS_PORT}, quick=False, every=2),
    Workload("W7 TCP voice 200", "200 clients over TCP", "streams", voice(200, tls=0), quick=False,
             every=2),
    Workload("W8 garbage", "W2 at 40 % of capacity under 100,000 packets/s of noise", "stress",
             voice(1000, flood="garbage", **STRANGERS), overhead=2, fresh=True, how=SHIPPED),
    Workload("W8 allocates", "the same under Allocates without credentials", "stress",
             voice(1000, flood="allocate", **STRANGERS), overhead=2, fresh=True, how=SHIPPED),
    Workload("idle 10000", "10,000 allocations without traffic", "idle", {"clients": 9950},
             overhead=4, fresh=True, every=3),
    Workload("handshakes ECDSA", "TLS, P-256, one after the other, beside openssl s_server",
             "handshakes", {"key": "ec"}, overhead=1.5, every=2, quick=False),
    Workload("handshakes RSA", "the same with RSA 2048", "handshakes", {"key": "rsa"}, overhead=1.5,
             every=2, quick=False),
    *(Workload(f"growth {count}", f"30,000 packets/s over {count} allocations, no trains possible",
               "relay", {"clients": count, "pps": 30000, "bytes": 100, "shape": "rising"},
               overhead=4 if count == GROWTH[-1] else 0.9, alone=True,
               quick=count in (1, GROWTH[-1]), every=2) for count in GROWTH),
    *(Workload(f"workers {name}", says, "relay", voice(300), overhead=1.7, alone=True, every=2,
               fresh=True, how=how)
      for name, says, how in (
          ("1", "300 x 50 packets/s, one worker on the server's processor",
           {"threads": 1, "cpus": SERVER_CPU}),
          ("1 beside", "the same on the generator's processor", {"threads": 1, "cpus": OWN_CPU}),
          ("2", "the same with two workers on both", {"threads": 2, "cpus": "0,1"}))),
]
BY_NAME = {workload.name: workload for workload in WORKLOADS}


@dataclass
class Times:
    """Seconds of a window and before it."""
    window: float
    warmup: float
    is_quick: bool = False
    slower: int = 1  # all rates by that, on a machine that cannot carry them

    def levels(self):
        """Packets per second."""
        return [level * 1000 // self.slower
                for level in (FEW_LEVELS if self.is_quick else LEVELS)]

    def level(self):
        """(warm-up, window) of one level of a curve."""
        return (0.15, 0.25) if self.is_quick else (0.25, 0.75)

    def of(self, workload):
        """Seconds of one run."""
        usual = self.warmup + self.window
        if workload.mode != "load":
            return workload.overhead + usual
        steps = len(self.levels()) + FINER + AGAIN
        return workload.overhead + usual + steps * (sum(self.level()) + AFTER)


def estimate(chosen, rounds, times):
    """Seconds that all of it takes."""
    per_round = [sum(times.of(w) * len(w.kinds()) for w in chosen if w.runs_in(number))
                 for number in range(rounds)]
    return 15 + sum(per_round)


class Runner:
    """Runs workloads; remembers each server's capacity and the generator's."""

    def __init__(self, field_, middle, times):
        self.field, self.middle, self.times = field_, middle, times
        self.generator = None  # round trips/s on the straight path
        self.capacity = {}     # kind: packets/s from clients
        self.absent = set()    # anchors that this kernel has not

    def run(self, workload, kind):
        call = getattr(self, f"_{workload.mode}", None)
        if workload.mode == "handshakes":
            return self._handshake(kind, workload.options["key"])
        how = workload.how if kind in (OURS, "other") else {}
        with self.middle.turn(kind, fresh=workload.fresh, **how) as target:
            if call:
                return call(workload, target)
            return target.run(workload.mode, self._options(workload))

    def _options(self, workload):
        options = {"warmup": self.times.warmup, "seconds": self.times.window, **workload.options,
                   **self.scale(workload)}
        for key in {"pps", "flood_pps"} & options.keys():
            options[key] = max(1, options[key] // self.times.slower)
        return options

    def scale(self, workload):
        """Where the generator could not carry all: fewer clients of W3, each as busy, and a flood
        that it can send."""
        if not self.generator:
            return {}
        if workload.options.get("way"):
            return {"pps": min(workload.options["pps"],
                               int(self.generator * FLOOD_ENDS * self.times.slower))}
        if workload.options.get("shape") != "video":
            return {}
        clients = min(workload.options["clients"],
                      max(10, int(self.generator * BURST_ENDS * self.times.slower / VIDEO_PPS)))
        return {"clients": clients, "pps": clients * VIDEO_PPS}

    def kinds(self, workload):
        return [kind for kind in workload.kinds() if kind not in self.absent]

    def check_nat(self):
        try:
            with self.middle.turn("nat"):
                pass
        except Broken as error:
            self.absent.add("nat")
            print(f"{error}: left out", flush=True)

    def check_threads(self):
        """True if it is the devices' threads that receive, as it should be."""
        few = {"clients": 10, "pps": 1000, "bytes": 160, "warmup": 0.1, "seconds": 0.2}
        with self.middle.turn("forward") as target:
            works = target.run("relay", few)["work_ns"] > 0
        if not works:
            self.field.receive_by_rps()
        return works

    def check_generator(self):
        """What it carries over the straight path without loss; the half of it is certain."""
        best, offers = 0, (25000, *range(50000, 450000, 50000))
        with self.middle.turn("straight") as target, \
                target.steps("relay", {"clients": 300, "bytes": 160, "warmup": 0.2}) as step:
            for pps in (offer // self.times.slower for offer in offers):
                result = offered(step, pps, min(self.times.window, 1))
                if not result["returned"]:
                    raise Broken("nothing comes back over the straight path")
                if result["loss"] <= LOSS or not best:
                    best = max(best, result["relayed_pps"] / 2)
                if result["loss"] > LOSS or result["sent"] < 0.95 * pps * result["seconds"]:
                    break
        self.generator = best
        return best

    def _load(self, workload, target):
        """A curve, the most that is carried, and latency at half of that."""
        warmup, seconds = self.times.level()
        options = {**workload.options, "warmup": warmup}
        curve, probes = [], []
        with target.steps("relay", options) as step:
            for level in self.times.levels():
                curve.append(offered(step, level, seconds))
                if overloaded(curve):
                    break
            good, bad = bounds(curve)
            for _ in range(FINER if bad else 0):
                middle = (good["offered"] if good else 0) / 2 + bad["offered"] / 2
                probe = offered(step, middle, seconds)
                if probe["loss"] <= LOSS:
                    good = probe
                else:
                    bad = probe
                probes.append(probe)
            half = step((good or curve[0])["offered"] / 2, self.times.window)
        if good:
            self.capacity.setdefault(target.kind, []).append(good["offered"])
        ended_by = bad or good
        return {"capacity_pps": good["relayed_pps"] if good else 0, "p50_us": half["p50_us"],
                "p99_us": half["p99_us"], "work_ns": half["work_ns"], "cpu_ns": half["cpu_ns"],
                "half": half, "curve": curve, "probes": probes,
                "short": not bad or ended_by["own_busy"] > 0.97 > ended_by["cpu_busy"]}

    def _stress(self, workload, target):
        known = sorted(self.capacity.get(target.kind, []))
        pps = int(0.4 * known[len(known) // 2]) if known else None
        options = self._options(workload)
        result = target.run("relay", {**options, "pps": pps or options["pps"]})
        return {**result, "before_kb": result["rss_before"] / 1024,
                "after_kb": result["rss_after"] / 1024}

    def _handshake(self, kind, key):
        """Full handshakes by openssl s_time, one after the other from one processor."""
        seconds = max(1, round(self.times.window))
        with self.middle.turn(kind, fresh=True, key=key) as target:
            argv = ["taskset", "-c", str(OWN_CPU), "openssl", "s_time", "-new", "-time",
                    str(seconds), "-connect", f"{target.address}:{TLS_PORT}"]
            before = spent(target.pid)
            run = self.field.world.run("cli", argv, timeout=60 + seconds)
            used = spent(target.pid) - before
        found = HANDSHAKES_DONE.search(run.stdout)
        if not found or not int(found[1]):
            raise Broken(f"{kind}: {(run.stderr or run.stdout).strip()[-300:]}")
        count, real = int(found[1]), int(found[2])
        return {"handshakes_per_s": count / real, "short": False, "work_us": used / 1e3 / count}


def offered(step, pps, seconds):
    """One level; a little loss may be an accident and gets a second try."""
    result = step(pps, seconds)
    if not LOSS < result["loss"] <= LITTLE:
        return result
    return min(result, step(pps, seconds), key=lambda one: one["loss"])


def overloaded(curve):
    """Two levels of more than 10 % loss say enough."""
    return len(curve) > 1 and all(result["loss"] > 10 for result in curve[-2:])


def bounds(curve):
    """The highest level without loss below the first with it, and that one."""
    good = bad = None
    for result in curve:
        if result["loss"] > LOSS:
            bad = result
            break
        good = result
    return good, bad


def spent(pid):
    """Nanoseconds of processor time of all threads."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as file:
            total += int(file.read().split()[0])
    return total
