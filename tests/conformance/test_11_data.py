"""Send and Data indications (RFC 8656 section 11): rows D without ICMP."""

import contextlib
import os
import struct

import pytest
from client import V6_RELAY, arrives, returns
from stun import (
    DATA, DONT_FRAGMENT, INDICATION, SEND, XOR_PEER_ADDRESS, build, new_tid, tlv, xor_address)
from support.netns import capture, frames


def by_send(one, other):
    return lambda data: one.indicate(other.addr, data)


def test_D01_send_needs_peer_and_data(linked):
    one, other, _ = linked
    assert one.permit(other.addr) == 0
    tid = new_tid()
    address = xor_address(other.addr, tid)
    for attrs in ([(XOR_PEER_ADDRESS, address)], [(DATA, b"no peer")], [],
                  [(XOR_PEER_ADDRESS, address[:7]), (DATA, b"short peer")],
                  [(XOR_PEER_ADDRESS, address[:1] + b"\3" + address[2:]), (DATA, b"family")]):
        one.send(build(INDICATION, SEND, attrs, tid))
    assert one.silent()
    assert other.pending() == []
    one.send(build(INDICATION, SEND, [(DATA, b"any order"), (XOR_PEER_ADDRESS, address)], tid))
    one.barrier()
    assert other.pending() == [b"any order"]


def test_D02_empty_data(linked):
    one, other, relayed = linked
    assert one.permit(other.addr) == 0
    one.indicate(other.addr, b"")
    assert other.recv() == (b"", relayed)


def test_D03_send_without_permission(linked):
    one, other, _ = linked
    assert one.permit(("127.0.0.78", 9)) == 0
    assert not arrives(one, other, by_send(one, other), b"not permitted")


@pytest.mark.over("udp4", "tcp4")
def test_D05_dont_fragment(own, client, peer):
    """DF on the wire with the attribute, none without."""
    server = own()
    one, other = client(server), peer()
    one.allocate()
    assert one.permit(other.addr) == 0
    one.indicate(other.addr, b"with", (DONT_FRAGMENT, b""))
    one.barrier()
    flags = {}
    with contextlib.closing(capture(None, "lo")) as sock:
        for payload, more in ((b"df is set", [(DONT_FRAGMENT, b"")]), (b"df is not set", [])):
            for _ in range(3):
                one.indicate(other.addr, payload, *more)
            one.barrier()
            assert other.pending().count(payload) >= 3
        for packet in frames(sock):
            for payload in (b"df is set", b"df is not set"):
                if packet.endswith(payload) and packet[14 + 12:14 + 20] == wire(one, other):
                    flags.setdefault(payload, set()).add(packet[14 + 6] >> 6 & 1)
    assert flags == {b"df is set": {1}, b"df is not set": {0}}


def wire(one, other):
    """Source and destination address bytes of a relayed IPv4 packet."""
    hosts = (one.relayed[0][0], other.addr[0])
    return b"".join(bytes(int(x) for x in h.split(".")) for h in hosts)


def test_D06_forbidden_ports(serve, client, peer):
    """Permissions know no ports; Send does, and drops without a word. ChannelBind says 403."""
    first, second = peer(), peer()
    closed = first.addr[1]
    server = serve({"deny_peer_ports": [f"{closed}-{closed}"]})
    one = client(server)
    one.allocate()
    assert one.permit(first.addr) == 0
    assert not arrives(one, first, by_send(one, first), b"forbidden port")
    assert arrives(one, second, by_send(one, second), b"another port")
    assert one.bind(0x4000, first.addr) == 403
    assert one.bind(0x4000, second.addr) == 0
    assert one.bind(0x4001, (first.addr[0], 0)) == 403  # nothing can be sent there
    assert one.silent()


def test_D07_datagram_to_the_peer(linked):
    one, other, relayed = linked
    assert one.permit(other.addr) == 0
    for size in (1, 2, 3, 4, 5, 1200, 1452):
        payload = os.urandom(size)
        one.indicate(other.addr, payload)
        assert other.recv() == (payload, relayed)
    tid = new_tid()
    address = (XOR_PEER_ADDRESS, xor_address(other.addr, tid))
    one.send(build(INDICATION, SEND, [address, tlv(DATA, b"abc", pad=b"\xFF")], tid))
    assert other.recv() == (b"abc", relayed)


