"""TCP allocations (RFC 6062): Allocate and Connect; rows T1 to T10."""

import contextlib
import socket

import pytest
from client import BIG, DUAL, TCP, UDP, V6_RELAY, Peer
from stun import (
    ALLOCATE, CONNECT, CONNECTION_BIND, CONNECTION_ID, DONT_FRAGMENT, EVEN_PORT, FINGERPRINT,
    LIFETIME, MESSAGE_INTEGRITY, REQUESTED_TRANSPORT, RESERVATION_TOKEN, XOR_MAPPED_ADDRESS,
    XOR_PEER_ADDRESS, XOR_RELAYED_ADDRESS, new_tid, u8pad, u32, xor_address)
from support.netns import capture, frames, sink
from support.server import free_ports
from tcp_relay import (
    ELSEWHERE, FAMILY, NOBODY, ON, PEERS, TIMED, attempt, begin, connect, connected, eventually,
    passes)
from test_deny_table import TABLE, samples

pytestmark = pytest.mark.over("tcp", "tls")


@pytest.fixture
def server(serve):
    return serve(ON)


def refuses(relayed):
    """Whether nothing listens there."""
    family = socket.AF_INET6 if ":" in relayed[0] else socket.AF_INET
    with socket.socket(family) as sock:
        return sock.connect_ex(relayed) != 0


