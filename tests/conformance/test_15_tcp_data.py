"""TCP allocations (RFC 6062): bytes between a client's and a peer's connection, and its end; rows
T14, T17 to T19."""

import contextlib
import os
import random
import socket
import ssl
import time

import pytest
from client import BIG, DUAL, TCP
from stun import (
    BINDING, CONNECTION_BIND, CONNECTION_ID, LIFETIME, REFRESH, REQUEST, REQUESTED_ADDRESS_FAMILY,
    build, channel_data, u8pad, u32)
from tcp_relay import (
    ON, TIMED, begin, connect, connected, eventually, exchange, passes, pull, push, stuff, take)

pytestmark = pytest.mark.over("tcp", "tls")
WAYS = pytest.mark.parametrize("way", ["connect", "accept"])
MIB = 1 << 20


@pytest.fixture
def server(serve):
    return serve(ON)


def waiting(tcp, one, far, way):
    """(CONNECTION-ID, the peer's end) of a connection that is not bound yet."""
    if way == "accept":
        return tcp.incoming(one, far)
    return connected(one, far.addr), far.accept()


def half_close(link):
    """This side has sent all it will; it still reads."""
    if not link.secure:
        return link.sock.shutdown(socket.SHUT_WR)
    link.sock.settimeout(0.01)
    with contextlib.suppress(OSError):
        link.sock.unwrap()  # sends close_notify, then waits in vain for the other one


def ferry(sender, sink, data, at=0):
    """Sends all of it; the other end reads so that this gets on."""
    data = memoryview(data)
    while at < len(data):
        at = push(sender, data, at)
        pull(sink)


def clean_end(link):
    """Whether the other side has ended in order: FIN, within TLS close_notify before it."""
    link.sock.settimeout(5)
    if link.secure:
        link.sock.suppress_ragged_eofs = False
    try:
        return link.sock.recv(1) == b""
    except (ConnectionError, ssl.SSLError):
        return False


@WAYS
def test_T14_early_data(server, tcp, way):
    """1 MiB before the bind: whole, first, and what the client sends with the bind gets there."""
    one, far, body = tcp.control(server), tcp.peer(), os.urandom(MIB)
    for _ in range(3):
        number, end = waiting(tcp, one, far if way == "accept" else tcp.peer(), way)
        at = stuff(end, body, 0.1)
        near = tcp.join(one, number, b"with the bind")
        assert take(end, 13) == b"with the bind"
        assert exchange(near, end, b"", body, at) == (b"", body)
        assert passes(near, end)


@WAYS
@pytest.mark.over("tcp", "tls4")
def test_T14_early_data_is_bounded(lean, tcp, way):
    """The window closes before 16 peers have sent what they would; no memory of ours holds it."""
    server = lean(ON)
    one, body = tcp.control(server), random.Random(14).randbytes(2 * MIB)
    links = []
    assert passes(*tcp.outgoing(tcp.control(server), tcp.peer()))
    before = server.rss()
    for _ in range(16):
        number, end = waiting(tcp, one, tcp.peer(), way)
        end.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        links.append((number, end, stuff(end, body, 0.1)))
    assert server.rss() - before < 2 * MIB
    assert all(at < len(body) for _, _, at in links)
    for number, end, at in links:
        assert exchange(tcp.join(one, number), end, b"", body, at)[1] == body
    assert server.rss() - before < 8 * MIB


@WAYS
def test_T14_peer_that_has_ended_before_the_bind(server, tcp, way):
    one = tcp.control(server)
    number, end = waiting(tcp, one, tcp.peer(), way)
    end.send(b"all I had to say")
    end.close()
    one.barrier()
    near = tcp.join(one, number)
    assert take(near, 16) == b"all I had to say"
    assert clean_end(near)


