"""Channels (RFC 8656 section 12): rows C."""

import os

import pytest
from client import BIG, V6_RELAY, arrives, returns
from stun import (
    BINDING, CHANNEL_BIND, CHANNEL_NUMBER, MESSAGE_INTEGRITY, REQUEST, XOR_PEER_ADDRESS, build,
    channel_data, new_tid, u16pad, xor_address)

FIRST, LAST = 0x4000, 0x4FFF


def by_channel(one, number=FIRST):
    return lambda data: one.channel(number, data)


def by_send(one, other):
    return lambda data: one.indicate(other.addr, data)


def test_C01_number_and_peer_are_needed(linked):
    one, other, _ = linked
    tid = new_tid()
    number = (CHANNEL_NUMBER, u16pad(FIRST))
    address = (XOR_PEER_ADDRESS, xor_address(other.addr, tid))
    for attrs in ([number], [address], [], [number, (XOR_PEER_ADDRESS, address[1][:7])],
                  [number, (XOR_PEER_ADDRESS, address[1][:1] + b"\5" + address[1][2:])]):
        assert one.request(CHANNEL_BIND, attrs, tid).code == 400
    assert not arrives(one, other, by_channel(one), b"not bound")
    msg = one.request(CHANNEL_BIND, [address, number], tid)
    assert msg.code == 0 and msg.kinds() == [MESSAGE_INTEGRITY]


def test_C02_range_of_numbers(linked, peer):
    one, other, _ = linked
    for number in (0, 1, 0x3FFF, 0x5000, 0x7FFE, 0x7FFF, 0x8000, 0xFFFF):
        assert one.bind(number, other.addr) == 400
    assert one.bind(FIRST, other.addr) == 0
    assert one.bind(LAST, peer().addr) == 0


def test_C03_form_of_the_number(linked):
    one, other, _ = linked
    tid = new_tid()
    address = (XOR_PEER_ADDRESS, xor_address(other.addr, tid))

    def code(value):
        return one.request(CHANNEL_BIND, [(CHANNEL_NUMBER, value), address], tid).code

    for value in (b"\x40\x01", b"\x40\x01\0", b"", b"\x40\x01\0\0\0\0"):
        assert code(value) == 400
    assert code(u16pad(0x4001, b"\xFF\xFF")) == 0


def test_C04_number_in_use(linked, peer):
    one, other, _ = linked
    assert one.bind(FIRST, other.addr) == 0
    assert one.bind(FIRST, peer("127.0.0.78").addr) == 400
    assert one.bind(FIRST, peer().addr) == 400  # another port of the same host
    assert one.bind(FIRST, other.addr) == 0


def test_C05_peer_in_use(linked):
    one, other, relayed = linked
    assert one.bind(FIRST, other.addr) == 0
    assert one.bind(FIRST + 1, other.addr) == 400
    other.send(b"still the first", relayed)
    assert one.next_channel() == (FIRST, b"still the first")


@pytest.mark.over("udp4", "tcp4")
def test_C06_binding_again(main, client, peer):
    one, other, third = client(main), peer(), peer()
    one.allocate(lifetime=3600)
    assert one.bind(FIRST, other.addr) == 0
    main.advance(500)
    assert one.bind(FIRST, other.addr) == 0
    main.advance(299)  # 799 s after the first, 299 s after the second
    assert arrives(one, other, by_channel(one), b"renewed")
    assert returns(one, other, b"renewed")
    main.advance(296)
    assert one.bind(FIRST, third.addr) == 400
    main.advance(10)
    assert one.bind(FIRST, third.addr) == 0


def test_C07_other_errors(serve, main, client):
    one, two = client(main), client(main)
    one.allocate()
    two.allocate(V6_RELAY)
    assert one.bind(FIRST, ("::1", 9)) == 443
    assert two.bind(FIRST, ("127.0.0.77", 9)) == 443
    assert one.bind(FIRST, ("10.0.0.1", 9)) == 403
    assert two.bind(FIRST, ("fe80::1", 9)) == 403
    three = client(serve({"channels_per_allocation": 2}))
    three.allocate()
    codes = [three.bind(FIRST + i, ("127.0.0.77", 100 + i)) for i in range(3)]
    assert codes == [0, 0, 508]
    assert three.bind(FIRST, ("127.0.0.77", 100)) == 0
    four = client(serve({"permissions_per_allocation": 2}))
    four.allocate()
    assert four.permit(("127.0.0.1", 9), ("127.0.0.2", 9)) == 0
    assert four.bind(FIRST, ("127.0.0.3", 9)) == 508
    assert four.bind(FIRST, ("127.0.0.2", 9)) == 0


