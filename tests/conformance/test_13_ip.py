"""IP header fields (RFC 8656 sections 13 to 16), seen on the cable: rows V."""

import os
import socket

import pytest
from client import V6_RELAY
from links import CLIENT4, CLIENT6, FAR4, FAR6, PEER4, PEER6, World
from stun import DONT_FRAGMENT

EF, ECT0, CE = 46 << 2, 2, 3


@pytest.fixture(scope="module")
def world():
    one = World()
    yield one
    one.close()


@pytest.fixture(autouse=True)
def fresh(world):
    yield
    world.close_sockets()


def talk(world, copy_tos=False, host=CLIENT4, relay=4, over="udp"):
    """(client, peer) with a channel between them."""
    one = world.client(world.server(copy_tos), host, over=over)
    other = world.peer(PEER4 if relay == 4 else PEER6)
    one.allocate(*([] if relay == 4 else [V6_RELAY]))
    assert one.bind(0x4000, other.addr) == 0
    return one, other


def set_tos(sock, tos):
    if sock.family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, tos)


def out_and_back(world, one, other, tos=0, payload=None):
    """The packet as the peer's cable saw it, and the one as the client's cable saw it."""
    payload = payload or os.urandom(16)
    for sock in (one.sock, other.sock):
        set_tos(sock, tos)
    with world.watch("peer") as peer_side, world.watch("client") as client_side:
        one.channel(0x4000, payload)
        assert other.recv()[0] == payload
        other.send(payload, one.relayed[0])
        assert one.next_channel() == (0x4000, payload)
    far = [p for p in peer_side if p.payload == payload and p.src in (FAR4, FAR6)]
    near = [p for p in client_side if p.payload.endswith(payload) and p.dst in (CLIENT4, CLIENT6)]
    assert len(far) == 1 and len(near) == 1
    return far[0], near[0]


def test_V01_one_documented_behaviour(world):
    """The alternate behaviour for every field: DSCP 0, Not-ECT, no DF, a fresh TTL."""
    one, other = talk(world)
    for tos in (0, EF, EF | ECT0, CE, 0xFF):
        for packet in out_and_back(world, one, other, tos):
            assert (packet.tos, packet.dont_fragment, packet.ttl) == (0, False, 64)


def test_V02_dscp(world):
    for copy, expected in ((False, 0), (True, EF)):
        one, other = talk(world, copy)
        for packet in out_and_back(world, one, other, EF):
            assert packet.tos & 0xFC == expected
        for packet in out_and_back(world, one, other, 0):
            assert packet.tos == 0


def test_V03_ecn(world):
    for copy in (False, True):
        one, other = talk(world, copy)
        for ecn in (0, 1, ECT0, CE):
            for packet in out_and_back(world, one, other, ecn):
                assert packet.tos & 3 == (ecn if copy else 0)


def test_V04_dont_fragment(world):
    one, other = talk(world)
    with world.watch("peer") as seen:
        one.indicate(other.addr, b"df wanted", (DONT_FRAGMENT, b""))
        one.indicate(other.addr, b"df not wanted")
        # Another length: two alike may leave as one, and the capture sees them before they are cut.
        one.channel(0x4000, b"nor wanted here")
        for _ in range(3):
            other.recv()
    found = {(p.payload, p.dont_fragment) for p in seen if p.src == FAR4}
    assert found == {(b"df wanted", True), (b"df not wanted", False), (b"nor wanted here", False)}


def test_V05_fields_from_tcp_to_udp(world):
    """Nothing of the connection's packets is copied, whatever is configured."""
    for copy in (False, True):
        one, other = talk(world, copy, over="tcp")
        for tos in (0, EF | ECT0, CE):
            far, _ = out_and_back(world, one, other, tos)
            assert (far.tos, far.dont_fragment, far.ttl) == (0, False, 64)
    with world.watch("peer") as seen:
        one.indicate(other.addr, b"df wanted", (DONT_FRAGMENT, b""))
        other.recv()
    assert [p.dont_fragment for p in seen if p.payload == b"df wanted"] == [True]


def test_V06_fields_from_udp_to_tcp(world):
    for copy in (False, True):
        one, other = talk(world, copy, over="tcp")
        for tos in (0, EF | ECT0, CE):
            _, near = out_and_back(world, one, other, tos)
            assert near.tos == 0


def test_V07_ipv4_to_ipv6(world):
    one, other = talk(world, host=CLIENT4, relay=6)
    far, near = out_and_back(world, one, other)
    assert (far.version, far.src, far.ttl, far.tos) == (6, FAR6, 64, 0)
    assert (near.version, near.ttl, near.tos) == (4, 64, 0)


def test_V08_ipv6_to_ipv6(world):
    """The client's flow label and hop limit stay behind."""
    one, other = talk(world, host=CLIENT6, relay=6)
    one.sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 5)
    with world.watch("client") as sent:
        far, near = out_and_back(world, one, other)
    label = next(p.flow for p in sent if p.src == CLIENT6)
    assert far.ttl == near.ttl == 64
    assert far.flow == 0 or far.flow != label


def test_V09_ipv6_to_ipv4(world):
    one, other = talk(world, host=CLIENT6, relay=4)
    one.sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 3)
    far, near = out_and_back(world, one, other, EF | CE)
    assert (far.version, far.ttl, far.tos, far.dont_fragment) == (4, 64, 0, False)
    assert (near.version, near.tos) == (6, 0)


def test_V10_dont_fragment_across_families(world):
    """From IPv6 to IPv4 the attribute has no effect; data still flows both ways."""
    one, other = talk(world, host=CLIENT6, relay=4)
    with world.watch("peer") as seen:
        one.indicate(other.addr, b"across", (DONT_FRAGMENT, b""))
        assert other.recv()[0] == b"across"
    assert [p.dont_fragment for p in seen if p.payload == b"across"] == [False]
    four, six = talk(world, host=CLIENT4, relay=6)
    four.indicate(six.addr, b"across", (DONT_FRAGMENT, b""))
    assert six.recv()[0] == b"across"


def test_V11_fragments(world):
    """9000 bytes of payload do not fit into one packet of 1500: whole before and after."""
    one, other = talk(world)
    payload = os.urandom(9000)
    one.channel(0x4000, payload)
    assert other.recv()[0] == payload
    other.send(payload, one.relayed[0])
    assert one.next_channel() == (0x4000, payload)


def test_V12_ttl_is_never_zero(world):
    """A packet that reaches us with a TTL of 1 leaves with a fresh one."""
    one, other = talk(world)
    for sock in (one.sock, other.sock):
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
    far, near = out_and_back(world, one, other)
    assert far.ttl >= 1 and near.ttl >= 1
