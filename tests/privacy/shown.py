"""Servers in every state that their statistics can show, with windows made up for it."""

import json
import os
import random
import time

from outputs import WatchedServer
from support import certificates

HOUR, DAY = 3600, 86400
MOST = 100_000_000_000  # beyond it no sum goes, either way
HEAD = """drehkreuz-windows 1
relay_allocations clip 1 scale 40
relay_volume clip 16 scale 640
auth_rejected clip 1 scale 80
"""


def usual(i, rng=random.Random(5)):
    """Five good days and two quiet ones, as noise makes them."""
    busy = i % 7 < 5
    return (int(rng.gauss(900 if busy else 60, 60)), int(rng.gauss(5200 if busy else 300, 900)),
            0 if i % 9 else 1000)


def quiet(i, rng=random.Random(6)):
    """A server that nobody uses: nothing but noise."""
    return int(rng.gauss(0, 60)), int(rng.gauss(0, 900)), 0


def extreme(i):
    """The ends of what a window can hold, and what lies between."""
    value = [MOST, -MOST, 0, -1, 7, 20, 123_456_789_012 % MOST][i % 7]
    return value, [-MOST, MOST, 1279, 1280, MOST // 2][i % 5], [0, 1000, 10_000, 100_000][i % 4]


def windows(count, make, length=DAY):
    """Lines of the file, the last one of a window that has just ended."""
    end = int(time.time()) // length * length
    begins = (end - i * length for i in range(count, 0, -1))
    return [f"{b} {b + length} {' '.join(map(str, make(i)))}\n" for i, b in enumerate(begins)]


# Name -> (lines of the file of windows, options). A Redis that is not there has no secrets.
NO_REDIS = {"redis": "127.0.0.1:1", "redis_user": "relay", "redis_password": "password"}
STATES = {
    "usual": lambda: (windows(30, usual), {"metrics_window": DAY}),
    "extreme": lambda: (windows(60, extreme), {"metrics_window": DAY}),
    "fleet": lambda: (windows(60, quiet, HOUR), {"metrics_profile": "fleet", "metrics_window": 0}),
    "first": lambda: (windows(3, quiet)[:1] + windows(1, usual), {"metrics_window": DAY}),
    "empty": lambda: ([], {"metrics_window": DAY}),
    "strict": lambda: ([], {"metrics_profile": "strict", "metrics_window": 0}),
    "troubled": lambda: (windows(9, usual), NO_REDIS | {
        "metrics_window": DAY, "capacity_alarm": True, "relay_ports": "30000-42000",
        "certificates": [certificates.shared()]}),
}


class Asked(WatchedServer):
    """What it shows, as a program gets it."""

    def text(self, path, headers=""):
        head, body = self.get(path, headers)
        assert b" 200 " in head.splitlines()[0], head
        return body.decode()

    def stats(self):
        return json.loads(self.text("/stats.json"))


class Shown(Asked):
    """One of STATES, running."""

    def __init__(self, state):
        lines, conf = STATES[state]()
        super().__init__(conf, **({"secrets": None} if "redis" in conf else {}))
        if lines:
            file = self.options["metrics_file"]
            with open(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as out:
                out.write(HEAD + "".join(lines) + "end\n")

    def start(self):
        super().start()
        self.wait_log("metrics-ready")
        return self

    @property
    def url(self):
        return f"http://{self.options['metrics_listen']}/"