@contextlib.contextmanager
def closed_port(host):
    """An address where nobody listens, and nobody will."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        sock.bind((host, 0))
        yield sock.getsockname()[:2]


@pytest.mark.over("tcp", "tls", "udp", "dtls")
def test_T01_off_by_default(main, client):
    """Neither the transport nor its methods are there."""
    one = client(main)
    assert one.code(ALLOCATE, [TCP]) == 442
    one.allocate()
    for method in (CONNECT, CONNECTION_BIND):
        one.send(one.signed(method, [(CONNECTION_ID, NOBODY)]))
    assert one.silent()


def test_T01_other_transports(server, client):
    one = client(server)
    for number in (0, 1, 5, 7, 16, 18, 132, 255):
        assert one.code(ALLOCATE, [(REQUESTED_TRANSPORT, u8pad(number))]) == 442
    one.allocate()
    assert client(server).code(ALLOCATE, [(REQUESTED_TRANSPORT, u8pad(6, b"\xFF" * 3))]) == 0


def test_T01_form_of_success(server, client, via):
    one = client(server)
    msg = one.request(ALLOCATE, [TCP, FAMILY[via[-1]], (LIFETIME, u32(900))])
    assert sorted(msg.kinds()) == sorted(
        [XOR_RELAYED_ADDRESS, LIFETIME, XOR_MAPPED_ADDRESS, MESSAGE_INTEGRITY])
    assert msg.address(XOR_MAPPED_ADDRESS) == one.addr and msg.number(LIFETIME) == 900
    assert msg.address(XOR_RELAYED_ADDRESS)[1] in server.relay_ports


def test_T01_quota(serve, client):
    server = serve(TIMED | {"allocations_per_account": 1})
    one, two = client(server), client(server)
    one.allocate(transport=TCP)
    assert two.code(ALLOCATE, [TCP]) == two.code(ALLOCATE, [UDP]) == 486
    assert one.refresh(0).code == 0
    two.allocate(transport=TCP)


@pytest.mark.over("udp", "dtls")
def test_T02_clients_of_datagrams(server, client):
    one = client(server)
    assert one.code(ALLOCATE, [TCP]) == 400
    assert one.code(ALLOCATE, [TCP, DUAL]) == 400
    one.allocate()


@pytest.mark.parametrize("other", [
    (EVEN_PORT, b"\x00"), (EVEN_PORT, b"\x80"), (DONT_FRAGMENT, b""),
    (RESERVATION_TOKEN, b"\1\2\3\4\5\6\7\x08")], ids=["even", "pair", "df", "token"])
def test_T03_excluded_attributes(server, client, other):
    one = client(server)
    assert one.code(ALLOCATE, [TCP, other]) == 400
    assert one.code(ALLOCATE, [other, TCP]) == 400
    msg = one.request(ALLOCATE, [TCP])
    assert msg.code == 0 and msg.get(RESERVATION_TOKEN) is None


def test_T03_tokens_are_for_udp(server, client):
    one, two = client(server), client(server)
    msg = one.request(ALLOCATE, [UDP, (EVEN_PORT, b"\x80")])
    token = (RESERVATION_TOKEN, msg.get(RESERVATION_TOKEN))
    assert two.code(ALLOCATE, [TCP, token]) == 400
    two.allocate(token)


def test_T04_listens_while_it_lives(server, tcp):
    one, far = tcp.control(server), tcp.peer()
    far.connect(one.relayed[0])
    one.barrier()
    assert one.refresh(0).code == 0
    assert refuses(one.relayed[0])
    one.relayed.clear()
    assert connect(one, far.addr) == 437


def test_T04_both_families(server, client, tcp):
    one, four, six = client(server), tcp.peer(PEERS["4"]), tcp.peer(PEERS["6"])
    one.allocate(DUAL, transport=TCP)
    for relayed, far in zip(sorted(one.relayed), (four, six)):
        assert one.permit(far.addr) == 0
        end = far.connect(relayed)
        who, number = attempt(one)
        assert who == end.addr
        assert passes(tcp.join(one, number), end)
        connected(one, far.addr)
        assert far.accept().far == relayed


@pytest.mark.over("tcp4", "tls6")
def test_T04_ports_of_other_programs(serve, client, tcp):
    """A port that someone else listens on is passed over, and given back when it is free."""
    first = free_ports(2)
    one = client(serve(TIMED | {"relay_ports": f"{first}-{first + 1}"}))
    with socket.create_server((one.host, first), family=one.sock.family):
        for _ in range(4):
            one.allocate(FAMILY[tcp.version], transport=TCP)
            assert one.relayed[0][1] == first + 1
            assert one.refresh(0).code == 0
    two = client(one.server)
    ports = {c.allocate(FAMILY[tcp.version], transport=TCP)[1] for c in (one, two)}
    assert ports == {first, first + 1}
    assert client(one.server).code(ALLOCATE, [TCP, FAMILY[tcp.version]]) == 508


def test_T04_udp_relays_do_not_listen(server, client):
    one, two = client(server), client(server)
    assert refuses(one.allocate()) and refuses(two.allocate(V6_RELAY))


def test_T04_tcp_relays_take_no_datagrams(server, tcp):
    """The same port of UDP is nobody's: nothing of it reaches the client."""
    one = tcp.control(server)
    with contextlib.closing(Peer(PEERS[tcp.version])) as other:
        assert one.permit(other.addr) == 0
        other.send(b"a datagram", one.relayed[0])
        assert one.silent()
        one.indicate(other.addr, b"by Send")
        assert one.silent() and other.pending() == []


def test_T04_no_channels(server, tcp):
    one, far = tcp.control(server), tcp.peer()
    for peer in (far.addr, ELSEWHERE[tcp.version]):
        assert one.bind(0x4000, peer) == 403
    connected(one, far.addr)  # ChannelBind did no harm


@pytest.mark.over("udp", "tcp", "tls", "dtls")
def test_T05_no_allocation(server, client, via):
    one, peer = client(server), (PEERS[via[-1]], 9)
    assert connect(one, peer) == 437
    assert one.ask(CONNECT, [BIG]).code == 401
    one.allocate(FAMILY[via[-1]])
    assert connect(one, peer) == 400  # its relay is not TCP


def test_T06_while_connecting(server, tcp):
    one, far, other = tcp.control(server), tcp.peer(backlog=0).fill(), tcp.peer()
    begin(one, far.addr)
    assert connect(one, far.addr) == 446
    assert connect(one, far.addr) == 446
    assert connect(one, other.addr) == 0
    # Somebody else's allocation has nothing to do with it.
    assert connect(tcp.control(server), other.addr) == 0


