"""A server on a clock that stands still until the test moves it (see stage.c)."""

import mmap
import os
import struct
import time

from support.server import Server
from support.warp import compiled

THREADS_MAX = 32
_MOVED, _WALL, _SEED, _TURN, _THREADS, _IDLE = range(0, 48, 8)
SIZE = _IDLE + 8 * THREADS_MAX


class Stage:
    """wall: Unix seconds at the start. seed: of the main thread's randomness, 0 for the
    kernel's."""

    def __init__(self, folder, wall, seed=0):
        self.path = os.path.join(folder, "stage")
        self.trace = os.path.join(folder, "trace")
        with open(self.path, "wb") as out:
            out.write(struct.pack("=qqQ", 0, wall, seed).ljust(SIZE, b"\0"))
        with open(self.path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), SIZE)
        self.wall = wall

    def _get(self, at):
        return struct.unpack_from("=q", self.map, at)[0]

    def _set(self, at, value):
        struct.pack_into("=q", self.map, at, value)

    def environment(self):
        return {"LD_PRELOAD": compiled("stage.c"), "STAGE_FILE": self.path,
                "STAGE_TRACE": self.trace}

    def restart(self):
        """The threads of the last process are gone; time goes on."""
        self._set(_THREADS, 0)
        self.map[_IDLE:] = bytes(8 * THREADS_MAX)

    def threads(self):
        return self._get(_THREADS)

    def moved(self):
        """Microseconds since the start."""
        return self._get(_MOVED)

    def now(self):
        return self.wall + self.moved() / 1e6

    def settle(self, alive=lambda: True, times=2):
        """Until every thread has found nothing to do, and then again: what one had posted to
        another is done as well."""
        for _ in range(times):
            turn = self._get(_TURN) + 1
            self._set(_TURN, turn)
            deadline = time.monotonic() + 30
            fields = struct.Struct(f"={self.threads()}q")
            while min(fields.unpack_from(self.map, _IDLE)) < turn:
                assert alive(), "the server has gone"
                assert time.monotonic() < deadline, "a thread is never idle"
                time.sleep(0.0001)

    def move(self, seconds, alive=lambda: True):
        self.settle(alive, times=1)  # or a wait that is about to begin would begin later
        self._set(_MOVED, self.moved() + round(seconds * 1_000_000))
        self.settle(alive)


class Staged(Server):
    """A Server on a stage of its own. wall: see Stage; by default the last midnight UTC, ten
    seconds later."""

    def __init__(self, conf=None, wall=None, seed=0, **more):
        super().__init__(conf, **more)
        wall = int(time.time()) // 86400 * 86400 + 10 if wall is None else wall
        self.stage = self.warp = Stage(self.dir, wall, seed)

    def start(self):
        self.stage.restart()
        super().start()
        self.wait_log("started:")
        deadline = time.monotonic() + 10
        while self.stage.threads() <= self.options["threads"]:
            assert time.monotonic() < deadline, "its threads do not wait"
            time.sleep(0.001)
        self.stage.settle(self.alive)
        return self

    def advance(self, seconds):
        self.stage.move(seconds, self.alive)

    def trace(self):
        """What it has said: lines behind their instants."""
        with open(self.stage.trace) as file:
            return file.read()
