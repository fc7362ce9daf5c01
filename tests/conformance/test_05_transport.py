"""Transports (RFC 8656 sections 3.1 and 5): the rows X that UDP alone can show."""

from client import BIG, UDP, Client
from stun import (
    ALLOCATE, BINDING, LIFETIME, REFRESH, REQUEST, SUCCESS, XOR_MAPPED_ADDRESS,
    XOR_RELAYED_ADDRESS, build, new_tid, u32)
from support.server import Server


def test_X01_udp_clients(main, client, peer):
    """A whole conversation over IPv4 and over IPv6."""
    for host in ("127.0.0.1", "::1"):
        one, other = client(main, host=host), peer()
        relayed = one.allocate()
        assert one.bind(0x4000, other.addr) == 0
        one.channel(0x4000, b"there")
        assert other.recv() == (b"there", relayed)
        other.send(b"and back", relayed)
        assert one.next_channel() == (0x4000, b"and back")
        assert one.refresh(0).number(LIFETIME) == 0


def test_X03_default_port(netns):
    ns = netns()
    with Server({"listen": ["127.0.0.1"]}, netns=ns) as server:
        one = Client(server, netns=ns, to=("127.0.0.1", 3478))
        msg = one.ask(BINDING)
        assert msg.address(XOR_MAPPED_ADDRESS) == one.addr
        one.close()


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
