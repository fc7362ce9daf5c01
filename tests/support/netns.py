"""Network namespaces for tests that need own links, routes, or captures. Needs root."""

import contextlib
import ctypes
import itertools
import os
import socket
import subprocess

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_count = itertools.count(1)


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def ip(*args):
    subprocess.run(["ip", *args], check=True, capture_output=True)


class Netns:
    """`with ns.inside():` moves this thread; sockets and processes made there stay there."""

    def __init__(self):
        self.name = f"dkt{os.getpid()}n{next(_count)}"
        ip("netns", "add", self.name)
        self.ip("link", "set", "lo", "up")

    def ip(self, *args):
        ip("-n", self.name, *args)

    def sysctl(self, *settings):
        subprocess.run(["ip", "netns", "exec", self.name, "sysctl", "-qw", *settings], check=True)

    @contextlib.contextmanager
    def inside(self):
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        there = os.open(f"/run/netns/{self.name}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _setns(there)
            yield self
        finally:
            _setns(home)
            os.close(there)
            os.close(home)

    def socket(self, *args):
        with self.inside():
            return socket.socket(*args)

    def close(self):
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)


def sink(ns, name, *addresses):
    """A link that swallows what is sent, without asking for neighbours; 192.0.2.1/24 and so on."""
    ns.ip("link", "add", name, "type", "veth", "peer", "name", name + "x")
    ns.ip("link", "set", name, "arp", "off")
    ns.ip("link", "set", name + "x", "up")
    _configure(ns, name, addresses)


def veth(one, two, name, here, there, mtu=1500):
    """A cable between two namespaces with address lists at both ends."""
    one.ip("link", "add", name, "mtu", str(mtu), "type", "veth", "peer", "name", name, "mtu",
           str(mtu), "netns", two.name)
    _configure(one, name, here)
    _configure(two, name, there)


def _configure(ns, name, addresses):
    for address in addresses:
        extra = ["nodad"] if ":" in address else []
        ns.ip("addr", "add", address, "dev", name, *extra)
    ns.ip("link", "set", name, "up")


def capture(ns=None, link=None):
    """A raw socket that sees every packet, or those of one link; Ethernet header included."""
    every = socket.htons(0x0003)
    with ns.inside() if ns else contextlib.nullcontext():
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, every)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        if link:
            sock.bind((link, 0x0003))
    sock.setblocking(False)
    return sock


def frames(sock):
    """What a capture has seen so far."""
    with contextlib.suppress(BlockingIOError):
        while True:
            yield sock.recv(65536)
