"""Reads a stopped server's memory, as somebody does who has become root on the host."""

import os
import re
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass

MAGIC = bytes.fromhex("2112a442")
CHUNK = 1 << 22


@dataclass
class Area:
    first: int
    last: int
    name: str
    flags: tuple  # VmFlags of proc(5)


@dataclass
class Hit:
    what: str
    area: Area
    at: int
    around: bytes

    def __repr__(self):
        return (f"{self.what} at {self.at:#x} ({self.area.name or 'anonymous'} "
                f"+{self.at - self.area.first:#x} {' '.join(self.area.flags)}): {self.around!r}")


def areas(pid):
    """All that the process may write to."""
    found, current = [], None
    with open(f"/proc/{pid}/smaps") as file:
        for line in file:
            if match := re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+\s*(.*)", line):
                current = Area(int(match[1], 16), int(match[2], 16), match[4].strip(), ())
                if match[3].startswith("rw"):
                    found.append(current)
            elif line.startswith("VmFlags:"):
                current.flags = tuple(line.split()[1:])
    return found


def _chunks(memory, area, overlap):
    """(address, bytes), each beginning with the end of the one before."""
    kept = b""
    for start in range(area.first, area.last, CHUNK):
        memory.seek(start)
        data = memory.read(min(CHUNK, area.last - start))
        yield start - len(kept), kept + data
        kept = data[-overlap:]


def scan(pid, needles):
    """Every place where one of the needles (name -> bytes) is."""
    hits = {}
    overlap = max(len(n) for n in needles.values()) - 1
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for area in areas(pid):
            for start, data in _chunks(memory, area, overlap):
                for what, needle in needles.items():
                    for found in re.finditer(re.escape(needle), data):
                        at = found.start()
                        hits[what, start + at] = Hit(what, area, start + at,
                                                     data[max(0, at - 32):at + 48])
    return list(hits.values())


def _state(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()[0]


@contextmanager
def stopped(pid):
    """Yields when it was told to stop, and has."""
    when = time.monotonic()
    os.kill(pid, signal.SIGSTOP)
    try:
        while _state(pid) != "T":
            time.sleep(0.001)
        yield when
    finally:
        os.kill(pid, signal.SIGCONT)


def of_address(host):
    """An IPv4 address as the kernel has it, as STUN has it, and as text."""
    packed = bytes(int(part) for part in host.split("."))
    xored = bytes(a ^ b for a, b in zip(packed, MAGIC))
    return {f"{host} packed": packed, f"{host} swapped": packed[::-1], f"{host} xored": xored,
            f"{host} xored, swapped": xored[::-1], f"{host} text": host.encode()}