@pytest.mark.over("udp4", "tcp4")
def test_C08_lifetime_of_a_channel(main, client, peer):
    one, other, third = client(main), peer(), peer()
    one.allocate(lifetime=3600)
    assert one.bind(FIRST, other.addr) == 0
    main.advance(599)
    assert one.permit(other.addr) == 0
    assert arrives(one, other, by_channel(one), b"in time")
    main.advance(2)
    assert not arrives(one, other, by_channel(one), b"over")
    other.send(b"now by Data", one.relayed[0])
    assert one.next_data() == (other.addr, b"now by Data")
    assert one.bind(FIRST + 1, other.addr) == 0  # the peer is free
    assert one.bind(FIRST, third.addr) == 0  # and so is the number


@pytest.mark.over("udp4", "tcp4")
def test_C09_channel_without_permission(main, client, peer):
    one, other = client(main), peer()
    one.allocate(lifetime=3600)
    assert one.bind(FIRST, other.addr) == 0
    main.advance(301)
    assert not arrives(one, other, by_channel(one), b"no permission")
    assert not returns(one, other, b"no permission")
    assert one.permit(other.addr) == 0
    assert arrives(one, other, by_channel(one), b"permitted again")
    other.send(b"and back", one.relayed[0])
    assert one.next_channel() == (FIRST, b"and back")


def test_C10_binding_permits(linked, peer):
    one, other, _ = linked
    assert one.bind(FIRST, other.addr) == 0
    assert arrives(one, other, by_channel(one), b"out")
    assert returns(one, other, b"in")
    third = peer()  # the permission is for the host
    assert arrives(one, third, by_send(one, third), b"also out")


def test_C11_numbers_are_per_allocation(main, client, peer):
    pairs = [(client(main), peer(f"127.0.0.{80 + i}")) for i in range(2)]
    for one, other in pairs:
        one.allocate()
        assert one.bind(FIRST, other.addr) == 0
    for one, other in pairs:
        assert arrives(one, other, by_channel(one), b"mine")
        other.send(b"and back", one.relayed[0])
        assert one.next_channel() == (FIRST, b"and back")
    assert all(other.pending() == [] for _, other in pairs)


def test_C12_bound_peers_come_by_channel(linked, peer):
    one, other, relayed = linked
    assert one.permit(other.addr) == 0
    other.send(b"before", relayed)
    assert one.next_data() == (other.addr, b"before")
    assert one.bind(FIRST, other.addr) == 0
    one.indicate(other.addr, b"by Send")
    assert other.recv() == (b"by Send", relayed)
    for size in (0, 1, 2, 3, 4, 1200):
        payload = os.urandom(size)
        other.send(payload, relayed)
        assert one.next_channel() == (FIRST, payload)
    third = peer()
    third.send(b"another port", relayed)
    assert one.next_data() == (third.addr, b"another port")


@pytest.mark.over("udp", "dtls")
def test_C14_padding_over_udp(linked):
    """Accepted padded to four; next_channel insists that ours is not."""
    one, other, relayed = linked
    assert one.bind(FIRST, other.addr) == 0
    for size in range(1, 6):
        payload = b"p" * size
        one.channel(FIRST, payload, pad=-size % 4)
        assert other.recv() == (payload, relayed)
        other.send(payload, relayed)
        assert one.next_channel() == (FIRST, payload)


def test_C15_numbers_out_of_range(linked):
    one, other, _ = linked
    assert one.bind(FIRST, other.addr) == 0
    for number in (0x5000, 0x5FFF, 0x7FFF):
        one.channel(number, b"out of range")
    assert one.silent() and other.pending() == []
    for number in (0x3FFF, 0xFFFF):
        assert one.refused(channel_data(number, b"out of range"))
    assert other.pending() == []


