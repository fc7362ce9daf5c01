"""ICMP errors told to the client (RFC 8656 section 11.5), made by hand on the cable: rows D."""

import pytest
from client import V6_RELAY
from links import (
    CLIENT4, FAR4, FAR6, PEER4, PEER6, World, icmp4, icmp6, inject, inner4, inner6)
from stun import ICMP, XOR_PEER_ADDRESS, parse_icmp

NET, HOST, PORT, NEED_FRAG = 0, 1, 3, 4
PEER_PORT = 4040


@pytest.fixture(scope="module")
def world():
    one = World()
    # Many errors at once are no attack here; without this the kernel would thin out its own.
    for ns in (one.server_ns, one.peer_ns):
        ns.sysctl("net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0")
    yield one
    one.close()


@pytest.fixture
def pair(world):
    """(client, address of a peer that is permitted, relayed address): IPv4 and IPv6."""
    result = {}
    for family, host in ((4, PEER4), (6, PEER6)):
        one = world.client(world.server(), CLIENT4)
        one.allocate(*([V6_RELAY] if family == 6 else []))
        assert one.permit((host, PEER_PORT)) == 0
        result[family] = one, (host, PEER_PORT), one.relayed[0]
    yield result
    world.close_sockets()


def told(one):
    """(peer, type, code, data) of the ICMP indications that have come, nothing else allowed."""
    one.barrier()
    result = []
    while one.inbox:
        msg = one.inbox.popleft()
        assert msg.kinds() == [XOR_PEER_ADDRESS, ICMP]
        result.append((msg.address(XOR_PEER_ADDRESS), *parse_icmp(msg.get(ICMP))))
    return result


def test_D11_types(world, pair):
    """Of all types and codes that exist, exactly the ones of the table are passed on."""
    one, peer, relayed = pair[4]
    for kind in (0, 3, 4, 5, 8, 11, 12, 13):
        inject(world, PEER4, icmp4(kind, PORT if kind == 3 else 0, 0, inner4(relayed, peer)))
        expected = [(peer, kind, PORT if kind == 3 else 0, 0)] if kind in (3, 11) else []
        assert told(one) == expected, kind
    one, peer, relayed = pair[6]
    for kind in (1, 2, 3, 4, 128, 129):
        rest = 1400 if kind == 2 else 0
        inject(world, PEER6, icmp6(kind, 0, rest, inner6(relayed, peer)))
        assert told(one) == ([(peer, kind, 0, rest)] if kind in (1, 2, 3) else []), kind


def test_D11_only_for_udp(world, pair):
    one, peer, relayed = pair[4]
    for protocol in (1, 6, 132, 136):
        inject(world, PEER4, icmp4(3, HOST, 0, inner4(relayed, peer, protocol)))
    assert told(one) == []
    one, peer, relayed = pair[6]
    for protocol in (6, 58, 136):
        inject(world, PEER6, icmp6(1, 0, 0, inner6(relayed, peer, protocol)))
    assert told(one) == []


def test_D12_permission_of_the_inner_destination(world, pair):
    """A router may report; what counts is whom the packet was for, and that it was ours."""
    one, _, relayed = pair[4]
    far = ("198.18.99.9", 5000)
    inject(world, PEER4, icmp4(3, HOST, 0, inner4(relayed, far)))
    assert told(one) == []
    assert one.permit(far) == 0
    inject(world, PEER4, icmp4(3, HOST, 0, inner4(relayed, far)))
    assert told(one) == [(far, 3, HOST, 0)]
    # Another port of ours that nobody has, and another address.
    for wrong in ((relayed[0], 65000), ("198.18.2.77", relayed[1])):
        inject(world, PEER4, icmp4(3, HOST, 0, inner4(wrong, far)))
    assert told(one) == []


def test_D12_allocation_of_the_inner_source(world, pair):
    """Two allocations permit the same peer; only the one that is meant hears of it."""
    one, peer, _ = pair[4]
    two = world.client(world.server(), CLIENT4)
    two.allocate()
    assert two.permit(peer) == 0
    inject(world, PEER4, icmp4(3, PORT, 0, inner4(two.relayed[0], peer)))
    assert told(two) == [(peer, 3, PORT, 0)] and told(one) == []


def test_D13_form_also_with_a_channel(world, pair):
    one, peer, relayed = pair[4]
    assert one.bind(0x4000, peer) == 0
    inject(world, PEER4, icmp4(3, PORT, 0, inner4(relayed, peer)))
    assert told(one) == [(peer, 3, PORT, 0)]


def test_D13_of_the_kernel_itself(pair):
    """A closed port at the peer: its kernel answers, the client is told."""
    for family, (kind, code) in ((4, (3, PORT)), (6, (1, 4))):
        one, peer, _ = pair[family]
        one.indicate(peer, b"nobody listens here")
        msg = one.next()
        assert msg.address(XOR_PEER_ADDRESS) == peer
        assert parse_icmp(msg.get(ICMP)) == (kind, code, 0)


def test_D14_port_of_the_inner_destination(world, pair):
    one, (host, _), relayed = pair[4]
    for port in (1, 5353, 65535):
        inject(world, PEER4, icmp4(3, HOST, 0, inner4(relayed, (host, port))))
        assert told(one) == [((host, port), 3, HOST, 0)]


def test_D15_error_data(world, pair):
    """The MTU with 3/4 and with packet too big; zero with all others, whatever was sent."""
    one, peer, relayed = pair[4]
    for code, rest, data in ((NEED_FRAG, 1280, 1280), (NET, 1280, 0), (13, 0xFFFF, 0)):
        inject(world, PEER4, icmp4(3, code, rest, inner4(relayed, peer)))
        assert told(one) == [(peer, 3, code, data)]
    one, peer, relayed = pair[6]
    for kind, code, rest, data in ((2, 0, 1300, 1300), (1, 3, 1300, 0), (3, 1, 77, 0)):
        inject(world, PEER6, icmp6(kind, code, rest, inner6(relayed, peer)))
        assert told(one) == [(peer, kind, code, data)]


def test_errors_end_nothing(world, pair):
    """After all kinds of errors data still flows both ways."""
    one, _, relayed = pair[4]
    other = world.peer(PEER4)
    for code in range(16):
        inject(world, PEER4, icmp4(3, code, 576, inner4(relayed, other.addr)))
    told(one)
    one.indicate(other.addr, b"still here")
    assert other.recv() == (b"still here", relayed)
    other.send(b"and back", relayed)
    assert one.next_data() == (other.addr, b"and back")
    assert {relayed[0], FAR6} == {FAR4, FAR6}
