"""Transports (RFC 8656 sections 3.1 and 5): what all have in common, and side by side; rows X."""

import pytest
from client import BIG, UDP, Client
from stun import (
    ALLOCATE, BINDING, LIFETIME, REFRESH, REQUEST, SUCCESS, XOR_MAPPED_ADDRESS,
    XOR_RELAYED_ADDRESS, build, new_tid, u32)
from support.server import Server
from transport import HOSTS, KINDS


def converse(one, other):
    """A whole conversation: Allocate, a channel, data both ways, Refresh to the end."""
    relayed = one.allocate()
    assert one.bind(0x4000, other.addr) == 0
    one.channel(0x4000, b"there")
    assert other.recv() == (b"there", relayed)
    other.send(b"and back", relayed)
    assert one.next_channel() == (0x4000, b"and back")
    assert one.refresh(0).number(LIFETIME) == 0


@pytest.mark.over("udp")
def test_X01_udp_clients(main, client, peer):
    converse(client(main), peer())


@pytest.mark.over("tcp", "tls", "dtls")
def test_X02_other_clients(main, client, peer):
    converse(client(main), peer())


@pytest.mark.parametrize("over", ["udp", "tcp"])
def test_X03_default_port(netns, over):
    ns = netns()
    with Server({"listen": ["127.0.0.1"]}, netns=ns) as server:
        one = Client(server, netns=ns, to=("127.0.0.1", 3478), over=over)
        msg = one.ask(BINDING)
        assert msg.address(XOR_MAPPED_ADDRESS) == one.addr
        one.close()


def test_X04_all_of_them_on_one_port(main, client, peer):
    everyone = [client(main, over=over, host=host) for over in KINDS for host in HOSTS.values()]
    assert {one.to[1] for one in everyone} == {main.port}
    other = peer()
    for one in everyone:
        one.allocate()
        assert one.permit(other.addr) == 0
    for one in everyone:
        other.send(one.over.encode(), one.relayed[0])
    for one in everyone:
        assert one.next_data() == (other.addr, one.over.encode())


@pytest.mark.over()
def test_X08_many_requests_under_way(main, client):
    one = client(main)
    one.allocate()
    raws = [one.signed(REFRESH, [(LIFETIME, u32(700 + i))]) for i in range(10)]
    raws += [build(REQUEST, BINDING, [BIG]) for _ in range(10)]
    for raw in raws:
        one.send(raw)
    answers = [one.wait(raw[8:20]) or took(one, raw[8:20]) for raw in raws]
    assert all(a.cls == SUCCESS for a in answers)
    assert [a.number(LIFETIME) for a in answers[:10]] == list(range(700, 710))


def took(one, tid):
    return next(m for m in one.inbox if m.tid == tid)


def test_X13_tcp_and_udp_from_equal_ports(main, client, peer):
    """The 5-tuples differ only in the protocol: two allocations that know nothing of each other."""
    one, other = client(main), peer()
    two = client(main, over="tcp", port=one.addr[1])
    assert one.addr == two.addr
    apart(one, two, other)


@pytest.mark.over("udp")
def test_X13_dtls_and_udp_from_one_socket(main, client, peer):
    one, two, other = client(main), client(main, over="dtls"), peer()
    one.sock.close()
    one.link.sock, one.addr = two.sock, two.addr
    apart(two, one, other)


def apart(one, two, other):
    first, second = one.allocate(), two.allocate()
    assert first != second
    for each in (one, two):
        assert each.bind(0x4000, other.addr) == 0
        each.channel(0x4000, b"mine")
        assert other.recv() == (b"mine", each.relayed[0])
        other.send(b"and back", each.relayed[0])
        assert each.next_channel() == (0x4000, b"and back")
    assert one.refresh(0).code == 0
    assert one.code(REFRESH) == 437 and two.refresh(0).code == 0


@pytest.mark.over("udp4", "tcp4", "tls4", "dtls4")
def test_X17_repetition_after_39_seconds(main, client):
    one = client(main)
    one.challenge()
    tid = new_tid()
    raw = one.signed(ALLOCATE, [UDP], tid)
    one.send(raw)
    first = one.wait(tid)
    main.advance(39)
    one.send(raw)
    again = one.wait(tid)
    assert again.code == 0
    assert again.address(XOR_RELAYED_ADDRESS) == first.address(XOR_RELAYED_ADDRESS)
    assert 555 <= again.number(LIFETIME) <= 561