@pytest.mark.parametrize("way", ["connect", "accept"])
def test_T06_while_pending_and_active(server, tcp, way):
    one, far = tcp.control(server), tcp.peer()
    if way == "connect":
        number = connected(one, far.addr)
        end = far.accept()
        who = far.addr
    else:
        number, end = tcp.incoming(one, far)
        who = end.addr
    assert connect(one, who) == 446
    near = tcp.join(one, number)
    assert connect(one, who) == 446
    assert passes(near, end)
    end.close()
    assert near.ended()
    near.close()
    assert eventually(lambda: connect(one, who) == (0 if way == "connect" else 447))


def test_T07_broken_peers(server, tcp):
    one, far = tcp.control(server), tcp.peer()
    tid = new_tid()
    good = xor_address(far.addr, tid)
    assert one.code(CONNECT) == 400
    for bad in (good[:7], good[:4], b"", good[:1] + b"\3" + good[2:], good + bytes(4), good * 2):
        assert one.request(CONNECT, [(XOR_PEER_ADDRESS, bad)], tid).code == 400
    assert one.request(CONNECT, [(XOR_PEER_ADDRESS, good)], tid).code == 0


def test_T07_other_family(server, tcp):
    one = tcp.control(server)
    assert connect(one, (PEERS["6" if tcp.version == "4" else "4"], 9)) == 443


def test_T07_forbidden_peers(serve, tcp):
    """The whole table, own listeners, and ports that are closed; nothing of it is attempted."""
    server = serve(ON | {"allow_peers": []})
    one, far = tcp.control(server), tcp.peer()
    assert connect(one, far.addr) == 403
    assert connect(one, (one.relayed[0][0], 9)) == 403
    for net in (n for n, _ in TABLE if str(n.version) == tcp.version):
        for host in samples(net):
            assert connect(one, (host, 9)) == 403, host
    far.listener.settimeout(0.2)
    with pytest.raises(TimeoutError):
        far.listener.accept()


def test_T07_own_listeners_and_closed_ports(serve, tcp):
    server, far = serve(ON), tcp.peer()
    one = tcp.control(server)
    assert connect(one, one.to) == 403
    closed = serve(ON | {"deny_peer_ports": [f"{far.addr[1]}-{far.addr[1]}"]})
    two, other = tcp.control(closed), tcp.peer()
    assert two.permit(far.addr) == 0
    assert connect(two, far.addr) == 403
    assert connect(two, other.addr) == 0


def test_T08_local_end(server, tcp):
    """Each peer of an allocation sees the relayed address; no permission is needed."""
    one, peers = tcp.control(server), [tcp.peer() for _ in range(4)]
    for far in peers:
        connected(one, far.addr)
        assert far.accept().far == one.relayed[0]


def test_T08_no_permission_comes_of_it(server, tcp):
    one, far = tcp.control(server), tcp.peer()
    connected(one, far.addr)
    assert far.connect(one.relayed[0]).ended()
    assert one.silent()


def test_T09_refused(server, tcp):
    """The peer answers with RST; then it is free to be tried again, and the allocation lives."""
    one = tcp.control(server)
    with closed_port(PEERS[tcp.version]) as nobody:
        for _ in range(20):  # more than an allocation may have at a time
            assert connect(one, nobody) == 447
    assert one.refresh().code == 0
    connected(one, tcp.peer().addr)


@pytest.mark.over("tcp4", "tls6")
def test_T09_silent_peer(serve, tcp):
    """29 seconds are not enough to give up, 31 are; everything else is answered meanwhile."""
    server = serve(TIMED)
    one, far, other = tcp.control(server), tcp.peer(backlog=0).fill(), tcp.peer()
    tid = begin(one, far.addr)
    one.barrier()
    server.advance(29)
    assert one.silent()
    assert passes(*tcp.outgoing(one, other))
    server.advance(2)
    msg = one.wait(tid)
    assert msg.code == 447 and msg.verify(one.kind, one.key)
    tid = begin(one, far.addr)  # not 446
    assert one.silent()
    server.advance(31)
    assert one.wait(tid).code == 447


