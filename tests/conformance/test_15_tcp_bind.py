"""TCP allocations (RFC 6062): connections that come from peers, and how a client binds one of its
own to a peer's; rows T11 to T16 but T14."""

import pytest
from accounts import ALICE, BOB, timed
from client import BIG, Credentials
from stun import (
    BINDING, CONNECT, CONNECTION_ATTEMPT, CONNECTION_BIND, CONNECTION_ID, INDICATION, LIFETIME,
    REFRESH, REQUEST, XOR_PEER_ADDRESS, build, u32)
from support.server import SECRET
from tcp_relay import (
    ELSEWHERE, NOBODY, ON, TIMED, attempt, begin, connect, connected, eventually, passes, take)

pytestmark = pytest.mark.over("tcp", "tls")
BOTH = (NOBODY, u32(1 << 26 | 1 << 12))  # as if of the first and of the second worker


@pytest.fixture
def server(serve):
    return serve(ON)


@pytest.mark.parametrize("way", ["connect", "accept"])
@pytest.mark.over("tcp", "tls4")
def test_T11_unbound(serve, tcp, way):
    server = serve(TIMED)
    one, far, other = tcp.control(server), tcp.peer(), tcp.peer()

    def make(peer):
        if way == "accept":
            return tcp.incoming(one, peer)
        return connected(one, peer.addr), peer.accept()

    (number, end), (late, kept) = make(far), make(other)
    server.advance(29)
    assert passes(tcp.join(one, late), kept)
    assert not end.ended(0.2)
    server.advance(2)
    assert end.ended()
    assert tcp.bind_code(one, number) == 400
    assert connect(one, far.addr) != 446
    server.advance(31)
    assert one.refresh().code == 0


def test_T12_strangers(server, tcp):
    """Nothing permitted, another host permitted, another allocation's permission."""
    one, two, far = tcp.control(server), tcp.control(server), tcp.peer()
    assert far.connect(one.relayed[0]).ended()
    assert one.permit(ELSEWHERE[tcp.version]) == two.permit(far.addr) == 0
    assert far.connect(one.relayed[0]).ended()
    assert one.silent() and two.silent()


@pytest.mark.over("tcp", "tls4")
def test_T12_permission_is_over(serve, tcp):
    """No new connections; what stands goes on."""
    server = serve(TIMED)
    one, far = tcp.control(server), tcp.peer()
    number, end = tcp.incoming(one, far)
    near = tcp.join(one, number)
    server.advance(299)
    far.connect(one.relayed[0])
    attempt(one)
    server.advance(2)
    assert far.connect(one.relayed[0]).ended()
    assert one.silent()
    assert passes(near, end)


def test_T12_forbidden_port(serve, tcp):
    first = tcp.peer()
    port = first.addr[1]
    one = tcp.control(serve(ON | {"deny_peer_ports": [f"{port}-{port}"]}))
    first.listener.close()
    far = tcp.peer()
    assert one.permit(far.addr) == 0
    assert far.connect(one.relayed[0], port).ended()
    assert one.silent()
    far.connect(one.relayed[0])
    attempt(one)


def test_T13_connection_attempt(server, tcp):
    """On the control connection of the allocation that it is for; ports do not matter."""
    one, two, far = tcp.control(server), tcp.control(server), tcp.peer()
    assert one.permit((far.host, 1)) == 0
    ends = [far.connect(one.relayed[0]) for _ in range(5)]
    told = dict(attempt(one) for _ in ends)
    assert set(told) == {end.addr for end in ends} and len(set(told.values())) == 5
    assert one.silent() and two.silent()
    for end in ends:
        assert passes(tcp.join(one, told[end.addr]), end)


def test_T13_form(server, tcp):
    one, far = tcp.control(server), tcp.peer()
    assert one.permit(far.addr) == 0
    end = far.connect(one.relayed[0])
    msg = one.next()
    assert msg.raw[:2] == b"\x00\x1c"
    assert msg.cls == INDICATION and msg.method == CONNECTION_ATTEMPT
    assert msg.address(XOR_PEER_ADDRESS) == end.addr
    assert len(msg.get(CONNECTION_ID)) == 4 and msg.get(CONNECTION_ID) != u32(0)


def test_T13_clients_do_not_send_it(server, tcp):
    one, far = tcp.control(server), tcp.peer()
    number = connected(one, far.addr)
    for method in (CONNECT, CONNECTION_BIND, CONNECTION_ATTEMPT):
        one.send(build(INDICATION, method, [(CONNECTION_ID, number)]))
    one.send(one.signed(CONNECTION_ATTEMPT, [(CONNECTION_ID, number)]))
    assert one.silent()


def test_T13_limit(serve, tcp):
    """Connections that come over the limit are closed and not told; Connect is 486."""
    one = tcp.control(serve(ON | {"tcp_connections_per_allocation": 2}))
    far, other = tcp.peer(), tcp.peer()
    _, end = tcp.incoming(one, far)
    near, _ = tcp.outgoing(one, far)
    assert far.connect(one.relayed[0]).ended()
    assert connect(one, other.addr) == 486
    assert one.silent()
    assert not end.ended(0.1)
    near.reset()
    assert eventually(lambda: connect(one, other.addr) == 0)