@pytest.mark.over("udp", "dtls")
def test_C16_length_and_datagram(linked):
    one, other, _ = linked
    assert one.bind(FIRST, other.addr) == 0
    one.channel(FIRST, b"short", length=6)
    one.channel(FIRST, b"shorter", length=0xFFFF)
    one.send(channel_data(FIRST, b"")[:3])
    one.channel(FIRST, b"longer", length=5)
    one.channel(FIRST, b"longer", length=0)
    one.barrier()
    assert other.pending() == [b"longe", b""]


def test_C17_unbound_numbers(linked):
    one, other, _ = linked
    assert one.bind(FIRST, other.addr) == 0
    for number in (FIRST + 1, LAST):
        one.channel(number, b"unbound")
    assert one.silent() and other.pending() == []


@pytest.mark.over("udp4", "tcp4")
def test_C18_channel_data_renews_nothing(main, client, peer):
    one, other, third = client(main), peer(), peer()
    one.allocate(lifetime=3600)
    assert one.bind(FIRST, other.addr) == 0
    for _ in range(3):
        main.advance(99)
        assert arrives(one, other, by_channel(one), b"traffic")
        assert returns(one, other, b"traffic")
    main.advance(4)
    assert not arrives(one, other, by_channel(one), b"permission is over")
    assert one.permit(other.addr) == 0
    main.advance(290)
    assert arrives(one, other, by_channel(one), b"channel at 591 s")
    main.advance(11)
    assert one.bind(FIRST, third.addr) == 0


def test_C19_empty_channel_data(linked):
    one, other, relayed = linked
    assert one.bind(FIRST, other.addr) == 0
    one.channel(FIRST, b"")
    assert other.recv() == (b"", relayed)


@pytest.mark.over("udp4", "dtls4")
def test_C20_length_is_not_trusted(linked):
    """All claims from nothing to 65535 over a datagram of 64 bytes."""
    one, other, _ = linked
    assert one.bind(FIRST, other.addr) == 0
    claims = [*range(0, 70), 127, 128, 255, 256, 1024, 32767, 32768, 65531, 65535]
    for claim in claims:
        one.channel(FIRST, b"c" * 64, length=claim)
        one.barrier()
        assert other.pending() == ([b"c" * claim] if claim <= 64 else [])


@pytest.mark.over("udp4", "dtls4")
def test_C21_first_byte(main, client, peer):
    """Every value: only STUN requests and a bound channel have an effect, all else is silence."""
    one, other = client(main), peer()
    one.allocate()
    assert one.bind(FIRST, other.addr) == 0
    tail = build(REQUEST, BINDING, [BIG])[1:]
    for first in range(256):
        if first == 0:
            continue
        one.send(bytes([first]) + tail)
        one.send(bytes([first]))
        one.send(bytes([first]) + os.urandom(40))
        one.barrier()
        came = other.pending()
        assert not came or first == 0x40, first
    one.send(b"")
    assert one.silent()
    assert other.pending() == []


def test_rebinding_after_allocation_end(main, client, peer):
    """Nothing of a former allocation of the same flow is left."""
    one, other = client(main), peer()
    one.allocate()
    assert one.bind(FIRST, other.addr) == 0
    assert one.refresh(0).code == 0
    one.allocate()
    assert not arrives(one, other, by_channel(one), b"from before")
    assert not returns(one, other, b"from before")
    assert one.bind(FIRST, peer().addr) == 0


def test_rfc5766_channels_when_switched_on(serve, client, peer):
    """The range of the older RFC, for clients that still choose from all of it."""
    one = client(serve({"rfc5766_channels": True}))
    relayed = one.allocate()
    for number in (0x3FFF, 0x8000, 0xFFFF):
        assert one.bind(number, peer().addr) == 400
    for number in (0x4000, 0x4FFF, 0x5000, 0x6ABC, 0x7FFE):
        other = peer()
        assert one.bind(number, other.addr) == 0
        one.channel(number, b"out")
        assert other.recv() == (b"out", relayed)
        other.send(b"and back", relayed)
        raw = one.recv()
        assert raw == channel_data(number, b"and back")