@pytest.mark.over("tcp", "tls4")
def test_T09_black_hole(own, tcp, netns):
    """A network that swallows everything: SYNs of the relayed address, then none."""
    ns = netns()
    sink(ns, "d0", "192.0.43.8/24", "2a00:1450:4001::1/64")
    ns.ip("route", "add", "default", "dev", "d0")
    ns.ip("-6", "route", "add", "default", "dev", "d0")
    server = own(TIMED | {"relay_ipv4": "192.0.43.8", "relay_ipv6": "2a00:1450:4001::1"}, netns=ns)
    one = tcp.control(server, netns=ns)
    peer = (ELSEWHERE[tcp.version][0], 4433)
    with contextlib.closing(capture(ns)) as sock:
        tid = begin(one, peer)
        one.barrier()
        server.advance(29)
        assert one.silent()
        server.advance(2)
        assert one.wait(tid).code == 447
        at = 54 if tcp.version == "6" else 34
        local = one.relayed[0][1].to_bytes(2, "big") + peer[1].to_bytes(2, "big")
        assert any(f[at:at + 4] == local for f in frames(sock))


@pytest.mark.over("tcp4")
def test_T09_slow_peer(server, tcp):
    """The first SYN is lost, the kernel's next one is not."""
    one, far = tcp.control(server), tcp.peer(backlog=0).fill()
    tid = begin(one, far.addr)
    one.barrier()
    far.drain()
    msg = one.wait(tid, 10)
    assert msg.code == 0
    assert passes(tcp.join(one, msg.get(CONNECTION_ID)), far.accept())


def test_T09_end_of_the_allocation_meanwhile(server, tcp):
    """Whoever waits is told nothing wrong, and the next allocation is untouched by it."""
    one, far, other = tcp.control(server), tcp.peer(backlog=0).fill(), tcp.peer()
    tid = begin(one, far.addr)
    assert one.refresh(0).code == 0
    one.allocate(FAMILY[tcp.version], transport=TCP)
    connected(one, other.addr)
    one.barrier()
    assert not one.inbox
    msg = one.wait(tid, 0.1)
    assert msg is None or msg.code == 447


@pytest.mark.over("tcp4", "tls6")
def test_T09_end_of_the_client_meanwhile(server, tcp):
    one, far = tcp.control(server), tcp.peer(backlog=0).fill()
    begin(one, far.addr)
    one.barrier()
    one.link.reset()
    one.link.closed = True
    assert eventually(lambda: refuses(one.relayed[0]))
    connected(tcp.control(server), tcp.peer().addr)


def test_T10_ids_are_unique(server, tcp):
    seen = []
    for _ in range(3):
        one, peers = tcp.control(server), [tcp.peer() for _ in range(10)]
        seen += [connected(one, far.addr) for far in peers]
        assert one.refresh(0).code == 0
    assert len(set(seen)) == 30 and u32(0) not in seen


@pytest.mark.parametrize("mode", ["5389", "8489"])
def test_T10_how_the_answer_is_signed(server, tcp, mode):
    """As the request was, although it comes later; FINGERPRINT if the request had one."""
    one, far = tcp.control(server, mode=mode), tcp.peer()
    for fingerprint in (True, False):
        for peer, code in ((tcp.peer().addr, 0), ((far.host, 9), 447)):
            tid = new_tid()
            attrs = [(XOR_PEER_ADDRESS, xor_address(peer, tid))]
            msg = one.request(CONNECT, attrs, tid, fingerprint)
            assert msg.code == code
            assert (FINGERPRINT in msg.kinds()) == fingerprint
    assert passes(*tcp.outgoing(one, far))
