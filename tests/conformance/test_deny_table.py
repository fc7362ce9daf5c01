"""The whole table of forbidden peers (deny.csv), in a namespace whose every packet is watched.

"hard" ranges stay forbidden whatever is allowed; "default" ones can be allowed by the operator."""

import contextlib
import csv
import ipaddress
import random
from pathlib import Path

import pytest
from accounts import ALICE, USERS
from client import V6_RELAY, Client
from links import parse_ip
from support.netns import Netns, capture, frames, sink
from support.server import Server

RELAY4, RELAY6 = "192.0.43.8", "2a00:1450:4001::1"  # as good as any public address in here
PUBLIC4, PUBLIC6 = "8.8.8.8", "2606:4700:4700::1111"
PORT = 7007


def table():
    with open(Path(__file__).with_name("deny.csv"), newline="") as file:
        return [(ipaddress.ip_network(r["range"]), r["strength"]) for r in csv.DictReader(file)]


TABLE = table()
OVERRIDABLE = [str(net) for net, strength in TABLE if strength == "default"]


NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_denied(ip, hard_only=False):
    if ip.version == 6 and ip in NAT64 and hard_only:
        return is_denied(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF), True)
    if hard_only and ip.is_loopback:
        return False
    strengths = ("hard",) if hard_only else ("hard", "default")
    return any(ip.version == net.version and ip in net and s in strengths for net, s in TABLE)


def samples(net):
    """First, last and two in between."""
    count = net.num_addresses
    picks = {0, count - 1, random.randrange(count), random.randrange(count)}
    return [str(net[i]) for i in sorted(picks)]


def neighbours(net):
    """The addresses on either side that are not themselves forbidden."""
    result = []
    for edge, step in ((net[0], -1), (net[-1], 1)):
        with contextlib.suppress(ipaddress.AddressValueError):
            other = type(edge)(int(edge) + step)
            if not is_denied(other):
                result.append(str(other))
    return result


class Room:
    """A namespace with default routes into nothing, and a server in it."""

    def __init__(self, allow):
        self.ns = Netns()
        sink(self.ns, "d0", f"{RELAY4}/24", f"{RELAY6}/64")
        self.ns.ip("route", "add", "default", "dev", "d0")
        self.ns.ip("-6", "route", "add", "default", "dev", "d0")
        self.server = Server({
            "listen": ["127.0.0.1:3478"], "relay_ipv4": RELAY4, "relay_ipv6": RELAY6,
            "allow_peers": allow, "users": USERS, "permissions_per_allocation": 1000,
            "channels_per_allocation": 1000, "deny_peer_ports": []}, netns=self.ns).start()
        self.clients = {}

    def client(self, version):
        """One client with a relay of this family."""
        if version not in self.clients:
            one = Client(self.server, ALICE, netns=self.ns)
            one.allocate(*([V6_RELAY] if version == 6 else []), lifetime=3600)
            self.clients[version] = one
        return self.clients[version]

    def close(self):
        for one in self.clients.values():
            one.close()
        try:
            self.server.stop()
        finally:
            self.ns.close()


@pytest.fixture(scope="module")
def strict():
    room = Room([])
    yield room
    room.close()


@pytest.fixture(scope="module")
def open_room():
    room = Room(["0.0.0.0/0", "::/0"])
    yield room
    room.close()


def by_version(host):
    return ipaddress.ip_address(host).version


@pytest.mark.parametrize("net", [n for n, _ in TABLE], ids=str)
def test_denied_by_default(strict, net):
    one = strict.client(net.version)
    for host in samples(net):
        assert one.permit((host, PORT)) == 403, host
        assert one.bind(0x4000, (host, PORT)) == 403, host


@pytest.mark.parametrize("net", [n for n, _ in TABLE], ids=str)
def test_neighbours_are_not_denied(strict, net):
    one = strict.client(net.version)
    for host in neighbours(net):
        assert one.permit((host, PORT)) == 0, host


