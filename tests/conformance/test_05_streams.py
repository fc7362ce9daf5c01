"""Clients over TCP and TLS: framing, the life of a connection, slow readers; rows X, C13."""

import random
import socket
import struct
import time

import pytest
from accounts import ALICE
from client import BIG, UDP, arrives, udp_socket
from stun import (
    ALLOCATE, BINDING, CREATE_PERMISSION, LIFETIME, REFRESH, REQUEST, SUCCESS, XOR_PEER_ADDRESS,
    build, channel_data, new_tid, u32, xor_address)

pytestmark = pytest.mark.over("tcp", "tls")


def padded(number, data, pad=b"\0"):
    return channel_data(number, data) + pad * (-len(data) % 4)


def binding():
    return build(REQUEST, BINDING, [BIG])


def test_X05_one_byte_at_a_time(main, client, peer):
    one, other = client(main), peer()
    one.challenge()
    raw = one.signed(ALLOCATE, [UDP])
    for at in range(len(raw)):
        one.send(raw[at:at + 1])
    assert one.wait(raw[8:20]).code == 0
    assert one.bind(0x4000, other.addr) == 0
    for byte in padded(0x4000, b"slowly"):
        one.send(bytes([byte]))
    assert other.recv()[0] == b"slowly"


def test_X05_fifty_messages_in_one_write(linked):
    one, other, _ = linked
    assert one.bind(0x4000, other.addr) == 0
    asks = [binding() for _ in range(25)]
    mixed = [m for i in range(25) for m in (asks[i], padded(0x4000, b"%03d" % i + bytes(i)))]
    one.send(b"".join(mixed))
    assert [one.wait(raw[8:20]).cls for raw in asks] == [SUCCESS] * 25
    assert other.pending() == [b"%03d" % i + bytes(i) for i in range(25)]


@pytest.mark.parametrize("seed", range(4))
def test_X05_random_pieces(linked, seed):
    """Messages of all lengths, cut anywhere; nothing is lost, doubled or out of order."""
    one, other, _ = linked
    dice = random.Random(seed)
    assert one.bind(0x4000, other.addr) == 0
    asks, sent, stream = [], [], b""
    for _ in range(120):
        if dice.random() < 0.3:
            asks.append(binding())
            stream += asks[-1]
        else:
            sent.append(dice.randbytes(dice.choice((0, 1, 2, 3, 4, 5, 160, 1200))))
            stream += padded(0x4000, sent[-1], dice.choice((b"\0", b"\xFF")))
    while stream:
        size = dice.choice((1, 3, 4, 19, 20, 500, 5000))
        one.send(stream[:size])
        stream = stream[size:]
    assert all(one.wait(raw[8:20]).cls == SUCCESS for raw in asks)
    one.barrier()
    assert other.pending() == sent


def test_X05_no_message(main, client):
    """What can be the start of nothing ends the connection, also behind good messages."""
    one = client(main)
    for junk in (b"\x80" * 8, b"\x05" + bytes(19), b"\xFF" * 100,
                 struct.pack("!HHI", 1, 0, 0x2112A443) + bytes(12)):
        assert one.refused(junk), junk
    raw = binding()
    one.send(raw + b"\x80" * 20)
    assert one.wait(raw[8:20]) is not None  # what is owed is given first
    assert one.link.ended()


def test_X05_first_message_is_stun(main, client):
    """HTTP looks like ChannelData, which nobody can send before an allocation."""
    for junk in (b"GET / HTTP/1.1\r\n\r\n", padded(0x4000, b"data"), b"SSH-2.0-client\r\n"):
        assert client(main).refused(junk), junk


@pytest.mark.over("tcp")
def test_X06_answered_after_half_close(main, client):
    """The client has sent all it will, and is still owed the answer."""
    one = client(main)
    raw = binding()
    one.send(raw)
    one.sock.shutdown(socket.SHUT_WR)
    assert one.wait(raw[8:20]).cls == SUCCESS
    assert one.link.ended()


def test_X06_server_does_not_close_first(own, client, peer):
    """With an allocation, however quiet it is; without one until idle_timeout."""
    server = own({"idle_timeout": 60})
    one, idle = client(server), client(server)
    one.allocate(lifetime=3600)
    idle.barrier()
    for _ in range(4):
        server.advance(50)
        idle.barrier()
    server.advance(62)
    assert idle.link.ended()
    server.advance(600)
    assert one.refresh(3600).code == 0
    assert one.refresh(0).code == 0
    server.advance(62)
    assert one.link.ended()


def test_X06_slow_header(own, client):
    """Half a first message, or none: handshake_timeout ends it."""
    server = own({"handshake_timeout": 10})
    silent, slow, good = client(server), client(server), client(server)
    slow.send(binding()[:30])
    good.barrier()
    server.advance(9)
    slow.send(binding()[30:40])
    good.barrier()
    server.advance(3)
    assert silent.link.ended() and slow.link.ended()
    good.barrier()


