"""The engine alone, without sockets: what a packet costs with very many allocations."""

import subprocess
from pathlib import Path

from field import SERVER_CPU
from support.server import binary

SHOWN = {"channel_to_peer_ns": "ChannelData to a peer", "peer_to_channel_ns": "a peer's to a channel"}


def measure():
    """{allocations: {figure: value}}"""
    tool = Path(binary()).parent / "tests/sim/bench_engine"
    run = subprocess.run(["taskset", "-c", str(SERVER_CPU), tool], capture_output=True, text=True,
                         check=True, timeout=120)
    found = {}
    for line in run.stdout.splitlines():
        count, key, value = line.split()
        found.setdefault(int(count), {})[key] = float(value)
    return found
