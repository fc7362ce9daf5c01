"""T3. Two lives of one server, on the same clock and with the same randomness for its noise: in one
nobody comes, in the other thousands call. Whatever it says, shows or writes, and when, is the same;
of usage there are the sums, and nothing else."""

import json
import os
import re
import socket
from contextlib import closing

from load import Calls, junk, size
from outputs import ORDERS, PAGES, Stand, files
from support.server import free_ports
from trail import Trail, conf_of, store, wait_for_answers

CALLS = size(5000, 300)
HOUR, SCRAPE = 3600, 30
WALL = 1_800_000_000 // HOUR * HOUR + 10
WINDOWS = size(2 * HOUR + 60, 300)  # seconds: one window begins and ends
HEALTH = size(HOUR // 2, 300)
BURST = 200
OWN_FILES = {"stderr", "trace", "stage", "timewarp", "drehkreuz.conf", "notify"}
USAGE = ("relay_allocations", "relay_volume", "relay_volume_bytes", "auth_rejected")


class Told(Stand):
    """With a service manager that listens, too."""

    def _environment(self):
        return super()._environment() | {"NOTIFY_SOCKET": os.path.join(self.dir, "notify")}

    def spawn(self):
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(os.path.join(self.dir, "notify"))
        self.manager.setblocking(False)
        return super().spawn()

    def notified(self):
        try:
            while True:
                yield self.manager.recv(4096)
        except BlockingIOError:
            return


class Life:
    """out: name of a way out -> [(microseconds, what came)]. births: allocations of each hour."""

    def __init__(self, conf, calls, seconds):
        self.out, self.births, self.left = {}, {}, calls
        with closing(store()) as self.redis:
            self.trail = Trail(self.redis)
            with Told(conf | conf_of(self.redis), wall=WALL, seed=99, secrets=None) as server:
                self.server = server
                server.wait_log("redis-ready")
                with Calls(server) as self.calls:
                    self._live(seconds)
                server.manager.close()
                self._note("log", server.trace())
                for name, data in files(server.dir).items():
                    if name not in OWN_FILES:
                        self._note(f"file {name}", data)
                server.stop()
            for number, seen in enumerate(sorted(self.trail.seen.values())):
                self.out[f"Redis {number}"] = seen

    def _note(self, name, data):
        text = data.decode() if isinstance(data, bytes) else data
        text = text.replace(self.server.dir, "FOLDER").replace(self.redis.address, "REDIS")
        self.out.setdefault(name, []).append((self.server.stage.moved(), text))

    def _look(self):
        for page, headers in PAGES:
            self._note(f"{page} {headers}", b"\r\n\r\n".join(self.server.get(page, headers)))
        for line in [*ORDERS, "kill 50001"]:
            self._note(line, self.server.order(line))

    def _live(self, seconds):
        now = 0
        # Spread over all the time, so that windows that are released have some.
        every = max(seconds * BURST // max(self.left, 1) // 60 * 60, 60)
        while now < seconds:
            # Every second at first and around the end of a window, else every ten.
            step = 1 if now < 30 or (now + 20) % HOUR < 20 else 10
            if self.left and now % every == 0:
                self._burst()
            self.server.advance(step)
            now += step
            wait_for_answers(self.server, self.redis)
            self.trail.next_step()
            for message in self.server.notified():
                self._note("notify", message)
            if now % SCRAPE == 0:
                self._look()

    def _burst(self):
        number = min(BURST, self.left)
        self.left -= number
        hour = int(self.server.now()) // HOUR * HOUR
        self.births[hour] = self.births.get(hour, 0) + number
        if self.births != {hour: number}:
            self.calls.free()
        self.calls.wrong(20)
        self.calls.allocate(number, 200)  # which live until the next burst
        junk(self.server, 256, self.left)
        for raw in (b"\0\1\0\0", b"\x16\x03\x01\0\4junk", b"GET / HTTP/1.1\r\n\r\n"):
            with socket.create_connection(self.server.addresses()[0][1]) as sock:
                sock.sendall(raw)
        self.server.stage.settle()


def lives(seconds, **conf):
    """The same server, alone and with callers."""
    ports = free_ports(900)  # more than other tests could have in use
    same = {"listen": [f"127.0.0.1:{(port := free_ports(1))}"], "relay_ipv6": "off", "threads": 2,
            "relay_ports": f"{ports}-{ports + 899}", "metrics_listen": f"127.0.0.1:{free_ports(1)}"}
    result = []
    for calls in (0, CALLS):
        result.append(Life(same | conf, calls, seconds))
        assert result[-1].left == 0 and result[-1].server.options["listen"] == [f"127.0.0.1:{port}"]
    return result


def first_difference(one, two):
    """In words, of two lists [(when, what)]."""
    for (at, text), (when, other) in zip(one, two):
        if at != when:
            return f"at {at} and at {when}: {text!r}, {other!r}"
        if text != other:
            lines = [pair for pair in zip(text.splitlines(), other.splitlines())
                     if pair[0] != pair[1]]
            return f"at {at}: " + str(lines[:1] or (text[-200:], other[-200:]))
    return f"{len(one)} and {len(two)} times"


def differences(alone, busy, blank=lambda name, text: text):
    """name of a way out -> its first difference."""
    result = {}
    for name in sorted(alone.out.keys() | busy.out.keys()):
        one, two = ([(at, blank(name, text)) for at, text in life.out.get(name, [])]
                    for life in (alone, busy))
        if one != two:
            result[name] = first_difference(one, two)
    return result


def test_without_usage_all_is_the_same():
    alone, busy = lives(HEALTH, metrics_profile="strict")
    assert len(alone.out) > 12 and len(alone.out["/metrics "]) >= 10, alone.out.keys()
    assert alone.out["notify"] and alone.out["Redis 0"]
    found = differences(alone, busy)
    assert not found, "\n".join(f"{k}: {v}" for k, v in found.items())


def blank(name, text):
    """Without the sums of usage. What depends on how long they are goes with them."""
    text = re.sub(r"Content-Length: \d+\r\n", "", text)
    if name == "log":
        return re.sub(r"(: usage: .* \(UTC\): ).*", r"\1", text)
    if name == "file windows":
        return re.sub(r"(?m)^(\d+ \d+) -?\d+ -?\d+ \d+$", r"\1", text)
    if "json" in name:
        return re.sub(rf'("({"|".join(USAGE)})"):-?\d+', r"\1:0", text)
    if name == "stats":
        return re.sub(r"(?m)^(\d{4}-\d\d-\d\d \d\d:\d\d ).*", r"\1", text)
    if name.startswith("/ ") or name.startswith("/?"):
        return text.split("\r\n\r\n")[0]  # its charts are made of them; see the profile strict
    return re.sub(rf"(?m)^(drehkreuz_({'|'.join(USAGE)})) -?\d+$", r"\1 0", text)


def released(life):
    """begin of a window -> allocations, of the last look."""
    body = life.out["/stats.json "][-1][1].split("\r\n\r\n")[1]
    return {one["begin"]: one["relay_allocations"] for one in json.loads(body)["usage"]["windows"]}


def test_of_usage_there_are_the_sums_alone():
    alone, busy = lives(WINDOWS, metrics_profile="standard")
    found = differences(alone, busy, blank)
    assert not found, "\n".join(f"{k}: {v}" for k, v in found.items())
    one, two = released(alone), released(busy)
    assert one.keys() == two.keys() and (one or WINDOWS < HOUR), one
    assert WINDOWS < HOUR or any(begin in busy.births for begin in one), busy.births
    # With the same noise the sums differ by what was counted: so nothing else was drawn.
    assert {begin: two[begin] - one[begin] for begin in one} == \
        {begin: busy.births.get(begin, 0) for begin in one}