def test_T13_limit_of_the_server(serve, tcp):
    server = serve(TIMED | {"tcp_connections": 2})
    one, two, far = tcp.control(server), tcp.control(server), tcp.peer()
    connected(one, far.addr)
    connected(two, far.addr)
    assert connect(one, tcp.peer().addr) == 508
    assert two.permit(far.addr) == 0
    assert far.connect(two.relayed[0]).ended()
    assert one.refresh(0).code == 0
    connected(two, tcp.peer().addr)


@pytest.mark.over("udp", "dtls")
def test_T15_over_datagrams(server, client):
    one = client(server)
    for number in (u32(0), *BOTH):
        assert one.code(CONNECTION_BIND, [(CONNECTION_ID, number)]) == 400
    one.allocate()
    for number in BOTH:
        assert one.code(CONNECTION_BIND, [(CONNECTION_ID, number)]) == 400


def test_T15_missing_or_broken_id(server, tcp):
    one, far = tcp.control(server), tcp.peer()
    number = connected(one, far.addr)
    data = tcp.opened(one, number)
    assert data.code(CONNECTION_BIND) == 400
    for bad in (b"", number[:3], number + b"\0", number * 2):
        assert data.code(CONNECTION_BIND, [(CONNECTION_ID, bad)]) == 400
    assert data.code(CONNECTION_BIND, [(CONNECTION_ID, number)]) == 0
    assert passes(data.link, far.accept())


def test_T15_guessed_ids(server, tcp):
    """Every bit counts, those that lead to other workers too; a wrong guess does no harm."""
    one, far = tcp.control(server), tcp.peer()
    number = connected(one, far.addr)
    value = int.from_bytes(number, "big")
    for guess in [0, 0xFFFFFFFF, *(value ^ 1 << bit for bit in range(32))]:
        assert tcp.bind_code(one, u32(guess)) == 400, hex(guess)
    assert passes(tcp.join(one, number), far.accept())


def test_T15_in_one_write(server, tcp):
    """Binds that fail, here and at other workers, are messages among others until one succeeds."""
    one = tcp.control(server)
    for _ in range(8):
        far = tcp.peer()
        number = connected(one, far.addr)
        value = int.from_bytes(number, "big")
        wrong = [u32(value ^ 1 << bit) for bit in (20, 26, 31)]
        data, end = tcp.opened(one, number), far.accept()
        asks = [data.signed(CONNECTION_BIND, [(CONNECTION_ID, n)]) for n in (*wrong, number)]
        asks[2:2] = [build(REQUEST, BINDING, [BIG]) for _ in range(50)]
        data.send(b"".join(asks) + b"tail" * 2000)
        codes = [data.wait(raw[8:20]).code for raw in asks]
        assert codes == [400] * 2 + [0] * 50 + [400, 0]
        assert take(end, 8000) == b"tail" * 2000 and passes(data.link, end)
        end.close()
        data.link.close()


def test_T15_unknown_attribute(server, tcp):
    """420 comes after the proof, and signed, whichever worker the id leads to."""
    data = tcp.opened(tcp.control(server), NOBODY)
    for creds, code in ((ALICE, 420), (Credentials("alice", "wrong"), 401)):
        data.creds = creds
        for number in BOTH:
            assert data.code(CONNECTION_BIND, [(0x7FFF, b""), (CONNECTION_ID, number)]) == code


def test_T15_twice(server, tcp):
    """Neither while it is bound nor when it has ended."""
    one, far = tcp.control(server), tcp.peer()
    number = connected(one, far.addr)
    near, end = tcp.join(one, number), far.accept()
    assert tcp.bind_code(one, number) == 400
    assert passes(near, end)
    near.close()
    assert end.ended()
    assert tcp.bind_code(one, number) == 400


def test_T15_at_the_same_time(server, tcp):
    """Many bind one id at once: exactly one of them gets the peer."""
    one = tcp.control(server)
    for _ in range(6):
        far = tcp.peer()
        number = connected(one, far.addr)
        rivals = [tcp.opened(one, number) for _ in range(6)]
        asks = [data.signed(CONNECTION_BIND, [(CONNECTION_ID, number)]) for data in rivals]
        for data, raw in zip(rivals, asks):
            data.send(raw)
        codes = [data.wait(raw[8:20]).code for data, raw in zip(rivals, asks)]
        assert sorted(codes) == [0, 400, 400, 400, 400, 400]
        near = rivals[codes.index(0)].link
        assert passes(near, far.accept())
        near.reset()


def test_T15_the_end_comes_first(server, tcp):
    """The allocation, the peer or the client goes while the bind is under way."""
    for turn in range(12):
        one, far = tcp.control(server), tcp.peer()
        number = connected(one, far.addr)
        data, end = tcp.opened(one, number), far.accept()
        raw = data.signed(CONNECTION_BIND, [(CONNECTION_ID, number)])
        gone = one.signed(REFRESH, [(LIFETIME, u32(0))])
        data.send(raw + b"too late" * 1000)
        if turn % 3 == 0:
            one.send(gone)
        (data.link, end, one.link)[turn % 3].reset()
        data.link.closed = one.link.closed = True
    assert passes(*tcp.outgoing(tcp.control(server), tcp.peer()))