def test_D07_ipv6(main, client, peer):
    one, other = client(main), peer("::1")
    relayed = one.allocate(V6_RELAY)
    assert one.permit(other.addr) == 0
    one.indicate(other.addr, b"six")
    assert other.recv() == (b"six", relayed)


def test_D08_data_indication(linked):
    one, other, relayed = linked
    assert one.permit(other.addr) == 0
    for size in (0, 1, 2, 3, 4, 1200):
        payload = os.urandom(size)
        other.send(payload, relayed)
        assert one.next_data() == (other.addr, payload)


def test_D08_ipv6(main, client, peer):
    one, other = client(main), peer("::1")
    relayed = one.allocate(V6_RELAY)
    assert one.permit(other.addr) == 0
    for size in (0, 1, 2, 3, 1200):
        other.send(b"v" * size, relayed)
        assert one.next_data() == (other.addr, b"v" * size)


def test_D09_only_to_the_own_flow(main, client, peer):
    """Two clients of one user; each one hears only what came to its own relay."""
    one, two, idle, other = client(main), client(main), client(main), peer()
    for each in (one, two):
        each.allocate()
        assert each.permit(other.addr) == 0
    other.send(b"for one", one.relayed[0])
    other.send(b"for two", two.relayed[0])
    assert one.next_data()[1] == b"for one" and two.next_data()[1] == b"for two"
    assert one.silent() and two.silent() and idle.silent()


def test_D10_sizes(linked):
    """What does not fit around its headers is dropped whole; what fits arrives whole."""
    one, other, relayed = linked
    assert one.permit(other.addr) == 0
    for size in (1472, 8000, 30000):
        payload = os.urandom(size)
        other.send(payload, relayed)
        came = [] if not returns_any(one) else [m.get(DATA) for m in one.inbox]
        one.inbox.clear()
        assert came in ([payload], [])
        assert came or size > 2048  # a large buffer is not demanded, a whole MTU is
    other.send(bytes(65507), relayed)
    assert not returns_any(one) or one.stream and one.inbox.popleft().get(DATA) == bytes(65507)
    assert not one.inbox
    other.send(b"alive", relayed)
    assert one.next_data()[1] == b"alive"


def returns_any(one):
    one.barrier()
    return bool(one.inbox)


def test_D16_icmp_errors_end_nothing(main, client, peer):
    one, other = client(main), peer()
    relayed = one.allocate()
    assert one.bind(0x4000, other.addr) == 0
    port = other.addr[1]
    other.close()
    for _ in range(5):
        one.channel(0x4000, b"to a closed port")
        one.barrier()
    one.inbox.clear()  # indications of the errors, which test_11_icmp is about
    again = peer("127.0.0.77", port)
    one.channel(0x4000, b"open again")
    one.barrier()
    assert b"open again" in again.pending()
    again.send(b"and back", relayed)
    one.barrier()
    assert struct.pack("!HH", 0x4000, 8) + b"and back" in one.inbox
    assert one.refresh().code == 0


def test_channel_data_after_reload_of_the_ports(own, client, peer):
    """The address stays a peer, its port does not."""
    server = own()
    one, other, third = client(server), peer(), peer()
    one.allocate()
    assert one.bind(0x4000, other.addr) == 0
    assert one.bind(0x4001, third.addr) == 0
    server.reload({"deny_peer_ports": [f"{other.addr[1]}-{other.addr[1]}"]})
    assert not arrives(one, other, lambda data: one.channel(0x4000, data), b"denied now")
    assert arrives(one, third, lambda data: one.channel(0x4001, data), b"still allowed")


def test_data_after_reload_of_the_policy(own, client, peer):
    """A peer that a new configuration forbids is cut off at once, both ways."""
    server = own()
    one, other, third = client(server), peer(), peer("127.0.0.99")
    one.allocate()
    assert one.permit(other.addr, third.addr) == 0
    assert one.bind(0x4000, other.addr) == 0
    assert arrives(one, other, by_send(one, other), b"allowed")
    server.reload({"deny_peers": ["127.0.0.77/32"], "allow_peers": ["127.0.0.99/32"]})
    assert not arrives(one, other, by_send(one, other), b"denied now")
    assert not arrives(one, other, lambda data: one.channel(0x4000, data), b"denied now")
    assert not returns(one, other, b"denied now")
    assert arrives(one, third, by_send(one, third), b"still allowed")