@pytest.mark.parametrize("net", [n for n, s in TABLE if s == "hard"], ids=str)
def test_hard_ranges_cannot_be_allowed(open_room, net):
    one = open_room.client(net.version)
    for host in samples(net):
        if is_denied(ipaddress.ip_address(host), hard_only=True):
            assert one.permit((host, PORT)) == 403, host
            assert one.bind(0x4000, (host, PORT)) == 403, host


@pytest.mark.parametrize("net", [n for n, s in TABLE if s != "hard"], ids=str)
def test_default_ranges_can_be_allowed(open_room, net):
    one = open_room.client(net.version)
    for host in samples(net):
        code = 403 if is_denied(ipaddress.ip_address(host), hard_only=True) else 0
        assert one.permit((host, PORT)) == code, host


@pytest.mark.parametrize("net", [n for n, _ in TABLE if n.version == 4], ids=str)
def test_mapped_forms_are_judged_as_ipv4(strict, net):
    """::ffff:a.b.c.d is an IPv4 address, which an IPv6 relay cannot reach: 403 or 443, never 0."""
    one = strict.client(6)
    for host in samples(net):
        for form in (f"::ffff:{host}", f"64:ff9b::{host}", f"::{host}", f"::ffff:0:{host}",
                     "2002:" + v4_groups(host) + "::1", "2606:4700::5efe:" + v4_groups(host)):
            assert one.permit((form, PORT)) in (403, 443), form
            assert one.bind(0x4000, (form, PORT)) in (403, 443), form


def v4_groups(host):
    packed = ipaddress.ip_address(host).packed.hex()
    return f"{packed[:4]}:{packed[4:]}"


def sent(room, action):
    """Payloads of all UDP packets that left a relay while action ran."""
    with contextlib.closing(capture(room.ns)) as sock:
        action()
        for one in room.clients.values():
            one.barrier()
        packets = [parse_ip(f[14:]) for f in frames(sock) if len(f) >= 42]
    return {p.payload for p in packets if p and p.src in (RELAY4, RELAY6)}


def test_send_to_denied_peers_without_permission(strict):
    def action():
        for net, _ in TABLE:
            for host in samples(net):
                strict.client(net.version).indicate((host, PORT), b"never " + host.encode())

    assert sent(strict, action) == set()


def test_send_to_public_peers_is_seen(strict):
    """The capture does see what is sent."""
    for version, host in ((4, PUBLIC4), (6, PUBLIC6)):
        assert strict.client(version).permit((host, PORT)) == 0

    def action():
        strict.client(4).indicate((PUBLIC4, PORT), b"four")
        strict.client(6).indicate((PUBLIC6, PORT), b"six")

    assert sent(strict, action) == {b"four", b"six"}


def test_send_and_channel_data_after_the_policy_changed():
    """Permissions and channels that were fine are judged anew on every packet: nothing leaves."""
    room = Room(OVERRIDABLE)
    try:
        peers = []
        for i, (net, _) in enumerate(TABLE):
            host = str(net[min(9, net.num_addresses - 1)])
            if is_denied(ipaddress.ip_address(host), hard_only=True) or net.is_link_local:
                continue
            one = room.client(net.version)
            assert one.bind(0x4000 + i, (host, PORT)) == 0, host
            peers.append((one, 0x4000 + i, host))
        one = room.client(4)
        assert one.bind(0x4800, (PUBLIC4, PORT)) == 0

        def action():
            # The second is longer than the first, so that no train of equal packets comes of it.
            for client, number, host in peers:
                client.channel(number, b"c" + host.encode())
                client.indicate((host, PORT), b"send" + host.encode())
            one.channel(0x4800, b"public")

        hosts = {host.encode() for _, _, host in peers}
        assert sent(room, action) == {b"c" + h for h in hosts} | {b"send" + h for h in hosts} | {
            b"public"}
        room.server.reload({"allow_peers": []})
        assert sent(room, action) == {b"public"}
    finally:
        room.close()