def test_T15_on_a_control_connection(server, tcp):
    one, two, far = tcp.control(server), tcp.control(server), tcp.peer()
    number = connected(one, far.addr)
    for control in (one, two):
        for wanted in (number, *BOTH):
            assert control.code(CONNECTION_BIND, [(CONNECTION_ID, wanted)]) == 400
    assert passes(tcp.join(one, number), far.accept())


def test_T16_another_user(server, tcp):
    one, far = tcp.control(server), tcp.peer()
    number = connected(one, far.addr)
    for _ in range(6):  # arriving at either worker
        assert tcp.bind_code(one, number, BOB) == 441
        assert tcp.bind_code(one, number, Credentials("alice", "wrong")) == 401
        assert tcp.bind_code(one, number, Credentials("nobody", ALICE.password)) == 401
    end = far.accept()
    end.send(b"for alice")
    near = tcp.join(one, number)
    assert take(near, 9) == b"for alice" and passes(near, end)


@pytest.mark.parametrize("mode", ["5389", "8489"])
def test_T16_either_algorithm(server, tcp, mode):
    one = tcp.control(server, mode=mode)
    for _ in range(3):
        for way in ("connect", "accept"):
            assert passes(*tcp.pair(one, tcp.peer(), way))


def test_T16_credential_that_expires_meanwhile(own, tcp):
    """As long as the allocation lives the name is good, on the data connections too."""
    server = own(ON)
    for way in ("connect", "accept") * 4:
        one = tcp.control(server, timed(server, ttl=100))
        server.advance(110)
        assert passes(*tcp.pair(one, tcp.peer(), way))
        assert tcp.bind_code(one, NOBODY) in (400, 401)


def test_T16_secret_that_is_retired_meanwhile(own, tcp):
    """The same for a name whose secret is gone, wherever the data connection arrives."""
    server = own(ON, secrets=[("old", 0, 0, SECRET)])
    controls = [tcp.control(server, timed(server)) for _ in range(8)]
    server.write_secrets([("new", 0, 0, SECRET[::-1])])
    server.reload()
    for one in controls:
        assert one.refresh().code == 0
        assert passes(*tcp.pair(one, tcp.peer(), "connect"))


def test_many_strangers(own, tcp):
    """Peers that knock without permission cost nothing that stays."""
    server, far = own(ON), tcp.peer()
    one = tcp.control(server)
    files = server.descriptors()
    for _ in range(20):
        ends = [far.connect(one.relayed[0]) for _ in range(20)]
        assert all(end.ended() for end in ends)
    assert one.silent()
    assert eventually(lambda: server.descriptors() <= files)


def test_the_server_stops(own, tcp):
    """Whatever state its connections are in, it ends at once and in order."""
    server = own(ON)
    one = tcp.control(server)
    links = [tcp.pair(one, tcp.peer(), way) for way in ("connect", "accept") * 3]
    number, end = tcp.incoming(one, tcp.peer())
    tcp.opened(one, number)
    begin(one, tcp.peer(backlog=0).fill().addr)
    one.barrier()
    server.stop()
    assert end.ended() and all(link.ended() for pair in links for link in pair)
    one.link.closed = True


def hairpin(tcp, server, external=None):
    """Two clients of this server, relayed to each other, both from one side's Connect."""
    one, two = tcp.control(server), tcp.control(server, BOB)
    if external and tcp.version == "4":
        assert one.relayed[0][0] == two.relayed[0][0] == external
    assert two.permit(one.relayed[0]) == 0
    number = connected(one, two.relayed[0])
    who, other = attempt(two)
    assert who == one.relayed[0]
    assert passes(tcp.join(one, number), tcp.join(two, other))


def test_relay_to_relay(serve, tcp):
    """Also where no other peer of this host is allowed; over two workers."""
    for server in (serve(ON), serve(ON | {"allow_peers": []})):
        for _ in range(6):
            hairpin(tcp, server)


def test_relay_to_relay_by_announced_addresses(serve, tcp):
    server = serve(ON | {"external_ipv4": "198.51.100.7", "allow_peers": []})
    for _ in range(4):
        hairpin(tcp, server, "198.51.100.7")


def test_relay_to_relay_needs_permission(server, tcp):
    """The other allocation answers strangers as always: opened, then closed."""
    one, two = tcp.control(server), tcp.control(server, BOB)
    code = connect(one, two.relayed[0])
    assert code in (0, 447) and two.silent()
    one.inbox.clear()
    assert one.refresh().code == 0


def test_relay_to_itself(server, tcp):
    """Odd, and it must do no harm."""
    one = tcp.control(server)
    assert one.permit(one.relayed[0]) == 0
    begin(one, one.relayed[0])
    one.barrier()
    assert passes(*tcp.outgoing(tcp.control(server), tcp.peer()))