@WAYS
def test_T14_peer_that_has_reset_before_the_bind(server, tcp, way):
    one = tcp.control(server)
    number, end = waiting(tcp, one, tcp.peer(), way)
    end.reset()
    one.barrier()
    data = tcp.opened(one, number)
    assert data.code(CONNECTION_BIND, [(CONNECTION_ID, number)]) == 400 or data.link.ended()
    assert passes(*tcp.outgoing(one, tcp.peer()))


def look_alikes(one):
    """Everything that means something elsewhere, and must not here."""
    return [
        build(REQUEST, BINDING, [BIG]), one.signed(REFRESH, [(LIFETIME, u32(0))]),
        one.signed(CONNECTION_BIND, [(CONNECTION_ID, u32(1))]), channel_data(0x4000, b"data"),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x15\x03\x03\x00\x02\x01\x00",
        b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n", b"\r\n\r\n\0QUIT\n", b"GET / HTTP/1.1\r\n\r\n",
        bytes(100), b"\xFF" * 100]


def medley(one, seed, size=5 * MIB):
    dice, parts, total = random.Random(seed), [], 0
    usual = look_alikes(one)
    while total < size:
        parts.append(dice.choice([*usual, dice.randbytes(dice.randrange(20000))]))
        total += len(parts[-1])
    return b"".join(parts)[:size]


@WAYS
def test_T17_bytes_as_they_are(server, tcp, way):
    """5 MiB each way at once; the look-alikes mean nothing."""
    one = tcp.control(server)
    near, end = tcp.pair(one, tcp.peer(), way)
    up, down = medley(one, 1), medley(one, 2)
    assert exchange(near, end, up, down) == (up, down)
    assert one.refresh().code == 0 and passes(near, end)


def test_T17_each_look_alike_first(server, tcp):
    """As the very first bytes, of either side, with the bind or behind it."""
    one = tcp.control(server)
    for text in look_alikes(one):
        far = tcp.peer()
        number = connected(one, far.addr)
        end = far.accept()
        end.send(text)
        near = tcp.join(one, number, text)
        near.send(text)
        assert take(end, 2 * len(text)) == 2 * text and take(near, len(text)) == text
        near.close()
        end.close()
    assert one.refresh().code == 0


def test_T17_any_worker(server, tcp):
    """Data connections arrive where the kernel likes, the peers' where the allocation is."""
    for _ in range(4):
        one = tcp.control(server)
        links = [tcp.pair(one, tcp.peer(), way) for way in ("connect", "accept") * 4]
        for number, (near, end) in enumerate(links):
            near.send(b"up %d" % number)
            end.send(b"down %d" % number)
        for number, (near, end) in enumerate(links):
            assert take(end, 4) == b"up %d" % number
            assert take(near, 6) == b"down %d" % number


def test_T17_much_behind_the_bind(server, tcp):
    """In the same write, so that some of it has come along when the connection changes hands."""
    one, text = tcp.control(server), os.urandom(200000)
    for _ in range(6):
        far = tcp.peer()
        number = connected(one, far.addr)
        near, end = tcp.join(one, number, text), far.accept()
        assert take(end, len(text)) == text
        assert passes(near, end)


def test_T17_bind_in_pieces(server, tcp):
    one = tcp.control(server)
    for _ in range(3):
        far = tcp.peer()
        data = tcp.opened(one, number := connected(one, far.addr))
        raw = data.signed(CONNECTION_BIND, [(CONNECTION_ID, number)])
        for byte in raw + b"tail":
            data.send(bytes([byte]))
        assert data.wait(raw[8:20]).code == 0
        end = far.accept()
        assert take(end, 4) == b"tail" and passes(data.link, end)


def test_T17_behind_a_bind_that_fails(server, tcp):
    """What was meant for the peer is not a message: the connection ends, nothing else does."""
    one, far = tcp.control(server), tcp.peer()
    number = connected(one, far.addr)
    wrong = u32(int.from_bytes(number, "big") ^ 1 << 20)
    data = tcp.opened(one, number)
    raw = data.signed(CONNECTION_BIND, [(CONNECTION_ID, wrong)])
    data.send(raw + b"\xFF" * 100)
    assert data.wait(raw[8:20]).code == 400
    assert data.link.ended()
    assert passes(tcp.join(one, number), far.accept())