@pytest.mark.over("tcp")
def test_X06_deadline_of_the_tls_handshake(own, client):
    """The first bytes of a ClientHello and no more; and a handshake that stops half way."""
    server = own({"handshake_timeout": 10})
    for start in (b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(60)):
        one = client(server)
        one.send(start)
        client(server).barrier()  # by then it is known to the server
        server.advance(12)
        assert one.link.ended()


def test_X07_no_connection_to_the_client(main, client, peer):
    """After a client has gone, nothing is opened towards it, neither to answer nor for data."""
    one, other = client(main), peer()
    relayed = one.allocate()
    assert one.bind(0x4000, other.addr) == 0
    one.send(binding())
    one.link.reset()
    family = socket.AF_INET6 if ":" in one.host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(one.addr)
        listener.listen()
        listener.settimeout(0.3)
        other.send(b"anybody there?", relayed)
        with pytest.raises(TimeoutError):
            listener.accept()
    one.link.closed = True


def test_X14_next_message_behind_the_padding(linked):
    one, other, relayed = linked
    assert one.bind(0x4000, other.addr) == 0
    for size in (1, 2, 3, 4, 5):
        raw = binding()
        one.send(padded(0x4000, b"x" * size) + raw)
        assert one.wait(raw[8:20]).cls == SUCCESS
        assert other.recv()[0] == b"x" * size
        other.send(b"y" * size, relayed)
        assert one.next_channel() == (0x4000, b"y" * size)
        one.barrier()


def test_C13_padding_over_streams(linked):
    """To four bytes, zero, and not counted in the length."""
    one, other, relayed = linked
    assert one.bind(0x4000, other.addr) == 0
    for size in range(6):
        other.send(b"p" * size, relayed)
        raw = b""
        while len(raw) < 4 + size + -size % 4:
            assert one.link.read(2), "no more bytes"
            raw = bytes(one.link.buffer)
        assert raw == struct.pack("!HH", 0x4000, size) + b"p" * size + bytes(-size % 4)
        one.link.buffer.clear()


@pytest.mark.parametrize("how", ["close", "reset"])
def test_X15_end_of_the_connection_ends_the_allocation(serve, client, peer, how):
    server = serve({"allocations_per_account": 1})
    one, other = client(server), peer()
    host, port = one.allocate()
    assert one.permit(other.addr) == 0
    files = server.descriptors()
    getattr(one.link, how)()
    one.link.closed = True
    end = time.monotonic() + 2
    while server.descriptors() > files - 2 and time.monotonic() < end:
        time.sleep(0.01)
    assert server.descriptors() == files - 2
    udp_socket(host, port).close()  # the relayed port is free
    client(server, ALICE).allocate()  # and so is the user's quota


def flood(other, relayed, seconds, size=1000):
    """Sends what a slow reader cannot take; gently enough for the relay's own buffer."""
    end, sent = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        for _ in range(20):
            other.send(bytes(size), relayed)
        sent += 20
        time.sleep(0.001)
    return sent


def test_X16_slow_reader(lean, client, peer):
    """Its media is dropped, its answers are not; memory stays, nobody else is held up."""
    server = lean({"queue_bytes": 262144})
    slow, other = client(server), peer()
    quick, third = client(server), peer()
    for one, far in ((slow, other), (quick, third)):
        one.allocate()
        assert one.bind(0x4000, far.addr) == 0
    before = server.rss()
    sent = 0
    for number in range(20):
        sent += flood(other, slow.relayed[0], 0.1)
        assert arrives(quick, third, lambda data: quick.channel(0x4000, data), b"%d" % number)
        third.send(b"back", quick.relayed[0])
        assert quick.next_channel() == (0x4000, b"back")
    assert server.rss() - before < 8 << 20
    raw = slow.signed(REFRESH, [(LIFETIME, u32(777))])
    slow.send(raw)
    answer = slow.wait(raw[8:20], 10)
    assert answer is not None and answer.number(LIFETIME) == 777
    received = len(slow.inbox)
    assert 0 < received < sent, "the flood was too small to fill the queue"
    slow.inbox.clear()
    other.send(b"as before", slow.relayed[0])
    assert slow.next_channel() == (0x4000, b"as before")


def test_X16_slow_writer(lean, client, peer):
    """A client that floods requests and never reads is stopped or ended, but not served forever."""
    one, other = client(lean()), peer()
    one.allocate()
    tid = new_tid()
    raw = one.signed(CREATE_PERMISSION, [(XOR_PEER_ADDRESS, xor_address(other.addr, tid))], tid)
    before = one.server.rss()
    one.sock.settimeout(0.5)
    try:
        for _ in range(400):
            one.sock.sendall(raw * 200)
    except OSError:
        pass  # not read any more, or closed
    assert one.server.rss() - before < 16 << 20
    one.link.reset()
    one.link.closed = True
