"""The three namespaces in which everything is measured, and their links.

      cli, processor 0        turn, processor 1         peer, processor 0
   clients as raw frames ── veth ── the server ── veth ── echo as raw frames
            │           10.79.0.0/24          10.79.1.0/24        │
            └───────── veth 10.79.2.0/24, the straight path ──────┘

All ends of the links have GRO on and threaded NAPI, the server's pinned to its processor, so
receiving is paid by who receives. Segmentation by the device is off: with TSO a veth would leave
NAPI aside and let the sender pay, and with that of UDP some would get trains for free. Clients and peer have
no IP stack in the way: their frames go to an address of their own.
"""

import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "e2e")]

from world import World  # noqa: E402

SERVER_CPU, OWN_CPU = 1, 0
MACS = {"cli": "02:00:00:00:79:01", "peer": "02:00:00:00:79:02"}
NET = {"cli": "10.79.0", "peer": "10.79.1", "straight": "10.79.2"}
OWN = 2      # last byte of the peer's address, and of the clients' where nothing remembers them
CLIENTS = range(50, 250)  # of the clients', another one in each run
AHEAD = 5    # niceness: receiving goes before processes, or the links' rings overflow
STREAMS = 3  # the clients', where they have an IP stack
TURN = 1     # the middle's, where it forwards


def mac_of(space, device):
    text = subprocess.run(["ip", "-j", "-n", space.name, "link", "show", device], check=True,
                          capture_output=True, text=True).stdout
    return json.loads(text)[0]["address"]


def napi_threads(device):
    """Kernel threads that poll a device: napi/<device>-<id>."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "comm").read_text().startswith(f"napi/{device}-"):
                found.append(int(entry.name))
        except OSError:
            pass
    return found


class Field:
    def __init__(self):
        self.tag = f"{os.getpid():x}"[-5:]
        self.threads = []  # those that receive for the server
        self.devices = []
        self.clients = itertools.cycle(CLIENTS)
        self.world = World(["cli", "turn", "peer"], [])
        try:
            self.links = {side: self._link(side, i) for i, side in enumerate(("cli", "peer"))}
            self._straight()
            self._stack()
        except BaseException:
            self.close()
            raise

    def _veth(self, one, near, other, far):
        self.world[one].ip("link", "add", near, "type", "veth", "peer", "name", far, "netns",
                           self.world[other].name)
        for name, device in ((one, near), (other, far)):
            self.world[name].ip("link", "set", device, "up")

    def _link(self, side, number):
        near, far = f"g{number}{self.tag}", f"s{number}{self.tag}"
        turn = self.world["turn"]
        self._veth(side, near, "turn", far)
        turn.ip("addr", "add", f"{NET[side]}.{TURN}/24", "dev", far)
        how = f"lladdr {MACS[side]} dev {far} nud permanent"
        known = "".join(f"neigh add {NET[side]}.{byte} {how}\n" for byte in (OWN, *CLIENTS))
        self.world.run("turn", ["ip", "-batch", "-"], input=known, check=True)
        self._prepare(side, near, OWN_CPU)
        self.threads += self._prepare("turn", far, SERVER_CPU)
        return {"near": near, "far": far, "mac": mac_of(turn, far)}

    def _straight(self):
        devices = {"cli": f"d0{self.tag}", "peer": f"d1{self.tag}"}
        self._veth("cli", devices["cli"], "peer", devices["peer"])
        for side, device in devices.items():
            self._prepare(side, device, OWN_CPU)
        self.straight = devices

    def _stack(self):
        """For clients that are sockets; many ports, since each handshake takes one."""
        cli = self.world["cli"]
        cli.ip("addr", "add", f"{NET['cli']}.{STREAMS}/24", "dev", self.links["cli"]["near"])
        cli.sysctl("net.ipv4.ip_local_port_range=1024 65535")
        cli.sysctl("net.ipv4.tcp_tw_reuse=1")

    def _prepare(self, name, device, cpu):
        """Threads that receive for the device on that processor."""
        self.world[name].ip("link", "set", device, "txqueuelen", "10000")
        offloads = ["gro", "on", "tso", "off", "tx-udp-segmentation", "off"]
        self.world.run(name, ["ethtool", "-K", device, *offloads], check=True)
        self.world.run(name, ["sh", "-c", f"echo 1 > /sys/class/net/{device}/threaded"])
        time.sleep(0.1)
        pids = napi_threads(device)
        for pid in pids:
            subprocess.run(["taskset", "-pc", str(cpu), str(pid)], check=True, capture_output=True)
            os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, 0) - AHEAD)
        self.devices.append((name, device, cpu))
        return pids

    def receive_by_rps(self):
        """Where the kernel has no such threads: on the same processors, paid by whoever runs."""
        self.threads = []
        for name, device, cpu in self.devices:
            shell = f"echo {1 << cpu:x} > /sys/class/net/{device}/queues/rx-0/rps_cpus"
            self.world.run(name, ["sh", "-c", shell], check=True)

    def add_server(self, number):
        """Addresses of the server of that number: (for clients, for peers)."""
        addresses = []
        for side in ("cli", "peer"):
            addresses.append(f"{NET[side]}.{10 + number}")
            self.world["turn"].ip("addr", "replace", f"{addresses[-1]}/24", "dev",
                                  self.links[side]["far"])
        return addresses

    def new_clients(self):
        """An address that no run before had: what a relay remembers of those is not in the way."""
        return next(self.clients)

    def end(self, side, there, own=OWN):
        """What the generator has to know of one side; there: to whom its frames go."""
        link = self.links[side]
        return ",".join([self.world[side].name, link["near"], MACS[side], link["mac"],
                         f"{NET[side]}.{own}", there])

    def straight_end(self, side):
        other = {"cli": "peer", "peer": "cli"}[side]
        here = {"cli": f"{NET['straight']}.2", "peer": f"{NET['straight']}.3"}
        return ",".join([self.world[side].name, self.straight[side], MACS[side], MACS[other],
                         here[side], here[other]])

    def forward(self, on):
        self.world["turn"].sysctl(f"net.ipv4.ip_forward={int(on)}")

    def nat(self, on, port, peer_port):
        """By nftables: what comes for the middle goes to the peer, as from the middle."""
        peer = f"{NET['peer']}.{OWN}:{peer_port}"
        rules = "delete table ip bench\n" if not on else f"""table ip bench {{
            chain in {{
                type nat hook prerouting priority -100
                ip daddr {NET['cli']}.{TURN} udp dport {port} dnat to {peer}
            }}
            chain out {{
                type nat hook postrouting priority 100
                oifname "{self.links['peer']['far']}" masquerade
            }}
        }}"""
        return self.world.run("turn", ["nft", "-f", "-"], input=rules).returncode == 0

    def close(self):
        self.world.close()