@WAYS
def test_T18_peer_ends(server, tcp, way):
    """All it sent is delivered, then the client is told in order; it may still answer."""
    one, body = tcp.control(server), os.urandom(MIB)
    near, end = tcp.pair(one, tcp.peer(), way)
    ferry(end, near, body)
    half_close(end)
    assert take(near, len(body)) == body
    assert clean_end(near)
    near.send(b"and an answer")
    assert take(end, 13) == b"and an answer"
    near.close()
    assert end.ended()


@WAYS
def test_T18_client_ends(server, tcp, way):
    one, body = tcp.control(server), os.urandom(MIB)
    near, end = tcp.pair(one, tcp.peer(), way)
    ferry(near, end, body)
    half_close(near)
    assert take(end, len(body)) == body
    assert end.ended()
    end.closed = False
    end.send(b"and an answer")
    assert take(near, 13) == b"and an answer"
    end.close()
    assert near.ended()
    assert one.refresh().code == 0


@WAYS
@pytest.mark.parametrize("side", ["client", "peer"])
def test_T18_reset(server, tcp, way, side):
    one = tcp.control(server)
    near, end = tcp.pair(one, tcp.peer(), way)
    assert passes(near, end)
    (near if side == "client" else end).reset()
    assert (end if side == "client" else near).ended()
    assert passes(*tcp.pair(one, tcp.peer(), way))


@pytest.mark.over("tcp", "tls4")
@pytest.mark.parametrize("side", ["client", "peer"])
def test_T18_half_open_for_a_while(serve, tcp, side):
    server = serve(TIMED)
    one = tcp.control(server)
    near, end = tcp.outgoing(one, tcp.peer())
    first, second = (near, end) if side == "client" else (end, near)
    half_close(first)
    assert second.ended()
    second.closed = False
    server.advance(8)
    second.send(b"late")
    assert take(first, 4) == b"late"
    server.advance(11)
    assert first.ended()


def ends(one, how):
    if how == "refresh":
        return one.refresh(0)
    if how == "expiry":
        return one.server.advance(601)
    one.link.reset() if how == "reset" else one.link.close()
    one.link.closed = True


@pytest.mark.parametrize("how", ["refresh", "close", "reset", "expiry"])
def test_T18_end_of_the_allocation(serve, tcp, how):
    """Bound, waiting and wanted connections; another allocation's are none of its business."""
    server = serve(TIMED | {"tcp_idle": 3600} if how == "expiry" else ON)
    one, two = tcp.control(server), tcp.control(server, lifetime=1200)
    kept, (near, end) = tcp.outgoing(two, tcp.peer()), tcp.outgoing(one, tcp.peer())
    far = tcp.peer()
    inside = tcp.join(one, tcp.incoming(one, far)[0])
    _, pending = waiting(tcp, one, tcp.peer(), "connect")
    _, told = waiting(tcp, one, far, "accept")
    begin(one, tcp.peer(backlog=0).fill().addr)
    one.barrier()
    ends(one, how)
    for link in (near, end, inside, pending, told):
        assert link.ended(), link
    assert passes(*kept)


def test_T18_end_of_one_family(server, client, tcp):
    """A dual allocation loses its IPv6 relay: that one's connections end, the other's do not."""
    one = client(server)
    one.allocate(DUAL, transport=TCP)
    four, six = (tcp.outgoing(one, tcp.peer(host)) for host in ("127.0.0.77", "::1"))
    assert one.refresh(0, (REQUESTED_ADDRESS_FAMILY, u8pad(2))).code == 0
    assert all(link.ended() for link in six)
    assert passes(*four)


@pytest.mark.over("tcp", "tls4")
def test_T18_idle(serve, tcp):
    """tcp_idle ends a connection on which nothing passes, either way counts."""
    server = serve(TIMED | {"tcp_idle": 60})
    one = tcp.control(server, lifetime=3600)
    near, end = tcp.outgoing(one, tcp.peer())
    for turn in range(4):
        server.advance(45)
        (near if turn % 2 else end).send(b"alive")
        assert take(end if turn % 2 else near, 5) == b"alive"
        one.barrier()
    server.advance(58)
    assert passes(near, end)
    one.barrier()  # the bytes have been counted too
    server.advance(62)
    assert near.ended() and end.ended()
    assert one.refresh().code == 0


def test_T18_nothing_is_left(own, tcp):
    """Connections that were bound, reset, refused or left alone: no descriptor stays."""
    server = own(TIMED)
    one = tcp.control(server, lifetime=3600)
    assert passes(*tcp.outgoing(one, tcp.peer()))
    files = None
    for _ in range(6):
        for way in ("connect", "accept"):
            near, end = tcp.pair(one, tcp.peer(), way)
            (near if way == "connect" else end).reset()
            waiting(tcp, one, tcp.peer(), way)
            assert connect(one, (tcp.peer().host, 9)) == 447
        server.advance(31)
        tcp.close()
        one.barrier()
        assert eventually(lambda: files is None or server.descriptors() <= files)
        time.sleep(0.05 if files is None else 0)
        files = files or server.descriptors()


def test_T18_policy_changes(own, tcp):
    """A peer that is forbidden by a newer configuration is cut off with its next bytes."""
    server = own(ON)
    one = tcp.control(server)
    links = [tcp.pair(one, tcp.peer(), way) for way in ("connect", "accept") * 2]
    assert all(passes(*pair) for pair in links)
    server.reload({"allow_peers": []})
    for number, (near, end) in enumerate(links):
        (near if number % 2 else end).send(b"no longer")
        assert near.ended() and end.ended()
    assert one.refresh().code == 0


def test_T19_slow_client(lean, tcp):
    slow_reader(lean(ON), tcp, lambda near, end: (end, near))


def test_T19_slow_peer(lean, tcp):
    slow_reader(lean(ON), tcp, lambda near, end: (near, end))


def slow_reader(server, tcp, order):
    """The sender is held back by the kernels' buffers; others are not; nothing is lost."""
    one, two = tcp.control(server), tcp.control(server)
    other = tcp.outgoing(two, tcp.peer())
    sender, sink = order(*tcp.outgoing(one, tcp.peer()))
    body = random.Random(19).randbytes(64 * MIB)
    before = server.rss()
    at = stuff(sender, body)
    assert at < 40 * MIB
    assert passes(*other) and one.refresh().code == 0
    assert server.rss() - before < MIB
    ferry(sender, sink, body, at)
    assert take(sink, len(body), 20) == body
    assert server.rss() - before < 2 * MIB


@pytest.mark.over("tcp4", "tls6")
@pytest.mark.parametrize("limit", ["bytes_per_allocation", "bytes_per_account"])
def test_metered_streams(own, tcp, limit):
    """A stream is slowed down and not broken; both directions and all links count together."""
    server = own(ON | {limit: 200000})
    one, body = tcp.control(server), os.urandom(300000)
    near, end = tcp.outgoing(one, tcp.peer())
    start = time.monotonic()
    assert exchange(near, end, body, body) == (body, body)
    assert 1.2 < time.monotonic() - start < 8
    assert one.refresh().code == 0 and passes(near, end)


def test_nothing_is_logged(own, tcp):
    server = own(ON)
    server.wait_log("started:")
    before = server.log()
    one = tcp.control(server)
    for way in ("connect", "accept"):
        near, end = tcp.pair(one, tcp.peer(), way)
        assert passes(near, end)
        near.reset()
    assert connect(one, ("10.0.0.1" if tcp.version == "4" else "fd00::1", 9)) == 403
    assert connect(one, (tcp.peer().host, 9)) == 447
    assert one.refresh(0).code == 0
    assert server.log() == before
